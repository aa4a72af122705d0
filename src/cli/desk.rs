//! What the verbs share by which people decide what waits at a running gateway: complaints, reviews.

use super::ask::Operations;
use super::moment::written;
use super::query::escaped;
use anyhow::Context as _;
use clap::builder::NonEmptyStringValueParser;
use serde_json::Value;
use std::time::Duration;

/// How long an answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Who decides, and why.
#[derive(Debug, clap::Args)]
pub(super) struct Decider {
    /// Who decides, for the record
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    by: String,

    /// Why, for the record; nothing of the text that it is about
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    why: String,
}

impl Decider {
    /// Where it is decided that one of a kind comes to a state.
    pub(super) fn path(&self, kind: &str, id: &str, state: &str) -> String {
        let (id, by, why) = (escaped(id), escaped(&self.by), escaped(&self.why));
        format!("/admin/{kind}/decide?id={id}&state={state}&by={by}&why={why}")
    }
}

/// One of a kind as the gateway tells it, and whether there is one; else why not.
pub(super) fn one(operations: &Operations, kind: &str, id: &str) -> anyhow::Result<(bool, Value)> {
    let address = operations.address();
    let asked = operations.ask("GET", &format!("/admin/{kind}/show?id={}", escaped(id)), PATIENCE);
    let (status, body) = asked.with_context(|| format!("cannot ask the gateway at {address}"))?;
    let one = serde_json::from_str(&body)
        .with_context(|| format!("{address} answers {status}, and not as a gateway does"))?;
    Ok(((200..300).contains(&status), one))
}

/// A word of an answer; empty where it has none.
pub(super) fn word<'v>(of: &'v Value, key: &str) -> &'v str {
    of.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A time of an answer, for people.
pub(super) fn moment(of: &Value, key: &str) -> String {
    of.get(key).and_then(Value::as_u64).map_or_else(String::new, written)
}

/// What was done, or why not.
pub(super) fn outcome(answer: &Value) -> String {
    match (word(answer, "reason"), word(answer, "from")) {
        ("", from) => format!("{}, was {from}\n", word(answer, "outcome")),
        (why, _) => format!("{}, because {why}\n", word(answer, "outcome")),
    }
}
