//! Who may use a gateway without keys: programs on this machine. A web page that somebody looks at on this machine is none of them,
//! whether it sends a request that needs no leave (a form) or gives its own name this machine's address (DNS rebinding).

use sluicegate::policy::Unscanned;

use super::{Answer, Client, Fake, Gateway, Wishes, answer, chat};

fn fake() -> Fake {
    Fake::whole("200 OK", "content-type: application/json\r\n", answer("fine").as_bytes())
}

/// A chat with these fields besides its length.
fn with(gateway: &Gateway, path: &str, fields: &str) -> Answer {
    let body = chat("hello", false);
    let length = body.len();
    gateway.raw(
        format!(
            "POST {path} HTTP/1.1\r\n{fields}connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .as_bytes(),
    )
}

const JSON: &str = "content-type: application/json\r\n";

#[test]
fn only_this_machine_is_called() {
    let fake = fake();
    let gateway = Gateway::new(Some(fake.address), &Wishes::default());
    for host in [
        "localhost",
        "LOCALHOST:8080",
        "api.localhost",
        "localhost.",
        "127.0.0.1",
        "127.1.2.3:80",
        "[::1]",
        "[::1]:8080",
        "[::ffff:127.0.0.1]:1",
    ] {
        let got = with(&gateway, "/v1/chat/completions", &format!("host: {host}\r\n{JSON}"));
        assert_eq!(got.status, 200, "{host}: {got:?}");
    }
    let served = fake.seen().len();
    for host in [
        "rebind.evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil-localhost",
        "10.0.0.1",
        "0.0.0.0:8080",
        "[::]",
        "[fe80::1]",
        "localhost:",
        "localhost:x",
        "[::1",
        "a",
    ] {
        for path in ["/v1/chat/completions", "/v1/nothing"] {
            let got = with(&gateway, path, &format!("host: {host}\r\n{JSON}"));
            assert_eq!(got.status, 403, "{host}: {got:?}");
            assert!(
                got.closed && got.body.contains("\"error\"") && got.body.contains("localhost"),
                "{host}: {got:?}"
            );
        }
        let get = format!("GET /v1/models HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        assert_eq!(gateway.raw(get.as_bytes()).status, 403, "{host}");
    }
    assert_eq!(fake.seen().len(), served);
    assert!(gateway.metric("sluicegate_errors_total{code=\"forbidden\"}") >= 24.0);
}

#[test]
fn no_web_page_but_its_own_is_answered() {
    let fake = fake();
    let gateway = Gateway::new(Some(fake.address), &Wishes::default());
    let host = "host: localhost:8080\r\n";
    for fields in [
        "",
        "origin: http://localhost:8080\r\n",
        "origin: http://LOCALHOST:8080\r\nsec-fetch-site: same-origin\r\n",
        "sec-fetch-site: none\r\n",
    ] {
        let got = with(&gateway, "/v1/chat/completions", &format!("{host}{JSON}{fields}"));
        assert_eq!(got.status, 200, "{fields}: {got:?}");
    }
    let served = fake.seen().len();
    for fields in [
        "origin: https://evil.example\r\nsec-fetch-site: cross-site\r\n",
        "origin: null\r\n",
        "origin: http://localhost:3000\r\n",
        "origin: http://localhost:8080.evil.example\r\n",
        "origin: http://localhost:8080\r\norigin: https://evil.example\r\n",
        "sec-fetch-site: cross-site\r\n",
        "sec-fetch-site: same-site\r\n",
        "sec-fetch-site: none\r\nsec-fetch-site: cross-site\r\n",
    ] {
        for (path, mark) in [
            ("/v1/chat/completions", "\"type\""),
            ("/v1/messages", "permission_error"),
            ("/v1beta/models/g:generateContent", "PERMISSION_DENIED"),
            ("/api/chat", "\"error\""),
        ] {
            let got = with(&gateway, path, &format!("{host}{JSON}{fields}"));
            assert_eq!(got.status, 403, "{path} {fields}: {got:?}");
            assert!(got.body.contains(mark), "{path}: {}", got.body);
        }
    }
    assert_eq!(fake.seen().len(), served);
}

/// A page has no key, so keys are all that is asked for where there are some.
#[test]
fn keys_are_enough() {
    let fake = fake();
    let gateway = Gateway::new(Some(fake.address), &Wishes { key: Some("sgk_client"), ..Wishes::default() });
    let fields = format!(
        "host: gateway.example\r\norigin: https://app.example\r\nauthorization: Bearer sgk_client\r\n{JSON}"
    );
    assert_eq!(with(&gateway, "/v1/chat/completions", &fields).status, 200);
}

#[test]
fn operations_are_called_by_this_machine_s_names() {
    let gateway = Gateway::new(None, &Wishes::default());
    let status = |host: &str| {
        let mut client = Client::new(gateway.operations);
        client.send(format!("GET /metrics HTTP/1.1\r\n{host}connection: close\r\n\r\n").as_bytes());
        client.read_all().status
    };
    for host in ["host: localhost:9090\r\n", "host: 127.0.0.1\r\n", "host: [::1]:9090\r\n"] {
        assert_eq!(status(host), 200, "{host}");
    }
    for host in
        ["host: rebind.evil.example\r\n", "host: localhost\r\nhost: evil.example\r\n", "host: 10.0.0.1\r\n"]
    {
        assert!([400, 403].contains(&status(host)), "{host}: {}", status(host));
    }
}

/// What the body is said to be: JSON, or nothing at all, or what `curl -d` says without being asked. It goes on as JSON.
#[test]
fn bodies_are_json() {
    let fake = fake();
    let gateway = Gateway::new(Some(fake.address), &Wishes::default());
    for media in [
        "",
        "content-type:\r\n",
        "content-type: application/json\r\n",
        "content-type: Application/JSON; charset=utf-8\r\n",
        "content-type: application/vnd.api+json\r\n",
        "content-type: application/x-www-form-urlencoded\r\n",
    ] {
        let got = with(&gateway, "/v1/chat/completions", &format!("host: localhost\r\n{media}"));
        assert_eq!(got.status, 200, "{media:?}: {got:?}");
        let seen = fake.seen().pop().unwrap_or_default().to_ascii_lowercase();
        assert!(seen.contains("content-type: application/") && seen.contains("json"), "{media:?}: {seen}");
        assert!(!seen.contains("form") && !seen.contains("content-type:\r\n"), "{media:?}: {seen}");
    }
    let served = fake.seen().len();
    for media in ["text/notjson", "text/plain", "application/notjson", "json", "application/x-ndjson"] {
        let got =
            with(&gateway, "/v1/chat/completions", &format!("host: localhost\r\ncontent-type: {media}\r\n"));
        assert_eq!(got.status, 400, "{media}: {got:?}");
        assert!(got.body.contains("media type"), "{media}: {got:?}");
    }
    assert_eq!(fake.seen().len(), served);
}

/// A form that a browser sends is never passed on, whatever the policy lets pass unread.
#[test]
fn no_form_of_a_browser_passes() {
    let fake = fake();
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    for unscanned in [Unscanned::Block, Unscanned::Flag, Unscanned::Allow] {
        for key in [None, Some("sgk_client")] {
            let gateway = Gateway::new(Some(fake.address), &Wishes { unscanned, key, ..Wishes::default() });
            for browser in [
                "origin: http://localhost\r\n",
                "sec-fetch-site: same-origin\r\n",
                "sec-fetch-mode: no-cors\r\n",
            ] {
                let fields =
                    format!("host: localhost\r\n{form}{browser}authorization: Bearer sgk_client\r\n");
                let got = with(&gateway, "/v1/chat/completions", &fields);
                assert_eq!(got.status, 415, "{browser} {got:?}");
            }
        }
    }
    assert_eq!(fake.seen().len(), 0);
}
