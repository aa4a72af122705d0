//! Queries and paths are texts too.

use std::sync::Arc;

use bytes::Bytes;

use super::super::reader::MAX_FINDINGS;
use super::super::*;
use crate::detect::{Keyword, RuleSpec};
use crate::dialect::route;
use crate::policy::{Action, Actions, Policy, Rule};

/// What is kept of findings for the record bounds nothing of what they do.
#[test]
fn what_is_masked_behind_many_findings_does_not_leave_in_a_query() {
    let rule = |id: &str, word: &str, action| {
        let keywords = vec![Keyword { text: word.into(), whole_word: true }];
        let rule = Rule { id: id.into(), actions: Actions::all(action), ..Rule::default() };
        (rule, RuleSpec { keywords, ..RuleSpec::default() })
    };
    let rules = vec![rule("p/flag", "zebra", Action::Flag), rule("p/mask", "geheim", Action::Mask)];
    let policy = Arc::new(Policy::from_rules(rules).unwrap_or_else(|e| panic!("{e:?}")));
    let judged = |query: &str| {
        let matched = route("POST", "/v1/chat/completions", false).unwrap_or_else(|_| panic!("no route"));
        let terms = Terms::new(Arc::clone(&policy), ExchangeLimits::default());
        let body = Bytes::from_static(br#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#);
        Received::new(matched, terms).judge(Some(query), true, body).unwrap_or_else(|e| panic!("{e}"))
    };
    let many = "zebra+".repeat(MAX_FINDINGS + 10);
    assert!(matches!(judged(&many).next(), Next::Forward { .. }));
    assert!(matches!(judged("geheim").next(), Next::Refuse(_)));
    assert!(matches!(judged(&format!("{many}geheim")).next(), Next::Refuse(_)));
}
