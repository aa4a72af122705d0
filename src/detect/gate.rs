//! Where no word can begin, said from the next eight bytes.
//!
//! A word in a script with spaces begins with a whole token (a run of ASCII letters and digits), one in another script
//! with two characters: both are looked up in a table of bits before any tree is walked. The table never refuses a place at
//! which a word begins (it is a Bloom filter whose keys have two bits in one word, Bloom 1970); of other places it lets few
//! pass. A place whose token is not all there yet passes.

#![expect(clippy::inline_always, reason = "asked of each token: see `sift`")]

use super::lexicon::is_space;
use super::phrase::{FirstKeys, FirstTokens, Next};
use crate::text::fold::is_chinese;

/// The next eight bytes of the text, zeros after its end.
#[inline]
pub(super) fn eight(text: &[u8], at: usize) -> u64 {
    let rest = text.get(at..).unwrap_or_default();
    rest.first_chunk().map_or_else(|| last_of(text, rest.len()), |bytes| u64::from_le_bytes(*bytes))
}

/// The last `length` bytes of the text, less than eight.
#[inline(never)]
fn last_of(text: &[u8], length: usize) -> u64 {
    if let Some(last) = text.last_chunk() {
        return u64::from_le_bytes(*last).checked_shr(64 - 8 * length as u32).unwrap_or(0);
    }
    let bytes = text.get(text.len() - length..).unwrap_or_default();
    bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

/// Of shorter tokens too many words begin with their like.
const BEGUN: usize = 3;

/// How many bytes a Chinese character has.
pub(super) const CHINESE: usize = 3;

/// Upper and lower case alike, and some other signs with each other.
pub(super) const LOWER: u64 = 0x2020_2020_2020_2020;

/// A table of bits that is asked with words of eight bytes.
#[derive(Debug)]
pub(super) struct Bits {
    bits: Vec<u64>,
    shift: u32,
}

impl Bits {
    pub(super) fn new(keys: &[u64]) -> Self {
        /// Bits for each key, which has two of one word: less than one wrong answer in a hundred.
        const ROOM: usize = 32;
        let size = (keys.len() * ROOM).next_power_of_two().max(1 << 12);
        let mut bits = Self { bits: vec![0; size / 64], shift: 64 - size.trailing_zeros() };
        for &key in keys {
            let hash = hash(key);
            let place = hash.wrapping_shr(bits.shift);
            bits.bits[(place >> 6) as usize] |=
                1_u64.wrapping_shl(place as u32) | 1_u64.wrapping_shl(second(hash));
        }
        bits
    }

    /// The table as it is asked of each token.
    #[inline(always)]
    pub(super) fn table(&self) -> Hashed<'_> {
        Hashed { bits: &self.bits, shift: self.shift }
    }

    #[inline(always)]
    pub(super) fn holds(&self, key: u64) -> bool {
        self.table().holds(hash(key)) & 1 == 1
    }
}

/// A table of bits that is asked with hashes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hashed<'b> {
    bits: &'b [u64],
    shift: u32,
}

impl Hashed<'_> {
    /// The lowest bit tells; the others are anything.
    #[inline(always)]
    pub(super) fn holds(self, hash: u64) -> u64 {
        let place = hash.wrapping_shr(self.shift);
        let bits = self.bits.get((place >> 6) as usize).copied().unwrap_or(!0);
        bits.wrapping_shr(place as u32) & bits.wrapping_shr(second(hash))
    }
}

/// The place of a key's other bit among its sixty-four.
#[inline(always)]
fn second(hash: u64) -> u32 {
    (hash >> 24) as u32
}

/// What tells the place of a key.
#[inline(always)]
pub(super) fn hash(key: u64) -> u64 {
    key.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// By three letters or digits: whether a word begins with them, or with others like them, that goes on as it likes.
pub(super) type Openings = [u64; THREES / 64];
const THREES: usize = 1 << 15;

/// The place of three letters or digits among [`THREES`]: upper case and lower alike, and some others with each other.
#[inline(always)]
fn three(word: u64) -> usize {
    (word & 0x1F | word >> 3 & 0x1F << 5 | word >> 6 & 0x1F << 10) as usize
}

/// Whether a word may begin with these letters and digits and go on as it likes: the lowest bit. Never says no where one does that has
/// three of them and more.
#[inline(always)]
pub(super) fn opens(openings: &Openings, word: u64) -> u64 {
    let place = three(word);
    openings[(place / 64) & (THREES / 64 - 1)] >> (place & 63)
}

/// What is told of the words that a gate opens for.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    tokens: FirstKeys,
    pairs: Vec<u64>,
    /// Of these those behind which no Chinese character has to stand.
    last: Vec<u64>,
    /// The others with the Chinese character behind them, see [`with_third`].
    thirds: Vec<u64>,
    singles: Vec<u64>,
    /// Those of two different Chinese characters as they stand where no third one has to follow, and with what is behind them.
    chinese: Vec<u64>,
    /// First characters that are not ASCII.
    wide_firsts: Vec<u64>,
    ones: Vec<[u8; CHINESE]>,
    /// What a token may begin with that goes on as it likes: one letter or digit, two, three, four.
    open_one: Vec<u8>,
    open_two: Vec<(u8, u8)>,
    /// The same of those that are no longer than that.
    short_one: Vec<u8>,
    short_two: Vec<(u8, u8)>,
    open_three: Vec<u64>,
    open_four: Vec<u64>,
    signs: Vec<u8>,
}

/// The gate of a set of words.
#[derive(Debug)]
pub(super) struct Gate {
    tokens: FirstTokens,
    /// What such tokens begin with, from [`BEGUN`] bytes on.
    begun: Bits,
    pairs: Bits,
    last: Bits,
    thirds: Bits,
    /// Characters after which the second one does not matter.
    singles: Bits,
    has_singles: bool,
    ones: Vec<[u8; CHINESE]>,
    chinese: Bits,
    wide_firsts: Bits,
    /// By two letters or digits (36 by 36).
    open_two: Box<[u64; 36]>,
    /// The same, where the letters or digits after them do not matter.
    short_two: Box<[u64; 36]>,
    open_three: Bits,
    open_four: Bits,
    /// What words begin with that go on as they like, of three letters or digits and more: by the first three, see [`three`].
    openings: Box<Openings>,
    signs: Box<[bool; 128]>,
}

impl Keys {
    /// The keys of other words too.
    pub(super) fn extend(&mut self, other: &Self) {
        self.tokens.extend(&other.tokens);
        self.extend_wide(other);
        self.open_one.extend_from_slice(&other.open_one);
        self.open_two.extend_from_slice(&other.open_two);
        self.short_one.extend_from_slice(&other.short_one);
        self.short_two.extend_from_slice(&other.short_two);
        self.open_three.extend_from_slice(&other.open_three);
        self.open_four.extend_from_slice(&other.open_four);
        self.signs.extend_from_slice(&other.signs);
    }

    /// The same for what begins with other than ASCII.
    pub(super) fn extend_wide(&mut self, other: &Self) {
        self.pairs.extend_from_slice(&other.pairs);
        self.last.extend_from_slice(&other.last);
        self.thirds.extend_from_slice(&other.thirds);
        self.singles.extend_from_slice(&other.singles);
        self.chinese.extend_from_slice(&other.chinese);
        self.ones.extend_from_slice(&other.ones);
        self.wide_firsts.extend_from_slice(&other.wide_firsts);
    }

    /// A word as the text is folded, lower case. `whole`: a boundary follows it.
    pub(super) fn add(&mut self, word: &[u8], whole: bool) {
        let Some(&first) = word.first() else { return };
        if !first.is_ascii() {
            let one = char_len(first);
            let two = word.get(one).map_or(0, |&second| char_len(second));
            self.wide_first(head(eight(word, 0), one));
            if let Some(pair) = chinese_pair(word) {
                self.chinese.push(behind_pair(pair, UNKNOWN));
                match third(word, 2 * CHINESE) {
                    Some(third) => self.chinese.push(behind_pair(pair, third)),
                    None => self.chinese.push(pair),
                }
            }
            self.ones.extend(word.first_chunk().filter(|_| two == 0 && begins_chinese(word)));
            // White space comes in many forms.
            if two == 0 || word.get(one) == Some(&b' ') {
                self.singles.push(head(eight(word, 0), one));
            } else {
                let pair = head(eight(word, 0), one + two) | LOWER;
                self.pairs.push(pair);
                match third(word, one + two) {
                    Some(third) => self.thirds.push(with_third(pair, third)),
                    None => self.last.push(pair),
                }
            }
            return;
        }
        let token = word.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if token == 0 {
            self.signs.push(first);
        } else if whole || token < word.len() || token >= 8 {
            match *word.get(token..).unwrap_or_default() {
                [sign, ..] if sign != b' ' => {
                    self.tokens.add_signed(head(eight(word, 0) | LOWER, token), sign);
                }
                [_, ref behind @ ..] => self.token(word, token, behind),
                [] => self.token(word, token, &[]),
            }
        } else {
            self.open(word);
        }
    }

    /// A character that is not ASCII with which a word may begin.
    pub(super) fn wide_first(&mut self, first: u64) {
        self.wide_firsts.push(first);
    }

    /// A word that may begin in the middle of a token.
    pub(super) fn inside(&mut self, word: &[u8]) {
        match word.first() {
            Some(first) if first.is_ascii_alphanumeric() => self.open(word),
            _ => self.add(word, false),
        }
    }

    fn open(&mut self, word: &[u8]) {
        let token = word.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let key = |length: usize| head(eight(word, 0) | LOWER, length);
        let classes = (word.first().and_then(|&byte| class(byte)), word.get(1).and_then(|&byte| class(byte)));
        match classes {
            (Some(first), Some(second)) => self.open_two.push((first, second)),
            (Some(first), None) => self.open_one.push(first),
            (None, _) => {}
        }
        match (token, classes) {
            (4.., _) => self.open_four.push(key(4)),
            (3, _) => self.open_three.push(key(3)),
            (2, (Some(first), Some(second))) => self.short_two.push((first, second)),
            (1, (Some(first), _)) => self.short_one.push(first),
            _ => {}
        }
    }

    /// A token of `length` bytes with which a word begins. `behind`: what stands behind the white space after it.
    pub(super) fn token(&mut self, token: &[u8], length: usize, behind: &[u8]) {
        self.tokens.add(head(eight(token, 0) | LOWER, length), behind);
    }
}

impl Gate {
    pub(super) fn new(mut keys: Keys) -> Self {
        let lists = [
            &mut keys.pairs,
            &mut keys.last,
            &mut keys.thirds,
            &mut keys.singles,
            &mut keys.chinese,
            &mut keys.wide_firsts,
            &mut keys.open_three,
            &mut keys.open_four,
        ];
        for list in lists {
            list.sort_unstable();
            list.dedup();
        }
        let by_two = |ones: &[u8], twos: &[(u8, u8)]| {
            let mut table = Box::new([0_u64; 36]);
            twos.iter().for_each(|&(first, second)| table[usize::from(first)] |= 1 << second);
            ones.iter().for_each(|&first| table[usize::from(first)] = !0);
            table
        };
        let mut signs = Box::new([false; 128]);
        for sign in keys.signs {
            signs[usize::from(sign & 0x7F)] = true;
        }
        let tokens = keys.tokens.all().iter();
        let mut begun: Vec<u64> = tokens.flat_map(|&token| (BEGUN..8).map(move |n| head(token, n))).collect();
        begun.sort_unstable();
        begun.dedup();
        let mut openings = Box::new([0; THREES / 64]);
        for &word in keys.open_three.iter().chain(&keys.open_four) {
            openings[three(word) / 64] |= 1 << (three(word) % 64);
        }
        Self {
            tokens: FirstTokens::new(keys.tokens),
            begun: Bits::new(&begun),
            pairs: Bits::new(&keys.pairs),
            last: Bits::new(&keys.last),
            thirds: Bits::new(&keys.thirds),
            singles: Bits::new(&keys.singles),
            has_singles: !keys.singles.is_empty(),
            ones: keys.ones,
            chinese: Bits::new(&keys.chinese),
            wide_firsts: Bits::new(&keys.wide_firsts),
            open_two: by_two(&keys.open_one, &keys.open_two),
            short_two: by_two(&keys.short_one, &keys.short_two),
            open_three: Bits::new(&keys.open_three),
            open_four: Bits::new(&keys.open_four),
            openings,
            signs,
        }
    }

    /// Whether a word may begin with a token, and go on with other than letters and digits or not at all. `word`: the
    /// text's next bytes; `length`: how many of them are the token's, eight for eight and more.
    #[inline]
    pub(super) fn whole_token(&self, word: u64, length: usize) -> bool {
        self.tokens.all().holds(head(word | LOWER, length))
    }

    /// Whether a word that is read as it stands may begin with the token at `at`, by what stands behind it.
    #[inline]
    pub(super) fn token_at(&self, text: &[u8], at: usize, word: u64, length: usize) -> bool {
        let token = head(word | LOWER, length);
        match text.get(at + length) {
            Some(&sign) if length < 8 && !is_space(sign) => self.tokens.holds_signed(token, sign),
            _ => {
                let next = (length < 8).then(|| Next::after(text, at + length)).flatten();
                self.tokens.holds_before(token, next)
            }
        }
    }

    /// Whether a word may begin with a token of which only `known` bytes have come, less than eight.
    #[inline]
    pub(super) fn may_begin_within(&self, word: u64, known: usize) -> bool {
        known < BEGUN || self.begun.holds(head(word | LOWER, known)) || self.open_within(word, known)
    }

    /// Whether a word may end with this token, or go on behind it with less than two letters.
    #[inline]
    pub(super) fn last_token(&self, word: u64, length: usize) -> bool {
        self.tokens.holds_last(head(word | LOWER, length))
    }

    /// The same where `next` follows.
    #[inline]
    pub(super) fn whole_token_before(&self, word: u64, length: usize, next: Option<Next>) -> bool {
        self.tokens.holds_before(head(word | LOWER, length), next)
    }

    /// Which tokens words begin with, by what is behind them.
    #[inline(always)]
    pub(super) fn firsts(&self) -> Hashed<'_> {
        self.tokens.table()
    }

    /// What [`opens`] asks.
    #[inline(always)]
    pub(super) fn openings(&self) -> &Openings {
        &self.openings
    }

    /// What [`begin_chinese`] asks.
    #[inline(always)]
    pub(super) fn chinese(&self) -> Hashed<'_> {
        self.chinese.table()
    }

    /// Whether a word may begin with these two letters or digits, whatever follows them.
    pub(super) fn short(&self, first: u8, second: u8) -> bool {
        holds_two(&self.short_two, first, second)
    }

    /// Whether some word begins with these two letters or digits and goes on as it likes.
    #[inline]
    pub(super) fn opens(&self, first: u8, second: u8) -> bool {
        holds_two(&self.open_two, first, second)
    }

    /// Whether a word may begin with these letters and digits, whatever follows them.
    #[inline]
    pub(super) fn open(&self, word: u64) -> bool {
        if !self.opens(word as u8, (word >> 8) as u8) {
            return false;
        }
        if holds_two(&self.short_two, word as u8, (word >> 8) as u8) {
            return true;
        }
        let word = word | LOWER;
        self.open_four.holds(head(word, 4)) || self.open_three.holds(head(word, 3))
    }

    /// The same where only the first `known` bytes of the word have come, at least one: what is not known passes.
    #[inline]
    pub(super) fn open_within(&self, word: u64, known: usize) -> bool {
        match known {
            ..2 => {
                self.open_two.get(usize::from(CLASS[usize::from(word as u8)])).is_some_and(|&row| row != 0)
            }
            2..4 => self.opens(word as u8, (word >> 8) as u8),
            4.. => self.open(word),
        }
    }

    /// Whether a word may begin with the two characters of `one` and `two` bytes at `at`, the first not ASCII, and what stands behind
    /// them. `word`: the next eight bytes.
    #[inline]
    pub(super) fn pair(&self, text: &[u8], at: usize, word: u64, one: usize, two: usize) -> bool {
        let pair = head(word, one + two) | LOWER;
        self.pairs.holds(pair) && self.goes_on(text, at, pair, (one, two), |_| true) || self.single(word, one)
    }

    /// The same of words that are looked for behind disguises too: behind the first two characters something may stand that is not of
    /// the word.
    #[inline]
    pub(super) fn disguised_pair(&self, text: &[u8], at: usize, word: u64, one: usize, two: usize) -> bool {
        let pair = head(word, one + two) | LOWER;
        self.pairs.holds(pair) && self.goes_on(text, at, pair, (one, two), stops) || self.single(word, one)
    }

    /// Whether a word may begin with a character of `one` bytes, whatever stands behind it.
    #[inline]
    pub(super) fn single(&self, word: u64, one: usize) -> bool {
        self.has_singles && self.singles.holds(head(word, one))
    }

    /// Whether a word may begin with this character, which is not ASCII.
    #[inline]
    pub(super) fn wide_first(&self, first: u64) -> bool {
        self.wide_firsts.holds(first)
    }

    /// Whether a word may begin with a Chinese character before another one, or what is none. `word`: the eight bytes there. Never says
    /// no where one begins.
    #[inline]
    pub(super) fn chinese_before_others(&self, word: u64) -> bool {
        let (first, behind) = (head(word, CHINESE), word >> (8 * CHINESE));
        let second = char_len(behind as u8);
        if self.pairs.holds(head(word, CHINESE + second) | LOWER) || self.single(word, CHINESE) {
            return true;
        }
        if head(behind, FULL_STOP.len()).to_le_bytes().starts_with(&FULL_STOP) {
            return false;
        }
        if !APART[usize::from(behind as u8)] {
            return true;
        }
        let (next, lead) = (behind >> 8, (behind >> 8) as u8);
        if begins_chinese(&next.to_le_bytes()) {
            let third = head(next, CHINESE);
            return third == first
                || begin_chinese(self.chinese(), first | third << (8 * CHINESE), UNKNOWN) & 1 == 1;
        }
        !lead.is_ascii_alphabetic() || self.pairs.holds(first | u64::from(lead) << (8 * CHINESE) | LOWER)
    }

    /// Words of one Chinese character.
    pub(super) fn ones(&self) -> &[[u8; CHINESE]] {
        &self.ones
    }

    /// Whether a word may begin with two characters of `one` and `two` bytes, whatever stands behind them.
    #[inline]
    pub(super) fn any_pair(&self, word: u64, one: usize, two: usize) -> bool {
        self.pairs.holds(head(word, one + two) | LOWER) || self.single(word, one)
    }

    /// Whether a word that begins with a pair may go on, or end with it. A Chinese character behind it is one of the word, but where it
    /// only repeats; of others `ends` tells whether none behind them is.
    #[inline]
    fn goes_on(
        &self,
        text: &[u8],
        at: usize,
        pair: u64,
        (one, two): (usize, usize),
        ends: fn(&[u8]) -> bool,
    ) -> bool {
        let behind = text.get(at + one + two..).unwrap_or_default();
        if behind.is_empty() {
            return true;
        }
        let Some(third) = third(behind, 0) else { return !ends(behind) || self.last.holds(pair) };
        let second = head(eight(text, at + one), two);
        third == second || self.thirds.holds(with_third(pair, third)) || self.last.holds(pair)
    }

    /// The signs that words begin with.
    pub(super) fn signs(&self) -> impl Iterator<Item = u8> + '_ {
        (0..128).filter(|&sign| self.signs[usize::from(sign)])
    }
}

/// The first two characters of a word, where they are Chinese and differ.
pub(super) fn chinese_pair(word: &[u8]) -> Option<u64> {
    let first = word.first_chunk::<{ 2 * CHINESE }>()?;
    let (one, two) = first.split_at(CHINESE);
    (begins_chinese(one) && begins_chinese(two) && one != two).then(|| eight(first, 0))
}

/// Whether a Chinese character begins here, which has [`CHINESE`] bytes: U+4000..=U+9FFF but for the signs [`SIGNS`].
#[inline]
pub(super) fn begins_chinese(text: &[u8]) -> bool {
    text.first().is_some_and(|&first| is_chinese(first)) && !text.starts_with(&SIGNS)
}

/// What the sixty-four signs begin with that stand among Chinese characters, U+4DC0..=U+4DFF: the hexagrams of the I Ching.
pub(super) const SIGNS: [u8; 2] = [0xE4, 0xB7];

/// The Chinese character at `at`, if one stands there.
fn third(text: &[u8], at: usize) -> Option<u64> {
    text.get(at..).filter(|text| begins_chinese(text))?;
    Some(head(eight(text, at), CHINESE))
}

/// The full stop `。`.
pub(super) const FULL_STOP: [u8; 3] = [0xE3, 0x80, 0x82];

/// A mark that stands between no two Chinese characters of which others touch each other.
pub(super) fn is_stop(byte: u8) -> bool {
    matches!(byte, b',' | b';' | b':' | b'!' | b'?')
}

/// Whether what begins here ends every disguised word of which two Chinese characters touch each other and go on with a third.
pub(super) fn stops(behind: &[u8]) -> bool {
    match behind {
        &[sign, ..] if is_stop(sign) => true,
        &[first, second, third, ..] if [first, second, third] == FULL_STOP => true,
        // No Chinese character follows.
        [b' ', letter, ..] => letter.is_ascii_alphanumeric(),
        _ => false,
    }
}

/// In place of the third character.
pub(super) const UNKNOWN: u64 = 1 << 32;
/// The same where none follows.
pub(super) const NONE: u64 = 2 << 32;

/// Two Chinese characters with the third one, or [`UNKNOWN`].
#[inline(always)]
fn behind_pair(pair: u64, third: u64) -> u64 {
    hash(pair) ^ third
}

/// Whether a word may begin with two different Chinese characters before a third one, or [`UNKNOWN`]: the lowest bit.
#[inline(always)]
pub(super) fn begin_chinese(table: Hashed<'_>, pair: u64, third: u64) -> u64 {
    table.holds(hash(behind_pair(pair, third))) | table.holds(hash(pair))
}

/// Two characters together with the Chinese one behind them.
#[inline]
fn with_third(pair: u64, third: u64) -> u64 {
    pair.wrapping_mul(0xD6E8_FEB8_6659_FD93) ^ third
}

/// Whether a table of pairs of letters or digits holds these two.
#[inline]
fn holds_two(table: &[u64; 36], first: u8, second: u8) -> bool {
    let row = table.get(usize::from(CLASS[usize::from(first)])).copied().unwrap_or_default();
    row >> CLASS[usize::from(second)] & 1 == 1
}

/// The first `length` bytes of a word, eight at most.
#[inline]
pub(super) fn head(word: u64, length: usize) -> u64 {
    word & HEADS.get(length).copied().unwrap_or(!0)
}

/// By length: as many bytes of ones.
pub(super) static HEADS: [u64; 9] = {
    let mut heads = [0; 9];
    let mut length = 1;
    while length < 9 {
        heads[length] = heads[length - 1] << 8 | 0xFF;
        length += 1;
    }
    heads
};

/// How many bytes a character has that begins with this byte.
#[inline]
pub(super) fn char_len(first: u8) -> usize {
    match first {
        0..0xC0 => 1,
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        0xF0.. => 4,
    }
}

/// What stands between letters, or between the words of a phrase, and for none.
static APART: [bool; 256] = {
    let signs = *b" \t\n\x0b\x0c\r,;:?.-_~^'`=%&\"/\\)[]{}>";
    let mut table = [false; 256];
    let mut at = 0;
    while at < signs.len() {
        table[signs[at] as usize] = true;
        at += 1;
    }
    table
};

/// Whether a sign stands between letters, or between the words of a phrase, and for none.
#[inline]
pub(super) fn is_apart(byte: u8) -> bool {
    APART[usize::from(byte)]
}

/// Letters and digits in 36 classes, case apart, and one for all else.
static CLASS: [u8; 256] = {
    let mut table = [OTHER; 256];
    let mut letter = 0;
    while letter < 26 {
        table[(b'a' + letter) as usize] = 10 + letter;
        table[(b'A' + letter) as usize] = 10 + letter;
        letter += 1;
    }
    let mut digit = 0;
    while digit < 10 {
        table[(b'0' + digit) as usize] = digit;
        digit += 1;
    }
    table
};
const OTHER: u8 = 36;

fn class(byte: u8) -> Option<u8> {
    Some(CLASS[usize::from(byte)]).filter(|&class| class != OTHER)
}
