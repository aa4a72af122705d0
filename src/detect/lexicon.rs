//! The words of all rules: keywords, the literals with which patterns begin, the words of contexts.
//!
//! Words are looked for from the places where they may begin. [`Lexicon::bound`] holds those that begin at a word boundary (in
//! scripts without spaces that is every character), [`Lexicon::inside`] those that may begin in the middle of a word.
//! White space of any length is one space.

use super::RuleId;
use super::disguise::Disguised;
use super::gate::{Gate, Keys};
use super::pattern::is_word;
use super::trie::{Behind, Entry, Trie};
use super::{CompileError, Place, RuleSpec};
use crate::text::fold::fold_literal;
use std::collections::HashSet;

/// What a word found means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Meaning {
    /// A finding of this rule.
    Keyword(RuleId),
    /// A match of this machine may begin where the literal began.
    Literal(u16),
    /// Patterns of these machines that need context may begin soon: a bit for each of their [`Machine::near`](super::machine::Machine::near).
    /// Nothing is held back for it.
    Context(u16),
}

/// A word as it is looked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Word {
    /// Folded, lower case, white space squeezed.
    pub(super) text: String,
    /// A word boundary has to stand before it.
    pub(super) left: bool,
    /// A word boundary has to follow it.
    pub(super) right: bool,
    pub(super) meaning: Meaning,
}

/// A word without its text: what a walk that ends in it has found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) right: bool,
    pub(super) meaning: Meaning,
}

impl Found {
    /// [`HOLDS`] or [`PASSES`].
    pub(super) fn traits(self) -> u8 {
        traits(self.meaning)
    }
}

fn traits(meaning: Meaning) -> u8 {
    if matches!(meaning, Meaning::Context(_)) { PASSES } else { HOLDS }
}

/// Words that begin alike.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) trie: Trie,
    pub(super) gate: Gate,
    /// Where the tokens lead with which these words begin.
    pub(super) first_tokens: Behind,
    /// Where two Chinese characters lead.
    pub(super) first_pairs: Behind,
    found: Vec<Found>,
}

/// All words, compiled.
#[derive(Debug)]
pub(super) struct Lexicon {
    pub(super) bound: Words,
    pub(super) inside: Words,
    pub(super) disguised: Disguised,
    /// Opens wherever one of the three may begin with a whole token or with a character that is not ASCII.
    pub(super) any: Gate,
}

/// The longest word in bytes.
const LONGEST: usize = 1024;
/// The trait of words for which text is held back.
pub(super) const HOLDS: u8 = 1;
/// The trait of words for which none is.
const PASSES: u8 = 2;

/// A keyword as it is looked for, or why it cannot be.
pub(super) fn keyword(text: &str, whole: bool, rule: RuleId) -> Result<Word, String> {
    let text_folded = squeezed(&folded(text));
    let folded = text_folded.trim();
    match folded.len() {
        0 => Err(format!("nothing of `{}` is left after folding", text.escape_debug())),
        1..=LONGEST => Ok(word(folded, whole, whole, Meaning::Keyword(rule))),
        len => Err(format!("the keyword has {len} bytes after folding, at most {LONGEST} are possible")),
    }
}

/// A word that some pattern needs before it: at least where the pattern finds it. `right`: the patterns that need it
/// begin at a word boundary, so that it ends at one. `machines`: whose patterns these are.
pub(super) fn context(text: &str, right: bool, machines: u16) -> Word {
    word(squeezed(&folded(text)).trim(), true, right, Meaning::Context(machines))
}

/// A pattern's literal. `text` is lower case.
pub(super) fn literal(text: &str, left: bool, machine: u16) -> Word {
    word(&squeezed(text), left, false, Meaning::Literal(machine))
}

/// Beside what is no letter of a script with spaces there is always a boundary: nothing to wait for.
fn word(text: &str, left: bool, right: bool, meaning: Meaning) -> Word {
    let left = left && text.chars().next().is_some_and(is_word);
    let right = right && text.chars().next_back().is_some_and(is_word);
    Word { text: text.to_owned(), left, right, meaning }
}

fn folded(text: &str) -> String {
    String::from_utf8_lossy(&fold_literal(text)).to_ascii_lowercase()
}

/// White space as the walk reads it.
#[inline]
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// The text with each stretch of white space as one space.
pub(super) fn squeezed(text: &str) -> String {
    let mut squeezed = String::with_capacity(text.len());
    for c in text.chars() {
        let c = if c.is_ascii() && is_space(c as u8) { ' ' } else { c };
        if !(c == ' ' && squeezed.ends_with(' ')) {
            squeezed.push(c);
        }
    }
    squeezed
}

impl Lexicon {
    /// All keywords of the rules, and `others`: what patterns begin with and need before them.
    pub(super) fn compile(rules: &[RuleSpec], others: Vec<Word>, errors: &mut Vec<CompileError>) -> Self {
        let mut words: Vec<Word> = others;
        for (rule, spec) in rules.iter().enumerate() {
            for (index, one) in spec.keywords.iter().enumerate() {
                match keyword(&one.text, one.whole_word, RuleId(rule as u32)) {
                    Ok(word) => words.push(word),
                    Err(reason) => {
                        errors.push(CompileError { rule, place: Place::Keyword(index), reason });
                    }
                }
            }
        }
        let (disguised, disguised_keys) = Disguised::compile(rules, &words);
        words.retain(|word| !Disguised::takes(rules, word));
        // A list may hold a word twice.
        let mut known = HashSet::with_capacity(words.len());
        words.retain(|word| known.insert(word.clone()));
        drop(known);
        let (inside, bound): (Vec<Word>, Vec<Word>) =
            words.into_iter().partition(|word| !word.left && word.text.chars().next().is_some_and(is_word));
        let ((bound, mut keys), (inside, inside_keys)) =
            (Words::compile(&bound, false), Words::compile(&inside, true));
        keys.extend(&disguised_keys);
        keys.extend_wide(&inside_keys);
        Self { bound, inside, disguised, any: Gate::new(keys) }
    }

    pub(super) fn figures(&self) -> String {
        let count = |words: &Words| format!("{} words in {} nodes", words.found.len(), words.trie.nodes());
        let disguised = self.disguised.figures();
        format!("{}, {} inside words, {disguised}", count(&self.bound), count(&self.inside))
    }
}

impl Words {
    fn compile(words: &[Word], inside: bool) -> (Self, Keys) {
        let mut keys = Keys::default();
        for word in words {
            if inside {
                keys.inside(word.text.as_bytes());
            } else {
                keys.add(word.text.as_bytes(), word.right);
            }
        }
        let entries: Vec<Entry<'_>> = words
            .iter()
            .map(|word| Entry { bytes: word.text.as_bytes(), traits: traits(word.meaning) })
            .collect();
        let found = words.iter().map(|word| Found { right: word.right, meaning: word.meaning }).collect();
        let trie = Trie::build(&entries);
        let first_tokens = if inside { Behind::default() } else { Behind::new(&entries, &trie) };
        let first_pairs = Behind::pairs(entries.iter().map(|entry| entry.bytes), &trie, |_| true);
        (Self { trie, gate: Gate::new(keys.clone()), first_tokens, first_pairs, found }, keys)
    }

    /// What the word of this number is.
    #[inline]
    pub(super) fn found(&self, word: u32) -> Option<Found> {
        self.found.get(word as usize).copied()
    }
}
