//! Under which keys letters become numbers: the folder of prints tells nobody who lacks them whether a text stands in it.
//!
//! Rows of letters are numbered under a key of the gateway, and these numbers under one of the tenant: what one tenant was told tells nothing of
//! another's. All follow from one secret.

use std::fmt;

use aws_lc_rs::hmac;

use crate::detect::fingerprint::gram::Key;

/// The secret from which all keys of prints follow.
pub struct PrintKeys {
    secret: hmac::Key,
    grams: Key,
}

impl fmt::Debug for PrintKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrintKeys")
    }
}

/// The key of one tenant.
#[derive(Clone, Copy)]
pub struct TenantKey(u64, u64);

impl fmt::Debug for TenantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TenantKey")
    }
}

impl PrintKeys {
    /// The keys of a secret.
    pub fn new(secret: &[u8; 32]) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let grams = Key::new(first(&hmac::sign(&secret, b"\0grams")));
        Self { secret, grams }
    }

    /// Under which rows of letters are numbered.
    pub(super) fn grams(&self) -> &Key {
        &self.grams
    }

    /// The key of a tenant.
    pub(super) fn tenant(&self, name: &str) -> TenantKey {
        let bytes = first(&hmac::sign(&self.secret, format!("tenant\0{name}").as_bytes()));
        let (a, b) = bytes.split_at(8);
        let half = |bytes: &[u8]| bytes.iter().rev().fold(0, |all, &byte| all << 8 | u64::from(byte));
        TenantKey(half(a), half(b))
    }

    /// What stands for a user of a tenant, who is named as records name him; for the tenant's nameless ones, where that is empty.
    pub fn subject(&self, tenant: &str, user: &str) -> [u8; 16] {
        first(&hmac::sign(&self.secret, format!("subject\0{tenant}\0{user}").as_bytes()))
    }
}

fn first(tag: &hmac::Tag) -> [u8; 16] {
    let mut out = [0; 16];
    out.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
    out
}

/// Bits of the number that is kept of a row of letters.
pub(super) const BITS: u32 = 48;

impl TenantKey {
    /// The number that is kept of a row of letters: the first 48 bits of its SipHash-2-4 (Aumasson and Bernstein, INDOCRYPT 2012).
    pub(super) fn number(&self, gram: u64) -> u64 {
        self.sip(gram) >> (64 - BITS)
    }

    /// SipHash-2-4 of eight bytes.
    fn sip(&self, message: u64) -> u64 {
        let Self(k0, k1) = *self;
        let mut v = [
            k0 ^ 0x736f_6d65_7073_6575,
            k1 ^ 0x646f_7261_6e64_6f6d,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ];
        for word in [message, 8 << 56] {
            v[3] ^= word;
            round(&mut v);
            round(&mut v);
            v[0] ^= word;
        }
        v[2] ^= 0xff;
        for _ in 0..4 {
            round(&mut v);
        }
        v[0] ^ v[1] ^ v[2] ^ v[3]
    }
}

fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vector of eight bytes from the reference implementation.
    #[test]
    fn it_is_siphash() {
        let key = TenantKey(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
        let tag = key.sip(u64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7]));
        assert_eq!(tag.to_le_bytes(), [0x62, 0x24, 0x93, 0x9a, 0x79, 0xf5, 0xf5, 0x93]);
    }

    #[test]
    fn tenants_and_subjects_are_apart() {
        let keys = PrintKeys::new(&[7; 32]);
        assert_ne!(keys.tenant("red").number(5), keys.tenant("blue").number(5));
        assert_ne!(keys.subject("red", "x"), keys.subject("blue", "x"));
        assert_ne!(keys.subject("red", ""), keys.subject("red", "x"));
        assert_ne!(PrintKeys::new(&[8; 32]).tenant("red").number(5), keys.tenant("red").number(5));
        assert!(keys.tenant("red").number(u64::MAX) < 1 << BITS);
    }
}
