//! Tables of patterns that were made before and are kept: determinising the patterns of the packs that ship takes most of a start, and
//! they are the same at each.
//!
//! A table is known by all that shapes it, by a hash of which it is kept, so that one whose pattern has changed is not found, and is made
//! anew. What is kept is a list of entries, compressed with Zstandard:
//!
//! ```text
//! key       16 bytes: of the SHA-256 of what it is made of
//! kind      u8: 0 for a table that grew too big, 1 for a table, 2 for what a pattern costs
//!
//! of a table, made of expressions, whether each minds case, and the most states:
//! states    u32, little endian as all numbers here
//! stride    u16: the classes of bytes
//! accepting u16: from this state on, some pattern ends in each
//! classes   256 bytes: the class of each byte
//! next      u16 for each state and class, by how far it leads: 0 where it leads nowhere, else 1 + the zigzag of the difference
//! accepts   u16 for each state: which set of patterns ends there
//! sets      u16: how many; for each u16: how many patterns, and u16 for each
//!
//! of a cost, made of all that a pattern says:
//! states    u32
//! words     u8: see [`PatternCost`]
//! ```

use super::known::cost_key;
use super::machine::{Machine, TooBig};
use super::{Engine, PatternCost, PatternSpec};
use aws_lc_rs::digest::{SHA256, digest};
use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;

/// What the decompressed file begins with: the format's name and version.
const MAGIC: &[u8; 8] = b"sgtable1";
/// The most that a file of tables may unpack to, in bytes.
const MOST: u64 = 64 << 20;
/// Zstandard's level: it is made once and read often.
const LEVEL: i32 = 19;

type Key = [u8; 16];

/// Tables that were made before, by what they are made of.
#[derive(Debug, Default)]
pub struct Tables {
    bytes: Vec<u8>,
    /// Where each begins behind its key.
    places: HashMap<Key, usize>,
}

/// A file is no file of tables, or not a whole one.
#[derive(Debug, thiserror::Error)]
#[error("not a file of tables: {0}")]
pub struct NoTables(&'static str);

// === impl Tables ===

impl Tables {
    /// Reads a file of tables; the tables themselves are read when they are asked for.
    pub fn read(file: &[u8]) -> Result<Self, NoTables> {
        let mut bytes = Vec::new();
        let decoder = zstd::Decoder::new(file).map_err(|_| NoTables("it does not unpack"))?;
        decoder.take(MOST).read_to_end(&mut bytes).map_err(|_| NoTables("it does not unpack"))?;
        let mut places = HashMap::new();
        let mut reader = Reader(&bytes);
        if reader.take(MAGIC.len()) != Some(MAGIC) {
            return Err(NoTables("it begins with another name or version"));
        }
        while !reader.0.is_empty() {
            let key = reader.take(16).and_then(|key| Key::try_from(key).ok());
            let key = key.ok_or(NoTables("it ends too soon"))?;
            places.insert(key, bytes.len() - reader.0.len());
            Entry::read(&mut reader).ok_or(NoTables("it ends too soon, or is of another version"))?;
        }
        Ok(Self { bytes, places })
    }

    /// Writes the tables of an engine and the costs of patterns, the same for the same: what [`Tables::pack`] makes a file of.
    pub fn write<'s>(engine: &Engine, patterns: impl IntoIterator<Item = &'s PatternSpec>) -> Vec<u8> {
        let mut entries = BTreeMap::new();
        for (key, machine) in engine.tables() {
            let table = machine.map(|machine| [&[TABLE][..], &machine.to_bytes()].concat());
            entries.insert(hash(key), table.unwrap_or_else(|| vec![TOO_BIG]));
        }
        for pattern in patterns {
            if let Some(cost) = PatternCost::measured(pattern) {
                let entry = [&[COST][..], &(cost.states as u32).to_le_bytes(), &[cost.words]].concat();
                entries.insert(hash(&cost_key(pattern)), entry);
            }
        }
        let mut bytes = MAGIC.to_vec();
        for (key, entry) in entries {
            bytes.extend(key);
            bytes.extend(entry);
        }
        bytes
    }

    /// A file of what was written.
    pub fn pack(written: &[u8]) -> std::io::Result<Vec<u8>> {
        zstd::encode_all(written, LEVEL)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The table that is known by this, or that it grew too big.
    pub(super) fn table(&self, key: &str) -> Option<Result<Machine, TooBig>> {
        match self.entry(key)? {
            Entry::TooBig => Some(Err(TooBig::States)),
            Entry::Table(raw) => Machine::from_raw(&raw).map(Ok),
            Entry::Cost(_) => None,
        }
    }

    /// What this pattern costs.
    pub(super) fn cost(&self, spec: &PatternSpec) -> Option<PatternCost> {
        match self.entry(&cost_key(spec))? {
            Entry::Cost(cost) => Some(cost),
            Entry::TooBig | Entry::Table(_) => None,
        }
    }

    fn entry(&self, key: &str) -> Option<Entry<'_>> {
        Entry::read(&mut Reader(self.bytes.get(*self.places.get(&hash(key))?..)?))
    }
}

const TOO_BIG: u8 = 0;
const TABLE: u8 = 1;
const COST: u8 = 2;

enum Entry<'b> {
    TooBig,
    Table(Raw<'b>),
    Cost(PatternCost),
}

impl<'b> Entry<'b> {
    fn read(reader: &mut Reader<'b>) -> Option<Self> {
        Some(match *reader.take(1)? {
            [TOO_BIG] => Self::TooBig,
            [TABLE] => Self::Table(Raw::read(reader)?),
            [COST] => Self::Cost(PatternCost { states: reader.long()?, words: *reader.take(1)?.first()? }),
            _ => return None,
        })
    }
}

/// A table as it is kept.
pub(super) struct Raw<'b> {
    pub(super) states: usize,
    pub(super) stride: u16,
    pub(super) accepting: u16,
    pub(super) classes: &'b [u8],
    /// Two bytes for each number.
    pub(super) next: &'b [u8],
    pub(super) accepts: &'b [u8],
    pub(super) sets: Vec<&'b [u8]>,
}

impl<'b> Raw<'b> {
    fn read(reader: &mut Reader<'b>) -> Option<Self> {
        let states = reader.long()?;
        let mut raw =
            Self { states, stride: 0, accepting: 0, classes: &[], next: &[], accepts: &[], sets: Vec::new() };
        raw.stride = reader.number()?;
        raw.accepting = reader.number()?;
        raw.classes = reader.take(256)?;
        raw.next = reader.take(states.checked_mul(usize::from(raw.stride))?.checked_mul(2)?)?;
        raw.accepts = reader.take(states.checked_mul(2)?)?;
        for _ in 0..reader.number()? {
            let patterns = usize::from(reader.number()?);
            raw.sets.push(reader.take(patterns * 2)?);
        }
        Some(raw)
    }
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn long(&mut self) -> Option<usize> {
        self.take(4)?.try_into().map(|bytes| u32::from_le_bytes(bytes) as usize).ok()
    }

    fn number(&mut self) -> Option<u16> {
        self.take(2)?.try_into().map(u16::from_le_bytes).ok()
    }
}

fn hash(key: &str) -> Key {
    let mut short = Key::default();
    short.iter_mut().zip(digest(&SHA256, key.as_bytes()).as_ref()).for_each(|(to, from)| *to = *from);
    short
}

#[cfg(test)]
mod laws {
    use super::*;
    use crate::detect::{PatternSpec, RuleSet, RuleSpec, TextKind, scan_all};
    use proptest::prelude::*;

    fn engine(expressions: &[String]) -> Vec<RuleSpec> {
        let pattern = |regex: &String| PatternSpec {
            regex: regex.clone(),
            group: regex.contains("?P").then(|| "it".into()),
            ..PatternSpec::default()
        };
        vec![RuleSpec { patterns: expressions.iter().map(pattern).collect(), ..RuleSpec::default() }]
    }

    fn expressions() -> impl Strategy<Value = Vec<String>> {
        let one = prop_oneof![
            "[a-c]{1,3}[0-9]{1,2}",
            Just("key_(?P<it>[a-c]{2,4})".to_owned()),
            Just("[0-9]{3,6}".to_owned()),
            Just("[0-9ab]{2,40}(?:x[0-9]{1,30}|[0-9a]{9}y[0-9b]{1,12}){1,3}".to_owned()),
            Just("名[一二三]{2,9}".to_owned()),
        ];
        proptest::collection::vec(one.prop_filter("is no expression by accident", |e| !e.is_empty()), 1..5)
    }

    proptest! {
        #![proptest_config(crate::text::cases::cases(60))]

        /// An engine made with tables that were kept is the one that is made without.
        #[test]
        fn what_was_kept_is_what_would_be_made(
            kept in expressions(),
            asked in expressions(),
            texts in proptest::collection::vec("[abcxy0-9_ -]{0,30}|key_[abc]{3} ab 1234|名一二三", 1..6),
        ) {
            let first = Engine::compile(&engine(&kept)).expect("the rules are right");
            let tables = Tables::read(&Tables::pack(&Tables::write(&first, &[])).expect("memory")).expect("whole");
            prop_assert!(!tables.is_empty());
            let rules = engine(&asked);
            let alone = Engine::compile(&rules).expect("the rules are right");
            let with = Engine::compile_with(None, Some(&tables), &rules).expect("the rules are right");
            prop_assert_eq!(format!("{:?}", with.patterns.machines), format!("{:?}", alone.patterns.machines));
            let set = RuleSet::full(rules.len());
            for text in &texts {
                prop_assert_eq!(
                    scan_all(&with, &set, TextKind::Plain, text),
                    scan_all(&alone, &set, TextKind::Plain, text)
                );
            }
        }

        /// A damaged file is refused or read as other tables, which lead nowhere outside themselves.
        #[test]
        fn damage_breaks_nothing(at in any::<prop::sample::Index>(), bit in 0..8_u8, cut in any::<prop::sample::Index>()) {
            let expressions = ["[a-c]{1,3}[0-9]{1,2}".to_owned(), "key_(?P<it>[a-c]{2,4})".to_owned()];
            let rules = engine(&expressions);
            let plain = Tables::write(&Engine::compile(&rules).expect("right"), &rules[0].patterns);
            let mut damaged = plain.clone();
            if let Some(byte) = damaged.get_mut(at.index(plain.len())) {
                *byte ^= 1 << bit;
            }
            damaged.truncate(cut.index(plain.len()) + 1);
            let read = Tables::read(&zstd::encode_all(&damaged[..], 1).expect("memory"));
            if let Ok(tables) = read
                && let Ok(engine) = Engine::compile_with(None, Some(&tables), &rules)
            {
                scan_all(&engine, &RuleSet::full(1), TextKind::Plain, "ab12 key_abc c9");
            }
        }
    }

    #[test]
    fn what_is_no_file_of_tables_is_refused() {
        assert!(Tables::read(b"").is_err());
        assert!(Tables::read(b"no tables").is_err());
        assert!(Tables::read(&zstd::encode_all(&b"sgtable0"[..], 1).expect("memory")).is_err());
    }
}
