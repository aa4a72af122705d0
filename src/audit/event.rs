//! Records in the words of other systems: OCSF, OpenTelemetry, CEF.
//!
//! Each event names the record's number and the exchange, by which a repeat is recognised.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::ops::Range;

/// The form of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventForm {
    /// The record as it stands in the journal, with its number.
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
    /// A record in this form; none where it is no JSON.
    pub fn told(self, sequence: u64, payload: &[u8]) -> Option<Told> {
        let (time_ms, record) = read(payload)?;
        let (exchange, severity) = (exchange(&record).to_owned(), severity(&record));
        Some(Told { time_ms, exchange, severity, lines: self.write(sequence, time_ms, record) })
    }

    /// The same as text, where it is of these milliseconds.
    pub fn lines(self, sequence: u64, payload: &[u8], within: Range<u64>) -> Option<String> {
        let (time_ms, record) = read(payload).filter(|(time_ms, _)| within.contains(time_ms))?;
        Some(self.write(sequence, time_ms, record))
    }

    fn write(self, sequence: u64, time: u64, record: Value) -> String {
        match self {
            Self::Records | Self::Parquet => records(sequence, record),
            Self::Ocsf => ocsf(sequence, time, &record),
            Self::Otel => otel(sequence, time, &record),
            Self::Cef => cef(sequence, time, &record),
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

fn text<'r>(record: &'r Value, name: &str) -> &'r str {
    record[name].as_str().unwrap_or_default()
}

/// What kind of record it is: `admission`, `end`, or `event.NAME` for what was done beside exchanges.
fn kind(record: &Value) -> String {
    match text(record, "event") {
        "" => text(record, "record").to_owned(),
        name => format!("{}.{name}", text(record, "record")),
    }
}

/// What it came to: the verdict of an exchange, the state that an event tells.
fn came_to(record: &Value) -> &str {
    match text(record, "verdict") {
        "" => text(&record["detail"], "state"),
        verdict => verdict,
    }
}

/// The exchange that it is of, or that an event is about; empty for what is about none.
fn exchange(record: &Value) -> &str {
    let detail = &record["detail"];
    let named = [text(record, "exchange"), text(detail, "exchange"), text(detail, "review")];
    named.into_iter().find(|name| !name.is_empty()).unwrap_or_default()
}

fn findings(record: &Value) -> impl Iterator<Item = &Value> {
    record["findings"].as_array().into_iter().flatten()
}

fn records(sequence: u64, mut record: Value) -> String {
    if let Some(record) = record.as_object_mut() {
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

/// By [`severity`]: OCSF's `severity_id`, its name, and OpenTelemetry's `severityNumber` with its text.
fn levels(severity: u8) -> (u8, &'static str, u8, &'static str) {
    match severity {
        ..=2 => (1, "Informational", 9, "INFO"),
        3..=4 => (2, "Low", 10, "INFO2"),
        5..=6 => (3, "Medium", 13, "WARN"),
        7.. => (4, "High", 17, "ERROR"),
    }
}

fn ocsf(sequence: u64, time: u64, record: &Value) -> String {
    let (severity_id, severity, _, _) = levels(severity(record));
    let metadata = |uid: String| {
        json!({
            "version": "1.9.0", "uid": uid, "sequence": sequence, "correlation_uid": exchange(record),
            "product": {"name": "Sluicegate", "vendor_name": "Sluicegate", "version": VERSION},
            "profiles": ["ai_operation"],
        })
    };
    let blocked = text(record, "verdict") == "block";
    let (status_id, status) =
        if blocked || !text(record, "error").is_empty() { (2, "Failure") } else { (1, "Success") };
    let mut activity = json!({
        "class_uid": 6003, "class_name": "API Activity", "category_uid": 6, "category_name": "Application Activity",
        "activity_id": 99, "activity_name": kind(record), "type_uid": 600_399, "time": time,
        "severity_id": severity_id, "severity": severity, "status_id": status_id, "status": status,
        "status_code": record["status"], "status_detail": text(record, "error"), "metadata": metadata(format!("{sequence}")),
        "actor": {"user": {"uid": text(record, "user"), "org": {"name": text(record, "tenant")}}, "app_uid": text(record, "key")},
        "src_endpoint": {"uid": text(record, "address")},
        "api": {"operation": text(record, "operation"), "service": {"name": text(record, "upstream")}, "group": {"name": text(record, "dialect")}},
        "ai_model": {"name": text(record, "model")},
        "unmapped": {
            "verdict": text(record, "verdict"), "ended": text(record, "ended"), "route": text(record, "route"),
            "policy": text(record, "policy"), "policy_version": text(record, "policy_version"), "found": record["found"],
            "coverage": record["coverage"],
        },
    });
    if record["detail"].is_object() {
        activity["unmapped"]["detail"] = record["detail"].clone();
    }
    let tokens = record["tokens"].as_object().map(|_| &record["tokens"]);
    if let Some(tokens) = tokens {
        let total = tokens["input"].as_u64().unwrap_or(0) + tokens["output"].as_u64().unwrap_or(0);
        activity["message_context"] = json!({
            "ai_role_id": 2, "ai_role": "Assistant", "service": {"name": PRODUCT}, "uid": text(record, "exchange"),
            "prompt_tokens": tokens["input"], "completion_tokens": tokens["output"], "total_tokens": total,
        });
    }
    let mut out = activity.to_string();
    for (number, found) in findings(record).enumerate() {
        let acted = match text(found, "action") {
            "block" => (2, "Denied", 2, "Blocked"),
            "allow" | "flag" => (1, "Allowed", 17, "Logged"),
            _ => (4, "Modified", 99, "Rewritten"),
        };
        let (action_id, action, disposition_id, disposition) = acted;
        let finding = json!({
            "class_uid": 2004, "class_name": "Detection Finding", "category_uid": 2, "category_name": "Findings",
            "activity_id": 1, "activity_name": "Create", "type_uid": 200_401, "time": time,
            "severity_id": severity_id, "severity": severity, "metadata": metadata(format!("{sequence}-{number}")),
            "finding_info": {"uid": format!("{sequence}-{number}"), "title": text(found, "rule"), "types": [text(found, "category")]},
            "confidence_score": found["score"].as_f64().map(|score| (score * 100.0).round()),
            "action_id": action_id, "action": action, "disposition_id": disposition_id, "disposition": disposition,
            "unmapped": {"direction": text(found, "direction"), "role": text(found, "role"), "channel": found["channel"],
                "start": found["start"], "end": found["end"], "action": text(found, "action"), "state": found["state"]},
        });
        out.push('\n');
        out.push_str(&finding.to_string());
    }
    out
}

fn otel(sequence: u64, time: u64, record: &Value) -> String {
    let (_, _, number, level) = levels(severity(record));
    let mut attributes = Vec::new();
    let mut add = |key: &str, value: Value| {
        let empty = value.get("stringValue").and_then(Value::as_str) == Some("");
        if !empty {
            attributes.push(json!({"key": key, "value": value}));
        }
    };
    let string = |name: &str| json!({"stringValue": text(record, name)});
    // OTLP's JSON writes 64-bit integers as text.
    let integer = |name: &str| json!({"intValue": record[name].as_u64().unwrap_or(0).to_string()});
    let operation = match text(record, "operation") {
        name if name.contains("embed") => "embeddings",
        name if name.contains("chat") || name.contains("messages") || name.contains("responses") => "chat",
        name if name.contains("enerate") => "generate_content",
        name => name,
    };
    add("gen_ai.operation.name", json!({"stringValue": operation}));
    add("gen_ai.provider.name", string("dialect"));
    add("gen_ai.request.model", string("model"));
    add("error.type", string("error"));
    add("user.id", string("user"));
    add("sluicegate.exchange", json!({"stringValue": exchange(record)}));
    for name in ["tenant", "key", "route", "upstream", "policy", "policy_version", "verdict", "ended"] {
        add(&format!("sluicegate.{name}"), string(name));
    }
    for name in ["found", "request_bytes", "response_bytes", "upstream_us", "first_byte_us", "total_us"] {
        if record[name].is_u64() {
            add(&format!("sluicegate.{name}"), integer(name));
        }
    }
    for (name, said) in [
        ("input_tokens", "input"),
        ("output_tokens", "output"),
        ("cache_read.input_tokens", "cached"),
        ("cache_creation.input_tokens", "cache_written"),
        ("reasoning.output_tokens", "reasoning"),
    ] {
        if let Some(count) = record["tokens"][said].as_u64() {
            add(&format!("gen_ai.usage.{name}"), json!({"intValue": count.to_string()}));
        }
    }
    if record["status"].is_u64() {
        add("http.response.status_code", integer("status"));
    }
    add("sluicegate.log.leaf", json!({"intValue": (sequence - 1).to_string()}));
    let rules: Vec<Value> =
        findings(record).map(|found| json!({"stringValue": text(found, "rule")})).collect();
    if !rules.is_empty() {
        add("sluicegate.rules", json!({"arrayValue": {"values": rules}}));
    }
    json!({"resourceLogs": [{
        "resource": {"attributes": [
            {"key": "service.name", "value": {"stringValue": PRODUCT}},
            {"key": "service.version", "value": {"stringValue": VERSION}},
        ]},
        "scopeLogs": [{"scope": {"name": "sluicegate.journal"}, "logRecords": [{
            "timeUnixNano": (u128::from(time) * 1_000_000).to_string(), "severityNumber": number, "severityText": level,
            "eventName": format!("sluicegate.{}", kind(record)),
            "body": {"stringValue": format!("{} {}", kind(record), came_to(record)).trim_end()},
            "attributes": attributes,
        }]}],
    }]})
    .to_string()
}

fn cef(sequence: u64, time: u64, record: &Value) -> String {
    let header = |text: &str| text.replace('\\', "\\\\").replace('|', "\\|").replace(['\r', '\n'], " ");
    let name = format!("{} {}", kind(record), came_to(record));
    let family = if text(record, "event").is_empty() { "exchange" } else { "journal" };
    let mut out = format!(
        "CEF:0|Sluicegate|{PRODUCT}|{VERSION}|{family}.{}|{}|{}|",
        header(&kind(record)),
        header(name.trim_end()),
        severity(record)
    );
    let mut add = |key: &str, value: &str| {
        if !value.is_empty() {
            let value =
                value.replace('\\', "\\\\").replace('=', "\\=").replace('\r', "\\r").replace('\n', "\\n");
            let space = if out.ends_with('|') { "" } else { " " };
            let _ = write!(out, "{space}{key}={value}");
        }
    };
    add("rt", &time.to_string());
    add("externalId", exchange(record));
    add("act", came_to(record));
    add("outcome", text(record, "ended"));
    add("reason", text(record, "error"));
    add("app", text(record, "dialect"));
    add("request", text(record, "operation"));
    add("suser", text(record, "user"));
    add("suid", text(&record["detail"], "by"));
    add("dhost", text(record, "upstream"));
    let rules: Vec<&str> = findings(record).map(|found| text(found, "rule")).collect();
    let classes: Vec<&str> = findings(record).map(|found| text(found, "category")).collect();
    let policy = format!("{}@{}", text(record, "policy"), text(record, "policy_version"));
    let customs = [
        ("rules", rules.join(",")),
        ("categories", classes.join(",")),
        ("leaf", (sequence - 1).to_string()),
        ("tenant", text(record, "tenant").to_owned()),
        ("model", text(record, "model").to_owned()),
        ("policy", if policy == "@" { String::new() } else { policy }),
    ];
    for (number, (label, value)) in (1..).zip(&customs) {
        if !value.is_empty() {
            add(&format!("cs{number}Label"), label);
            add(&format!("cs{number}"), value);
        }
    }
    for (number, (label, said)) in (1..).zip([("inputTokens", "input"), ("outputTokens", "output")]) {
        if let Some(count) = record["tokens"][said].as_u64() {
            add(&format!("cn{number}Label"), label);
            add(&format!("cn{number}"), &count.to_string());
        }
    }
    add("cnt", &record["found"].as_u64().unwrap_or(0).to_string());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"record":"admission","exchange":"4bzk0hmm1qf0n6cz6rwr9w3yxd","time_ms":1795809603000,"tenant":"red|blue","key":"k","user":"ab","address":"cd","route":"r","dialect":"openai","operation":"chat.completions","model":"m=1","upstream":"u","policy":"default","policy_version":"v1","verdict":"block","error":"blocked","found":1,"findings":[{"rule":"privacy/email","category":"privacy","direction":"prompt","role":"message","action":"block","channel":0,"start":1,"end":9,"score":0.9}]}"#;

    #[test]
    fn each_form_says_what_the_record_does() {
        let all = 0..u64::MAX;
        let lines = |form: EventForm| form.lines(7, RECORD.as_bytes(), all.clone()).expect("lines");
        let json = |line: &str| serde_json::from_str::<Value>(line).expect("JSON");
        assert_eq!(json(&lines(EventForm::Records))["sequence"], 7);
        let ocsf = lines(EventForm::Ocsf);
        let (activity, finding) = ocsf.split_once('\n').expect("two lines");
        assert_eq!(
            (&json(activity)["class_uid"], &json(activity)["type_uid"]),
            (&json!(6003), &json!(600_399))
        );
        assert_eq!(json(finding)["finding_info"]["title"], "privacy/email");
        assert_eq!(json(finding)["disposition"], "Blocked");
        let otel = json(&lines(EventForm::Otel));
        let record = &otel["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
        assert_eq!(record["timeUnixNano"], "1795809603000000000");
        assert!(
            record["attributes"]
                .as_array()
                .expect("a list")
                .contains(&json!({"key": "gen_ai.request.model", "value": {"stringValue": "m=1"}}))
        );
        let attributes = |record: &Value, form: EventForm| {
            let lines = form.lines(8, record.to_string().as_bytes(), 0..u64::MAX).expect("lines");
            json(lines.lines().next().expect("a line"))
        };
        let end = json!({"record": "end", "time_ms": 1, "exchange": "x", "verdict": "allow",
            "tokens": {"input": 11, "output": 22, "cached": 5}});
        let context = &attributes(&end, EventForm::Ocsf)["message_context"];
        assert_eq!(
            (&context["prompt_tokens"], &context["completion_tokens"], &context["total_tokens"]),
            (&json!(11), &json!(22), &json!(33))
        );
        let told = attributes(&end, EventForm::Otel);
        let told = told["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["attributes"].clone();
        for (key, value) in
            [("input_tokens", "11"), ("output_tokens", "22"), ("cache_read.input_tokens", "5")]
        {
            let wanted = json!({"key": format!("gen_ai.usage.{key}"), "value": {"intValue": value}});
            assert!(told.as_array().expect("a list").contains(&wanted), "{told}");
        }
        let line = EventForm::Cef.lines(8, end.to_string().as_bytes(), 0..u64::MAX).expect("a line");
        assert!(line.contains("cn1Label=inputTokens cn1=11 cn2Label=outputTokens cn2=22"), "{line}");
        let cef = lines(EventForm::Cef);
        assert!(
            cef.starts_with("CEF:0|Sluicegate|sluicegate|")
                && cef.contains("|exchange.admission|admission block|7|rt=1795809603000 "),
            "{cef}"
        );
        assert!(cef.contains("cs4=red|blue") && cef.contains("cs5=m\\=1"), "{cef}");
        let event = json!({"record": "event", "event": "review", "time_ms": 5,
            "detail": {"review": "4bzk", "state": "approved", "by": "dr. sato"}});
        let line = EventForm::Cef.lines(9, event.to_string().as_bytes(), 0..u64::MAX).expect("a line");
        assert!(
            line.contains("|journal.event.review|event.review approved|1|rt=5 externalId=4bzk act=approved suid=dr. sato "),
            "{line}"
        );
        let told = attributes(&event, EventForm::Otel);
        assert_eq!(
            told["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["eventName"],
            "sluicegate.event.review"
        );
        let told = attributes(&event, EventForm::Ocsf);
        assert_eq!(
            (&told["activity_name"], &told["metadata"]["correlation_uid"]),
            (&json!("event.review"), &json!("4bzk"))
        );
        assert_eq!(EventForm::Cef.lines(7, RECORD.as_bytes(), 0..10), None);
        assert_eq!(EventForm::Cef.lines(7, b"no JSON", all), None);
    }
}
