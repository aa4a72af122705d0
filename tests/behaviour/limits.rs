//! Every limit from outside (security rules 11 and 13): stated, on, and told in a way that a client understands.

use std::time::{Duration, Instant};

use sluicegate::diag::{Size, Time};

use super::{Client, Fake, Gateway, Step, Wishes, answer, chat, event, post, wait_for};

fn fake() -> Fake {
    Fake::whole("200 OK", "content-type: application/json\r\n", answer("fine").as_bytes())
}

fn ms(n: u64) -> Time {
    Time(Duration::from_millis(n))
}

/// The depth that is set is the one that holds, on both sides, shallow or deep.
#[test]
fn json_is_as_deep_as_it_may_be() {
    let nest = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for depth in [10, 128, 512] {
        let mut wishes = Wishes::default();
        wishes.limits.json_depth = depth;
        // One level is the object around it.
        for (deep, status) in [(depth - 1, 200), (depth, 400)] {
            let fake = fake();
            let gateway = Gateway::new(Some(fake.address), &wishes);
            let body = format!("{{\"model\":\"m\",\"messages\":[],\"x\":{}}}", nest(deep));
            let got = gateway.post("/v1/chat/completions", &body);
            assert_eq!(got.status, status, "{depth} {deep}: {got:?}");
            assert!(status == 200 || got.body.contains(&format!("deeper than {depth} levels")), "{got:?}");
            let body = format!("{{\"choices\":[],\"x\":{}}}", nest(deep));
            let json = "content-type: application/json\r\n";
            let fake = Fake::whole("200 OK", json, body.as_bytes());
            let gateway = Gateway::new(Some(fake.address), &wishes);
            let got = gateway.post("/v1/chat/completions", &chat("hello", false));
            assert_eq!(got.status == 200, status == 200, "{depth} {deep}: {got:?}");
            let fake =
                Fake::stream(vec![Step::Send(format!("data: {body}\n\ndata: [DONE]\n\n").into_bytes())]);
            let gateway = Gateway::new(Some(fake.address), &wishes);
            let got = gateway.post("/v1/chat/completions", &chat("hello", true));
            assert_eq!(got.body.contains("\"error\""), status != 200, "{depth} {deep}: {got:?}");
        }
    }
}

/// A body of the shortest values takes many times its length in memory: their number has a limit of its own, on both sides and over the
/// events that wait.
#[test]
fn json_holds_so_many_values() {
    let mut wishes = Wishes::default();
    wishes.limits.json_values = 1000;
    let list = |one: &str, n: usize| format!("[{}]", vec![one; n].join(","));
    let told = "(`limits.json_values`)";
    for (one, most) in
        [("\"\"", 993), ("\"a\"", 993), ("[]", 993), ("1234567", 993), ("1", 993 * 16), ("null", 993 * 16)]
    {
        for (n, fits) in [(most, true), (most + 1, false)] {
            let fake = fake();
            let gateway = Gateway::new(Some(fake.address), &wishes);
            let body = format!("{{\"model\":\"m\",\"messages\":[],\"x\":{}}}", list(one, n));
            let got = gateway.post("/v1/chat/completions", &body);
            assert_eq!(got.status, if fits { 200 } else { 400 }, "{one} {n}: {got:?}");
            assert_eq!(got.body.contains(told), !fits, "{one} {n}: {got:?}");
            let body = format!("{{\"model\":\"m\",\"choices\":[],\"x\":{}}}", list(one, n));
            let json = "content-type: application/json\r\n";
            let fake = Fake::whole("200 OK", json, body.as_bytes());
            let got =
                Gateway::new(Some(fake.address), &wishes).post("/v1/chat/completions", &chat("hi", false));
            assert_eq!(
                (got.status, got.body.contains(told)),
                (if fits { 200 } else { 502 }, !fits),
                "{one} {n}"
            );
            let fake =
                Fake::stream(vec![Step::Send(format!("data: {body}\n\ndata: [DONE]\n\n").into_bytes())]);
            let got =
                Gateway::new(Some(fake.address), &wishes).post("/v1/chat/completions", &chat("hi", true));
            assert_eq!(got.body.contains(told), !fits, "{one} {n}: {got:?}");
        }
    }
    // Too many are no plain text either, whatever the status and the media type say.
    let body = format!("{{\"x\":{}}}", list("\"\"", 2000));
    for (status, field) in
        [("500 Oh", "content-type: application/json\r\n"), ("200 OK", "content-type: text/plain\r\n")]
    {
        let fake = Fake::whole(status, field, body.as_bytes());
        let got = Gateway::new(Some(fake.address), &wishes).post("/v1/chat/completions", &chat("hi", false));
        assert_eq!((got.status, got.body.contains(told)), (502, true), "{status}: {got:?}");
    }
    // What waits behind a word that may become one of the policy's.
    let many = format!("data: {{\"choices\":[],\"x\":{}}}\n\n", list("\"a\"", 600));
    let steps = [event("say mask"), many.clone(), many, "data: [DONE]\n\n".into()]
        .map(|s| Step::Send(s.into_bytes()));
    let fake = Fake::stream(steps.to_vec());
    let got = Gateway::new(Some(fake.address), &wishes).post("/v1/chat/completions", &chat("hi", true));
    assert!(got.body.contains("held back (`limits.json_values`)"), "{got:?}");
}

/// O16: with a limit on tokens a request says how many it wants, in whatever words its dialect has, and no more than that.
#[test]
fn a_request_asks_for_so_many_tokens() {
    let mut wishes = Wishes::default();
    wishes.limits.output_tokens = Some(100);
    let fake = fake();
    let gateway = Gateway::new(Some(fake.address), &wishes);
    let chat = |more: &str| {
        format!("{{\"model\":\"m\",\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}]{more}}}")
    };
    for (more, status) in [
        (",\"max_tokens\":100", 200),
        (",\"max_completion_tokens\":100,\"max_tokens\":null", 200),
        (",\"max_tokens\":101", 400),
        ("", 400),
        (",\"max_tokens\":null", 400),
        // All answers together; the larger of two; what is no number that everybody reads alike.
        (",\"max_tokens\":50,\"n\":2", 200),
        (",\"max_tokens\":51,\"n\":2", 400),
        (",\"max_tokens\":50,\"best_of\":3", 400),
        (",\"max_tokens\":5,\"max_completion_tokens\":500", 400),
        (",\"max\\u005ftokens\":500", 400),
        (",\"max_tokens\":-1", 400),
        (",\"max_tokens\":1e9", 400),
        (",\"max_tokens\":\"5000\"", 400),
    ] {
        let got = gateway.post("/v1/chat/completions", &chat(more));
        assert_eq!(got.status, status, "{more}: {got:?}");
        assert!(status == 200 || got.body.contains("(`limits.output_tokens`)"), "{more}: {got:?}");
    }
    // What no model's words answer asks for none.
    let got = gateway.post("/v1/embeddings", "{\"model\":\"m\",\"input\":\"hi\"}");
    assert_eq!(got.status, 200, "{got:?}");
    let contents = "\"contents\":[{\"parts\":[{\"text\":\"hi\"}]}]";
    for (path, under, over) in [
        (
            "/v1/messages",
            "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[]}".to_owned(),
            "{\"model\":\"m\",\"max_tokens\":900,\"messages\":[]}".to_owned(),
        ),
        (
            "/v1beta/models/m:generateContent",
            format!("{{{contents},\"generationConfig\":{{\"maxOutputTokens\":9}}}}"),
            format!("{{{contents},\"generationConfig\":{{\"maxOutputTokens\":60,\"candidateCount\":2}}}}"),
        ),
        (
            "/api/chat",
            "{\"model\":\"m\",\"stream\":false,\"messages\":[],\"options\":{\"num_predict\":9}}".to_owned(),
            "{\"model\":\"m\",\"stream\":false,\"messages\":[],\"options\":{\"num_predict\":-1}}".to_owned(),
        ),
    ] {
        let told = |body: &str| gateway.post(path, body).body.contains("(`limits.output_tokens`)");
        assert!(!told(&under) && told(&over), "{path}");
    }
}

#[test]
fn heads_bodies_and_depth() {
    let fake = fake();
    let mut wishes = Wishes::default();
    wishes.limits.body = Size::kib(64);
    let gateway = Gateway::new(Some(fake.address), &wishes);
    let line = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n";
    let many = "x-y: z\r\n".repeat(120);
    let long = "x".repeat(40_000);
    let declared = format!("{line}content-length: 70000\r\n\r\n");
    let undeclared =
        format!("{line}transfer-encoding: chunked\r\n\r\n11170\r\n{}\r\n0\r\n\r\n", "x".repeat(70_000));
    let nested = format!("{{\"model\":\"m\",\"messages\":{}{}}}", "[".repeat(200), "]".repeat(200));
    for (what, bytes, status) in [
        ("fields", format!("{line}{many}content-length: 0\r\n\r\n"), 431),
        ("a long field", format!("{line}x: {long}\r\ncontent-length: 0\r\n\r\n"), 431),
        ("a long path", format!("POST /v1/{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(9000)), 400),
        ("a declared body", declared, 413),
        ("a chunked body", undeclared, 413),
        ("depth", post("/v1/chat/completions", &nested), 400),
    ] {
        let got = gateway.raw(bytes.as_bytes());
        assert_eq!((got.status, got.closed), (status, true), "{what}: {}", got.head);
    }
    let heads = "sluicegate_refused_total{reason=\"head_too_large\"}";
    assert!(wait_for(|| gateway.metric(heads) >= 2.0), "heads over the limits are not counted");
    assert_eq!(fake.seen().len(), 0);
    assert_eq!(gateway.post("/v1/chat/completions", &chat("hello", false)).status, 200);
}

/// A refused body is on record, and its error has the dialect's form.
#[test]
fn what_is_too_large_is_recorded() {
    let mut wishes = Wishes::default();
    wishes.limits.body = Size::kib(1);
    let gateway = Gateway::new(None, &wishes);
    let got = gateway.post("/v1/chat/completions", &chat(&"x".repeat(2000), false));
    assert_eq!(got.status, 413);
    assert!(got.body.contains("\"error\""), "{}", got.body);
    let records = gateway.records();
    let [(admission, Some(end))] = records.as_slice() else { panic!("one exchange: {records:?}") };
    assert_eq!(admission["error"], "request_too_large");
    assert_eq!((&end["status"], &end["ended"]), (&413.into(), &"refused".into()));
}

/// A connection that says nothing, a head that never ends, a body that stands still, an idle connection: each has its time.
#[test]
fn slow_clients_do_not_stay() {
    let mut wishes = Wishes::default();
    wishes.limits.header_read = ms(300);
    wishes.limits.body_idle = ms(300);
    wishes.limits.idle = ms(1500);
    let fake = Fake::whole("200 OK", "content-type: application/json\r\n", answer("fine").as_bytes());
    let gateway = Gateway::new(Some(fake.address), &wishes);
    let begun = Instant::now();
    assert!(Client::new(gateway.data).read_all().closed, "a silent connection stays");

    let mut drip = Client::new(gateway.data);
    drip.send(b"POST /v1/chat/completions HTTP/1.1\r\n");
    for _ in 0..5 {
        std::thread::sleep(Duration::from_millis(100));
        drip.send(b"x: y\r\n");
    }
    assert!(drip.read_all().closed, "a dripping head stays");
    let slow = "sluicegate_refused_total{reason=\"slow_head\"}";
    assert!(wait_for(|| gateway.metric(slow) >= 1.0), "a head that took too long is not counted");

    let mut body = Client::new(gateway.data);
    body.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{");
    let got = body.read_all();
    assert_eq!((got.status, got.closed), (408, true), "{got:?}");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());

    // A connection may wait for its next request longer than a head may take.
    let mut kept = Client::new(gateway.data);
    let request = post("/v1/chat/completions", &chat("hello", false)).replace("connection: close\r\n", "");
    for _ in 0..2 {
        kept.send(request.as_bytes());
        assert!(kept.read_until("\"fine\"").starts_with("HTTP/1.1 200"));
        std::thread::sleep(Duration::from_millis(600));
    }
    assert!(kept.read_all().closed, "an idle connection stays");
}

#[test]
fn connections_and_exchanges_are_counted() {
    let fake = Fake::new(vec![Step::Hang]);
    let mut wishes = Wishes { key: Some("sgk_client"), ..Wishes::default() };
    wishes.limits.exchanges_per_key = 2;
    wishes.limits.connections_per_address = 6;
    wishes.server.canary = Time::secs(600);
    let gateway = Gateway::new(Some(fake.address), &wishes);
    assert!(wait_for(|| gateway.operations("/readyz").status == 200));
    let body = chat("hello", false);
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer sgk_client\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut held: Vec<Client> = (0..2).map(|_| Client::new(gateway.data)).collect();
    for client in &mut held {
        client.send(request.as_bytes());
    }
    assert!(wait_for(|| fake.seen().len() == 2));
    let got = gateway.raw(request.as_bytes());
    assert_eq!((got.status, got.closed), (429, true), "{got:?}");
    let more: Vec<Client> = (0..6).map(|_| Client::new(gateway.data)).collect();
    let got = gateway.raw(request.as_bytes());
    assert_eq!((got.status, got.closed), (0, true), "a connection over the limit: {got:?}");
    drop((held, more));
    assert!(wait_for(|| fake.closed() == 2), "a client that leaves closes the upstream");
}

/// A reader that stands still slows the upstream; what the gateway and the kernel hold meanwhile is bounded.
#[test]
fn a_slow_reader_slows_the_upstream() {
    let piece = event(&"x".repeat(8000));
    let pieces = vec![Step::Send(piece.as_bytes().to_vec()); 4000];
    let sent = piece.len() * pieces.len();
    let fake = Fake::stream(pieces);
    let gateway = Gateway::new(Some(fake.address), &Wishes::default());
    let mut client = Client::new(gateway.data);
    client.send(post("/v1/chat/completions", &chat("hello", true)).as_bytes());
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(fake.closed(), 0, "the upstream got rid of {sent} bytes that nobody read");
    drop(client);
    assert!(wait_for(|| fake.closed() == 1), "a client that leaves closes the upstream");
    assert_eq!(gateway.only_end()["ended"], "client_left");
}

/// A client that takes nothing of its answer any more, streamed or whole, is let go, and its upstream with it.
#[test]
fn a_reader_that_stands_still_is_let_go() {
    let piece = event(&"x".repeat(8000));
    let text = "x".repeat(12 << 20);
    let cases = [
        Fake::stream(vec![Step::Send(piece.into_bytes()); 4000]),
        Fake::whole("200 OK", "content-type: application/json\r\n", answer(&text).as_bytes()),
    ];
    for (fake, stream) in cases.into_iter().zip([true, false]) {
        let mut wishes = Wishes::default();
        wishes.limits.answer_idle = ms(800);
        let gateway = Gateway::new(Some(fake.address), &wishes);
        let mut client = Client::new(gateway.data);
        client.send(post("/v1/chat/completions", &chat("hello", stream)).as_bytes());
        let stalled = "sluicegate_refused_total{reason=\"stalled\"} ";
        assert!(wait_for(|| gateway.metric(stalled) == 1.0), "stream {stream}: it stays");
        assert!(wait_for(|| fake.closed() == 1), "stream {stream}: the upstream waits for nobody");
        let got = client.read_all();
        assert!(got.closed && !got.complete, "stream {stream}: {} bytes", got.body.len());
        let ended = if stream { "stalled" } else { "complete" };
        assert_eq!(gateway.only_end()["ended"], ended);
    }
}

/// A client that reads slowly, but reads, gets all of its answer.
#[test]
fn a_slow_reader_stays() {
    let piece = event(&"x".repeat(8000));
    let mut pieces = vec![Step::Send(piece.into_bytes()); 1500];
    pieces.push(Step::Send(b"data: [DONE]\n\n".to_vec()));
    let fake = Fake::stream(pieces);
    let mut wishes = Wishes::default();
    wishes.limits.answer_idle = ms(1200);
    let gateway = Gateway::new(Some(fake.address), &wishes);
    let mut client = Client::new(gateway.data);
    client.send(post("/v1/chat/completions", &chat("hello", true)).as_bytes());
    // The kernel tells the gateway of room by the megabyte.
    for _ in 0..24 {
        std::thread::sleep(Duration::from_millis(100));
        client.read_some(400 << 10);
    }
    let got = client.read_all();
    assert!(got.closed, "{:?}", got.took);
    assert_eq!(gateway.only_end()["ended"], "complete");
}

/// A body that drips is never still for long, and has its time in all.
#[test]
fn a_body_that_drips_has_its_time() {
    let mut wishes = Wishes::default();
    wishes.limits.body_read = ms(700);
    let gateway = Gateway::new(Some(fake().address), &wishes);
    let mut client = Client::new(gateway.data);
    client.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{");
    let begun = Instant::now();
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(100));
        client.send(b" ");
    }
    let got = client.read_all();
    assert_eq!((got.status, got.closed), (408, true), "{got:?}");
    assert!(got.body.contains("did not arrive within"), "{got:?}");
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    assert_eq!(gateway.only_end()["error"], "request_timeout");
}

/// Bodies that arrive slowly take no place from those that do not, and a few of them may.
#[test]
fn drips_starve_nobody() {
    let fake = fake();
    let mut wishes = Wishes { key: Some("sgk_client"), ..Wishes::default() };
    wishes.limits.exchanges_per_key = 8;
    let gateway = Gateway::new(Some(fake.address), &wishes);
    let body = chat("hello", false);
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer sgk_client\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (most, rest) = request.split_at(request.len() - 1);
    let mut drips: Vec<Client> = (0..8).map(|_| Client::new(gateway.data)).collect();
    for drip in &mut drips {
        drip.send(most.as_bytes());
    }
    let limited = "sluicegate_errors_total{code=\"rate_limited\"}";
    assert!(wait_for(|| gateway.metric(limited) == 6.0), "slow bodies keep their places");
    assert_eq!(gateway.raw(request.as_bytes()).status, 200);
    let mut told = Vec::new();
    for drip in &mut drips {
        drip.send(rest.as_bytes());
        told.push(drip.read_all().status);
    }
    told.sort_unstable();
    assert_eq!(told, [200, 200, 429, 429, 429, 429, 429, 429]);
    assert_eq!(fake.seen().len(), 3);
}

/// A body that came slowly but came is not refused for those that came meanwhile.
#[test]
fn a_slow_body_is_answered_at_last() {
    let whole =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{}", answer("fine").len(), answer("fine"));
    let fake = Fake::new(vec![Step::Wait(2500), Step::Send(whole.into())]);
    let mut wishes = Wishes { key: Some("sgk_client"), ..Wishes::default() };
    wishes.limits.exchanges_per_key = 4;
    let gateway = Gateway::new(Some(fake.address), &wishes);
    let body = chat("hello", false);
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer sgk_client\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (most, rest) = request.split_at(request.len() - 1);
    let mut slow = Client::new(gateway.data);
    slow.send(most.as_bytes());
    // It has left the places of the others once it counts as slow.
    std::thread::sleep(Duration::from_millis(1500));
    let mut others: Vec<Client> = (0..4).map(|_| Client::new(gateway.data)).collect();
    for other in &mut others {
        other.send(request.as_bytes());
    }
    assert!(wait_for(|| fake.seen().len() == 4));
    slow.send(rest.as_bytes());
    assert!(wait_for(|| fake.seen().len() == 5), "a body that has arrived is refused");
    assert_eq!(gateway.raw(request.as_bytes()).status, 429, "there are no more places");
    for client in others.iter_mut().chain([&mut slow]) {
        assert_eq!(client.read_all().status, 200);
    }
}

/// One event, and one whole answer, may be as long as the limits say and no longer.
#[test]
fn answers_have_their_limits() {
    let mut wishes = Wishes::default();
    wishes.limits.event = Size::kib(16);
    wishes.limits.answer = Size::kib(16);
    let long = "x".repeat(40_000);
    let fake = Fake::stream(vec![Step::Send(event("one ").into()), Step::Send(event(&long).into())]);
    let gateway = Gateway::new(Some(fake.address), &wishes);
    let got = gateway.post("/v1/chat/completions", &chat("hello", true));
    assert_eq!(got.status, 200);
    assert!(got.body.contains("one ") && !got.body.contains("xxx"), "{}", got.body);
    assert_eq!(gateway.only_end()["error"], "upstream_invalid_response");
    let fake = Fake::whole("200 OK", "content-type: application/json\r\n", answer(&long).as_bytes());
    let gateway = Gateway::new(Some(fake.address), &wishes);
    let got = gateway.post("/v1/chat/completions", &chat("hello", false));
    assert_eq!(got.status, 502, "{got:?}");
    assert_eq!(gateway.only_end()["error"], "upstream_invalid_response");
}
