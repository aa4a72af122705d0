//! Text in ROT13 and text that runs backwards.
//!
//! Nothing in the letters themselves says so, and to read every text in three ways would cost three times as much. So a part of
//! a text is read so where at least two different ones of the commonest English words stand near each other as they look then (`gur`, `znxr`;
//! `woh`, `ekam`), and some pages around where it speaks of such a thing.

use super::Encoding;
use super::layer::Layer;
use memchr::memchr3_iter;
use memchr::memmem::Finder;
use std::ops::Range;
use std::sync::LazyLock;

/// Common words in ROT13. Some are words or units themselves (`tryy`, `va`), so one alone says nothing.
const ROT13: &[&str] = &[
    "nobhg",
    "naq",
    "ner",
    "jvgu",
    "guvf",
    "gung",
    "gur",
    "gurl",
    "gurer",
    "sebz",
    "sbe",
    "tvir",
    "tryy",
    "gryy",
    "unir",
    "ubj",
    "vf",
    "va",
    "vg",
    "vagb",
    "jnf",
    "jnag",
    "jung",
    "jura",
    "jurer",
    "jvyy",
    "lbh",
    "lbhe",
    "znxr",
    "zr",
    "zl",
    "abg",
    "bs",
    "gb",
    "pna",
    "qb",
    "qbrf",
    "hfr",
    "hfvat",
    "jbhyq",
    "fubj",
    "uryc",
    "cyrnfr",
    "fgrcf",
    "rknpgyl",
    "rkcynva",
    "jevgr",
    "vafgehpgvbaf",
    "cerivbhf",
    "vtaber",
    "nyy",
];
/// Common words from their end. Some are words themselves (`saw`, `dna`), so one alone says nothing.
const REVERSED: &[&str] = &[
    "dna",
    "eht",
    "fo",
    "ot",
    "ni",
    "si",
    "ti",
    "siht",
    "taht",
    "yeht",
    "ereht",
    "htiw",
    "morf",
    "evig",
    "llet",
    "evah",
    "woh",
    "tahw",
    "nehw",
    "erehw",
    "lliw",
    "uoy",
    "ruoy",
    "ekam",
    "ym",
    "nac",
    "od",
    "seod",
    "esu",
    "gnisu",
    "dluow",
    "wohs",
    "pleh",
    "esaelp",
    "spets",
    "yltcaxe",
    "nialpxe",
    "etirw",
    "snoitcurtsni",
    "suoiverp",
    "erongi",
    "lla",
    "tuoba",
    "otni",
    "tnaw",
    "rof",
    "saw",
];
/// What a text says that speaks of one or the other.
const SAYS_ROT13: &[&str] = &["rot13", "rot", "caesar", "cipher", "ebg13"];
const SAYS_REVERSED: &[&str] =
    &["reverse", "reversed", "reversing", "backward", "backwards", "mirrored", "esrever", "sdrawkcab"];
/// The same in Chinese, with what may follow.
const CHINESE: [char; 3] = ['倒', '反', '逆'];
const CHINESE_AFTER: &[&str] =
    &["序", "过来", "過來", "着", "著", "转", "轉", "向", "写", "寫", "读", "讀", "念", "排"];

/// Words of one kind further apart have nothing to do with each other.
const NEAR: usize = 96;
/// How much of the text before the first and behind the last is read with them.
const AROUND: usize = 160;
/// How far from where a text speaks of it it may be so.
const SAYS: usize = 4 << 10;

/// Tokens of a text that tell how it may be read.
#[derive(Debug, Default)]
pub(super) struct Hints {
    rot13: Vec<Word>,
    reversed: Vec<Word>,
    /// Where it speaks of one or the other.
    says_rot13: Vec<u32>,
    says_reversed: Vec<u32>,
}

/// Where a word stands, and which one it is.
type Word = (u32, u64);

/// What a word that is looked for tells.
#[derive(Clone, Copy, Debug)]
enum Tells {
    Rot13,
    Reversed,
    SaysRot13,
    SaysReversed,
}

/// The sign from which on text is shown from its end.
static OVERRIDES: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\u{202e}"));

/// All words, by [`key`].
static WORDS: LazyLock<Vec<(u64, &'static [u8], Tells)>> = LazyLock::new(|| {
    let lists = [
        (ROT13, Tells::Rot13),
        (REVERSED, Tells::Reversed),
        (SAYS_ROT13, Tells::SaysRot13),
        (SAYS_REVERSED, Tells::SaysReversed),
    ];
    let words =
        lists.into_iter().flat_map(|(words, tells)| words.iter().map(move |word| (word.as_bytes(), tells)));
    let mut words: Vec<_> = words.map(|(word, tells)| (key(word), word, tells)).collect();
    words.sort_unstable_by_key(|&(key, ..)| key);
    words
});

/// What the first eight letters, in lower case, and the length make; no two of the words share one.
fn key(word: &[u8]) -> u64 {
    let letters = word.iter().take(8).fold(0, |key, &byte| key << 8 | u64::from(byte.to_ascii_lowercase()));
    letters.rotate_left(8) ^ word.len() as u64
}

/// Every word that is looked for, in lower case.
pub(super) fn words() -> impl Iterator<Item = &'static [u8]> {
    WORDS.iter().map(|&(_, word, _)| word)
}

// === impl Hints ===

impl Hints {
    /// Takes note of a token that begins as a word does that is looked for.
    pub(super) fn word(&mut self, at: usize, token: &[u8]) {
        let wanted = key(token);
        let Ok(found) = WORDS.binary_search_by_key(&wanted, |&(key, ..)| key) else { return };
        let Some((_, _, tells)) = WORDS.get(found).filter(|(_, word, _)| word.eq_ignore_ascii_case(token))
        else {
            return;
        };
        match tells {
            Tells::Rot13 => self.rot13.push((at as u32, wanted)),
            Tells::Reversed => self.reversed.push((at as u32, wanted)),
            Tells::SaysRot13 => self.says_rot13.push(at as u32),
            Tells::SaysReversed => self.says_reversed.push(at as u32),
        }
    }

    /// The text as it reads where they say so.
    pub(super) fn layers(&self, text: &str, mut found: impl FnMut(Layer)) {
        for part in parts(text, &self.rot13, &self.says_rot13) {
            let mut layer = Layer::default();
            layer.letters(&rot13(text.get(part.clone()).unwrap_or_default()), part.start, Encoding::Rot13);
            found(layer);
        }
        overridden(text, &mut found);
        let mut says = self.says_reversed.clone();
        says_in_chinese(text, &mut says);
        for part in parts(text, &self.reversed, &says) {
            let within = text.get(part.clone()).unwrap_or_default();
            let (mut all, mut words) = (Layer::default(), Layer::default());
            all.mirror(within, part.start);
            found(all);
            // Each word for itself, in the order in which they stand.
            let mut at = part.start;
            for token in within.split_inclusive(|c: char| !c.is_alphanumeric()) {
                let word = token.trim_end_matches(|c: char| !c.is_alphanumeric());
                words.mirror(word, at);
                words.plain(token.get(word.len()..).unwrap_or_default(), at + word.len());
                at += token.len();
            }
            found(words);
        }
    }
}

/// The parts of a text in which different words of one kind stand near each other, and those around where it speaks of them.
fn parts(text: &str, words: &[Word], says: &[u32]) -> Vec<Range<usize>> {
    let around = |first: u32, last: u32, more: usize| {
        let start = text.floor_char_boundary((first as usize).saturating_sub(more));
        start..text.ceil_char_boundary(last as usize + more)
    };
    let near = |a: &Word, b: &Word| (b.0 - a.0) as usize <= NEAR;
    let groups = words.chunk_by(near).filter_map(|group| {
        let (first, last) = (group.first()?, group.last()?);
        group.iter().any(|word| word.1 != first.1).then(|| around(first.0, last.0, AROUND))
    });
    let mut all: Vec<Range<usize>> = groups.chain(says.iter().map(|&at| around(at, at, SAYS))).collect();
    all.sort_unstable_by_key(|part| part.start);
    all.dedup_by(|part, before| {
        let joins = part.start <= before.end;
        before.end = if joins { before.end.max(part.end) } else { before.end };
        joins
    });
    all
}

/// What a directional override shows from its end: people read it so, whatever stands there.
fn overridden(text: &str, found: &mut impl FnMut(Layer)) {
    if text.is_ascii() {
        return;
    }
    for at in OVERRIDES.find_iter(text.as_bytes()) {
        let start = at + OVERRIDES.needle().len();
        let rest = text.get(start..).unwrap_or_default();
        let rest = rest.get(..rest.floor_char_boundary(SAYS)).unwrap_or(rest);
        let length = rest.find(['\u{202c}', '\u{202e}', '\n']).unwrap_or(rest.len());
        let mut layer = Layer::default();
        layer.mirror(rest.get(..length).unwrap_or_default(), start);
        found(layer);
    }
}

fn rot13(text: &str) -> String {
    let turned = |c: char| match c {
        'a'..='m' | 'A'..='M' => (c as u8 + 13) as char,
        'n'..='z' | 'N'..='Z' => (c as u8 - 13) as char,
        _ => c,
    };
    text.chars().map(turned).collect()
}

fn says_in_chinese(text: &str, says: &mut Vec<u32>) {
    // Of three bytes the last one is the rarest.
    let [a, b, c] =
        CHINESE.map(|character| character.encode_utf8(&mut [0; 4]).bytes().next_back().unwrap_or_default());
    for last in memchr3_iter(a, b, c, text.as_bytes()) {
        let begins = last.checked_sub(2).and_then(|at| Some((at, text.get(at..)?)));
        let Some((at, rest)) = begins else { continue };
        if let Some(rest) = rest.strip_prefix(CHINESE)
            && CHINESE_AFTER.iter().any(|word| rest.starts_with(word))
        {
            says.push(at as u32);
        }
    }
}

/// Whether what was found so may count: chance makes numbers and short words.
pub(super) fn counts(found: &str) -> bool {
    let letters = found.chars().filter(|c| c.is_alphabetic()).count();
    let wide = found.chars().any(|c| c.is_alphabetic() && !c.is_ascii());
    letters >= if wide { 2 } else { 4 } && letters * 2 >= found.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_has_a_key_of_its_own() {
        assert!(WORDS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let turned = ROT13.iter().map(|word| rot13(word)).collect::<Vec<_>>();
        assert!(turned.iter().any(|word| word == "the") && turned.iter().any(|word| word == "make"));
    }
}
