//! What judges that are called are asked, and what they say. Who asks them is told the questions and gives the answers back; nothing here waits.
//!
//! A prompt's texts are known before anything leaves: it is read once to learn what is to be asked, and once more with the answers
//! ([`Answers`]), so that all actions are those of any other rule. An answer's passages are asked about as they come
//! ([`Answering::questions`](super::Answering::questions)); what was said is put on record, and flags or blocks.
//!
//! Where an answer's text is asked about follows from the text alone, not from how it was cut: see [`Watch`].

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::reader::Side;
use crate::detect::{RuleId, TextKind, scan_all, scan_encoded};
use crate::policy::{ANYTHING, Direction, Grade, JudgeSpec, Policy};
use crate::telemetry::Quiet;

/// A passage of an answer ends at the first end of a sentence behind so many bytes, and at the latest after [`LONGEST`].
pub const EVERY: usize = 600;
/// The most bytes of an answer's passage.
pub const LONGEST: usize = 2400;
/// The same of a prompt's text: most are asked about whole.
pub const PROMPT_EVERY: usize = 6000;
/// The most bytes of a prompt's passage.
pub const PROMPT_LONGEST: usize = 8000;
/// So many bytes of what stands before a passage go with it, and of what an answer answers.
pub const BEFORE: usize = 2000;
/// So many bytes on either side of a text tell what of it is part of something that goes on there.
pub const EDGE: usize = 256;

/// What is written in place of what a judge calls something by a name that nobody listed: it may say anything.
const UNLISTED: &str = "unlisted";

/// A text that a judge is asked about.
#[derive(Clone, Debug)]
pub struct Question {
    /// Its number on its side of the exchange.
    pub number: u32,
    /// Whether rules in shadow ask.
    pub shadow: bool,
    /// Who is asked.
    pub judge: Arc<str>,
    /// On which side of the exchange the text stands.
    pub side: Side,
    /// What the text is.
    pub direction: Direction,
    /// The text.
    pub text: Quiet<String>,
    /// What stands before it in the same text, as far as [`BEFORE`].
    pub before: Quiet<String>,
    /// What stands right before it and right behind it, as far as [`EDGE`]. It is shown to nobody: by it is known what stands partly in the text.
    pub edges: [Quiet<String>; 2],
    /// What the answer answers: the user's last words.
    pub asked: Option<Quiet<String>>,
    /// Who wants to know.
    pub wants: Vec<Want>,
}

impl Question {
    /// The grade of the data that goes to who is asked: what the policy's rules find in it, whatever they do with it, since a judge is shown
    /// texts as they came. `around`: what stands before the text and what it answers go with it. Who can read a text can decode it: what it
    /// hides by encoding counts, on either side, and a text of which not all was decoded may be anything.
    pub fn grade(&self, policy: &Policy, around: bool) -> Grade {
        // What is shown is what begins at a byte of the text and ends at another.
        let of = |direction: Direction, text: &str, shown: Range<usize>| {
            let mut found = scan_all(policy.engine(), policy.rules(direction), TextKind::Plain, text);
            let encoded = scan_encoded(
                policy.engine(),
                policy.encoded_rules(Direction::Prompt),
                TextKind::Plain,
                text,
                &found,
            );
            if encoded.unread {
                return Grade::Important;
            }
            found.extend(encoded.found.into_iter().map(|one| one.finding));
            let shown = shown.start as u64..shown.end as u64;
            found.retain(|finding| finding.start.0 < shown.end && shown.start < finding.end.0);
            found.retain(|finding| policy.counts_unjudged(finding));
            found.iter().filter_map(|finding| policy.rule(finding.rule).grade).max().unwrap_or_default()
        };
        let [edge, behind] = &self.edges;
        // Half of an address is an address to who knows the other half.
        let before = if around && !self.before.0.is_empty() { &self.before.0 } else { &edge.0 };
        let whole = format!("{before}{}{}", self.text.0, behind.0);
        let shown = if around { 0 } else { before.len() }..before.len() + self.text.0.len();
        let grade = of(self.direction, &whole, shown);
        let asked = self.asked.as_ref().filter(|_| around);
        let asked = asked.map(|asked| of(Direction::Prompt, &asked.0, 0..asked.0.len()));
        grade.max(asked.unwrap_or_default())
    }
}

/// A rule that wants to know what a judge says.
#[derive(Clone, Debug)]
pub struct Want {
    /// The rule.
    pub rule: RuleId,
    /// Its category.
    pub category: Arc<str>,
    /// What it asks for.
    pub spec: Arc<JudgeSpec>,
    /// The score of its own model, where it has one.
    pub cheap: Option<f32>,
    /// The least score that counts.
    pub least: f32,
}

/// What a judge says of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// What the judge calls it.
    pub category: Arc<str>,
    /// Whether that is a name of its kind or of the configuration, and not just any text.
    pub listed: bool,
    /// The categories of the taxonomy that it means.
    pub means: Arc<[String]>,
    /// 0 to 1.
    pub score: f32,
    /// Where in the text, in bytes; none: all of it.
    pub span: Option<Range<usize>>,
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq)]
pub enum Opinion {
    /// The judge has judged.
    Said(Arc<[Said]>),
    /// It has not.
    Failed {
        /// Why, in one of a few words.
        why: &'static str,
        /// Whether the text passes all the same.
        open: bool,
    },
}

/// What a judge's answer meant for a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nobody but the judge was asked, and it found something.
    Found,
    /// Nobody but the judge was asked, and it found nothing.
    Clear,
    /// It says what the rule's own model would have said.
    Agreed,
    /// It found what the own model would have let pass.
    Raised,
    /// It let pass what the own model would have found.
    Cleared,
}

impl Effect {
    /// The word in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Clear => "clear",
            Self::Agreed => "agreed",
            Self::Raised => "raised",
            Self::Cleared => "cleared",
        }
    }
}

impl Want {
    /// What stands on record of what a judge said, where the rule looks for that and the score counts.
    pub fn label<'s>(&self, said: &'s Said) -> Option<&'s str> {
        if said.score < self.least || !self.spec.looks_for(&self.category, &said.category, &said.means) {
            return None;
        }
        let is_named = *said.category == *self.category
            || self.spec.judged_as.iter().any(|one| *one == *said.category && one != ANYTHING);
        Some(if said.listed || is_named { &said.category } else { UNLISTED })
    }

    /// Whether its own model, asked alone, would have found something.
    pub fn leans(&self) -> Option<bool> {
        self.cheap.map(|score| score >= self.least)
    }

    /// What a judge's answer means for the rule.
    pub fn effect(&self, said: &[Said]) -> Effect {
        let found = said.iter().any(|one| self.label(one).is_some());
        match (self.leans(), found) {
            (None, true) => Effect::Found,
            (None, false) => Effect::Clear,
            (Some(true), true) | (Some(false), false) => Effect::Agreed,
            (Some(false), true) => Effect::Raised,
            (Some(true), false) => Effect::Cleared,
        }
    }
}

/// What has been said of a prompt's texts.
#[derive(Clone, Default)]
pub struct Answers(HashMap<(Arc<str>, Direction, String), Opinion>);

/// The texts are nobody's to print.
impl std::fmt::Debug for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answers({})", self.0.len())
    }
}

impl Answers {
    /// Takes in what came of a question.
    pub fn add(&mut self, question: &Question, opinion: Opinion) {
        let key = (Arc::clone(&question.judge), question.direction, question.text.0.clone());
        self.0.insert(key, opinion);
    }

    /// What came of the same question.
    pub(super) fn of(&self, question: &Question) -> Option<&Opinion> {
        let key = (Arc::clone(&question.judge), question.direction, question.text.0.clone());
        self.0.get(&key)
    }
}

/// Where a text's passages end. It keeps the text as far as a question may need it.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    /// Where in the text `kept` begins.
    base: u64,
    kept: Quiet<String>,
    /// Where the passage begins that is read.
    start: u64,
    /// How far ends were looked for.
    looked: u64,
    every: u64,
    longest: u64,
}

impl Watch {
    /// Nothing was read yet. Of answers passages are shorter.
    pub(super) fn new(side: Side) -> Self {
        let (every, longest) = match side {
            Side::Prompt => (PROMPT_EVERY, PROMPT_LONGEST),
            Side::Answer => (EVERY, LONGEST),
        };
        Self {
            base: 0,
            kept: Quiet(String::new()),
            start: 0,
            looked: 0,
            every: every as u64,
            longest: longest as u64,
        }
    }

    /// Where the passage begins that has not ended.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// Reads on; gives the passages that have ended.
    pub(super) fn push(&mut self, text: &str) -> Vec<Range<u64>> {
        self.kept.0.push_str(text);
        let mut out = Vec::new();
        while let Some(end) = self.end() {
            out.push(self.start..end);
            (self.start, self.looked) = (end, end);
        }
        out
    }

    /// The text ends here; gives the passage that ends with it. What comes after it is a passage of its own.
    pub(super) fn finish(&mut self) -> Option<Range<u64>> {
        let end = self.base + self.kept.0.len() as u64;
        let passage = self.start..end;
        (self.start, self.looked) = (end, end);
        let says = self.text(&passage).chars().any(|c| !c.is_whitespace());
        says.then_some(passage)
    }

    /// Where the passage that is read ends, if it does.
    fn end(&mut self) -> Option<u64> {
        let from = self.looked;
        let mut chars = self.tail(from).char_indices().peekable();
        let mut looked = from;
        while let Some((at, c)) = chars.next() {
            let (at, after) = (from + at as u64, from + at as u64 + c.len_utf8() as u64);
            if after - self.start > self.longest {
                return Some(at);
            }
            let ends = match c {
                '\n' | '。' | '！' | '？' | '…' => Some(after),
                '.' | '!' | '?' => match chars.peek() {
                    // Whether it ends a sentence is told by what follows.
                    None => break,
                    Some((_, next)) if next.is_whitespace() => Some(after + next.len_utf8() as u64),
                    Some(_) => None,
                },
                _ => None,
            };
            if let Some(end) =
                ends.filter(|end| *end - self.start >= self.every && *end - self.start <= self.longest)
            {
                return Some(end);
            }
            looked = after;
        }
        self.looked = looked;
        None
    }

    fn tail(&self, from: u64) -> &str {
        self.kept.0.get((from.saturating_sub(self.base)) as usize..).unwrap_or_default()
    }

    /// What stands there, as far as it is kept.
    pub(super) fn text(&self, range: &Range<u64>) -> &str {
        let at = |place: u64| (place.saturating_sub(self.base) as usize).min(self.kept.0.len());
        let (from, to) =
            (self.kept.0.ceil_char_boundary(at(range.start)), self.kept.0.floor_char_boundary(at(range.end)));
        self.kept.0.get(from..to).unwrap_or_default()
    }

    /// What stands before it, as far as [`BEFORE`].
    pub(super) fn before(&self, place: u64) -> &str {
        self.text(&(place.saturating_sub(BEFORE as u64)..place))
    }

    /// Forgets what stands further back than anything may still be asked about: nothing before `from`.
    pub(super) fn trim(&mut self, from: u64) {
        let keep = from.min(self.start).saturating_sub(BEFORE as u64);
        let drop =
            self.kept.0.floor_char_boundary((keep.saturating_sub(self.base) as usize).min(self.kept.0.len()));
        // Not for a few bytes each time.
        if drop >= 4 * BEFORE {
            self.kept.0.drain(..drop);
            self.base += drop as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn passages(pieces: &[&str]) -> Vec<Range<u64>> {
        let mut watch = Watch::new(Side::Answer);
        let mut out = Vec::new();
        for piece in pieces {
            out.extend(watch.push(piece));
            watch.trim(u64::MAX);
        }
        out.extend(watch.finish());
        out
    }

    proptest! {
        #[test]
        fn passages_follow_from_the_text_alone(
            text in "([a-z]{1,40}[ .!?。\n]{0,2}){0,400}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        ) {
            let whole = passages(&[&text]);
            let mut places: Vec<usize> =
                cuts.iter().map(|cut| text.floor_char_boundary(cut.index(text.len() + 1))).chain([0, text.len()]).collect();
            places.sort_unstable();
            let pieces: Vec<&str> = places.windows(2).map(|two| text.get(two[0]..two[1]).expect("a piece")).collect();
            prop_assert_eq!(&passages(&pieces), &whole);
            let mut end = 0;
            for passage in &whole {
                prop_assert!(passage.start == end && passage.end - passage.start <= LONGEST as u64);
                end = passage.end;
            }
            prop_assert!(text.get(end as usize..).is_some_and(|rest| rest.trim().is_empty()));
        }
    }

    #[test]
    fn passages_end_where_sentences_do() {
        let sentence = "A sentence of some length that says little. ";
        let text = sentence.repeat(40);
        let first = passages(&[&text]).remove(0);
        assert!(
            (first.end as usize).is_multiple_of(sentence.len()) && first.end as usize >= EVERY,
            "{first:?}"
        );
    }
}
