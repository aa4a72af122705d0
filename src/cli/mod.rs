//! One file a verb: its arguments, its help, what it does.
//!
//! Exit codes: 0 fine, 1 a difference or something not ready, 2 misuse or a bad file, 3 could not run.

mod approval;
mod ask;
mod assess;
mod audit;
mod bank;
mod check;
mod claims;
mod complaint;
mod config;
mod desk;
mod detect;
mod dice;
mod diff;
mod explain;
mod filing;
mod fingerprint;
mod healthcheck;
mod import;
mod incident;
mod kept;
mod key;
mod label;
mod marks;
mod moment;
mod obligations;
mod overblock;
mod page;
mod policies;
mod policy;
mod prints;
mod profile;
mod query;
mod rank;
mod review;
mod scan;
mod score;
mod serve;
mod standing;
mod texts;
mod train;
mod version;

use crate::config::{ConfigFile, Loaded, Overrides, Purpose};
use crate::diag::{Colour, Diagnostic, render_human};
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// A moderation gateway for generated content: reads every prompt on its way out and every token on its
/// way back, masks or blocks what must not pass, and records it.
#[derive(Debug, Parser)]
#[command(name = "sluicegate", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_long_help = "\
Examples:
  sluicegate serve
  sluicegate check --config gateway.toml")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Serve(serve::Args),
    Check(check::Args),
    Config(config::Args),
    Key(key::Args),
    Policy(policy::Args),
    Standing(standing::Args),
    Complaint(complaint::Args),
    Review(Box<review::Args>),
    Scan(scan::Args),
    Score(score::Args),
    Rank(rank::Args),
    Explain(explain::Args),
    Diff(diff::Args),
    Import(import::Args),
    Assess(Box<assess::Args>),
    Bank(Box<bank::Args>),
    Audit(Box<audit::Args>),
    Incident(Box<incident::Args>),
    Detect(detect::Args),
    Fingerprint(fingerprint::Args),
    Claims(claims::Args),
    Marks(marks::Args),
    Prints(prints::Args),
    Profile(profile::Args),
    Obligations(obligations::Args),
    Filing(filing::Args),
    Overblock(overblock::Args),
    Train(train::Args),
    Label(Box<label::Args>),
    Healthcheck(healthcheck::Args),
    Version(version::Args),
}

/// How a verb ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// As it should.
    Fine,
    /// It ran, and the answer is no.
    No,
    /// The arguments or a file are wrong.
    Misuse,
    /// It could not run.
    Failed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Fine => 0,
            Exit::No => 1,
            Exit::Misuse => 2,
            Exit::Failed => 3,
        })
    }
}

/// How a verb writes its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Human,
    /// For programs.
    Json,
}

/// Parses the arguments and runs the verb.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.verb {
        Verb::Serve(args) => serve::run(&args),
        Verb::Check(args) => check::run(&args),
        Verb::Config(args) => config::run(&args),
        Verb::Key(args) => key::run(&args),
        Verb::Policy(args) => policy::run(&args),
        Verb::Standing(args) => standing::run(&args),
        Verb::Complaint(args) => complaint::run(&args),
        Verb::Review(args) => review::run(&args),
        Verb::Scan(args) => scan::run(&args),
        Verb::Score(args) => score::run(&args),
        Verb::Rank(args) => rank::run(&args),
        Verb::Explain(args) => explain::run(&args),
        Verb::Diff(args) => diff::run(&args),
        Verb::Import(args) => import::run(&args),
        Verb::Assess(args) => assess::run(&args),
        Verb::Bank(args) => bank::run(&args),
        Verb::Audit(args) => audit::run(&args),
        Verb::Incident(args) => incident::run(&args),
        Verb::Detect(args) => detect::run(&args),
        Verb::Fingerprint(args) => fingerprint::run(&args),
        Verb::Claims(args) => claims::run(&args),
        Verb::Marks(args) => marks::run(&args),
        Verb::Prints(args) => prints::run(&args),
        Verb::Profile(args) => profile::run(&args),
        Verb::Obligations(args) => obligations::run(&args),
        Verb::Filing(args) => filing::run(&args),
        Verb::Overblock(args) => overblock::run(&args),
        Verb::Train(args) => train::run(&args),
        Verb::Label(args) => label::run(&args),
        Verb::Healthcheck(args) => healthcheck::run(&args),
        Verb::Version(args) => version::run(&args),
    };
    match result {
        Ok(exit) => exit.into(),
        // The reader of our output has seen enough, as in `sluicegate config schema | head`.
        Err(error) if is_closed_pipe(&error) => Exit::Fine.into(),
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {}", told(&error));
            Exit::Failed.into()
        }
    }
}

/// An error and its causes, each once: some say theirs themselves.
fn told(error: &anyhow::Error) -> String {
    let mut causes = error.chain().map(ToString::to_string);
    let first = causes.next().unwrap_or_default();
    causes.fold(first, |told, cause| if told.ends_with(&cause) { told } else { format!("{told}: {cause}") })
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

/// The names of all verbs, the inner ones with a space.
pub fn verbs() -> Vec<String> {
    fn walk(command: &clap::Command, prefix: &str, out: &mut Vec<String>) {
        for inner in command.get_subcommands().filter(|c| c.get_name() != "help") {
            let name = format!("{prefix}{}", inner.get_name());
            walk(inner, &format!("{name} "), out);
            out.push(name);
        }
    }
    let mut out = Vec::new();
    walk(&Cli::command(), "", &mut out);
    out.sort();
    out
}

/// Where the configuration comes from.
#[derive(Debug, Clone, clap::Args)]
struct ConfigArgs {
    /// The configuration file; without it, the built-in demonstration
    #[arg(long, value_name = "FILE", env = "SLUICEGATE_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,

    /// The folder of what the gateway keeps, in place of the file's `server.state`
    #[arg(long, value_name = "DIR", env = "SLUICEGATE_STATE", hide_env_values = true)]
    state: Option<PathBuf>,
}

impl ConfigArgs {
    /// The file with what the command line says in its place.
    fn file(&self, overrides: Overrides) -> ConfigFile {
        ConfigFile { path: self.config.clone(), overrides }
    }

    fn overrides(&self) -> Overrides {
        Overrides { state: self.state.clone(), ..Overrides::default() }
    }

    /// Reads and checks it with the process's own environment.
    fn load(&self, purpose: Purpose) -> Loaded {
        self.file(self.overrides()).load(purpose, &environment)
    }
}

/// The process's own environment.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Shows diagnostics on standard error.
fn show(diagnostics: &[Diagnostic]) -> io::Result<()> {
    let stderr = io::stderr();
    let colour = colour(stderr.is_terminal());
    stderr.lock().write_all(render_human(diagnostics, colour).as_bytes())
}

fn colour(terminal: bool) -> Colour {
    if terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()) {
        Colour::On
    } else {
        Colour::Off
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_each_cause_once() {
        let disk = io::Error::other("the disk is full");
        let outer =
            anyhow::Error::new(disk).context("state/journal: the disk is full").context("cannot start");
        assert_eq!(told(&outer), "cannot start: state/journal: the disk is full");
        assert_eq!(told(&anyhow::anyhow!("b").context("a")), "a: b");
    }

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
        assert!(verbs().contains(&"key new".to_owned()));
    }
}
