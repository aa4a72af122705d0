//! Upstreams that are down, slow, die, lie or talk nonsense: a clear answer, a metric, a record; never a hang, a leak or a silent pass.

use std::time::Duration;

use sluicegate::diag::Time;
use sluicegate::upstream::{Credential, Timeouts};

use crate::port::Reserved;

use super::{Client, Fake, Gateway, Step, Wishes, answer, chat, event, post, wait_for};

const JSON: &str = "content-type: application/json\r\n";

fn quick() -> Wishes {
    let ms = |n| Time(Duration::from_millis(n));
    let timeouts = Timeouts { connect: ms(500), first_byte: ms(500), idle: ms(500), total: Time::secs(5) };
    Wishes { timeouts, ..Wishes::default() }
}

fn send(bytes: &str) -> Step {
    Step::Send(bytes.as_bytes().to_vec())
}

/// Whole answers that cannot be given: status, and the code in the record.
#[test]
fn whole_answers() {
    let early = send(&format!("HTTP/1.1 200 OK\r\n{JSON}content-length: 900\r\n\r\n{{\"id\""));
    let switching = "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n";
    let early_500 = send(&format!("HTTP/1.1 500 Oh\r\n{JSON}content-length: 900\r\n\r\n{{\"error\""));
    let lzma = format!("{JSON}content-encoding: lzma\r\n");
    let cases: Vec<(&str, Fake, u16, &str)> = vec![
        ("silence", Fake::new(vec![Step::Hang]), 504, "upstream_timeout"),
        ("a reset", Fake::new(vec![Step::Reset]), 502, "upstream_unreachable"),
        ("no HTTP", Fake::new(vec![send("hello\r\n\r\n")]), 502, "upstream_unreachable"),
        ("a body that ends early", Fake::new(vec![early.clone()]), 502, "upstream_unreachable"),
        ("a body that stands still", Fake::new(vec![early, Step::Hang]), 504, "upstream_timeout"),
        ("an error that ends early", Fake::new(vec![early_500]), 502, "upstream_unreachable"),
        (
            "an error in an unknown coding",
            Fake::whole("500 Oh", &lzma, b"x"),
            502,
            "upstream_invalid_response",
        ),
        ("broken JSON", Fake::whole("200 OK", JSON, b"{\"id\": "), 502, "upstream_invalid_response"),
        ("no UTF-8", Fake::whole("200 OK", JSON, b"{\"id\": \"\xff\"}"), 502, "upstream_invalid_response"),
        (
            "a redirect",
            Fake::whole("302 Found", "location: http://169.254.169.254/\r\n", b""),
            502,
            "upstream_invalid_response",
        ),
        ("switching protocols", Fake::new(vec![send(switching)]), 502, ""),
        ("a status of its own", Fake::whole("999 What", JSON, b"{}"), 502, "upstream_invalid_response"),
        ("an unknown coding", Fake::whole("200 OK", &lzma, b"x"), 502, "upstream_invalid_response"),
        (
            "an image",
            Fake::whole("200 OK", "content-type: image/png\r\n", b"\x89PNG"),
            400,
            "unscanned_content",
        ),
    ];
    let both = format!(
        "HTTP/1.1 200 OK\r\n{JSON}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"
    );
    let twice = format!("{JSON}content-type: text/plain\r\n");
    let coded = format!("{JSON}content-encoding: gzip\r\ncontent-encoding: br\r\n");
    let ambiguous = [
        ("two lengths", Fake::new(vec![send(&both)]), 502, "upstream_invalid_response"),
        ("two media types", Fake::whole("200 OK", &twice, b"{}"), 502, "upstream_invalid_response"),
        ("two codings", Fake::whole("200 OK", &coded, b"x"), 502, "upstream_invalid_response"),
    ];
    let utf7 = "content-type: text/plain; charset=\"UTF-7\"\r\n";
    let utf7 = ("another charset", Fake::whole("200 OK", utf7, b"+AG0-askme"), 400, "unscanned_content");
    for (what, fake, status, code) in cases.into_iter().chain([utf7]).chain(ambiguous) {
        let gateway = Gateway::new(Some(fake.address), &quick());
        let got = gateway.post("/v1/chat/completions", &chat("hello", false));
        assert_eq!(got.status, status, "{what}: {got:?}");
        assert!(got.body.contains("\"error\"") && got.complete, "{what}: {got:?}");
        assert!(got.took < Duration::from_secs(3), "{what}: {:?}", got.took);
        assert_eq!(got.field("x-sluicegate-exchange").map(str::len), Some(26), "{what}");
        let verdict = got.field("x-sluicegate-verdict").map(str::to_owned);
        // What the policy refuses is no failure of the upstream.
        let unread = code == "unscanned_content";
        assert_eq!(failures(&gateway), if unread { 0.0 } else { 1.0 }, "{what}: counted once");
        let end = gateway.only_end();
        assert_eq!(end["status"], status, "{what}");
        let want = if unread { ("block", "cut") } else { ("allow", "upstream_failed") };
        assert_eq!((&end["verdict"], &end["ended"]), (&want.0.into(), &want.1.into()), "{what}: {end}");
        assert_eq!(verdict.as_deref(), Some(want.0), "{what}");
        if !code.is_empty() {
            assert_eq!(end["error"], code, "{what}: {end}");
        }
    }
}

/// How many failures of the upstream are counted, of whatever kind.
fn failures(gateway: &Gateway) -> f64 {
    let metrics = gateway.operations("/metrics").body;
    let lines = metrics.lines().filter(|line| line.starts_with("sluicegate_upstream_errors_total{"));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// An answer that drips, never silent for long, has its time in all.
#[test]
fn an_answer_that_never_comes_to_its_end() {
    let drips = || (0..200).flat_map(|_| [Step::Wait(50), send(" ")]);
    let mut wishes = quick();
    wishes.timeouts.total = Time(Duration::from_millis(700));
    let mut whole = vec![send(&format!("HTTP/1.1 200 OK\r\n{JSON}content-length: 900\r\n\r\n"))];
    whole.extend(drips());
    let gateway = Gateway::new(Some(Fake::new(whole).address), &wishes);
    let got = gateway.post("/v1/chat/completions", &chat("hello", false));
    assert_eq!(got.status, 504, "{got:?}");
    assert!(got.took < Duration::from_secs(3), "{:?}", got.took);
    let end = gateway.only_end();
    assert_eq!((&end["error"], &end["ended"]), (&"upstream_timeout".into(), &"upstream_failed".into()));
    let mut stream = vec![send(&event("one "))];
    stream.extend(drips());
    let gateway = Gateway::new(Some(Fake::stream(stream).address), &wishes);
    let got = gateway.post("/v1/chat/completions", &chat("hello", true));
    assert!(got.body.contains("\"error\"") || !got.complete, "{got:?}");
    assert!(got.took < Duration::from_secs(3), "{:?}", got.took);
    assert_eq!(gateway.only_end()["error"], "upstream_timeout");
}

#[test]
fn an_upstream_that_is_down() {
    let nobody = Reserved::new();
    let gateway = Gateway::new(Some(nobody.address), &quick());
    let got = gateway.post("/v1/chat/completions", &chat("hello", true));
    assert_eq!(got.status, 502, "{got:?}");
    let family = "sluicegate_upstream_errors_total{kind=\"upstream_unreachable\",upstream=\"fake\"}";
    assert!(gateway.metric(family) >= 1.0);
    assert_eq!(gateway.only_end()["ended"], "upstream_failed");
}

/// The upstream's own errors pass with their status, read like everything else.
#[test]
fn errors_of_the_upstream_pass() {
    for status in ["400 Bad", "401 No", "404 None", "429 Many", "500 Oh", "529 Overloaded"] {
        let body = r#"{"error":{"message":"sorry, maskme is wrong","type":"x","code":null}}"#;
        let fake = Fake::whole(status, &format!("{JSON}retry-after: 7\r\n"), body.as_bytes());
        let gateway = Gateway::new(Some(fake.address), &quick());
        let got = gateway.post("/v1/chat/completions", &chat("hello", true));
        assert!(status.starts_with(&got.status.to_string()), "{status}: {got:?}");
        assert_eq!(got.field("retry-after"), Some("7"));
        assert!(got.body.contains("sorry, [MASKED] is wrong"), "{}", got.body);
        assert_eq!(fake.seen().len(), 1, "{status}: never sent twice");
        let kind = match got.status {
            429 => "status_429",
            400..500 => "status_4xx",
            _ => "status_5xx",
        };
        let family = format!("sluicegate_upstream_errors_total{{kind=\"{kind}\",upstream=\"fake\"}}");
        assert_eq!(gateway.metric(&family), 1.0, "{status}");
        let end = gateway.only_end();
        assert_eq!((&end["ended"], &end["error"]), (&"upstream_error".into(), &kind.into()), "{status}");
    }
    let fake = Fake::whole("502 Bad Gateway", "content-type: text/html\r\n", b"<html>maskme</html>");
    let gateway = Gateway::new(Some(fake.address), &quick());
    let got = gateway.post("/v1/chat/completions", &chat("hello", false));
    assert_eq!((got.status, got.body.as_str()), (502, "<html>[MASKED]</html>"));
}

/// Streams that go wrong: the client's SDK sees an error frame or a connection that breaks off, never a clean end.
#[test]
fn streams() {
    let good = send(&event("one two three "));
    let garbage = vec![good.clone(), send("data: {\"id\": oops\n\n"), send(&event("after"))];
    let no_text = vec![good.clone(), Step::Send(b"data: {\"a\":\"\xff\"}\n\n".to_vec())];
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = event("one two three ");
    let chunk = send(&format!("{head}{:x}\r\n{chunk}\r\n", chunk.len()));
    let cases: Vec<(&str, Fake, &str)> = vec![
        ("dies", Fake::stream(vec![good.clone(), Step::Wait(50), Step::Reset]), "upstream_unreachable"),
        ("ends between chunks", Fake::new(vec![chunk]), "upstream_unreachable"),
        ("ends before the model has", Fake::stream(vec![good.clone()]), "upstream_unreachable"),
        ("stands still", Fake::stream(vec![good, Step::Hang]), "upstream_timeout"),
        ("garbage", Fake::stream(garbage), "upstream_invalid_response"),
        ("no UTF-8", Fake::stream(no_text), "upstream_invalid_response"),
    ];
    for (what, fake, code) in cases {
        let gateway = Gateway::new(Some(fake.address), &quick());
        let got = gateway.post("/v1/chat/completions", &chat("hello", true));
        assert_eq!(got.status, 200, "{what}");
        assert!(got.body.contains("one two three"), "{what}: {}", got.body);
        assert!(!got.body.contains("after"), "{what}");
        assert!(got.body.contains("\"error\"") || !got.complete, "{what}: a clean end: {got:?}");
        assert!(got.closed && got.took < Duration::from_secs(3), "{what}: {:?}", got.took);
        let end = gateway.only_end();
        assert_eq!((&end["error"], &end["ended"]), (&code.into(), &"upstream_failed".into()), "{what}");
    }
}

/// An error event after 200 passes as it came, and so does a stream in which the model said all but no end sign came: that is on record and
/// counted.
#[test]
fn odd_but_readable_streams_pass() {
    let error = "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}\n\n";
    let stop = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    let bye = format!("{stop}: bye");
    for (last, ended) in [
        (error, "upstream_error"),
        ("data: [DONE]", "complete"),
        (stop, "no_end_sign"),
        (&bye, "no_end_sign"),
    ] {
        let stream = format!("{}{last}", event("one "));
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        let fake = Fake::new(vec![send(head), send(&format!("{:x}\r\n{stream}\r\n0\r\n\r\n", stream.len()))]);
        let gateway = Gateway::new(Some(fake.address), &quick());
        let got = gateway.post("/v1/chat/completions", &chat("hello", true));
        assert!(got.complete, "{last}: {got:?}");
        assert_eq!(got.body, stream);
        if ended == "no_end_sign" {
            let family = "sluicegate_upstream_errors_total{kind=\"no_end_sign\",upstream=\"fake\"}";
            assert!(wait_for(|| gateway.metric(family) == 1.0), "{last}");
        }
        if ended == "upstream_error" {
            let family = "sluicegate_upstream_errors_total{kind=\"error_event\",upstream=\"fake\"}";
            assert!(wait_for(|| gateway.metric(family) == 1.0), "{last}");
        }
        let error = if ended == "upstream_error" { "error_event" } else { "" };
        let end = gateway.only_end();
        assert_eq!((&end["ended"], &end["error"]), (&ended.into(), &error.into()));
    }
}

/// Each dialect's own error event is known for one.
#[test]
fn error_events_of_every_dialect() {
    let cases = [
        (
            "/v1/messages",
            "text/event-stream",
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}\n\n",
        ),
        (
            "/v1/responses",
            "text/event-stream",
            "data: {\"type\":\"error\",\"code\":\"x\",\"message\":\"y\",\"param\":null,\"sequence_number\":1}\n\n",
        ),
        (
            "/v1/responses",
            "text/event-stream",
            "data: {\"type\":\"response.failed\",\"sequence_number\":1,\"response\":{\"id\":\"r\",\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"x\"}}}\n\n",
        ),
        (
            "/v1beta/models/g:streamGenerateContent?alt=sse",
            "text/event-stream",
            "data: {\"error\":{\"code\":503,\"message\":\"x\",\"status\":\"UNAVAILABLE\"}}\n\n",
        ),
        ("/api/chat", "application/x-ndjson", "{\"error\":\"model runner has stopped\"}\n"),
    ];
    for (path, media, body) in cases {
        let fake = Fake::whole("200 OK", &format!("content-type: {media}\r\n"), body.as_bytes());
        let gateway = Gateway::new(Some(fake.address), &quick());
        let got = gateway.post(path, "{\"model\":\"m\",\"stream\":true}");
        assert_eq!((got.status, got.body.as_str()), (200, body), "{path}");
        let end = gateway.only_end();
        assert_eq!(
            (&end["ended"], &end["error"]),
            (&"upstream_error".into(), &"error_event".into()),
            "{path}"
        );
    }
}

/// An answer that says nothing at all is none: an SDK would fail in its own JSON reader, with nothing to say of the cause.
#[test]
fn answers_that_are_none() {
    let calls = [
        ("/v1/chat/completions", chat("hello", false)),
        ("/v1/chat/completions", chat("hello", true)),
        ("/v1/messages", chat("hello", false)),
        ("/v1beta/models/g:generateContent", "{\"contents\":[]}".into()),
        ("/v1beta/models/g:streamGenerateContent", "{\"contents\":[]}".into()),
        ("/api/chat", chat("hello", false)),
        ("/v1/embeddings", "{\"model\":\"m\",\"input\":\"x\"}".into()),
    ];
    for (path, body) in &calls {
        for (fields, answer) in
            [(JSON, ""), (JSON, "null"), (JSON, " \"text\" "), (JSON, "7"), ("", ""), (JSON, "\n")]
        {
            let fake = Fake::whole("200 OK", fields, answer.as_bytes());
            let gateway = Gateway::new(Some(fake.address), &quick());
            let got = gateway.post(path, body);
            assert!(got.status == 502 || path.contains("stream"), "{path} {answer:?}: {got:?}");
            assert!(got.body.contains("\"error\""), "{path} {answer:?}: {got:?}");
            let family =
                "sluicegate_upstream_errors_total{kind=\"upstream_invalid_response\",upstream=\"fake\"}";
            assert!(wait_for(|| gateway.metric(family) == 1.0), "{path} {answer:?}");
            let end = gateway.only_end();
            let want = ("upstream_failed".into(), "upstream_invalid_response".into());
            assert_eq!((&end["ended"], &end["error"]), (&want.0, &want.1), "{path} {answer:?}");
        }
    }
    for (status, line, body) in [(204, "204 No Content", &calls[0].1), (304, "304 Not Modified", &calls[0].1)]
    {
        let fake = Fake::new(vec![send(&format!("HTTP/1.1 {line}\r\nconnection: close\r\n\r\n"))]);
        let gateway = Gateway::new(Some(fake.address), &quick());
        let got = gateway.post("/v1/chat/completions", body);
        assert_eq!((got.status, got.body.as_str()), (status, ""));
    }
    // An error's body may be empty, and so may the answer of a call that nobody knows.
    let fake = Fake::whole("500 Oh", JSON, b"");
    let gateway = Gateway::new(Some(fake.address), &quick());
    assert_eq!(gateway.post("/v1/chat/completions", &chat("hello", false)).status, 500);
    let fake = Fake::whole("200 OK", JSON, b"");
    let gateway = Gateway::new(
        Some(fake.address),
        &Wishes { unscanned: sluicegate::policy::Unscanned::Allow, ..quick() },
    );
    assert_eq!(gateway.post("/v1/nothing/here", "{}").status, 200);
}

/// A block in mid-stream closes the upstream, which would go on for long.
#[test]
fn a_block_cancels_the_upstream() {
    let mut steps = vec![send(&event("fine so far ")), send(&event("now bloc")), send(&event("kme is here"))];
    steps.extend((0..200).flat_map(|_| [Step::Wait(50), send(&event("more "))]));
    let fake = Fake::stream(steps);
    let gateway = Gateway::new(Some(fake.address), &Wishes::default());
    let got = gateway.post("/v1/chat/completions", &chat("hello", true));
    assert!(got.complete && got.body.contains("content_filter"), "{}", got.body);
    assert!(got.body.contains("fine so far") && !got.body.contains("now bloc"), "{}", got.body);
    assert!(wait_for(|| fake.closed() == 1), "the upstream runs on");
    let end = gateway.only_end();
    assert_eq!((&end["ended"], &end["verdict"]), (&"cut".into(), &"block".into()));
}

/// A client that leaves while the upstream thinks cancels it, and that is on record.
#[test]
fn a_client_that_leaves_cancels() {
    for stream in [false, true] {
        let fake = Fake::new(vec![Step::Hang]);
        let gateway = Gateway::new(Some(fake.address), &Wishes::default());
        let mut client = Client::new(gateway.data);
        client.send(post("/v1/chat/completions", &chat("hello", stream)).as_bytes());
        assert!(wait_for(|| !fake.seen().is_empty()));
        drop(client);
        assert!(wait_for(|| fake.closed() == 1), "the upstream runs on");
        assert!(wait_for(|| gateway.metric("sluicegate_exchanges_running") == 0.0));
        assert_eq!(gateway.only_end()["ended"], "client_left");
    }
}

/// A held stream is kept alive by comments, and what is held comes out when it is settled.
#[test]
fn a_held_stream_is_kept_alive() {
    let pieces = [event("it may be mask"), event("ed or not")];
    let [one, two] = &pieces;
    let steps = vec![send(one), Step::Wait(900), send(two), send("data: [DONE]\n\n")];
    let fake = Fake::stream(steps);
    let mut wishes = Wishes::default();
    wishes.server.keep_alive = Time(Duration::from_millis(200));
    let gateway = Gateway::new(Some(fake.address), &wishes);
    let got = gateway.post("/v1/chat/completions", &chat("hello", true));
    assert!(got.body.starts_with(": "), "no comment came first: {}", got.body);
    assert!(got.body.ends_with(&format!("{one}{two}data: [DONE]\n\n")), "{}", got.body);
}

/// Each exchange has an admission and an end, whatever became of it.
#[test]
fn every_answer_has_two_records() {
    let fake = Fake::whole("200 OK", JSON, answer("say maskme").as_bytes());
    let gateway = Gateway::new(Some(fake.address), &Wishes::default());
    for prompt in ["hello", "maskme", "blockme"] {
        gateway.post("/v1/chat/completions", &chat(prompt, false));
    }
    gateway.post("/v1/chat/completions", "{\"model\": ");
    let mut told = Vec::new();
    for (admission, end) in gateway.records() {
        let end = end.expect("an end");
        told.push(format!("{} {} {}", admission["verdict"], end["verdict"], end["ended"]).replace('"', ""));
    }
    let want =
        ["allow rewrite complete", "rewrite rewrite complete", "block block refused", "block block refused"];
    assert_eq!(told, want);
}

/// The demonstration plays what can go wrong, so that anybody can see how the gateway takes it.
#[test]
fn the_demonstration_plays_failures() {
    let gateway = Gateway::new(None, &Wishes::default());
    let of = |scene: &str| gateway.post("/v1/chat/completions", &chat(&format!("clean scene {scene}"), true));
    assert_eq!(of("status 429").status, 429);
    assert_eq!(of("status 500").status, 500);
    assert!(of("error").body.contains("overloaded"));
    assert!(!of("no end").body.contains("[DONE]"));
    let died = of("die");
    assert!(died.body.contains("\"error\"") || !died.complete, "{died:?}");
    assert!(of("garbage").body.contains("\"error\""));
    let fine = of("none");
    assert!(fine.complete && fine.body.ends_with("data: [DONE]\n\n"), "{fine:?}");
}

/// A gateway that is its own upstream ends the loop at once, and says what it is; gateways in a row go on.
#[test]
fn a_loop_ends_at_its_first_round() {
    let own = Reserved::new();
    let mut wishes = Wishes { base_url: Some(format!("http://{}", own.address)), ..Wishes::default() };
    wishes.server.data = own.address;
    let gateway = Gateway::new(None, &wishes);
    let got = gateway.post("/v1/chat/completions", &chat("hello", false));
    assert_eq!(got.status, 508, "{got:?}");
    assert!(got.body.contains("gateway_loop") && got.body.contains("leads back to it"), "{got:?}");
    let records = gateway.records();
    assert_eq!(records.len(), 2, "{records:?}");
    assert_eq!(records[1].0["error"], "gateway_loop");

    let fake = Fake::whole("200 OK", "content-type: application/json\r\n", answer("fine").as_bytes());
    let last = Gateway::new(Some(fake.address), &Wishes::default());
    let first = Gateway::new(Some(last.data), &Wishes::default());
    assert_eq!(first.post("/v1/chat/completions", &chat("hello", false)).status, 200);
    let seen = fake.seen().concat();
    let names = seen.lines().find_map(|l| l.strip_prefix("x-sluicegate-exchange: ")).expect("the field");
    assert_eq!(names.split(", ").count(), 2, "{seen}");
}

/// An upstream that shows the key with which it was asked shows it to no client: in an error, an answer, an event, also in two pieces.
#[test]
fn the_upstreams_credential_reaches_no_client() {
    const KEY: &str = "zk-upstream-4711-abcdef";
    let error = format!(r#"{{"error":{{"message":"Incorrect API key provided: {KEY}","type":"x"}}}}"#);
    let (head, tail) = KEY.split_at(9);
    let in_stream =
        |pieces: &[&str]| pieces.iter().map(|piece| Step::Send(piece.as_bytes().to_vec())).collect();
    let failed = format!("data: {error}\n\n");
    let (before, behind) = failed.split_once(KEY).expect("the key");
    let cut = [format!("{before}{head}"), format!("{tail}{behind}")];
    let json = "content-type: application/json\r\n";
    for (fake, stream) in [
        (Fake::whole("401 Unauthorized", json, error.as_bytes()), false),
        (Fake::whole("200 OK", json, answer(&format!("my key is {KEY}")).as_bytes()), false),
        (Fake::stream(in_stream(&[&failed])), true),
        (Fake::stream(in_stream(&[&event("so far so good"), &cut[0], &cut[1]])), true),
    ] {
        let credential = Credential::Secret { header: None, value: KEY.to_owned().into() };
        let gateway = Gateway::new(Some(fake.address), &Wishes { credential, ..Wishes::default() });
        let got = gateway.post("/v1/chat/completions", &chat("hello", stream));
        assert!(!got.body.contains(KEY) && !got.body.contains(tail), "{}", got.body);
        assert!(got.body.contains("upstream_invalid_response"), "{}", got.body);
        assert_eq!(gateway.only_end()["error"], "upstream_invalid_response");
    }
}
