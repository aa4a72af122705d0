//! What the gateway refuses: the header, the record and the metric say the same, and floods of strangers leave no record.

use sluicegate::policy::{BlockAs, Unscanned};

use super::{Fake, Gateway, Wishes, answer, chat, post};

fn fake() -> Fake {
    Fake::whole("200 OK", "content-type: application/json\r\n", answer("fine").as_bytes())
}

/// Every refusal of who may ask is a block in its header and in both of its records.
#[test]
fn header_and_record_agree() {
    let hello = chat("hello", false);
    let cases = [
        ("an unknown endpoint", post("/v1/nothing/here", &hello), 404, "unknown_endpoint"),
        ("another method", post("/v1/models", &hello), 405, "method_not_allowed"),
        ("broken JSON", post("/v1/chat/completions", "{\"model\": "), 400, "invalid_request"),
        (
            "another media type",
            post("/v1/chat/completions", &hello).replace("application/json", "image/png"),
            400,
            "unscanned_content",
        ),
        (
            "an unknown coding",
            post("/v1/chat/completions", &hello)
                .replace("connection:", "content-encoding: lzma\r\nconnection:"),
            415,
            "unsupported_media",
        ),
        ("a word", post("/v1/chat/completions", &chat("blockme", false)), 400, "content_filter"),
    ];
    let fake = fake();
    for (what, request, status, code) in cases {
        let gateway = Gateway::new(Some(fake.address), &Wishes::default());
        let got = gateway.raw(request.as_bytes());
        assert_eq!(got.status, status, "{what}: {got:?}");
        assert_eq!(got.field("x-sluicegate-verdict"), Some("block"), "{what}");
        let id = got.field("x-sluicegate-exchange").unwrap_or_default().to_owned();
        let counted = "sluicegate_requests_total{dialect=\"openai\",route=\"-\",verdict=\"block\"}";
        assert!((gateway.metric(counted) - 1.0).abs() < 0.1, "{what}");
        let mut records = gateway.records();
        let (admission, end) = records.pop().unwrap_or_else(|| panic!("{what}: no record"));
        let end = end.unwrap_or_else(|| panic!("{what}: no end"));
        assert!(records.is_empty(), "{what}: one exchange");
        assert_eq!(admission["exchange"], id.as_str(), "{what}");
        for record in [&admission, &end] {
            assert_eq!((&record["verdict"], &record["error"]), (&"block".into(), &code.into()), "{what}");
        }
        assert_eq!((&end["ended"], &end["status"]), (&"refused".into(), &status.into()), "{what}");
        assert_eq!(end["response_bytes"], got.body.len(), "{what}");
        assert!(end["sent"].as_str().is_some_and(|hash| !hash.is_empty()), "{what}: {end}");
    }
    assert_eq!(fake.seen().len(), 0);
}

/// What a client was told in an answer's place is on record as an answer is.
#[test]
fn an_answer_in_the_place_of_the_upstreams_is_on_record() {
    let no_answer = super::Fake::whole("200 OK", "content-type: application/json\r\n", b"{\"model\": ");
    let blocked = Fake::whole("200 OK", "content-type: application/json\r\n", answer("blockme").as_bytes());
    for (what, fake, code) in
        [("no answer", no_answer, "upstream_invalid_response"), ("a block", blocked, "content_filter")]
    {
        let gateway = Gateway::new(Some(fake.address), &Wishes::default());
        let got = gateway.post("/v1/chat/completions", &chat("hello", false));
        let (_, end) = gateway.records().pop().unwrap_or_else(|| panic!("{what}: no record"));
        let end = end.unwrap_or_else(|| panic!("{what}: no end"));
        assert_eq!((&end["error"], &end["status"]), (&code.into(), &got.status.into()), "{what}");
        assert_eq!(end["response_bytes"], got.body.len(), "{what}: {end}");
        assert!(end["sent"].as_str().is_some_and(|hash| !hash.is_empty()), "{what}: {end}");
    }
}

/// A query cannot be rewritten: what would be masked there is refused, and the record says so.
#[test]
fn what_a_query_holds_is_refused_on_record_too() {
    let fake = fake();
    let gateway = Gateway::new(Some(fake.address), &Wishes::default());
    let got = gateway.post("/v1/chat/completions?user=maskme", &chat("hello", false));
    assert_eq!(got.field("x-sluicegate-verdict"), Some("block"), "{got:?}");
    let (admission, _) = gateway.records().pop().expect("a record");
    assert_eq!(admission["findings"][0]["action"], "block", "{admission}");
}

/// An answer in the model's place is a block too, and an unknown endpoint that may pass is none.
#[test]
fn what_is_no_error_agrees_too() {
    let fake = fake();
    let wishes = Wishes { block_as: BlockAs::Refusal, unscanned: Unscanned::Flag, ..Wishes::default() };
    let gateway = Gateway::new(Some(fake.address), &wishes);
    let got = gateway.post("/v1/chat/completions", &chat("blockme", false));
    assert_eq!((got.status, got.field("x-sluicegate-verdict")), (200, Some("block")), "{got:?}");
    let got = gateway.post("/v1/nothing/here", &chat("hello", false));
    assert_eq!((got.status, got.field("x-sluicegate-verdict")), (200, Some("allow")), "{got:?}");
    let verdicts: Vec<_> = gateway
        .records()
        .into_iter()
        .map(|(a, e)| (a["verdict"].clone(), e.expect("an end")["verdict"].clone()))
        .collect();
    assert_eq!(verdicts, [("block".into(), "block".into()), ("allow".into(), "allow".into())]);
}

/// Strangers are counted, and leave nothing on the disk.
#[test]
fn strangers_leave_no_record() {
    let fake = fake();
    let gateway = Gateway::new(Some(fake.address), &Wishes { key: Some("sgk_client"), ..Wishes::default() });
    for path in ["/v1/chat/completions", "/v1/nothing/here"] {
        let got = gateway.post(path, &chat("hello", false));
        assert_eq!((got.status, got.field("x-sluicegate-verdict")), (401, Some("block")), "{got:?}");
    }
    assert!(gateway.metric("sluicegate_errors_total{code=\"invalid_api_key\"}") >= 2.0);
    assert_eq!(gateway.records().len(), 0);
}

/// What a rule finds in a model's name does not stand in the record, whether the name went on as it came, masked or no further.
#[test]
fn names_of_models_are_no_way_into_the_record() {
    let fake = fake();
    let gateway = Gateway::new(Some(fake.address), &Wishes::default());
    let gemini = |model: &str| format!("/v1beta/models/{model}:generateContent");
    let cases = [
        ("/v1/chat/completions".to_owned(), chat("hello", false).replace("\"m\"", "\"my maskme here\"")),
        ("/v1/chat/completions".to_owned(), chat("hello", false).replace("\"m\"", "\"x-maskme-1\"")),
        ("/v1/chat/completions".to_owned(), chat("hello", false).replace("\"m\"", "\"my blockme here\"")),
        ("/v1/chat/completions".to_owned(), chat("blockme", false).replace("\"m\"", "\"x-blockme-1\"")),
        (gemini("a-maskme"), "{\"contents\":[]}".to_owned()),
        (gemini("a@maskme"), "{\"contents\":[]}".to_owned()),
        (gemini("a-blockme"), "{\"contents\":".to_owned()),
        ("/v1/chat/completions".to_owned(), chat("hello", false)),
    ];
    for (path, body) in &cases {
        gateway.post(path, body);
    }
    let models: Vec<_> = gateway.records().into_iter().map(|(a, _)| a["model"].clone()).collect();
    let want = [
        // What no model is called is not a name.
        "[REDACTED]",
        "x-[MASKED]-1",
        "[REDACTED]",
        "x-[BLOCKED]-1",
        "a-[MASKED]",
        "",
        "a-[BLOCKED]",
        "m",
    ];
    assert_eq!(models, want);
}
