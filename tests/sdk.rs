//! The official SDKs, openai-python's own suite and the HTTP/2 suite against the running gateway.
//!
//! They take minutes and install packages under `.cache`, so plain `cargo test` leaves them out and the test command runs them with
//! `cargo test --test all -- --ignored sdk`. `SLUICEGATE_SDK=skip` leaves the SDKs out there as well, loudly.

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// One at a time: each uses all cores, and some of their clients have time limits.
static TURN: Mutex<()> = Mutex::new(());

fn run(program: &str, arguments: &[&str]) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let status = Command::new(root.join(program))
        .args(arguments)
        .env("SLUICEGATE_BIN", env!("CARGO_BIN_EXE_sluicegate"))
        .current_dir(root)
        .status()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(status.success(), "{program} {arguments:?}: {status}");
}

/// The programs are right: they pass against the made-up provider itself.
#[test]
#[ignore = "minutes; the test command runs it"]
fn programs_pass_without_a_gateway() {
    run("tests/sdk/drive.py", &["--direct"]);
}

/// Plain, streamed, tools, two choices, masked, blocked before, blocked in mid-stream, upstream errors: each SDK ends as its users
/// expect, nothing leaks, and nothing of it stands in logs, metrics or journal.
#[test]
#[ignore = "minutes; the test command runs it"]
fn official_sdks() {
    run("tests/sdk/drive.py", &[]);
}

/// Labelled answers, whole and streamed, in every mode: each SDK reads what it always reads, with the label in the text.
#[test]
#[ignore = "needs the SDKs; the test command runs it"]
fn labels_in_official_sdks() {
    if std::env::var("SLUICEGATE_SDK").as_deref() == Ok("skip") {
        eprintln!("SKIPPED: labels in the official SDKs (SLUICEGATE_SDK=skip)");
        return;
    }
    run("scripts/sdk-setup", &[]);
    let home = std::env::var("SLUICEGATE_SDK_DIR").unwrap_or_else(|_| ".cache/sdk".to_owned());
    run(&format!("{home}/py/bin/python"), &["tests/labels/sdk.py", env!("CARGO_BIN_EXE_sluicegate")]);
}

/// The listing of fields is that of the SDKs' own types.
#[test]
#[ignore = "needs the SDKs; the test command runs it"]
fn fields_are_the_sdks_own() {
    if std::env::var("SLUICEGATE_SDK").as_deref() == Ok("skip") {
        eprintln!("SKIPPED: fields of the SDKs' types (SLUICEGATE_SDK=skip)");
        return;
    }
    run("scripts/sdk-setup", &[]);
    run("tests/sdk/inventory/fields.py", &["--check"]);
}

/// A transparency test: the suite passes as it does without the gateway.
#[test]
#[ignore = "minutes; the test command runs it"]
fn openai_python_suite() {
    run("scripts/openai-suite", &[]);
}

/// The HTTP/2 conformance tests; each exception is explained.
#[test]
#[ignore = "builds a tool; the test command runs it"]
fn http2_suite() {
    run("scripts/h2-suite", &[]);
}
