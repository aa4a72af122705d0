//! One request and its response, sans-IO: bytes and clock readings go in, bytes and records come out.
//!
//! ```text
//! Received --judge--> Judged --ahead--> Ahead --admit(receipt)--> Answering --feed, finish--> Report
//! ```
//!
//! The request half is linear, so its steps are types. An answer may be read [`Ahead`] of the journal's receipt, but nothing comes out
//! of it without one (promise 5). The
//! proxy, `/v1/moderations`, the command line and every property test run this very code.

mod ahead;
mod answer;
mod biased;
mod delivered;
mod doubt;
mod emit;
mod halt;
pub mod judging;
mod label;
#[cfg(test)]
mod laws;
mod look;
mod marking;
mod moderation;
mod number;
mod prompt;
mod pseudonyms;
mod reader;
pub mod record;
pub mod replay;
mod segment;
mod strand;
mod tally;
mod told;

use std::sync::Arc;

pub use ahead::Ahead;
pub use answer::{Answering, Ended, Flow, Mode, Replaced};
pub use biased::with_bias;
pub use delivered::Delivered;
pub use emit::{Edit, Emitter, Make, Piece};
pub use halt::Halt;
pub use label::{Labelling, Maker};
pub use marking::{Marked, Marks};
pub use moderation::moderate;
pub use prompt::{Judged, Next, Received};
pub use pseudonyms::Pseudonyms;
pub use reader::{Counted, Noted, Place, Reader, Side, Stop};
pub use segment::Segments;
pub use tally::{CountKey, Counts};

use crate::audit::{Coverage, ExchangeId};
use crate::policy::{Action, Annotate, Policy};
use crate::text::json::MAX_DEPTH;
use crate::text::{Language, Tongue};
pub use told::{COMPLAINTS, REVIEWS};
pub(crate) use told::{own_answer, refuse, resides, shut_out, warn};

/// Ceilings of one exchange, most of them in bytes. An exchange holds at most one request body (twice while it is rewritten) and the larger of
/// one whole answer (twice while it is rewritten) and `event_bytes + held_bytes`; of a response of OpenAI's also 1 MiB of what has left, for
/// an ending that repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExchangeLimits {
    /// Longest whole answer.
    pub answer_bytes: usize,
    /// Longest event of a stream.
    pub event_bytes: usize,
    /// Most bytes of events held back at once.
    pub held_bytes: usize,
    /// Deepest nesting of JSON, in requests, answers and events.
    pub json_depth: usize,
    /// Most values in the JSON of a request, an answer or an event, and most texts held back at once.
    pub json_values: usize,
    /// Most tokens that a request may ask for; it has to say how many then.
    pub output_tokens: Option<u64>,
}

impl Default for ExchangeLimits {
    fn default() -> Self {
        Self {
            answer_bytes: 32 << 20,
            event_bytes: 8 << 20,
            held_bytes: 8 << 20,
            json_depth: MAX_DEPTH,
            json_values: 250_000,
            output_tokens: None,
        }
    }
}

/// What an exchange came to, in order of strength.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Nothing found that the policy acts on.
    #[default]
    Allow,
    /// Found and recorded, nothing changed.
    Flag,
    /// Text was masked or replaced.
    Rewrite,
    /// Blocked, before or in mid-stream.
    Block,
}

impl Outcome {
    /// The word used in the `x-sluicegate-verdict` header, metrics and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Flag => "flag",
            Self::Rewrite => "rewrite",
            Self::Block => "block",
        }
    }

    /// What an action makes of an exchange.
    pub fn of(action: Action) -> Self {
        match action {
            Action::Allow => Self::Allow,
            Action::Flag => Self::Flag,
            Action::Partial | Action::Pseudonymise | Action::Hash | Action::Mask | Action::Replace => {
                Self::Rewrite
            }
            Action::Block => Self::Block,
        }
    }
}

/// What was found and read on one side of an exchange.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What it came to.
    pub outcome: Outcome,
    /// What was found, at most [`reader::MAX_FINDINGS`].
    pub findings: Vec<Noted>,
    /// How many findings there were in all.
    pub found: u64,
    /// All of them by what they were.
    pub counts: Counts,
    /// What was read.
    pub coverage: Coverage,
}

/// A policy and the ceilings under which exchanges run.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The policy snapshot taken at admission; a reload does not change it under a running answer.
    pub policy: Arc<Policy>,
    /// Ceilings.
    pub limits: ExchangeLimits,
    /// Who asks, for what they are told.
    pub client: Client,
    /// Marks that are set and known; none where there are no keys.
    pub marks: Option<Marks>,
    /// What stand-ins are drawn from; without it values are masked that would be pseudonymised or hashed.
    pub pseudonyms: Option<Pseudonyms>,
    /// Whether what is delivered is put together for who keeps prints of it.
    pub prints: bool,
    /// What judges have said of the request's texts so far, where judges are asked at all.
    pub judges: Option<Arc<judging::Answers>>,
    /// In which form clients are told of doubts about the answer, where that is not as the policy says.
    pub annotate: Option<Annotate>,
}

/// What is known of who asks, for what they are told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Client {
    /// The exchange's id.
    pub exchange: Option<ExchangeId>,
    /// The language that its header asks for; without one, that of the prompt.
    pub language: Option<Language>,
    /// Whether answers may be labelled, so that the language of what is said has to be known.
    pub labels: bool,
    /// The language of what the request says last, where it is asked for.
    pub said: Option<Tongue>,
    /// In how many days a complaint is decided that the gateway itself takes; none where it takes none.
    pub complaints: Option<u16>,
    /// More answers wait for review than may: nobody would look at this one.
    pub no_review: bool,
}

impl Terms {
    /// Terms of an exchange of which nobody is told anything.
    pub fn new(policy: Arc<Policy>, limits: ExchangeLimits) -> Self {
        Self {
            policy,
            limits,
            client: Client::default(),
            marks: None,
            pseudonyms: None,
            prints: false,
            judges: None,
            annotate: None,
        }
    }

    /// In which form clients are told of doubts about the answer; never where no rule can doubt it.
    pub(in crate::exchange) fn annotate(&self) -> Annotate {
        let own = self.annotate.filter(|_| self.policy.doubts());
        own.unwrap_or_else(|| self.policy.annotate())
    }
}
