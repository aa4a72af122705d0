//! Statements ready to be compared with sentences.

use super::compare::{How, Pairing, SAID, Sentence, Weighed, group_key, weight};
use super::file::{Claims, Statement, Verdict};
use super::groups::{ByHash, DENIAL, groups};
use super::terms::{Read, Term, read};
use crate::detect::grounding::{Form, Sentences, words};
use crate::text::fold::fold_literal;
use smallvec::SmallVec;
use std::fmt;
use std::ops::Range;

/// The words that say something that a statement needs: two characters of a script without spaces are one.
const LEAST: usize = 3;

/// So many characters of a sentence are shown of what is wrong with it.
const SHOWN: usize = 40;

/// Statements by their words.
pub struct Known {
    statements: Vec<Statement>,
    weighed: Vec<Weighed>,
    /// Statements by those of their words and groups that few have. Who says a statement says one of these.
    by_key: ByHash<SmallVec<[u32; 2]>>,
}

/// What a sentence says.
pub(super) struct Said {
    /// The statement, counted from none.
    pub(super) number: u32,
    /// How surely, 0 to 1.
    pub(super) score: f32,
    /// From the sentence's first word to its last.
    pub(super) span: Range<usize>,
    /// The words that stand for others: those of the statement, and those of the sentence.
    pub(super) alike: Vec<(Range<usize>, Range<usize>)>,
}

impl fmt::Debug for Known {
    /// What tells one from another: policies are compared by it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Known").field(&self.statements).finish()
    }
}

/// The text of a statement as texts are folded that are held against it.
fn folded(text: &str) -> String {
    String::from_utf8(fold_literal(text)).unwrap_or_default()
}

/// How many words of a folded text say something.
fn saying(text: &str) -> usize {
    words(text).0.iter().filter(|word| word.form != Form::Common).count()
}

/// What is wrong with a statement that cannot be told from other sentences, or is none.
pub(super) fn unfit(claim: &str) -> Option<String> {
    if claim.chars().any(char::is_control) {
        return Some("a statement is one line, without control characters".to_owned());
    }
    if claim.contains(['?', '？']) {
        return Some("a question states nothing".to_owned());
    }
    let count = saying(&folded(claim));
    (count < LEAST).then(|| format!("a statement needs {LEAST} words that say something, and has {count}"))
}

/// Why no text is found to say a statement: texts are read sentence by sentence.
pub(super) fn never_found(claim: &str) -> Option<String> {
    let text = folded(claim);
    // They are read in parts of so many bytes.
    if text.len() >= Sentences::LONGEST {
        let (most, has) = (Sentences::LONGEST - 1, text.len());
        return Some(format!(
            "expected a statement of {most} bytes at most, found {has}: a longer sentence is never read whole"
        ));
    }
    let (mut sentences, mut parts) = (Sentences::default(), Vec::new());
    let mut each = |sentence: &str, _: u64| {
        if !sentence.trim().is_empty() {
            parts.push(sentence.trim().to_owned());
        }
    };
    sentences.push(&text, &mut each);
    sentences.finish(&mut each);
    let [_, second, ..] = parts.as_slice() else {
        return parts.is_empty().then(|| "a block of code states nothing".to_owned());
    };
    // One of them may say it all, and the others next to nothing.
    let says_all = parts.iter().filter(|part| saying(part) >= LEAST).count() == 1
        && Known::of(claim).said_in(claim).len() == 1;
    let begins: String = second.chars().take(SHOWN).collect();
    (!says_all).then(|| {
        format!(
            "expected one sentence, found {}: texts are read sentence by sentence, and the second begins `{begins}`; make a statement of each \
             (behind the dot of an abbreviation one begins as well: what stands behind it is found)",
            parts.len()
        )
    })
}

/// The keys by which a term is found: its own, its measure, its groups and those that are another way to say it.
fn keys(term: &Term) -> impl Iterator<Item = u64> {
    let groups = groups();
    let own = term.of.iter().copied().filter(|group| *group > DENIAL);
    let against = own.clone().filter_map(|group| Some(groups.against(group)?.0));
    let measure = (term.measure != 0).then_some(term.measure);
    [term.key]
        .into_iter()
        .chain(measure)
        .chain(own.chain(against).map(group_key))
        .chain(term.parts.iter().copied())
}

impl Known {
    /// The statements of a file.
    pub fn new(claims: &Claims) -> Self {
        Self::of_statements(claims.statements().to_vec())
    }

    /// One statement.
    fn of(claim: &str) -> Self {
        let (claim, source) = (claim.to_owned(), String::new());
        Self::of_statements(vec![Statement { claim, verdict: Verdict::False, source }])
    }

    fn of_statements(statements: Vec<Statement>) -> Self {
        let all: Vec<Read> = statements.iter().map(|one| read(&folded(&one.claim))).collect();
        // How many statements have a key.
        let mut count: ByHash<u32> = ByHash::default();
        for one in &all {
            let mut own: Vec<u64> = one.terms.iter().flat_map(keys).collect();
            own.sort_unstable();
            own.dedup();
            for key in own {
                *count.entry(key).or_default() += 1;
            }
        }
        let many = statements.len().max(1) as f32;
        let of = |term: &Term| keys(term).filter_map(|key| count.get(&key)).max().copied().unwrap_or(1);
        let mut by_key: ByHash<SmallVec<[u32; 2]>> = ByHash::default();
        let mut weighed = Vec::with_capacity(all.len());
        for (one, number) in all.into_iter().zip(0..) {
            let rare = |term: &Term| 1.0 + (many / of(term) as f32).ln() * 0.25;
            let weights: Vec<f32> = one.terms.iter().map(|term| weight(term) * rare(term)).collect();
            let total: f32 = weights.iter().sum();
            let mut order: Vec<usize> = (0..weights.len()).collect();
            order.sort_by_key(|at| one.terms.get(*at).map(of));
            let mut left = total;
            for at in order {
                // What is left is too little to say it.
                if left < total * SAID {
                    break;
                }
                left -= weights.get(at).copied().unwrap_or_default();
                for key in one.terms.get(at).into_iter().flat_map(keys) {
                    let of = by_key.entry(key).or_default();
                    if of.last() != Some(&number) {
                        of.push(number);
                    }
                }
            }
            let Read { terms, denials, than, by, .. } = one;
            weighed.push(Weighed { terms, weights, weight: total, denials, than, by });
        }
        Self { statements, weighed, by_key }
    }

    /// The statements, by number.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Which statement that is not true a sentence of folded text says.
    pub(super) fn said(&self, sentence: &str) -> Option<Said> {
        // A question asserts nothing.
        if sentence.contains(['?', '？']) {
            return None;
        }
        let sentence = Sentence::of(read(sentence));
        let mut likely: Vec<u32> =
            sentence.keys().filter_map(|key| self.by_key.get(&key)).flatten().copied().collect();
        likely.sort_unstable();
        likely.dedup();
        let mut best: Option<(u32, f32, Pairing)> = None;
        for number in likely {
            let Some(weighed) = self.weighed.get(number as usize) else { continue };
            if let Some((score, pairing)) = weighed.said_by(&sentence)
                && best.as_ref().is_none_or(|(_, known, _)| score > *known)
            {
                best = Some((number, score, pairing));
            }
        }
        let (number, score, pairing) = best?;
        let statement = self.statements.get(number as usize).filter(|one| one.verdict != Verdict::True)?;
        debug_assert!(!statement.claim.is_empty(), "it has words");
        let own = &self.weighed.get(number as usize)?.terms;
        let range = |term: &Term| term.start as usize..term.end as usize;
        let alike = own.iter().zip(&pairing).filter_map(|(term, one)| {
            let (at, _) = one.filter(|(_, how)| *how != How::Same)?;
            Some((range(term), range(sentence.read.terms.get(usize::from(at))?)))
        });
        Some(Said { number, score, alike: alike.collect(), span: sentence.read.span.clone() })
    }
}
