//! `sluicegate claims`, and the slot of the pack that ships: from a statement to a finding with its source.

use std::path::Path;

use super::{feed, program, text};

fn run(folder: &Path, args: &[&str], input: &str) -> (String, Option<i32>) {
    let output = feed(program(args).current_dir(folder), input);
    (text(&output.stdout) + &text(&output.stderr), output.status.code())
}

#[test]
fn statements_are_taken_in_found_and_forgotten() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path();
    let add =
        ["claims", "add", "--file", "a.claims", "--verdict", "false", "--source", "https://facts.example/7"];
    let (said, code) =
        run(folder, &[&add[..], &["Garlic cures influenza", "喝盐水可以预防病毒感染"]].concat(), "");
    assert_eq!((said.as_str(), code), ("2 new, 0 written over, 2 in the file\n", Some(0)));
    std::fs::write(folder.join("more.csv"), "claim,verdict,source\n\"The Orion, a phone, lasts 40 hours\",misleading,handbook\nGarlic cures influenza,unproven,WHO\n")
        .expect("a file");
    let (said, code) = run(folder, &["claims", "add", "--file", "a.claims", "--from", "more.csv"], "");
    assert_eq!((said.as_str(), code), ("1 new, 1 written over, 3 in the file\n", Some(0)));
    let (said, code) = run(
        folder,
        &["claims", "find", "--file", "a.claims"],
        "As we know, garlic cures influenza. Does it?",
    );
    assert_eq!(
        (said.as_str(), code),
        ("bytes 0 to 34: `Garlic cures influenza` is unproven, see WHO\n", Some(1))
    );
    let (said, code) = run(folder, &["claims", "find", "--file", "a.claims"], "Garlic gets rid of the flu.");
    let expected = "bytes 0 to 26: `Garlic cures influenza` is unproven, see WHO (`gets rid of` for `cures`, `flu` for `influenza`)\n";
    assert_eq!((said.as_str(), code), (expected, Some(1)));
    let (said, code) =
        run(folder, &["claims", "find", "--file", "a.claims"], "Garlic does not cure influenza.");
    assert_eq!((said.as_str(), code), ("it says none of them\n", Some(0)));
    let (said, code) = run(folder, &["claims", "remove", "--file", "a.claims", "Garlic cures influenca"], "");
    assert!(code == Some(2) && said.contains("did you mean `Garlic cures influenza`?"), "{said}");
    run(folder, &["claims", "remove", "--file", "a.claims", "Garlic cures influenza"], "");
    let (said, _) = run(folder, &["claims", "list", "--file", "a.claims", "--format", "json"], "");
    assert_eq!(said.lines().count(), 2, "{said}");
}

#[test]
fn what_cannot_be_taken_in_changes_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path();
    std::fs::write(folder.join("bad.csv"), "claim,verdict\nGarlic cures influenza,false\n").expect("a file");
    std::fs::write(
        folder.join("bad.jsonl"),
        "{\"claim\":\"Garlic cures influenza\",\"verdict\":\"false\",\"source\":\"a\"}\nx\n",
    )
    .expect("a file");
    let add = |more: &[&str]| run(folder, &[&["claims", "add", "--file", "a.claims"], more].concat(), "");
    for (more, told) in [
        (&["--verdict", "flase", "--source", "a", "Garlic cures influenza"][..], "did you mean `false`?"),
        (
            &["--verdict", "false", "--source", "a", "Garlic cures influenza", "It is so"],
            "needs 3 words that say something, and has 0",
        ),
        (&["--from", "bad.csv"], "expected the columns claim, verdict, source"),
        (&["--from", "bad.jsonl"], "bad.jsonl: line 2: "),
        (&["--from", "absent.csv"], "absent.csv: No such file"),
    ] {
        let (said, code) = add(more);
        assert!(code == Some(2) && said.contains(told), "{told}: {said}");
    }
    assert!(!folder.join("a.claims").exists());
    let (said, code) = run(folder, &["claims", "list", "--file", "a.claims"], "");
    assert!(code == Some(2) && said.contains("`sluicegate claims add` makes it"), "{said}");
}

#[test]
fn labelled_sentences_are_measured() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path();
    let line = |text: &str, says: bool, kind: &str| {
        let claim = "Garlic cures influenza";
        serde_json::json!({"claim": claim, "text": text, "says": says, "kind": kind, "lang": "en"})
            .to_string()
            + "\n"
    };
    let lines = [
        line("Garlic is a cure for the flu.", true, "synonym"),
        line("Chewing a clove a day, my uncle got well.", true, "synonym"),
        line("Garlic does not cure influenza.", false, "denies"),
    ];
    std::fs::write(folder.join("a.jsonl"), lines.concat()).expect("a file");
    let (said, code) = run(folder, &["claims", "measure", "--format", "json", "a.jsonl"], "");
    let lines: Vec<serde_json::Value> =
        said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let told: Vec<_> =
        lines.iter().map(|one| (one["kind"].clone(), one["found"].clone(), one["texts"].clone())).collect();
    let expected = [("synonym", 1, 2), ("synonym", 1, 2), ("denies", 0, 1), ("denies", 0, 1)];
    assert_eq!((told, code), (expected.map(|(a, b, c)| (a.into(), b.into(), c.into())).to_vec(), Some(0)));
    std::fs::write(folder.join("b.jsonl"), "{\"claim\":\"x\"}\n").expect("a file");
    let (said, code) = run(folder, &["claims", "measure", "b.jsonl"], "");
    assert!(code == Some(2) && said.contains("b.jsonl: line 1: missing field"), "{said}");
}

#[test]
fn a_slot_holds_them() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path();
    let line = "{\"claim\":\"Garlic cures influenza\",\"verdict\":\"false\",\"source\":\"https://facts.example/7\"}\n";
    std::fs::write(folder.join("a.claims"), line).expect("a file");
    let policy = "[policy]\nprofile = \"default\"\npacks = [\"grounding\"]\nactions = { \"grounding/known-falsehoods\" = \"ACTION\" }\n\
        [policy.slots]\n\"grounding/known-falsehoods\" = \"a.claims\"\n";
    let answer =
        "{\"id\":1,\"text\":\"Eat well. Garlic cures influenza. Sleep well.\",\"direction\":\"output\"}\n";
    for (action, left) in [("flag", "Garlic cures"), ("mask", "Eat well. [MISINFORMATION]. Sleep well.")] {
        std::fs::write(folder.join("policy.toml"), policy.replace("ACTION", action)).expect("a file");
        for chunk in ["1", "9", "500"] {
            let args = ["scan", "--policy", "policy.toml", "--emit", "redacted", "--chunk", chunk];
            let (said, code) = run(folder, &args, answer);
            assert_eq!(code, Some(0), "{said}");
            let got: serde_json::Value = serde_json::from_str(&said).expect("JSON");
            let finding = &got["findings"][0];
            assert_eq!(finding["source"], "https://facts.example/7", "{said}");
            assert!(got["redacted"].as_str().expect("a text").contains(left), "{said}");
        }
    }
    std::fs::write(folder.join("a.claims"), format!("{line}broken\n")).expect("a file");
    let (said, code) = run(folder, &["scan", "--policy", "policy.toml"], answer);
    assert!(code == Some(2) && said.contains("a.claims:2:1"), "{said}");
}
