//! Whether what an answer says is supported by what its request carries: retrieved passages, results of tools, documents.
//!
//! A [`Context`] is what the request says, as words, pairs of words, numbers and links. A [`Checker`] reads an answer sentence by sentence and
//! tells what of it the context does not bear: numbers, names, links, and statements of which most words and their order are new. It knows
//! words and no meaning: a paraphrase in other words looks unsupported, and a false statement in the context's own words does not. What
//! it finds is to be looked at, not to be believed.
//!
//! Figures on HaluEval's question answering, which it was not tuned on, are in docs/quality.md.

mod check;
mod context;
mod sentence;
mod words;

pub use check::{Checker, Claim};
pub use context::Context;
pub use sentence::Sentences;
pub(super) use words::{Form, Piece, hash, links, pieces, stem, value, words};

use super::conditions::thousandths;
use super::{Engine, Finding, RuleId, RuleSet, RuleSpec, Scan, TextKind};
use crate::text::TextPos;

/// What of an answer the context does not bear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unsupported {
    /// A sentence of which most is new.
    Statement,
    /// A number of two digits and more.
    Number,
    /// A name: words that begin with a capital letter, not only since a sentence begins with them.
    Name,
    /// An address on the web, or a DOI.
    Link,
}

impl Unsupported {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Statement, Self::Number, Self::Name, Self::Link];

    /// Its word in rules.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Statement => "statement",
            Self::Number => "number",
            Self::Name => "name",
            Self::Link => "link",
        }
    }

    /// The one of this word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

/// How little of a text the context bears, 0 to 1: its statements together, by words and pairs of words, names and numbers. For texts that are
/// judged as a whole; nothing where there is nothing to judge.
pub fn unsupported(context: &Context, text: &str) -> Option<f32> {
    if !context.is_whole() {
        return None;
    }
    let (said, _) = words::words(text);
    check::Weighed::of(context, &said).map(check::Weighed::score)
}

/// An example of a rule that holds answers against their requests: what the request says, a line `---`, the answer.
pub fn example(text: &str) -> Option<(&str, &str)> {
    text.split_once("\n---\n")
}

/// What these rules find in an answer that they hold against a context: what it does not bear, and what stands in it if it is a system prompt.
pub fn scan_against(engine: &Engine, rules: &RuleSet, context: &str, answer: &str) -> Vec<Finding> {
    let (mut against, mut checker, mut claims) = (Context::default(), Checker::default(), Vec::new());
    against.add(context);
    checker.push(&against, answer, &mut claims);
    checker.finish(&against, &mut claims);
    let mut out = Vec::new();
    engine.unsupported(rules, &claims, &mut out);
    let mut scan = Scan::answering(TextKind::Plain, super::fingerprint::system_prompt(context));
    scan.push(engine, rules, answer, &mut out);
    scan.finish(engine, rules, &mut out);
    out
}

pub(super) fn rules(specs: &[RuleSpec]) -> Vec<(RuleId, Unsupported)> {
    let of = |(spec, n): (&RuleSpec, u32)| spec.grounding.map(|kind| (RuleId(n), kind));
    specs.iter().zip(0..).filter_map(of).collect()
}

impl Engine {
    /// Whether some of these rules hold answers against their requests.
    pub fn grounds(&self, rules: &RuleSet) -> bool {
        self.grounds.iter().any(|(rule, _)| rules.contains(*rule))
    }

    /// Whether what some of these rules judge so has to wait until it is judged.
    pub fn grounds_hold(&self, rules: &RuleSet) -> bool {
        self.grounds.iter().any(|(rule, _)| rules.contains(*rule) && rules.holds(*rule))
    }

    /// What these rules find among what a context does not bear.
    pub fn unsupported(&self, rules: &RuleSet, claims: &[Claim], out: &mut Vec<Finding>) {
        for claim in claims {
            for (rule, kind) in &self.grounds {
                let counts = *kind == claim.kind && rules.contains(*rule);
                if counts && thousandths(claim.score) >= rules.threshold(*rule) {
                    let (start, end) = (TextPos(claim.start), TextPos(claim.end));
                    out.push(Finding { rule: *rule, start, end, score: claim.score, of: 0 });
                }
            }
        }
    }
}
