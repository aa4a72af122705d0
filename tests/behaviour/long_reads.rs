//! Requests that take long to read keep nobody waiting, and have their time.

use super::fake::Fake;
use super::{Client, Gateway, Wishes, chat, post, wait_for};
use sluicegate::diag::Time;
use std::time::{Duration, Instant};

fn fake() -> Fake {
    Fake::whole("200 OK", "content-type: application/json\r\n", br#"{"choices":[]}"#)
}

/// A text of which each letter may begin a disguised word that never comes.
fn costly(bytes: usize) -> String {
    post("/v1/chat/completions", &chat(&"b*".repeat(bytes / 2), false))
}

#[test]
fn nobody_waits_for_them() {
    let fake = fake();
    let mut wishes = Wishes::default();
    wishes.limits.scan = Time::secs(600);
    let gateway = Gateway::new(Some(fake.address), &wishes);
    let mut long: Vec<Client> = (0..6).map(|_| Client::new(gateway.data)).collect();
    for client in &mut long {
        client.send(costly(8 << 20).as_bytes());
    }
    assert!(wait_for(|| gateway.metric("sluicegate_exchanges_running") >= 6.0));
    let begun = Instant::now();
    for _ in 0..3 {
        assert_eq!(gateway.post("/v1/chat/completions", &chat("hello", false)).status, 200);
    }
    assert!(begun.elapsed() < super::PATIENCE, "{:?}", begun.elapsed());
    // Clients that leave are not read for: the gateway ends well before it could have read all of that.
    drop(long);
    assert!(wait_for(|| gateway.metric("sluicegate_exchanges_running") == 0.0));
    assert_eq!(gateway.post("/v1/chat/completions", &chat(&"hello ".repeat(8000), false)).status, 200);
}

#[test]
fn they_have_their_time() {
    let fake = fake();
    let mut wishes = Wishes::default();
    wishes.limits.scan = Time(Duration::from_millis(300));
    let gateway = Gateway::new(Some(fake.address), &wishes);
    let got = gateway.raw(costly(8 << 20).as_bytes());
    assert_eq!(got.status, 413, "{got:?}");
    assert!(got.body.contains("limits.scan"), "{}", got.body);
    assert_eq!(gateway.only_end()["error"], "request_too_large");
    assert_eq!(fake.seen().len(), 0);
}
