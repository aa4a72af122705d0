//! How one character folds: the rules, and a table of their results for the characters that are common.

use super::chinese::simplified;
use super::exact::Exact;
use super::fold_data::{IDEOGRAPHS, LOOK_ALIKES};
use std::sync::LazyLock;
use unicode_normalization::char::{canonical_combining_class, decompose_canonical, decompose_compatible};

/// ASCII that folds to itself whatever stands around it: all but the backslash, which may begin an escape, and control
/// characters, of which only white space stays.
pub const FOLDS_TO_ITSELF: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        table[byte] = byte != b'\\' as usize;
        byte += 1;
    }
    table[b'\t' as usize] = true;
    table[b'\n' as usize] = true;
    table[0x0b] = true;
    table[0x0c] = true;
    table[b'\r' as usize] = true;
    table
};

/// Folds of `..TABLE_LOW` and of the compatibility forms from `TABLE_HIGH` to the end of the basic plane.
const TABLE_LOW: u32 = 0x3400;
const TABLE_HIGH: u32 = 0xF900;

/// The folded bytes from the second byte on, their number in the first, as a little-endian word.
static TABLE: LazyLock<Vec<u64>> = LazyLock::new(|| {
    let mut folded = Vec::new();
    (0..TABLE_LOW).chain(TABLE_HIGH..0x1_0000).map(|code| entry(code, &mut folded)).collect()
});

/// Longer folds than fit; they take the slow way.
const TOO_LONG: u8 = 0xFF;

fn entry(code: u32, folded: &mut Vec<u8>) -> u64 {
    folded.clear();
    fold_slowly(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), folded);
    let mut word = [0; 8];
    match word.get_mut(1..=folded.len()) {
        Some(slots) => {
            slots.copy_from_slice(folded);
            word[0] = folded.len() as u8;
        }
        None => word[0] = TOO_LONG,
    }
    u64::from_le_bytes(word)
}

/// The sign of ASCII that a sign of full width is, such as `，`.
pub fn full_width(c: char) -> Option<u8> {
    let wide = u32::from(c).wrapping_sub(FULL_WIDTH) as u8;
    (('\u{FF01}'..='\u{FF5E}').contains(&c)).then(|| wide.wrapping_add(b' '))
}

/// Where the signs of full width begin, with the space.
const FULL_WIDTH: u32 = 0xFF00;

/// How long the character is with which a text begins, of two or three bytes, if it folds to itself.
pub fn folds_to_itself(text: &[u8]) -> Option<usize> {
    let (code, length) = match *text {
        [first @ 0xC2..0xE0, second, ..] => (u32::from(first & 0x1F) << 6 | u32::from(second & 0x3F), 2),
        [first @ 0xE0..0xE4, second, third, ..] => {
            (u32::from(first & 0x0F) << 12 | u32::from(second & 0x3F) << 6 | u32::from(third & 0x3F), 3)
        }
        _ => return None,
    };
    let word = TABLE.get(code as usize).filter(|_| code < TABLE_LOW)?.to_le_bytes();
    (usize::from(word[0]) == length && word.get(1..=length) == text.get(..length)).then_some(length)
}

/// Appends the folded form of `c`.
pub fn fold_char(c: char, out: &mut Vec<u8>) {
    let code = u32::from(c);
    let index = match code {
        0..TABLE_LOW => code,
        // Chinese, and the syllables of Korean and Yi: what they are stays, but for traditional characters.
        0x3400..0xA48D | 0xAC00..0xD7A4 => {
            let c = simplified(c).unwrap_or(c);
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return;
        }
        TABLE_HIGH..0x1_0000 => code - TABLE_HIGH + TABLE_LOW,
        _ => return fold_slowly(c, out),
    };
    let Some(word) = TABLE.get(index as usize).map(|word| word.to_le_bytes()) else { return };
    match word.get(1..=usize::from(word[0])) {
        Some(bytes) => out.extend_from_slice(bytes),
        None => fold_slowly(c, out),
    }
}

/// The rules themselves.
pub fn fold_slowly(c: char, out: &mut Vec<u8>) {
    fold_but(c, Exact::default(), out);
}

/// The rules, but for what is left as it stands.
pub fn fold_but(c: char, exact: Exact, out: &mut Vec<u8>) {
    match c {
        // Kept composed: taken apart, one syllable would begin with another.
        '\u{AC00}'..='\u{D7A3}' => push(c, out),
        _ if vanishes(c) => keep(c, exact.has(Exact::INVISIBLE), out),
        _ if exact.has(Exact::COMPATIBILITY) => decompose_canonical(c, |part| fold_part(part, exact, out)),
        _ => match letter_sign(c) {
            Some(plain) => out.extend_from_slice(plain.as_bytes()),
            None => decompose_compatible(c, |part| fold_part(part, exact, out)),
        },
    }
}

fn fold_part(c: char, exact: Exact, out: &mut Vec<u8>) {
    if vanishes(c) {
        return keep(c, exact.has(Exact::INVISIBLE), out);
    }
    let is_mark = |c: char| canonical_combining_class(c) != 0 && !is_voicing(c);
    if is_mark(c) {
        return keep(c, exact.has(Exact::MARKS), out);
    }
    if c.is_ascii() {
        return push(c, out);
    }
    let upper = c.is_uppercase();
    for low in c.to_lowercase().filter(|&low| !is_mark(low)) {
        let latin = if exact.has(Exact::LOOK_ALIKES) { None } else { look_alike(low) };
        let number = || if exact.has(Exact::DIGITS) { None } else { digit(low) };
        let chinese = || if exact.has(Exact::TRADITIONAL) { None } else { ideograph(low) };
        match latin {
            Some(latin) if upper => out.extend(latin.bytes().map(|byte| byte.to_ascii_uppercase())),
            Some(latin) => out.extend_from_slice(latin.as_bytes()),
            None => match number().or_else(chinese) {
                Some(other) => push(other, out),
                None => push(if exact.has(Exact::CASE) { c } else { low }, out),
            },
        }
    }
}

fn keep(c: char, kept: bool, out: &mut Vec<u8>) {
    if kept {
        push(c, out);
    }
}

fn push(c: char, out: &mut Vec<u8>) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Japanese voicing marks are combining marks, but they make another consonant.
fn is_voicing(c: char) -> bool {
    matches!(c, '\u{3099}' | '\u{309A}')
}

/// Nothing is seen of these: Unicode's default ignorable characters, tags, controls other than white space, enclosing marks.
fn vanishes(c: char) -> bool {
    matches!(c,
        '\0'..='\u{08}' | '\u{0E}'..='\u{1F}' | '\u{7F}'..='\u{84}' | '\u{86}'..='\u{9F}'
        | '\u{AD}' | '\u{34F}' | '\u{488}' | '\u{489}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{20D0}'..='\u{20FF}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FE20}'..='\u{FE2F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// The character that a traditional one, a radical, a stroke or a Japanese letter stands for or passes for.
fn ideograph(c: char) -> Option<char> {
    static RADICALS: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
        let chars: Vec<char> = IDEOGRAPHS.chars().collect();
        chars.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
    });
    simplified(c).or_else(|| {
        let place = RADICALS.binary_search_by_key(&c, |&(from, _)| from).ok()?;
        RADICALS.get(place).map(|&(_, to)| to)
    })
}

/// The letter or number of a sign that has no compatibility form, or one in brackets: `🅱`, `🇧`, `⒝`, `❸`.
fn letter_sign(c: char) -> Option<&'static str> {
    const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz";
    const NUMBERS: [&str; 21] = [
        "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17",
        "18", "19", "20",
    ];
    let code = u32::from(c);
    let letter = |first: u32| LETTERS.get((code - first) as usize..).and_then(|rest| rest.get(..1));
    let number = |least: u32, first: u32| NUMBERS.get((least + code - first) as usize).copied();
    match code {
        // The lunate sigma, which is no other sigma's look-alike.
        0x3F2 => Some("c"),
        0x3F9 => Some("C"),
        // In brackets; in black circles and squares; the halves of flags.
        0x249C..=0x24B5 => letter(0x249C),
        0x1F110..=0x1F129 => letter(0x1F110),
        0x1F150..=0x1F169 => letter(0x1F150),
        0x1F170..=0x1F189 => letter(0x1F170),
        0x1F1E6..=0x1F1FF => letter(0x1F1E6),
        // In black circles, double circles, circles without serifs.
        0x24EB..=0x24F4 => number(11, 0x24EB),
        0x24F5..=0x24FE => number(1, 0x24F5),
        0x24FF | 0x1F10B | 0x1F10C => Some("0"),
        0x2776..=0x277F => number(1, 0x2776),
        0x2780..=0x2789 => number(1, 0x2780),
        0x278A..=0x2793 => number(1, 0x278A),
        0x1F51F => Some("10"),
        _ => None,
    }
}

/// The Latin that a lower-case letter or a sign passes for. One answer a letter in either case, as words are folded
/// in the same way as text; where the two cases resemble different letters the lower case decides.
fn look_alike(c: char) -> Option<&'static str> {
    static LETTERS: LazyLock<Vec<(char, &'static str)>> = LazyLock::new(|| {
        let rows = LOOK_ALIKES.iter().flat_map(|&(latin, letters)| letters.chars().map(move |c| (c, latin)));
        let mut letters: Vec<_> = rows.collect();
        letters.sort_unstable();
        letters
    });
    own_look_alike(c).or_else(|| {
        let place = LETTERS.binary_search_by_key(&c, |&(letter, _)| letter).ok()?;
        LETTERS.get(place).map(|&(_, latin)| latin)
    })
}

/// What Unicode's table of confusables does not say, or says otherwise: letters whose capital passes for another one, phonetic letters
/// and letters with a stroke, letters turned upside down, signs.
#[expect(clippy::match_same_arms, reason = "one block a script")]
fn own_look_alike(c: char) -> Option<&'static str> {
    Some(match c {
        // Cyrillic
        'в' => "b",
        'н' => "h",
        'ӏ' => "i",
        'к' => "k",
        'м' => "m",
        'т' => "t",
        // Greek
        'ε' => "e",
        'η' => "n",
        'σ' | 'ς' => "o",
        'ω' => "w",
        'μ' => "m",
        // Latin
        'ð' => "d",
        'ʙ' => "b",
        'ɢ' => "g",
        'ʜ' => "h",
        'ᴀ' => "a",
        'ᴅ' => "d",
        'ᴇ' | 'ɛ' | 'ɘ' | 'ɜ' | 'ɞ' => "e",
        'ꜰ' => "f",
        'ᴊ' => "j",
        'ᴋ' | 'ʞ' => "k",
        'ʟ' | 'ꞎ' => "l",
        'ᴍ' => "m",
        'ɴ' => "n",
        'ᴘ' => "p",
        'ꞯ' => "q",
        'ʁ' | 'ɹ' | 'ɻ' | 'ɾ' => "r",
        'ʃ' => "s",
        'ᴛ' => "t",
        'ʒ' | 'ʑ' => "z",
        'ɦ' | 'ɧ' => "h",
        'ß' => "ss",
        // Upside down
        'ɐ' => "a",
        'ɔ' | 'ɕ' => "c",
        'ǝ' | 'ə' => "e",
        'ɟ' => "f",
        'ɥ' => "h",
        'ᴉ' | 'ꓲ' => "i",
        'ɯ' => "m",
        'ʇ' => "t",
        'ʌ' => "v",
        'ʍ' => "w",
        'ʎ' => "y",
        // Signs
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2043}' => "-",
        '\u{2018}'..='\u{201B}' | '\u{2032}' | '\u{2BC}' => "'",
        '\u{201C}'..='\u{201F}' | '\u{2033}' => "\"",
        '\u{2044}' | '\u{2215}' => "/",
        '\u{2217}' => "*",
        '\u{2236}' | '\u{A789}' => ":",
        '\u{85}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{2028}' | '\u{2029}' | '\u{2800}' => " ",
        _ => return None,
    })
}

/// The ASCII digit for a decimal digit of another script (general category `Nd`, Unicode 17).
fn digit(c: char) -> Option<char> {
    const ZEROS: [u32; 63] = [
        0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50,
        0xED0, 0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40,
        0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0x104A0, 0x10D30, 0x11066, 0x110F0,
        0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50,
        0x11D50, 0x11DA0, 0x11DE0, 0x11F50, 0x16A60, 0x16AC0, 0x16B50, 0x1E140, 0x1E2F0, 0x1E4F0, 0x1E5F1,
        0x1E950, 0x1FBF0,
    ];
    let code = u32::from(c);
    let zero = ZEROS[ZEROS.partition_point(|&zero| zero <= code).checked_sub(1)?];
    char::from_digit(code - zero, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_full_width_are_told_as_the_rules_do() {
        for c in '\u{FE00}'..='\u{FFFF}' {
            let mut slow = Vec::new();
            fold_slowly(c, &mut slow);
            assert!(full_width(c).is_none_or(|sign| [sign] == slow[..]), "{c:?} U+{:04X}", u32::from(c));
        }
    }

    #[test]
    fn the_table_holds_what_the_rules_say() {
        let (mut quick, mut slow) = (Vec::new(), Vec::new());
        for c in '\0'..=char::MAX {
            quick.clear();
            slow.clear();
            fold_char(c, &mut quick);
            fold_slowly(c, &mut slow);
            assert_eq!(quick, slow, "{c:?} U+{:04X}", u32::from(c));
        }
    }

    #[test]
    fn folding_twice_changes_nothing_more_and_case_does_not_matter() {
        let (mut once, mut lower) = (Vec::new(), Vec::new());
        for c in '\0'..=char::MAX {
            once.clear();
            fold_char(c, &mut once);
            let text = String::from_utf8(once.clone()).expect("UTF-8");
            assert_eq!(crate::text::fold::fold_literal(&text), once, "U+{:04X}", u32::from(c));
            lower.clear();
            for low in c.to_lowercase() {
                fold_char(low, &mut lower);
            }
            assert!(once.eq_ignore_ascii_case(&lower), "U+{:04X}: {once:?} {lower:?}", u32::from(c));
        }
    }
}
