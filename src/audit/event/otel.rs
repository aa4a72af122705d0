//! Log records of OpenTelemetry in OTLP's JSON.
//!
//! Sources: `opentelemetry-proto` 1.x, `logs.proto` and its JSON mapping; the semantic conventions 1.41 for `gen_ai`, `user`, `log`,
//! `service` and `http`, which went on to a repository of their own for `gen_ai` without other names or values.

use super::{Event, PRODUCT, VERSION, exchange, severity, text};
use serde_json::{Value, json};

/// `severityNumber` and `severityText` of how bad it is.
fn level(severity: u8) -> (u8, &'static str) {
    match severity {
        ..=2 => (9, "INFO"),
        3..=4 => (10, "INFO2"),
        5..=6 => (13, "WARN"),
        7.. => (17, "ERROR"),
    }
}

/// `gen_ai.operation.name`, of what the conventions have a word for.
fn operation(name: &str) -> &'static str {
    match name {
        "chat.completions" | "responses" | "messages" | "chat" => "chat",
        "completions" | "generate" => "text_completion",
        "generateContent" | "streamGenerateContent" => "generate_content",
        "embeddings" | "embed" | "embedContent" | "batchEmbedContents" => "embeddings",
        _ => "",
    }
}

/// `gen_ai.provider.name`: whose API it is. Whose model answers nobody here knows.
fn provider(dialect: &str) -> &str {
    match dialect {
        "gemini" => "gcp.gemini",
        other => other,
    }
}

/// A value as an attribute has it: what is neither text nor number nor boolean as its JSON.
fn value(said: &Value) -> Value {
    match said {
        Value::Null => string(""),
        Value::Bool(yes) => json!({"boolValue": yes}),
        Value::String(text) => string(text),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => integer(whole),
            None => json!({"doubleValue": number}),
        },
        Value::Array(_) | Value::Object(_) => string(&said.to_string()),
    }
}

fn string(text: &str) -> Value {
    json!({"stringValue": text})
}

/// OTLP's JSON writes 64-bit integers as text.
fn integer(n: impl ToString) -> Value {
    json!({"intValue": n.to_string()})
}

pub(super) fn line(event: &Event<'_>) -> String {
    let Event { journal, time, record, .. } = *event;
    let (number, level) = level(severity(record));
    let mut attributes = Vec::new();
    let mut add = |key: &str, value: Value| {
        let empty = value.get("stringValue").and_then(Value::as_str) == Some("");
        if !empty {
            attributes.push(json!({"key": key, "value": value}));
        }
    };
    add("log.record.uid", string(&event.id()));
    add("gen_ai.operation.name", string(operation(event.said("operation"))));
    add("gen_ai.provider.name", string(provider(event.said("dialect"))));
    add("gen_ai.request.model", string(event.said("model")));
    if let Some(stream) = record["stream"].as_bool() {
        add("gen_ai.request.stream", json!({"boolValue": stream}));
    }
    add("error.type", string(event.said("error")));
    // What is on record of a user is a keyed hash.
    add("user.hash", string(event.said("user")));
    add("sluicegate.exchange", string(exchange(record)));
    add("sluicegate.tenant", string(event.tenant()));
    for name in [
        "key",
        "address",
        "route",
        "operation",
        "upstream",
        "region",
        "policy",
        "policy_version",
        "verdict",
        "ended",
    ] {
        add(&format!("sluicegate.{name}"), string(event.said(name)));
    }
    for name in ["found", "request_bytes", "response_bytes", "upstream_us", "first_byte_us", "total_us"] {
        if let Some(count) = record[name].as_u64() {
            add(&format!("sluicegate.{name}"), integer(count));
        }
    }
    for (name, said) in [
        ("input_tokens", "input"),
        ("output_tokens", "output"),
        ("cache_read.input_tokens", "cached"),
        ("cache_creation.input_tokens", "cache_written"),
        ("reasoning.output_tokens", "reasoning"),
    ] {
        if let Some(count) = event.tokens(said) {
            add(&format!("gen_ai.usage.{name}"), integer(count));
        }
    }
    // 0 says that the client was told none.
    if let Some(status) = record["status"].as_u64().filter(|status| *status > 0) {
        add("http.response.status_code", integer(status));
    }
    add("sluicegate.log.leaf", integer(event.sequence.saturating_sub(1)));
    let rules: Vec<Value> = event.findings().map(|found| string(text(found, "rule"))).collect();
    if !rules.is_empty() {
        add("sluicegate.rules", json!({"arrayValue": {"values": rules}}));
    }
    for (name, said) in event.detail() {
        add(&format!("sluicegate.detail.{name}"), value(said));
    }
    let nanoseconds = (u128::from(time) * 1_000_000).to_string();
    json!({"resourceLogs": [{
        "resource": {"attributes": [
            {"key": "service.name", "value": string(PRODUCT)},
            {"key": "service.version", "value": string(VERSION)},
            {"key": "service.instance.id", "value": string(journal)},
        ]},
        "scopeLogs": [{"scope": {"name": "sluicegate.journal", "version": VERSION}, "logRecords": [{
            "timeUnixNano": nanoseconds, "observedTimeUnixNano": nanoseconds, "severityNumber": number, "severityText": level,
            "eventName": format!("sluicegate.{}", event.kind()),
            "body": string(&event.title()),
            "attributes": attributes,
        }]}],
    }]})
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::super::EventForm;
    use super::super::tests::{ADMISSION, all, end, lines, review};
    use super::*;
    use crate::dialect::DIALECTS;

    /// Of the conventions: attributes that we use, and what their value is.
    const ATTRIBUTES: [(&str, &str); 15] = [
        ("log.record.uid", "stringValue"),
        ("gen_ai.operation.name", "stringValue"),
        ("gen_ai.provider.name", "stringValue"),
        ("gen_ai.request.model", "stringValue"),
        ("gen_ai.request.stream", "boolValue"),
        ("gen_ai.usage.input_tokens", "intValue"),
        ("gen_ai.usage.output_tokens", "intValue"),
        ("gen_ai.usage.cache_read.input_tokens", "intValue"),
        ("gen_ai.usage.cache_creation.input_tokens", "intValue"),
        ("gen_ai.usage.reasoning.output_tokens", "intValue"),
        ("error.type", "stringValue"),
        ("user.hash", "stringValue"),
        ("http.response.status_code", "intValue"),
        ("service.name", "stringValue"),
        ("service.version", "stringValue"),
    ];
    const OPERATIONS: [&str; 4] = ["chat", "generate_content", "text_completion", "embeddings"];
    const PROVIDERS: [&str; 4] = ["openai", "anthropic", "gcp.gemini", "ollama"];

    fn told(record: &Value) -> Value {
        let told: Value = serde_json::from_str(&lines(EventForm::Otel, record)).expect("JSON");
        told["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0].clone()
    }

    fn attribute(record: &Value, key: &str) -> Value {
        let attributes = record["attributes"].as_array().expect("a list");
        attributes.iter().find(|one| one["key"] == key).map_or(Value::Null, |one| one["value"].clone())
    }

    #[test]
    fn attributes_are_those_of_the_conventions() {
        for record in all() {
            let told = told(&record);
            assert!(told["timeUnixNano"].as_str().is_some_and(|time| time.parse::<u64>().is_ok()), "{told}");
            for one in told["attributes"].as_array().expect("a list") {
                let (key, value) =
                    (one["key"].as_str().expect("a name"), one["value"].as_object().expect("one"));
                let kind = value.keys().next().expect("a kind");
                assert!(value.len() == 1 && !value.values().any(Value::is_null), "{one}");
                match ATTRIBUTES.iter().find(|(name, _)| *name == key) {
                    Some((_, wanted)) => assert_eq!(kind, wanted, "{one}"),
                    None => assert!(key.starts_with("sluicegate."), "{one}"),
                }
                match key {
                    "gen_ai.operation.name" => {
                        assert!(OPERATIONS.iter().any(|name| value["stringValue"] == *name), "{one}");
                    }
                    "gen_ai.provider.name" => {
                        assert!(PROVIDERS.iter().any(|name| value["stringValue"] == *name), "{one}");
                    }
                    _ => {}
                }
            }
            assert_eq!(attribute(&told, "log.record.uid"), string("example.com/g/8"));
        }
    }

    #[test]
    fn each_dialect_and_each_call_of_a_model_has_its_word() {
        let mut without = Vec::new();
        for dialect in DIALECTS {
            assert!(PROVIDERS.contains(&provider(dialect.name())), "{}", dialect.name());
            for call in dialect.operations() {
                let word = operation(call.name);
                assert!(word.is_empty() || OPERATIONS.contains(&word));
                if word.is_empty() {
                    without.push(call.name);
                }
                assert!(!dialect.has_words(call) || !word.is_empty(), "{} of {}", call.name, dialect.name());
            }
        }
        assert!(without.contains(&"models") && without.contains(&"responses.retrieve"), "{without:?}");
    }

    #[test]
    fn a_line_says_what_the_record_does() {
        let record = told(&serde_json::from_str(ADMISSION).expect("JSON"));
        assert_eq!(record["timeUnixNano"], "1795809603000000000");
        assert_eq!(attribute(&record, "gen_ai.request.model"), string("m=1"));
        assert_eq!(attribute(&record, "sluicegate.tenant"), string("red|blue"));
        let record = told(&end());
        for (key, value) in [
            ("gen_ai.usage.input_tokens", integer(11)),
            ("gen_ai.usage.output_tokens", integer(22)),
            ("gen_ai.usage.cache_read.input_tokens", integer(5)),
            ("gen_ai.operation.name", string("generate_content")),
            ("gen_ai.provider.name", string("gcp.gemini")),
            ("gen_ai.request.model", string("m")),
            ("sluicegate.tenant", string("red")),
            ("sluicegate.key", string("k")),
            ("sluicegate.upstream", string("u")),
            ("user.hash", string("ab")),
            ("http.response.status_code", integer(200)),
        ] {
            assert_eq!(attribute(&record, key), value, "{key}");
        }
        let record = told(&review());
        assert_eq!(record["eventName"], "sluicegate.event.review");
        for (key, value) in [
            ("sluicegate.detail.state", string("approved")),
            ("sluicegate.detail.by", string("dr. sato")),
            ("sluicegate.detail.strikes", integer(3)),
            ("sluicegate.detail.held", json!({"boolValue": true})),
            ("sluicegate.detail.of", string(r#"["a","b"]"#)),
            ("sluicegate.tenant", string("red")),
        ] {
            assert_eq!(attribute(&record, key), value, "{key}");
        }
    }
}
