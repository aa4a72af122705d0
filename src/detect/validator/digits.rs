//! What the checks are made of: characters without separators, weighted sums, the standard check digits.

/// The letters and digits of a match, without its separators.
pub(super) struct Code {
    chars: [u8; Self::MOST],
    len: usize,
}

impl Code {
    /// Longer matches are no identifier.
    const MOST: usize = 64;

    /// Upper-case letters and digits; separators (space, hyphen, dot, slash, brackets, plus) are passed over, anything
    /// else is no identifier.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let mut code = Self { chars: [0; Self::MOST], len: 0 };
        for &byte in text {
            match byte {
                b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                    *code.chars.get_mut(code.len)? = byte.to_ascii_uppercase();
                    code.len += 1;
                }
                b' ' | b'-' | b'.' | b'/' | b'(' | b')' | b'+' | b'\t' | b'\n' | b'\r' | b'_' | b':' => {}
                _ => return None,
            }
        }
        Some(code)
    }

    pub(super) fn chars(&self) -> &[u8] {
        self.chars.get(..self.len).unwrap_or_default()
    }
}

/// Reads exactly `N` letters and digits.
pub(super) fn chars<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    Code::read(text)?.chars().try_into().ok()
}

/// Reads exactly `N` digits, as numbers; letters that readers of print take digits for (`O`, `l`, `I`) count where the rule's
/// expression lets them stand.
pub(super) fn digits<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut digits: [u8; N] = chars(text)?;
    for digit in &mut digits {
        match *digit {
            b'O' => *digit = b'0',
            b'I' | b'L' => *digit = b'1',
            _ => {}
        }
    }
    to_digits(&mut digits).then_some(digits)
}

/// Turns ASCII digits into numbers; false if there is anything else.
pub(super) fn to_digits(chars: &mut [u8]) -> bool {
    chars.iter_mut().all(|char| {
        let digit = char.is_ascii_digit();
        *char = char.wrapping_sub(b'0');
        digit
    })
}

/// The digits as one number.
pub(super) fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |number, &digit| number * 10 + u64::from(digit))
}

pub(super) fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(&digit, weight)| u32::from(digit) * weight).sum()
}

pub(super) fn all_same(digits: &[u8]) -> bool {
    digits.windows(2).all(|pair| pair[0] == pair[1])
}

/// Whether the last digit is Luhn's check digit: every second digit from the right is doubled, its digits added up.
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits.iter().rev().enumerate().map(|(at, &digit)| luhn_part(at, digit)).sum();
    sum.is_multiple_of(10)
}

fn luhn_part(from_right: usize, digit: u8) -> u32 {
    let doubled = u32::from(digit) << (from_right % 2);
    if doubled > 9 { doubled - 9 } else { doubled }
}

/// ISO 7064 MOD 11,10, as in German tax numbers.
pub(super) fn mod_11_10(digits: &[u8]) -> bool {
    let Some((&check, body)) = digits.split_last() else { return false };
    let product = body.iter().fold(10, |product, &digit| {
        let sum = (u32::from(digit) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == u32::from(check)
}

/// ISO 7064 MOD 97-10 over letters (A = 10) and digits: the remainder.
pub(super) fn mod_97(chars: impl Iterator<Item = u8>) -> u32 {
    chars.fold(0, |rest, char| match char {
        b'0'..=b'9' => (rest * 10 + u32::from(char - b'0')) % 97,
        _ => (rest * 100 + u32::from(char.wrapping_sub(b'A')) + 10) % 97,
    })
}

/// Verhoeff's check digit (dihedral group of order 10).
pub(super) fn verhoeff(digits: &[u8]) -> bool {
    const PRODUCT: [[u8; 10]; 10] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
        [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
        [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
        [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
        [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
        [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
        [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
        [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
        [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    ];
    const TURN: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let turned =
        |digit: u8, times: usize| (0..times % 8).fold(digit, |digit, _| TURN[usize::from(digit % 10)]);
    let check = digits.iter().rev().enumerate();
    check.fold(0, |check: u8, (at, &digit)| PRODUCT[usize::from(check)][usize::from(turned(digit, at))]) == 0
}

/// Whether a day exists; `year` with its century.
pub(super) fn is_day(year: u64, month: u64, day: u64) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// Whether six digits are a day of some century.
pub(super) fn is_short_day(year: &[u8], month: &[u8], day: &[u8]) -> bool {
    let (year, month, day) = (number(year), number(month), number(day));
    is_day(1900 + year, month, day) || is_day(2000 + year, month, day)
}
