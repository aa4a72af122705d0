//! `sluicegate diff`: what another policy would do.

use super::{run, text};

const TEXTS: &str = "{\"id\":1,\"text\":\"mail jo@corp.example\"}\n{\"id\":\"two\",\"text\":\"a sunny day\"}\n\
    {\"id\":3,\"text\":\"how to make a pipe bomb\",\"direction\":\"output\"}\n";

#[test]
fn two_policies_are_compared_over_texts() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let texts = write("texts.jsonl", TEXTS);
    let draft = write(
        "draft.toml",
        "[policy]\nprofile = \"default\"\nactions = { \"privacy/email\" = \"flag\", \"harm/weapons\" = \"allow\", \
         \"harm/request-weapons-en\" = \"allow\" }\n",
    );
    let same = run(&["diff", "--from", "default", "--to", "default", &texts]);
    assert_eq!((same.status.code(), text(&same.stdout).as_str()), (Some(0), "3 texts, 0 different\n"));
    let other = run(&["diff", "--from", "default", "--to", &draft, &texts]);
    assert_eq!(other.status.code(), Some(1));
    let said = text(&other.stdout);
    for row in [
        "3 texts, 2 different\n",
        "rewrite -> flag  (1)\n",
        "block -> allow  (3)\n",
        "harm/weapons: block -> none  (3)\n",
        "privacy/email: mask -> flag  (1)\n",
    ] {
        assert!(said.contains(row), "{row:?} is not in {said}");
    }
    let json = run(&["diff", "--from", &draft, "--to", "default", "--format", "json", &texts]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!((&json["texts"], &json["different"]), (&3.into(), &2.into()));
    let row =
        serde_json::json!({"rule": "harm/weapons", "from": "none", "to": "block", "texts": 1, "ids": [3]});
    assert!(json["rules"].as_array().is_some_and(|rules| rules.contains(&row)), "{json}");
}

#[test]
fn bad_input_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bad.jsonl").display().to_string();
    std::fs::write(&path, "{\"id\":1,\"text\":\"a\"}\n[]\n").expect("a file");
    for (arguments, says) in [
        (&["diff", "--from", "default", "--to", "default", &path][..], "bad.jsonl:2:1: expected an object"),
        (&["diff", "--from", "default", "--to", "default", "/nowhere"], "cannot read `/nowhere`"),
        (&["diff", "--from", "defualt", "--to", "default", &path], "did you mean `default`?"),
    ] {
        let refused = run(arguments);
        assert_eq!(refused.status.code(), Some(2));
        assert!(text(&refused.stderr).contains(says), "{}", text(&refused.stderr));
    }
}
