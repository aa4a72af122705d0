//! Characters that are written as others: `%62`, `%u0062`, `&#98;`, `&amp;`, `\x62`, `\u0062`, `\u{62}`, `\U00000062`.
//!
//! Each is read for itself, so that what is found takes no more of the text than the characters it is made of. Only the surroundings of
//! escapes are read.

use super::Encoding;
use super::layer::Layer;
use crate::text::work::step;
use memchr::memchr3;
use smallvec::SmallVec;
use std::ops::Range;

/// How much of the text around an escape is read with it.
const AROUND: usize = 256;
/// The longest name of an entity.
const LONGEST_NAME: usize = 16;

/// Reads the surroundings of a text's escapes, and gives each as a layer of its own.
pub(super) fn escapes(text: &str, mut found: impl FnMut(Layer)) {
    let bytes = text.as_bytes();
    let (mut layer, mut copied, mut place) = (Layer::default(), 0, 0);
    // As far as `+` stands for a space: up to white space, of which there is none between `place` and here.
    let mut plus = 0;
    while let Some(next) = memchr3(b'%', b'&', b'\\', bytes.get(place..).unwrap_or_default()) {
        let at = place + next;
        let Some((character, end, encoding)) = escape(bytes, at) else {
            place = at + 1;
            continue;
        };
        place = end;
        if !layer.is_empty() && at - copied > 2 * AROUND {
            copy(text, copied..text.ceil_char_boundary(copied + AROUND), plus, &mut layer);
            found(std::mem::take(&mut layer));
        }
        if layer.is_empty() {
            copied = text.floor_char_boundary(at.saturating_sub(AROUND)).max(copied);
        }
        if encoding == Encoding::Url {
            let before = bytes.get(copied..at).unwrap_or_default();
            let before = before.iter().rposition(u8::is_ascii_whitespace).map_or(copied, |n| copied + n);
            copy(text, copied..before, plus, &mut layer);
            copied = before;
            plus = plus.max(end);
            let after = bytes.get(plus..bytes.len().min(end + AROUND)).unwrap_or_default();
            plus += after.iter().inspect(|_| step()).take_while(|byte| !byte.is_ascii_whitespace()).count();
        }
        copy(text, copied..at, plus, &mut layer);
        copied = end;
        layer.character(character, at..end, Some(encoding));
    }
    if !layer.is_empty() {
        copy(text, copied..text.ceil_char_boundary(copied + AROUND), plus, &mut layer);
        found(layer);
    }
}

/// Copies a part of the text, in which `+` stands for a space as far as `plus`.
fn copy(text: &str, range: Range<usize>, plus: usize, layer: &mut Layer) {
    let mut at = range.start;
    let part = text.get(range.clone()).unwrap_or_default();
    let pluses = part.match_indices('+').map(|(found, _)| range.start + found).filter(|&found| found < plus);
    for found in pluses {
        layer.plain(text.get(at..found).unwrap_or_default(), at);
        layer.character(' ', found..found + 1, Some(Encoding::Url));
        at = found + 1;
    }
    layer.plain(text.get(at..range.end).unwrap_or_default(), at);
}

/// The escape at a place: what it stands for, and where it ends.
fn escape(text: &[u8], at: usize) -> Option<(char, usize, Encoding)> {
    let (found, encoding) = match text.get(at..)? {
        [b'%', b'u' | b'U', ..] => (units(text, at, 4), Encoding::Url),
        [b'%', ..] => (pairs(text, at, b"%"), Encoding::Url),
        [b'\\', b'x' | b'u', b'{', ..] => (braced(text, at), Encoding::Escape),
        [b'\\', b'x', ..] => (pairs(text, at, b"\\x"), Encoding::Escape),
        [b'\\', b'u', ..] => (units(text, at, 4), Encoding::Escape),
        [b'\\', b'U', ..] => (units(text, at, 8), Encoding::Escape),
        [b'&', ..] => (entity(text, at), Encoding::Html),
        _ => return None,
    };
    found.map(|(character, end)| (character, end, encoding))
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let none = digits.is_empty() || digits.len() > 10;
    let mut digits = digits.iter().map(|&byte| char::from(byte).to_digit(radix));
    (!none).then(|| digits.try_fold(0_u32, |number, digit| number.checked_mul(radix)?.checked_add(digit?)))?
}

/// Escapes of one byte each that make a character; bytes that are no UTF-8 are Latin-1.
fn pairs(text: &[u8], at: usize, before: &[u8]) -> Option<(char, usize)> {
    let step = before.len() + 2;
    let byte = |at: usize| {
        let escape = text.get(at..at + step)?;
        number(escape.strip_prefix(before)?, 16).map(|byte| byte as u8)
    };
    let first = byte(at)?;
    let length = match first {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => 1,
    };
    let bytes: SmallVec<[u8; 4]> = (0..length).map_while(|n| byte(at + n * step)).collect();
    let character = std::str::from_utf8(&bytes).ok().and_then(|text| text.chars().next());
    let (character, length) = character.map_or((char::from(first), 1), |character| (character, length));
    Some((character, at + length * step))
}

/// An escape of so many digits; of a pair of surrogates both.
fn units(text: &[u8], at: usize, digits: usize) -> Option<(char, usize)> {
    const BEFORE: usize = 2;
    let unit = |at: usize| number(text.get(at + BEFORE..at + BEFORE + digits)?, 16);
    let (first, end) = (unit(at)?, at + BEFORE + digits);
    if let Some(character) = char::from_u32(first) {
        return Some((character, end));
    }
    let same = text.get(end..end + BEFORE).is_some_and(|next| Some(next) == text.get(at..at + BEFORE));
    let second = unit(end).filter(|_| same).unwrap_or_default();
    let pair = [first, second].map(|unit| u16::try_from(unit).unwrap_or(0xD800));
    let character = char::decode_utf16(pair).next()?.ok()?;
    Some((character, end + BEFORE + digits))
}

/// An escape `\u0062`, or a pair of them: what it stands for, and where it ends.
pub(super) fn unit(text: &[u8], at: usize) -> Option<(char, usize)> {
    (text.get(at + 1) == Some(&b'u')).then(|| units(text, at, 4))?
}

/// `\u{62}`, `\x{62}`.
fn braced(text: &[u8], at: usize) -> Option<(char, usize)> {
    let digits = text.get(at + 3..)?;
    let length = digits.iter().take(9).position(|&byte| byte == b'}')?;
    let character = number(digits.get(..length)?, 16).and_then(char::from_u32)?;
    Some((character, at + 3 + length + 1))
}

/// `&#98;`, `&#x62;`, with or without the semicolon, and entities by name.
fn entity(text: &[u8], at: usize) -> Option<(char, usize)> {
    let numeric = |first: usize, radix: u32| {
        let digits = text.get(first..)?;
        let length = digits.iter().take(11).take_while(|&&byte| char::from(byte).is_digit(radix)).count();
        let character = number(digits.get(..length)?, radix).and_then(char::from_u32)?;
        let end = first + length;
        Some((character, end + usize::from(text.get(end) == Some(&b';'))))
    };
    match text.get(at..)? {
        [_, b'#', b'x' | b'X', ..] => numeric(at + 3, 16),
        [_, b'#', ..] => numeric(at + 2, 10),
        rest => {
            let length = rest.iter().skip(1).take(LONGEST_NAME + 1).position(|&byte| byte == b';')?;
            let name = std::str::from_utf8(rest.get(1..=length)?).ok()?;
            Some((named(name)?, at + length + 2))
        }
    }
}

/// What an entity's name stands for: a character of ASCII, an invisible one, or a letter that folds to a Latin one.
fn named(name: &str) -> Option<char> {
    const SIGNS: &[(&str, char)] = &[
        ("amp", '&'),
        ("AMP", '&'),
        ("apos", '\''),
        ("ast", '*'),
        ("bsol", '\\'),
        ("colon", ':'),
        ("comma", ','),
        ("commat", '@'),
        ("dash", '-'),
        ("dollar", '$'),
        ("emsp", ' '),
        ("ensp", ' '),
        ("equals", '='),
        ("excl", '!'),
        ("grave", '`'),
        ("gt", '>'),
        ("GT", '>'),
        ("Hat", '^'),
        ("hyphen", '-'),
        ("lbrack", '['),
        ("lcub", '{'),
        ("lowbar", '_'),
        ("lpar", '('),
        ("lrm", '\u{200e}'),
        ("lsqb", '['),
        ("lt", '<'),
        ("LT", '<'),
        ("mid", '|'),
        ("midast", '*'),
        ("minus", '-'),
        ("nbsp", ' '),
        ("ndash", '-'),
        ("NewLine", '\n'),
        ("num", '#'),
        ("percnt", '%'),
        ("period", '.'),
        ("plus", '+'),
        ("quest", '?'),
        ("quot", '"'),
        ("QUOT", '"'),
        ("rbrack", ']'),
        ("rcub", '}'),
        ("rlm", '\u{200f}'),
        ("rpar", ')'),
        ("rsqb", ']'),
        ("semi", ';'),
        ("shy", '\u{ad}'),
        ("sol", '/'),
        ("Tab", '\t'),
        ("thinsp", ' '),
        ("verbar", '|'),
        ("zwj", '\u{200d}'),
        ("zwnj", '\u{200c}'),
        ("ZeroWidthSpace", '\u{200b}'),
        ("NoBreak", '\u{2060}'),
        ("szlig", 'ß'),
        ("aelig", 'æ'),
        ("AElig", 'Æ'),
        ("oelig", 'œ'),
        ("OElig", 'Œ'),
        ("imath", 'i'),
        ("jmath", 'j'),
        ("fflig", 'ﬀ'),
        ("ffilig", 'ﬃ'),
        ("ffllig", 'ﬄ'),
        ("filig", 'ﬁ'),
        ("fllig", 'ﬂ'),
        ("fjlig", 'f'),
    ];
    /// What may stand behind a letter in the name of a letter like it: `&eacute;`, `&bscr;`.
    const LIKE: &[&str] = &[
        "grave", "acute", "circ", "tilde", "uml", "ring", "cedil", "slash", "caron", "breve", "macr", "ogon",
        "dot", "strok", "dblac", "scr", "fr", "opf",
    ];
    if let Some(&(_, sign)) = SIGNS.iter().find(|(known, _)| *known == name) {
        return Some(sign);
    }
    let mut letters = name.chars();
    let letter = letters.next().filter(char::is_ascii_alphabetic)?;
    LIKE.contains(&letters.as_str()).then_some(letter)
}
