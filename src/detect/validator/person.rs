//! Numbers of people that tell a birthday, and days themselves.

use super::digits::{Code, chars, digits, is_day, is_short_day, luhn, number, to_digits, weighted};
use super::{passed, raised};

/// Belgium: before 2000 the nine digits as they are, after it with a 2 before them.
pub(super) fn be_nn(text: &[u8]) -> Option<f32> {
    let digits: [u8; 11] = digits(text)?;
    let (body, check) = digits.split_at_checked(9)?;
    let (body, check) = (number(body), number(check));
    let right = [body, 2_000_000_000 + body].into_iter().any(|number| 97 - number % 97 == check);
    // Days and months may be zero where unknown; months run on by 20 or 40 in the BIS register.
    let month = number(digits.get(2..4)?) % 20;
    passed(right && month <= 12 && number(digits.get(4..6)?) <= 31)
}

/// First two digits of a Chinese identity number (GB/T 2260).
fn is_province(code: u64) -> bool {
    matches!(code, 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83)
}

pub(super) fn cn_id(text: &[u8]) -> Option<f32> {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let code: [u8; 18] = chars(text)?;
    let mut body: [u8; 17] = *code.first_chunk()?;
    if !to_digits(&mut body) {
        return None;
    }
    let expected = b"10X98765432".get((weighted(&body, &WEIGHTS) % 11) as usize)?;
    let year = number(body.get(6..10)?);
    let day = is_day(year, number(body.get(10..12)?), number(body.get(12..14)?));
    passed(
        *expected == code[17] && is_province(number(body.get(..2)?)) && day && (1850..2100).contains(&year),
    )
}

pub(super) fn cn_id_old(text: &[u8]) -> Option<f32> {
    let digits: [u8; 15] = digits(text)?;
    let day =
        is_day(1900 + number(digits.get(6..8)?), number(digits.get(8..10)?), number(digits.get(10..12)?));
    (is_province(number(digits.get(..2)?)) && day).then_some(0.8)
}

/// A day with its year first (`2024-02-29`) or last (`29.2.2024`, `2/29/2024`).
pub(super) fn date(text: &[u8]) -> Option<f32> {
    let mut parts = [0_u64; 3];
    let (mut count, mut inside) = (0, false);
    for &byte in text {
        if byte.is_ascii_digit() {
            count += usize::from(!inside);
            let part = parts.get_mut(count - 1)?;
            *part = (*part * 10 + u64::from(byte - b'0')).min(100_000_000);
        }
        inside = byte.is_ascii_digit();
    }
    let [a, b, c] = parts;
    let years = 1900..=2100;
    let right = match count {
        1 => years.contains(&(a / 10_000)) && is_day(a / 10_000, a / 100 % 100, a % 100),
        3 if years.contains(&a) => is_day(a, b, c),
        3 if years.contains(&c) => is_day(c, b, a) || is_day(c, a, b),
        _ => false,
    };
    passed(right)
}

pub(super) fn fi_hetu(text: &[u8]) -> Option<f32> {
    const CHECKS: &[u8; 31] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
    // The sign of the century (`+`, `-`, or a letter) stands between date and number; `+` and `-` are passed over.
    let code = Code::read(text)?;
    let (date, rest) = code.chars().split_at_checked(6)?;
    let rest = if rest.len() == 5 { rest.get(1..)? } else { rest };
    let mut body = [0; 9];
    let (day, serial) = body.split_at_mut(6);
    day.copy_from_slice(date);
    serial.copy_from_slice(rest.get(..3)?);
    if rest.len() != 4 || !to_digits(&mut body) {
        return None;
    }
    let day = is_short_day(body.get(4..6)?, body.get(2..4)?, body.get(..2)?);
    passed(day && CHECKS.get((number(&body) % 31) as usize) == rest.get(3))
}

pub(super) fn fr_nir(text: &[u8]) -> Option<f32> {
    let mut code: [u8; 15] = chars(text)?;
    let place = match (code[5], code[6]) {
        (b'2', b'A') => *b"19",
        (b'2', b'B') => *b"18",
        (a, b) => [a, b],
    };
    code.get_mut(5..7)?.copy_from_slice(&place);
    if !to_digits(&mut code) {
        return None;
    }
    let month = number(code.get(3..5)?);
    let (body, check) = (number(code.get(..13)?), number(code.get(13..)?));
    // Months beyond 12 stand for papers that do not tell.
    let plausible = matches!(code[0], 1..=4 | 7 | 8) && matches!(month, 1..=12 | 20..=42 | 50..=99);
    passed(plausible && 97 - body % 97 == check)
}

pub(super) fn it_cf(text: &[u8]) -> Option<f32> {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let code: [u8; 16] = chars(text)?;
    let letters = |range: std::ops::Range<usize>| {
        code.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_uppercase))
    };
    if !(letters(0..6) && letters(8..9) && letters(11..12) && letters(15..16)) {
        return None;
    }
    let value = |char: u8| u32::from(if char.is_ascii_digit() { char - b'0' } else { char - b'A' });
    let odd = |value: u32| ODD.get(value as usize).copied().unwrap_or(0);
    let places = code.iter().take(15).enumerate();
    let sum: u32 = places.map(|(at, &char)| if at % 2 == 0 { odd(value(char)) } else { value(char) }).sum();
    passed(sum % 26 == value(code[15]) && b"ABCDEHLMPRST".contains(&code[8]))
}

pub(super) fn kr_rrn(text: &[u8]) -> Option<f32> {
    let digits: [u8; 13] = digits(text)?;
    let century = match digits[6] {
        1 | 2 | 5 | 6 => 1900,
        3 | 4 | 7 | 8 => 2000,
        _ => 1800,
    };
    let day =
        is_day(century + number(digits.get(..2)?), number(digits.get(2..4)?), number(digits.get(4..6)?));
    let check = (11 - weighted(&digits, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11) % 10;
    day.then(|| raised(check == u32::from(digits[12])))
}

pub(super) fn no_fnr(text: &[u8]) -> Option<f32> {
    let d: [u8; 11] = digits(text)?;
    let check = |sum: u32| (11 - sum % 11) % 11;
    let first = check(weighted(&d, &[3, 7, 6, 1, 8, 9, 4, 5, 2]));
    let second = check(weighted(&d, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]));
    // D numbers add 40 to the day.
    let day = [d[0] % 4, d[1]];
    passed(is_short_day(&d[4..6], &d[2..4], &day) && first == u32::from(d[9]) && second == u32::from(d[10]))
}

pub(super) fn pl_pesel(text: &[u8]) -> Option<f32> {
    let digits: [u8; 11] = digits(text)?;
    let sum = weighted(&digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    // The month tells the century: 80 more for 1800, 20 for 2000, 40 for 2100, 60 for 2200.
    let month = number(digits.get(2..4)?);
    let century = [1900, 2000, 2100, 2200, 1800].get((month / 20) as usize)?;
    let day = is_day(century + number(digits.get(..2)?), month % 20, number(digits.get(4..6)?));
    passed(day && sum.is_multiple_of(10))
}

pub(super) fn se_personnummer(text: &[u8]) -> Option<f32> {
    let short: [u8; 10] = match digits::<12>(text) {
        Some(long) => long.get(2..)?.try_into().ok()?,
        None => digits(text)?,
    };
    // Coordination numbers add 60 to the day.
    let day = number(short.get(4..6)?);
    let day = if day > 60 { day - 60 } else { day };
    let (year, month) = (number(short.get(..2)?), number(short.get(2..4)?));
    passed(luhn(&short) && (is_day(1900 + year, month, day) || is_day(2000 + year, month, day)))
}

pub(super) fn za_id(text: &[u8]) -> Option<f32> {
    let digits: [u8; 13] = digits(text)?;
    let day = is_short_day(digits.get(..2)?, digits.get(2..4)?, digits.get(4..6)?);
    passed(day && digits[10] <= 2 && luhn(&digits))
}
