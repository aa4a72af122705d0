//! What a model sees of a text: hashes of words, of pairs of words and of runs of characters, as the folded text arrives.
//!
//! Words are runs of ASCII letters and digits in lower case. A word gives itself, the pair and the gapped pair that it makes with the two
//! words before it, and its runs of three to five bytes with a blank at either end. Letters of other scripts are a word each, and give runs of
//! one to four letters. Signs give themselves, once for a run of the same sign. Text is parted into units, by sentences and colons as far as
//! they are neither very short nor very long. All of this depends on the text alone and not on how it was cut: a word that has not ended waits.

/// The longest word that is taken as one; what is longer is read in parts.
pub(super) const WORD: usize = 30;
/// A word with blanks around it, and room to read eight bytes from each of them.
const PADDED: usize = WORD + 2 + 8;
/// A word with a blank at either end, and room behind it.
#[derive(Clone, Copy, Debug)]
pub struct Padded(pub(super) [u8; PADDED]);

impl Default for Padded {
    fn default() -> Self {
        Self([0; PADDED])
    }
}

/// Hashes of the runs of characters of a word, which is so long with its blanks.
#[inline]
pub(super) fn runs_of(word: &Padded, padded: usize, mut each: impl FnMut(u32)) {
    for start in 0..padded.saturating_sub(2) {
        let Some(eight) = word.0.get(start..).and_then(<[u8]>::first_chunk) else { break };
        let eight = u64::from_le_bytes(*eight);
        for length in 3..=(padded - start).min(5) {
            each(hash_run(eight, length));
        }
    }
}

/// A sentence with less than these words goes on in the next one.
const LEAST: u32 = 4;
/// With so many words a unit ends, sentence or not.
const MOST: u32 = 64;
/// What a number is read as, by its length.
const NUMBER: u32 = 0x6E75_6D00;

/// Where a feature belongs: each group is normalised for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Words and pairs of them.
    Words,
    /// Runs of characters.
    Runs,
}

/// Takes in what is read.
pub trait Sink {
    /// A feature.
    fn feature(&mut self, group: Group, hash: u32);
    /// The runs of characters of a word, which is so long with its blanks.
    #[inline]
    fn runs(&mut self, word: &Padded, padded: usize) {
        runs_of(word, padded, |hash| self.feature(Group::Runs, hash));
    }
    /// A letter of another script, `chinese` or not, or a word.
    fn letter(&mut self, script: Script);
    /// A unit begins with the word or letter whose first byte this is in the folded text.
    fn begin(&mut self, start: u64);
    /// A unit ends. `end`: the byte behind it in the folded text.
    fn unit(&mut self, end: u64);
    /// A unit that has not ended has come to so many characters, with a word or sign that ends at this byte. Gives from how many on it is to be
    /// told so again.
    fn grown(&mut self, characters: u32, end: u64) -> u32 {
        let _ = (characters, end);
        u32::MAX
    }
}

/// What a word or a letter is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// ASCII letters.
    Latin,
    /// Chinese characters.
    Chinese,
    /// Something else.
    Other,
}

/// A text on its way.
#[derive(Clone, Debug)]
pub struct Features {
    word: Padded,
    length: u8,
    /// Hashes of the last two words.
    before: [u32; 2],
    /// The last letters of other scripts, the last one first.
    letters: [u32; 3],
    sign: u8,
    /// Words of the unit.
    size: u32,
    /// Its characters.
    characters: u32,
    /// From how many of them on the sink is told: of each unit first, and of this one next.
    first: u32,
    next: u32,
    /// Bytes read.
    read: u64,
}

impl Default for Features {
    fn default() -> Self {
        let mut word = Padded::default();
        word.0[0] = b' ';
        let (first, next) = (u32::MAX, u32::MAX);
        Self {
            word,
            length: 0,
            before: [0; 2],
            letters: [0; 3],
            sign: 0,
            size: 0,
            characters: 0,
            first,
            next,
            read: 0,
        }
    }
}

impl Features {
    /// The same, with the sink told of units that come to so many characters.
    pub fn telling(first: u32) -> Self {
        Self { first, next: first, ..Self::default() }
    }

    /// The unit goes on, if it has begun, in what ends at byte `end`.
    #[inline]
    fn grow(&mut self, characters: u32, end: u64, sink: &mut impl Sink) {
        if self.size > 0 {
            self.characters += characters;
            if self.characters >= self.next {
                self.next = sink.grown(self.characters, end);
            }
        }
    }

    /// Reads on. `bytes` are folded text, and end with a whole character.
    pub fn push(&mut self, bytes: &[u8], sink: &mut impl Sink) {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if byte.is_ascii_alphanumeric() {
                if usize::from(self.length) == WORD {
                    self.word(self.read + at as u64, sink);
                    self.grow(WORD as u32, self.read + at as u64, sink);
                }
                self.length += 1;
                self.word.0[usize::from(self.length)] = byte.to_ascii_lowercase();
                at += 1;
                continue;
            }
            if self.length > 0 {
                let length = u32::from(self.length);
                self.word(self.read + at as u64, sink);
                self.grow(length, self.read + at as u64, sink);
            }
            if byte < 0x80 {
                at += 1;
                self.sign(byte, self.read + at as u64, sink);
                self.grow(1, self.read + at as u64, sink);
                continue;
            }
            let rest = bytes.get(at..).unwrap_or_default();
            let length = (byte.leading_ones() as usize).clamp(1, rest.len());
            at += length;
            let letter = rest.get(..length).and_then(|one| std::str::from_utf8(one).ok());
            if let Some(letter) = letter.and_then(|one| one.chars().next()) {
                self.wide(letter, length, self.read + at as u64, sink);
                self.grow(1, self.read + at as u64, sink);
            }
        }
        self.read += bytes.len() as u64;
    }

    /// The text ends.
    pub fn finish(&mut self, sink: &mut impl Sink) {
        if self.length > 0 {
            self.word(self.read, sink);
        }
        if self.size > 0 {
            self.unit(self.read, sink);
        }
    }

    /// Where the unit began that has not ended, where a word of it is pending that has not ended itself.
    pub fn pending(&self) -> Option<u64> {
        (self.size == 0 && self.length > 0).then(|| self.read - u64::from(self.length))
    }

    /// Whether a unit has begun that has not ended.
    pub fn is_open(&self) -> bool {
        self.size > 0
    }

    fn unit(&mut self, end: u64, sink: &mut impl Sink) {
        (self.size, self.characters, self.next) = (0, 0, self.first);
        sink.unit(end);
    }

    /// A word has ended. `end`: the byte behind it.
    fn word(&mut self, end: u64, sink: &mut impl Sink) {
        let length = usize::from(self.length);
        if self.size == 0 {
            sink.begin(end - length as u64);
        }
        self.length = 0;
        self.sign = 0;
        self.letters = [0; 3];
        self.word.0[length + 1] = b' ';
        let own = self.word.0.get(1..=length).unwrap_or_default();
        let hash = if own.iter().all(u8::is_ascii_digit) { NUMBER + length as u32 } else { hash_bytes(own) };
        sink.letter(Script::Latin);
        sink.feature(Group::Words, mix(hash, 1));
        let [last, second] = self.before;
        if last != 0 {
            sink.feature(Group::Words, mix(hash ^ last.rotate_left(7), 2));
        }
        if second != 0 {
            sink.feature(Group::Words, mix(hash ^ second.rotate_left(13), 3));
        }
        self.before = [hash, last];
        sink.runs(&self.word, length + 2);
        self.size += 1;
        if self.size >= MOST {
            self.unit(end, sink);
        }
    }

    /// A sign or white space. `end`: the byte behind it.
    fn sign(&mut self, sign: u8, end: u64, sink: &mut impl Sink) {
        match sign {
            // What stands behind a colon is said by somebody, or asked.
            b' ' if self.sign == b':' && self.size >= LEAST => self.unit(end, sink),
            b' ' | b'\t' | b'\r' | b'\'' => {}
            _ => {
                if sign != self.sign && sign != b'\n' {
                    sink.feature(Group::Words, mix(u32::from(sign), 4));
                }
                self.sign = sign;
                self.letters = [0; 3];
                if matches!(sign, b'.' | b'!' | b'?' | b'\n' | b';') && self.size >= LEAST {
                    self.unit(end, sink);
                }
            }
        }
    }

    /// A character beyond ASCII, of `length` bytes.
    fn wide(&mut self, c: char, length: usize, end: u64, sink: &mut impl Sink) {
        if !c.is_alphanumeric() {
            self.letters = [0; 3];
            let ends = matches!(c, '。' | '！' | '？' | '；' | '…');
            if ends && self.size >= LEAST {
                self.unit(end, sink);
            }
            return;
        }
        if self.sign == b':' && self.size >= LEAST {
            self.unit(end - length as u64, sink);
        }
        if self.size == 0 {
            sink.begin(end - length as u64);
        }
        self.sign = 0;
        self.before = [0; 2];
        sink.letter(if is_chinese(c) { Script::Chinese } else { Script::Other });
        let own = c as u32;
        let [first, second, third] = self.letters;
        sink.feature(Group::Words, mix(own, 5));
        if first != 0 {
            let two = mix(own ^ first.rotate_left(9), 6);
            sink.feature(Group::Words, two);
            if second != 0 {
                let three = mix(two ^ second.rotate_left(5), 7);
                sink.feature(Group::Runs, three);
                if third != 0 {
                    sink.feature(Group::Runs, mix(three ^ third.rotate_left(3), 8));
                }
            }
        }
        self.letters = [own, first, second];
        self.size += 1;
        if self.size >= MOST {
            self.unit(end, sink);
        }
    }
}

/// Whether it is a Chinese character.
fn is_chinese(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

fn hash_bytes(bytes: &[u8]) -> u32 {
    let mut hash = 0x9E37_79B9_u32;
    for &byte in bytes {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    hash | 1
}

#[inline]
fn hash_run(eight: u64, length: usize) -> u32 {
    let own = eight & (u64::MAX >> (64 - 8 * length));
    let hash = (own ^ (length as u64) << 56).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (hash >> 32) as u32
}

/// Spreads a hash of one kind.
#[inline]
fn mix(hash: u32, kind: u32) -> u32 {
    let hash = (hash ^ kind.wrapping_mul(0x85EB_CA6B)).wrapping_mul(0xC2B2_AE35);
    (hash ^ hash >> 15).wrapping_mul(0x27D4_EB2F) ^ hash >> 13
}
