//! The program itself: its policies change on SIGHUP, by its own verbs, and many times without growing.

use super::{program, run, text};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A gateway as a process of its own.
pub(super) struct Process {
    child: Child,
    pub(super) operations: String,
    pub(super) data: String,
    dir: Option<tempfile::TempDir>,
}

impl Process {
    fn start(policy: &str) -> Self {
        Self::run(lay_out(policy))
    }

    /// Runs what lies in a folder.
    pub(super) fn run(dir: tempfile::TempDir) -> Self {
        let path = dir.path().join("gateway.toml");
        let mut child = program(&["serve", "--config", path.to_str().expect("a path")])
            .stdout(Stdio::piped())
            .stderr(fs::File::create(dir.path().join("log")).expect("a file"))
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let first = lines.next().expect("a line").expect("a line");
        let data = first.rsplit_once("http://").map(|(_, address)| address.to_owned()).expect("an address");
        let operations = lines.find_map(|line| {
            let line = line.expect("a line");
            let address = line.strip_prefix("health, readiness and metrics: http://")?;
            Some(address.split('/').next().unwrap_or_default().to_owned())
        });
        // Somebody has to read the rest.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, operations: operations.expect("an address"), data, dir: Some(dir) }
    }

    pub(super) fn policy(&self, verb: &str) -> (Option<i32>, Value) {
        let output = run(&["policy", verb, "--operations", &self.operations, "--format", "json"]);
        (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default())
    }

    pub(super) fn human(&self, verb: &str) -> String {
        text(&run(&["policy", verb, "--operations", &self.operations]).stdout)
    }

    /// The folder that it runs in.
    pub(super) fn dir(&self) -> &Path {
        self.dir.as_ref().expect("it runs").path()
    }

    /// Its configuration.
    pub(super) fn config(&self) -> String {
        self.dir().join("gateway.toml").display().to_string()
    }

    /// Ends it, and gives back its folder.
    pub(super) fn stop(mut self) -> tempfile::TempDir {
        self.signal("-TERM");
        self.child.wait().expect("it ends");
        self.dir.take().expect("it ran")
    }

    /// Kills it, and gives back its folder.
    pub(super) fn kill(mut self) -> tempfile::TempDir {
        self.signal("-KILL");
        self.child.wait().expect("it ends");
        self.dir.take().expect("it ran")
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill").success());
    }

    pub(super) fn generation(&self) -> u64 {
        self.policy("status").1["active"]["generation"].as_u64().unwrap_or(0)
    }

    /// Resident memory in KiB.
    fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
        line.trim_end_matches("kB").trim().parse().expect("a number")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with a configuration and a pack that masks `first`.
pub(crate) fn lay_out(policy: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let config = format!(
        "schema = 1\n[server]\ndata = \"127.0.0.1:0\"\noperations = \"127.0.0.1:0\"\nstate = \"state\"\nworkers = 1\n\
         [policy]\ndir = \"packs\"\n{policy}\n\
         [[upstream]]\nname = \"demo\"\ndialects = [\"openai\"]\nbase_url = \"demonstration:\"\n"
    );
    fs::write(dir.path().join("gateway.toml"), config).expect("a file");
    let packs = dir.path().join("packs");
    for folder in ["p/rules", "p/lists", "profiles"] {
        fs::create_dir_all(packs.join(folder)).expect("a folder");
    }
    let write = |name: &str, text: &str| fs::write(packs.join(name), text).expect("a file");
    write("p/pack.toml", "name = \"p\"\nversion = \"1\"\nlicence = \"Apache-2.0\"\ntitle = \"t\"\n");
    write("profiles/default.toml", "name = \"default\"\ntitle = \"t\"\npacks = [\"p\"]\n");
    masks(dir.path(), "first");
    dir
}

pub(super) fn masks(dir: &Path, word: &str) {
    let rule = format!(
        "[[rule]]\nid = \"word\"\ntitle = \"t\"\ncategory = \"WORD\"\naction = \"mask\"\nkeywords = [\"{word}\"]\n\
         examples = [\"{word}\"]\ncounter_examples = [\"nothing\"]\n"
    );
    fs::write(dir.join("packs/p/rules/words.toml"), rule).expect("a file");
}

pub(super) fn wait_for(what: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(30) {
        if what() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

#[test]
fn sighup_and_the_verbs_change_policies() {
    let gateway = Process::start("watch = \"0 s\"");
    assert_eq!(gateway.generation(), 1);
    masks(gateway.dir(), "second");
    gateway.signal("-HUP");
    assert!(wait_for(|| gateway.generation() == 2));
    let (code, status) = gateway.policy("status");
    assert_eq!((code, status["active"]["by"].as_str()), (Some(0), Some("signal")), "{status}");

    masks(gateway.dir(), "third\", 3, \"");
    let (code, said) = gateway.policy("reload");
    assert_eq!((code, said["outcome"].as_str()), (Some(1), Some("failed")), "{said}");
    let said = gateway.human("reload");
    assert!(said.starts_with("failed, by request, after ms "), "{said}");
    assert!(said.contains("words.toml:6:") && said.contains("\nruns: 2: default "), "{said}");
    let said = gateway.human("status");
    assert!(
        said.contains("\nbefore: 1: default ") && said.contains("\nlast reload: failed, by request"),
        "{said}"
    );
    // A bad one on SIGHUP ends nothing.
    gateway.signal("-HUP");
    assert!(wait_for(|| gateway.policy("status").1["last"]["by"] == "signal"));

    let (code, said) = gateway.policy("rollback");
    assert_eq!((code, said["active"]["generation"].as_u64()), (Some(0), Some(1)), "{said}");
    let (code, said) = gateway.policy("rollback");
    assert_eq!((code, said["reason"].as_str()), (Some(1), Some("no earlier policy is kept")));
    let said = gateway.human("rollback");
    assert_eq!(said, "refused, because no earlier policy is kept\n");
    let nobody = run(&["policy", "status", "--operations", "127.0.0.1:1"]);
    assert_eq!(nobody.status.code(), Some(3));
}

/// Twenty reloads of ten thousand words leave no more memory taken than a few did.
#[test]
fn many_reloads_do_not_grow() {
    let gateway = Process::start("watch = \"0 s\"\nkeep = 1");
    let reload = |n: usize| {
        let words: String = (0..10_000).map(|w| format!("w{}x{n}\n", w * 7919)).collect();
        fs::write(gateway.dir().join("packs/p/lists/words.txt"), words).expect("a file");
        let rule = "[[rule]]\nid = \"word\"\ntitle = \"t\"\ncategory = \"WORD\"\naction = \"mask\"\nlists = [\"words.txt\"]\n\
                    keywords = [\"first\"]\nexamples = [\"first\"]\ncounter_examples = [\"nothing\"]\n";
        fs::write(gateway.dir().join("packs/p/rules/words.toml"), rule).expect("a file");
        let (code, said) = gateway.policy("reload");
        assert_eq!((code, said["outcome"].as_str()), (Some(0), Some("ok")), "{said}");
    };
    let before = gateway.resident();
    (0..5).for_each(reload);
    let few = gateway.resident();
    (5..25).for_each(reload);
    let many = gateway.resident();
    let one = few.saturating_sub(before) / 3;
    assert!(many < few + 3 * one.max(1024), "{before} KiB, after 5 reloads {few}, after 25 {many}");
}

/// A check fetches nothing: a list that is not here is a warning, one that may not be fetched a mistake.
#[test]
fn a_check_says_which_lists_are_not_here() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    write("packs/p/pack.toml", "name = \"p\"\nversion = \"1\"\nlicence = \"Apache-2.0\"\ntitle = \"t\"\n");
    write("packs/profiles/default.toml", "name = \"default\"\ntitle = \"t\"\npacks = [\"p\"]\n");
    write(
        "packs/p/rules/r.toml",
        &format!(
            "[[rule]]\nid = \"word\"\ntitle = \"t\"\ncategory = \"TRADE_SECRET\"\naction = \"mask\"\nexamples = [\"in the list\"]\n\
             counter_examples = [\"nothing\"]\n[[rule.list_url]]\nurl = \"https://lists.invalid/a.txt\"\nsha256 = \"{}\"\n",
            "0".repeat(64)
        ),
    );
    let check = |hosts: &str| {
        write(
            "gateway.toml",
            &format!(
                "schema = 1\n[policy]\ndir = \"packs\"\nlist_hosts = [{hosts}]\n[[upstream]]\nname = \"demo\"\n\
                 dialects = [\"openai\"]\nbase_url = \"demonstration:\"\n"
            ),
        );
        let path = dir.path().join("gateway.toml");
        let output = run(&["check", "--config", path.to_str().expect("a path")]);
        (output.status.code(), text(&output.stdout))
    };
    let (code, said) = check("\"Lists.invalid\"");
    assert!(
        said.contains("warning[no-list]: there is no copy of the list `https://lists.invalid/a.txt` here"),
        "{said}"
    );
    assert!(said.contains("r.toml:9:7") && said.ends_with(" 1 warning\n"), "{said}");
    assert_eq!(code, Some(0));
    let (code, said) = check("\"lists.example\"");
    assert!(said.contains("error[list-host]: lists from `lists.invalid` are not allowed"), "{said}");
    assert_eq!(code, Some(2));
    // Who scans needs the words.
    let packs = dir.path().join("packs");
    let output = run(&["scan", "--policy", packs.to_str().expect("a path"), "--format", "jsonl"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("error[no-list]"), "{}", text(&output.stderr));
}
