//! Letters that others make up (`|-|0|/\|` reads `how`), and letters upside down (`qɯoq`).

use super::Encoding;
use super::layer::Layer;
use super::window::Window;
use crate::text::work::step;
use memchr::{memchr, memchr2};
use smallvec::SmallVec;
use std::ops::Range;

/// Signs that make up letters, longer ones first.
const STROKES: [(&[u8], char); 22] = [
    (b"|\\/|", 'm'),
    (b"/\\/\\", 'm'),
    (b"\\/\\/", 'w'),
    (b"|/\\|", 'w'),
    (b"|-|", 'h'),
    (b"|\\|", 'n'),
    (b"|_|", 'u'),
    (b"(_)", 'u'),
    (b"/-\\", 'a'),
    (b"|<", 'k'),
    (b"|{", 'k'),
    (b"|)", 'd'),
    (b"[)", 'd'),
    (b"|3", 'b'),
    (b"|2", 'r'),
    (b"|*", 'p'),
    (b"|_", 'l'),
    (b"/\\", 'a'),
    (b"\\/", 'v'),
    (b"][", 'i'),
    (b"><", 'x'),
    (b"()", 'o'),
];
/// Letters that make up others.
const LETTERS: [(&[u8], char); 3] = [(b"rn", 'm'), (b"vv", 'w'), (b"cl", 'd')];
/// So many letters made of signs have to stand beside others.
const LEAST: usize = 2;

/// Letters that only stand upside down, and what they are; those that are letters both ways.
const TURNED: &str = "aɐ cɔ eǝ fɟ gƃ hɥ iᴉ iı jɾ kʞ lʅ mɯ rɹ tʇ vʌ wʍ yʎ gɓ";
const BOTH_WAYS: [(char, char); 12] = [
    ('b', 'q'),
    ('q', 'b'),
    ('d', 'p'),
    ('p', 'd'),
    ('n', 'u'),
    ('u', 'n'),
    ('¿', '?'),
    ('¡', '!'),
    ('6', '9'),
    ('9', '6'),
    ('\'', ','),
    (',', '\''),
];
/// So many letters of a line have to be upside down.
const LEAST_TURNED: usize = 3;

/// Reads letters that signs make up: as they are, and as if other letters made up some too.
pub(super) fn strokes(text: &str, mut found: impl FnMut(Layer)) {
    let bytes = text.as_bytes();
    if memchr(b'|', bytes).is_none() && memchr(b'\\', bytes).is_none() {
        return;
    }
    let mut places: SmallVec<[(Range<usize>, char); 32]> = SmallVec::new();
    let (mut at, mut beside) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        step();
        let rest = bytes.get(at..).unwrap_or_default();
        let known = |(signs, _): &&(&[u8], char)| rest.starts_with(signs);
        let stroke = if byte.is_ascii_punctuation() { STROKES.iter().find(known) } else { None };
        let Some((signs, letter)) = stroke else {
            at += 1;
            continue;
        };
        let end = at + signs.len();
        let is_letter =
            |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphabetic);
        let joins = places.last().is_some_and(|(last, _)| last.end == at);
        beside += usize::from(joins || is_letter(at.checked_sub(1)) || is_letter(Some(end)));
        places.push((at..end, *letter));
        at = end;
    }
    if beside < LEAST {
        return;
    }
    let mut window = Window::new(text, &mut found);
    for (place, letter) in &places {
        window.swap(place.clone(), *letter, Encoding::Parts);
    }
    window.end();
    let pair = |at: usize| {
        LETTERS.iter().find(|(pair, _)| bytes.get(at..).is_some_and(|rest| rest.starts_with(pair)))
    };
    let pairs = (0..bytes.len()).filter_map(|at| Some((at..at + 2, pair(at)?.1)));
    let signs = places.len();
    places.extend(pairs);
    if places.len() > signs {
        places.sort_unstable_by_key(|(place, _)| place.start);
        places.dedup_by(|(next, _), (last, _)| next.start < last.end);
        let mut window = Window::new(text, &mut found);
        for (place, letter) in places {
            window.swap(place, letter, Encoding::Parts);
        }
        window.end();
    }
}

/// Reads lines of letters upside down, from their ends and from their beginnings.
pub(super) fn turned(text: &str, mut found: impl FnMut(Layer)) {
    // The first bytes of what most words upside down have: ɐ ɔ ɟ ɥ ɯ ɹ, and ʇ ʌ ʍ ʎ.
    if memchr2(0xC9, 0xCA, text.as_bytes()).is_none() {
        return;
    }
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let turned = line.chars().filter(|c| !c.is_ascii() && upright(*c).is_some()).count();
        if turned >= LEAST_TURNED {
            let characters = || {
                line.char_indices().map(|(n, c)| {
                    step();
                    let place = at + n..at + n + c.len_utf8();
                    (place, upright(c))
                })
            };
            let mut behind = Layer::default();
            for (place, upright) in characters().rev() {
                one(&mut behind, text, place, upright);
            }
            found(behind);
            let mut ahead = Layer::default();
            for (place, upright) in characters() {
                one(&mut ahead, text, place, upright);
            }
            found(ahead);
        }
        at += line.len();
    }
}

fn one(layer: &mut Layer, text: &str, place: Range<usize>, upright: Option<char>) {
    if let Some(reads) = upright.or_else(|| text.get(place.clone())?.chars().next()) {
        layer.character(reads, place, Some(Encoding::Turned));
    }
}

/// What a letter upside down is.
fn upright(c: char) -> Option<char> {
    if c.is_ascii() || c == '¿' || c == '¡' {
        return BOTH_WAYS.iter().find(|(turned, _)| *turned == c).map(|&(_, upright)| upright);
    }
    let pair = TURNED.split(' ').find(|pair| pair.chars().nth(1) == Some(c))?;
    pair.chars().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(by: fn(&str, &mut dyn FnMut(Layer)), text: &str) -> Vec<String> {
        let mut out = Vec::new();
        by(text, &mut |layer| out.push(layer.text().to_owned()));
        out
    }

    #[test]
    fn letters_are_put_together() {
        let read = |text| read(|text, found| strokes(text, found), text);
        assert_eq!(read("|-|ovv to ma|<e a born|3"), ["hovv to make a bornb", "how to make a bomb"]);
        assert_eq!(read("|-|0\\/\\/ 2 |\\/|a|<3"), ["h0w 2 mak3"]);
        for text in
            ["a | b", "| a | b |\n|---|---|", "x || y", "C:\\temp\\learn", "if a|b|<c", "grep 'a\\|b' | wc"]
        {
            assert_eq!(read(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn letters_are_set_upright() {
        let read = |text| read(|text, found| turned(text, found), text);
        assert_eq!(read("¿qɯoq ɐ ǝʞɐɯ")[0], "make a bomb?");
        assert_eq!(read("ɯɐʞǝ ɐ bomb")[1], "make a qomq");
        for text in ["ɐ", "the vowel ɐ and ɔ", "plain"] {
            assert_eq!(read(text), [""; 0], "{text}");
        }
    }
}
