//! What reads a channel's text besides the automata, where a rule that counts there asks for it: taggers, documents, statements.

/// One such reader of a channel.
pub(super) trait Reads {
    /// Whether text is held for a rule that asks it.
    fn holds(&self) -> bool;

    /// From where on what stands in the folded text has not been told.
    fn open(&self) -> Option<u64>;
}

/// The readers of one channel.
#[derive(Clone, Debug, Default)]
pub(super) enum Asking<R> {
    /// Nothing has come yet.
    #[default]
    Unasked,
    /// These; none where no rule asks.
    Of(Box<[R]>),
}

impl<R: Reads> Asking<R> {
    /// The readers, which `start` tells when the first text comes.
    pub(super) fn begun(&mut self, start: impl FnOnce() -> Box<[R]>) -> &mut [R] {
        if matches!(self, Self::Unasked) {
            *self = Self::Of(start());
        }
        match self {
            Self::Unasked => &mut [],
            Self::Of(all) => all,
        }
    }

    /// Whether no rule asks any.
    pub(super) fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    /// From where on text is held until it is told, in the folded text.
    pub(super) fn held(&self) -> Option<u64> {
        self.all().iter().filter(|one| one.holds()).filter_map(Reads::open).min()
    }

    /// From where on the view is still needed.
    pub(super) fn needed(&self) -> Option<u64> {
        self.all().iter().filter_map(Reads::open).min()
    }

    fn all(&self) -> &[R] {
        match self {
            Self::Unasked => &[],
            Self::Of(all) => all,
        }
    }
}
