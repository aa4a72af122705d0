//! The models that ship, compiled in. Each is read when a rule first asks for it.

use super::model::Model;
use std::sync::{Arc, LazyLock};

type Shipped = LazyLock<Option<Arc<Model>>>;

static HARM: Shipped =
    LazyLock::new(|| Model::read(include_bytes!("../../../filters/models/harm.model")).ok().map(Arc::new));
static INJECTION: Shipped = LazyLock::new(|| {
    Model::read(include_bytes!("../../../filters/models/injection.model")).ok().map(Arc::new)
});

/// Their names.
pub fn names() -> &'static [&'static str] {
    &["harm", "injection"]
}

/// A model by its name.
pub fn model(name: &str) -> Option<&'static Arc<Model>> {
    match name {
        "harm" => HARM.as_ref(),
        "injection" => INJECTION.as_ref(),
        _ => None,
    }
}
