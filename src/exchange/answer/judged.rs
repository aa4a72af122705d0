//! What judges are asked about an answer, and what follows from what they say.

use std::sync::Arc;

use bytes::Bytes;

use super::super::judging::{Opinion, Question};
use super::{Answering, Finishing, Flow, Mode};

impl Answering {
    /// Asks judges, where the terms have any; `asked` is what the answer answers.
    pub(in crate::exchange) fn ask_judges(&mut self, asked: Option<&Arc<str>>) {
        if let Some(answers) = &self.terms.judges {
            self.reader.ask_judges(answers, asked);
        }
    }

    /// The questions that have arisen since this was last called. What judges say of each goes to [`Answering::answered`].
    pub fn questions(&mut self) -> Vec<Question> {
        if self.over && self.finishing.is_none() { Vec::new() } else { self.reader.questions() }
    }

    /// Whether all has been said, and nothing but judges is waited for.
    pub fn awaits_judges(&self) -> bool {
        self.finishing.is_some()
    }

    /// A judge has judged, or not; puts what may leave now into `out`. Behind a cut nothing leaves.
    pub fn answered(&mut self, question: &Question, opinion: &Opinion, out: &mut Vec<Bytes>) -> Flow {
        if self.over && self.finishing.is_none() {
            return Flow::Cut;
        }
        if let Err(stop) = self.reader.answered(question.number, question.shadow, opinion) {
            self.finishing = None;
            return self.stop(&stop, out);
        }
        if let Mode::Stream(_) = self.mode {
            self.release_settled(out);
        }
        if self.reader.awaits_judges() {
            return Flow::More;
        }
        match self.finishing.take().map(|finishing| *finishing) {
            None => Flow::More,
            Some(Finishing::Stream) => self.close_stream(out),
            Some(Finishing::Whole(body, changed)) => self.release_whole(body, changed, out),
        }
    }
}
