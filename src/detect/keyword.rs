//! Words and literals: one automaton over folded bytes that steps byte by byte and knows what it still hopes for.
//!
//! Word boundaries are part of the text that the automaton reads: wherever the text goes from a letter or digit to
//! something else or back, it is fed a [`MARK`] (no byte of UTF-8). The whole word `bomb` is `MARK b o m b MARK`, so
//! the automaton's state says by itself whether a word may still come true: after `xbomb` it is at its start, after
//! `a bomb` it holds four bytes until the next character tells whether the word ends here. The part of a word `bomb` is
//! `b o m b`; a phrase has the marks that its own text makes, `ice MARK SPACE MARK cream`. White space of any length
//! is one space.

use super::RuleId;
use crate::text::fold::fold_literal;
use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, BuildError, MatchKind};

/// Stands between a letter or digit and anything else.
pub(super) const MARK: u8 = 0xFF;

/// What a word found means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A finding of this rule.
    Keyword(RuleId),
    /// A match of this machine may begin where the literal began.
    Literal(u16),
    /// Patterns that need context may begin soon. Nothing is held back for it.
    Context,
}

/// One entry of the automaton.
#[derive(Clone, Debug)]
pub(super) struct Word {
    /// Folded, lower case, with marks.
    pub(super) bytes: Vec<u8>,
    /// What it means.
    pub(super) meaning: Meaning,
}

/// All words and literals, compiled.
#[derive(Debug)]
pub(super) struct Words {
    steps: Steps,
    /// By state: how many bytes at the text's end may still become part of a word, marks not counted, white space as one.
    held: Vec<u16>,
    hits: Vec<Hit>,
    start: u32,
    /// In the table, states from here on end words.
    ending: u32,
}

#[derive(Debug)]
enum Steps {
    /// There are no words.
    None,
    /// One look-up a byte, for lists that stay small in it.
    Dense {
        next: Vec<u32>,
        classes: Box<[u8; 256]>,
        stride: u32,
        found: Vec<Vec<u32>>,
    },
    Sparse(Box<NFA>),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    pub(super) meaning: Meaning,
    /// Bytes without marks, white space as one.
    pub(super) len: u32,
}

/// The longest word, so that a state's depth fits.
const LONGEST: usize = 1024;
/// The dense table is used below this many entries (4 bytes each).
const DENSE_ENTRIES: usize = 1 << 21;

/// A keyword as the automaton reads it, or why it cannot be one.
pub(super) fn word(text: &str, whole: bool, meaning: Meaning) -> Result<Word, String> {
    let folded = fold_literal(text).to_ascii_lowercase();
    let folded = String::from_utf8_lossy(&folded);
    let folded = folded.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    match folded.len() {
        0 => Err(format!("nothing of `{text}` is left after folding")),
        1..=LONGEST => Ok(Word { bytes: marked(&folded, whole, whole), meaning }),
        len => Err(format!("the keyword has {len} bytes after folding, at most {LONGEST} are possible")),
    }
}

/// A word that some pattern needs before it: at least where the pattern finds it.
pub(super) fn context(text: &str) -> Word {
    let folded = fold_literal(text).to_ascii_lowercase();
    Word {
        bytes: marked(&squeezed(&String::from_utf8_lossy(&folded)), true, false),
        meaning: Meaning::Context,
    }
}

/// A pattern's literal. `text` is lower case.
pub(super) fn literal(text: &str, left: bool, machine: u16) -> Word {
    Word { bytes: marked(&squeezed(text), left, false), meaning: Meaning::Literal(machine) }
}

/// The text with each stretch of white space as one space.
fn squeezed(text: &str) -> String {
    let mut squeezed = String::with_capacity(text.len());
    for c in text.chars() {
        let c = if c.is_ascii_whitespace() || c == '\u{b}' { ' ' } else { c };
        if !(c == ' ' && squeezed.ends_with(' ')) {
            squeezed.push(c);
        }
    }
    squeezed
}

fn marked(folded: &str, left: bool, right: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(folded.len() + 8);
    let mut inside = !left && folded.chars().next().is_some_and(is_word);
    for c in folded.chars() {
        if is_word(c) != inside {
            bytes.push(MARK);
            inside = !inside;
        }
        bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    if right && inside {
        bytes.push(MARK);
    }
    bytes
}

/// Letters and digits of scripts that put spaces between words. Next to any other character there is a boundary:
/// Chinese, Japanese, Thai, Lao, Khmer, Burmese and Tibetan have no spaces, Korean attaches particles.
pub(super) fn is_word(c: char) -> bool {
    match c {
        // The common letters first; the last arm knows them as well.
        '0'..='9' | 'A'..='Z' | 'a'..='z' | '\u{3B1}'..='\u{3C9}' | '\u{430}'..='\u{44F}' => true,
        '\0'..='\u{7F}'
        | '\u{E00}'..='\u{FFF}'
        | '\u{1000}'..='\u{109F}'
        | '\u{1100}'..='\u{11FF}'
        | '\u{1780}'..='\u{17FF}'
        | '\u{2E80}'..='\u{A4CF}'
        | '\u{AC00}'..='\u{D7FF}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{1B000}'..='\u{1B16F}'
        | '\u{20000}'..='\u{3FFFF}' => false,
        _ => c.is_alphanumeric(),
    }
}

// === impl Words ===

impl Words {
    pub(super) fn compile(words: &[Word]) -> Result<Self, BuildError> {
        let hits = words.iter().map(|word| Hit { meaning: word.meaning, len: weight(&word.bytes) }).collect();
        if words.is_empty() {
            return Ok(Self { steps: Steps::None, held: vec![0], hits, start: 0, ending: u32::MAX });
        }
        let nfa = NFA::builder()
            .match_kind(MatchKind::Standard)
            .prefilter(false)
            .build(words.iter().map(|word| &word.bytes))?;
        let start = nfa.start_state(Anchored::No).map_or(0, |state| state.as_u32());
        let trie = Trie::walk(&nfa, start, words);
        let mut compiled =
            Self { steps: Steps::Sparse(Box::new(nfa)), held: trie.held, hits, start, ending: 0 };
        compiled.densify(&trie.states, words);
        Ok(compiled)
    }

    pub(super) fn figures(&self) -> String {
        let table = match &self.steps {
            Steps::None => "no table".to_owned(),
            Steps::Dense { next, stride, .. } => {
                format!("a table of {} states by {stride} classes", next.len() / *stride as usize)
            }
            Steps::Sparse(nfa) => format!("an automaton of {} bytes", nfa.memory_usage()),
        };
        format!("{} words in {table}", self.hits.len())
    }

    pub(super) fn start(&self) -> u32 {
        self.start
    }

    /// The state after `byte`, which is lower case, or a mark.
    #[inline]
    pub(super) fn step(&self, state: u32, byte: u8) -> u32 {
        if let Steps::Dense { next, classes, stride, .. } = &self.steps {
            let at = state as usize * *stride as usize + usize::from(classes[usize::from(byte)]);
            return next.get(at).copied().unwrap_or(0);
        }
        self.step_sparse(state, byte)
    }

    #[inline(never)]
    fn step_sparse(&self, state: u32, byte: u8) -> u32 {
        match &self.steps {
            Steps::Sparse(nfa) => nfa.next_state(Anchored::No, sid(state), byte).as_u32(),
            Steps::None | Steps::Dense { .. } => 0,
        }
    }

    /// The state after all bytes of a character.
    pub(super) fn step_all(&self, state: u32, c: char) -> u32 {
        c.encode_utf8(&mut [0; 4]).bytes().fold(state, |state, byte| self.step(state, byte))
    }

    /// Whether some word ends in this state.
    #[inline]
    pub(super) fn is_end(&self, state: u32) -> bool {
        match &self.steps {
            Steps::None => false,
            Steps::Dense { .. } => state >= self.ending,
            Steps::Sparse(nfa) => nfa.is_match(sid(state)),
        }
    }

    /// Calls `hit` for each word that ends in this state.
    pub(super) fn found(&self, state: u32, mut hit: impl FnMut(Hit)) {
        match &self.steps {
            Steps::None => {}
            Steps::Dense { found, .. } => {
                let found = found.get(state as usize).map_or(&[][..], Vec::as_slice);
                found.iter().filter_map(|&word| self.hits.get(word as usize)).for_each(|&found| hit(found));
            }
            Steps::Sparse(nfa) => {
                let state = sid(state);
                if nfa.is_match(state) {
                    let found = (0..nfa.match_len(state)).map(|index| nfa.match_pattern(state, index));
                    found.filter_map(|word| self.hits.get(word.as_usize())).for_each(|&found| hit(found));
                }
            }
        }
    }

    /// How many bytes at the end of the text may still become part of a word.
    pub(super) fn held(&self, state: u32) -> usize {
        self.held.get(state as usize).copied().map_or(0, usize::from)
    }

    /// Exchanges the automaton for a table where that is small. States are numbered anew, in the order given.
    fn densify(&mut self, states: &[u32], words: &[Word]) {
        let Steps::Sparse(nfa) = &self.steps else { return };
        let (classes, representatives) = byte_classes(words);
        if states.len() * representatives.len() > DENSE_ENTRIES {
            return;
        }
        let Some(&last) = states.iter().max() else { return };
        let mut states = states.to_vec();
        states.sort_by_key(|&state| nfa.is_match(sid(state)));
        let ending = states.partition_point(|&state| !nfa.is_match(sid(state))) as u32;
        let states = states.as_slice();
        let mut number = vec![0; last as usize + 1];
        for (new, &old) in states.iter().enumerate() {
            number[old as usize] = new as u32;
        }
        let step = |&old: &u32, &byte: &u8| number[nfa.next_state(Anchored::No, sid(old), byte).as_usize()];
        let next =
            states.iter().flat_map(|old| representatives.iter().map(move |byte| step(old, byte))).collect();
        let found = states.iter().map(|&old| sid(old)).map(|old| {
            let all = if nfa.is_match(old) { nfa.match_len(old) } else { 0 };
            (0..all).map(|index| nfa.match_pattern(old, index).as_u32()).collect()
        });
        let found = found.collect();
        self.held = states.iter().map(|&old| self.held[old as usize]).collect();
        self.start = number[self.start as usize];
        self.ending = ending;
        self.steps = Steps::Dense { next, classes, stride: representatives.len() as u32, found };
    }
}

fn sid(state: u32) -> StateID {
    StateID::new(state as usize).unwrap_or(StateID::ZERO)
}

/// Bytes that no word contains step alike from every state: class 0. Returns each byte's class and a byte of each class.
fn byte_classes(words: &[Word]) -> (Box<[u8; 256]>, Vec<u8>) {
    let mut used = [false; 256];
    for &byte in words.iter().flat_map(|word| &word.bytes) {
        used[usize::from(byte)] = true;
    }
    // 0xFE is in no UTF-8 and is no mark, so there is always a byte of class 0.
    let mut representatives = vec![0xFE];
    let mut classes = Box::new([0; 256]);
    for byte in (0..=255_u8).filter(|&byte| used[usize::from(byte)]) {
        classes[usize::from(byte)] = representatives.len() as u8;
        representatives.push(byte);
    }
    (classes, representatives)
}

/// A word's length without marks.
fn weight(bytes: &[u8]) -> u32 {
    bytes.iter().filter(|&&byte| byte != MARK).count() as u32
}

/// The states that words run through.
struct Trie {
    /// All of them, the start first.
    states: Vec<u32>,
    held: Vec<u16>,
}

impl Trie {
    /// Every state is a beginning of a word. It holds its own length while a word goes on from it; otherwise what
    /// counts is the longest end of it that is a beginning of another word which goes on.
    fn walk(nfa: &NFA, start: u32, words: &[Word]) -> Self {
        const NOTHING: u16 = u16::MAX;
        let mut states = vec![start];
        let mut held = vec![0_u16; start as usize + 1];
        let mut known = vec![false; start as usize + 1];
        known[start as usize] = true;
        let mut stopped: Vec<(&[u8], usize)> = Vec::new();
        for word in words {
            let hopes = word.meaning != Meaning::Context;
            let mut state = sid(start);
            let mut depth = 0;
            for (length, &byte) in (1..).zip(&word.bytes) {
                state = nfa.next_state(Anchored::No, state, byte);
                depth += u16::from(byte != MARK);
                let index = state.as_usize();
                if index >= held.len() {
                    held.resize(index + 1, 0);
                    known.resize(index + 1, false);
                }
                if !known[index] {
                    known[index] = true;
                    states.push(state.as_u32());
                    held[index] = NOTHING;
                }
                if hopes && length < word.bytes.len() {
                    held[index] = depth;
                } else if held[index] == NOTHING {
                    stopped.push((word.bytes.get(..length).unwrap_or_default(), index));
                }
            }
        }
        // Shorter ones first: the end of a beginning is shorter than it.
        stopped.sort_by_key(|(beginning, _)| beginning.len());
        for (beginning, index) in stopped {
            if held[index] == NOTHING {
                let end = beginning.iter().skip(1);
                let end = end.fold(sid(start), |state, &byte| nfa.next_state(Anchored::No, state, byte));
                held[index] = held[end.as_usize()];
            }
        }
        Self { states, held }
    }
}
