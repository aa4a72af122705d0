//! Addresses, telephone numbers, devices, vehicles.

use super::digits::{Code, all_same, chars, digits, luhn, number, to_digits, weighted};
use super::passed;
use std::net::{Ipv4Addr, Ipv6Addr};

fn v4(text: &[u8]) -> Option<Ipv4Addr> {
    str::from_utf8(text).ok()?.parse().ok()
}

pub(super) fn ipv4(text: &[u8]) -> Option<f32> {
    v4(text).map(|_| 1.0)
}

pub(super) fn ipv4_public(text: &[u8]) -> Option<f32> {
    let address = v4(text)?;
    let [a, b, ..] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && b & 0xC0 == 64)
        || (a == 198 && b & 0xFE == 18);
    passed(!special)
}

pub(super) fn ipv6(text: &[u8]) -> Option<f32> {
    let address: Ipv6Addr = str::from_utf8(text).ok()?.parse().ok()?;
    passed(!address.is_unspecified() && !address.is_loopback())
}

pub(super) fn imei(text: &[u8]) -> Option<f32> {
    let digits: [u8; 15] = digits(text)?;
    passed(luhn(&digits) && !all_same(&digits))
}

pub(super) fn cn_mobile(text: &[u8]) -> Option<f32> {
    let code = Code::read(text)?;
    let own = code.chars();
    let own = own.strip_prefix(b"0086").or_else(|| own.strip_prefix(b"86")).unwrap_or(own);
    let mut digits: [u8; 11] = own.try_into().ok()?;
    passed(to_digits(&mut digits) && digits[0] == 1 && digits[1] >= 3 && !all_same(digits.get(2..)?))
}

pub(super) fn phone_us(text: &[u8]) -> Option<f32> {
    let code = Code::read(text)?;
    let own = code.chars();
    let own = if own.len() == 11 { own.strip_prefix(b"1")? } else { own };
    let mut digits: [u8; 10] = own.try_into().ok()?;
    let right = to_digits(&mut digits);
    let service = digits[1] == 1 && digits[2] == 1;
    passed(right && digits[0] >= 2 && digits[3] >= 2 && !service && !all_same(&digits))
}

pub(super) fn phone(text: &[u8]) -> Option<f32> {
    let code = Code::read(text)?;
    let mut own = [0; 64];
    let digits = own.get_mut(..code.chars().len())?;
    digits.copy_from_slice(code.chars());
    if !to_digits(digits) {
        return None;
    }
    let plain = digits.strip_prefix(&[0, 0]).unwrap_or(digits);
    let run = plain.windows(2).all(|pair| pair[1] == pair[0] + 1);
    let day = super::person::date(text).is_some();
    ((7..=15).contains(&plain.len()) && !all_same(plain) && !run && !day).then_some(0.8)
}

pub(super) fn vin(text: &[u8]) -> Option<f32> {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let code: [u8; 17] = chars(text)?;
    let mut values = [0; 17];
    for (value, &char) in values.iter_mut().zip(&code) {
        *value = match char {
            b'0'..=b'9' => char - b'0',
            b'A'..=b'H' => char - b'A' + 1,
            b'J'..=b'N' => char - b'J' + 1,
            b'P' => 7,
            b'R' => 9,
            b'S'..=b'Z' => char - b'S' + 2,
            _ => return None,
        };
    }
    let rest = weighted(&values, &WEIGHTS) % 11;
    let expected = if rest == 10 { b'X' } else { b'0' + rest as u8 };
    let mixed = code.iter().any(u8::is_ascii_digit) && code.iter().any(u8::is_ascii_uppercase);
    passed(expected == code[8] && mixed && number(&values) != 0)
}
