//! The help of every verb, word for word.

use super::{expect_file, root, run, text};

#[test]
fn help_of_every_verb_is_as_recorded() {
    let folder = root().join("tests/cli/help");
    let mut verbs = sluicegate::cli::verbs();
    verbs.push(String::new());
    let mut wrong = Vec::new();
    for verb in &verbs {
        let mut arguments: Vec<&str> = verb.split_whitespace().collect();
        arguments.push("--help");
        let output = run(&arguments);
        assert!(output.status.success(), "{verb}");
        let help = text(&output.stdout);
        let examples = help
            .lines()
            .filter(|l| l.trim_start().starts_with("sluicegate ") || l.contains("| sluicegate "))
            .count();
        assert!(examples >= 2, "help of `{verb}` shows {examples} examples");
        let name = if verb.is_empty() { "sluicegate".to_owned() } else { verb.replace(' ', "-") };
        wrong.extend(expect_file(&folder.join(format!("{name}.txt")), &help).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn misuse_exits_with_2() {
    for arguments in
        [&["serv"][..], &["serve", "--no-such"], &["check", "--format", "xml"], &["key", "new"], &[]]
    {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn nothing_to_ask_is_not_ready() {
    // Port 1 is reserved and nobody listens there.
    assert_eq!(run(&["healthcheck", "--operations", "127.0.0.1:1"]).status.code(), Some(1));
}
