//! Addresses of crypto-currencies.

use super::passed;
use aws_lc_rs::digest::{SHA256, digest};

pub(super) fn bitcoin(text: &[u8]) -> Option<f32> {
    let native = text.get(..3).is_some_and(|head| head.eq_ignore_ascii_case(b"bc1"));
    passed(if native { bech32(text) } else { base58check(text) })
}

/// A version byte, 20 bytes of hash, 4 bytes of the double SHA-256 of both.
fn base58check(text: &[u8]) -> bool {
    const DIGITS: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut number = [0_u8; 25];
    for byte in text {
        let Some(mut carry) = DIGITS.iter().position(|digit| digit == byte) else { return false };
        for place in number.iter_mut().rev() {
            carry += usize::from(*place) * 58;
            *place = (carry & 0xFF) as u8;
            carry >>= 8;
        }
        if carry > 0 {
            return false;
        }
    }
    let (body, check) = number.split_at(21);
    let sum = digest(&SHA256, digest(&SHA256, body).as_ref());
    (26..=35).contains(&text.len()) && sum.as_ref().starts_with(check)
}

/// BIP 173: a checksum over the prefix `bc` and the data in groups of five bits; 1 for bech32, BIP 350's constant for
/// bech32m.
fn bech32(text: &[u8]) -> bool {
    const CHARSET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const STEPS: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    const BECH32M: u32 = 0x2bc8_30a3;
    let mixed = text.iter().any(u8::is_ascii_lowercase) && text.iter().any(u8::is_ascii_uppercase);
    let polymod = |sum: u32, value: u32| {
        let high = sum >> 25;
        let steps = STEPS.iter().enumerate().filter(|(bit, _)| high >> bit & 1 == 1);
        steps.fold((sum & 0x01ff_ffff) << 5 ^ value, |sum, (_, step)| sum ^ step)
    };
    // The prefix: high bits, zero, low bits of `b` and `c`.
    let head = [3, 3, 0, 2, 3].into_iter().fold(1, polymod);
    let data = text.get(3..).unwrap_or_default().iter().map(u8::to_ascii_lowercase);
    let sum = data
        .map(|byte| CHARSET.iter().position(|known| *known == byte))
        .try_fold(head, |sum, value| value.map(|value| polymod(sum, value as u32)));
    !mixed && (14..=90).contains(&text.len()) && matches!(sum, Some(1 | BECH32M))
}
