//! `sluicegate prints`: what is kept of answers, its erasure, and what it is worth on texts of one's own.

mod kept;
mod measure;
mod origins;

use super::Exit;
pub(super) use kept::{STILL, erase, shelf};
pub(super) use origins::Origins;

/// Prints of answers, by which they are known again without marks
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sluicegate prints stat --config gateway.toml
  sluicegate prints forget 4bzk0hmm1qf0n6cz6rwr9w3yxd --basis 'request 4711'
  sluicegate prints measure answers.jsonl")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Stat(kept::Stat),
    Forget(kept::Forget),
    Measure(measure::Args),
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.what {
        What::Stat(args) => kept::stat(args),
        What::Forget(args) => kept::run_forget(args),
        What::Measure(args) => measure::run(args),
    }
}
