//! Whether too much is blocked: from a journal that a gateway wrote, over harmless texts and their groups, since the last time.

use super::reload::{Process, lay_out};
use super::{run, text};
use serde_json::Value;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

fn report(arguments: &[&str], code: i32) -> Value {
    let mut whole = vec!["overblock", "--format", "json"];
    whole.extend(arguments);
    let output = run(&whole);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn ask(address: &str, prompt: &str) {
    let body =
        format!("{{\"model\": \"m\", \"messages\": [{{\"role\": \"user\", \"content\": \"{prompt}\"}}]}}");
    let mut stream = TcpStream::connect(address).expect("a gateway");
    write!(
        stream,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
}

#[test]
fn a_journal_tells_what_each_rule_blocks() {
    let dir = lay_out("");
    let blocks = "[[rule]]\nid = \"bad\"\ntitle = \"t\"\ncategory = \"WORD\"\naction = \"block\"\nkeywords = [\"badword\"]\n\
                  examples = [\"badword\"]\ncounter_examples = [\"nothing\"]\n\
                  [[rule]]\nid = \"shady\"\ntitle = \"t\"\ncategory = \"WORD\"\naction = \"block\"\nstate = \"shadow\"\nkeywords = [\"hello\"]\n\
                  examples = [\"hello\"]\ncounter_examples = [\"nothing\"]\n";
    fs::write(dir.path().join("packs/p/rules/bad.toml"), blocks).expect("a file");
    let config = dir.path().join("gateway.toml").display().to_string();
    let gateway = Process::run(dir);
    for prompt in ["hello", "badword and badword", "first", "hello again"] {
        ask(&gateway.data, prompt);
    }
    let _dir = gateway.stop();
    let found = report(&["--config", &config], 0);
    let months = found["months"].as_array().expect("months");
    assert_eq!(months.len(), 1, "{found}");
    let month = &months[0];
    assert_eq!((&month["exchanges"], &month["blocked"]["hits"]), (&4.into(), &1.into()), "{found}");
    let rules = month["rules"].as_array().expect("rules");
    let of = |id: &str| rules.iter().find(|one| one["rule"] == id);
    assert_eq!(of("p/bad").expect("the rule")["blocked"]["hits"], 1, "{found}");
    assert_eq!(of("p/word").expect("the rule")["rewrote"], 1, "{found}");
    assert!(of("p/shady").is_none(), "what is in shadow blocks nobody: {found}");
    assert!(
        found["appeals"]["upheld"].is_null()
            && found["appeals"]["why"].to_string().contains("no complaint is on record")
    );
    let said = text(&run(&["overblock", "--config", &config]).stdout);
    assert!(
        said.contains(": 4 exchanges, blocked 25.00 % (1 of 4,")
            && said.contains("appeals: no complaint is on record"),
        "{said}"
    );
}

/// What was purged, as a record says, is no damage; what is missing without a word is.
#[test]
fn a_journal_that_was_purged_is_read_from_what_is_left() {
    use sluicegate::audit::{Event, Journal, JournalSettings, load_or_make_signer, purgeable, remove};
    let dir = lay_out("");
    let config = dir.path().join("gateway.toml").display().to_string();
    let gateway = Process::run(dir);
    (0..5).for_each(|_| ask(&gateway.data, "first"));
    let dir = gateway.stop();
    let journal = dir.path().join("state/journal");
    let note = |event: &'static str, detail: Value, times: usize| {
        let key = load_or_make_signer(&dir.path().join("state/journal.key"), None).expect("the key");
        let settings =
            JournalSettings { segment: sluicegate::diag::Size(8 << 10), ..JournalSettings::default() };
        let opened = Journal::open_signed(&journal, &settings, key, Box::new(|_| {}));
        let (writer, _) = opened.expect("the journal");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        for _ in 0..times {
            let event = Event { event, time_ms: 1, detail: detail.clone() };
            drop(runtime.block_on(writer.note(&event)).expect("durable"));
        }
        writer.close();
    };
    note("test", Value::Null, 300);
    let what = purgeable(&journal, 300, u64::MAX).expect("a journal");
    assert!(what.through > 10, "the exchanges are in what may go");
    let kept = fs::read(&what.segments[0]).expect("a segment");
    fs::remove_file(&what.segments[0]).expect("gone");
    let output = run(&["overblock", "--config", &config]);
    assert_eq!(output.status.code(), Some(2), "nobody said that it goes: {}", text(&output.stdout));
    assert!(text(&output.stderr).contains("records 1 to "), "{}", text(&output.stderr));

    fs::write(&what.segments[0], kept).expect("a segment");
    note("purge", serde_json::json!({"through": what.through}), 1);
    remove(&journal, &what).expect("a disk");
    let gateway = Process::run(dir);
    (0..3).for_each(|_| ask(&gateway.data, "first"));
    let _dir = gateway.stop();
    let found = report(&["--config", &config], 0);
    assert_eq!(
        (&found["purged"], &found["months"][0]["exchanges"]),
        (&what.through.into(), &3.into()),
        "{found}"
    );
    let said = text(&run(&["overblock", "--config", &config]).stdout);
    assert!(said.contains(&format!("records up to {} were purged", what.through)), "{said}");
}

#[test]
fn harmless_texts_are_compared_by_group_and_with_last_time() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    write("packs/p/pack.toml", "name = \"p\"\nversion = \"1\"\nlicence = \"Apache-2.0\"\ntitle = \"t\"\n");
    let rule = |word: &str| {
        let rule = format!(
            "[[rule]]\nid = \"w\"\ntitle = \"t\"\ncategory = \"HATE\"\naction = \"block\"\nkeywords = [\"{word}\"]\nexamples = [\"{word}\"]\ncounter_examples = [\"zzz\"]\n"
        );
        write("packs/p/rules/r.toml", &rule);
    };
    let texts: String = (0..200)
        .map(|n| {
            let (group, word) = if n % 2 == 0 { ("north", "apple") } else { ("south", "pear") };
            format!(
                "{{\"id\": {n}, \"text\": \"an {word} a day\", \"group\": \"{group}\", \"lang\": \"en\"}}\n"
            )
        })
        .collect();
    let bank = write("bank.jsonl", &texts);
    let packs = dir.path().join("packs").display().to_string();
    rule("quince");
    let first = report(&["--policy", &packs, "--benign", &bank], 0);
    assert_eq!((&first["benign"]["texts"], &first["benign"]["blocked"]["hits"]), (&200.into(), &0.into()));
    assert_eq!(first["benign"]["spread"]["certain"], false);
    let before = write("before.json", &first.to_string());
    // A rule that finds the fruit of the south alone.
    rule("pear");
    let second = report(&["--policy", &packs, "--benign", &bank, "--before", &before], 1);
    let benign = &second["benign"];
    assert_eq!(
        (&benign["spread"]["most"], &benign["spread"]["certain"]),
        (&"south".into(), &true.into()),
        "{second}"
    );
    assert_eq!(
        (&benign["drift"]["now"], &benign["drift"]["certain"]),
        (&0.5.into(), &true.into()),
        "{second}"
    );
    assert_eq!(benign["drift"]["version_before"], first["benign"]["version"]);
    // Another field names other groups; the other way round is no drift to worry about.
    let other = report(&["--policy", &packs, "--benign", &bank, "--group", "lang"], 0);
    assert_eq!(other["benign"]["groups"].as_array().map(Vec::len), Some(1));
    let after = write("after.json", &second.to_string());
    rule("quince");
    report(&["--policy", &packs, "--benign", &bank, "--before", &after], 0);

    // What was refused of harmless questions, over two assessments.
    let assess = super::root().join("docs/assess/demonstration.json").display().to_string();
    let real = super::root().join("docs/assess/real-model.json").display().to_string();
    let found = report(&["--policy", &packs, "--assess", &assess, &real], 0);
    let times: Vec<u64> = found["assessments"]
        .as_array()
        .expect("two")
        .iter()
        .filter_map(|one| one["time_ms"].as_u64())
        .collect();
    assert!(times.len() == 2 && times.is_sorted(), "{found}");
    let wrong = run(&["overblock", "--policy", &packs, "--assess", &before]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        text(&wrong.stderr).contains("it is no report of `sluicegate assess`"),
        "{}",
        text(&wrong.stderr)
    );
}
