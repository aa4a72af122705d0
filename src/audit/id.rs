//! Names of exchanges: our own, unguessable, keyed to nothing that a client or an upstream says.

use std::cell::RefCell;
use std::fmt;

/// 128 random bits, printed as 26 characters of Crockford's base 32 in lower case.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExchangeId(u128);

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Random bytes are fetched from the system in blocks of this many ids.
const BLOCK: usize = 64;

thread_local! {
    static RANDOM: RefCell<([u8; BLOCK * 16], usize)> = const { RefCell::new(([0; BLOCK * 16], BLOCK)) };
}

impl ExchangeId {
    /// A fresh id from the system's random source.
    pub fn random() -> Result<Self, getrandom::Error> {
        RANDOM.with_borrow_mut(|(bytes, used)| {
            if *used >= BLOCK {
                getrandom::fill(bytes)?;
                *used = 0;
            }
            let mut id = [0; 16];
            id.copy_from_slice(bytes.get(*used * 16..*used * 16 + 16).unwrap_or(&[0; 16]));
            *used += 1;
            Ok(Self(u128::from_le_bytes(id)))
        })
    }

    /// Whether a text has the printed form of an id.
    pub fn is_written_so(text: &str) -> bool {
        text.len() == 26 && text.bytes().all(|b| ALPHABET.contains(&b))
    }

    /// The id as bytes.
    pub fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The id of these bytes.
    pub fn of_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// The id of a printed form; none for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if !Self::is_written_so(text) {
            return None;
        }
        let digit = |byte: u8| ALPHABET.iter().position(|known| *known == byte);
        let number =
            text.bytes().try_fold(0_u128, |all, byte| all.checked_mul(32)?.checked_add(digit(byte)? as u128));
        number.map(Self)
    }

    /// The printed form.
    pub fn text(self) -> [u8; 26] {
        let mut out = [b'0'; 26];
        let mut rest = self.0;
        for slot in out.iter_mut().rev() {
            *slot = ALPHABET.get((rest & 31) as usize).copied().unwrap_or(b'0');
            rest >>= 5;
        }
        out
    }
}

impl fmt::Display for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl fmt::Debug for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for ExchangeId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_distinct_and_of_one_form() -> Result<(), getrandom::Error> {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1000 {
            let id = ExchangeId::random()?.to_string();
            assert!(ExchangeId::is_written_so(&id), "{id}");
            let read = ExchangeId::parse(&id).map(|id| ExchangeId::of_bytes(id.bytes()).to_string());
            assert_eq!(read.as_deref(), Some(id.as_str()));
            assert!(seen.insert(id));
        }
        Ok(())
    }
}
