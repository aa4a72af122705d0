//! What a request says, as far as an answer is held against it.

use std::collections::HashSet;

use super::words::{Form, hash, link, pair, words};

/// Most bytes of text that are taken in; an answer to a request with more is not judged. They take some ten megabytes at most.
const MOST: usize = 512 << 10;
/// Characters of the shortest context: a request that says less carries no passage that could bear an answer.
const LEAST: usize = 400;

/// What answers are held against.
#[derive(Clone, Debug, Default)]
pub struct Context {
    words: HashSet<u64>,
    pairs: HashSet<u64>,
    links: HashSet<u64>,
    bytes: usize,
    characters: usize,
    over: bool,
}

impl Context {
    /// Takes in a text.
    pub fn add(&mut self, text: &str) {
        self.over |= self.bytes + text.len() > MOST;
        if self.over {
            return;
        }
        self.bytes += text.len();
        self.characters += text.chars().count();
        let (all, links) = words(text);
        self.words.extend(all.iter().map(|word| word.hash));
        self.pairs.extend(all.windows(2).filter_map(|two| {
            let [one, two] = two else { return None };
            Some(pair(one.hash, two.hash))
        }));
        for (start, end) in links {
            self.links.insert(hash(&link(text.get(start..end).unwrap_or_default())));
        }
    }

    /// Whether all of it was taken in.
    pub(super) fn is_whole(&self) -> bool {
        !self.over
    }

    /// Whether an answer can be held against it: it is long enough to hold a passage, and all of it was taken in.
    pub fn can_bear(&self) -> bool {
        !self.over && self.characters >= LEAST
    }

    pub(super) fn has(&self, word: u64) -> bool {
        self.words.contains(&word)
    }

    pub(super) fn has_pair(&self, one: u64, two: u64) -> bool {
        self.pairs.contains(&pair(one, two))
    }

    pub(super) fn has_link(&self, text: &str) -> bool {
        self.links.contains(&hash(&link(text)))
    }

    /// Whether a word says something that the context does not.
    pub(super) fn lacks(&self, word: &super::words::Word) -> bool {
        word.form != Form::Common && !self.has(word.hash)
    }
}
