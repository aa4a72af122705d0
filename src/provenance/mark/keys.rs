//! The keys of marks. Each belongs to an epoch: the newest marks, all of them detect.

use std::fmt;
use std::fmt::Write as _;

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::carrier::{Carrier, TAG, Tag};
use crate::text::hex;

/// Bytes of a key.
const KEY: usize = 32;
/// Most epochs, so that the chance of a false alarm has a bound.
pub const MOST_EPOCHS: usize = 16;

/// What is authenticated begins with what it is for, so that no value means two things.
const PLACE: &[u8] = b"sluicegate mark 1: place\0";
const STRETCH: &[u8] = b"sluicegate mark 1: stretch\0";
const COIN: &[u8] = b"sluicegate sampler 1: coin\0";

/// Why keys cannot be used. Holds nothing of a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// There is none.
    #[error("no epoch is there")]
    None,
    /// There are too many.
    #[error(
        "{0} epochs, at most {MOST_EPOCHS} are taken: remove the oldest, whose marks nobody has to find any more"
    )]
    TooMany(usize),
    /// No number is left.
    #[error(
        "epoch 4294967295 has the highest number there is: begin a new file, and keep this one for its marks"
    )]
    Last,
    /// A line is none.
    #[error(
        "line {0}: expected an epoch's number, its beginning in seconds since 1970, and 64 hexadecimal digits"
    )]
    Line(usize),
    /// An epoch is not newer than the one before it.
    #[error("line {0}: epochs stand in order, the newest last, each with a number and a key of its own")]
    Order(usize),
    /// A key is no secret.
    #[error("line {0}: the key is all one byte, not a key")]
    Weak(usize),
}

/// A key, and from when on it marked.
#[derive(Clone)]
pub struct Epoch {
    /// Its number.
    pub number: u32,
    /// Its beginning in seconds since 1970.
    pub since: u64,
    key: hmac::Key,
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Epoch({})", self.number)
    }
}

impl Epoch {
    /// An epoch with this key.
    pub fn new(number: u32, since: u64, key: &[u8; KEY]) -> Self {
        Self { number, since, key: hmac::Key::new(hmac::HMAC_SHA256, key) }
    }

    /// The bytes of a tag that bind it to the letters before it.
    pub(super) fn place(&self, carrier: Carrier, context: &[u8]) -> [u8; TAG - 1] {
        let mut all = hmac::Context::with_key(&self.key);
        all.update(PLACE);
        all.update(&[carrier.number()]);
        all.update(context);
        let tag = all.sign();
        let mut out = [0; TAG - 1];
        out.copy_from_slice(tag.as_ref().get(..TAG - 1).unwrap_or(&[0; TAG - 1]));
        out
    }

    /// The coin of a pair of words: whether its first is preferred in what models are asked to write.
    pub(in crate::provenance) fn coin(&self, first: &str, second: &str) -> bool {
        let mut all = hmac::Context::with_key(&self.key);
        for part in [COIN, first.as_bytes(), b"\0", second.as_bytes()] {
            all.update(part);
        }
        all.sign().as_ref().first().is_some_and(|byte| byte & 1 == 1)
    }

    /// Begins the check of all letters since a tag of this carrier, or since the text's beginning.
    pub(super) fn stretch(&self, carrier: Carrier, last: Option<&Tag>) -> Stretch {
        let mut all = hmac::Context::with_key(&self.key);
        all.update(STRETCH);
        all.update(&[carrier.number(), u8::from(last.is_some())]);
        all.update(last.unwrap_or(&[0; TAG]));
        Stretch(all)
    }
}

/// The check of a stretch of letters.
#[derive(Clone)]
pub(super) struct Stretch(hmac::Context);

impl fmt::Debug for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stretch")
    }
}

impl Stretch {
    pub(super) fn push(&mut self, letters: &str) {
        self.0.update(letters.as_bytes());
    }

    pub(super) fn end(self) -> u8 {
        self.0.sign().as_ref().first().copied().unwrap_or_default()
    }
}

/// All epochs, the newest last.
#[derive(Clone, Debug)]
pub struct MarkKeys(Vec<Epoch>);

impl MarkKeys {
    /// One epoch alone.
    pub fn of(epoch: Epoch) -> Self {
        Self(vec![epoch])
    }

    /// Reads them: a line an epoch, `#` and empty lines aside.
    pub fn parse(text: &str) -> Result<Self, KeysError> {
        let mut epochs: Vec<Epoch> = Vec::new();
        let mut keys: Vec<Zeroizing<[u8; KEY]>> = Vec::new();
        for (n, line) in (1..).zip(text.lines()) {
            let mut words = line.split_whitespace();
            let Some(number) = words.next().filter(|word| !word.starts_with('#')) else { continue };
            let epoch = number.parse().ok().zip(words.next().and_then(|word| word.parse().ok()));
            let key = words.next().and_then(hex::array::<KEY>).map(Zeroizing::new);
            let (Some((number, since)), Some(key), None) = (epoch, key, words.next()) else {
                return Err(KeysError::Line(n));
            };
            if key.iter().all(|byte| *byte == key[0]) {
                return Err(KeysError::Weak(n));
            }
            if epochs.last().is_some_and(|last| last.number >= number || last.since > since)
                || keys.contains(&key)
            {
                return Err(KeysError::Order(n));
            }
            epochs.push(Epoch::new(number, since, &key));
            keys.push(key);
        }
        match epochs.len() {
            0 => Err(KeysError::None),
            1..=MOST_EPOCHS => Ok(Self(epochs)),
            n => Err(KeysError::TooMany(n)),
        }
    }

    /// The line of a new epoch after these.
    pub fn line(number: u32, since: u64, key: &[u8; KEY]) -> Zeroizing<String> {
        let mut line = Zeroizing::new(String::with_capacity(KEY * 2 + 32));
        let _ = writeln!(line, "{number} {since} {}", *Zeroizing::new(hex::encode(key)));
        line
    }

    /// The one that marks.
    pub fn newest(&self) -> Option<&Epoch> {
        self.0.last()
    }

    /// All, the newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Epoch> {
        self.0.iter().rev()
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_and_refused() {
        let line = |number, since, byte: u8| {
            let mut key = [byte; KEY];
            key[0] = 1;
            MarkKeys::line(number, since, &key).to_string()
        };
        let keys =
            MarkKeys::parse(&format!("# of ours\n\n{}{}", line(1, 5, 2), line(4, 9, 3))).expect("keys");
        assert_eq!(keys.newest_first().map(|e| (e.number, e.since)).collect::<Vec<_>>(), [(4, 9), (1, 5)]);
        for (text, wanted) in [
            (String::new(), KeysError::None),
            ("1 5 abc".into(), KeysError::Line(1)),
            (format!("1 5 {}", "ab".repeat(32)), KeysError::Weak(1)),
            (format!("{} more", line(1, 5, 2).trim()), KeysError::Line(1)),
            (line(2, 5, 2) + &line(1, 9, 3), KeysError::Order(2)),
            (line(1, 5, 2) + &line(2, 4, 3), KeysError::Order(2)),
            (line(1, 5, 2) + &line(2, 9, 2), KeysError::Order(2)),
            ((1..=17).map(|n| line(n, 5, n as u8 + 1)).collect(), KeysError::TooMany(17)),
        ] {
            assert_eq!(MarkKeys::parse(&text).err(), Some(wanted));
        }
        assert_eq!(format!("{keys:?}"), "MarkKeys([Epoch(1), Epoch(4)])");
    }
}
