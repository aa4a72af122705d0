//! Answers that a person reviews, with the program itself: held whole and in streams, let pass, corrected, rejected, over a restart; their text
//! nowhere in the clear and nobody else's.

use super::reload::{Process, lay_out, wait_for};
use super::{holding, program, run, text};
use crate::behaviour::{Fake, Step, answer, chat, event};
use serde_json::Value;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the rule that is reviewed blocks, what another masks, and what a third one blocks.
const RULES: &str = "\
[[rule]]\nid = \"dose\"\ntitle = \"t\"\ncategory = \"DOSE\"\nkeywords = [\"forty drops\"]\n\
actions = { output = \"block\" }\nexamples = [\"forty drops\"]\ncounter_examples = [\"four drops\"]\n\
[[rule]]\nid = \"foul\"\ntitle = \"t\"\ncategory = \"WORD\"\nkeywords = [\"quince jam\"]\n\
actions = { output = \"block\" }\nexamples = [\"quince jam\"]\ncounter_examples = [\"plum jam\"]\n\
[[rule]]\nid = \"claim\"\ntitle = \"t\"\ncategory = \"CLAIM\"\nkeywords = [\"always heals\"]\n\
actions = { output = \"flag\" }\nexamples = [\"always heals\"]\ncounter_examples = [\"heals\"]\n";
const PATH: &str = "/v1/chat/completions";

/// A key of each of two tenants, and the gateway.
fn gateway(upstream: &Fake, texts: &str) -> (Process, [String; 2]) {
    gateway_under("", upstream, texts)
}

/// The same with more in its `[policy]`.
fn gateway_under(policy: &str, upstream: &Fake, texts: &str) -> (Process, [String; 2]) {
    let reviewed = "[policy.review]\nrules = [\"p/dose\", \"p/claim\"]\nwithin = \"4 h\"\n";
    let dir = lay_out(&format!("{policy}{reviewed}"));
    fs::write(dir.path().join("packs/p/rules/more.toml"), RULES).expect("a file");
    let path = dir.path().join("gateway.toml");
    let mut config = fs::read_to_string(&path)
        .expect("a file")
        .replace("demonstration:", &format!("http://{}", upstream.address));
    config.push_str(texts);
    fs::write(&path, &config).expect("a file");
    let keys = ["red", "blue"].map(|tenant| {
        let config = path.to_str().expect("a path");
        let made = run(&["key", "new", "--tenant", tenant, "--config", config, "--format", "json"]);
        let made: Value = serde_json::from_slice(&made.stdout).expect("a key");
        (
            tenant,
            made["key"].as_str().expect("a key").to_owned(),
            made["hash"].as_str().expect("a hash").to_owned(),
        )
    });
    for (tenant, _, hash) in &keys {
        let tenant =
            format!("[[tenant]]\nname = \"{tenant}\"\nkeys = [{{ id = \"{tenant}\", hash = \"{hash}\" }}]\n");
        config += &tenant;
    }
    fs::write(&path, config).expect("a file");
    (Process::run(dir), keys.map(|(_, key, _)| key))
}

/// Status, head and body.
fn send(gateway: &Process, key: &str, method: &str, path: &str, body: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(&gateway.data).expect("a gateway");
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\nx-sluicegate-user: alice\r\n\
         content-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .expect("a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let answer = String::from_utf8(answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, head.to_ascii_lowercase(), body.to_owned())
}

fn ask(gateway: &Process, key: &str, stream: bool) -> (u16, String, String) {
    send(gateway, key, "POST", PATH, &chat("what helps?", stream))
}

fn id(head: &str) -> String {
    head.lines().find_map(|line| line.strip_prefix("x-sluicegate-exchange: ")).expect("an id").to_owned()
}

fn look(gateway: &Process, key: &str, id: &str, more: &str) -> (u16, Value) {
    let (status, _, body) = send(gateway, key, "GET", &format!("/reviews/{id}{more}"), "");
    (status, serde_json::from_str(&body).unwrap_or_default())
}

fn verb(gateway: &Process, arguments: &[&str], code: i32) -> Value {
    let mut whole = vec!["review"];
    whole.extend(arguments);
    whole.extend(["--operations", &gateway.operations, "--format", "json"]);
    let output = run(&whole);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

fn decide(gateway: &Process, what: &str, id: &str, code: i32) -> Value {
    verb(gateway, &[what, id, "--by", "dr. sato", "--why", "read it"], code)
}

fn correct(gateway: &Process, id: &str, with: &str, code: i32) {
    let mut child = program(&["review", "correct", id, "--text", "-", "--by", "dr. sato", "--why", "a dose"])
        .args(["--operations", &gateway.operations])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("its input").write_all(with.as_bytes()).expect("a text");
    assert_eq!(child.wait().expect("its end").code(), Some(code));
}

/// Waits until the review of an exchange is there.
fn arrives(gateway: &Process, id: &str) -> Value {
    let seen = std::cell::RefCell::new(Value::Null);
    let there = wait_for(|| {
        let output = run(&["review", "show", id, "--operations", &gateway.operations, "--format", "json"]);
        let review: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        // It is there at once; what was held comes when it has been read.
        let read = review["lost"] != "it has not been read to its end";
        *seen.borrow_mut() = review;
        output.status.code() == Some(0) && read
    });
    assert!(there, "no review of {id}");
    seen.into_inner()
}

const TEXTS: &str = "[journal.texts]\nkeep = \"found\"\n";

#[test]
fn a_held_answer_goes_to_who_asked_once_it_is_approved() {
    let said = answer("Take forty drops. It first helps.");
    let fake = Fake::whole("200 OK", "content-type: application/json\r\n", said.as_bytes());
    // The key comes from where a key service would print it.
    let command = "key_command = [\"/bin/echo\", \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"]\n";
    let (gateway, [red, blue]) = gateway(&fake, &format!("{TEXTS}{command}"));
    let (status, head, body) = ask(&gateway, &red, false);
    assert_eq!(status, 400, "{body}");
    let id = id(&head);
    let error: Value = serde_json::from_str(&body).expect("JSON");
    let told = &error["error"]["sluicegate"];
    assert_eq!(told["review"], format!("/reviews/{id}"), "{error}");
    assert_eq!(told["review_within_seconds"], 4 * 3600, "{error}");
    assert!(error["error"]["message"].to_string().contains("a person reviews it"), "{error}");
    let review = arrives(&gateway, &id);
    assert_eq!(
        (&review["held"], &review["rules"]),
        (&true.into(), &serde_json::json!(["p/dose"])),
        "{review}"
    );
    assert_eq!(look(&gateway, &red, &id, "").1["state"], "pending");
    assert_eq!(look(&gateway, &red, &id, "/answer").0, 202);
    // Nobody else learns that there is one.
    assert_eq!(look(&gateway, &blue, &id, ""), look(&gateway, &blue, "01hzy3v7k2m9q4w8x5t6r1n0pd", ""));
    assert_eq!(look(&gateway, "wrong", &id, "").0, 401);
    assert_eq!(send(&gateway, &red, "POST", &format!("/reviews/{id}"), "").0, 405);
    assert_eq!(verb(&gateway, &["list"], 0)[0]["review"], id.as_str());

    // Killed: it waits on.
    let dir = gateway.kill();
    assert_eq!(holding(&dir.path().join("state"), "forty drops"), Vec::<std::path::PathBuf>::new());
    assert!(!dir.path().join("state/texts.key").exists());
    let config = dir.path().join("gateway.toml").display().to_string();
    let gateway = Process::run(dir);
    let shown =
        run(&["review", "show", &id, "--text", "--config", &config, "--operations", &gateway.operations]);
    let shown = text(&shown.stdout);
    assert!(shown.contains("Take forty drops. It [WORD] helps."), "{shown}");
    assert_eq!(decide(&gateway, "approve", &id, 0)["from"], "pending");
    let (status, head, body) = send(&gateway, &red, "GET", &format!("/reviews/{id}/answer"), "");
    assert_eq!(status, 200, "{body}");
    // As it would have gone out: what other rules do is done.
    assert_eq!(body, said.replace("first", "[WORD]"));
    assert!(
        head.contains("content-type: application/json") && head.contains(&format!("exchange: {id}")),
        "{head}"
    );
    assert_eq!(look(&gateway, &red, &id, "").1["answer"], format!("/reviews/{id}/answer"));
    assert_eq!(look(&gateway, &blue, &id, "/answer").0, 404);
    decide(&gateway, "reject", &id, 1);
    let stats = fake.seen().len();
    assert_eq!(stats, 1, "the upstream is asked once");
}

/// Prints are kept of what a client has been given, once: not of what waits, nor of what was in the request.
#[test]
fn what_is_let_pass_leaves_prints_when_it_is_given() {
    const SAID: &str = "Take forty drops. The narrow gauge railway climbs through eleven tunnels before it reaches the upper lake, where the \
        old boathouse keeper still rents out three wooden boats each summer and tells visitors how the dam changed the fishing.";
    const ASKED: &str = "Repeat: our quarterly harvest of lavender was smaller than planned because the late frost in April took nearly half of \
        the young plants on the northern slope, and the bees came too late.";
    let fake = Fake::stream(vec![
        Step::Send(format!("{}{}", event(SAID), event(&format!(" {ASKED}"))).into_bytes()),
        Step::Send(b"data: [DONE]\n\n".to_vec()),
    ]);
    let (gateway, [red, _]) = gateway_under("prints = true\n", &fake, TEXTS);
    let detect = |gateway: &Process, said: &str| {
        let body = serde_json::json!({ "text": said }).to_string();
        let (status, _, body) = send(gateway, &red, "POST", "/v1/detect", &body);
        assert_eq!(status, 200, "{body}");
        let found: Value = serde_json::from_str(&body).expect("JSON");
        found["layers"]["fingerprint"]["verdict"].clone()
    };
    let (_, head, _) = send(&gateway, &red, "POST", PATH, &chat(ASKED, true));
    let id = id(&head);
    arrives(&gateway, &id);
    decide(&gateway, "approve", &id, 0);
    let gateway = Process::run(gateway.kill());
    assert_ne!(detect(&gateway, SAID), "found", "nobody has got it");
    for _ in 0..2 {
        assert_eq!(send(&gateway, &red, "GET", &format!("/reviews/{id}/answer"), "").0, 200);
    }
    assert!(wait_for(|| detect(&gateway, SAID) == "found"));
    assert_ne!(detect(&gateway, ASKED), "found", "it stood in the request");
    let dir = gateway.stop();
    let config = dir.path().join("gateway.toml").display().to_string();
    let stat = run(&["prints", "stat", "--config", &config, "--format", "json"]);
    let stat: Value = serde_json::from_slice(&stat.stdout).expect("JSON");
    assert_eq!(stat["answers"], 1, "{stat}");
}

#[test]
fn the_rest_of_a_held_stream_is_read_for_its_reviewer() {
    let go = Arc::new(AtomicBool::new(false));
    let pieces = ["Take for", "ty dr", "ops. It fi", "rst helps", " all night."];
    let mut steps: Vec<Step> = pieces[..3].iter().map(|piece| Step::Send(event(piece).into())).collect();
    steps.push(Step::Until(Arc::clone(&go)));
    steps.extend(pieces[3..].iter().map(|piece| Step::Send(event(piece).into())));
    steps.push(Step::Send(b"data: [DONE]\n\n".to_vec()));
    let (gateway, [red, _]) = gateway(&Fake::stream(steps), TEXTS);
    // The client has its end long before the upstream has.
    let (status, head, body) = ask(&gateway, &red, true);
    assert_eq!(status, 200);
    assert!(!body.contains("ty dr") && body.contains("a person reviews it"), "{body}");
    go.store(true, Ordering::Release);
    let id = id(&head);
    let review = arrives(&gateway, &id);
    assert!(review["answer"].is_object() && review["lost"].is_null(), "{review}");
    decide(&gateway, "approve", &id, 0);
    let (status, head, body) = send(&gateway, &red, "GET", &format!("/reviews/{id}/answer"), "");
    assert_eq!(status, 200, "{body}");
    assert!(head.contains("text/event-stream"), "{head}");
    let said: String = body
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok())
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(said, "Take forty drops. It [WORD] helps all night.");
    assert!(body.ends_with("data: [DONE]\n\n"), "{body}");
}

/// An error of the upstream's stays one; findings beyond those that records list count too; the review is there before the client has its block.
#[test]
fn whatever_is_held_is_filed_and_comes_as_it_was() {
    let said = answer(&format!("{} forty drops", "It always heals. ".repeat(300)));
    let fake = Fake::whole("404 Not Found", "content-type: application/json\r\n", said.as_bytes());
    let (gateway, [red, _]) = gateway(&fake, TEXTS);
    let (status, head, body) = ask(&gateway, &red, false);
    assert_eq!(status, 400, "{body}");
    let id = id(&head);
    assert_eq!(look(&gateway, &red, &id, "").1["state"], "pending");
    let review = arrives(&gateway, &id);
    assert_eq!(review["rules"], serde_json::json!(["p/claim", "p/dose"]), "{review}");
    decide(&gateway, "approve", &id, 0);
    let (status, head, body) = send(&gateway, &red, "GET", &format!("/reviews/{id}/answer"), "");
    assert_eq!((status, &body), (404, &said));
    assert!(head.contains("x-sluicegate-verdict: flag"), "{head}");
    // Whoever looks the exchange up sees what became of it.
    let config = gateway.config();
    let shown = run(&["audit", "show", &id, "--config", &config, "--format", "json"]);
    let records: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    let states: Vec<&str> = records
        .as_array()
        .expect("records")
        .iter()
        .filter(|record| record["event"] == "review")
        .filter_map(|record| record["detail"]["step"].as_str())
        .collect();
    assert_eq!(states, ["filed", "read", "decided", "given"], "{records}");
    let given = &records.as_array().expect("records").last().expect("a record")["detail"]["answer"];
    assert_eq!(given["bytes"], said.len(), "{given}");
    // And whoever has the text finds its exchange, as with one that went out at once.
    let file = gateway.dir().join("text");
    fs::write(&file, &said).expect("a file");
    let file = file.display().to_string();
    let found = run(&["audit", "search", "--text", &file, "--config", &config, "--format", "json"]);
    assert!(text(&found.stdout).contains(&id), "{}{}", text(&found.stdout), text(&found.stderr));
}

/// What is being read when a gateway stops has its review all the same.
#[test]
fn a_clean_stop_leaves_no_promise_open() {
    let steps = vec![Step::Send(event("Take forty drops.").into()), Step::Hang];
    let (endless, [red, _]) = gateway(&Fake::stream(steps), TEXTS);
    let one = id(&ask(&endless, &red, true).1);
    let dir = endless.stop();
    let again = Process::run(dir);
    let review = arrives(&again, &one);
    assert!(review["lost"].to_string().contains("the gateway stopped"), "{review}");
    assert_eq!(decide(&again, "reject", &one, 0)["from"], "pending");
    drop(again);
    // Of what is there whole nothing is lost.
    let said = answer("Take forty drops.");
    let fake = Fake::whole("200 OK", "content-type: application/json\r\n", said.as_bytes());
    let (whole, [red, _]) = gateway(&fake, TEXTS);
    let all: Vec<String> = (0..20).map(|_| id(&ask(&whole, &red, false).1)).collect();
    let again = Process::run(whole.stop());
    for id in &all {
        let review = arrives(&again, id);
        assert!(review["answer"].is_object(), "{review}");
    }
}

#[test]
fn a_reviewer_writes_another_text_or_lets_nothing_pass() {
    let said = answer("Take forty drops.");
    let fake = Fake::whole("200 OK", "content-type: application/json\r\n", said.as_bytes());
    let (gateway, [red, _]) = gateway(&fake, TEXTS);
    let first = id(&ask(&gateway, &red, false).1);
    let second = id(&ask(&gateway, &red, false).1);
    for id in [&first, &second] {
        arrives(&gateway, id);
    }
    correct(&gateway, &first, " \n", 3);
    correct(&gateway, &first, "Ask your physician.\n", 0);
    let (status, head, body) = send(&gateway, &red, "GET", &format!("/reviews/{first}/answer"), "");
    assert_eq!((status, body.as_str()), (200, "Ask your physician.\n"));
    assert!(head.contains("text/plain"), "{head}");
    decide(&gateway, "reject", &second, 0);
    assert_eq!(look(&gateway, &red, &second, "/answer").0, 403);
    assert_eq!(look(&gateway, &red, &second, "").1["state"], "rejected");
    // What was refused may pass after all.
    decide(&gateway, "approve", &second, 0);
    assert_eq!(send(&gateway, &red, "GET", &format!("/reviews/{second}/answer"), "").2, said);
    let dir = gateway.stop();
    assert_eq!(holding(&dir.path().join("state"), "physician"), Vec::<std::path::PathBuf>::new());
    // Their book is lost: the journal has them all.
    fs::remove_file(dir.path().join("state/reviews.jsonl")).expect("a book");
    // Who is forgotten is so here too.
    let config = dir.path().join("gateway.toml").display().to_string();
    let erased = run(&[
        "audit",
        "erase",
        "--tenant",
        "red",
        "--user",
        "alice",
        "--basis",
        "a request",
        "--config",
        &config,
    ]);
    assert_eq!(erased.status.code(), Some(0), "{}", text(&erased.stderr));
    let gateway = Process::run(dir);
    assert_eq!(look(&gateway, &red, &first, "/answer").0, 410);
    let mut steps: Vec<String> = Vec::new();
    let dir = gateway.stop();
    sluicegate::audit::read_dir(&dir.path().join("state/journal"), &mut |entry: sluicegate::audit::Entry| {
        let record: Value = serde_json::from_slice(&entry.payload).expect("records are JSON");
        if record["event"] == "review" {
            steps.push(format!("{} {}", record["detail"]["state"], record["detail"]["by"]));
        }
    })
    .expect("a journal");
    steps.dedup();
    let want = ["pending", "corrected", "rejected", "approved"];
    assert_eq!(steps.len(), want.len(), "{steps:?}");
    for (step, want) in steps.iter().zip(want) {
        assert!(step.contains(want), "{steps:?}");
    }
}

#[test]
fn what_went_out_is_looked_at_afterwards_and_nothing_is_let_pass_that_is_not_there() {
    let both = answer("It always heals.");
    let fake = Fake::whole("200 OK", "content-type: application/json\r\n", both.as_bytes());
    let (first, [red, _]) = gateway(&fake, "");
    let (status, head, body) = ask(&first, &red, false);
    assert_eq!((status, body.as_str()), (200, both.as_str()));
    let review = arrives(&first, &id(&head));
    assert_eq!(
        (&review["held"], &review["rules"]),
        (&false.into(), &serde_json::json!(["p/claim"])),
        "{review}"
    );
    decide(&first, "approve", &id(&head), 0);
    assert_eq!(look(&first, &red, &id(&head), "/answer").0, 404);

    // Another rule blocks as well, or no body is kept.
    for (said, texts, why) in [
        ("forty drops of quince jam", TEXTS, "another rule"),
        ("Take forty drops.", "", "no bodies"),
        ("Take forty drops.", "[journal.texts]\nkeep = \"found\"\nlimit = \"100 B\"\n", "longer"),
    ] {
        let fake = Fake::whole("200 OK", "content-type: application/json\r\n", answer(said).as_bytes());
        let (gateway, [red, _]) = gateway(&fake, texts);
        let id = id(&ask(&gateway, &red, false).1);
        let review = arrives(&gateway, &id);
        assert!(review["lost"].to_string().contains(why) && review["answer"].is_null(), "{review}");
        let no = decide(&gateway, "approve", &id, 1);
        assert!(no["reason"].to_string().contains(why), "{no}");
        decide(&gateway, "reject", &id, 0);
    }
}
