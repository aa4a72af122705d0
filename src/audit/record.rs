//! What a record says. Field order is fixed, so the same record has the same bytes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::ExchangeId;
use super::texts::TextPlace;
use crate::dialect::Usage;
use crate::provenance::Unlabelled;

/// Longest client-supplied string kept in a record, in characters.
const LONGEST: usize = 200;

/// A client-supplied name (a model, a header) made safe for records and logs: control characters escaped, at most 200 characters.
pub fn safe(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST && !text.chars().any(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    for c in text.chars().take(LONGEST) {
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// A finding: which rule, where, and what followed. Never the text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FindingRecord {
    /// The rule's id.
    pub rule: String,
    /// Hash of the content of its pack, the first 16 digits; empty where there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Its category.
    pub category: String,
    /// What it rests on, each as law and article; not there where it rests on no law.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub basis: Vec<String>,
    /// `prompt`, `output` or `tool`.
    pub direction: &'static str,
    /// What the text is to the exchange: `message`, `reasoning`, `tool`, `logprobs`, `other`.
    pub role: &'static str,
    /// What followed; of a rule in shadow, what would have.
    pub action: &'static str,
    /// `shadow`: the rule changed nothing; `canary`: it did, and is in force for a share of the exchanges. Not there for a rule that is in
    /// force for all.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub state: &'static str,
    /// Number of the channel in order of appearance.
    pub channel: u32,
    /// First byte in the channel's text.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// 0 to 1.
    pub score: f32,
    /// How it was hidden, the outermost coding first, such as `base64>url`; not there when it was not.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hidden: String,
    /// The registered document of which a passage was found; not there for any other finding.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub document: String,
    /// Where it is told what is right, of a statement that is known to be wrong; not there for any other finding.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// The judge that found it; not there for any other finding.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub judge: String,
    /// What the judge calls it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub judge_category: String,
}

fn str_is_empty(text: &Arc<str>) -> bool {
    text.is_empty()
}

/// What was read of an exchange, and what was not and why. Bytes are of decoded text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Strings read as text.
    pub texts: u64,
    /// Their bytes.
    pub text_bytes: u64,
    /// Of these, strings that the dialect does not know.
    pub unknown: u64,
    /// Identifiers and words of closed lists.
    pub names: u64,
    /// Strings that are not text, by reason.
    pub opaque: BTreeMap<&'static str, u64>,
    /// What could not be read, by kind: it passed, or blocked the exchange, by the policy's choice.
    pub unscanned: BTreeMap<&'static str, u64>,
    /// Texts that a judge was to judge and did not, by the judge and the reason: they passed, or blocked the exchange, by the judge's `on_failure`.
    /// Not there where there are none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unjudged: BTreeMap<String, u64>,
}

impl Coverage {
    /// Adds another count, as of the next event.
    pub fn add(&mut self, other: &Self) {
        self.texts += other.texts;
        self.text_bytes += other.text_bytes;
        self.unknown += other.unknown;
        self.names += other.names;
        for (map, more) in [(&mut self.opaque, &other.opaque), (&mut self.unscanned, &other.unscanned)] {
            for (reason, n) in more {
                *map.entry(reason).or_default() += n;
            }
        }
        for (reason, n) in &other.unjudged {
            *self.unjudged.entry(reason.clone()).or_default() += n;
        }
    }
}

/// Who asked what of whom, under which policy. It stands in both records of an exchange, so that each can be read without the other.
#[derive(Clone, Debug, Serialize)]
pub struct Asked {
    /// The tenant, `-` without one.
    pub tenant: Arc<str>,
    /// Id of the key that was used, `-` without one.
    pub key: Arc<str>,
    /// Keyed hash of the user that the client names (`x-sluicegate-user`, `user`, `safety_identifier`, `metadata.user_id`); empty where it names none.
    pub user: String,
    /// Keyed hash of the address that the request came from.
    pub address: String,
    /// Name of the route, `-` without one.
    pub route: Arc<str>,
    /// The dialect.
    pub dialect: &'static str,
    /// The call.
    pub operation: &'static str,
    /// The model that the request names, free of what rules find in it.
    pub model: String,
    /// The upstream, `-` when none is asked.
    pub upstream: Arc<str>,
    /// Where it stands, if its settings say so; also of one that was not asked, since data may not go there.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// The policy's name.
    pub policy: String,
    /// Its content hash.
    pub policy_version: String,
}

/// Whether the upstream's sampler was asked for its mark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SamplerRecord {
    /// `asked`; `refused`: the upstream took the request only without it; `paused`: it was not asked, since it refused for this model not long ago;
    /// `own`: the client has a `logit_bias` of its own, which stays.
    pub state: &'static str,
    /// The epoch whose coins choose the words, where it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u32>,
    /// The language of these words; empty where it was not asked.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub list: &'static str,
    /// Keyed hash of the body that went to the upstream after that, without it; empty where none did.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub again: String,
}

/// Written before the first byte of the answer leaves.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "record", rename = "admission")]
pub struct Admission {
    /// The exchange.
    pub exchange: ExchangeId,
    /// Milliseconds since 1970 by the system's clock; order is told by the sequence number alone.
    pub time_ms: u64,
    /// Who asked what of whom.
    #[serde(flatten)]
    pub asked: Arc<Asked>,
    /// The packs whose rules the policy has on, each with the first digits of the hash of its content; not there where it has none.
    #[serde(skip_serializing_if = "str_is_empty")]
    pub packs: Arc<str>,
    /// Bytes of the request body as received.
    pub request_bytes: u64,
    /// Keyed hash of the request's body as received, in its content coding; empty for an empty one.
    pub received: String,
    /// Keyed hash of the body as it goes to the upstream; empty where none goes.
    pub sent: String,
    /// Whether the client wants a stream.
    pub stream: bool,
    /// The verdict on the request: `allow`, `flag`, `rewrite`, `block`.
    pub verdict: &'static str,
    /// The error's code when the gateway refuses the request, else empty.
    pub error: &'static str,
    /// What was found in the request, as far as it is listed.
    pub findings: Vec<FindingRecord>,
    /// Findings in all, listed or not.
    pub found: u64,
    /// How many stand-ins were put into the request, by category of what they stand for; not there where there are none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pseudonymised: BTreeMap<Arc<str>, u64>,
    /// Whether the upstream's sampler is asked for its mark; not there where the policy does not have that asked, or the answer's words stay as
    /// they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampler: Option<SamplerRecord>,
    /// What was read of the request.
    pub coverage: Coverage,
}

/// Something beside exchanges: what was done to the journal or by its keepers, and who moved on the ladder of those who are blocked again and
/// again.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "record", rename = "event")]
pub struct Event {
    /// What was done: `erasure`, `hold`, `release`, `purge`, `standing`, `abuse`, `bank`, `complaint`, `review`, `expiry`, `incident`.
    pub event: &'static str,
    /// Milliseconds since 1970 by the system's clock.
    pub time_ms: u64,
    /// More, by kind of event.
    pub detail: serde_json::Value,
}

/// How an answer was labelled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LabelRecord {
    /// Where labels stand, as the policy, the settings or the route say it.
    pub mode: &'static str,
    /// The text had to stay as the model wrote it, since a program reads it: it has metadata alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub exact: bool,
    /// Labels in texts of the answer.
    pub texts: u32,
    /// The language of the label; empty where none stands in a text.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub language: &'static str,
    /// The key that signed the metadata; empty where there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// That the caller gets answers without a label, and why that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unlabelled: Option<Unlabelled>,
}

/// How the client was told of what is false in an answer, or not borne out by its request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AnnotationRecord {
    /// The form that the policy or the route asks for: `note`, `metadata`, `header`.
    pub form: &'static str,
    /// Places that it was told of.
    pub places: u32,
    /// Texts with a note behind them.
    pub notes: u32,
    /// Whether it was told in a member or comment beside the text.
    pub metadata: bool,
    /// Whether it was told in a header.
    pub header: bool,
}

/// The marks in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MarkRecord {
    /// The epoch whose key marked.
    pub epoch: u32,
    /// How many marks left.
    pub marks: u64,
}

/// Written when the answer is over.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "record", rename = "end")]
pub struct End {
    /// The exchange.
    pub exchange: ExchangeId,
    /// Milliseconds since 1970 by the system's clock.
    pub time_ms: u64,
    /// Who asked what of whom, as in its admission.
    #[serde(flatten)]
    pub asked: Arc<Asked>,
    /// HTTP status sent to the client; 0 when the client left before.
    pub status: u16,
    /// HTTP status of the upstream; 0 when it was not asked or did not answer.
    pub upstream_status: u16,
    /// The verdict on both sides.
    pub verdict: &'static str,
    /// `complete`, `upstream_error` (its own error, passed on), `no_end_sign`, `cut`, `client_left`, `stalled` (the client took nothing
    /// more), `upstream_failed`, `refused`, `answered` (by the gateway itself: a reminder, or the end of a session), `panic`.
    pub ended: &'static str,
    /// The error's code, or the kind of the upstream's own error; else empty.
    pub error: &'static str,
    /// What was found in the answer, as far as it is listed.
    pub findings: Vec<FindingRecord>,
    /// Findings in all, listed or not.
    pub found: u64,
    /// How many values came back in the answer in the place of their stand-ins, by category; not there where none did.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub restored: BTreeMap<Arc<str>, u64>,
    /// What was read of the answer.
    pub coverage: Coverage,
    /// Keyed hash of the upstream's body as received, without its content coding; empty where none came.
    pub received: String,
    /// Keyed hash of the body as the client got it; empty where it got none.
    pub sent: String,
    /// How many tokens the upstream says that the exchange took; not there where it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Usage>,
    /// How the answer was labelled, where the policy has answers labelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<LabelRecord>,
    /// How the client was told of what is doubtful in the answer; not there where nothing was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotation: Option<AnnotationRecord>,
    /// The epoch and number of the marks in the answer, where it is marked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<MarkRecord>,
    /// Whether the upstream's sampler was asked for its mark, and took it; not there where it is not in the admission.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampler: Option<SamplerRecord>,
    /// Where the bodies stand, sealed, if they are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub texts: Option<TextPlace>,
    /// Bytes of body sent to the client.
    pub response_bytes: u64,
    /// Most bytes held back at once.
    pub held_bytes_max: u64,
    /// The longest time that text was held back at once, in microseconds.
    pub held_us_max: u64,
    /// Microseconds from the request's head to the head of the upstream's answer; 0 when there was none.
    pub upstream_us: u64,
    /// Microseconds from the request's head to the first byte of the answer's body; 0 when there was none.
    pub first_byte_us: u64,
    /// Microseconds from the request's head to the end.
    pub total_us: u64,
}
