//! The models that ship, compiled in. Each is read when a rule first asks for it, and its weights when something is judged by
//! them or a policy that asks it comes into force.

use super::model::Model;
use std::sync::{Arc, LazyLock};

type Shipped = LazyLock<Option<Arc<Model>>>;

static HARM: Shipped =
    LazyLock::new(|| Model::shipped(include_bytes!("../../../filters/models/harm.model")).ok().map(Arc::new));
static INJECTION: Shipped = LazyLock::new(|| {
    Model::shipped(include_bytes!("../../../filters/models/injection.model")).ok().map(Arc::new)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ships_is_whole() {
        for file in [
            &include_bytes!("../../../filters/models/harm.model")[..],
            include_bytes!("../../../filters/models/injection.model"),
        ] {
            assert!(Model::read(file).is_ok());
        }
        assert!(names().iter().all(|name| model(name).is_some_and(|model| model.name() == *name)));
    }
}
