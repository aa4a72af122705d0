//! Numbers of people, cards and accounts: others of the same form, with a check digit that is right, out of ranges that nobody has where
//! there are such.

use super::draw::Draw;
use crate::detect::Validator;

/// How often a number is drawn until its check holds: of the strictest, a date and two check digits, one in some thousands does.
const TRIES: usize = 50_000;

/// The text with other letters and digits in the places of its own.
pub(super) fn laid_out(text: &str, letters: &str) -> String {
    let mut letters = letters.chars();
    let put = |c: char| if c.is_ascii_alphanumeric() { letters.next().unwrap_or(c) } else { c };
    text.chars().map(put).collect()
}

fn letters_of(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// A stand-in for an identifier of a category; none where the category's form is not known, or the text has not this form.
pub(super) fn stand_in(category: &str, text: &str, draw: &mut Draw) -> Option<String> {
    if !text.is_ascii() {
        return None;
    }
    let own = letters_of(text);
    let new = match category {
        "CN_ID" => china(&own, draw)?,
        "CREDIT_CARD" | "BANK_CARD" => card(&own, draw)?,
        "IBAN" => iban(&own, draw)?,
        // Neither a social security number (no area from 900 on) nor an ITIN (no group 66 to 69).
        "US_SSN" | "US_ITIN" if is_digits(&own, 9) => {
            format!("9{}6{}{}", draw.digits(2), 6 + draw.below(4), draw.digits(4))
        }
        "IP" => return address(text, draw),
        // Locally administered: given to no maker (IEEE 802).
        "MAC" if own.len() == 12 => cased(&own, &format!("02{}", draw.hex(10))),
        _ => checked(category, text, draw)?,
    };
    (new.len() == own.len()).then(|| laid_out(text, &new))
}

fn is_digits(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Upper case where the other one has it.
fn cased(like: &str, new: &str) -> String {
    if like.bytes().any(|byte| byte.is_ascii_uppercase()) { new.to_uppercase() } else { new.to_owned() }
}

/// A resident identity number of a prefecture as such: numbers are given out by counties, whose codes do not end with 00 (GB/T 2260).
fn china(own: &str, draw: &mut Draw) -> Option<String> {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    if own.len() != 18 {
        return None;
    }
    let sex = own.chars().nth(16)?.to_digit(10)? % 2;
    let area = draw.pick(&[
        "110100", "310100", "440100", "510100", "420100", "330100", "320100", "610100", "370100", "500100",
    ]);
    let (year, month, day) = (1950 + draw.below(55), 1 + draw.below(12), 1 + draw.below(28));
    let last = u32::try_from(draw.below(5)).ok()? * 2 + sex;
    let body = format!("{area}{year}{month:02}{day:02}{}{last}", draw.digits(2));
    let sum: u32 = body.chars().zip(WEIGHTS).filter_map(|(c, weight)| Some(c.to_digit(10)? * weight)).sum();
    let check = "10X98765432".chars().nth((sum % 11) as usize)?;
    Some(format!("{body}{check}"))
}

/// A card of the same network and length, behind the first six digits of the network's own test cards.
fn card(own: &str, draw: &mut Draw) -> Option<String> {
    let begins = |starts: &[&str]| starts.iter().any(|start| own.starts_with(start));
    let issuer = match own.len() {
        13..=19 if begins(&["4"]) => "400000",
        16 if begins(&["51", "52", "53", "54", "55", "22", "23", "24", "25", "26", "27"]) => "555555",
        15 if begins(&["34", "37"]) => "378282",
        14..=19 if begins(&["30", "36", "38", "39"]) => "305693",
        16..=19 if begins(&["6011", "64", "65"]) => "601111",
        16..=19 if begins(&["35"]) => "353011",
        16..=19 if begins(&["62"]) => "620000",
        _ => return None,
    };
    let body = format!("{issuer}{}", draw.digits(own.len().checked_sub(7)?));
    let sum: u32 = body
        .chars()
        .rev()
        .enumerate()
        .filter_map(|(at, c)| {
            let digit = c.to_digit(10)?;
            Some(if at % 2 == 0 { digit * 2 / 10 + digit * 2 % 10 } else { digit })
        })
        .sum();
    Some(format!("{body}{}", (10 - sum % 10) % 10))
}

/// An account of the same country in a bank whose code is all zeros or X, which no bank has.
fn iban(own: &str, draw: &mut Draw) -> Option<String> {
    let own = own.to_ascii_uppercase();
    let (country, rest) = (own.get(..2)?, own.get(4..)?);
    let account: String = rest
        .chars()
        .enumerate()
        .map(|(at, c)| match (c.is_ascii_digit(), at < 4) {
            (true, true) => '0',
            (true, false) => draw.digit(),
            (false, true) => 'X',
            (false, false) => char::from(b'A' + draw.below(26) as u8),
        })
        .collect();
    let rest = |text: &str| {
        let values = text.chars().filter_map(|c| c.to_digit(36));
        values.fold(0, |rest, value| (rest * if value < 10 { 10 } else { 100 } + value) % 97)
    };
    let check = 98 - rest(&format!("{account}{country}00"));
    Some(format!("{country}{check:02}{account}"))
}

/// An address of the networks for documentation (RFC 5737, RFC 3849).
fn address(text: &str, draw: &mut Draw) -> Option<String> {
    if text.parse::<std::net::Ipv4Addr>().is_ok() {
        let net = draw.pick(&["192.0.2", "198.51.100", "203.0.113"]);
        return Some(format!("{net}.{}", 1 + draw.below(254)));
    }
    text.parse::<std::net::Ipv6Addr>().ok()?;
    Some(format!(
        "2001:db8:{}:{}::{}",
        draw.hex(4).trim_start_matches('0'),
        draw.hex(3),
        1 + draw.below(9999)
    ))
    .filter(|address| address.parse::<std::net::Ipv6Addr>().is_ok())
}

/// The check of a category, of those whose form is digits and letters with a check.
fn validator(category: &str) -> Option<Validator> {
    let name = match category {
        "USCC" => "cn_uscc",
        "JP_MYNUMBER" => "jp_my_number",
        "DE_TAX_ID" => "de_idnr",
        "US_ROUTING" => "us_aba",
        "SWIFT_BIC" => return None,
        other => return Validator::from_name(&other.to_lowercase()),
    };
    Validator::from_name(name)
}

/// Another one whose check holds: digits for digits and letters for letters.
fn checked(category: &str, text: &str, draw: &mut Draw) -> Option<String> {
    let validator = validator(category)?;
    validator.check(text.as_bytes())?;
    let own = letters_of(text);
    for _ in 0..TRIES {
        let new: String = own
            .chars()
            .map(|c| match c {
                '0'..='9' => draw.digit(),
                'a'..='z' => char::from(b'a' + draw.below(26) as u8),
                _ => char::from(b'A' + draw.below(26) as u8),
            })
            .collect();
        if new != own && validator.check(laid_out(text, &new).as_bytes()).is_some() {
            return Some(new);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::Secret;

    fn of(category: &str, text: &str, turn: u32) -> Option<String> {
        let scope = Secret::new(&[1; 32]).scope(&["t"], b"c");
        stand_in(category, text, &mut scope.draw(category, text, turn))
    }

    #[test]
    fn checks_hold_and_the_layout_stays() {
        let shape = |text: &str| -> String {
            text.chars()
                .map(|c| {
                    if c.is_ascii_digit() {
                        '0'
                    } else if c.is_ascii_alphabetic() {
                        'A'
                    } else {
                        c
                    }
                })
                .collect()
        };
        for (category, text, check) in [
            ("CN_ID", "11010519491231002X", Validator::CnId),
            ("CREDIT_CARD", "4111 1111 1111 1111", Validator::Card),
            ("CREDIT_CARD", "5555-5555-5555-4444", Validator::Card),
            ("CREDIT_CARD", "378282246310005", Validator::Card),
            ("BANK_CARD", "6222021234567890128", Validator::CnBankCard),
            ("IBAN", "DE89 3704 0044 0532 0130 00", Validator::Iban),
            ("IBAN", "GB29NWBK60161331926819", Validator::Iban),
            ("UK_NHS", "943 476 5919", Validator::UkNhs),
            ("PL_PESEL", "44051401359", Validator::PlPesel),
            ("ES_DNI", "12345678Z", Validator::EsDni),
            ("IT_CF", "RSSMRA85T10A562S", Validator::ItCf),
            ("FR_NIR", "255081416802538", Validator::FrNir),
            ("IN_AADHAAR", "2341 2341 2346", Validator::InAadhaar),
            ("USCC", "91350100M000100Y43", Validator::CnUscc),
            ("BR_CPF", "529.982.247-25", Validator::BrCpf),
        ] {
            for turn in 0..20 {
                let got = of(category, text, turn).unwrap_or_else(|| panic!("{category} {text}"));
                assert!(check.check(got.as_bytes()).is_some(), "{category}: {got}");
                assert_eq!(got.len(), text.len());
                assert_ne!(got, text);
                if category != "CN_ID" && category != "USCC" {
                    assert_eq!(shape(&got), shape(text), "{category}");
                }
            }
        }
        let sex = |id: &str| id.as_bytes().get(16).map(|digit| digit % 2);
        assert_eq!(of("CN_ID", "11010519491231002X", 0).as_deref().map(sex), Some(sex("11010519491231002X")));
        assert_eq!(of("PASSPORT", "E12345678", 0), None);
        assert_eq!(of("CREDIT_CARD", "９", 0), None);
    }
}
