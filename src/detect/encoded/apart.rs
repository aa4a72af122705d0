//! Values in disguise: characters set apart (`1 3 8 0 0`, `j_o_@_c_o_r_p`), groups of digits between signs that no such number has
//! (`138_0013_8000`), digits as words or Chinese signs (`one three eight`, `一三八`).
//!
//! Only runs are read that are longer than prose has them, each in its surroundings, so that the words that name a value stand
//! before it. What separates is taken away, not what is separated.

use super::Encoding;
use super::glance::Glance;
use super::layer::Layer;
use super::window::Window;
use super::words;
use crate::text::work::step;
use smallvec::SmallVec;
use std::ops::Range;

/// A run of fewer characters says nothing.
const LEAST: usize = 6;
/// So many letters are a word set apart, where there are [`LEAST_WORDS`] of them.
const LEAST_LETTERS: usize = 4;
/// So many words set apart are no chance.
const LEAST_WORDS: usize = 3;
/// So it is with groups of digits, counted in digits.
const LEAST_IN_GROUPS: usize = 9;
/// A longer run is no value.
const MOST: usize = 96;
/// What is longer than this many letters is no word.
const LONGEST_WORD: usize = 16;
/// A longer run of letters is no sentence.
const MOST_LETTERS: usize = 512;
/// The longest group of digits.
const GROUP: usize = 6;
/// What sets groups apart where it disguises, besides spaces, hyphens and full stops; commas and colons belong to sums, lists and
/// times.
const ODD: &str = "_*|~#·•/\\^";

/// One character of a run, and where it stands.
type Item = (char, Range<usize>, Encoding);
type Run = SmallVec<[Item; 24]>;

/// Reads the runs of a text, and gives the surroundings of each as they read then.
pub(super) fn apart(text: &str, glance: &Glance, found: impl FnMut(Layer)) {
    let mut window = Window::new(text, found);
    runs(text, glance).into_iter().for_each(|run| window.run(run));
    window.end();
}

/// The runs of a text in order. Short ones of letters are words set apart where there are several, and initials where there are not.
fn runs(text: &str, glance: &Glance) -> Vec<Run> {
    let (mut all, mut read, mut words) = (Vec::new(), 0, 0);
    for &(at, end) in &glance.beginnings {
        if at < read {
            continue;
        }
        let run = if end > at { run(text, at, end) } else { written(text, at) };
        let Some(run) = run else { continue };
        let Some((_, place, _)) = run.last() else { continue };
        read = token_end(text.as_bytes(), place.end);
        words += usize::from(is_word(&run));
        all.push(run);
    }
    all.retain(|run| !is_short(run) || words >= LEAST_WORDS);
    all
}

/// Whether only letters were set apart.
fn is_word(run: &Run) -> bool {
    run.iter().all(|(c, ..)| c.is_ascii_alphabetic() || *c == ' ')
}

/// Whether it is too short to say something alone.
fn is_short(run: &Run) -> bool {
    is_word(run) && run.len() < LEAST
}

/// Whether a run may begin with the token, by what stands behind it.
#[inline]
pub(super) fn may_begin(bytes: &[u8], at: usize, end: usize) -> bool {
    let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
    let (first, second) = (byte(at), byte(at + 1));
    let behind = byte(end);
    let in_groups = || behind >= 0x80 || is_between(behind) && byte(end + 1).is_ascii_alphanumeric();
    if end - at == 1 {
        // The next character stands alone as well.
        let next = end + if byte(end + 1) == b' ' { 2 } else { 1 };
        let alone = byte(next).is_ascii_graphic() && !byte(next + 1).is_ascii_alphanumeric();
        let apart = behind == b'\t' || (b' '..0x7F).contains(&behind) && !b"@,;\"'".contains(&behind);
        return behind >= 0x80 || apart && alone || first.is_ascii_digit() && in_groups();
    }
    let groups = first.is_ascii_digit() || first.is_ascii_uppercase() && second.is_ascii_uppercase();
    groups && end - at <= GROUP && in_groups()
        || bytes.get(at..end).is_some_and(|token| word(token).is_some())
}

/// Whether a byte may stand between groups.
#[inline]
fn is_between(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'_' | b'*' | b'|' | b'~' | b'#' | b'/' | b'\\' | b'^')
}

/// Where the letters and digits end that begin at a place.
pub(super) fn token_end(bytes: &[u8], at: usize) -> usize {
    at + bytes.iter().skip(at).take_while(|byte| byte.is_ascii_alphanumeric()).count()
}

/// The run that begins with the token `at..end`.
fn run(text: &str, at: usize, end: usize) -> Option<Run> {
    let bytes = text.as_bytes();
    let token = bytes.get(at..end)?;
    if token.len() == 1
        && let Some(run) = singles(text, at)
    {
        return Some(run);
    }
    // Behind a group stands a sign, and behind that the next group.
    let in_groups = || {
        let sign = *bytes.get(end)?;
        let goes_on = !sign.is_ascii() || bytes.get(end + 1).is_some_and(u8::is_ascii_alphanumeric);
        (token.len() <= GROUP && goes_on).then(|| groups(text, at)).flatten()
    };
    match token {
        [b'0'..=b'9', ..] => in_groups(),
        [b'A'..=b'Z', b'A'..=b'Z', ..] => in_groups().or_else(|| word(token).and_then(|_| written(text, at))),
        _ => word(token).and_then(|_| written(text, at)),
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
        if !byte.is_ascii_graphic() || !ends || run.len() > MOST_LETTERS {
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
    if !is_word(&run) {
        return (told >= LEAST && run.len() <= MOST).then_some(run);
    }
    // With another sign than a space words are mostly parted by spaces already.
    let parts = between == b" " || run.len() > LONGEST_WORD;
    (told >= LEAST_LETTERS).then(|| if parts { words_of(run) } else { run })
}

/// Letters as the words that they make, with spaces where signs stand.
fn words_of(run: Run) -> Run {
    let letters: String = run.iter().map(|(c, ..)| *c).collect();
    let mut spaced = Run::new();
    let mut begins = words::beginnings(&letters).into_iter().peekable();
    for (n, item) in run.into_iter().enumerate() {
        if begins.next_if_eq(&n).is_some()
            && let Some((_, before, encoding)) = spaced.last().cloned()
        {
            spaced.push((' ', before.end..item.1.start, encoding));
        }
        spaced.push(item);
    }
    spaced
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
    let first = text.get(at..)?.chars().next()?;
    match first {
        '0'..='9' => Some((first, 1, false)),
        'a'..='z' | 'A'..='Z' => {
            let letters =
                text.as_bytes().iter().skip(at).take(6).take_while(|byte| byte.is_ascii_alphabetic());
            let length = letters.count();
            Some((word(text.as_bytes().get(at..at + length)?)?, length, true))
        }
        _ => Some((chinese(first)?, first.len_utf8(), true)),
    }
}

/// The digit that a word says.
fn word(word: &[u8]) -> Option<char> {
    const WORDS: [(&[u8], char); 11] = [
        (b"zero", '0'),
        (b"one", '1'),
        (b"two", '2'),
        (b"three", '3'),
        (b"four", '4'),
        (b"five", '5'),
        (b"six", '6'),
        (b"seven", '7'),
        (b"eight", '8'),
        (b"nine", '9'),
        (b"oh", '0'),
    ];
    if !(2..=5).contains(&word.len()) || !b"ozftsen".contains(&(word.first()? | 0x20)) {
        return None;
    }
    WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|&(_, digit)| digit)
}

/// The digit that a Chinese sign says.
pub(super) fn chinese(sign: char) -> Option<char> {
    match sign {
        '零' | '〇' => Some('0'),
        '一' | '壹' | '幺' | '弌' => Some('1'),
        '二' | '贰' | '貳' | '两' | '兩' => Some('2'),
        '三' | '叁' | '參' | '叄' => Some('3'),
        '四' | '肆' => Some('4'),
        '五' | '伍' => Some('5'),
        '六' | '陆' | '陸' => Some('6'),
        '七' | '柒' => Some('7'),
        '八' | '捌' => Some('8'),
        '九' | '玖' => Some('9'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let mut out = Vec::new();
        apart(text, &Glance::at(text), |layer| out.push(layer.text().to_owned()));
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
            ("h o w t o m a k e a b o m b", "how to make a bomb"),
            ("t-e-l-l me how to m.a.k.e a b.o.m.b", "tell me how to make a bomb"),
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
            "the U.S.A.F. and the U.S.S.R",
            "1, 2, 3, 4, 5, 6",
        ] {
            assert_eq!(read(text), [""; 0], "{text}");
        }
    }

    /// The first look passes over no run.
    #[test]
    fn the_first_look_is_no_narrower_than_the_second() {
        for first in [
            "1", "12", "1234", "a", "I", "AB", "AB12", "zero", "one", "Two", "three", "four", "OH", "Five",
            "SIX", "seven", "eight", "nine", "零", "玖",
        ] {
            for sign in [" ", ", ", "-", ". ", "\t", "_", "*", "|", "~", "#", "·", "•", "/", "\\", "^", ""]
            {
                for rest in ["1", "123", "a", "AB", "one", "三"] {
                    let text = first.to_owned() + &[sign, rest].concat().repeat(8);
                    let end = token_end(text.as_bytes(), 0);
                    let run = if end > 0 { run(&text, 0, end) } else { written(&text, 0) };
                    let begins = Glance::at(&text).beginnings.first() == Some(&(0, end));
                    assert!(run.is_none() || begins, "{text}");
                }
            }
        }
        for sign in ('\u{3000}'..'\u{9FFF}').filter(|&sign| chinese(sign).is_some()) {
            assert_eq!(Glance::at(&sign.to_string()).beginnings, [(0, 0)], "{sign}");
        }
    }

    #[test]
    fn places_are_those_of_the_text() {
        let text = "电话 1_3_8_0_0_1_3 和一二三四五六七";
        apart(text, &Glance::at(text), |layer| {
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
