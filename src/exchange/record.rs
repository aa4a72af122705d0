//! From what an exchange knows to what its records say.

use super::{Coverage, Judged, Next, Noted};
use crate::audit::{CoverageRecord, FindingRecord, safe};
use crate::dialect::Role;
use crate::policy::Policy;

/// What the records of an exchange say of its findings.
pub fn findings(policy: &Policy, noted: &[Noted]) -> Vec<FindingRecord> {
    noted
        .iter()
        .map(|n| {
            let rule = policy.rule(n.rule);
            FindingRecord {
                rule: rule.id.clone(),
                category: rule.category.clone(),
                direction: n.direction.as_str(),
                role: role(n.role),
                action: n.action.as_str(),
                channel: n.channel,
                start: n.start,
                end: n.end,
                score: n.score,
            }
        })
        .collect()
}

/// What the records of an exchange say of its coverage.
pub fn coverage(c: &Coverage) -> CoverageRecord {
    CoverageRecord {
        texts: c.texts,
        text_bytes: c.text_bytes,
        unknown: c.unknown,
        names: c.names,
        opaque: c.opaque.clone(),
        unscanned: c.unscanned.clone(),
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Message => "message",
        Role::Reasoning => "reasoning",
        Role::Tool => "tool",
        Role::Logprobs => "logprobs",
        Role::Other => "other",
    }
}

/// The model's name as it may stand in a record.
pub fn model(judged: &Judged) -> String {
    safe(&judged.ask().model).into_owned()
}

/// The error's code when the gateway refuses the request, else empty.
pub fn refusal_code(judged: &Judged) -> &'static str {
    match judged.next() {
        Next::Refuse(error) => error.kind.code(),
        Next::Answer(_) => crate::dialect::ErrorKind::Blocked.code(),
        Next::Forward { .. } => "",
    }
}
