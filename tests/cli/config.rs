//! Configuration files: every example loads, every broken one is explained, the schema is the checked-in one.

use super::{expect_file, program, root, run, run_with, text};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut list: Vec<PathBuf> = fs::read_dir(root().join(folder))
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect();
    list.sort();
    list
}

fn name(path: &std::path::Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

#[test]
fn every_example_loads_and_can_be_shown() {
    let examples = files("config", "toml");
    assert!(examples.len() >= 6);
    for path in examples {
        let path = path.to_str().expect("a path");
        let output = run(&["check", "--config", path]);
        assert!(output.status.success(), "{path}: {}", text(&output.stdout));
        assert!(text(&output.stdout).ends_with(" 0 warnings\n"), "{path}: {}", text(&output.stdout));
        let shown = run(&["config", "show", "--config", path]);
        assert!(shown.status.success(), "{path}");
        let folder = tempfile::tempdir().expect("a folder");
        let again = folder.path().join("shown.toml");
        fs::write(&again, &shown.stdout).expect("write");
        let output = run(&["check", "--config", again.to_str().expect("a path")]);
        assert!(output.status.success(), "{path} as shown: {}", text(&output.stdout));
        // Whatever stands in it besides, it is a policy to the commands that ask for one.
        for path in [path, again.to_str().expect("a path")] {
            let output = run_with(&["scan", "--policy", path], "{\"id\": 1, \"text\": \"a\"}\n");
            assert!(output.status.success(), "{path}: {}", text(&output.stderr));
        }
    }
}

#[test]
fn a_jurisdiction_of_which_no_pack_knows_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("gateway.toml");
    let base = fs::read_to_string(root().join("config/minimal.toml")).expect("an example");
    let of = |code: &str| {
        let purpose = format!(
            "role = \"deployer\"\naudience = \"staff\"\ndomain = \"d\"\njurisdictions = [\"eu\", \"{code}\"]\ntier = \"limited\"\n\
             fail = \"closed\"\nlabel = \"ui\"\nretention = \"EU-6M\"\n"
        );
        let route = format!("[[route]]\nupstream = \"demonstration\"\n[route.use]\n{purpose}");
        fs::write(&path, format!("{base}\n{route}")).expect("write");
        let output = run(&["check", "--config", path.to_str().expect("a path")]);
        assert!(output.status.success());
        text(&output.stdout)
    };
    assert!(of("jp").ends_with(" 0 warnings\n"), "{}", of("jp"));
    let said = of("ue");
    for want in ["warning[jurisdiction]: no pack says what the law of `ue` asks", "known: `cn`, `eu`"] {
        assert!(said.contains(want), "{want} is not in\n{said}");
    }
}

/// The program in the folder of the broken files, with the variables they speak of.
fn in_fixtures(arguments: &[&str]) -> Command {
    let mut command = program(arguments);
    command
        .current_dir(root().join("tests/fixtures/config"))
        .env("SLUICEGATE_TEST_GOOD", "k-8Gh2kQ0vT1Lm29sPq")
        .env("SLUICEGATE_TEST_EXAMPLE", "sk-...")
        .env("SLUICEGATE_TEST_EMPTY", "");
    command
}

#[test]
fn broken_files_are_explained() {
    let broken = files("tests/fixtures/config", "toml");
    assert!(broken.len() >= 40, "{}", broken.len());
    let mut wrong = Vec::new();
    for path in broken {
        let output = in_fixtures(&["check", "--config", &name(&path)]).output().expect("the program starts");
        let found = text(&output.stdout);
        let warnings_only = found.lines().last().is_some_and(|l| l.starts_with("fine: "));
        assert_eq!(output.status.code(), Some(if warnings_only { 0 } else { 2 }), "{}", path.display());
        assert!(text(&output.stderr).is_empty(), "{}", path.display());
        assert!(found.contains("error[") || found.contains("warning["), "{}: {found}", path.display());
        assert!(!found.contains("Hd72kQ0vT1"), "{} shows a secret", path.display());
        wrong.extend(expect_file(&path.with_extension("expected"), &found).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn json_says_the_same() {
    let output = in_fixtures(&["check", "--config", "many-mistakes.toml", "--format", "json"])
        .output()
        .expect("it starts");
    assert_eq!(output.status.code(), Some(2));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(answer["ok"], false);
    let list = answer["diagnostics"].as_array().expect("a list");
    assert!(list.len() >= 8, "{list:#?}");
    for diagnostic in list {
        assert!(diagnostic["code"].is_string() && diagnostic["message"].is_string());
        for label in diagnostic["labels"].as_array().expect("labels") {
            assert_eq!(label["file"], "many-mistakes.toml");
            assert!(label["line"].as_u64().is_some_and(|n| n > 0));
        }
    }
}

#[test]
fn serve_refuses_what_check_only_warns_of() {
    let state = tempfile::tempdir().expect("a folder");
    let state = state.path().to_str().expect("a path");
    for file in
        ["credential-absent.toml", "credential-example.toml", "listener-open.toml", "unknown-section.toml"]
    {
        let output = in_fixtures(&["serve", "--config", file, "--state", state]).output().expect("it starts");
        assert_eq!(output.status.code(), Some(2), "{file}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(&format!("--> {file}:")), "{file}: {}", text(&output.stderr));
    }
    let none = run(&["serve", "--config", "no-such-file.toml"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(text(&none.stderr).contains("cannot read configuration"));
}

#[cfg(unix)]
#[test]
fn a_credential_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("up.key");
    let config = folder.path().join("c.toml");
    fs::write(&key, "k-8Gh2kQ0vT1Lm29sPq\n").expect("write");
    fs::write(
        &config,
        "schema = 1\n[[upstream]]\nname = \"a\"\ndialects = [\"openai\"]\nbase_url = \"https://a.test\"\n\
         credential = { file = \"up.key\" }\n",
    )
    .expect("write");
    for (mode, code) in [(0o644, 2), (0o640, 0), (0o600, 0)] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).expect("set");
        let output = run(&["check", "--config", config.to_str().expect("a path")]);
        assert_eq!(output.status.code(), Some(code), "{mode:o}: {}", text(&output.stdout));
    }
}

#[test]
fn the_schema_is_the_one_checked_in() {
    let output = run(&["config", "schema"]);
    assert!(output.status.success());
    expect_file(&root().join("config/schema.json"), &text(&output.stdout)).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn a_new_key_is_shown_once_and_kept_nowhere() {
    let state = tempfile::tempdir().expect("a folder");
    let path = state.path().to_str().expect("a path");
    let output = run(&["key", "new", "--tenant", "red", "--state", path, "--format", "json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let key = answer["key"].as_str().expect("a key");
    assert_eq!(answer["hash"].as_str().map(str::len), Some(64));
    for entry in fs::read_dir(state.path()).expect("the folder") {
        let held = fs::read_to_string(entry.expect("an entry").path()).expect("text");
        assert!(!held.contains(key));
    }
    // The lines for the configuration can be pasted.
    let output = run(&["key", "new", "--tenant", "red", "--state", path]);
    let printed = text(&output.stdout);
    let start = printed.find("[[tenant]]").expect("the lines");
    let lines: Vec<&str> = printed.split_at(start).1.lines().take(3).collect();
    let lines = lines.join("\n");
    let config = state.path().join("c.toml");
    let whole = format!(
        "schema = 1\n[server]\ndata = \"0.0.0.0:8080\"\n[[upstream]]\nname = \"d\"\ndialects = [\"openai\"]\n\
         base_url = \"demonstration:\"\n{lines}"
    );
    fs::write(&config, whole).expect("write");
    let output = run(&["check", "--config", config.to_str().expect("a path")]);
    assert!(output.status.success(), "{}", text(&output.stdout));
}
