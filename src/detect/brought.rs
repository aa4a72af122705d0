//! Models that operators bring: files that `sluicegate train` made of their own texts, beside those that ship.

use super::classify::{Model, NoModel};
use super::model_file;
use super::tagger::{NoTagger, Tagger};
use std::fmt;
use std::sync::Arc;

/// A model that is no part of the program.
///
/// It is known by the hash of its file: two of one hash are one.
#[derive(Clone)]
pub struct Brought {
    hash: Arc<str>,
    bytes: usize,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Judge(Arc<Model>),
    Tagger(Arc<Tagger>),
}

/// Why a file is no model that can be used.
#[derive(Debug, thiserror::Error)]
pub enum NotBrought {
    /// It is none that judges texts.
    #[error(transparent)]
    Model(#[from] NoModel),
    /// It says that it is a tagger, and is none.
    #[error(transparent)]
    Tagger(#[from] NoTagger),
    /// Its name, or a class's, cannot stand in a rule or a record.
    #[error(
        "it has a name or a class `{0}`; expected at most {MOST_NAME} letters, digits, `_`, `-` and `.`, each class another"
    )]
    Name(String),
}

/// The longest name of a model or a class, in characters.
const MOST_NAME: usize = 64;

impl Brought {
    /// The largest file that is read, in bytes: 20 MB. Unpacked it takes at most 64 MiB.
    pub const LARGEST: u64 = 20_000_000;

    /// Reads a file, the hash of which is this: of the whole file, so that other thresholds make another model.
    ///
    /// # Errors
    /// It is damaged, of a later format, or no model at all.
    pub fn read(file: &[u8], hash: &str) -> Result<Self, NotBrought> {
        let kind = if model_file::is_tagger(file) {
            Kind::Tagger(Arc::new(Tagger::read(file)?))
        } else {
            Kind::Judge(Arc::new(Model::read(file)?))
        };
        let own = Self { hash: hash.into(), bytes: file.len(), kind };
        let classes = own.classes();
        let is_second = |n: usize| classes.iter().take(n).any(|other| Some(other) == classes.get(n));
        let names = std::iter::once((own.name(), false));
        let mut names =
            names.chain(classes.iter().enumerate().map(|(n, class)| (class.as_str(), is_second(n))));
        if let Some((unfit, _)) = names.find(|(name, twice)| *twice || !Self::is_name(name)) {
            let shown: String = unfit.chars().take(MOST_NAME).flat_map(char::escape_debug).collect();
            return Err(NotBrought::Name(shown));
        }
        Ok(own)
    }

    /// Whether a model or a class can be called so: names stand in scores (`fraud/refund`), in records and in what people read.
    pub fn is_name(name: &str) -> bool {
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        (1..=MOST_NAME).contains(&name.chars().count()) && name.chars().all(fits)
    }

    /// What it calls itself.
    pub fn name(&self) -> &str {
        match &self.kind {
            Kind::Judge(model) => model.name(),
            Kind::Tagger(tagger) => tagger.name(),
        }
    }

    /// A date or number, for people.
    pub fn version(&self) -> &str {
        match &self.kind {
            Kind::Judge(model) => &model.head().version,
            Kind::Tagger(tagger) => &tagger.head().version,
        }
    }

    /// Its classes, or the types of what it finds.
    pub fn classes(&self) -> &[String] {
        match &self.kind {
            Kind::Judge(model) => model.classes(),
            Kind::Tagger(tagger) => tagger.types(),
        }
    }

    /// The hash of its file.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// How large its file is, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// It, where it judges texts.
    pub fn judge(&self) -> Option<&Arc<Model>> {
        match &self.kind {
            Kind::Judge(model) => Some(model),
            Kind::Tagger(_) => None,
        }
    }

    /// It, where it finds places in texts.
    pub fn tagger(&self) -> Option<&Arc<Tagger>> {
        match &self.kind {
            Kind::Judge(_) => None,
            Kind::Tagger(tagger) => Some(tagger),
        }
    }
}

impl fmt::Debug for Brought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Brought({} {})", self.name(), self.hash)
    }
}

impl PartialEq for Brought {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for Brought {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::classify::{LANES, Lesson, Plan, Reading, Settings, learn};
    use proptest::prelude::*;
    use serde_json::Value;
    use std::sync::LazyLock;

    /// A small model's first line, and its packed weights.
    static SMALL: LazyLock<(Value, Vec<u8>)> = LazyLock::new(|| {
        let lesson = |n: usize| {
            let mut targets = [-1; LANES];
            targets[0] = i8::from(n.is_multiple_of(2));
            let text = format!("{} the {n} door", if n.is_multiple_of(2) { "break" } else { "mend" });
            Lesson { kin: n as u32, text, targets, weight: 1.0, benign: true }
        };
        let lessons: Vec<Lesson> = (0..200).map(lesson).collect();
        let settings = Settings { bits: 8, classes: 1, epochs: 2, rate: 0.2, decay: 0.0, prior: 0.0 };
        let plan = Plan {
            name: "small".to_owned(),
            version: "1".to_owned(),
            classes: vec!["bad".to_owned()],
            settings,
            folds: 2,
            part: [1.0; 3],
        };
        let file = learn(&lessons, &plan, |_, _, _| {}).expect("it learns").file;
        let line = file.iter().position(|byte| *byte == b'\n').expect("a first line");
        let (head, packed) = file.split_at(line);
        (serde_json::from_slice(head).expect("JSON"), packed.get(1..).unwrap_or_default().to_vec())
    });

    fn file(head: &Value) -> Vec<u8> {
        [head.to_string().as_bytes(), b"\n", &SMALL.1].concat()
    }

    /// All values within a value, to be changed by number.
    fn count(value: &Value) -> usize {
        1 + match value {
            Value::Array(all) => all.iter().map(count).sum(),
            Value::Object(all) => all.values().map(count).sum(),
            _ => 0,
        }
    }

    fn replace(value: &mut Value, at: &mut usize, with: &Value) {
        if *at == 0 {
            value.clone_from(with);
        }
        *at = at.wrapping_sub(1);
        match value {
            Value::Array(all) => all.iter_mut().for_each(|one| replace(one, at, with)),
            Value::Object(all) => all.values_mut().for_each(|one| replace(one, at, with)),
            _ => {}
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<f64>().prop_map(Value::from),
            prop::sample::select(vec![1e39, -1e39, 1e300, 1e7, -1e7, 0.0, -0.0, 1e-40, 22.0, 23.0, 64.0])
                .prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,80}".prop_map(Value::from),
            Just(Value::Null),
            Just(serde_json::json!([])),
            Just(serde_json::json!(["a", "a"])),
            Just(serde_json::json!([[0.5, 0.5]])),
        ]
    }

    proptest! {
        /// Whatever a first line says, a file is refused with a reason, or it is a model whose scores are scores.
        #[test]
        fn a_first_line_of_anything_is_refused_or_judges(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any_value()), 1..4),
            text in "\\PC{0,60}",
        ) {
            let mut head = SMALL.0.clone();
            for (at, with) in changes {
                let mut at = at.index(count(&head));
                replace(&mut head, &mut at, &with);
            }
            match Brought::read(&file(&head), "h") {
                Err(why) => prop_assert!(why.to_string().len() < 600, "{why}"),
                Ok(brought) => {
                    let model = brought.judge().expect("it is no tagger");
                    let mut reading = Reading::new(std::slice::from_ref(model));
                    reading.push(text.as_bytes()).for_each(drop);
                    reading.finish().for_each(drop);
                    for (name, score) in reading.named(true) {
                        prop_assert!((0.0..=1.0).contains(&score), "{name} {score}");
                    }
                }
            }
        }

        /// Any bytes are refused, and what is said of them is short.
        #[test]
        fn other_files_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), opens in any::<bool>()) {
            let bytes = if opens { [b"{", &bytes[..]].concat() } else { bytes };
            let said = Brought::read(&bytes, "h").expect_err("it is none").to_string();
            prop_assert!(said.len() < 600, "{said}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let said = |key: &str, with: Value| {
            let mut head = SMALL.0.clone();
            head[key] = with;
            Brought::read(&file(&head), "h")
                .map(|model| model.name().to_owned())
                .map_err(|why| why.to_string())
        };
        assert_eq!(said("format", 1.into()), Ok("small".to_owned()));
        for (key, with, expected) in [
            ("format", Value::from(2), "is of format 2"),
            ("kind", "embedder".into(), "`kind` is `embedder`"),
            ("name", "two words".into(), "a name or a class `two words`"),
            ("classes", serde_json::json!(["a/b"]), "a name or a class `a/b`"),
            ("classes", serde_json::json!(["a", "b"]), "not of one number"),
            ("scales", serde_json::json!([1e38]), "`scales` has 1e38"),
            ("scales", serde_json::json!([null]), "says something else"),
            ("biases", serde_json::json!([-2e6]), "expected a number from -1000000 to 1000000"),
            ("bits", 9.into(), "another size than its first line says"),
            ("bits", 30.into(), "too large"),
            ("sha256", "00".into(), "whose hash"),
            ("weights", 1.into(), "unknown field `weights`"),
        ] {
            let said = said(key, with).expect_err("it is refused");
            assert!(said.contains(expected), "{key}: {said}");
        }
        for (bytes, expected) in [
            (&b""[..], "it is empty"),
            (b"GGUF\x03\0\0\0", "GGUF"),
            (b"PK\x03\x04....", "PyTorch"),
            (b"\x10\0\0\0\0\0\0\0{\"a\"", "safetensors"),
            (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
            (b"{\"name\":\"small\"", "does not end"),
        ] {
            let said = Brought::read(bytes, "h").expect_err("it is none").to_string();
            assert!(said.contains(expected), "{said}");
        }
    }
}
