//! Numbers that states give to people and companies, without a date in them.

use super::digits::{Code, all_same, chars, digits, luhn, mod_11_10, number, to_digits, verhoeff, weighted};
use super::passed;

/// A mod 11 digit as Portugal, Brazil and Poland have it: 11 minus the remainder, 10 and 11 as `else_digit`.
fn mod_11_digit(sum: u32, else_digit: u32) -> u32 {
    match 11 - sum % 11 {
        10 | 11 => else_digit,
        digit => digit,
    }
}

pub(super) fn ar_cuit(text: &[u8]) -> Option<f32> {
    let digits: [u8; 11] = digits(text)?;
    let kind = matches!(number(digits.get(..2)?), 20 | 23..=27 | 30 | 33 | 34);
    let check = match 11 - weighted(&digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11 {
        11 => 0,
        10 => 9,
        digit => digit,
    };
    passed(kind && check == u32::from(digits[10]))
}

pub(super) fn au_medicare(text: &[u8]) -> Option<f32> {
    let digits: [u8; 10] = match digits::<11>(text) {
        Some(with_person) => with_person.first_chunk().copied()?,
        None => digits(text)?,
    };
    let sum = weighted(&digits, &[1, 3, 7, 9, 1, 3, 7, 9]);
    passed(matches!(digits[0], 2..=6) && sum % 10 == u32::from(digits[8]) && digits[9] != 0)
}

pub(super) fn au_tfn(text: &[u8]) -> Option<f32> {
    let digits: [u8; 9] = digits(text)?;
    passed(weighted(&digits, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11) && !all_same(&digits))
}

pub(super) fn br_cpf(text: &[u8]) -> Option<f32> {
    let digits: [u8; 11] = digits(text)?;
    let first = mod_11_digit(weighted(digits.get(..9)?, &[10, 9, 8, 7, 6, 5, 4, 3, 2]), 0);
    let second = mod_11_digit(weighted(digits.get(..10)?, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]), 0);
    passed(first == u32::from(digits[9]) && second == u32::from(digits[10]) && !all_same(&digits))
}

pub(super) fn br_cnpj(text: &[u8]) -> Option<f32> {
    let mut values: [u8; 14] = chars(text)?;
    // A letter counts as its ASCII code less 48.
    for char in &mut values {
        *char -= b'0';
    }
    let first = mod_11_digit(weighted(values.get(..12)?, &[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]), 0);
    let second = mod_11_digit(weighted(values.get(..13)?, &[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]), 0);
    passed(first == u32::from(values[12]) && second == u32::from(values[13]) && !all_same(&values))
}

pub(super) fn ca_sin(text: &[u8]) -> Option<f32> {
    let digits: [u8; 9] = digits(text)?;
    passed(!matches!(digits[0], 0 | 8) && luhn(&digits))
}

pub(super) fn ch_ahv(text: &[u8]) -> Option<f32> {
    let digits: [u8; 13] = digits(text)?;
    let sum = weighted(&digits, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]);
    passed(digits.starts_with(&[7, 5, 6]) && sum.is_multiple_of(10))
}

pub(super) fn cl_rut(text: &[u8]) -> Option<f32> {
    let code = Code::read(text)?;
    let (&check, body) = code.chars().split_last()?;
    if !(7..=8).contains(&body.len()) || !body.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let sum: u32 =
        body.iter().rev().zip([2, 3, 4, 5, 6, 7, 2, 3]).map(|(&d, w)| u32::from(d - b'0') * w).sum();
    let expected = match 11 - sum % 11 {
        11 => b'0',
        10 => b'K',
        digit => b'0' + digit as u8,
    };
    passed(check == expected)
}

pub(super) fn cn_uscc(text: &[u8]) -> Option<f32> {
    const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    const WEIGHTS: [u32; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
    let mut values: [u8; 18] = chars(text)?;
    let kind = matches!(
        values[0],
        b'1' | b'2' | b'3' | b'4' | b'5' | b'6' | b'7' | b'8' | b'9' | b'A' | b'N' | b'Y'
    );
    for value in &mut values {
        *value = ALPHABET.iter().position(|known| known == value)? as u8;
    }
    let region = values.get(2..8)?.iter().all(|&value| value < 10);
    let check = (31 - weighted(&values, &WEIGHTS) % 31) % 31;
    passed(kind && region && check == u32::from(values[17]))
}

pub(super) fn de_idnr(text: &[u8]) -> Option<f32> {
    let digits: [u8; 11] = digits(text)?;
    let mut counts = [0; 10];
    digits.iter().take(10).for_each(|&digit| counts[usize::from(digit % 10)] += 1);
    // One digit stands two or three times in the first ten, no other one more than once.
    let repeated =
        counts.iter().filter(|&&count| count > 1).count() == 1 && counts.iter().all(|&count| count < 4);
    passed(digits[0] != 0 && repeated && mod_11_10(&digits))
}

pub(super) fn es_dni(text: &[u8]) -> Option<f32> {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let mut code: [u8; 9] = chars(text)?;
    code[0] = match code[0] {
        b'X' => b'0',
        b'Y' => b'1',
        b'Z' => b'2',
        other => other,
    };
    let (&letter, body) = code.split_last()?;
    let mut body: [u8; 8] = body.try_into().ok()?;
    passed(to_digits(&mut body) && LETTERS.get((number(&body) % 23) as usize) == Some(&letter))
}

pub(super) fn hk_id(text: &[u8]) -> Option<f32> {
    let code = Code::read(text)?;
    let chars = code.chars();
    let (letters, rest) = chars.split_at_checked(chars.len().checked_sub(7)?)?;
    let value = |&letter: &u8| letter.is_ascii_uppercase().then(|| u32::from(letter - b'A') + 10);
    // A missing first letter counts as a blank, 36.
    let head = match letters {
        [one] => 36 * 9 + value(one)? * 8,
        [first, second] => value(first)? * 9 + value(second)? * 8,
        _ => return None,
    };
    let (&check, body) = rest.split_last()?;
    let mut body: [u8; 6] = body.try_into().ok()?;
    let check = if check == b'A' { 10 } else { char::from(check).to_digit(10)? };
    passed(to_digits(&mut body) && (head + weighted(&body, &[7, 6, 5, 4, 3, 2]) + check).is_multiple_of(11))
}

pub(super) fn il_id(text: &[u8]) -> Option<f32> {
    let digits: [u8; 9] = digits(text)?;
    passed(luhn(&digits) && !all_same(&digits))
}

pub(super) fn in_aadhaar(text: &[u8]) -> Option<f32> {
    let digits: [u8; 12] = digits(text)?;
    passed(digits[0] >= 2 && verhoeff(&digits))
}

pub(super) fn jp_my_number(text: &[u8]) -> Option<f32> {
    let digits: [u8; 12] = digits(text)?;
    let rest = weighted(&digits, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    let check = if rest <= 1 { 0 } else { 11 - rest };
    passed(check == u32::from(digits[11]) && !all_same(&digits))
}

pub(super) fn nl_bsn(text: &[u8]) -> Option<f32> {
    let digits: [u8; 9] = digits(text)?;
    let sum = weighted(&digits, &[9, 8, 7, 6, 5, 4, 3, 2]) + 11 - u32::from(digits[8]);
    passed(sum.is_multiple_of(11) && !all_same(&digits))
}

pub(super) fn pl_nip(text: &[u8]) -> Option<f32> {
    let digits: [u8; 10] = digits(text)?;
    let check = weighted(&digits, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11;
    passed(check == u32::from(digits[9]) && !all_same(&digits))
}

pub(super) fn pl_regon(text: &[u8]) -> Option<f32> {
    const SHORT: [u32; 8] = [8, 9, 2, 3, 4, 5, 6, 7];
    const LONG: [u32; 13] = [2, 4, 8, 5, 0, 9, 7, 3, 6, 1, 2, 4, 8];
    let right =
        |digits: &[u8], weights: &[u32], check: u8| weighted(digits, weights) % 11 % 10 == u32::from(check);
    if let Some(long) = digits::<14>(text) {
        return passed(right(&long, &SHORT, long[8]) && right(&long, &LONG, long[13]) && !all_same(&long));
    }
    let short: [u8; 9] = digits(text)?;
    passed(right(&short, &SHORT, short[8]) && !all_same(&short))
}

pub(super) fn pt_nif(text: &[u8]) -> Option<f32> {
    let digits: [u8; 9] = digits(text)?;
    let check = mod_11_digit(weighted(&digits, &[9, 8, 7, 6, 5, 4, 3, 2]), 0);
    passed(!matches!(digits[0], 0 | 4) && check == u32::from(digits[8]))
}

pub(super) fn sg_nric(text: &[u8]) -> Option<f32> {
    let code: [u8; 9] = chars(text)?;
    let (offset, letters) = match code[0] {
        b'S' => (0, b"JZIHGFEDCBA"),
        b'T' => (4, b"JZIHGFEDCBA"),
        b'F' => (0, b"XWUTRQPNMLK"),
        b'G' => (4, b"XWUTRQPNMLK"),
        b'M' => (3, b"XWUTRQPNJLK"),
        _ => return None,
    };
    let mut body: [u8; 7] = code.get(1..8)?.try_into().ok()?;
    let digits = to_digits(&mut body);
    let rest = (weighted(&body, &[2, 7, 6, 5, 4, 3, 2]) + offset) % 11;
    passed(digits && letters.get(rest as usize) == Some(&code[8]))
}

pub(super) fn tr_tckn(text: &[u8]) -> Option<f32> {
    let d: [u8; 11] = digits(text)?;
    let odd = weighted(&d, &[1, 0, 1, 0, 1, 0, 1, 0, 1]);
    let even = weighted(&d, &[0, 1, 0, 1, 0, 1, 0, 1]);
    let tenth = (odd * 7 + 100 - even) % 10;
    let eleventh = (odd + even + u32::from(d[9])) % 10;
    passed(d[0] != 0 && tenth == u32::from(d[9]) && eleventh == u32::from(d[10]))
}

pub(super) fn tw_id(text: &[u8]) -> Option<f32> {
    /// Letters in the order of their numbers from 10 on.
    const LETTERS: &[u8; 26] = b"ABCDEFGHJKLMNPQRSTUVXYWZIO";
    let code: [u8; 10] = chars(text)?;
    let letter = LETTERS.iter().position(|known| *known == code[0])? as u32 + 10;
    let mut body: [u8; 9] = code.get(1..)?.try_into().ok()?;
    let digits = to_digits(&mut body);
    let sum = letter / 10 + letter % 10 * 9 + weighted(&body, &[8, 7, 6, 5, 4, 3, 2, 1, 1]);
    passed(digits && matches!(body[0], 1 | 2 | 8 | 9) && sum.is_multiple_of(10))
}

pub(super) fn uk_nhs(text: &[u8]) -> Option<f32> {
    let digits: [u8; 10] = digits(text)?;
    let check = match 11 - weighted(&digits, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11 {
        11 => 0,
        check => check,
    };
    passed(check == u32::from(digits[9]) && !all_same(&digits))
}

pub(super) fn uk_nino(text: &[u8]) -> Option<f32> {
    let code: [u8; 9] = chars(text)?;
    let prefix: &[u8; 2] = code.first_chunk()?;
    let issued = prefix.iter().all(|letter| letter.is_ascii_uppercase() && !b"DFIQUV".contains(letter))
        && prefix[1] != b'O'
        && ![b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"].contains(&prefix);
    let digits = code.get(2..8)?.iter().all(u8::is_ascii_digit);
    passed(issued && digits && matches!(code[8], b'A'..=b'D'))
}

pub(super) fn us_dea(text: &[u8]) -> Option<f32> {
    let code: [u8; 9] = chars(text)?;
    let registrant =
        b"ABCDEFGHJKLMPRSTUX".contains(&code[0]) && (code[1].is_ascii_uppercase() || code[1] == b'9');
    let mut digits: [u8; 7] = code.get(2..)?.try_into().ok()?;
    let right = to_digits(&mut digits);
    passed(registrant && right && weighted(&digits, &[1, 2, 1, 2, 1, 2]) % 10 == u32::from(digits[6]))
}

pub(super) fn us_itin(text: &[u8]) -> Option<f32> {
    let digits: [u8; 9] = digits(text)?;
    let group = number(digits.get(3..5)?);
    passed(digits[0] == 9 && matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99))
}

pub(super) fn us_ssn(text: &[u8]) -> Option<f32> {
    let digits: [u8; 9] = digits(text)?;
    let area = number(digits.get(..3)?);
    let (group, serial) = (number(digits.get(3..5)?), number(digits.get(5..)?));
    passed(!matches!(area, 0 | 666 | 900..) && group != 0 && serial != 0 && !all_same(&digits))
}
