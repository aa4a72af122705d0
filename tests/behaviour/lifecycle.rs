//! Start, readiness, drain: the canary is in the path, running exchanges end, what outlasts the grace is cut with a record.

use std::time::{Duration, Instant};

use sluicegate::diag::Time;

use super::{Client, Fake, Gateway, Step, Wishes, chat, event, post, wait_for};

#[test]
fn ready_when_the_canary_is_stopped() {
    let gateway = Gateway::new(None, &Wishes { key: Some("sgk_client"), ..Wishes::default() });
    assert_eq!(gateway.operations("/healthz").status, 200);
    let ready = wait_for(|| gateway.operations("/readyz").status == 200);
    assert!(ready, "{}", gateway.operations("/readyz").body);
    assert_eq!(gateway.metric("sluicegate_canary_ok"), 1.0);
}

/// A policy that stops nothing: red, and it says why.
#[test]
fn not_ready_when_the_canary_comes_out() {
    let gateway = Gateway::new(None, &Wishes { canary_rule: false, ..Wishes::default() });
    let red = wait_for(|| gateway.operations("/readyz").body.contains("came out"));
    assert!(red, "{}", gateway.operations("/readyz").body);
    assert_eq!(gateway.operations("/readyz").status, 503);
    assert_eq!(gateway.metric("sluicegate_canary_ok"), 0.0);
}

/// A running stream ends in the time to drain; nothing new is let in meanwhile.
#[test]
fn running_exchanges_end_before_the_gateway_does() {
    let mut steps = vec![Step::Send(event("begin ").into())];
    steps.extend((0..10).flat_map(|_| [Step::Wait(50), Step::Send(event("on ").into())]));
    steps.push(Step::Send(b"data: [DONE]\n\n".to_vec()));
    let fake = Fake::stream(steps);
    let gateway = Gateway::new(Some(fake.address), &Wishes::default());
    let data = gateway.data;
    let mut client = Client::new(data);
    client.send(post("/v1/chat/completions", &chat("hello", true)).as_bytes());
    client.read_until("begin");
    let stopping = std::thread::spawn(move || gateway.only_end());
    let got = client.read_until("[DONE]");
    assert!(got.contains("[DONE]"), "{got}");
    assert_eq!(stopping.join().expect("a thread")["ended"], "complete");
    assert!(std::net::TcpStream::connect(data).is_err(), "the port still answers");
}

/// Who looks at a gateway that drains is told so, and its metrics are there to the end.
#[test]
fn the_operations_port_answers_while_the_gateway_drains() {
    let mut steps = vec![Step::Send(event("begin ").into()), Step::Wait(1500)];
    steps.push(Step::Send(b"data: [DONE]\n\n".to_vec()));
    let fake = Fake::stream(steps);
    let gateway = Gateway::new(Some(fake.address), &Wishes::default());
    let (data, operations) = (gateway.data, gateway.operations);
    let ask = |path: &str| {
        let mut client = Client::new(operations);
        client
            .send(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes());
        client.read_all()
    };
    let mut client = Client::new(data);
    client.send(post("/v1/chat/completions", &chat("hello", true)).as_bytes());
    client.read_until("begin");
    let stopping = std::thread::spawn(move || gateway.only_end());
    assert!(wait_for(|| std::net::TcpStream::connect(data).is_err()), "the data port does not close");
    let ready = ask("/readyz");
    assert_eq!((ready.status, ready.body.as_str()), (503, "draining\n"));
    assert_eq!(ask("/healthz").status, 200);
    assert!(ask("/metrics").body.contains("sluicegate_exchanges_running "));
    client.read_until("[DONE]");
    assert_eq!(stopping.join().expect("a thread")["ended"], "complete");
    assert!(std::net::TcpStream::connect(operations).is_err(), "the operations port still answers");
}

/// What outlasts the grace is cut; its client is told so and its record says so.
#[test]
fn what_outlasts_the_grace_is_cut() {
    let fake = Fake::stream(vec![Step::Send(event("begin ").into()), Step::Hang]);
    let mut wishes = Wishes::default();
    wishes.server.drain = Time(Duration::from_millis(300));
    let gateway = Gateway::new(Some(fake.address), &wishes);
    let mut client = Client::new(gateway.data);
    client.send(post("/v1/chat/completions", &chat("hello", true)).as_bytes());
    client.read_until("begin");
    let begun = Instant::now();
    let end = gateway.only_end();
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!((&end["ended"], &end["error"]), (&"cut".into(), &"shutdown".into()));
    let rest = client.read_until("0\r\n\r\n");
    assert!(rest.contains(r#""code":"shutdown""#) && rest.ends_with("0\r\n\r\n"), "{rest:?}");
    assert!(client.read_all().closed, "the connection stays");
}

/// An idle connection does not hold the gateway up.
#[test]
fn idle_connections_close_at_once() {
    let gateway = Gateway::new(None, &Wishes::default());
    let mut client = Client::new(gateway.data);
    let request = post("/v1/chat/completions", &chat("clean", false)).replace("connection: close\r\n", "");
    client.send(request.as_bytes());
    client.read_until("choices");
    let begun = Instant::now();
    drop(gateway);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

/// A whole answer that is waited for when the grace is over: its client is told, not just left.
#[test]
fn who_waits_for_a_whole_answer_is_told_that_the_gateway_stops() {
    let begun = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{".to_vec();
    for steps in [vec![Step::Hang], vec![Step::Send(begun), Step::Hang]] {
        let fake = Fake::new(steps);
        let mut wishes = Wishes::default();
        wishes.server.drain = Time(Duration::from_millis(200));
        let gateway = Gateway::new(Some(fake.address), &wishes);
        let mut client = Client::new(gateway.data);
        client.send(post("/v1/chat/completions", &chat("hello", false)).as_bytes());
        assert!(wait_for(|| !fake.seen().is_empty()));
        let end = gateway.only_end();
        assert_eq!((&end["ended"], &end["error"]), (&"cut".into(), &"shutdown".into()));
        let answer = client.read_all();
        assert_eq!(answer.status, 503);
        assert!(answer.body.contains(r#""code":"shutdown""#), "{}", answer.body);
    }
}

/// Two gateways on one address would share its connections: one of an old policy would answer every other one.
#[test]
fn a_second_gateway_does_not_share_the_address() {
    let first = Gateway::new(None, &Wishes::default());
    for taken in [first.data, first.operations] {
        let mut wishes = Wishes::default();
        wishes.server.data = taken;
        let refused = Gateway::try_new(None, &wishes).err().map(|error| error.to_string());
        assert!(refused.as_ref().is_some_and(|said| said.contains(&taken.to_string())), "{refused:?}");
    }
}
