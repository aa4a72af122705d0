//! Texts with what is known to stand in them.

use crate::diag::Diagnostic;
use crate::policy::Direction;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::io::{self, BufRead};

/// What is known of one text; other fields are ignored.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Sample {
    #[serde(default)]
    pub(super) id: serde_json::Value,
    pub(super) text: String,
    #[serde(default)]
    pub(super) spans: Vec<Gold>,
    /// The types that were looked for; without it those of its own spans.
    pub(super) labelled: Option<BTreeSet<String>>,
    #[serde(default)]
    pub(super) lang: String,
    #[serde(default)]
    pub(super) kind: String,
    /// How a value is disguised.
    #[serde(default)]
    pub(super) form: String,
    /// Of a text without spans: whether something is in it (1) or not (0).
    pub(super) label: Option<u8>,
    #[serde(default)]
    pub(super) direction: Option<String>,
}

/// What stands at a place, in code points.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Gold {
    pub(super) start: usize,
    pub(super) end: usize,
    #[serde(rename = "type")]
    pub(super) kind: String,
}

impl Sample {
    /// The types of which every one that stands in the text is known.
    pub(super) fn types(&self) -> BTreeSet<&str> {
        match &self.labelled {
            Some(types) => types.iter().map(String::as_str).collect(),
            None => self.spans.iter().map(|gold| gold.kind.as_str()).collect(),
        }
    }

    pub(super) fn direction(&self) -> Direction {
        let named = |direction: &Direction| Some(direction.as_str()) == self.direction.as_deref();
        Direction::ALL.into_iter().find(named).unwrap_or(Direction::Prompt)
    }
}

/// Reads lines; a bad one ends it with a message that names file and line and none of the text.
pub(super) fn read(
    name: &str,
    input: impl BufRead,
    mut each: impl FnMut(Sample) -> io::Result<()>,
) -> io::Result<Result<(), Diagnostic>> {
    for (number, line) in (1..).zip(input.lines()) {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let bad = |what: String| Ok(Err(Diagnostic::error("bad-line", format!("{name}:{number}: {what}"))));
        let read: Sample = match serde_json::from_str(&line) {
            Ok(read) => read,
            Err(error) => {
                let what = error.to_string();
                let what = what.split(" at line ").next().unwrap_or_default();
                // What was found instead may be user text.
                let what = if what.starts_with("invalid") { "a field has the wrong type" } else { what };
                return bad(format!(
                    "{what}; a line is `{{\"text\": .., \"spans\": [{{\"start\", \"end\", \"type\"}}]}}`"
                ));
            }
        };
        let length = read.text.chars().count();
        if let Some(gold) = read.spans.iter().find(|gold| gold.start >= gold.end || gold.end > length) {
            return bad(format!(
                "a span from {} to {} is not within the text's {length} code points",
                gold.start, gold.end
            ));
        }
        each(read)?;
    }
    Ok(Ok(()))
}
