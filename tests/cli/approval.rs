//! Policies that two people have to approve: keys, signatures, what runs and what is refused.

use super::reload::{Process, lay_out, masks, wait_for};
use super::{run, text};
use serde_json::Value;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// A folder whose policies Alice, Bob or Carol have to approve, two of them.
fn folder() -> tempfile::TempDir {
    let dir = lay_out("watch = \"50 ms\"\nAPPROVAL");
    let line = |name: &str| {
        let said = verb(dir.path(), &["keygen", "--name", name, "--out", &key(dir.path(), name)], 0);
        said.rsplit_once("approvers = [").expect("a line").1.trim().trim_end_matches(']').to_owned()
    };
    let approvers = ["alice", "bob", "carol"].map(line).join(", ");
    let path = dir.path().join("gateway.toml");
    let config = fs::read_to_string(&path).expect("a file");
    let approval = format!("[policy.approval]\nrequired = 2\napprovers = [{approvers}]\n");
    fs::write(path, config.replace("APPROVAL", &approval)).expect("a file");
    dir
}

fn key(dir: &Path, name: &str) -> String {
    dir.join(format!("{name}.key")).display().to_string()
}

/// What a verb of `policy` says, on either output, when it ends with this code.
fn verb(dir: &Path, arguments: &[&str], code: i32) -> String {
    let mut whole = vec!["policy"];
    whole.extend(arguments);
    let config = dir.join("gateway.toml").display().to_string();
    if arguments.first() != Some(&"keygen") {
        whole.extend(["--config", &config]);
    }
    let output = run(&whole);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    said
}

fn approve(dir: &Path, name: &str, more: &[&str], code: i32) -> String {
    let key = key(dir, name);
    let mut arguments = vec!["approve", "--key", &key];
    arguments.extend(more);
    verb(dir, &arguments, code)
}

/// The hash of the policy that is there now.
fn hash(dir: &Path, code: i32) -> String {
    let said: Value =
        serde_json::from_str(&verb(dir, &["approvals", "--format", "json"], code)).expect("JSON");
    said["policy"].as_str().expect("a hash").to_owned()
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a gateway");
    write!(stream, "GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn a_gateway_runs_what_two_people_approved() {
    let dir = folder();
    let root = dir.path().to_owned();
    let config = root.join("gateway.toml").display().to_string();
    let serve = || {
        let output = run(&["serve", "--config", &config]);
        (output.status.code(), text(&output.stderr))
    };
    // Nobody has approved it, then the author alone has.
    let (code, said) = serve();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("has 0 of 2 approvals: signed by nobody, not by alice, bob, carol"), "{said}");
    let first = hash(&root, 1);
    assert!(approve(&root, "alice", &["--author"], 0).contains("1 of 2: it may not run"));
    let (code, said) = serve();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains(&first) && said.contains("signed by alice (author), not by bob, carol"), "{said}");
    // Who checks is told, and it is no mistake.
    let output = run(&["check", "--config", &config]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("warning[approval]"), "{}", text(&output.stdout));

    assert!(approve(&root, "alice", &[], 1).contains("`alice` has approved the policy"));
    assert!(
        approve(&root, "bob", &["--policy", first.get(..8).expect("digits")], 0)
            .contains("2 of 2: it may run")
    );
    let gateway = Process::run(dir);
    let ready = || get(&gateway.operations, "/readyz");
    assert!(ready().contains(&format!("\napproved by alice, bob as {first}\n")), "{}", ready());

    // A change that nobody approved: what ran goes on.
    masks(&root, "second");
    assert!(wait_for(|| ready().contains("what the files say is not approved, this policy goes on")));
    assert!(ready().contains("has 0 of 2 approvals"), "{}", ready());
    // It is no reason to take no requests.
    assert!(wait_for(|| ready().starts_with("HTTP/1.0 200")), "{}", ready());
    let (code, said) = gateway.policy("reload");
    assert_eq!((code, said["outcome"].as_str()), (Some(1), Some("unapproved")), "{said}");
    assert_eq!(gateway.generation(), 1);
    let metrics = get(&gateway.operations, "/metrics");
    assert!(metrics.contains("sluicegate_policy_reloads_total{outcome=\"unapproved\"} 2"), "{metrics}");
    // The change of who has to approve is not taken either.
    let written = fs::read_to_string(&config).expect("a file");
    fs::write(
        &config,
        written.split_once("[policy.approval]").map_or("", |(before, _)| before).to_owned()
            + "[[upstream]]\nname = \"demo\"\ndialects = [\"openai\"]\nbase_url = \"demonstration:\"\n",
    )
    .expect("a file");
    let (code, said) = gateway.policy("reload");
    assert_eq!((code, said["outcome"].as_str()), (Some(1), Some("unapproved")), "{said}");
    fs::write(&config, written).expect("a file");

    // Both sign: it runs by itself.
    let second = hash(&root, 1);
    assert_ne!(first, second);
    assert!(approve(&root, "carol", &["--author"], 0).contains("1 of 2"));
    assert!(gateway.human("reload").starts_with("unapproved, by request"));
    approve(&root, "bob", &[], 0);
    assert!(wait_for(|| gateway.generation() == 2));
    let status = gateway.human("status");
    assert!(status.contains(&format!("approved by bob, carol as {second}")), "{status}");
    let begun = Instant::now();
    let (code, said) = gateway.policy("rollback");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!((code, said["active"]["approval"]["policy"].as_str()), (Some(0), Some(&*first)), "{said}");
}

#[test]
fn what_is_wrong_with_an_approval_is_said() {
    let dir = folder();
    let root = dir.path();
    approve(root, "alice", &["--author"], 0);
    let now = hash(root, 1);
    let of = |name: &str| root.join(format!("approvals/{now}/{name}.toml"));
    let alice = fs::read_to_string(of("alice")).expect("a file");
    let approvals = || verb(root, &["approvals"], 1);

    // Twice by the same person.
    fs::write(of("again"), &alice).expect("a file");
    assert!(approvals().contains("`alice` approves twice, here and in"), "{}", approvals());
    // By one whom nobody knows.
    fs::write(of("again"), alice.replace("alice", "mallory")).expect("a file");
    assert!(approvals().contains("`mallory` is not among the approvers"), "{}", approvals());
    // In somebody else's name.
    fs::write(of("again"), alice.replace("alice", "bob")).expect("a file");
    assert!(approvals().contains("the signature is not one of `bob`'s key"), "{}", approvals());
    // Of another policy.
    masks(root, "other");
    approve(root, "bob", &[], 0);
    let other = hash(root, 1);
    fs::copy(root.join(format!("approvals/{other}/bob.toml")), of("again")).expect("a file");
    masks(root, "first");
    assert!(approvals().contains(&format!("`bob` approves another policy than {now}")), "{}", approvals());
    fs::remove_file(of("again")).expect("a file");

    // The one that was read, and no other.
    assert!(
        approve(root, "bob", &["--policy", other.get(..12).expect("digits")], 2)
            .contains(&format!("the policy here is {now}"))
    );
    // With a key that is nobody's, and one that everybody can read.
    verb(root, &["keygen", "--name", "mallory", "--out", &key(root, "mallory")], 0);
    let said = approve(root, "mallory", &[], 2);
    assert!(said.contains("is no approver's") && said.contains("its public key is"), "{said}");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(key(root, "bob"), open).expect("set");
    assert!(approve(root, "bob", &[], 2).contains("may be read by others"));
    let said = verb(root, &["keygen", "--name", "bob", "--out", &key(root, "bob")], 2);
    assert!(said.contains("is there already"), "{said}");
    // A policy with mistakes.
    masks(root, "a\", 3, \"b");
    assert!(approve(root, "carol", &[], 2).contains("a policy with mistakes is not approved"));
}
