//! How many tokens an answer says that it took.

use serde::Serialize;

use crate::text::json::{Kind, Tape};

/// More than any count of tokens; what is more is none.
const MOST: u64 = 1 << 53;

/// How many tokens an exchange took, as the upstream counts them. What it does not say is none. Whatever a dialect counts apart is added up,
/// so that the figures of all mean the same: those of OpenTelemetry's `gen_ai.usage`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Tokens that the model read, those from a cache among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<u64>,
    /// Tokens that the model wrote, its reasoning among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<u64>,
    /// Of `input`, those that came from a cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached: Option<u64>,
    /// Of `input`, those that were put into a cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_written: Option<u64>,
    /// Of `output`, those of reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u64>,
}

impl Usage {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is said later counts for more, so the larger of each counts: figures in a stream are those up to there, and events that have no
    /// figure say 0.
    pub fn raise(&mut self, other: &Self) {
        for (mine, said) in [
            (&mut self.input, other.input),
            (&mut self.output, other.output),
            (&mut self.cached, other.cached),
            (&mut self.cache_written, other.cache_written),
            (&mut self.reasoning, other.reasoning),
        ] {
            *mine = (*mine).max(said);
        }
    }
}

/// An object that holds counts.
pub(super) struct Counts<'a> {
    src: &'a [u8],
    tape: &'a Tape,
    at: usize,
}

impl<'a> Counts<'a> {
    /// The object at the first of these paths that there is.
    pub(super) fn at(src: &'a [u8], tape: &'a Tape, paths: &[&[&str]]) -> Option<Self> {
        let is_object = |at: &usize| tape.node(*at).is_some_and(|node| node.kind == Kind::Object);
        let at = paths.iter().find_map(|path| tape.find(src, path).filter(is_object))?;
        Some(Self { src, tape, at })
    }

    /// The count at the first of these paths that there is.
    pub(super) fn of(&self, paths: &[&[&str]]) -> Option<u64> {
        paths.iter().find_map(|path| {
            let at = path.iter().try_fold(self.at, |at, key| self.tape.get(self.src, at, key))?;
            self.tape.u64_of(self.src, at).filter(|count| *count <= MOST)
        })
    }

    /// The sum of those that there are; none where there is none.
    pub(super) fn sum(&self, names: &[&str]) -> Option<u64> {
        names.iter().filter_map(|name| self.of(&[&[name]])).reduce(u64::saturating_add)
    }
}
