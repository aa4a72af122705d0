//! The program as people use it: help, exit codes, configuration files. Expected texts stand in files beside
//! the tests; `SLUICEGATE_BLESS=1 cargo test` writes them anew.

mod approval;
mod assess;
mod audit;
mod bank;
mod claims;
mod complaint;
mod config;
mod diff;
mod explain;
mod filing;
mod fingerprint;
mod help;
mod import;
mod incident;
mod judges;
mod label;
mod models;
mod overblock;
mod policy;
mod prints;
pub(crate) mod reload;
mod review;
mod sampler;
mod scan;
mod serve;
mod states;
mod witness;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The program, with nothing of this process's environment that could change what it does.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
    command.args(arguments).env_clear().env("COLUMNS", "100");
    command
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    program(arguments).output().expect("the program starts")
}

/// The same, with this on its standard input.
pub(crate) fn run_with(arguments: &[&str], input: &str) -> Output {
    feed(&mut program(arguments), input)
}

/// Runs a command to its end with this on its standard input.
pub(crate) fn feed(command: &mut Command, input: &str) -> Output {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("the program starts");
    // A program that has refused its arguments reads nothing.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

/// Standard output as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

/// Compares with the file, or writes it when asked to.
pub(crate) fn expect_file(path: &Path, found: &str) -> Result<(), String> {
    if std::env::var_os("SLUICEGATE_BLESS").is_some() {
        std::fs::write(path, found).expect("write the expected text");
        return Ok(());
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    if expected == found {
        return Ok(());
    }
    Err(format!("{} differs; found:\n{found}\nexpected:\n{expected}", path.display()))
}

/// The files below a folder whose bytes hold a text.
pub(crate) fn holding(folder: &std::path::Path, what: &str) -> Vec<std::path::PathBuf> {
    let mut out = Vec::new();
    for path in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            out.extend(holding(&path, what));
        } else if memchr::memmem::find(&std::fs::read(&path).expect("a file"), what.as_bytes()).is_some() {
            out.push(path);
        }
    }
    out
}
