//! Stretches of base64 and hex that decode to text.
//!
//! What begins at a token is read as far as it is text. A short stretch has to be text to its end; in a long one, which may begin
//! with something else, every row of [`ISLAND`] bytes of text is read, at each of the four places where a group may begin. Chance makes
//! no such row: of random bytes four in ten are text.

use super::Encoding;
use super::bytes::{TextBytes, may_go_on};
use super::layer::Layer;
use super::tokens::{BASE64, HEADS, HEX, Heads, SEXTETS, Token, tokens};
use crate::text::work::step;
use std::ops::Range;

/// A decoded text so short may be a value of which only the text before it says what it is.
const SHORT: usize = 32;
/// So much of that is read with it.
const BEFORE: usize = 48;
/// The fewest bytes that are worth a look.
const FEWEST: usize = 3;
/// Shorter tokens that are letters alone, in the case of a word, are words.
const WORDLIKE: usize = 8;
/// From here on a stretch is long.
const LONG: usize = 32;
/// The fewest bytes of text in the middle of something else.
const ISLAND: usize = 24;
/// The longest stretch that is read from tokens within it.
const INNER: usize = 64;
/// The most white space between two lines of one stretch.
const INDENT: usize = 16;
/// The most characters between two pairs of hex digits.
const GAP: usize = 3;

/// Finds the stretches of a text, and tells of tokens that may be scrambled words.
pub(super) fn blocks(text: &str, layer: &mut Layer, mut word: impl FnMut(usize, &[u8])) {
    let bytes = text.as_bytes();
    let heads = &*HEADS;
    let mut finder = Finder {
        text: bytes,
        layer,
        decoded: TextBytes::default(),
        groups: Vec::new(),
        stretch: 0,
        base64: 0,
        hex: 0,
        lines: 0,
        tried: [0; 4],
        next: Next::default(),
        before: Before::default(),
    };
    tokens(bytes, |Token { at, end, joined, escaped }| {
        let length = end - at;
        let pair = bytes.get(at..at + 2).and_then(<[u8]>::first_chunk);
        let head = pair.map_or(0, |&[first, second]| heads.of(first, second));
        // A letter alone begins no word and no hex.
        let head = head & if length > 1 { BASE64 | HEX | Heads::word(length) } else { BASE64 };
        let head = match head & (BASE64 | HEX) {
            0 => head,
            _ => head & !ruled_out(bytes, at, end, joined),
        };
        // Most words of a text are none of these.
        if head == 0 && !joined && !escaped && length < LONG {
            return;
        }
        if head & Heads::word(length) != 0 {
            word(at, bytes.get(at..end).unwrap_or_default());
        }
        if head & (BASE64 | HEX) != 0 || (joined || length >= LONG) && at >= finder.stretch {
            finder.token(at, end, head);
        }
        // A part of a text may begin in the middle of a pair of hex digits.
        if at == 0 && length > LONG && finder.hex == 0 {
            finder.hex_groups(1, end);
        }
        // In source code a token may begin behind an escape such as `\n`.
        if escaped && length > FEWEST {
            finder.token(at + 1, end, BASE64 | HEX);
        }
    });
}

/// Of what may begin with a token's first two letters, what its next two rule out, or what stands behind so short a token: most words.
#[inline]
fn ruled_out(text: &[u8], at: usize, end: usize, joined: bool) -> u16 {
    let behind = text.get(end).copied().unwrap_or_default();
    let Some(group) = text.get(at..at + 4).and_then(<[u8]>::first_chunk).filter(|_| end - at >= 4) else {
        // Three letters are no group of base64, and no pairs of hex.
        let goes_on = joined
            || behind == b' ' && !is_other_word(text, end + 1, end - at)
            || behind != b' ' && behind.is_ascii_whitespace();
        let base64 = if goes_on { 0 } else { BASE64 };
        return base64 | if end - at == 3 { HEX } else { 0 };
    };
    let base64 = if may_go_on(first_bytes(*group)) { 0 } else { BASE64 };
    let [zero, x, third, fourth] = group;
    let hex = third.is_ascii_hexdigit() && fourth.is_ascii_hexdigit() || *zero == b'0' && x | 0x20 == b'x';
    base64 | if hex { 0 } else { HEX }
}

/// Whether a word of another length stands there, behind which nothing goes on: what would not be read as the next line of base64.
#[inline]
fn is_other_word(text: &[u8], at: usize, length: usize) -> bool {
    let behind = text.get(at..).unwrap_or_default();
    let letters = behind.iter().take(WORDLIKE + 1).take_while(|byte| byte.is_ascii_lowercase()).count();
    let next = behind.get(letters).copied().unwrap_or_default();
    let ends = SEXTETS[usize::from(next)] >= 64 && next != b'=';
    (1..=WORDLIKE).contains(&letters) && letters != length && ends
}

struct Finder<'a> {
    text: &'a [u8],
    layer: &'a mut Layer,
    decoded: TextBytes,
    /// Groups of hex digits, each with its bytes.
    groups: Vec<(Range<usize>, Range<usize>)>,
    /// Where the stretch ends that was looked at last.
    stretch: usize,
    /// What was read as base64, as hex, as lines of base64 ends there.
    base64: usize,
    hex: usize,
    lines: usize,
    /// How far lines of base64 have been read in vain, by where in a group of four their letters stand.
    tried: [usize; 4],
    /// The run behind the stretch, once it is known.
    next: Next,
    before: Before,
}

/// What stands before a short value and says what it is. No byte of the text is read with two places, nor one that decodes: lines
/// of base64 would be read over and over, each with those before it.
#[derive(Default)]
struct Before {
    /// What decodes ends there.
    end: usize,
    /// The last place, and where what stands before it begins.
    place: usize,
    from: usize,
}

impl Before {
    fn pass(&mut self, place: &Range<usize>) {
        self.end = self.end.max(place.end);
    }

    fn copy(&mut self, text: &[u8], place: usize, layer: &mut Layer) {
        if place != self.place {
            (self.place, self.from) = (place, place.saturating_sub(BEFORE).max(self.end));
        }
        let before = text.get(self.from..place).unwrap_or_default();
        let skipped = before.iter().take_while(|byte| **byte & 0xC0 == 0x80).count();
        let before = before.get(skipped..).and_then(|before| std::str::from_utf8(before).ok());
        layer.plain(before.unwrap_or_default(), self.from + skipped);
    }
}

/// A run behind white space.
#[derive(Clone, Copy, Debug, Default)]
struct Next {
    place: usize,
    length: usize,
    /// In the same line it has the form of a word.
    wordlike: bool,
}

impl Finder<'_> {
    fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or_default()
    }

    fn token(&mut self, at: usize, end: usize, head: u16) {
        if at >= self.stretch {
            self.stretch = self.base64_end(end);
            if self.stretch - at >= LONG && at >= self.base64 {
                self.islands(at, self.stretch);
            }
        }
        if head & BASE64 != 0 && self.goes_on(at) {
            // From within what has been read in vain the same bytes come, and end as they did; a group later, others may.
            let tried = self.tried.get(at % 4).copied().unwrap_or_default();
            let lines = matches!(self.byte(self.stretch), b' ' | b'\t' | b'\r' | b'\n');
            if lines && at >= self.lines && at >= tried && self.may_be_lines(at) {
                let read = self.base64_lines(at).min(self.stretch).saturating_sub(3);
                if let Some(tried) = self.tried.get_mut(at % 4) {
                    *tried = read;
                }
            }
            if at >= self.base64 {
                let more = self.stretch > end && self.stretch - at < INNER;
                let word = end - at < WORDLIKE && self.is_wordlike(at, end);
                // A word may begin base64 that goes on behind `+` or the like.
                let taken = more && self.base64_token(at, self.stretch);
                if !taken && !word {
                    self.base64_token(at, end);
                }
            }
        }
        if head & HEX != 0 && at >= self.hex {
            self.hex_groups(at, end);
        }
    }

    /// Whether the first group of base64 may be text, over white space.
    #[inline]
    fn goes_on(&self, at: usize) -> bool {
        let mut group = [u8::MAX; 4];
        let mut count = 0;
        for &byte in self.text.iter().skip(at).take(INDENT) {
            let sextet = SEXTETS[usize::from(byte)];
            if sextet < 64 {
                if let Some(slot) = group.get_mut(count) {
                    *slot = sextet;
                }
                count += 1;
            }
            if count == 4 || sextet >= 64 && !byte.is_ascii_whitespace() {
                break;
            }
        }
        let [_, _, c, d] = group;
        (c | d) >= 64 || may_go_on(bytes_of(group))
    }

    /// Whether behind the run that begins at `at` and the white space there is a run that may go on with it: what has the form of a
    /// word in the same line does only if it is as long. So for most words nothing is decoded.
    fn may_be_lines(&mut self, at: usize) -> bool {
        let behind = self.text.get(self.stretch..).unwrap_or_default();
        let spaces = behind.iter().take(INDENT + 1).take_while(|byte| byte.is_ascii_whitespace()).count();
        let place = self.stretch + spaces;
        if self.next.place != place {
            let end = self.base64_end(place);
            let line = behind.iter().take(spaces).any(|&byte| byte == b'\n');
            let wordlike = !line && self.is_wordlike(place, end);
            self.next = Next { place, length: end - place, wordlike };
        }
        let Next { length, wordlike, .. } = self.next;
        length > 0 && (!wordlike || length == self.stretch - at)
    }

    /// Whether a token is letters alone, of the cases of a word.
    fn is_wordlike(&self, at: usize, end: usize) -> bool {
        let Some((first, rest)) = self.text.get(at..end).and_then(<[u8]>::split_first) else { return false };
        let lower = rest.iter().all(u8::is_ascii_lowercase);
        let upper = first.is_ascii_uppercase() && rest.iter().all(u8::is_ascii_uppercase);
        (lower && first.is_ascii_alphabetic() || upper) && self.byte(end) != b'='
    }

    /// Where a run of base64 ends of which the part before `at` is known.
    fn base64_end(&self, at: usize) -> usize {
        at + self.text.iter().skip(at).take_while(|&&byte| SEXTETS[usize::from(byte)] < 64).count()
    }

    /// The padding goes with the stretch.
    fn padded(&self, end: usize) -> usize {
        end + self.text.iter().skip(end).take(2).take_while(|&&byte| byte == b'=').count()
    }

    /// Adds what the bytes of a range say.
    fn add(&mut self, range: Range<usize>, place: Range<usize>, encoding: Encoding) -> bool {
        let text = self.decoded.text(range).filter(|text| text.len() >= FEWEST);
        let found = text.is_some();
        if let Some(text) = text {
            let short = (6..=SHORT).contains(&text.len()) && !text.contains(char::is_control);
            if short && text.bytes().any(|byte| byte.is_ascii_digit()) {
                self.before.copy(self.text, place.start, self.layer);
            }
            self.before.pass(&place);
            self.layer.block(&text, place, encoding);
        }
        found
    }

    /// Reads one run of base64 that has to be text to its end.
    fn base64_token(&mut self, at: usize, end: usize) -> bool {
        self.decoded.clear();
        let mut bits = Bits::default();
        for &byte in self.text.get(at..end).unwrap_or_default() {
            step();
            if let Some(byte) = bits.push(SEXTETS[usize::from(byte)])
                && !self.decoded.push(byte)
            {
                return false;
            }
        }
        let place = at..self.padded(end);
        let found = self.add(0..self.decoded.len(), place.clone(), Encoding::Base64);
        if found {
            self.base64 = place.end;
        }
        found
    }

    /// Reads base64 that is broken into lines, or set apart by white space, as far as it is text. Gives where it ends to be that.
    fn base64_lines(&mut self, at: usize) -> usize {
        self.decoded.clear();
        let (mut bits, mut place) = (Bits::default(), at);
        let mut runs = Runs::default();
        'runs: loop {
            let run = place;
            while let Some(sextet) =
                self.text.get(place).map(|&byte| SEXTETS[usize::from(byte)]).filter(|&n| n < 64)
            {
                step();
                if let Some(byte) = bits.push(sextet)
                    && !self.decoded.push(byte)
                {
                    break 'runs;
                }
                place += 1;
            }
            if place == run {
                break;
            }
            let padded = self.padded(place);
            let goes_on = runs.push(place - run, (padded, self.decoded.len()));
            let spaces = self
                .text
                .iter()
                .skip(padded)
                .take(INDENT + 1)
                .inspect(|_| step())
                .take_while(|byte| byte.is_ascii_whitespace())
                .count();
            if !goes_on || padded > place || spaces == 0 || spaces > INDENT {
                break;
            }
            place += spaces;
            // In the same line what has the form of a word is one, unless it is as long as the others.
            let line = self.text.get(padded..place).is_some_and(|spaces| spaces.contains(&b'\n'));
            let next = self.base64_end(place);
            if !line && next - place != runs.first && self.is_wordlike(place, next) {
                break;
            }
        }
        // Its last run may be a word that has nothing to do with the others.
        for (end, length) in [runs.last, runs.before].into_iter().take(runs.count.saturating_sub(1)) {
            self.lines = self.lines.max(end);
            self.add(0..length, at..end, Encoding::Base64);
        }
        place
    }

    /// Reads what is text within a long run of base64.
    fn islands(&mut self, at: usize, end: usize) {
        let place = at..self.padded(end);
        for skip in 0..4 {
            let (mut bits, mut found) = (Bits::default(), 0);
            self.decoded.clear();
            for &byte in self.text.get(at + skip..end).unwrap_or_default() {
                step();
                let Some(byte) = bits.push(SEXTETS[usize::from(byte)]) else { continue };
                if !self.decoded.push(byte) {
                    found += self.island(&place);
                    self.decoded.clear();
                    self.decoded.push(byte);
                }
            }
            found += self.island(&place);
            if found > 0 {
                self.base64 = place.end;
            }
            // No more fits beside it.
            if found + ISLAND > (end - at) * 3 / 4 {
                return;
            }
        }
    }

    fn island(&mut self, place: &Range<usize>) -> usize {
        let length = self.decoded.len();
        let is_island = length >= ISLAND && self.add(0..length, place.clone(), Encoding::Base64);
        if is_island { length } else { 0 }
    }

    /// Reads pairs of hex digits, in groups or alone, as far as they are text.
    fn hex_groups(&mut self, at: usize, end: usize) {
        self.decoded.clear();
        let (mut place, mut end) = (at, end);
        let mut groups = std::mem::take(&mut self.groups);
        groups.clear();
        'groups: loop {
            let zero_x = self.byte(place) == b'0' && self.byte(place + 1) | 0x20 == b'x' && end > place + 2;
            let digits = self.text.get(place + if zero_x { 2 } else { 0 }..end).unwrap_or_default();
            let (pairs, odd) = digits.as_chunks::<2>();
            // A part of a text may end in the middle of a pair.
            let cut = end == self.text.len() && digits.len() > LONG;
            if pairs.is_empty() || !odd.is_empty() && !cut {
                break;
            }
            let from = self.decoded.len();
            for &[high, low] in pairs {
                step();
                let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
                let byte = digit(high).zip(digit(low)).map(|(high, low)| high << 4 | low);
                if !byte.is_some_and(|byte| self.decoded.push(byte)) {
                    break 'groups;
                }
            }
            groups.push((place..end, from..self.decoded.len()));
            let gap =
                self.text.iter().skip(end).take(GAP + 1).take_while(|byte| b" ,;:-_.|\t\r\n".contains(byte));
            let gap = gap.count();
            place = end + gap;
            end =
                place + self.text.iter().skip(place).take_while(|byte| byte.is_ascii_alphanumeric()).count();
            if gap == 0 || gap > GAP || end == place {
                break;
            }
        }
        if let Some((last, all)) = groups.last()
            && self.add(0..all.end, at..last.end, Encoding::Hex)
        {
            self.hex = last.end;
            // A number beside it may have nothing to do with it.
            let alone = groups.len() > 1;
            for (place, bytes) in groups.iter().filter(|(_, bytes)| alone && bytes.len() > FEWEST) {
                self.add(bytes.clone(), place.clone(), Encoding::Hex);
            }
        }
        self.groups = groups;
    }
}

/// The three bytes of a group of four letters or digits.
#[inline]
fn first_bytes(letters: [u8; 4]) -> [u8; 3] {
    bytes_of(letters.map(|letter| SEXTETS[usize::from(letter)]))
}

/// The three bytes of four sextets.
#[inline]
fn bytes_of([a, b, c, d]: [u8; 4]) -> [u8; 3] {
    [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]
}

/// Runs of base64 that are one text: each as long as the others, the last as long or shorter; or of any length.
#[derive(Default)]
struct Runs {
    count: usize,
    first: usize,
    even: bool,
    /// Where the last run ended, and how many bytes had been read; the same of the one before it.
    last: (usize, usize),
    before: (usize, usize),
}

impl Runs {
    /// Takes the next run, and tells whether there may be more.
    fn push(&mut self, length: usize, end: (usize, usize)) -> bool {
        let evenly = length == self.first;
        match self.count {
            0 => self.first = length,
            1 => self.even = evenly,
            _ if self.even && length > self.first => return false,
            _ => {}
        }
        self.count += 1;
        self.before = std::mem::replace(&mut self.last, end);
        !self.even || evenly
    }
}

/// Six bits a letter on their way to bytes.
#[derive(Default)]
struct Bits {
    bits: u32,
    count: u8,
}

impl Bits {
    #[inline]
    fn push(&mut self, sextet: u8) -> Option<u8> {
        self.bits = self.bits << 6 | u32::from(sextet);
        self.count += 6;
        if self.count < 8 {
            return None;
        }
        self.count -= 8;
        let byte = (self.bits >> self.count) as u8;
        self.bits &= (1 << self.count) - 1;
        Some(byte)
    }
}
