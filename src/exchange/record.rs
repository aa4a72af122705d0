//! From what an exchange knows to what its records say.

use std::sync::Arc;

use super::emit::Make;
use super::reader::MAX_FINDINGS;
use super::segment::spliced;
use super::{Edit, Next, Noted, Reader, Side};
use crate::audit::{FindingRecord, safe};
use crate::dialect::Role;
use crate::policy::{PACK_DIGITS, Policy, RuleState};

/// What the records of an exchange say of its findings.
pub fn findings(policy: &Policy, noted: &[Noted]) -> Vec<FindingRecord> {
    noted
        .iter()
        .map(|n| {
            let rule = policy.rule(n.rule);
            FindingRecord {
                rule: rule.id.clone(),
                version: rule.version.chars().take(PACK_DIGITS).collect(),
                category: rule.category.clone(),
                basis: rule.basis.iter().map(|basis| format!("{}, {}", basis.law, basis.article)).collect(),
                direction: n.direction.as_str(),
                role: role(n.role),
                action: n.action.as_str(),
                state: if n.shadow { "shadow" } else { stated(policy.state(n.rule)) },
                channel: n.channel,
                start: n.start,
                end: n.end,
                score: n.score,
                hidden: n.hidden.map_or_else(String::new, |hidden| hidden.to_string()),
                document: policy
                    .engine()
                    .document(n.rule, n.of)
                    .map_or_else(String::new, ToString::to_string),
                source: policy
                    .engine()
                    .statement(n.rule, n.of)
                    .map_or_else(String::new, |statement| statement.source.clone()),
                judge: n
                    .judged
                    .as_ref()
                    .and(rule.judge.as_ref())
                    .map_or_else(String::new, |spec| spec.judge.to_string()),
                judge_category: n
                    .judged
                    .as_ref()
                    .map_or_else(String::new, |category| safe(category).into_owned()),
            }
        })
        .collect()
}

/// Empty for what is in force.
fn stated(state: RuleState) -> &'static str {
    match state {
        RuleState::Enforce => "",
        RuleState::Retired | RuleState::Draft | RuleState::Shadow | RuleState::Canary(_) => state.as_str(),
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

/// A model's name as it may stand in a record: as it went on, and free of whatever a rule finds in it, even where the name went on as it
/// came or no further. A table that takes it for an identifier does not make it one. What no model is called is a client's text: it is not kept.
pub fn model(policy: &Arc<Policy>, name: &str) -> String {
    let mut reader = Reader::alone(Arc::clone(policy), Side::Prompt, false);
    // What would stop an exchange is among the findings.
    let _ = reader.read_loose(name, 0..0);
    if reader.found > MAX_FINDINGS as u64 || !is_called(name) {
        return REDACTED.into();
    }
    let edits: Vec<Edit> = reader
        .findings
        .iter()
        .map(|n| Edit {
            start: n.start,
            end: n.end,
            strength: n.action as u8 * 2,
            rule: n.rule.0,
            marker: Arc::clone(
                policy.edit_text(n.rule, n.direction).unwrap_or_else(|| &policy.rule(n.rule).marker),
            ),
            make: Make::Marker,
        })
        .collect();
    safe(&String::from_utf8_lossy(&spliced(name, &edits))).into_owned()
}

/// What stands in a record for a name that is none.
const REDACTED: &str = "[REDACTED]";
/// The longest name of a model, in bytes: a fine-tuned one is called after its base, its owner and its training.
const LONGEST_NAME: usize = 128;

/// Whether a model may be called so: ASCII letters and digits with `. _ - + : /` between them, a version without a dot behind `@`.
fn is_called(name: &str) -> bool {
    let (name, version) = name.split_once('@').unwrap_or((name, ""));
    let is_of = |text: &str, signs: &[u8]| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || signs.contains(&byte))
    };
    name.len() + version.len() <= LONGEST_NAME && is_of(name, b"._-+:/") && is_of(version, b"_-")
}

/// The error's code when the gateway refuses the request, else empty.
pub fn refusal_code(next: &Next) -> &'static str {
    match next {
        Next::Refuse(error) => error.kind.code(),
        Next::Answer(_) => crate::dialect::ErrorKind::Blocked.code(),
        Next::Forward { .. } => "",
    }
}

#[cfg(test)]
mod tests {
    use super::is_called;

    #[test]
    fn what_models_are_called() {
        for name in [
            "",
            "gpt-4.1-mini-2025-04-14",
            "ft:gpt-3.5-turbo-0613:acme::7p4lURel",
            "meta-llama/Llama-3.1-8B-Instruct",
            "claude-3-5-sonnet@20240620",
            "publishers/google/models/gemini-2.0-flash@default",
            "qwen2.5:0.5b-instruct-q4_K_M",
        ] {
            assert!(is_called(name), "{name}");
        }
        let long = "m".repeat(129);
        for text in
            ["m my text", "alice@example.com", "a@b@c", "\u{8eab}\u{4efd}", "m\n", "m\u{202e}x", "<b>", &long]
        {
            assert!(!is_called(text), "{text}");
        }
    }
}
