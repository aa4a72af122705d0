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

    /// A card says of which weights it is and by which recipe they are made, and the recipe is there.
    #[test]
    fn cards_are_those_of_the_models() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        for name in ["harm", "injection", "names"] {
            let file = std::fs::read(root.join(format!("filters/models/{name}.model"))).expect("a model");
            let card =
                std::fs::read_to_string(root.join(format!("filters/models/{name}.md"))).expect("a card");
            let head = file.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let head: serde_json::Value = serde_json::from_slice(head).expect("a first line");
            assert!(head["sha256"].as_str().is_some_and(|hash| card.contains(hash)), "{name}: another hash");
            assert!(card.contains(&format!("`train/{name}.toml`")), "{name}: another recipe");
            assert!(root.join(format!("train/{name}.toml")).is_file());
        }
    }
}
