//! An answer that is read before its exchange is on record.

use bytes::Bytes;

use super::answer::{Answering, Ended, Flow, Mode};
use super::judging::{Opinion, Question};
use super::label::Labelling;
use crate::audit::Receipt;
use crate::dialect::ExchangeError;

/// An answer that is read while its admission record is on its way to the disk. What it releases stays inside: only the journal's
/// receipt takes it out (promise 5).
#[derive(Debug)]
pub struct Ahead {
    answering: Answering,
    out: Vec<Bytes>,
}

impl Ahead {
    pub(super) fn new(answering: Answering) -> Self {
        Self { answering, out: Vec::new() }
    }

    /// As [`Answering::head`].
    ///
    /// # Errors
    /// A media type that the policy does not let pass unread.
    pub fn head(&mut self, status: u16, content_type: Option<&str>) -> Result<Mode, ExchangeError> {
        self.answering.head(status, content_type)
    }

    /// From here on the answer is labelled.
    pub fn label(&mut self, labelling: Labelling) {
        self.answering.label(labelling);
    }

    /// As [`Answering::mode`].
    pub fn mode(&self) -> Mode {
        self.answering.mode()
    }

    /// As [`Answering::feed`].
    pub fn feed(&mut self, bytes: &[u8]) -> Flow {
        self.answering.feed(bytes, &mut self.out)
    }

    /// As [`Answering::finish`].
    pub fn finish(&mut self, ended: Ended) -> Flow {
        self.answering.finish(ended, &mut self.out)
    }

    /// As [`Answering::questions`].
    pub fn questions(&mut self) -> Vec<Question> {
        self.answering.questions()
    }

    /// As [`Answering::awaits_judges`].
    pub fn awaits_judges(&self) -> bool {
        self.answering.awaits_judges()
    }

    /// As [`Answering::answered`].
    pub fn answered(&mut self, question: &Question, opinion: &Opinion) -> Flow {
        self.answering.answered(question, opinion, &mut self.out)
    }

    /// The answer as far as it was read, for who wants to know what came of it and lets nothing leave.
    pub fn answering(&self) -> &Answering {
        &self.answering
    }

    /// Bytes that wait for the receipt.
    pub fn waiting(&self) -> usize {
        self.out.iter().map(Bytes::len).sum()
    }

    /// The exchange is on record: the answer goes on, and what was released leaves.
    pub fn admit(self, _: Receipt) -> (Answering, Vec<Bytes>) {
        (self.answering, self.out)
    }
}
