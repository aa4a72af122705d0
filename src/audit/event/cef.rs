//! ArcSight's Common Event Format.
//!
//! Source: Micro Focus Security ArcSight Common Event Format, version 25: header fields and the dictionary of extensions.

use super::{Event, PRODUCT, VERSION, exchange, severity, text};
use std::fmt::Write as _;

/// The most characters of `msg`.
const MESSAGE: usize = 1023;

pub(super) fn line(event: &Event<'_>) -> String {
    let Event { journal, time, record, .. } = *event;
    let header = |text: &str| text.replace('\\', "\\\\").replace('|', "\\|").replace(['\r', '\n'], " ");
    let family = if event.is_of_exchange() { "exchange" } else { "journal" };
    let mut out = format!(
        "CEF:0|Sluicegate|{PRODUCT}|{VERSION}|{family}.{}|{}|{}|",
        header(&event.kind()),
        header(&event.title()),
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
    add("deviceExternalId", journal);
    add("externalId", exchange(record));
    add("act", event.came_to());
    add("outcome", event.said("ended"));
    add("reason", event.said("error"));
    add("app", event.said("dialect"));
    add("request", event.said("operation"));
    add("suser", event.said("user"));
    add("suid", text(&record["detail"], "by"));
    add("dhost", event.said("upstream"));
    let rules: Vec<&str> = event.findings().map(|found| text(found, "rule")).collect();
    let classes: Vec<&str> = event.findings().map(|found| text(found, "category")).collect();
    let policy = [event.said("policy"), event.said("policy_version")];
    let policy = if policy == [""; 2] { String::new() } else { policy.join("@") };
    let customs = [
        ("cs1", "rules", rules.join(",")),
        ("cs2", "categories", classes.join(",")),
        ("cs3", "record", event.id()),
        ("cs4", "tenant", event.tenant().to_owned()),
        ("cs5", "model", event.said("model").to_owned()),
        ("cs6", "policy", policy),
        ("flexString1", "key", event.said("key").to_owned()),
        ("flexString2", "route", event.said("route").to_owned()),
    ];
    let count = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
    let status = record["status"].as_u64().filter(|status| *status > 0);
    let counts = [
        ("cn1", "inputTokens", count(event.tokens("input"))),
        ("cn2", "outputTokens", count(event.tokens("output"))),
        ("cn3", "status", count(status)),
    ];
    for (name, label, value) in customs.into_iter().chain(counts) {
        if !value.is_empty() {
            add(&format!("{name}Label"), label);
            add(name, &value);
        }
    }
    if event.is_of_exchange() {
        add("cnt", &record["found"].as_u64().unwrap_or(0).to_string());
    }
    let detail: Vec<String> = event
        .detail()
        .map(|(name, value)| match value.as_str() {
            Some(text) => format!("{name}: {text}"),
            None => format!("{name}: {value}"),
        })
        .collect();
    add("msg", &detail.join("; ").chars().take(MESSAGE).collect::<String>());
    out
}

#[cfg(test)]
mod tests {
    use super::super::EventForm;
    use super::super::tests::{ADMISSION, all, end, lines, review};

    #[test]
    fn a_line_says_what_the_record_does() {
        let cef = lines(EventForm::Cef, &serde_json::from_str(ADMISSION).expect("JSON"));
        assert!(
            cef.starts_with("CEF:0|Sluicegate|sluicegate|")
                && cef.contains(
                    "|exchange.admission|admission block|7|rt=1795809603000 deviceExternalId=example.com/g "
                ),
            "{cef}"
        );
        assert!(
            cef.contains("cs3Label=record cs3=example.com/g/8 ") && cef.contains("cs4=red|blue"),
            "{cef}"
        );
        assert!(cef.contains("cs5=m\\=1") && cef.contains("flexString1Label=key flexString1=k "), "{cef}");
        let line = lines(EventForm::Cef, &end());
        for said in [
            "suser=ab dhost=u ",
            "cs4=red",
            "cs5=m",
            "cs6=default@v1",
            "flexString2=r",
            "cn1Label=inputTokens cn1=11 cn2Label=outputTokens cn2=22 cn3Label=status cn3=200",
        ] {
            assert!(line.contains(said), "{said}: {line}");
        }
        let line = lines(EventForm::Cef, &review());
        assert!(
            line.contains("|journal.event.review|event.review approved|1|rt=5 deviceExternalId=example.com/g externalId=4bzk act=approved suid=dr. sato "),
            "{line}"
        );
        assert!(line.contains("cs4=red") && line.contains("msg=") && line.contains("strikes: 3"), "{line}");
        assert!(all().iter().all(|record| lines(EventForm::Cef, record).lines().count() == 1));
    }
}
