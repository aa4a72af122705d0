//! Who is blocked is told by what, by whom and where to object, in their language; and so is their program.

use serde_json::Value;

use super::reload::{Files, rule};
use super::{Fake, Gateway, Step, answer, chat, event, post};

/// A gateway that blocks a word as hatred and says where to complain.
fn gateway(fake: &Fake) -> Gateway {
    let files = Files::new(fake.address, "maskme");
    let config = std::fs::read_to_string(files.path("gateway.toml")).expect("a file");
    let complaints = "[policy.complaints]\nurl = \"https://help.example/object?id={exchange}\"\nanswered_within_days = 15\n[[upstream]]";
    files.write("gateway.toml", &config.replace("[[upstream]]", complaints));
    let blocks = rule("blockme", "blockme")
        .replace("\"word\"", "\"hatred\"")
        .replace("\"WORD\"", "\"HATE\"")
        .replace("\"mask\"", "\"block\"")
        + "basis = [{ law = \"A law\", article = \"Art. 7\", link = \"https://law.example\" }]\n";
    files.write("packs/p/rules/block.toml", &blocks);
    files.start().0
}

fn details(error: &Value, exchange: &str, language: &str) {
    let said = &error["sluicegate"];
    assert_eq!(said["code"], "content_filter", "{error}");
    let rule = said["rule"].as_str().unwrap_or_default();
    assert!(rule.starts_with("p/hatred@") && rule.len() == "p/hatred@".len() + 16, "{error}");
    assert_eq!((&said["category"], &said["automated"]), (&"HATE".into(), &true.into()), "{error}");
    assert!(
        said["classes"].as_array().is_some_and(|all| all
            .iter()
            .any(|one| { one.as_str().is_some_and(|one| one.starts_with("tc260 ")) })),
        "{error}"
    );
    assert_eq!(said["basis"][0], "A law, Art. 7", "{error}");
    assert_eq!((&said["exchange"], &said["complaint_id"]), (&exchange.into(), &exchange.into()), "{error}");
    assert_eq!(said["complaint_url"], format!("https://help.example/object?id={exchange}"), "{error}");
    assert_eq!(said["complaint_answered_within_days"], 15, "{error}");
    assert_eq!(said["language"], language, "{error}");
}

#[test]
fn a_block_is_told_in_the_language_of_the_request() {
    let fake = Fake::whole("200 OK", "content-type: application/json\r\n", answer("say blockme").as_bytes());
    let gateway = gateway(&fake);
    for (prompt, header, language, words) in [
        ("blockme please", "", "en", "the request was blocked by the content policy: rule `p/hatred`"),
        ("请告诉我blockme", "", "zh", "请求已被内容策略拦截：规则 `p/hatred`"),
        ("blockmeを教えてください", "", "ja", "リクエストはコンテンツポリシーにより遮断されました"),
        ("blockme please", "accept-language: fr, zh-CN;q=0.5\r\n", "zh", "请求已被内容策略拦截"),
        ("请告诉我blockme", "accept-language: ja\r\n", "ja", "遮断されました"),
        ("blockme please", "accept-language: *\r\n", "en", "the request was blocked"),
        // The model says it.
        ("hello", "", "en", "the answer was blocked by the content policy"),
        ("你好，请问今天天气怎么样", "", "zh", "回答已被内容策略拦截"),
    ] {
        let request = post("/v1/chat/completions", &chat(prompt, false));
        let got = gateway.raw(request.replacen("connection:", &format!("{header}connection:"), 1).as_bytes());
        assert_eq!(got.status, 400, "{prompt}: {}", got.body);
        let body: Value = serde_json::from_str(&got.body).expect("JSON");
        let exchange = got.field("x-sluicegate-exchange").expect("an id");
        details(&body["error"], exchange, language);
        let message = body["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(words) && message.contains(exchange) && message.contains("15"), "{message}");
    }
    // What is broken is no decision of a policy.
    let got = gateway.raw(post("/v1/chat/completions", "{").as_bytes());
    assert!(got.status == 400 && !got.body.contains("sluicegate"), "{}", got.body);
}

/// A gateway that takes complaints itself says so, with a place of its policy or without.
#[test]
fn a_gateway_that_takes_complaints_says_where_and_until_when() {
    let fake = Fake::whole("200 OK", "content-type: application/json\r\n", answer("fine").as_bytes());
    for (policy, url, days) in [
        ("", "/complaints", 7),
        (
            "[policy.complaints]\nurl = \"https://help.example\"\nanswered_within_days = 9\n",
            "https://help.example",
            9,
        ),
    ] {
        let files = Files::new(fake.address, "maskme");
        let config = std::fs::read_to_string(files.path("gateway.toml")).expect("a file");
        let own = format!("{policy}[complaints]\nenabled = true\nanswered_within_days = 7\n[[upstream]]");
        files.write("gateway.toml", &config.replace("[[upstream]]", &own));
        files.write(
            "packs/p/rules/block.toml",
            &rule("blockme", "blockme").replace("\"word\"", "\"bad\"").replace("\"mask\"", "\"block\""),
        );
        let gateway = files.start().0;
        let got = gateway.post("/v1/chat/completions", &chat("blockme please", false));
        let body: Value = serde_json::from_str(&got.body).expect("JSON");
        let said = &body["error"]["sluicegate"];
        assert_eq!(
            (&said["complaint_url"], &said["complaint_endpoint"]),
            (&url.into(), &"/complaints".into()),
            "{body}"
        );
        assert_eq!(said["complaint_answered_within_days"], days, "{body}");
        let message = body["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(url) && message.contains(&format!("{days} days")), "{message}");
    }
}

#[test]
fn a_block_in_mid_stream_is_told_as_well() {
    let stream = [
        Step::Send(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".to_vec(),
        ),
        Step::Send(event("fine so far, ").into_bytes()),
        Step::Send((event("blockme") + "data: [DONE]\n\n").into_bytes()),
    ];
    let fake = Fake::new(stream.to_vec());
    let gateway = gateway(&fake);
    let got = gateway.post("/v1/chat/completions", &chat("hello", true));
    let exchange = got.field("x-sluicegate-exchange").expect("an id").to_owned();
    let last = got.body.lines().filter_map(|line| line.strip_prefix("data: {")).next_back().expect("a frame");
    let last: Value = serde_json::from_str(&format!("{{{last}")).expect("JSON");
    assert_eq!(last["choices"][0]["finish_reason"], "content_filter", "{last}");
    details(&last, &exchange, "en");
    assert!(last["sluicegate"]["reason"].as_str().is_some_and(|said| said.contains(&exchange)), "{last}");
}
