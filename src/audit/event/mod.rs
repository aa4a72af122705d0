//! Records in the words of other systems: OCSF, OpenTelemetry, CEF.
//!
//! Each event names the journal, the record's number and the exchange, by which a repeat is recognised, whatever gateways write into one system.

mod cef;
mod ocsf;
mod otel;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::ops::Range;

/// The form of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventForm {
    /// The record as it stands in the journal, with its number and the journal's name.
    Records,
    /// OCSF 1.9: API activity (class 6003) for each record, and a detection finding (class 2004) for each thing found.
    Ocsf,
    /// A log record of OpenTelemetry as OTLP's JSON has it, with the attributes of the GenAI conventions.
    Otel,
    /// ArcSight's Common Event Format, version 0.
    Cef,
    /// A Parquet file of many records: see [`RecordFileWriter`](super::RecordFileWriter). Of one alone, the record as it stands in the journal.
    Parquet,
}

const PRODUCT: &str = "sluicegate";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A record in one of the forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When it was written, in milliseconds since 1970.
    pub time_ms: u64,
    /// The exchange; empty for what was done to the journal.
    pub exchange: String,
    /// How bad it is, from 0 to 10.
    pub severity: u8,
    /// One line or several.
    pub lines: String,
}

impl EventForm {
    /// A record of the journal of this name in this form; none where it is no JSON.
    pub fn told(self, journal: &str, sequence: u64, payload: &[u8]) -> Option<Told> {
        let (time_ms, record) = read(payload)?;
        let (exchange, severity) = (exchange(&record).to_owned(), severity(&record));
        Some(Told { time_ms, exchange, severity, lines: self.write(journal, sequence, time_ms, record) })
    }

    /// The same as text, where it is of these milliseconds.
    pub fn lines(self, journal: &str, sequence: u64, payload: &[u8], within: Range<u64>) -> Option<String> {
        let (time_ms, record) = read(payload).filter(|(time_ms, _)| within.contains(time_ms))?;
        Some(self.write(journal, sequence, time_ms, record))
    }

    fn write(self, journal: &str, sequence: u64, time: u64, record: Value) -> String {
        let event = Event { journal, sequence, time, record: &record };
        match self {
            Self::Records | Self::Parquet => records(journal, sequence, record),
            Self::Ocsf => ocsf::lines(&event),
            Self::Otel => otel::line(&event),
            Self::Cef => cef::line(&event),
        }
    }
}

/// When a record was written, in milliseconds since 1970; none where it is no JSON of ours. Nothing else of it is made.
pub fn written_at(payload: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Time {
        time_ms: u64,
    }
    serde_json::from_slice::<Time>(payload).ok().map(|record| record.time_ms)
}

/// A record and when it was written.
fn read(payload: &[u8]) -> Option<(u64, Value)> {
    let record: Value = serde_json::from_slice(payload).ok()?;
    Some((record["time_ms"].as_u64()?, record))
}

/// A record on its way into a form.
#[derive(Debug)]
struct Event<'r> {
    /// Name of the journal.
    journal: &'r str,
    sequence: u64,
    /// Milliseconds since 1970.
    time: u64,
    record: &'r Value,
}

impl<'r> Event<'r> {
    /// The record's name among all records of all journals.
    fn id(&self) -> String {
        format!("{}/{}", self.journal, self.sequence)
    }

    /// What the record says under a name; empty where it says nothing, or that there is none (`-`).
    fn said(&self, name: &str) -> &'r str {
        match text(self.record, name) {
            "-" => "",
            said => said,
        }
    }

    /// Whose exchange it is; of an event, whom it is about.
    fn tenant(&self) -> &'r str {
        match self.said("tenant") {
            "" => text(&self.record["detail"], "tenant"),
            tenant => tenant,
        }
    }

    /// Whether it is of an exchange, and no event beside them.
    fn is_of_exchange(&self) -> bool {
        text(self.record, "event").is_empty()
    }

    /// What kind of record it is: `admission`, `end`, or `event.NAME` for what was done beside exchanges.
    fn kind(&self) -> String {
        match text(self.record, "event") {
            "" => text(self.record, "record").to_owned(),
            name => format!("{}.{name}", text(self.record, "record")),
        }
    }

    /// What it came to: the verdict of an exchange, the state that an event tells.
    fn came_to(&self) -> &'r str {
        match text(self.record, "verdict") {
            "" => text(&self.record["detail"], "state"),
            verdict => verdict,
        }
    }

    /// Its kind and what it came to, for a person.
    fn title(&self) -> String {
        format!("{} {}", self.kind(), self.came_to()).trim_end().to_owned()
    }

    fn findings(&self) -> impl Iterator<Item = &'r Value> + use<'r> {
        self.record["findings"].as_array().into_iter().flatten()
    }

    /// What an event says, by name; nothing for a record of an exchange.
    fn detail(&self) -> impl Iterator<Item = (&'r String, &'r Value)> + use<'r> {
        self.record["detail"].as_object().into_iter().flatten()
    }

    /// A count of tokens.
    fn tokens(&self, name: &str) -> Option<u64> {
        self.record["tokens"][name].as_u64()
    }
}

fn text<'r>(record: &'r Value, name: &str) -> &'r str {
    record[name].as_str().unwrap_or_default()
}

/// The exchange that it is of, or that an event is about; empty for what is about none.
fn exchange(record: &Value) -> &str {
    let detail = &record["detail"];
    let named = [text(record, "exchange"), text(detail, "exchange"), text(detail, "review")];
    named.into_iter().find(|name| !name.is_empty()).unwrap_or_default()
}

fn records(journal: &str, sequence: u64, mut record: Value) -> String {
    if let Some(record) = record.as_object_mut() {
        record.insert("journal".to_owned(), journal.into());
        record.insert("sequence".to_owned(), sequence.into());
    }
    record.to_string()
}

/// How bad an exchange is, from 0 to 10.
fn severity(record: &Value) -> u8 {
    match text(record, "verdict") {
        "block" => 7,
        "rewrite" => 5,
        "flag" => 3,
        _ if !text(record, "error").is_empty() => 4,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The journal of all examples.
    pub(super) const JOURNAL: &str = "example.com/g";

    pub(super) const ADMISSION: &str = r#"{"record":"admission","exchange":"4bzk0hmm1qf0n6cz6rwr9w3yxd","time_ms":1795809603000,"tenant":"red|blue","key":"k","user":"ab","address":"cd","route":"r","dialect":"openai","operation":"chat.completions","model":"m=1","upstream":"u","policy":"default","policy_version":"v1","request_bytes":20,"stream":true,"verdict":"block","error":"blocked","found":1,"findings":[{"rule":"privacy/email","category":"privacy","direction":"prompt","role":"message","action":"block","channel":0,"start":1,"end":9,"score":0.9}]}"#;

    pub(super) fn end() -> Value {
        json!({"record": "end", "time_ms": 1_795_809_604_000_u64, "exchange": "x", "tenant": "red", "key": "k", "user": "ab",
            "address": "cd", "route": "r", "dialect": "gemini", "operation": "streamGenerateContent", "model": "m", "upstream": "u",
            "policy": "default", "policy_version": "v1", "status": 200, "verdict": "allow", "ended": "complete", "error": "",
            "findings": [], "found": 0, "response_bytes": 9, "tokens": {"input": 11, "output": 22, "cached": 5}})
    }

    pub(super) fn review() -> Value {
        json!({"record": "event", "event": "review", "time_ms": 5,
            "detail": {"review": "4bzk", "state": "approved", "tenant": "red", "by": "dr. sato", "strikes": 3, "held": true,
                "of": ["a", "b"]}})
    }

    /// Records of each kind, as far as they can lack what others have.
    pub(super) fn all() -> Vec<Value> {
        let admission: Value = serde_json::from_str(ADMISSION).expect("JSON");
        let mut unjudged = admission.clone();
        for name in ["tenant", "key", "route", "upstream"] {
            unjudged[name] = "-".into();
        }
        for name in ["user", "address", "model"] {
            unjudged[name] = "".into();
        }
        let mut found = admission.clone();
        let finding = found["findings"][0].clone();
        let of = |action: &str, state: &str| {
            let mut one = finding.clone();
            (one["action"], one["state"], one["score"]) = (action.into(), state.into(), 0.123_456.into());
            one
        };
        found["findings"] = [
            of("allow", ""),
            of("flag", ""),
            of("annotate", "canary"),
            of("mask", ""),
            of("pseudonymise", ""),
            of("replace", ""),
            of("route", ""),
            of("block", "shadow"),
        ]
        .into();
        found["verdict"] = "rewrite".into();
        let mut left = end();
        (left["status"], left["ended"], left["error"]) = (0.into(), "client_left".into(), "shutdown".into());
        left["tokens"] = json!({"input": 4});
        let mut silent = end();
        silent.as_object_mut().expect("an object").remove("tokens");
        let purge =
            json!({"record": "event", "event": "purge", "time_ms": 6, "detail": {"through": 9, "by": ""}});
        // As they were written before both records said who asked.
        let old = json!({"record": "end", "exchange": "x", "time_ms": 7, "policy_version": "v", "status": 200, "verdict": "allow",
            "ended": "complete", "error": "", "findings": [], "found": 0, "tokens": {"output": 1}});
        vec![admission, unjudged, found, end(), left, silent, review(), purge, old]
    }

    pub(super) fn lines(form: EventForm, record: &Value) -> String {
        form.lines(JOURNAL, 8, record.to_string().as_bytes(), 0..u64::MAX).expect("lines")
    }

    #[test]
    fn records_name_their_journal_and_number() {
        let told = EventForm::Records.told(JOURNAL, 7, ADMISSION.as_bytes()).expect("a record");
        let line: Value = serde_json::from_str(&told.lines).expect("JSON");
        assert_eq!((&line["journal"], &line["sequence"]), (&json!(JOURNAL), &json!(7)));
        assert_eq!((told.time_ms, told.exchange.as_str()), (1_795_809_603_000, "4bzk0hmm1qf0n6cz6rwr9w3yxd"));
        assert_eq!(EventForm::Cef.lines(JOURNAL, 7, ADMISSION.as_bytes(), 0..10), None);
        assert_eq!(EventForm::Cef.lines(JOURNAL, 7, b"no JSON", 0..u64::MAX), None);
    }
}
