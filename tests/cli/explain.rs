//! `sluicegate explain`: what people and programs are told of a finding.

use super::{run, run_with, text};

#[test]
fn a_finding_is_explained_to_people() {
    let explained = run(&["explain", "dear all\nwrite JO@corp.example."]);
    assert_eq!(explained.status.code(), Some(0));
    let said = text(&explained.stdout);
    for part in [
        "policy default ",
        ", prompt: mask\n",
        "privacy/email \"JO@corp.example\"\n",
        "line 2, column 7, bytes 15 to 30\n",
        "read as   \"jo@corp.example\"\n",
        "through   case\n",
        "basis     GDPR, Article 4(1)",
        "in the rule: except = [",
        "[policy.actions]  \"privacy/email\" = \"flag\"",
    ] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    assert_eq!(text(&run(&["explain", "a sunny day"]).stdout).lines().nth(1), Some("nothing is found"));
}

#[test]
fn a_program_is_told_the_same() {
    let arguments = ["explain", "--format", "json", "--direction", "output", "--policy", "privacy", "-"];
    let answer = run_with(&arguments, "mail jo@corp.example");
    let explained: serde_json::Value = serde_json::from_slice(&answer.stdout).expect("JSON");
    assert_eq!(explained["action"], "mask");
    assert_eq!(explained["findings"][0]["rule"], "privacy/email");
    assert_eq!(explained["findings"][0]["start"], 5);
    assert_eq!(explained["findings"][0]["decided_by"], "rule");
    assert!(explained["findings"][0]["basis"][0]["law"].is_string());
}

#[test]
fn bad_arguments_say_what_is_wrong() {
    for (arguments, says) in [
        (&["explain", "--direction", "promt", "a"][..], "did you mean `prompt`?"),
        (&["explain", "--file", "/nowhere/a.txt"], "cannot read `/nowhere/a.txt`"),
        (&["explain", "--policy", "defualt", "a"], "did you mean `default`?"),
        (&["explain"], "TEXT"),
    ] {
        let refused = run(arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        assert!(text(&refused.stderr).contains(says), "{}", text(&refused.stderr));
    }
}
