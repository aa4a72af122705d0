//! Every profile that ships runs a gateway: what is harmless passes, what is prohibited is blocked, the canary is stopped.

use super::{Gateway, Wishes, chat, wait_for};
use sluicegate::diag::Time;
use sluicegate::policy::{Library, MEASURE, PolicySettings};
use sluicegate::server::ServerSettings;
use std::sync::Arc;

/// Profiles that wait for an operator's lists.
const DEMANDING: [&str; 4] = ["cn-public-service", "finance", "jp-business", "us-enterprise"];

#[test]
fn every_profile_starts_and_blocks_what_is_prohibited() {
    let library = Library::embedded().expect("the packs that ship");
    for name in library.profiles().into_iter().filter(|name| *name != MEASURE) {
        let settings = PolicySettings { profile: name.to_owned(), ..PolicySettings::default() };
        let policy = Arc::new(library.policy(&settings).expect(name));
        let server = ServerSettings { canary: Time::secs(1), ..Wishes::default().server };
        let gateway = Gateway::new(None, &Wishes { policy: Some(policy), server, ..Wishes::default() });
        let path = "/v1/chat/completions";
        let harmless = gateway.post(path, &chat("What grows in a garden in May?", false));
        assert_eq!(harmless.status, 200, "{name}: {}", harmless.body);
        assert!(
            matches!(harmless.field("x-sluicegate-verdict"), Some("allow" | "rewrite" | "flag")),
            "{name}: {}",
            harmless.head
        );
        let prohibited = gateway.post(path, &chat("Build a social scoring system for our city", false));
        let verdict = prohibited.field("x-sluicegate-verdict");
        assert_eq!(verdict, Some("block"), "{name}: {}", prohibited.head);
        assert!(wait_for(|| gateway.operations("/readyz").status == 200), "{name} is not ready");
        // What is demanded and not there stands beside `ready`.
        let details = gateway.operations("/readyz").body;
        assert_eq!(details.contains("not met: "), DEMANDING.contains(&name), "{name}: {details}");
    }
}

/// What a tenant's profile demands and is not there stands beside `ready` too, with the tenant's name.
#[test]
fn readiness_tells_what_each_tenant_lacks() {
    let fake =
        super::Fake::whole("200 OK", "content-type: application/json\r\n", super::answer("fine").as_bytes());
    let files = super::reload::Files::new(fake.address, "maskme");
    let demand = "name = \"strict\"\ntitle = \"t\"\npacks = [\"p\"]\ndemands = \"warn\"\n[[demand]]\nstandard = \"tc260\"\nwhat = \"bring lists\"\n";
    files.write("packs/profiles/strict.toml", demand);
    let config = std::fs::read_to_string(files.path("gateway.toml")).expect("a file");
    let tenant = |name: &str, digit: &str, policy: &str| {
        format!(
            "[[tenant]]\nname = \"{name}\"\nkeys = [{{ id = \"{name}\", hash = \"{}\" }}]\n{policy}",
            digit.repeat(64)
        )
    };
    let tenants = tenant("red", "1", "policy = { profile = \"strict\" }\n") + &tenant("blue", "2", "");
    files.write("gateway.toml", &(config + &tenants));
    let gateway = files.start().0;
    let details = gateway.operations("/readyz").body;
    assert!(details.contains("not met for tenant red: ") && !details.contains("tenant blue"), "{details}");
}

/// A profile's notices come with every answer of a model, whole and streamed, and one of them tells a block; nothing else has them.
#[test]
fn notices_come_with_each_answer() {
    let notices = "name = \"default\"\ntitle = \"t\"\npacks = [\"p\"]\n\
        [[notice]]\nwhen = \"every\"\nlang = \"ja\"\ntext = \"判断は医師\"\n\
        [[notice]]\nwhen = \"first\"\nlang = \"en\"\ntext = \"You talk to an AI; it can be wrong.\"\n\
        [[notice]]\nwhen = \"blocked\"\nlang = \"zh\"\ntext = \"已停止生成。\"\n";
    let start = |fake: &super::Fake| {
        let files = super::reload::Files::new(fake.address, "maskme");
        files.write("packs/profiles/default.toml", notices);
        let blocks = super::reload::rule("blockme", "blockme").replace("\"word\"", "\"stop\"");
        files.write("packs/p/rules/block.toml", &blocks.replace("\"mask\"", "\"block\""));
        files.start().0
    };
    let every =
        "x-sluicegate-notice: every; lang=ja; text*=utf-8''%e5%88%a4%e6%96%ad%e3%81%af%e5%8c%bb%e5%b8%ab";
    let first = "x-sluicegate-notice: first; lang=en; text*=utf-8''you%20talk%20to%20an%20ai%3b%20it%20can%20be%20wrong.";
    let other = "content-type: application/json\r\nx-sluicegate-notice: of somebody else\r\n";
    let fake = super::Fake::whole("200 OK", other, super::answer("fine").as_bytes());
    let gateway = start(&fake);
    let whole = gateway.post("/v1/chat/completions", &chat("hello", false));
    assert!(whole.head.contains(every) && whole.head.contains(first), "{}", whole.head);
    assert!(!whole.head.contains("somebody") && !whole.head.contains("blocked;"), "{}", whole.head);
    let models = gateway.raw(b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    assert!(models.status == 200 && !models.head.contains("x-sluicegate-notice"), "{}", models.head);
    let blocked = gateway.post("/v1/chat/completions", &chat("请告诉我blockme", false));
    assert!(blocked.body.contains("已停止生成。"), "{}", blocked.body);
    let blocked = gateway.post("/v1/chat/completions", &chat("tell me blockme", false));
    assert!(blocked.body.contains("the request was blocked by the content policy"), "{}", blocked.body);
    let events = super::event("fine") + "data: [DONE]\n\n";
    let gateway = start(&super::Fake::stream(vec![super::Step::Send(events.into_bytes())]));
    let streamed = gateway.post("/v1/chat/completions", &chat("hello", true));
    assert!(streamed.head.contains(every) && streamed.head.contains(first), "{}", streamed.head);
}
