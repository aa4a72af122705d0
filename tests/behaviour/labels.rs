//! Labels from outside: what the profile, the settings and the route say stands in the answer, its head and its record.

use serde_json::{Value, json};
use sluicegate::audit::Signer;
use sluicegate::provenance::{Signed, Skeleton};

use super::reload::Files;
use super::{Answer, Fake, Gateway, Step, answer, chat, event};

const PROFILE: &str = "name = \"default\"\ntitle = \"t\"\npacks = [\"p\"]\njurisdictions = [\"cn\"]\n\
    [labels]\nmode = \"inline-suffix\"\nmetadata = true\n\
    [[notice]]\nwhen = \"first\"\nlang = \"zh\"\ntext = \"您正在与人工智能对话。\"\n";
const STOP: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

fn start(fake: &Fake, profile: &str, more: &str) -> Gateway {
    let files = Files::new(fake.address, "maskme");
    files.write("packs/profiles/default.toml", profile);
    let config = std::fs::read_to_string(files.path("gateway.toml")).expect("a file");
    files.write("gateway.toml", &(config + more));
    files.start().0
}

fn whole(text: &str) -> Fake {
    Fake::whole("200 OK", "content-type: application/json\r\n", answer(text).as_bytes())
}

fn said(got: &Answer) -> String {
    let body: Value = serde_json::from_str(&got.body).unwrap_or_default();
    body["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned()
}

/// Heads are kept in small letters here; the statement's letters count.
fn statement(raw: &[u8]) -> Signed {
    let text = String::from_utf8_lossy(raw);
    let line = text.lines().find_map(|line| {
        line.strip_prefix("x-sluicegate-label: ").or_else(|| line.strip_prefix(": sluicegate-label "))
    });
    Signed::parse(line.unwrap_or_default().trim()).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn is_genuine(signed: &Signed) -> bool {
    let signer = Signer::new("test.example/journal", [7; 32].into()).expect("a key");
    signer.verifier().has_signed(signed.statement.text().as_bytes(), &signed.signature)
}

/// The head and body as they came.
fn raw(gateway: &Gateway, body: &str) -> Vec<u8> {
    use std::io::{Read as _, Write as _};
    let mut socket = std::net::TcpStream::connect(gateway.data).expect("a connection");
    socket.write_all(super::post("/v1/chat/completions", body).as_bytes()).expect("a request");
    let mut out = Vec::new();
    socket.read_to_end(&mut out).expect("an answer");
    out
}

#[test]
fn a_whole_answer_is_labelled_and_signed() {
    let fake = whole("堪培拉是首都。");
    let gateway =
        start(&fake, PROFILE, "[labels]\nproducer = \"gw\"\nverify = \"https://gw.example/v1/detect\"\n");
    let got = gateway.post("/v1/chat/completions", &chat("首都是哪里？", false));
    let text = said(&got);
    assert_eq!(text, "堪培拉是首都。\n\n本内容由人工智能（AI）生成");
    let signed = statement(&raw(&gateway, &chat("首都是哪里？", false)));
    assert!(is_genuine(&signed));
    assert_eq!(signed.statement.hashes, [Skeleton::of(&text)]);
    assert_eq!(signed.statement.aigc.content_producer, "gw");
    assert_eq!(signed.verify.as_deref(), Some("https://gw.example/v1/detect"));
    let records = gateway.records();
    let (admission, end) = records.last().expect("a record");
    let end = end.as_ref().expect("an end");
    assert_eq!(admission["exchange"], json!(signed.statement.aigc.produce_id));
    assert_eq!(
        end["label"],
        json!({"mode": "inline-suffix", "texts": 1, "language": "zh", "key": signed.kid})
    );
}

#[test]
fn a_stream_is_labelled_before_its_end_sign() {
    let steps = vec![
        Step::Send(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".to_vec(),
        ),
        Step::Send(event("Canberra is the ").into_bytes()),
        Step::Send(event("capital. maskme").into_bytes()),
        Step::Send(STOP.as_bytes().to_vec()),
    ];
    let fake = Fake::new(steps);
    let gateway = start(&fake, PROFILE, "[labels]\nmode = \"inline-prefix\"\nnotices = \"text\"\n");
    let got = raw(&gateway, &chat("What is the capital of the country?", true));
    let text = String::from_utf8_lossy(&got).into_owned();
    let spoken: String = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok())
        .filter_map(|event| Some(event["choices"][0]["delta"]["content"].as_str()?.to_owned()))
        .collect();
    let label = "您正在与人工智能对话。\nAI-generated content (人工智能生成)\n\n";
    assert!(
        spoken.starts_with(label)
            && spoken.contains("Canberra is the capital.")
            && !spoken.contains("maskme"),
        "{text}"
    );
    let signed = statement(&got);
    assert!(is_genuine(&signed) && signed.statement.hashes == [Skeleton::of(&spoken)], "{text}");
    assert!(text.find(": sluicegate-label") < text.find("data: [DONE]"), "{text}");
    let end = gateway.only_end();
    assert_eq!((&end["label"]["mode"], &end["label"]["texts"]), (&json!("inline-prefix"), &json!(1)));
}

#[test]
fn what_programs_read_has_metadata_alone() {
    let fake = whole("{\"a\":1}");
    let gateway = start(&fake, PROFILE, "");
    let json_mode = r#"{"model":"m","messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_object"}}"#;
    let got = gateway.post("/v1/chat/completions", json_mode);
    assert_eq!(got.body, answer("{\"a\":1}"));
    assert!(
        got.field("x-sluicegate-label").is_some() && got.field("x-sluicegate-notice").is_some(),
        "{}",
        got.head
    );
    assert_eq!(gateway.only_end()["label"]["exact"], json!(true));
}

#[test]
fn a_route_has_the_last_word_and_the_plain_profile_says_nothing() {
    let fake = whole("It is the capital of the country.");
    let route = "[[route]]\nname = \"r\"\nupstream = \"fake\"\n[route.use]\nrole = \"deployer\"\naudience = \"customers\"\ndomain = \"general\"\n\
        jurisdictions = [\"cn\"]\ntier = \"limited\"\nfail = \"closed\"\nretention = \"CN-6M\"\n";
    let profile = PROFILE.replace("title = \"t\"\n", "title = \"t\"\ntier = \"limited\"\n");
    let ui = start(&fake, &profile, &format!("{route}label = \"ui\"\n"));
    let got = ui.post("/v1/chat/completions", &chat("What is it?", false));
    assert_eq!(got.body, answer("It is the capital of the country."));
    let shown = "x-sluicegate-notice: label; lang=en; text*=utf-8''ai-generated%20content";
    assert!(got.head.contains(shown), "{}", got.head);
    let plain = start(&fake, "name = \"default\"\ntitle = \"t\"\npacks = [\"p\"]\n", "");
    let got = plain.post("/v1/chat/completions", &chat("What is it?", false));
    assert_eq!(got.body, answer("It is the capital of the country."));
    assert!(
        !got.head.contains("x-sluicegate-label") && !got.head.contains("x-sluicegate-notice"),
        "{}",
        got.head
    );
    assert_eq!(plain.only_end().get("label"), None);
}

/// Article 9 of China's labelling measures: without a label, with the record.
#[test]
fn who_may_go_without_a_label_is_on_record() {
    let fake = whole("It is the capital of the country.");
    let gateway = start(
        &fake,
        PROFILE,
        &format!(
            "[[tenant]]\nname = \"red\"\nkeys = [{{ id = \"k1\", hash = \"{}\" }}]\n\
             unlabelled = {{ request = \"2026-03-01/17\", agreement = \"v4\", recipient = \"Red GmbH\" }}\n",
            sluicegate::limits::Pepper::new(&[7; 32]).hash(b"sg-key")
        ),
    );
    let body = chat("What is it?", false);
    let request = super::post("/v1/chat/completions", &body)
        .replace("content-type", "authorization: Bearer sg-key\r\ncontent-type");
    let got = gateway.raw(request.as_bytes());
    assert_eq!(got.body, answer("It is the capital of the country."), "{}", got.head);
    assert!(got.field("x-sluicegate-label").is_some(), "{}", got.head);
    let label = gateway.only_end()["label"].clone();
    assert_eq!(
        label["unlabelled"],
        json!({"request": "2026-03-01/17", "agreement": "v4", "recipient": "Red GmbH"})
    );
    assert_eq!((&label["mode"], &label["texts"]), (&json!("none"), &json!(0)));
}
