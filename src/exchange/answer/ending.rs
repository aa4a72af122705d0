//! Endings that the upstream did not make: what the policy blocks, and what has failed.

use bytes::Bytes;

use super::super::reader::{Side, Stop};
use super::super::refuse;
use super::{Answering, Flow, Mode, Replaced};
use crate::dialect::{ErrorKind, ExchangeError, Framing, Why};
use crate::policy::BlockAs;
use crate::stream::FrameError;
use crate::stream::coding::CodingError;

impl Answering {
    pub(super) fn garbage(&mut self, error: &FrameError, out: &mut Vec<Bytes>) -> Flow {
        self.fail(
            ExchangeError::new(
                ErrorKind::UpstreamGarbage,
                format!("the upstream sent a broken stream: {error}"),
            ),
            out,
        )
    }

    pub(super) fn stop(&mut self, stop: &Stop, out: &mut Vec<Bytes>) -> Flow {
        self.blocked = true;
        let terms = &self.terms;
        self.awaits_review =
            !terms.client.no_review && matches!(stop, Stop::Blocked(rule) if terms.policy.reviews(*rule));
        let error = refuse(stop, &self.terms, Side::Answer);
        let as_refusal = matches!(stop, Stop::Blocked(_)) && self.terms.policy.block_as() == BlockAs::Refusal;
        self.cut_by = Some(error.clone());
        self.over = true;
        self.drop_held();
        if let Mode::Stream(framing) = self.mode {
            let why =
                if matches!(stop, Stop::Blocked(_)) { Why::Policy(&error) } else { Why::Failure(&error) };
            self.cut(framing, why, out);
            return Flow::Cut;
        }
        Flow::Replace(if as_refusal {
            Replaced::Reply(self.matched.dialect.refusal(self.matched.operation, &self.ask, &error))
        } else {
            Replaced::Error(error)
        })
    }

    pub(super) fn fail(&mut self, error: ExchangeError, out: &mut Vec<Bytes>) -> Flow {
        self.over = true;
        self.drop_held();
        self.cut_by = Some(error.clone());
        match self.mode {
            Mode::Stream(framing) => {
                self.cut(framing, Why::Failure(&error), out);
                Flow::Cut
            }
            // The head is out and nothing can be said any more: the connection breaks off, which the client sees.
            Mode::Pass if self.released => Flow::Cut,
            Mode::Whole | Mode::Pass => Flow::Replace(Replaced::Error(error)),
        }
    }

    /// Puts the frames that end a stream behind what left of it, so that a reader takes them for frames of their own.
    fn cut(&mut self, framing: Framing, why: Why<'_>, out: &mut Vec<Bytes>) {
        self.close_labels(out);
        let between = framing.between(&self.tail);
        if !between.is_empty() {
            out.push(Bytes::from_static(between));
        }
        out.push(self.matched.dialect.cut(self.matched.operation, &self.ask, &self.memo, why).into());
    }

    fn drop_held(&mut self) {
        self.queue.clear();
        self.held = 0;
        self.whole = Vec::new();
    }
}

pub(super) fn undecodable(error: CodingError) -> ExchangeError {
    let what = match error {
        CodingError::Broken => "it is not what its content coding says, or breaks off".to_owned(),
        CodingError::Unknown | CodingError::TooLong(_) | CodingError::Ratio(_) => error.to_string(),
    };
    ExchangeError::new(ErrorKind::UpstreamGarbage, format!("the upstream's answer cannot be decoded: {what}"))
}
