//! Judges come, change and go with a reload: all or nothing, exchanges keep theirs, and of those that stay nothing is forgotten.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::judges::Stub;
use super::reload::{Files, admin, generation, put, status};
use super::{Client, Fake, Gateway, Step, answer, chat, event, post, wait_for};

const CHAT: &str = "/v1/chat/completions";

fn judge(name: &str, stub: &Stub, more: &str) -> String {
    format!(
        "[[judge]]\nname = \"{name}\"\nkind = \"webhook\"\nurl = \"http://{}/judge\"\nretries = 0\n{more}\n",
        stub.address
    )
}

fn rules(judges: &[&str]) -> String {
    let one = |judge: &&str| {
        format!(
            "[[rule]]\nid = \"{judge}\"\ntitle = \"t\"\ncategory = \"VIOLENCE\"\nactions = {{ prompt = \"block\", output = \"block\", tool = \"allow\" }}\n\
             judge = \"{judge}\"\nhold = \"strict\"\n"
        )
    };
    judges.iter().map(one).collect()
}

/// A gateway with these judges, each of which is asked by a rule; what its configuration says without them.
struct Setting {
    gateway: Gateway,
    root: PathBuf,
    base: String,
}

impl Setting {
    fn new(upstream: &Fake, judges: &str, asked: &[&str]) -> Self {
        let files = Files::new(upstream.address, "unused");
        let base = std::fs::read_to_string(files.path("gateway.toml")).expect("a file");
        // What an operator asks for is all that happens.
        let base = base.replace("watch = \"20 ms\"", "watch = \"0 s\"");
        files.write("gateway.toml", &format!("{base}{judges}"));
        files.write("packs/p/rules/judged.toml", &rules(asked));
        let (gateway, root) = files.start();
        Self { gateway, root, base }
    }

    fn write(&self, judges: &str, asked: &[&str]) {
        put(&self.root.join("gateway.toml"), &format!("{}{judges}", self.base));
        put(&self.root.join("packs/p/rules/judged.toml"), &rules(asked));
    }

    /// The files say this from now on, and are taken.
    fn becomes(&self, judges: &str, asked: &[&str]) {
        self.write(judges, asked);
        let (code, said) = admin(&self.gateway, "/admin/reload");
        assert_eq!((code, said["outcome"].as_str()), (200, Some("ok")), "{said}");
        assert_eq!(said["needs_restart"], json!([]), "{said}");
    }

    fn ask(&self, text: &str) -> u16 {
        self.gateway.post(CHAT, &chat(text, false)).status
    }

    fn count(&self, judge: &str, outcome: &str) -> f64 {
        self.gateway
            .metric(&format!("sluicegate_judge_questions_total{{judge=\"{judge}\",outcome=\"{outcome}\"}}"))
    }
}

fn fine() -> Fake {
    Fake::whole("200 OK", "content-type: application/json\r\n", answer("fine").as_bytes())
}

#[test]
fn a_new_judge_is_asked_and_what_others_said_is_not_forgotten() {
    let (upstream, first, second) = (fine(), Stub::new(), Stub::new());
    let one = judge("first", &first, "");
    let now = Setting::new(&upstream, &one, &["first"]);
    assert_eq!((now.ask("a question"), now.ask("evil")), (200, 400));
    assert_eq!(first.asked().len(), 3, "two prompts and an answer");
    let both = format!("{one}{}", judge("second", &second, ""));
    now.becomes(&both, &["first", "second"]);
    assert_eq!(status(&now.gateway)["active"]["judges"], json!(["first", "second"]));
    assert_eq!(now.ask("a question"), 200);
    assert_eq!((first.asked().len(), second.asked().len()), (3, 2), "the one knows it, the other is asked");
    assert_eq!((now.count("first", "cached"), now.count("second", "unknown")), (2.0, 0.0));
    // Another place is another judge, of which nothing is known.
    let moved = Stub::new();
    let both = format!("{one}{}", judge("second", &moved, ""));
    now.becomes(&both, &["first", "second"]);
    assert_eq!(now.ask("a question"), 200);
    assert_eq!((first.asked().len(), second.asked().len(), moved.asked().len()), (3, 2, 2));
    // Of one that is gone is told what it did, and no longer how it does.
    let running = |name: &str| {
        let line = format!("sluicegate_judge_running{{judge=\"{name}\"}}");
        now.gateway.operations("/metrics").body.contains(&line)
    };
    assert!(running("first") && running("second"));
    now.becomes(&one, &["first"]);
    assert_eq!(now.ask("a question"), 200);
    assert!(running("first") && !running("second"));
    assert_eq!((now.count("second", "asked"), moved.asked().len()), (4.0, 2));
    // It comes back as one of which nothing is known, but with the policies before.
    assert_eq!(admin(&now.gateway, "/admin/rollback").0, 200);
    assert_eq!(status(&now.gateway)["active"]["judges"], json!(["first", "second"]));
    assert_eq!((now.ask("evil"), now.ask("a question")), (400, 200));
    assert!(running("second") && moved.asked().len() == 3);
}

#[test]
fn a_breaker_stays_as_it_is_until_its_judge_changes() {
    let (upstream, other) = (fine(), Stub::new());
    // Nobody is there.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = nobody.local_addr().expect("an address");
    drop(nobody);
    let guard = |more: &str| {
        format!(
            "[[judge]]\nname = \"guard\"\nkind = \"webhook\"\nurl = \"http://{address}/judge\"\nretries = 0\n\
             breaker = {{ failures = 1, pause = \"1 h\" }}\n{more}\n"
        )
    };
    let now = Setting::new(&upstream, &guard(""), &["guard"]);
    assert_eq!((now.ask("a question"), now.count("guard", "network")), (400, 1.0));
    assert_eq!((now.ask("a question"), now.count("guard", "breaker_open")), (400, 1.0));
    now.becomes(&format!("{}{}", judge("other", &other, ""), guard("")), &["other", "guard"]);
    assert_eq!((now.ask("a question"), now.count("guard", "breaker_open")), (400, 2.0));
    assert_eq!(now.gateway.metric("sluicegate_judge_left_alone{judge=\"guard\"}"), 1.0);
    now.becomes(&guard("concurrency = 3"), &["guard"]);
    assert_eq!((now.ask("a question"), now.count("guard", "network")), (400, 2.0));
}

#[test]
fn a_judge_that_cannot_be_used_changes_nothing() {
    let (upstream, stub) = (fine(), Stub::new());
    let one = judge("guard", &stub, "");
    let now = Setting::new(&upstream, &one, &["guard"]);
    let key = now.root.join("key");
    let wrong = [
        (judge("guard", &stub, "extra_roots = \"gone.pem\""), "gone.pem"),
        (judge("guard", &stub, "credential = { file = \"key\" }"), "cannot read credential file"),
        (one.replace("webhook", "webhok"), "webhok"),
        (judge("gard", &stub, ""), "did you mean `gard`?"),
    ];
    for (judges, what) in &wrong {
        now.write(judges, &["guard"]);
        let (code, said) = admin(&now.gateway, "/admin/reload");
        assert_eq!((code, said["outcome"].as_str()), (422, Some("failed")), "{said}");
        assert!(said.to_string().contains(what), "{what}: {said}");
        assert_eq!((generation(&now.gateway), now.ask("evil")), (1, 400));
    }
    // What was not there comes, and the same file is right.
    std::fs::write(&key, "k-8Gh2kQ0vT1Lm29sPq\n").expect("a file");
    owner_only(&key);
    now.becomes(&wrong[1].0, &["guard"]);
    assert_eq!((generation(&now.gateway), now.ask("evil")), (2, 400));
    // Another key in it is taken as well, though the configuration is the same.
    std::fs::write(&key, "k-another-8Gh2kQ0vT1Lm\n").expect("a file");
    let (_, said) = admin(&now.gateway, "/admin/reload");
    assert_eq!((said["outcome"].as_str(), generation(&now.gateway)), (Some("ok"), 3), "{said}");
}

fn owner_only(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
}

/// An exchange asks to its end whom it began with.
#[test]
fn a_running_exchange_keeps_its_judges() {
    let go = Arc::new(AtomicBool::new(false));
    let done = "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\
        \"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let upstream = Fake::stream(vec![
        Step::Send(event(&"word ".repeat(130)).into_bytes()),
        Step::Send(event("begins. Now ").into_bytes()),
        Step::Until(Arc::clone(&go)),
        Step::Send(event("it ends").into_bytes()),
        Step::Send(done.as_bytes().to_vec()),
    ]);
    let (old, new) = (Stub::new(), Stub::new());
    let now = Setting::new(&upstream, &judge("guard", &old, ""), &["guard"]);
    let mut running = Client::new(now.gateway.data);
    running.send(post(CHAT, &chat("hi", true)).as_bytes());
    assert!(wait_for(|| old.asked().len() == 2), "{:?}", old.asked());
    now.becomes(&judge("guard", &new, ""), &["guard"]);
    go.store(true, Ordering::Release);
    assert!(running.read_until("[DONE]").contains("it ends"));
    let last = old.asked().pop().map(|asked| asked["text"].clone());
    assert_eq!((last, new.asked().len()), (Some(json!("Now it ends")), 0));
    // The next one asks the other.
    now.gateway.post(CHAT, &chat("hello", true));
    assert_eq!((old.asked().len(), new.asked()[0]["text"].as_str()), (3, Some("hello")));
}
