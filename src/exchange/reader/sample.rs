//! What the reader's tests share: a policy, the calls' tables, and a request read and written anew.

use std::sync::Arc;

use super::{Reader, Side};
use crate::detect::{Keyword, PatternSpec, RuleSpec};
use crate::dialect::{DIALECTS, Operation, Shape};
use crate::policy::{Action, Actions, Policy, Rule};
use crate::text::json::Tape;

pub(super) fn policy() -> Arc<Policy> {
    let keyword = |text: &str| Keyword { text: text.into(), whole_word: false };
    let rule = Rule {
        id: "mail".into(),
        actions: Actions::all(Action::Mask),
        marker: "[MAIL]".into(),
        ..Rule::default()
    };
    let address = PatternSpec {
        regex: r"[a-z.]{1,20}@corp\.example".into(),
        left: true,
        right: true,
        ..PatternSpec::default()
    };
    let spec = RuleSpec {
        keywords: vec![keyword("a@b.example"), keyword("c@d.example")],
        patterns: vec![address],
        ..RuleSpec::default()
    };
    Arc::new(Policy::from_rules(vec![(rule, spec)]).unwrap_or_else(|e| panic!("{e:?}")))
}

pub(super) fn operation(name: &str) -> &'static Operation {
    let mut operations = DIALECTS.iter().flat_map(|d| d.operations());
    operations.find(|o| o.name == name).unwrap_or_else(|| panic!("no {name}"))
}

pub(super) fn tape(body: &str) -> Tape {
    let mut tape = Tape::default();
    tape.parse(body.as_bytes()).unwrap_or_else(|e| panic!("{e}: {body}"));
    tape
}

pub(super) fn masked(body: &str) -> String {
    rewritten(body, Side::Prompt, (operation("chat.completions").request)())
}

/// As [`masked`], of an answer.
pub(super) fn masked_answer(body: &str) -> String {
    rewritten(body, Side::Answer, (operation("chat.completions").answer)())
}

fn rewritten(body: &str, side: Side, shape: &Shape) -> String {
    let mut reader = Reader::new(policy(), side, false);
    let segments = reader.read(body.as_bytes(), &tape(body), shape).unwrap_or_else(|e| panic!("{e:?}"));
    let out = reader.emit(body.as_bytes(), &segments).unwrap_or_else(|| body.into());
    let out = String::from_utf8(out).unwrap_or_else(|e| panic!("{e}"));
    tape(&out);
    out
}
