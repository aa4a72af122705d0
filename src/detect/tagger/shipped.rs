//! The taggers that ship, compiled in. What one says of itself is read when a rule first asks for it, its weights when a policy that asks it
//! comes into force.

use super::model::Tagger;
use std::sync::{Arc, LazyLock};

static NAMES: LazyLock<Option<Arc<Tagger>>> = LazyLock::new(|| {
    Tagger::shipped(include_bytes!("../../../filters/models/names.model")).ok().map(Arc::new)
});

/// Their names.
pub fn names() -> &'static [&'static str] {
    &["names"]
}

/// A tagger by its name.
pub fn tagger(name: &str) -> Option<&'static Arc<Tagger>> {
    match name {
        "names" => NAMES.as_ref(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ships_is_whole() {
        assert!(Tagger::read(include_bytes!("../../../filters/models/names.model")).is_ok());
        assert!(names().iter().all(|name| tagger(name).is_some_and(|tagger| tagger.name() == *name)));
    }
}
