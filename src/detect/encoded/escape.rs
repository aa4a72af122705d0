//! Signs that are written as other signs: `%62`, `%u0062`, `&#98;`, `&amp;`, `\x62`, `\u0062`, `\u{62}`, `\U00000062`.
//!
//! Each is read for itself, so that what is found takes no more of the text than the signs it is made of. Only the surroundings of
//! escapes are read.

use super::Coding;
use super::layer::Layer;
use memchr::memchr3;
use smallvec::SmallVec;
use std::ops::Range;

/// How much of the text around an escape is read with it.
const AROUND: usize = 256;
/// The longest name of an entity.
const LONGEST_NAME: usize = 16;

/// Reads the surroundings of a text's escapes, and gives each as a reading of its own.
pub(super) fn escapes(text: &str, mut reading: impl FnMut(Layer)) {
    let bytes = text.as_bytes();
    let (mut layer, mut copied, mut place) = (Layer::default(), 0, 0);
    // As far as `+` stands for a space.
    let mut plus = 0;
    while let Some(next) = memchr3(b'%', b'&', b'\\', bytes.get(place..).unwrap_or_default()) {
        let at = place + next;
        let Some((end, coding, signs)) = escape(bytes, at) else {
            place = at + 1;
            continue;
        };
        place = end;
        if !layer.is_empty() && at - copied > 2 * AROUND {
            copy(text, copied..text.ceil_char_boundary(copied + AROUND), plus, &mut layer);
            reading(std::mem::take(&mut layer));
        }
        if layer.is_empty() {
            copied = text.floor_char_boundary(at.saturating_sub(AROUND)).max(copied);
        }
        let spaced = |range: Range<usize>| bytes.get(range).unwrap_or_default();
        if coding == Coding::Url {
            let before =
                spaced(copied..at).iter().rposition(u8::is_ascii_whitespace).map_or(copied, |n| copied + n);
            copy(text, copied..before, plus, &mut layer);
            copied = before;
            let after = spaced(end..bytes.len().min(end + AROUND)).iter().position(u8::is_ascii_whitespace);
            plus = after.map_or(end + AROUND, |n| end + n);
        }
        copy(text, copied..at, plus, &mut layer);
        copied = end;
        for (sign, place) in signs {
            layer.sign(sign, place, Some(coding));
        }
    }
    if !layer.is_empty() {
        copy(text, copied..text.ceil_char_boundary(copied + AROUND), plus, &mut layer);
        reading(layer);
    }
}

/// Copies a part of the text, in which `+` stands for a space as far as `plus`.
fn copy(text: &str, range: Range<usize>, plus: usize, layer: &mut Layer) {
    let mut at = range.start;
    let part = text.get(range.clone()).unwrap_or_default();
    let pluses = part.match_indices('+').map(|(found, _)| range.start + found).filter(|&found| found < plus);
    for found in pluses {
        layer.plain(text.get(at..found).unwrap_or_default(), at);
        layer.sign(' ', found..found + 1, Some(Coding::Url));
        at = found + 1;
    }
    layer.plain(text.get(at..range.end).unwrap_or_default(), at);
}

type Signs = SmallVec<[(char, Range<usize>); 4]>;

/// The escape at a place, with those that have to be read with it: where it ends, and what it stands for.
fn escape(text: &[u8], at: usize) -> Option<(usize, Coding, Signs)> {
    let rest = text.get(at..)?;
    match rest {
        [b'%', b'u' | b'U', ..] => units(text, at, 2, 4).map(|(end, signs)| (end, Coding::Url, signs)),
        [b'%', ..] => pairs(text, at, b"%").map(|(end, signs)| (end, Coding::Url, signs)),
        [b'\\', b'x', b'{', ..] => braced(text, at).map(|(end, signs)| (end, Coding::Escape, signs)),
        [b'\\', b'x', ..] => pairs(text, at, b"\\x").map(|(end, signs)| (end, Coding::Escape, signs)),
        [b'\\', b'u', b'{', ..] => braced(text, at).map(|(end, signs)| (end, Coding::Escape, signs)),
        [b'\\', b'u', ..] => units(text, at, 2, 4).map(|(end, signs)| (end, Coding::Escape, signs)),
        [b'\\', b'U', ..] => units(text, at, 2, 8).map(|(end, signs)| (end, Coding::Escape, signs)),
        [b'&', ..] => entity(rest).map(|(length, sign)| {
            let place = at..at + length;
            (place.end, Coding::Html, SmallVec::from_iter([(sign, place)]))
        }),
        _ => None,
    }
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let none = digits.is_empty() || digits.len() > 10;
    let mut digits = digits.iter().map(|&byte| char::from(byte).to_digit(radix));
    (!none).then(|| digits.try_fold(0_u32, |number, digit| number.checked_mul(radix)?.checked_add(digit?)))?
}

/// Escapes of one byte each that follow each other; bytes that are no UTF-8 are Latin-1.
fn pairs(text: &[u8], at: usize, before: &[u8]) -> Option<(usize, Signs)> {
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
    let sign = std::str::from_utf8(&bytes).ok().and_then(|text| text.chars().next());
    let (sign, length) = sign.map_or((char::from(first), 1), |sign| (sign, length));
    let end = at + length * step;
    Some((end, SmallVec::from_iter([(sign, at..end)])))
}

/// An escape of so many digits; of a pair of surrogates both.
fn units(text: &[u8], at: usize, before: usize, digits: usize) -> Option<(usize, Signs)> {
    let unit = |at: usize| number(text.get(at + before..at + before + digits)?, 16);
    let (first, end) = (unit(at)?, at + before + digits);
    if let Some(sign) = char::from_u32(first) {
        return Some((end, SmallVec::from_iter([(sign, at..end)])));
    }
    let same = text.get(end..end + before).is_some_and(|next| Some(next) == text.get(at..at + before));
    let second = unit(end).filter(|_| same).unwrap_or_default();
    let pair = [first, second].map(|unit| u16::try_from(unit).unwrap_or(0xD800));
    let sign = char::decode_utf16(pair).next()?.ok()?;
    let end = end + before + digits;
    Some((end, SmallVec::from_iter([(sign, at..end)])))
}

/// An escape `\u0062`, or a pair of them: what it stands for, and where it ends.
pub(super) fn unit(text: &[u8], at: usize) -> Option<(char, usize)> {
    let is_unit = text.get(at + 1) == Some(&b'u');
    let (end, signs) = is_unit.then(|| units(text, at, 2, 4))??;
    signs.first().map(|(sign, _)| (*sign, end))
}

/// `\u{62}`, `\x{62}`.
fn braced(text: &[u8], at: usize) -> Option<(usize, Signs)> {
    let digits = text.get(at + 3..)?;
    let length = digits.iter().take(9).position(|&byte| byte == b'}')?;
    let sign = number(digits.get(..length)?, 16).and_then(char::from_u32)?;
    let end = at + 3 + length + 1;
    Some((end, SmallVec::from_iter([(sign, at..end)])))
}

/// `&#98;`, `&#x62;`, with or without the semicolon, and entities by name: the length, and what it stands for.
fn entity(text: &[u8]) -> Option<(usize, char)> {
    let numeric = |before: usize, radix: u32| {
        let digits = text.get(before..)?;
        let length = digits.iter().take(11).take_while(|&&byte| char::from(byte).is_digit(radix)).count();
        let sign = number(digits.get(..length)?, radix).and_then(char::from_u32)?;
        let end = before + length;
        Some((end + usize::from(text.get(end) == Some(&b';')), sign))
    };
    match text {
        [_, b'#', b'x' | b'X', ..] => numeric(3, 16),
        [_, b'#', ..] => numeric(2, 10),
        _ => {
            let length = text.iter().skip(1).take(LONGEST_NAME + 1).position(|&byte| byte == b';')?;
            let name = std::str::from_utf8(text.get(1..=length)?).ok()?;
            Some((length + 2, named(name)?))
        }
    }
}

/// What an entity's name stands for: a sign of ASCII, an invisible one, or a letter that folds to a Latin one.
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
