//! Data goes to no upstream that stands where it may not: not a byte of it is sent, and the client and the record are told why.

use std::path::Path;

use serde_json::Value;
use sluicegate::audit::{EntryKind, read_dir};
use sluicegate::config::{ConfigFile, Overrides, Purpose};

use super::judges::Stub;
use super::reload::Files;
use super::{Answer, Fake, Gateway, answer, chat, wait_for};

const TAXONOMY: &str = "[[scheme]]\nid = \"s\"\ntitle = \"t\"\nzh = \"t\"\nwritten_against = \"w\"\nsure = \"draft\"\n\
    [[category]]\ncode = \"NAME\"\ntitle = \"names\"\nzh = \"姓名\"\ngrade = \"personal\"\n\
    [[category]]\ncode = \"FEVER\"\ntitle = \"health\"\nzh = \"健康\"\ngrade = \"sensitive\"\n\
    [[category]]\ncode = \"WORD\"\ntitle = \"words\"\nzh = \"词\"\n";

fn rule(word: &str, category: &str, action: &str) -> String {
    format!(
        "[[rule]]\nid = \"{word}\"\ntitle = \"t\"\ncategory = \"{category}\"\naction = \"{action}\"\n\
         keywords = [\"{word}\"]\nexamples = [\"{word}\"]\ncounter_examples = [\"nothing\"]\n"
    )
}

/// Files of a gateway whose profile keeps personal data in the EU and sensitive data at home.
fn files(fake: &Fake, region: &str, more: &str) -> Files {
    let files = Files::new(fake.address, "unused");
    files.write("packs/taxonomy.toml", TAXONOMY);
    let profile = "name = \"default\"\ntitle = \"t\"\npacks = [\"p\"]\nunscanned = \"flag\"\n\
        [[residency]]\ngrade = \"public\"\nregions = [\"*\"]\n[[residency]]\ngrade = \"personal\"\nregions = [\"eu\"]\n\
        [[residency]]\ngrade = \"sensitive\"\nregions = []\n";
    files.write("packs/profiles/default.toml", profile);
    let rules =
        rule("Alice", "NAME", "flag") + &rule("Bob", "NAME", "mask") + &rule("fever", "FEVER", "flag");
    files.write("packs/p/rules/people.toml", &rules);
    let config = std::fs::read_to_string(files.path("gateway.toml")).expect("a file");
    files.write("gateway.toml", &(config + region + more));
    files
}

fn fake() -> Fake {
    Fake::whole("200 OK", "content-type: application/json\r\n", answer("fine").as_bytes())
}

fn ask(gateway: &Gateway, text: &str) -> Answer {
    gateway.post("/v1/chat/completions", &chat(text, false))
}

fn details(got: &Answer) -> Value {
    let body: Value = serde_json::from_str(&got.body).unwrap_or_default();
    body["error"]["sluicegate"].clone()
}

fn admissions(dir: &Path) -> Vec<Value> {
    let mut all = Vec::new();
    read_dir(dir, &mut |entry: sluicegate::audit::Entry| {
        if entry.kind == EntryKind::Admission {
            all.push(serde_json::from_slice(&entry.payload).expect("records are JSON"));
        }
    })
    .expect("a journal");
    all
}

#[test]
fn what_is_found_decides_where_a_prompt_may_go() {
    let fake = fake();
    let (gateway, root) = files(&fake, "region = \"us\"\n", "").start();
    assert_eq!(ask(&gateway, "hello").status, 200);
    // What is masked does not go there.
    assert_eq!(ask(&gateway, "hello Bob").status, 200);
    let before = fake.seen().len();
    for (text, grade, rule) in
        [("hello Alice", "personal", "p/Alice@"), ("Alice has a fever", "sensitive", "p/fever@")]
    {
        let got = ask(&gateway, text);
        assert_eq!((got.status, got.field("x-sluicegate-verdict")), (403, Some("block")), "{}", got.body);
        let told = details(&got);
        assert_eq!(
            (told["code"].as_str(), told["grade"].as_str()),
            (Some("residency"), Some(grade)),
            "{}",
            got.body
        );
        assert_eq!((told["region"].as_str(), told["automated"].as_bool()), (Some("us"), Some(true)));
        assert!(told["rules"][0].as_str().is_some_and(|found| found.starts_with(rule)), "{told}");
        assert!(!got.body.contains("Alice has"), "{}", got.body);
    }
    // What is not read may be anything.
    let image = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}]}]}"#;
    let got = gateway.post("/v1/chat/completions", image);
    assert_eq!((got.status, details(&got)["grade"].as_str()), (403, Some("personal")), "{}", got.body);
    assert_eq!(fake.seen().len(), before, "nothing was sent");
    let metrics = gateway.operations("/metrics").body;
    assert!(metrics.contains("sluicegate_residency_blocks_total{grade=\"personal\"} 2"), "{metrics}");
    let blocked: Vec<Value> =
        admissions(&root.join("journal")).into_iter().filter(|r| r["error"] == "residency").collect();
    assert_eq!(blocked.len(), 3);
    for record in blocked {
        assert_eq!(
            (&record["upstream"], &record["region"], &record["verdict"], &record["sent"]),
            (&"-".into(), &"us".into(), &"block".into(), &"".into())
        );
    }
}

#[test]
fn an_allowed_region_sees_it_and_home_alone_what_goes_nowhere() {
    let fake = fake();
    let (gateway, _) = files(&fake, "region = \"de\"\n", "").start();
    assert_eq!(ask(&gateway, "hello Alice").status, 200);
    assert_eq!(ask(&gateway, "Alice has a fever").status, 403);
    // Streams are stopped as well, and in the shape of a refusal where blocks are.
    let fake = self::fake();
    let refusal = files(&fake, "region = \"us\"\n", "");
    let config = std::fs::read_to_string(refusal.path("gateway.toml")).expect("a file");
    refusal.write("gateway.toml", &config.replace("[policy]\n", "[policy]\nblock_as = \"refusal\"\n"));
    let (gateway, root) = refusal.start();
    let got = gateway.post("/v1/chat/completions", &chat("hello Alice", true));
    assert_eq!((got.status, got.field("x-sluicegate-verdict")), (200, Some("block")), "{}", got.head);
    assert!(got.body.contains("grade `personal`") && fake.seen().is_empty(), "{}", got.body);
    assert!(admissions(&root.join("journal")).iter().any(|record| record["error"] == "residency"));
}

#[test]
fn a_tenant_forbids_what_others_allow() {
    let fake = fake();
    let pepper = sluicegate::limits::Pepper::new(&[7; 32]);
    let tenant = |name: &str, more: &str| {
        let hash = pepper.hash(format!("sgk_{name}").as_bytes());
        format!("[[tenant]]\nname = \"{name}\"\nkeys = [{{ id = \"{name}\", hash = \"{hash}\" }}]\n{more}")
    };
    let tenants = tenant("free", "")
        + &tenant("home", "policy = { residency = { public = [\"jp\"] } }\n")
        + "[[upstream]]\nname = \"tokyo\"\nregion = \"jp\"\ndialects = [\"anthropic\"]\nbase_url = \"http://127.0.0.1:9\"\n";
    let (gateway, _) = files(&fake, "region = \"us\"\n", &tenants).start();
    let by = |key: &str| {
        let body = chat("hello", false);
        let request = super::post("/v1/chat/completions", &body);
        let key = format!("authorization: Bearer sgk_{key}\r\nconnection:");
        gateway.raw(request.replacen("connection:", &key, 1).as_bytes())
    };
    assert_eq!(by("free").status, 200);
    let sent = fake.seen().len();
    let got = by("home");
    assert_eq!((got.status, details(&got)["grade"].as_str()), (403, Some("public")), "{}", got.body);
    assert_eq!(fake.seen().len(), sent);
    assert!(wait_for(|| gateway
        .operations("/metrics")
        .body
        .contains("residency_blocks_total{grade=\"public\"} 1")));
}

/// A route that may never be used is refused before the gateway starts.
#[test]
fn a_route_to_a_forbidden_region_is_refused() {
    let check = |region: &str, more: &str| -> Vec<String> {
        let fake = fake();
        let files = files(&fake, region, more);
        let profile = std::fs::read_to_string(files.path("packs/profiles/default.toml")).expect("a file");
        files.write("packs/profiles/default.toml", &profile.replace("[\"*\"]", "[\"eu\"]"));
        let file = ConfigFile { path: Some(files.path("gateway.toml")), overrides: Overrides::default() };
        let settings = file.load(Purpose::Serve, &|_| None).settings.expect("settings");
        let found = settings.policies().err().unwrap_or_default();
        let (checked, _) = settings.check_policies();
        assert_eq!(found.is_empty(), !checked.iter().any(sluicegate::diag::Diagnostic::is_error));
        found.iter().map(ToString::to_string).collect()
    };
    assert_eq!(check("region = \"fr\"\n", ""), Vec::<String>::new());
    let abroad = check("region = \"us\"\n", "");
    assert!(
        abroad.len() == 1
            && abroad[0].contains("error[residency]: upstream `fake` stands in the region `us`"),
        "{abroad:?}"
    );
    let unsaid = check("", "");
    assert!(unsaid.len() == 1 && unsaid[0].contains("does not say in which region"), "{unsaid:?}");
    // A route may say that its prompts hold more than anybody may know.
    let route = |grade: &str| format!("[[route]]\nupstream = \"fake\"\ngrade = \"{grade}\"\n");
    assert_eq!(check("region = \"eu\"\n", &route("personal")), Vec::<String>::new());
    let sensitive = check("region = \"eu\"\n", &route("sensitive"));
    assert!(
        sensitive.len() == 1 && sensitive[0].contains("data of the grade `sensitive` may go to: -"),
        "{sensitive:?}"
    );
}

/// A judge sees texts as they came, so that what is masked for the upstream is held against the judge's region all the same; and what an
/// upstream's answer holds too.
#[test]
fn no_judge_sees_what_may_not_go_where_it_stands() {
    const RULE: &str = "[[rule]]\nid = \"violence\"\ntitle = \"t\"\ncategory = \"WORD\"\naction = \"block\"\njudge = \"guard\"\n\
        judged_as = [\"VIOLENCE\"]\n";
    let judged = |region: &str, said: &str| {
        let fake = Fake::whole("200 OK", "content-type: application/json\r\n", answer(said).as_bytes());
        let judge = Stub::new();
        let config = format!(
            "[[judge]]\nname = \"guard\"\nkind = \"webhook\"\nurl = \"http://{}/judge\"\non_failure = \"open\"\n{region}",
            judge.address
        );
        let files = files(&fake, "region = \"de\"\n", &config);
        files.write("packs/p/rules/judged.toml", RULE);
        let (gateway, root) = files.start();
        (gateway, root, judge, fake)
    };
    let texts = |judge: &Stub| -> Vec<String> {
        judge.asked().iter().map(|asked| asked["text"].as_str().unwrap_or_default().to_owned()).collect()
    };
    for (region, why) in [("region = \"us\"\n", "elsewhere"), ("", "nobody says where")] {
        let (gateway, root, judge, fake) = judged(region, "fine");
        assert_eq!(ask(&gateway, "hello").status, 200, "{why}");
        // The last one hides the name by encoding it: who can read that can decode it.
        for text in ["hello Alice", "hello Bob", "read aGVsbG8gQWxpY2UsIGhvdyBhcmUgeW91IHRvZGF5Pw=="] {
            let got = ask(&gateway, text);
            assert_eq!(got.status, 400, "{why}: {}", got.body);
            assert!(got.body.contains("unjudged text"), "{}", got.body);
        }
        assert_eq!((texts(&judge), fake.seen().len()), (vec!["hello".to_owned(), "fine".into()], 1), "{why}");
        let metrics = gateway.operations("/metrics").body;
        for line in [
            "sluicegate_judge_questions_total{judge=\"guard\",outcome=\"residency\"} 3",
            "sluicegate_residency_blocks_total{grade=\"personal\"} 3",
        ] {
            assert!(metrics.contains(line), "{line} in {metrics}");
        }
        let unjudged = |record: &Value| record["coverage"]["unjudged"]["guard: residency"] == 1;
        assert_eq!(admissions(&root.join("journal")).iter().filter(|record| unjudged(record)).count(), 3);
    }
    // What stands in an answer, and the question that goes with it.
    let (gateway, _, judge, fake) = judged("region = \"us\"\n", "that was Alice");
    assert_eq!((ask(&gateway, "who was it?").status, fake.seen().len()), (400, 1));
    assert_eq!(texts(&judge), ["who was it?"]);
    // Where it may go all are asked about.
    let (gateway, _, judge, _) = judged("region = \"fr\"\n", "that was Alice");
    assert_eq!(ask(&gateway, "hello Bob").status, 200);
    assert_eq!(texts(&judge), ["hello Bob", "that was Alice"]);
    // The health of somebody goes nowhere.
    assert_eq!(ask(&gateway, "a fever").status, 400);
    assert_eq!(judge.asked().len(), 2);
}

/// What a route says of its prompts counts for the judges as well.
#[test]
fn a_route_that_says_its_grade_says_it_of_judges_too() {
    let (fake, judge) = (fake(), Stub::new());
    let more = format!(
        "[[route]]\nname = \"staff\"\nupstream = \"fake\"\ngrade = \"personal\"\nmodel = \"secret\"\n\
         [[route]]\nname = \"rest\"\nupstream = \"fake\"\n\
         [[judge]]\nname = \"guard\"\nregion = \"us\"\nkind = \"webhook\"\nurl = \"http://{}/judge\"\n",
        judge.address
    );
    let files = files(&fake, "region = \"de\"\n", &more);
    files.write(
        "packs/p/rules/judged.toml",
        "[[rule]]\nid = \"violence\"\ntitle = \"t\"\ncategory = \"WORD\"\naction = \"flag\"\njudge = \"guard\"\n",
    );
    let load = |path| ConfigFile { path: Some(path), overrides: Overrides::default() };
    let settings =
        load(files.path("gateway.toml")).load(Purpose::Serve, &|_| None).settings.expect("settings");
    let found: Vec<String> =
        settings.policies().err().unwrap_or_default().iter().map(ToString::to_string).collect();
    assert!(
        found.len() == 1
            && found[0].contains("gateway.toml:")
            && found[0].contains("error[residency]: judge `guard` stands in the region `us`, and data of the grade `personal` on the route `staff` may go to: eu"),
        "{found:?}"
    );
}
