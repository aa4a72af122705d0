//! Whether a text goes on in later events, where nothing says it for certain.
//!
//! A field that no row names may be a new kind of delta: what one event begins in it another may complete. It may as well be a word that
//! stands in one event only, or the same in each. Held for ever it would stop the stream, let go at once it would be a leak. So its text
//! is waited for while events could go on with it, for a number of them; then what is held is decided as if it ended there and let go,
//! and read on: what a match still adds to it is rewritten.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::dialect::Home;

/// Events that could have gone on with a text and did not, after which it is no longer waited for.
const MISSED: u8 = 4;
/// Events of whatever kind without it, after which it is no longer waited for.
const WITHOUT: u8 = 32;
/// The same where the blocks of an answer may be joined: a block of a server's tool, its pieces and its result stand between two texts.
const BETWEEN: u8 = 16;
/// How often in a row a piece is the same until it is taken for a word that stands in each event: longer than the numbers, of any
/// length of piece, that people write with one digit repeated.
const SAME: u8 = 32;

/// What is known of a text that may go on or not.
#[derive(Clone, Debug, Default)]
pub(super) struct Doubt {
    missed: u8,
    without: u8,
    /// The last piece, hashed.
    said: u64,
    same: u8,
    /// It is waited for the next block.
    between: bool,
}

impl Doubt {
    /// Its text goes on with this piece.
    pub(super) fn piece(&mut self, text: &str) {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let said = hasher.finish();
        self.same = if said == self.said { self.same.saturating_add(1) } else { 0 };
        self.said = said;
        self.heard();
    }

    /// It is waited for the next block of an answer.
    pub(super) fn between() -> Self {
        Self { between: true, ..Self::default() }
    }

    /// What it may be part of goes on.
    pub(super) fn heard(&mut self) {
        self.missed = 0;
        self.without = 0;
    }

    /// An event came without it, which could have gone on with it if `could`.
    pub(super) fn passed(&mut self, could: bool) {
        self.missed = self.missed.saturating_add(u8::from(could));
        self.without = self.without.saturating_add(1);
    }

    /// Whether it is waited for no longer.
    pub(super) fn is_over(&self) -> bool {
        let most = if self.between { BETWEEN } else { WITHOUT };
        self.missed >= MISSED || self.without >= most || self.same >= SAME
    }
}

/// The places that stand in an event.
#[derive(Debug, Default)]
pub(super) struct Places(Vec<Home>);

impl Places {
    /// One more place.
    pub(super) fn add(&mut self, home: Home) {
        if self.0.last() != Some(&home) {
            self.0.push(home);
        }
    }

    /// Whether the place is among them.
    pub(super) fn hold(&self, home: Home) -> bool {
        self.0.contains(&home)
    }
}
