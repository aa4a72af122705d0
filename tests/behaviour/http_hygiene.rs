//! One framing, one host, one path, one credential; header fields by closed lists (security rules 3, 4, 9, 10).

use sluicegate::upstream::Credential;

use super::{Client, Fake, Gateway, Wishes, answer, chat, post};

fn fake() -> Fake {
    Fake::whole("200 OK", "content-type: application/json\r\n", answer("fine").as_bytes())
}

/// Refusals so far: of what is no request at all, and of requests.
fn counted(gateway: &Gateway) -> f64 {
    gateway.metric("sluicegate_refused_total{reason=\"malformed\"}")
        + gateway.metric("sluicegate_errors_total{code=\"invalid_request\"}")
}

/// Requests that two servers could read differently: each is refused, its connection closed, and no byte goes on.
#[test]
fn ambiguous_requests_are_refused() {
    let fake = fake();
    let gateway = Gateway::new(Some(fake.address), &Wishes::default());
    let body = chat("hello", false);
    let n = body.len();
    let chunked = format!("{n:x}\r\n{body}\r\n0\r\n\r\n");
    let line = "POST /v1/chat/completions HTTP/1.1\r\n";
    let cases: Vec<(&str, String)> = vec![
        (
            "both lengths",
            format!(
                "{line}host: localhost\r\ncontent-length: {n}\r\ntransfer-encoding: chunked\r\n\r\n{chunked}"
            ),
        ),
        (
            "both, the other way",
            format!(
                "{line}host: localhost\r\ntransfer-encoding: chunked\r\ncontent-length: {n}\r\n\r\n{chunked}"
            ),
        ),
        (
            "two lengths",
            format!("{line}host: localhost\r\ncontent-length: {n}\r\ncontent-length: {n}\r\n\r\n{body}"),
        ),
        ("a list of lengths", format!("{line}host: localhost\r\ncontent-length: {n}, {n}\r\n\r\n{body}")),
        ("a signed length", format!("{line}host: localhost\r\ncontent-length: +{n}\r\n\r\n{body}")),
        (
            "chunked twice",
            format!("{line}host: localhost\r\ntransfer-encoding: chunked, chunked\r\n\r\n{chunked}"),
        ),
        (
            "another coding",
            format!("{line}host: localhost\r\ntransfer-encoding: gzip, chunked\r\n\r\n{chunked}"),
        ),
        (
            "a space before the colon",
            format!("{line}host: localhost\r\ntransfer-encoding : chunked\r\n\r\n{chunked}"),
        ),
        (
            "a folded line",
            format!("{line}host: localhost\r\nx: a\r\n b\r\ncontent-length: {n}\r\n\r\n{body}"),
        ),
        ("a bare line feed", format!("{line}host: a\ncontent-length: {n}\r\n\r\n{body}")),
        (
            "a bad chunk size",
            format!("{line}host: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{body}\r\n0\r\n\r\n"),
        ),
        (
            "a chunk longer than it says",
            format!("{line}host: localhost\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{body}\r\n0\r\n\r\n"),
        ),
        ("two hosts", format!("{line}host: localhost\r\nhost: b\r\ncontent-length: {n}\r\n\r\n{body}")),
        ("no host", format!("{line}content-length: {n}\r\n\r\n{body}")),
        ("a host that is none", format!("{line}host: a/#@b\r\ncontent-length: {n}\r\n\r\n{body}")),
        (
            "an absolute target",
            format!(
                "POST http://evil.test/v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {n}\r\n\r\n{body}"
            ),
        ),
        ("CONNECT", "CONNECT evil.test:443 HTTP/1.1\r\nhost: evil.test:443\r\n\r\n".into()),
        (
            "two credentials",
            format!(
                "{line}host: localhost\r\nauthorization: Bearer a\r\nauthorization: Bearer b\r\ncontent-length: {n}\r\n\r\n{body}"
            ),
        ),
        (
            "two kinds of credential",
            format!(
                "{line}host: localhost\r\nauthorization: Bearer a\r\nx-api-key: b\r\ncontent-length: {n}\r\n\r\n{body}"
            ),
        ),
        (
            "two media types",
            format!(
                "{line}host: localhost\r\ncontent-type: application/json\r\ncontent-type: text/plain\r\ncontent-length: {n}\r\n\r\n{body}"
            ),
        ),
        ("no HTTP", "hello\r\n\r\n".into()),
    ];
    for (what, bytes) in cases {
        let before = counted(&gateway);
        let got = gateway.raw(bytes.as_bytes());
        assert_eq!(got.status, 400, "{what}: {got:?}");
        assert!(got.closed, "{what}: the connection stays open");
        assert!(super::wait_for(|| counted(&gateway) > before), "{what}: not counted");
    }
    assert_eq!(fake.seen().len(), 0, "{:?}", fake.seen());
    assert_eq!(gateway.post("/v1/chat/completions", &body).status, 200);
}

/// A smuggled second request is never served.
#[test]
fn nothing_is_smuggled() {
    let fake = fake();
    let gateway = Gateway::new(Some(fake.address), &Wishes::default());
    let inner = post("/v1/chat/completions", &chat("smuggled", false));
    let outer = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\ncontent-length: {}\r\n\r\n0\r\n\r\n{inner}",
        inner.len() + 5
    );
    let got = gateway.raw(outer.as_bytes());
    assert_eq!(got.status, 400);
    assert_eq!(fake.seen().len(), 0);
}

/// Aliases of the same call are the same call; tricks are no call.
#[test]
fn one_path_is_read_one_way() {
    let fake = fake();
    let gateway = Gateway::new(Some(fake.address), &Wishes::default());
    let body = chat("hello", false);
    for path in
        ["/v1/chat/completions", "/chat/completions", "/openai/v1/chat/completions", "/v1/chat/completions/"]
    {
        assert_eq!(gateway.post(path, &body).status, 200, "{path}");
    }
    assert!(fake.seen().iter().all(|r| r.starts_with("POST /v1/chat/completions HTTP/1.1")));
    let known = fake.seen().len();
    for path in [
        "//v1/chat/completions",
        "/v1//chat/completions",
        "/v1/./chat/completions",
        "/v1/x/../chat/completions",
        "/v1/%2e%2e/v1/chat/completions",
        "/v1/chat%2Fcompletions",
        "/v1/chat%252Fcompletions",
        "/v1/%63hat/completions",
        "/v1/chat/completions;x=y",
        "/v1/chat/completions%00",
        "/v1/chat/completions%20",
        "/V1/chat/completions",
        "/v1/Chat/Completions",
        "/v1/chat\\completions",
        "/v1/chat/completions/extra",
        "/v1/v1/chat/completions",
        "/openai/openai/v1/chat/completions",
        "/admin",
        "/metrics",
        "/",
    ] {
        let got = gateway.post(path, &body);
        assert!(got.status == 404 || got.status == 400, "{path}: {got:?}");
    }
    assert_eq!(fake.seen().len(), known, "a trick went on");
    let wrong_method =
        gateway.raw(b"GET /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    assert_eq!(wrong_method.status, 405);
}

/// Our key never leaves, the upstream's never comes back; fields for one hop stay on it.
#[test]
fn header_fields_go_by_closed_lists() {
    let fields = "content-type: application/json\r\nx-request-id: up-1\r\nset-cookie: a=b\r\nx-api-key: provider\r\n\
                  openai-version: sk-upstream-4711\r\nopenai-processing-ms: 5\r\nx-ratelimit-remaining-requests: 7\r\nserver: up\r\n\
                  x-sluicegate-exchange: forged\r\n";
    let fake = Fake::whole("200 OK", fields, answer("fine").as_bytes());
    let credential = Credential::Secret { header: None, value: "sk-upstream-4711".to_owned().into() };
    let wishes = Wishes { credential, key: Some("sgk_client"), ..Wishes::default() };
    let gateway = Gateway::new(Some(fake.address), &wishes);
    let body = chat("hello", false);
    let request = format!(
        "POST /v1/chat/completions?key=sgk_client&a=b HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer sgk_client\r\ncookie: c=d\r\n\
         x-forwarded-for: 1.2.3.4\r\nx-stainless-lang: python\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\
         openai-beta: hop\r\nconnection: close, openai-beta\r\nproxy-authorization: x\r\nte: trailers\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let got = gateway.raw(request.as_bytes());
    assert_eq!(got.status, 200, "{got:?}");
    let seen = fake.seen().pop().expect("a request").to_ascii_lowercase();
    let head = seen.split("\r\n\r\n").next().unwrap_or_default();
    for gone in ["sgk_client", "cookie", "x-forwarded", "openai-beta", "proxy-auth", "te: "] {
        assert!(!head.contains(gone), "{gone} went on: {head}");
    }
    for kept in [
        "authorization: bearer sk-upstream-4711",
        "x-stainless-lang: python",
        "traceparent: 00-4bf9",
        "?a=b http",
    ] {
        assert!(head.contains(kept), "{kept} did not go on: {head}");
    }
    assert_eq!(got.field("x-request-id"), Some("up-1"));
    assert_eq!(got.field("openai-processing-ms"), Some("5"));
    assert_eq!(got.field("x-ratelimit-remaining-requests"), Some("7"));
    for gone in ["set-cookie", "x-api-key", "server:", "sk-upstream", "forged"] {
        assert!(!got.head.contains(gone), "{gone} came back: {}", got.head);
    }
    let id = got.field("x-sluicegate-exchange").unwrap_or_default().to_owned();
    assert_eq!(id.len(), 26, "{id}");
    assert_eq!(got.field("x-sluicegate-verdict"), Some("allow"));
    let (admission, end) = gateway.records().pop().expect("a record");
    assert_eq!(admission["exchange"], id);
    assert_eq!(admission["tenant"], "red");
    assert_eq!(end.expect("an end")["ended"], "complete");
}

/// A key in the query, as Gemini's clients may send it, is passed through in its field and nowhere else.
#[test]
fn a_key_in_the_query_passes_through() {
    let fake = Fake::whole("200 OK", "content-type: application/json\r\n", b"{\"candidates\":[]}");
    let wishes = Wishes { credential: Credential::Passthrough, ..Wishes::default() };
    let gateway = Gateway::new(Some(fake.address), &wishes);
    for (query, went_on) in [
        ("key=REALKEY", "generatecontent http"),
        ("k%65y=REAL%4bEY&a%5B%5D=b", "generatecontent?a%5b%5d=b http"),
    ] {
        let got = gateway.post(&format!("/v1beta/models/m:generateContent?{query}"), "{\"contents\":[]}");
        assert_eq!(got.status, 200, "{got:?}");
        let seen = fake.seen().pop().expect("a request").to_ascii_lowercase();
        assert!(seen.contains("x-goog-api-key: realkey\r\n") && seen.contains(went_on), "{seen}");
        assert_eq!(seen.matches("realkey").count(), 1, "{seen}");
    }
    let known = fake.seen().len();
    for query in ["key=a&key=b", "key=a&k%65y=b"] {
        let got = gateway.post(&format!("/v1beta/models/m:generateContent?{query}"), "{\"contents\":[]}");
        assert_eq!(got.status, 400, "{query}: {got:?}");
    }
    assert_eq!(fake.seen().len(), known);
}

/// Each key opens its own plane only.
#[test]
fn planes_are_apart() {
    let fake = fake();
    let gateway = Gateway::new(Some(fake.address), &Wishes { key: Some("sgk_client"), ..Wishes::default() });
    let body = chat("hello", false);
    for field in
        ["", "authorization: Bearer wrong\r\n", "authorization: sgk_\r\n", "x-api-key: ' OR '1'='1\r\n"]
    {
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n{field}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let got = gateway.raw(request.as_bytes());
        assert_eq!((got.status, got.closed), (401, true), "{field}: {got:?}");
        assert!(got.body.contains("\"error\""), "the dialect's own form: {}", got.body);
        assert!(!got.body.contains("wrong"), "a key is told back");
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer sgk_client\r\nconnection: close\r\n\r\n"
        );
        assert_eq!(gateway.raw(request.as_bytes()).status, 404, "{path} on the data plane");
    }
    assert_eq!(gateway.operations("/healthz").status, 200);
    assert_eq!(gateway.operations("/v1/models").status, 404);
    assert_eq!(fake.seen().len(), 0);
}

/// An answer that comes before the body was read still arrives, whatever the client goes on to send.
#[test]
fn early_answers_arrive() {
    let gateway = Gateway::new(None, &Wishes { key: Some("sgk_client"), ..Wishes::default() });
    let mut client = Client::new(gateway.data);
    client.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3000000\r\n\r\n");
    for _ in 0..30 {
        client.send(&[b'x'; 100_000]);
    }
    let got = client.read_all();
    assert_eq!((got.status, got.closed), (401, true), "{got:?}");
}

/// What a path or query says is read; neither can be rewritten, so what would be masked is refused. Text in another charset is unread.
#[test]
fn the_target_is_read() {
    let fake = fake();
    let gateway = Gateway::new(Some(fake.address), &Wishes::default());
    for (path, status) in [
        ("/v1/chat/completions?x=fine", 200),
        ("/v1/chat/completions?x=mask%6de", 400),
        ("/v1beta/models/gemini-2.0:generateContent", 200),
        ("/v1beta/models/maskme@here:generateContent", 400),
    ] {
        let got = gateway.post(path, &chat("hello", false));
        assert_eq!(got.status, status, "{path}: {got:?}");
    }
    let utf7 = post("/v1/chat/completions", &chat("+AG0-askme", false));
    let utf7 = utf7.replace("application/json", "application/json; charset=utf-7");
    assert_eq!(gateway.raw(utf7.as_bytes()).status, 400);
    assert_eq!(fake.seen().len(), 2);
}

/// What answers a TRACE shows the request as it came, with the upstream's credential in it.
#[test]
fn trace_goes_no_further() {
    let fake = Fake::whole("200 OK", "content-type: message/http\r\n", b"TRACE /v1/models HTTP/1.1");
    let wishes = Wishes { unscanned: sluicegate::policy::Unscanned::Allow, ..Wishes::default() };
    let gateway = Gateway::new(Some(fake.address), &wishes);
    let got = gateway.raw(b"TRACE /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    assert_eq!(got.status, 405, "{}", got.body);
    assert!(fake.seen().is_empty());
}
