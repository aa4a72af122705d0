//! Events of the Open Cybersecurity Schema Framework.
//!
//! Source: github.com/ocsf/ocsf-schema, 1.9.0: classes `api_activity` and `detection_finding`, profiles `ai_operation` and
//! `security_control`. The tests hold the lines against what it requires.

use super::{Event, PRODUCT, VERSION, exchange, severity, text};
use serde_json::{Map, Value, json};

/// The version of the schema.
const SCHEMA: &str = "1.9.0";

/// `severity_id` and its name, of how bad it is.
fn level(severity: u8) -> (u8, &'static str) {
    match severity {
        ..=2 => (1, "Informational"),
        3..=4 => (2, "Low"),
        5..=6 => (3, "Medium"),
        7.. => (4, "High"),
    }
}

/// What the gateway did: `action_id` and `disposition_id`, with their names.
type Control = (u8, &'static str, u8, &'static str);

const ALLOWED: Control = (1, "Allowed", 1, "Allowed");
const LOGGED: Control = (3, "Observed", 17, "Logged");
const TAGGED: Control = (4, "Modified", 18, "Tagged");
const CORRECTED: Control = (4, "Modified", 11, "Corrected");
const BLOCKED: Control = (2, "Denied", 2, "Blocked");

/// Without what is null, an empty text, an empty list or has nothing in it: the schema knows no attribute that is there and says nothing.
fn bare(value: Value) -> Value {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    match value {
        Value::Object(object) => {
            let kept = object.into_iter().map(|(name, value)| (name, bare(value)));
            Value::Object(kept.filter(|(_, value)| !empty(value)).collect())
        }
        Value::Array(list) => {
            Value::Array(list.into_iter().map(bare).filter(|value| !empty(value)).collect())
        }
        other => other,
    }
}

fn put(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

fn controlled((action_id, action, disposition_id, disposition): Control) -> Value {
    json!({"action_id": action_id, "action": action, "disposition_id": disposition_id, "disposition": disposition})
}

fn metadata(event: &Event<'_>, uid: &str, profiles: &[&str]) -> Value {
    json!({
        "version": SCHEMA, "uid": uid, "sequence": event.sequence, "correlation_uid": exchange(event.record),
        "log_name": event.journal, "tenant_uid": event.tenant(),
        "product": {"name": "Sluicegate", "vendor_name": "Sluicegate", "version": VERSION},
        "profiles": profiles,
    })
}

/// Who did it: the client, or of an event whoever decided.
fn actor(event: &Event<'_>) -> Value {
    let by = text(&event.record["detail"], "by");
    if !by.is_empty() {
        return json!({"user": {"name": by}});
    }
    let (user, key) = (event.said("user"), event.said("key"));
    let mut actor = Map::new();
    if !user.is_empty() {
        actor.insert("user".to_owned(), json!({"uid": user, "org": {"name": event.tenant()}}));
    }
    if !key.is_empty() {
        actor.insert("app_uid".to_owned(), key.into());
    }
    if actor.is_empty() {
        // The schema wants one: of exchanges a client that is not known, of events the gateway.
        let name = if event.is_of_exchange() { "Unknown" } else { PRODUCT };
        actor.insert("app_name".to_owned(), name.into());
    }
    actor.into()
}

/// The call. What has no name of its own in the API is called what the record is.
fn api(event: &Event<'_>) -> Value {
    let operation = match event.said("operation") {
        "" => event.kind(),
        operation => operation.to_owned(),
    };
    let request = if event.is_of_exchange() { exchange(event.record) } else { "" };
    json!({
        "operation": operation, "service": {"name": event.said("upstream")}, "group": {"name": event.said("dialect")},
        "request": {"uid": request},
        "response": {"code": status(event), "error": event.said("error")},
    })
}

/// Where it came from; the record has a keyed hash of the address.
fn source(event: &Event<'_>) -> Value {
    match event.said("address") {
        "" if event.is_of_exchange() => json!({"name": "Unknown"}),
        "" => json!({"name": PRODUCT}),
        address => json!({"uid": address}),
    }
}

/// The status that the client was given, if any.
fn status(event: &Event<'_>) -> Option<u64> {
    event.record["status"].as_u64().filter(|status| *status > 0)
}

/// An activity, and a finding for each thing found.
pub(super) fn lines(event: &Event<'_>) -> String {
    let mut out = activity(event).to_string();
    for (number, found) in event.findings().enumerate() {
        out.push('\n');
        out.push_str(&finding(event, number, found).to_string());
    }
    out
}

fn activity(event: &Event<'_>) -> Value {
    let Event { time, record, .. } = *event;
    let (severity_id, severity) = level(severity(record));
    let verdict = event.said("verdict");
    let failed = verdict == "block" || !event.said("error").is_empty();
    let (status_id, outcome) = if failed { (2, "Failure") } else { (1, "Success") };
    let code = status(event);
    let profiles: &[&str] = if event.is_of_exchange() { &["ai_operation", "security_control"] } else { &[] };
    let mut activity = json!({
        "class_uid": 6003, "class_name": "API Activity", "category_uid": 6, "category_name": "Application Activity",
        "activity_id": 99, "activity_name": event.kind(), "type_uid": 600_399, "time": time, "message": event.title(),
        "severity_id": severity_id, "severity": severity, "status_id": status_id, "status": outcome,
        "status_code": code.map(|code| code.to_string()), "status_detail": event.said("error"),
        "metadata": metadata(event, &event.id(), profiles),
        "actor": actor(event), "src_endpoint": source(event), "dst_endpoint": {"name": event.said("upstream")}, "api": api(event),
        "unmapped": {
            "verdict": verdict, "ended": event.said("ended"), "route": event.said("route"), "region": event.said("region"),
            "found": record["found"], "coverage": record["coverage"], "stream": record["stream"],
            "total_us": record["total_us"], "first_byte_us": record["first_byte_us"], "upstream_us": record["upstream_us"],
        },
    });
    if event.is_of_exchange() {
        let control = match verdict {
            "block" => BLOCKED,
            "rewrite" => CORRECTED,
            "flag" => LOGGED,
            _ => ALLOWED,
        };
        put(&mut activity, controlled(control));
        let (policy, version) = (event.said("policy"), event.said("policy_version"));
        activity["policy"] = match policy {
            "" => json!({"uid": version}),
            policy => json!({"name": policy, "version": version}),
        };
        activity["http_request"] =
            json!({"uid": exchange(record), "body_length": record["request_bytes"].as_u64()});
        if let Some(code) = code {
            activity["http_response"] =
                json!({"code": code, "body_length": record["response_bytes"].as_u64()});
        }
        let model = event.said("model");
        if !model.is_empty() {
            let provider = Some(event.said("upstream")).filter(|name| !name.is_empty());
            let provider = provider.or(Some(event.said("dialect")).filter(|name| !name.is_empty()));
            activity["ai_model"] = json!({"name": model, "ai_provider": provider.unwrap_or("Unknown")});
        }
        let (input, output) = (event.tokens("input"), event.tokens("output"));
        if input.or(output).is_some() {
            activity["message_context"] = json!({
                "ai_role_id": 2, "ai_role": "Assistant", "service": {"name": PRODUCT}, "uid": exchange(record),
                "prompt_tokens": input, "completion_tokens": output,
                "total_tokens": input.unwrap_or(0).saturating_add(output.unwrap_or(0)),
            });
        }
    }
    let mut activity = bare(activity);
    // As the event says it, whatever that is.
    if record["detail"].is_object() {
        activity["unmapped"]["detail"] = record["detail"].clone();
    }
    activity
}

/// A score from 0 to 1 as the schema has it: from 0 to 100.
#[expect(clippy::cast_sign_loss, reason = "from 0 to 100")]
fn hundredths(score: f64) -> u64 {
    (score.clamp(0.0, 1.0) * 100.0).round() as u64
}

fn finding(event: &Event<'_>, number: usize, found: &Value) -> Value {
    let action = text(found, "action");
    // A rule in shadow changed nothing, whatever it would have done.
    let control = match action {
        _ if text(found, "state") == "shadow" => LOGGED,
        "block" => BLOCKED,
        "flag" => LOGGED,
        "allow" | "route" => ALLOWED,
        "annotate" => TAGGED,
        _ => CORRECTED,
    };
    let (severity_id, severity) = match control {
        BLOCKED => level(7),
        CORRECTED => level(5),
        LOGGED | TAGGED => level(3),
        _ => level(1),
    };
    let uid = format!("{}-{number}", event.id());
    let rule = text(found, "rule");
    let score = found["score"].as_f64().map(hundredths);
    let mut finding = json!({
        "class_uid": 2004, "class_name": "Detection Finding", "category_uid": 2, "category_name": "Findings",
        "activity_id": 1, "activity_name": "Create", "type_uid": 200_401, "time": event.time,
        "message": format!("{rule}: {action}"), "status_id": 1, "status": "New",
        "severity_id": severity_id, "severity": severity, "metadata": metadata(event, &uid, &["security_control"]),
        "finding_info": {"uid": uid, "title": rule, "types": [text(found, "category")], "created_time": event.time,
            "analytic": {"name": rule, "type_id": 1, "type": "Rule"}},
        "confidence_score": score, "is_alert": control != ALLOWED && control != LOGGED,
        "evidences": [{"actor": actor(event), "api": api(event), "src_endpoint": source(event)}],
        "policy": {"name": event.said("policy"), "version": event.said("policy_version")},
        "unmapped": {"direction": text(found, "direction"), "role": text(found, "role"), "channel": found["channel"],
            "start": found["start"], "end": found["end"], "action": action, "state": found["state"], "hidden": found["hidden"],
            "document": found["document"], "source": found["source"], "basis": found["basis"], "version": found["version"], "route": event.said("route"), "model": event.said("model")},
    });
    if event.said("policy").is_empty() {
        finding["policy"] = json!({"uid": event.said("policy_version")});
    }
    put(&mut finding, controlled(control));
    bare(finding)
}

#[cfg(test)]
mod tests {
    use super::super::EventForm;
    use super::super::tests::{all, end, lines as told, review};
    use super::*;

    /// What an attribute holds.
    #[derive(Clone, Copy)]
    enum Is {
        Text,
        Texts,
        Whole,
        Flag,
        /// Whatever it is: `unmapped`.
        Free,
        /// An object of the schema, by its name below.
        A(&'static str),
        Many(&'static str),
    }
    use Is::{A, Flag, Free, Many, Text, Texts, Whole};

    /// A class or an object: its name, attributes that have to be there, those of which one has to be there (if any), and all that we use.
    type Object =
        (&'static str, &'static [&'static str], &'static [&'static str], &'static [(&'static str, Is)]);

    /// From the schema, of what we use: `requirement`, `constraints.at_least_one` and the types of `dictionary.json`.
    const OBJECTS: &[Object] = &[
        (
            "base_event",
            &["activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"],
            &[],
            &[
                ("activity_id", Whole),
                ("activity_name", Text),
                ("category_name", Text),
                ("category_uid", Whole),
                ("class_name", Text),
                ("class_uid", Whole),
                ("message", Text),
                ("metadata", A("metadata")),
                ("severity", Text),
                ("severity_id", Whole),
                ("status", Text),
                ("status_code", Text),
                ("status_detail", Text),
                ("status_id", Whole),
                ("time", Whole),
                ("type_uid", Whole),
                ("unmapped", Free),
            ],
        ),
        (
            "api_activity",
            &["actor", "api", "src_endpoint"],
            &[],
            &[
                ("actor", A("actor")),
                ("api", A("api")),
                ("src_endpoint", A("network_endpoint")),
                ("dst_endpoint", A("network_endpoint")),
                ("http_request", A("http_request")),
                ("http_response", A("http_response")),
            ],
        ),
        (
            "detection_finding",
            &["finding_info"],
            &[],
            &[
                ("finding_info", A("finding_info")),
                ("confidence_score", Whole),
                ("evidences", Many("evidences")),
                ("is_alert", Flag),
            ],
        ),
        ("ai_operation", &[], &[], &[("ai_model", A("ai_model")), ("message_context", A("message_context"))]),
        (
            "security_control",
            &[],
            &[],
            &[
                ("action_id", Whole),
                ("action", Text),
                ("disposition_id", Whole),
                ("disposition", Text),
                ("is_alert", Flag),
                ("policy", A("policy")),
                ("confidence_score", Whole),
            ],
        ),
        (
            "metadata",
            &["product", "version"],
            &[],
            &[
                ("correlation_uid", Text),
                ("log_name", Text),
                ("product", A("product")),
                ("profiles", Texts),
                ("sequence", Whole),
                ("tenant_uid", Text),
                ("uid", Text),
                ("version", Text),
            ],
        ),
        ("product", &[], &["name", "uid"], &[("name", Text), ("vendor_name", Text), ("version", Text)]),
        (
            "actor",
            &[],
            &["process", "user", "iam_role", "invoked_by", "session", "app_name", "app_uid"],
            &[("user", A("user")), ("app_name", Text), ("app_uid", Text)],
        ),
        (
            "user",
            &[],
            &["account", "name", "uid"],
            &[("name", Text), ("uid", Text), ("org", A("organization"))],
        ),
        ("organization", &[], &["name", "uid"], &[("name", Text)]),
        (
            "api",
            &["operation"],
            &[],
            &[
                ("operation", Text),
                ("service", A("service")),
                ("group", A("group")),
                ("request", A("request")),
                ("response", A("response")),
            ],
        ),
        ("service", &[], &["name", "uid"], &[("name", Text)]),
        ("group", &[], &["name", "uid"], &[("name", Text)]),
        ("request", &["uid"], &[], &[("uid", Text)]),
        ("response", &[], &[], &[("code", Whole), ("error", Text)]),
        (
            "network_endpoint",
            &[],
            &["ip", "uid", "name", "hostname", "svc_name", "instance_uid", "interface_uid", "domain"],
            &[("uid", Text), ("name", Text)],
        ),
        ("http_request", &[], &[], &[("uid", Text), ("body_length", Whole)]),
        ("http_response", &["code"], &[], &[("code", Whole), ("body_length", Whole)]),
        ("policy", &[], &["name", "uid"], &[("name", Text), ("uid", Text), ("version", Text)]),
        ("ai_model", &["ai_provider", "name"], &[], &[("ai_provider", Text), ("name", Text)]),
        (
            "message_context",
            &[],
            &["application", "service"],
            &[
                ("ai_role", Text),
                ("ai_role_id", Whole),
                ("completion_tokens", Whole),
                ("prompt_tokens", Whole),
                ("total_tokens", Whole),
                ("service", A("service")),
                ("uid", Text),
            ],
        ),
        (
            "finding_info",
            &["uid"],
            &[],
            &[
                ("uid", Text),
                ("title", Text),
                ("types", Texts),
                ("created_time", Whole),
                ("analytic", A("analytic")),
            ],
        ),
        ("analytic", &["type_id"], &["name", "uid"], &[("name", Text), ("type_id", Whole), ("type", Text)]),
        (
            "evidences",
            &[],
            &["actor", "api", "src_endpoint"],
            &[("actor", A("actor")), ("api", A("api")), ("src_endpoint", A("network_endpoint"))],
        ),
    ];

    /// Names of numbers that stand beside them.
    type Captions = &'static [(u64, &'static str)];
    const NAMES: &[(&str, &str, Captions)] = &[
        ("status_id", "status", &[(1, "Success"), (2, "Failure")]),
        ("severity_id", "severity", &[(1, "Informational"), (2, "Low"), (3, "Medium"), (4, "High")]),
        ("action_id", "action", &[(1, "Allowed"), (2, "Denied"), (3, "Observed"), (4, "Modified")]),
        (
            "disposition_id",
            "disposition",
            &[(1, "Allowed"), (2, "Blocked"), (11, "Corrected"), (17, "Logged"), (18, "Tagged")],
        ),
    ];

    fn object(name: &str) -> &'static Object {
        OBJECTS.iter().find(|object| object.0 == name).expect("an object of the table")
    }

    fn holds(is: Is, value: &Value, path: &str) {
        match is {
            Text => assert!(value.as_str().is_some_and(|text| !text.is_empty()), "{path}: {value}"),
            Texts => {
                let list = value.as_array().expect("a list");
                assert!(!list.is_empty() && list.iter().all(Value::is_string), "{path}: {value}");
            }
            Whole => assert!(value.is_u64(), "{path}: {value}"),
            Flag => assert!(value.is_boolean(), "{path}: {value}"),
            Free => assert!(value.is_object(), "{path}: {value}"),
            A(name) => valid(&[name], value, path),
            Many(name) => value.as_array().expect("a list").iter().for_each(|one| valid(&[name], one, path)),
        }
    }

    /// Whether a value is what these objects together allow, and has what they want.
    fn valid(names: &[&str], value: &Value, path: &str) {
        let value = value.as_object().unwrap_or_else(|| panic!("{path}: {value}"));
        for (name, required, one_of, _) in names.iter().map(|name| object(name)) {
            for wanted in *required {
                assert!(value.contains_key(*wanted), "{path}: `{name}` has no `{wanted}`: {value:?}");
            }
            assert!(
                one_of.is_empty() || one_of.iter().any(|one| value.contains_key(*one)),
                "{path}: `{name}` has none of {one_of:?}: {value:?}"
            );
        }
        for (key, said) in value {
            let is = names.iter().find_map(|name| object(name).3.iter().find(|(known, _)| known == key));
            let (_, is) = is.unwrap_or_else(|| panic!("{path}: no `{key}` in {names:?}"));
            holds(*is, said, &format!("{path}.{key}"));
        }
    }

    /// The lines of a record, of which each is held against the schema.
    fn lines(record: &Value) -> Vec<Value> {
        let lines: Vec<Value> = told(EventForm::Ocsf, record)
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        for line in &lines {
            let (class, uid) = match line["class_uid"].as_u64() {
                Some(6003) => ("api_activity", 6003),
                Some(2004) => ("detection_finding", 2004),
                other => panic!("class {other:?}"),
            };
            let profiles = line["metadata"]["profiles"].as_array().cloned().unwrap_or_default();
            let profiles: Vec<&str> = profiles.iter().map(|name| name.as_str().expect("a name")).collect();
            // `finding` and what it extends have no `ai_operation`.
            assert!(uid == 6003 || !profiles.contains(&"ai_operation"), "{line}");
            let names: Vec<&str> = [class, "base_event"].into_iter().chain(profiles).collect();
            valid(&names, line, class);
            let activity = line["activity_id"].as_u64().expect("a number");
            assert_eq!(line["type_uid"], uid * 100 + activity, "{line}");
            assert_eq!(line["category_uid"], uid / 1000, "{line}");
            assert!(activity != 99 || line["activity_name"].is_string(), "{line}");
            for (number, name, known) in NAMES {
                let Some(said) = line[number].as_u64() else { continue };
                let known = if *number == "status_id" && uid == 2004 { &[(1, "New")][..] } else { known };
                let wanted =
                    known.iter().find(|(number, _)| *number == said).expect("a number of the schema");
                assert_eq!(line[name], wanted.1, "{line}");
            }
            let id = line["metadata"]["uid"].as_str().expect("a name");
            assert!(id == "example.com/g/8" || id.starts_with("example.com/g/8-"), "{id}");
        }
        lines
    }

    #[test]
    fn lines_are_as_the_schema_wants_them() {
        let count: usize = all().iter().map(|record| lines(record).len()).sum();
        assert_eq!(count, all().len() + 1 + 1 + 8, "a line for each record and each finding");
    }

    #[test]
    fn each_line_says_whose_it_is() {
        let [ending] = &lines(&end())[..] else { panic!("one line") };
        for (path, wanted) in [
            ("/metadata/tenant_uid", json!("red")),
            ("/actor/app_uid", json!("k")),
            ("/actor/user/uid", json!("ab")),
            ("/src_endpoint/uid", json!("cd")),
            ("/api/operation", json!("streamGenerateContent")),
            ("/api/service/name", json!("u")),
            ("/ai_model", json!({"name": "m", "ai_provider": "u"})),
            ("/status_code", json!("200")),
            ("/message_context/total_tokens", json!(33)),
            ("/policy", json!({"name": "default", "version": "v1"})),
        ] {
            assert_eq!(ending.pointer(path), Some(&wanted), "{path}: {ending}");
        }
        let records = all();
        let [_, finding] = &lines(&records[0])[..] else { panic!("two lines") };
        assert_eq!(finding["finding_info"]["title"], "privacy/email");
        assert_eq!(finding["confidence_score"], 90);
        assert_eq!(finding["evidences"][0]["actor"]["app_uid"], "k");
        let dispositions: Vec<Value> =
            lines(&records[2])[1..].iter().map(|finding| finding["disposition"].clone()).collect();
        assert_eq!(
            dispositions,
            ["Allowed", "Logged", "Tagged", "Corrected", "Corrected", "Corrected", "Allowed", "Logged"],
            "what a rule in shadow would have blocked was not"
        );
    }

    #[test]
    fn an_event_says_all_that_is_on_record() {
        let [event] = &lines(&review())[..] else { panic!("one line") };
        assert_eq!(event["unmapped"]["detail"], review()["detail"]);
        assert_eq!(event["activity_name"], "event.review");
        assert_eq!(event["metadata"]["correlation_uid"], "4bzk");
        assert_eq!(
            (&event["actor"]["user"]["name"], &event["metadata"]["tenant_uid"]),
            (&json!("dr. sato"), &json!("red"))
        );
    }
}
