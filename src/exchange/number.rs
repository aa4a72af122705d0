//! Where numbers stand in a text that is JSON source. A finding in a number takes all of it: beside a marker in quotes, a sign, a fraction or
//! an exponent that stayed would be no JSON.
//!
//! ```text
//! {"c":-4111111111111111.5}
//!       ^^^^^^^^^^^^^^^^       found
//!      ^^^^^^^^^^^^^^^^^^^     goes
//! ```
//!
//! So the text from where a number begins waits until nothing in the number can be found any more, and its end is known.

use std::collections::VecDeque;
use std::ops::Range;

use smallvec::SmallVec;

use super::emit::{Edit, Place};

/// Longer numbers are not waited for, and of them only what was found goes.
const LONGEST: u64 = 64;

/// The numbers of one channel's text, from where it is undecided.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    place: Place,
    seen: u64,
    /// Where the number began in which the text ends.
    open: Option<u64>,
    closed: VecDeque<Range<u64>>,
    /// Edits that reach into the open number.
    reaching: SmallVec<[Edit; 1]>,
}

impl Numbers {
    /// The numbers of a whole text that begins at `start`.
    pub(super) fn of(text: &str, start: u64) -> Self {
        let mut numbers = Self { seen: start, ..Self::default() };
        let mut none = Vec::new();
        numbers.push(text, &mut none);
        numbers.close(&mut none);
        numbers
    }

    /// Reads the next piece. Edits that take the rest of a number now that its end is known are put into `more`.
    pub(super) fn push(&mut self, text: &str, more: &mut Vec<Edit>) {
        for byte in text.bytes() {
            let goes_on = self.open.is_some() && b"+.eE".contains(&byte);
            let number = !self.place.in_string && (byte.is_ascii_digit() || byte == b'-' || goes_on);
            match (self.open, number) {
                (None, true) => self.open = Some(self.seen),
                (Some(_), false) => self.close(more),
                (None, false) | (Some(_), true) => {}
            }
            self.place.step(byte);
            self.seen += 1;
        }
    }

    /// The text has ended, and with it the number in which it ends.
    pub(super) fn close(&mut self, more: &mut Vec<Edit>) {
        let Some(start) = self.open.take() else { return };
        let reaching = std::mem::take(&mut self.reaching);
        if self.seen - start <= LONGEST {
            self.closed.push_back(start..self.seen);
            let longer = |e: Edit| Edit { start: e.start.min(start), end: e.end.max(self.seen), ..e };
            more.extend(reaching.into_iter().map(longer));
        }
    }

    /// The edit that takes all of the numbers that this one touches, if it is longer.
    pub(super) fn whole(&mut self, edit: &Edit) -> Option<Edit> {
        let (mut start, mut end) = (edit.start, edit.end);
        for number in self.closed.iter().filter(|n| n.start < edit.end && edit.start < n.end) {
            (start, end) = (start.min(number.start), end.max(number.end));
        }
        if self.open.is_some_and(|open| open < edit.end) {
            self.reaching.push(Edit { start, end, ..edit.clone() });
        }
        ((start, end) != (edit.start, edit.end)).then(|| Edit { start, end, ..edit.clone() })
    }

    /// How far the text is settled when nothing can be found any more that begins before `settled`.
    pub(super) fn settled(&mut self, settled: u64) -> u64 {
        while self.closed.front().is_some_and(|n| n.end <= settled) {
            self.closed.pop_front();
        }
        let open = self.open.filter(|&start| self.seen - start <= LONGEST);
        let within = self.closed.front().map(|n| n.start).or(open);
        within.map_or(settled, |start| start.min(settled))
    }
}
