//! Text in sentences, as it arrives.

/// A text on its way through. Which sentences it has does not depend on how it was cut; what stands in blocks of code is none.
#[derive(Clone, Debug, Default)]
pub struct Sentences {
    /// The sentence that has not ended, and where it begins.
    sentence: String,
    start: u64,
    /// The character before was one that may end a sentence.
    may_end: bool,
    /// Within a block of code.
    code: bool,
    /// The sentence did not begin a line.
    within: bool,
}

impl Sentences {
    /// A sentence of so many bytes, or more, is told in parts.
    pub const LONGEST: usize = 2048;

    /// Reads on. `each`: a sentence, and its first byte in the text.
    pub fn push(&mut self, text: &str, mut each: impl FnMut(&str, u64)) {
        for c in text.chars() {
            if self.may_end && c.is_whitespace() {
                self.end(&mut each);
            }
            self.sentence.push(c);
            self.may_end = matches!(c, '.' | '!' | '?');
            if matches!(c, '\n' | '。' | '！' | '？') {
                self.end(&mut each);
            } else if self.sentence.len() >= Self::LONGEST {
                // Not within a word, if that can be.
                let cut = self.sentence.rfind(char::is_whitespace).filter(|&at| at > Self::LONGEST / 2);
                let rest = cut.map(|at| self.sentence.split_off(at)).unwrap_or_default();
                self.end(&mut each);
                self.sentence = rest;
            }
        }
    }

    /// The text is over.
    pub fn finish(&mut self, mut each: impl FnMut(&str, u64)) {
        self.end(&mut each);
    }

    /// Bytes that it has on the heap.
    pub(super) fn heap(&self) -> usize {
        self.sentence.capacity()
    }

    /// Where what has not been told begins.
    pub fn open(&self) -> u64 {
        self.start
    }

    fn end(&mut self, each: &mut impl FnMut(&str, u64)) {
        let start = self.start;
        self.start += self.sentence.len() as u64;
        self.may_end = false;
        let line = self.sentence.trim_start();
        let fence = !self.within && line.strip_prefix("```").is_some_and(|rest| !rest.contains("```"));
        if !self.code && !fence && !self.sentence.is_empty() {
            each(&self.sentence, start);
        }
        self.code ^= fence;
        self.within = !self.sentence.ends_with('\n');
        self.sentence.clear();
    }
}
