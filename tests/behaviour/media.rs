//! What an answer is by its bytes, whatever its media type says: readers of streams look at the bytes alone.

use super::{Fake, Gateway, Step, Wishes, answer, chat, event, post};

fn stream_under(field: &str, pieces: &[String]) -> Fake {
    let mut steps = vec![Step::Send(format!("HTTP/1.1 200 OK\r\n{field}\r\n").into_bytes())];
    steps.extend(pieces.iter().map(|p| Step::Send(p.clone().into_bytes())));
    Fake::new(steps)
}

const FIELDS: [&str; 5] = [
    "content-type: text/plain\r\n",
    "content-type: text/html; charset=utf-8\r\n",
    "content-type: application/json\r\n",
    "",
    "content-type: text/event-stream\r\n",
];

/// One character an event: a reader puts them together, so they are read together.
#[test]
fn a_stream_under_any_media_type_is_read_as_one() {
    let mut pieces: Vec<String> = "say maskme now".chars().map(|c| event(&c.to_string())).collect();
    pieces.push("data: [DONE]\n\n".into());
    let mut bodies = Vec::new();
    for field in FIELDS {
        let gateway = Gateway::new(Some(stream_under(field, &pieces).address), &Wishes::default());
        let got = gateway.post("/v1/chat/completions", &chat("hello", true));
        assert!(got.status == 200 && got.complete, "{field}: {got:?}");
        assert!(field.trim_end().ends_with(got.field("content-type").unwrap_or_default()), "{field}");
        bodies.push(got.body);
        assert_eq!(gateway.only_end()["verdict"], "rewrite", "{field}");
    }
    assert!(
        bodies.iter().all(|b| b == bodies.last().expect("a body") && b.contains("[MASKED]")),
        "{bodies:?}"
    );
    let mut clean: Vec<String> = ["one ", "two"].map(event).into();
    clean.push("data: [DONE]\n\n".into());
    for field in FIELDS {
        let gateway = Gateway::new(Some(stream_under(field, &clean).address), &Wishes::default());
        assert_eq!(
            gateway.post("/v1/chat/completions", &chat("hello", true)).body,
            clean.concat(),
            "{field}"
        );
    }
}

/// A mislabelled stream leaves event by event, as it comes.
#[test]
fn a_mislabelled_stream_is_not_collected() {
    let mut steps = vec![Step::Send(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n".to_vec())];
    steps.extend([Step::Send(event("at once ").into_bytes()), Step::Hang]);
    let gateway = Gateway::new(Some(Fake::new(steps).address), &Wishes::default());
    let mut client = super::Client::new(gateway.data);
    client.send(post("/v1/chat/completions", &chat("hello", true)).as_bytes());
    assert!(client.read_until("at once").contains("at once"));
}

/// JSON is read as JSON under any text's media type: an escape hides nothing.
#[test]
fn json_under_another_media_type() {
    let body = answer("say maskme now").replace("maskme", "\\u006dask\\u006de");
    for field in ["content-type: text/plain\r\n", "content-type: text/html\r\n", ""] {
        let fake = Fake::whole("200 OK", field, body.as_bytes());
        let gateway = Gateway::new(Some(fake.address), &Wishes::default());
        let got = gateway.post("/v1/chat/completions", &chat("hello", false));
        assert!(got.status == 200 && got.body.contains("say [MASKED] now"), "{field}: {got:?}");
    }
}

/// Where a policy lets unread media types pass, a request that is JSON all the same is read: some servers look at the bytes alone.
#[test]
fn a_request_under_another_media_type_is_read_if_it_is_json() {
    let fake = Fake::whole("200 OK", "content-type: application/json\r\n", answer("fine").as_bytes());
    let wishes = Wishes { unscanned: sluicegate::policy::Unscanned::Allow, ..Wishes::default() };
    let gateway = Gateway::new(Some(fake.address), &wishes);
    let request = post("/v1/chat/completions", &chat("say maskme now", false));
    let got = gateway.raw(request.replace("application/json", "text/plain").as_bytes());
    assert_eq!(got.status, 200, "{got:?}");
    let told = fake.seen().concat();
    assert!(told.contains("[MASKED]") && !told.contains("maskme"), "{told}");
}
