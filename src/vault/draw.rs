//! What stand-ins are drawn from: a keyed hash of who asks, in which conversation, and the value.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;

use crate::text::hex;

/// Hexadecimal digits of a hash that stands in a text.
const DIGITS: usize = 12;

/// The gateway's secret for stand-ins.
#[derive(Clone)]
pub struct Secret(hmac::Key);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Hashes parts so that where one ends is told: `("ab", "c")` is not `("a", "bc")`.
fn sign(key: &hmac::Key, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(context.sign().as_ref()) {
        *to = *from;
    }
    out
}

impl Secret {
    /// A secret of these bytes.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The scope of one conversation: `client` says whose it is (tenant, key, user), `conversation` which.
    pub fn scope(&self, client: &[&str], conversation: &[u8]) -> Scope {
        let mut parts: Vec<&[u8]> = vec![b"scope"];
        parts.extend(client.iter().map(|part| part.as_bytes()));
        parts.push(conversation);
        let tenant = client.first().copied().unwrap_or_default();
        Scope(Arc::new(Keys {
            conversation: hmac::Key::new(hmac::HMAC_SHA256, &sign(&self.0, &parts)),
            tenant: hmac::Key::new(hmac::HMAC_SHA256, &sign(&self.0, &[b"tenant", tenant.as_bytes()])),
        }))
    }

    /// Bytes for another use.
    pub(super) fn derive(&self, parts: &[&[u8]]) -> [u8; 32] {
        sign(&self.0, parts)
    }
}

/// One conversation of one client.
#[derive(Clone)]
pub struct Scope(Arc<Keys>);

struct Keys {
    conversation: hmac::Key,
    tenant: hmac::Key,
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scope")
    }
}

impl Scope {
    /// What the stand-in of a value is drawn from. `kind`: what of it; `turn`: which choice it is, where earlier ones were taken.
    pub(super) fn draw(&self, kind: &str, value: &str, turn: u32) -> Draw {
        Draw::new(sign(&self.0.conversation, &[kind.as_bytes(), value.as_bytes(), &turn.to_be_bytes()]))
    }

    /// The hash of a value by which its tenant, and nobody else, can tell that two are the same: `[EMAIL:3f9a2c41d07b]`.
    pub fn hash(&self, category: &str, value: &str) -> String {
        let hash = sign(&self.0.tenant, &[b"hash", category.as_bytes(), value.as_bytes()]);
        let hash: String = hex::encode(&hash).chars().take(DIGITS).collect();
        format!("[{category}:{hash}]")
    }
}

/// Numbers that follow from a hash (SplitMix64 over its first half).
#[derive(Clone, Debug)]
pub(super) struct Draw {
    state: u64,
}

impl Draw {
    fn new(seed: [u8; 32]) -> Self {
        let mut state = [0; 8];
        for (to, from) in state.iter_mut().zip(seed) {
            *to = from;
        }
        Self { state: u64::from_be_bytes(state) }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// One of these.
    pub(super) fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from.get(self.below(from.len())).copied().unwrap_or_default()
    }

    /// A digit.
    pub(super) fn digit(&mut self) -> char {
        char::from(b'0' + self.below(10) as u8)
    }

    /// So many digits.
    pub(super) fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| self.digit()).collect()
    }

    /// So many hexadecimal digits.
    pub(super) fn hex(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from_digit(self.below(16) as u32, 16).unwrap_or('0')).collect()
    }
}
