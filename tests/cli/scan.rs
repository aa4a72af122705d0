//! `sluicegate scan --policy`: every kind of policy that the help names.

use std::path::Path;
use std::process::{Output, Stdio};

use super::{feed, program, text};

fn scan(policy: &str, folder: &Path) -> Output {
    let line = "{\"id\":1,\"text\":\"mail jo.hill@corp.example, say zebra\"}\n";
    feed(program(&["scan", "--policy", policy, "--emit", "redacted"]).current_dir(folder), line)
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, text).expect("a file");
}

const PACK: &str = "name = \"own\"\nversion = \"1\"\nlicence = \"CC0-1.0\"\ntitle = \"ours\"\n";
const RULES: &str = "[[rule]]\nid = \"zebra\"\ntitle = \"zebras\"\ncategory = \"ZEBRA\"\nseverity = \"low\"\naction = \"mask\"\nexamples = [\"a zebra\"]\ncounter_examples = [\"a horse\"]\nkeywords = [\"zebra\"]\n";

#[test]
fn a_policy_is_a_name_a_file_or_a_folder() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path();
    write(folder, "packs/own/pack.toml", PACK);
    write(folder, "packs/own/rules/words.toml", RULES);
    write(
        folder,
        "only.toml",
        "[policy]\nprofile = \"default\"\nactions = { \"privacy/email\" = \"allow\" }\n",
    );
    write(
        folder,
        "whole.toml",
        "schema = 1\n[policy]\ndir = \"packs\"\nprofile = \"measure\"\n[[upstream]]\nname = \"a\"\ndialects = [\"openai\"]\nbase_url = \"https://a.example\"\n",
    );
    let (mail, zebra) = ("jo.hill@corp.example", "say zebra");
    for (policy, stays, goes) in [
        ("default", zebra, Some(mail)),
        ("privacy", zebra, Some(mail)),
        ("only.toml", mail, None),
        ("./only.toml", mail, None),
        ("whole.toml", zebra, None),
        ("packs", mail, Some(zebra)),
        ("packs/own", mail, Some(zebra)),
        ("packs/own/pack.toml", mail, Some(zebra)),
    ] {
        let output = scan(policy, folder);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{policy}: {err}");
        assert!(out.contains(stays) && goes.is_none_or(|goes| !out.contains(goes)), "{policy}: {out}");
        assert!(policy != "whole.toml" || out.contains("own/zebra"), "{policy}: {out}");
    }
}

/// Whoever pipes a text as it is learns how.
#[test]
fn plain_text_on_standard_input_is_told() {
    let told = feed(&mut program(&["scan", "--policy", "default"]), "mail jo.hill@corp.example\n");
    let said = text(&told.stderr);
    assert!(
        told.status.code() == Some(2) && said.contains("<stdin>:1:1") && said.contains("--input text"),
        "{said}"
    );
    let read = feed(
        &mut program(&["scan", "--policy", "default", "--input", "text"]),
        "mail jo.hill@corp.example\n",
    );
    assert!(text(&read.stdout).contains("privacy/email"), "{}", text(&read.stdout));
    let broken = feed(&mut program(&["scan", "--policy", "default"]), "{\"id\":1\n");
    assert!(!text(&broken.stderr).contains("--input text"), "{}", text(&broken.stderr));
}

#[test]
fn a_policy_file_that_is_wrong_is_told_with_its_line() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path();
    write(folder, "profile.toml", "[policy]\n\nprofile = \"defualt\"\n");
    write(folder, "rule.toml", "[policy]\nactions = { \"privacy/emial\" = \"flag\" }\n");
    write(folder, "key.toml", "[policy]\nprofle = \"default\"\n");
    write(folder, "syntax.toml", "[policy\n");
    write(folder, "none.toml", "[server]\nworkers = 1\n");
    write(folder, "version.toml", "schema = 9\n[policy]\n");
    write(folder, "packs/own/pack.toml", &PACK.replace("licence", "license"));
    for (policy, told) in [
        ("profile.toml", "profile.toml:3:11"),
        ("rule.toml", "rule.toml:2:13"),
        ("key.toml", "key.toml:2:1"),
        ("syntax.toml", "syntax.toml:1:"),
        ("none.toml", "has no `[policy]`"),
        ("version.toml", "unknown schema version 9"),
        ("absent.toml", "cannot read policy file `absent.toml`"),
        ("./absent", "cannot read policy file `./absent`"),
        ("absent", "unknown profile `absent`"),
        ("packs/own/pack.toml", "pack.toml:3:1"),
        ("packs/own", "pack.toml:3:1"),
    ] {
        let output = scan(policy, folder);
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{policy}: {err}");
        assert!(err.contains(told), "{policy}: {err}");
    }
}

/// Files are read by their names, what they are is said once for all, and people get a view.
#[test]
fn files_are_scanned_and_shown() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path();
    write(folder, "letter.txt", "dear all,\nmail jo.hill@corp.example\n");
    write(folder, "lines.jsonl", "{\"id\":7,\"text\":\"nothing here\"}\n");
    write(folder, "broken.txt", "fine");
    std::fs::write(folder.join("broken.txt"), [0xFF, 0xFE]).expect("a file");
    let run = |arguments: &[&str]| {
        let mut command = program(&["scan"]);
        command.args(arguments).current_dir(folder).stdin(Stdio::null());
        let output = command.output().expect("it runs");
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, out, _) = run(&["--format", "human", "letter.txt", "lines.jsonl"]);
    assert_eq!(code, Some(0));
    assert!(
        out.contains("    2 | mail [[jo.hill@corp.example]]\n        | mask privacy/email at 2:6"),
        "{out}"
    );
    assert!(out.ends_with("2 texts: 0 blocked, 1 rewritten, 0 flagged\n"), "{out}");
    let (_, out, _) = run(&["letter.txt", "lines.jsonl"]);
    let ids: Vec<&str> = out.lines().filter_map(|line| line.split(',').next()).collect();
    assert_eq!(ids, ["{\"id\":\"letter.txt\"", "{\"id\":7"], "a pipe gets JSON lines: {out}");
    for (file, told) in [
        ("broken.txt", "`broken.txt` is not UTF-8"),
        ("absent.txt", "cannot read `absent.txt`"),
        (".", "`.` is a folder, not a file"),
    ] {
        let (code, out, error) = run(&[file]);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{file}");
        assert!(error.contains(told), "{error}");
    }
    let (code, _, error) = run(&["--direction", "ouput", "letter.txt"]);
    assert!(code == Some(2) && error.contains("did you mean `output`?"), "{error}");
}
