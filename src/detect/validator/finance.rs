//! Cards, accounts, banks.

use super::digits::{Code, all_same, digits, mod_97, number, to_digits, weighted};
use super::{digits, passed};

pub(super) fn luhn(text: &[u8]) -> Option<f32> {
    let code = Code::read(text)?;
    let mut own = [0; 64];
    let digits = own.get_mut(..code.chars().len())?;
    digits.copy_from_slice(code.chars());
    passed(digits.len() > 1 && to_digits(digits) && digits::luhn(digits))
}

/// Ranges of issuers as first digits and the lengths of their numbers.
const ISSUERS: [(u64, u64, usize, usize); 21] = [
    (4, 4, 13, 19),       // Visa
    (51, 55, 16, 16),     // Mastercard
    (2221, 2720, 16, 16), // Mastercard
    (34, 34, 15, 15),     // American Express
    (37, 37, 15, 15),     // American Express
    (300, 305, 14, 19),   // Diners Club
    (3095, 3095, 14, 19), // Diners Club
    (36, 36, 14, 19),     // Diners Club
    (38, 39, 14, 19),     // Diners Club
    (6011, 6011, 16, 19), // Discover
    (644, 649, 16, 19),   // Discover
    (65, 65, 16, 19),     // Discover
    (3528, 3589, 16, 19), // JCB
    (62, 62, 16, 19),     // UnionPay
    (81, 81, 16, 19),     // UnionPay, RuPay
    (2200, 2204, 16, 19), // Mir
    (5018, 5020, 12, 19), // Maestro
    (56, 58, 12, 19),     // Maestro
    (6304, 6304, 12, 19), // Maestro
    (6759, 6763, 12, 19), // Maestro
    (60, 60, 16, 16),     // RuPay
];

pub(super) fn card(text: &[u8]) -> Option<f32> {
    card_of(text, |digits| ISSUERS.iter().any(|issuer| issued(digits, issuer)))
}

pub(super) fn cn_bank_card(text: &[u8]) -> Option<f32> {
    card_of(text, |digits| {
        digits.len() >= 16
            && (digits.starts_with(&[6, 2]) || ISSUERS.iter().any(|issuer| issued(digits, issuer)))
    })
}

fn issued(digits: &[u8], &(low, high, shortest, longest): &(u64, u64, usize, usize)) -> bool {
    let places = low.ilog10() as usize + 1;
    let first = digits.get(..places).map(number);
    (shortest..=longest).contains(&digits.len()) && first.is_some_and(|first| (low..=high).contains(&first))
}

fn card_of(text: &[u8], issued: impl Fn(&[u8]) -> bool) -> Option<f32> {
    let code = Code::read(text)?;
    let mut own = [0; 64];
    let digits = own.get_mut(..code.chars().len())?;
    digits.copy_from_slice(code.chars());
    let right = to_digits(digits) && (12..=19).contains(&digits.len());
    // Of a number whose rest repeats one digit (4000 0000 ...) test numbers remain, of one digit only nothing.
    passed(right && digits::luhn(digits) && issued(digits) && !all_same(digits))
}

/// Lengths of IBANs by country (SWIFT's registry), sorted.
const IBAN_LENGTHS: [(&[u8; 2], usize); 82] = [
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VG", 24),
];

pub(super) fn iban(text: &[u8]) -> Option<f32> {
    let code = Code::read(text)?;
    let chars = code.chars();
    let (head, account) = chars.split_at_checked(4)?;
    let length = IBAN_LENGTHS
        .binary_search_by(|(country, _)| country.as_slice().cmp(head.get(..2).unwrap_or_default()));
    let (_, length) = IBAN_LENGTHS.get(length.ok()?)?;
    let check = head.get(2..)?.iter().all(u8::is_ascii_digit);
    passed(check && chars.len() == *length && mod_97(account.iter().chain(head).copied()) == 1)
}

/// Countries and territories (ISO 3166-1 and XK), two letters each.
const COUNTRIES: &[u8] = b"ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICKCLCMCNCOCRCUCVCWCXCYCZDEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISITJEJMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUMUSUYUZVAVCVEVGVIVNVUWFWSXKYEYTZAZMZW";

pub(super) fn bic(text: &[u8]) -> Option<f32> {
    let code = Code::read(text)?;
    let chars = code.chars();
    let country = chars.get(4..6)?;
    let shape = matches!(chars.len(), 8 | 11) && chars.get(..6)?.iter().all(u8::is_ascii_uppercase);
    // Any word of eight letters may hold a country code: weak evidence.
    (shape && COUNTRIES.chunks(2).any(|known| known == country)).then_some(0.6)
}

pub(super) fn us_aba(text: &[u8]) -> Option<f32> {
    let digits: [u8; 9] = digits(text)?;
    let district = number(digits.get(..2)?);
    let issued = matches!(district, 0..=12 | 21..=32 | 61..=72 | 80);
    let sum = weighted(&digits, &[3, 7, 1, 3, 7, 1, 3, 7, 1]);
    passed(issued && sum != 0 && sum.is_multiple_of(10))
}

pub(super) fn us_npi(text: &[u8]) -> Option<f32> {
    let own: [u8; 10] = digits(text)?;
    let mut whole = [8, 0, 8, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    whole.get_mut(5..)?.copy_from_slice(&own);
    passed(matches!(own[0], 1 | 2) && digits::luhn(&whole))
}
