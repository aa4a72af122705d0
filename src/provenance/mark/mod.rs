//! Marks: keyed tags of invisible characters in prose, from which a fragment of an answer is known again.
//!
//! ```text
//! The bridge was opened in spring,{tag} and many people came to see it. ...
//!               `---------------'  HMAC-SHA256(key of the epoch, carrier, these 16 letters), 40 bits
//! `--------------------------------- and 8 bits of one over all letters since the last tag of the same carrier
//! ```
//!
//! A tag verifies with the key and the sixteen letters before it alone, so any cut that holds both is known, and a tag that is moved to other
//! words is not. The last byte tells whether something was taken out, put in or rearranged since the tag of its carrier before: two
//! carriers alternate, so every letter is under two of them. There is no payload: a tag says which epoch's key, and nothing of the exchange.
//!
//! Not handled: text in scripts that join letters, in which no mark is set, and a paraphrase, of which no tag is left. Who has the key can
//! forge.

mod carrier;
mod fold;
mod keys;
#[cfg(test)]
mod laws;
mod prose;
mod read;
#[cfg(test)]
mod sample;
mod script;
mod settings;
mod spans;

use std::sync::Arc;

pub use carrier::{Carrier, may_hold};
pub use fold::{CONTEXT, letters};
pub use keys::{Epoch, KeysError, MOST_EPOCHS, MarkKeys};
pub use read::{Found, Reading, Strip, read, strip};
pub use settings::{DetectorSettings, LoadError, MarkSettings};

use crate::policy::Density;
use carrier::{TAG, Tag};
use fold::Context;
use keys::Stretch;
use prose::{Place, Prose};
use script::Script;

/// What a letter counts, so that densities differ for scripts as the text in a letter does: 23 wide letters are as much as 53 narrow ones.
const WIDE: u32 = 42;
const NARROW: u32 = 18;
/// So much later than at the first place behind a sign of punctuation a mark stands between two words, ..
const LATER: u32 = 192;
/// .. and so much later at any place at all.
const LATEST: u32 = 448;

/// What letters count from one mark to the next.
fn gap(density: Density) -> Option<u32> {
    match density {
        Density::Off => None,
        Density::Sparse => Some(1920),
        Density::Standard => Some(960),
        Density::Dense => Some(512),
    }
}

/// Marks one text as it comes.
#[derive(Clone, Debug)]
pub struct Marker {
    epoch: Arc<Epoch>,
    gap: u32,
    prose: Prose,
    context: Context,
    /// What the letters since the last mark count.
    due: u32,
    /// Letters that stay where the text is shown.
    fresh: usize,
    next: Carrier,
    stretches: [Stretch; 2],
    /// Letters that the stretches have not taken in.
    waiting: String,
    marks: u32,
}

/// A mark that is to stand before this byte of the text that was pushed last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Insertion {
    /// The byte.
    pub at: usize,
    /// The characters.
    pub mark: String,
}

impl Marker {
    /// For a text's beginning; none where nothing is marked.
    pub fn new(epoch: Arc<Epoch>, density: Density) -> Option<Self> {
        let gap = gap(density)?;
        let stretches = Carrier::ALL.map(|carrier| epoch.stretch(carrier, None));
        Some(Self {
            epoch,
            gap,
            prose: Prose::default(),
            context: Context::default(),
            due: 0,
            fresh: 0,
            next: Carrier::Selectors,
            stretches,
            waiting: String::new(),
            marks: 0,
        })
    }

    /// For a text that stands behind this one and may be shown with it or alone: its marks need no letter of this one to verify, and where both
    /// are read together its first ones vouch for the letters since the last of this one.
    #[must_use]
    pub fn next_text(&self) -> Self {
        Self {
            epoch: Arc::clone(&self.epoch),
            gap: self.gap,
            prose: Prose::default(),
            context: Context::default(),
            due: 0,
            fresh: 0,
            next: self.next,
            stretches: self.stretches.clone(),
            waiting: String::new(),
            marks: 0,
        }
    }

    /// Takes the next piece of the text, and tells where in it marks stand.
    pub fn push(&mut self, text: &str, out: &mut Vec<Insertion>) {
        self.take(text, Some(out));
    }

    /// Takes a piece in which no mark is to stand. Marks behind it vouch for it, and need none of its letters to verify.
    pub fn pass(&mut self, text: &str) {
        self.take(text, None);
        self.context = Context::default();
        self.fresh = 0;
    }

    fn take(&mut self, text: &str, mut out: Option<&mut Vec<Insertion>>) {
        for (at, c) in text.char_indices() {
            if let Some(place) = self.prose.push(c)
                && let Some(out) = &mut out
                && self.is_due(place)
                && let Some(context) = self.context.bytes()
            {
                out.push(Insertion { at, mark: self.mark(&context) });
            }
            let wide =
                matches!(Script::of(c), Script::Han | Script::Kana) || matches!(c, '\u{ac00}'..='\u{d7a3}');
            let Self { context, waiting, due, fresh, .. } = self;
            let before = waiting.len();
            fold::letters(c, |letter| {
                context.push(letter);
                waiting.push(letter);
                *fresh += 1;
            });
            if waiting.len() > before {
                *due = due.saturating_add(if wide { WIDE } else { NARROW });
            }
            if self.prose.is_volatile() {
                self.fresh = 0;
            }
            if self.waiting.len() > 256 {
                self.take_in();
            }
        }
        self.take_in();
    }

    /// How many marks the text has.
    pub fn marks(&self) -> u32 {
        self.marks
    }

    fn is_due(&self, place: Place) -> bool {
        let later = match place {
            Place::Clause => 0,
            Place::Word => LATER,
            Place::Any => LATEST,
        };
        // Between short items of a list a mark is better bound to their numbers than none at all.
        let long = self.due >= self.gap + 2 * LATEST;
        (self.fresh >= CONTEXT || long) && self.due >= self.gap + later
    }

    fn take_in(&mut self) {
        for stretch in &mut self.stretches {
            stretch.push(&self.waiting);
        }
        self.waiting.clear();
    }

    fn mark(&mut self, context: &[u8]) -> String {
        self.take_in();
        let carrier = self.next;
        let mut tag: Tag = [0; TAG];
        let [place @ .., check] = &mut tag;
        *place = self.epoch.place(carrier, context);
        if let Some(stretch) = self.stretches.get_mut(usize::from(carrier.number() - 1)) {
            *check = stretch.clone().end();
            *stretch = self.epoch.stretch(carrier, Some(&tag));
        }
        self.next = carrier.other();
        self.due = 0;
        self.marks += 1;
        carrier.write(tag)
    }
}

/// For each character of a text whether it is a letter of prose, so that a mark may stand near it.
pub fn in_prose(text: &str) -> Vec<bool> {
    let mut prose = Prose::default();
    let mut letter = |c: char| {
        prose.push(c);
        prose.is_prose() && matches!(Script::of(c), Script::Spaced | Script::Han | Script::Kana)
    };
    text.chars().map(&mut letter).collect()
}

/// A text with its marks.
pub fn marked(epoch: &Arc<Epoch>, density: Density, text: &str) -> String {
    let Some(mut marker) = Marker::new(Arc::clone(epoch), density) else { return text.to_owned() };
    let mut marks = Vec::new();
    marker.push(text, &mut marks);
    with(text, &marks)
}

/// A piece of text with marks.
pub fn with(text: &str, marks: &[Insertion]) -> String {
    let mut out = String::with_capacity(text.len() + marks.iter().map(|m| m.mark.len()).sum::<usize>());
    let mut at = 0;
    for Insertion { at: place, mark } in marks {
        out.push_str(text.get(at..*place).unwrap_or_default());
        out.push_str(mark);
        at = *place;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}
