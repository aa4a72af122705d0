//! Values in disguise: characters set apart (`1 3 8 0 0`, `j_o_@_c_o_r_p`), groups of digits between signs that no such number has
//! (`138_0013_8000`), digits as words or Chinese signs (`one three eight`, `一三八`).
//!
//! Only runs are read that are longer than prose has them, each in its surroundings, so that the words that name a value stand
//! before it. What separates is taken away, not what is separated.

use super::Encoding;
use super::layer::Layer;
use crate::text::work::step;
use smallvec::SmallVec;
use std::ops::Range;

/// How much of the text around a run is read with it.
const AROUND: usize = 256;
/// A run of fewer characters says nothing.
const LEAST: usize = 6;
/// So it is with groups of digits, counted in digits.
const LEAST_IN_GROUPS: usize = 9;
/// A longer run is no value.
const MOST: usize = 96;
/// The longest group of digits.
const GROUP: usize = 6;
/// What sets groups apart where it disguises, besides spaces, hyphens and full stops; commas and colons belong to sums, lists and
/// times.
const ODD: &str = "_*|~#·•/\\^";

/// One character of a run, and where it stands.
type Item = (char, Range<usize>, Encoding);
type Run = SmallVec<[Item; 24]>;

/// Reads the runs of a text, and gives the surroundings of each as they read then.
pub(super) fn apart(text: &str, mut found: impl FnMut(Layer)) {
    let bytes = text.as_bytes();
    let (mut layer, mut copied, mut at) = (Layer::default(), 0, 0);
    while let Some(&byte) = bytes.get(at) {
        let first = at == 0 || !bytes.get(at - 1).is_some_and(|&before| is_item(before));
        let run = match byte {
            _ if !first && byte.is_ascii() => None,
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => run(text, at),
            // Where the signs for digits stand; most of Chinese is skipped by its first byte.
            0xE3..=0xE9 => written(text, at),
            _ => None,
        };
        let Some(run) = run else {
            at += 1;
            continue;
        };
        let (Some((_, start, _)), Some((_, end, _))) = (run.first(), run.last()) else { break };
        let (start, end) = (start.start, end.end);
        if !layer.is_empty() && start - copied > 2 * AROUND {
            copy(text, copied..text.ceil_char_boundary(copied + AROUND), &mut layer);
            found(std::mem::take(&mut layer));
        }
        if layer.is_empty() {
            copied = text.floor_char_boundary(start.saturating_sub(AROUND)).max(copied);
        }
        copy(text, copied..start, &mut layer);
        for (character, place, encoding) in run {
            layer.character(character, place, Some(encoding));
        }
        (copied, at) = (end, end);
    }
    if !layer.is_empty() {
        copy(text, copied..text.ceil_char_boundary(copied + AROUND), &mut layer);
        found(layer);
    }
}

fn copy(text: &str, range: Range<usize>, layer: &mut Layer) {
    layer.plain(text.get(range.clone()).unwrap_or_default(), range.start);
}

/// Letters, digits and what an address is made of besides.
fn is_item(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

/// The run that begins with the letter or digit at a place.
fn run(text: &str, at: usize) -> Option<Run> {
    let bytes = text.as_bytes();
    let alone = !bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric);
    if alone && let Some(run) = singles(text, at) {
        return Some(run);
    }
    match bytes.get(at)? {
        b'0'..=b'9' => groups(text, at),
        b'A'..=b'Z' if bytes.get(at + 1).is_some_and(u8::is_ascii_uppercase) => {
            groups(text, at).or_else(|| written(text, at))
        }
        b'o' | b'O' | b'z' | b'Z' | b't' | b'T' | b'f' | b'F' | b's' | b'S' | b'e' | b'E' | b'n' | b'N' => {
            written(text, at)
        }
        _ => None,
    }
}

/// What stands between two characters: one sign, or white space, or a sign with a space.
fn separator(text: &str, at: usize) -> Option<usize> {
    let mut chars = text.get(at..)?.chars();
    let first = chars.next()?;
    let end = at + first.len_utf8();
    let second = text.as_bytes().get(end).copied();
    let sets_apart = |c: char| !c.is_alphanumeric() && !c.is_control() && !"@,;\"'".contains(c);
    match (first, second) {
        ('\t', _) => Some(end),
        (first, Some(b' ')) if sets_apart(first) => Some(end + 1),
        (first, _) if sets_apart(first) => Some(end),
        _ => None,
    }
}

/// Single characters, with the same between each two.
fn singles(text: &str, at: usize) -> Option<Run> {
    let bytes = text.as_bytes();
    let end = separator(text, at + 1)?;
    let between = bytes.get(at + 1..end)?;
    let mut run = Run::new();
    let mut place = at;
    loop {
        step();
        let Some(&byte) = bytes.get(place) else { break };
        let next = bytes.get(place + 1..);
        let apart = next.is_some_and(|next| next.starts_with(between));
        let ends = !next.is_some_and(|next| next.first().is_some_and(u8::is_ascii_alphanumeric));
        if !byte.is_ascii_graphic() || !ends || run.len() > MOST {
            break;
        }
        run.push((char::from(byte), place..place + 1, Encoding::Apart));
        if !apart {
            break;
        }
        place += 1 + between.len();
    }
    while run.last().is_some_and(|(c, ..)| !c.is_ascii_alphanumeric()) {
        run.pop();
    }
    let told = run.iter().filter(|(c, ..)| c.is_ascii_alphanumeric()).count();
    (told >= LEAST && run.len() <= MOST).then_some(run)
}

/// Groups with the same sign between each two: of digits, or of capitals and digits as account numbers have them.
fn groups(text: &str, at: usize) -> Option<Run> {
    let bytes = text.as_bytes();
    let group = |from: usize, of: fn(&u8) -> bool| {
        bytes.iter().skip(from).take(GROUP + 1).take_while(|byte| of(byte)).count()
    };
    let digits_only = bytes.get(at)?.is_ascii_digit();
    let of: fn(&u8) -> bool = if digits_only {
        u8::is_ascii_digit
    } else {
        |byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()
    };
    let sign = text.get(at + group(at, of)..)?.chars().next()?;
    let sets_apart = ODD.contains(sign) || sign == '.' || digits_only && " -".contains(sign);
    if !sets_apart {
        return None;
    }
    let mut encoded = [0; 4];
    let between: &str = sign.encode_utf8(&mut encoded);
    let (mut run, mut place, mut signs, mut thousands, mut short) = (Run::new(), at, 0, true, true);
    loop {
        let length = group(place, of);
        if !(1..=GROUP).contains(&length) || run.len() > MOST {
            return None;
        }
        for item in place..place + length {
            step();
            run.push((char::from(*bytes.get(item)?), item..item + 1, Encoding::Apart));
        }
        thousands &= signs == 0 || length == 3;
        short &= length <= 3;
        place += length;
        let behind = bytes.get(place..)?;
        let goes_on = behind.starts_with(between.as_bytes()) && behind.get(between.len()).is_some_and(of);
        if !goes_on {
            break;
        }
        place += between.len();
        signs += 1;
    }
    let digits = run.iter().filter(|(c, ..)| c.is_ascii_digit()).count();
    let ends = !bytes.get(place).is_some_and(u8::is_ascii_alphanumeric);
    // Sums, addresses of machines, versions.
    let number = thousands && "_ .".contains(sign) || short && sign == '.';
    (signs > 1 && digits >= LEAST_IN_GROUPS && ends && !number).then_some(run)
}

/// Digits as words or Chinese signs, with figures among them; at least two of them are written.
fn written(text: &str, at: usize) -> Option<Run> {
    let bytes = text.as_bytes();
    let (mut run, mut place, mut count) = (Run::new(), at, 0);
    while run.len() <= MOST {
        step();
        let Some((digit, length, is_written)) = digit(text, place) else { break };
        run.push((digit, place..place + length, Encoding::Digits));
        place += length;
        count += usize::from(is_written);
        let gap = bytes.iter().skip(place).take(3).take_while(|byte| b" -,".contains(byte)).count();
        if digit_at(text, place + gap) {
            place += gap;
        } else {
            break;
        }
    }
    // A year or a price has fewer.
    (run.len() > LEAST && run.len() <= MOST && count > 1).then_some(run)
}

fn digit_at(text: &str, at: usize) -> bool {
    digit(text, at).is_some()
}

/// The digit at a place, its length, and whether it is written and no figure.
fn digit(text: &str, at: usize) -> Option<(char, usize, bool)> {
    const WORDS: [(&str, char); 11] = [
        ("zero", '0'),
        ("one", '1'),
        ("two", '2'),
        ("three", '3'),
        ("four", '4'),
        ("five", '5'),
        ("six", '6'),
        ("seven", '7'),
        ("eight", '8'),
        ("nine", '9'),
        ("oh", '0'),
    ];
    let rest = text.get(at..)?;
    let first = rest.chars().next()?;
    let chinese = |digit: char| Some((digit, first.len_utf8(), true));
    match first {
        '0'..='9' => Some((first, 1, false)),
        '零' | '〇' => chinese('0'),
        '一' | '壹' | '幺' | '弌' => chinese('1'),
        '二' | '贰' | '貳' | '两' | '兩' => chinese('2'),
        '三' | '叁' | '參' | '叄' => chinese('3'),
        '四' | '肆' => chinese('4'),
        '五' | '伍' => chinese('5'),
        '六' | '陆' | '陸' => chinese('6'),
        '七' | '柒' => chinese('7'),
        '八' | '捌' => chinese('8'),
        '九' | '玖' => chinese('9'),
        'a'..='z' | 'A'..='Z' => {
            let length = rest.bytes().take(6).take_while(u8::is_ascii_alphabetic).count();
            let word = rest.get(..length)?;
            let (_, digit) = WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word))?;
            Some((*digit, length, true))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let mut out = Vec::new();
        apart(text, |layer| out.push(layer.text().to_owned()));
        out
    }

    #[test]
    fn what_is_set_apart_reads_as_one() {
        for (text, reads) in [
            ("tel 1 3 8 0 0 1 3 8 0 0 0 now", "tel 13800138000 now"),
            ("a_1 is 1_3_8_0_0_1_3, ok", "a_1 is 1380013, ok"),
            ("mail j o @ g m a i l . c o m over", "mail jo@gmail.com over"),
            ("SSN 5 1 9 - 9 6 - 2 2 7 6.", "SSN 519-96-2276."),
            ("call 138_0013_8000!", "call 13800138000!"),
            ("card 4111.1111.1111.1111", "card 4111111111111111"),
            ("IBAN GB82_WEST_1234_5698_7654_32", "IBAN GB82WEST12345698765432"),
            ("SSN 5362 2871 6 is", "SSN 536228716 is"),
            ("SSN five three six - two two - eight seven", "SSN 5362287"),
            ("电话一三八零零一三八零零零。", "电话13800138000。"),
            ("电话 一 三 八 零 零 一 三", "电话 1380013"),
            ("it is one three eight, zero zero one three", "it is 1380013"),
            ("壹叁捌00壹叁捌", "13800138"),
        ] {
            assert_eq!(read(text), [reads], "{text}");
        }
    }

    #[test]
    fn prose_stands_as_it_is() {
        for text in [
            "a b c",
            "I am a B-52 pilot",
            "1,234,567",
            "12/03/2024",
            "one two three",
            "二〇二四年",
            "一九四九",
            "10:30:45",
            "1.2.3.4",
            "x = a + b - c",
            "version 1_000_000",
            "1_406_868_647",
            "1 406 868 647",
            "2024-01-31",
            "AB_CD_EF",
            "175.141.43.156",
            "5,1,3,2,1,3,2,1",
            "1, 2, 3, 4, 5, 6",
        ] {
            assert_eq!(read(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn places_are_those_of_the_text() {
        let text = "电话 1_3_8_0_0_1_3 和一二三四五六七";
        apart(text, |layer| {
            for digits in ["1380013", "1234567"] {
                let at = layer.text().find(digits).expect(digits);
                let (place, encoding) = layer.locate(at..at + digits.len()).expect("a place");
                let stood = text.get(place).unwrap_or_default();
                assert!(["1_3_8_0_0_1_3", "一二三四五六七"].contains(&stood), "{digits}");
                assert!(matches!(encoding, Some(Encoding::Apart | Encoding::Digits)));
            }
        });
    }
}
