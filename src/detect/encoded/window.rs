//! The surroundings of what reads as something else, so that the words around it stand beside it.

use super::Encoding;
use super::layer::Layer;
use std::ops::Range;

/// How much of the text around is read with it.
const AROUND: usize = 256;

/// Gives what is swapped in a text with its surroundings, as layers.
pub(super) struct Window<'t, F: FnMut(Layer)> {
    text: &'t str,
    layer: Layer,
    copied: usize,
    found: F,
}

// === impl Window ===

impl<'t, F: FnMut(Layer)> Window<'t, F> {
    pub(super) fn new(text: &'t str, found: F) -> Self {
        Self { text, layer: Layer::default(), copied: 0, found }
    }

    /// The place reads as this character. Places come in order and apart from each other.
    pub(super) fn swap(&mut self, place: Range<usize>, reads: char, encoding: Encoding) {
        if !self.layer.is_empty() && place.start - self.copied > 2 * AROUND {
            self.give();
        }
        if self.layer.is_empty() {
            self.copied = self.text.floor_char_boundary(place.start.saturating_sub(AROUND)).max(self.copied);
        }
        self.copy(place.start);
        self.layer.character(reads, place.clone(), Some(encoding));
        self.copied = place.end;
    }

    /// Several places read as these characters, one behind the other: what stands between two of them is left out.
    pub(super) fn run(&mut self, run: impl IntoIterator<Item = (char, Range<usize>, Encoding)>) {
        for (n, (reads, place, encoding)) in run.into_iter().enumerate() {
            if n > 0 {
                self.copied = place.start;
            }
            self.swap(place, reads, encoding);
        }
    }

    /// The text ends.
    pub(super) fn end(mut self) {
        if !self.layer.is_empty() {
            self.give();
        }
    }

    fn give(&mut self) {
        self.copy(self.text.ceil_char_boundary(self.copied + AROUND));
        (self.found)(std::mem::take(&mut self.layer));
    }

    fn copy(&mut self, to: usize) {
        let to = to.min(self.text.len());
        self.layer.plain(self.text.get(self.copied..to).unwrap_or_default(), self.copied);
        self.copied = to.max(self.copied);
    }
}
