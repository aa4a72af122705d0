//! Who talks to a model for long is reminded, and who wants to end it does so in one turn.

use std::time::Duration;

use serde_json::{Value, json};

use super::reload::Files;
use super::{Answer, Fake, Gateway, answer, chat};

fn gateway(fake: &Fake, more: &str) -> Gateway {
    let files = Files::new(fake.address, "maskme");
    let config = std::fs::read_to_string(files.path("gateway.toml")).expect("a file");
    let sessions = format!("[policy.sessions]\nremind = \"1 s\"\n{more}\n[[upstream]]");
    files.write("gateway.toml", &config.replace("[[upstream]]", &sessions));
    files.start().0
}

fn fake() -> Fake {
    Fake::whole("200 OK", "content-type: application/json\r\n", answer("fine").as_bytes())
}

fn said(got: &Answer) -> String {
    let body: Value = serde_json::from_str(&got.body).unwrap_or_default();
    assert_eq!(body["choices"][0]["finish_reason"], "stop", "{}", got.body);
    body["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_reminder_takes_one_turn_and_the_next_goes_on() {
    let fake = fake();
    let gateway = gateway(&fake, "");
    let talk = |text: &str| gateway.post("/v1/chat/completions", &chat(text, false));
    assert_eq!(said(&talk("hello")), "fine");
    std::thread::sleep(Duration::from_millis(1100));
    let upstream = fake.seen().len();
    let reminder = said(&talk("你好，我们继续聊天吧"));
    assert!(reminder.contains("请适当休息") && reminder.contains("人工智能"), "{reminder}");
    assert_eq!(fake.seen().len(), upstream, "the model was not asked");
    assert_eq!(said(&talk("hello")), "fine");
    // Whoever else talks has a session of their own; what no user says is none.
    std::thread::sleep(Duration::from_millis(1100));
    let other = json!({"model": "m", "user": "bob", "messages": [{"role": "user", "content": "hello"}]});
    assert_eq!(said(&gateway.post("/v1/chat/completions", &other.to_string())), "fine");
    let tool = json!({"model": "m", "messages": [{"role": "tool", "tool_call_id": "t", "content": "hello"}]});
    assert_eq!(said(&gateway.post("/v1/chat/completions", &tool.to_string())), "fine");
    assert!(said(&talk("hello")).starts_with("You have been talking for 0 minutes"));
    assert_eq!(gateway.metric("sluicegate_session_notices_total{kind=\"reminder\"}"), 2.0);
    let records = gateway.records();
    let own: Vec<_> = records.iter().filter(|(admission, _)| admission["error"] == "reminder").collect();
    assert_eq!(own.len(), 2);
    for (admission, end) in own {
        let end = end.as_ref().expect("an end");
        assert_eq!((&admission["upstream"], &admission["verdict"]), (&json!("-"), &json!("allow")));
        assert_eq!((&end["ended"], &end["status"]), (&json!("answered"), &json!(200)));
    }
}

#[test]
fn an_exit_is_honoured_in_one_turn() {
    let fake = fake();
    let gateway = gateway(&fake, "exit = [\"bye\", \"退出\"]");
    for (words, want) in [("Bye!", "This conversation has ended"), (" 退出。", "本次对话已结束")] {
        let got = gateway.post("/v1/chat/completions", &chat(words, false));
        assert!(said(&got).contains(want), "{words}: {}", got.body);
        let streamed = gateway.post("/v1/chat/completions", &chat(words, true));
        assert!(streamed.body.contains(want) && streamed.body.contains("data: [DONE]"), "{}", streamed.body);
        assert!(streamed.body.contains("\"finish_reason\":\"stop\""), "{}", streamed.body);
    }
    assert_eq!(fake.seen().len(), 0);
    assert_eq!(said(&gateway.post("/v1/chat/completions", &chat("how do I say bye", false))), "fine");
    // What ends has no reminder behind it.
    std::thread::sleep(Duration::from_millis(1100));
    gateway.post("/v1/chat/completions", &chat("bye", false));
    assert_eq!(said(&gateway.post("/v1/chat/completions", &chat("hello", false))), "fine");
}

#[test]
fn an_application_may_remind_by_itself() {
    let fake = fake();
    let gateway = gateway(&fake, "remind_in = \"header\"\nexit = []");
    let talk = || gateway.post("/v1/chat/completions", &chat("exit", false));
    assert_eq!(talk().field("x-sluicegate-reminder"), None);
    std::thread::sleep(Duration::from_millis(1100));
    let told = talk();
    assert_eq!(
        (said(&told).as_str(), told.field("x-sluicegate-reminder")),
        ("fine", Some("1")),
        "{}",
        told.head
    );
    assert_eq!(talk().field("x-sluicegate-reminder"), None);
}

#[test]
fn other_routes_are_left_alone() {
    let fake = fake();
    // Without routes each upstream is one.
    let gateway = gateway(&fake, "routes = [\"fake\"]");
    assert!(said(&gateway.post("/v1/chat/completions", &chat("exit", false))).contains("ended"));
    let files = Files::new(fake.address, "maskme");
    let config = std::fs::read_to_string(files.path("gateway.toml")).expect("a file");
    let sessions = "[policy.sessions]\nroutes = [\"companion\"]\n[[upstream]]";
    let routes = "[[route]]\nname = \"companion\"\nmodel = \"friend-*\"\nupstream = \"fake\"\n[[route]]\nname = \"rest\"\nupstream = \"fake\"\n";
    files.write("gateway.toml", &(config.replace("[[upstream]]", sessions) + routes));
    let gateway = files.start().0;
    assert_eq!(said(&gateway.post("/v1/chat/completions", &chat("exit", false))), "fine");
    let friend = chat("exit", false).replace("\"m\"", "\"friend-1\"");
    assert!(said(&gateway.post("/v1/chat/completions", &friend)).contains("ended"));
}
