//! `sluicegate audit`: what the journal holds, that nothing in it was changed, and proof of it for others.

mod anchored;
mod export;
mod keep;
mod prove;
mod replay;
mod search;
mod verify;
mod witness;
mod writer;

use super::{ConfigArgs, Exit};
use crate::audit::{Index, JournalSettings, Verifier};
use crate::config::{Loaded, Purpose, journal_settings};
use crate::upstream::vouch::{AnchorSettings, WitnessSettings};
use anyhow::Context as _;
pub(super) use replay::told;
pub(super) use search::{Filter, bodies, finding};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
pub(super) use writer::Writer;

/// Verify the journal, find exchanges in it, prove and export them
///
/// The journal's folder may be a copy, and a gateway may be writing to it meanwhile.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sluicegate audit verify
  sluicegate audit search --verdict block --since 1d
  sluicegate audit prove 4bzk0hmm1qf0n6cz6rwr9w3yxd > exchange.proof.json")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Verify(verify::Args),
    Prove(prove::Args),
    Show(search::Show),
    Search(search::Search),
    Stats(search::Stats),
    Export(export::Args),
    Replay(replay::Args),
    Key(prove::Key),
    Erase(keep::Erase),
    Hold(keep::HoldArgs),
    Purge(keep::Purge),
    Witness(witness::Args),
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.what {
        What::Verify(args) => verify::run(args),
        What::Prove(args) => prove::run(args),
        What::Show(args) => search::show(args),
        What::Search(args) => search::search(args),
        What::Stats(args) => search::stats(args),
        What::Export(args) => export::run(args),
        What::Replay(args) => replay::run(args),
        What::Key(args) => prove::key(args),
        What::Erase(args) => keep::erase_subject(args),
        What::Hold(args) => keep::hold(args),
        What::Purge(args) => keep::purge(args),
        What::Witness(args) => witness::run(args),
    }
}

/// Where the journal is.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// The journal's folder, or a copy of it; without it, the one of the configuration
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,

    #[command(flatten)]
    config: ConfigArgs,
}

impl Place {
    pub(super) fn settings(&self) -> anyhow::Result<JournalSettings> {
        let file = self.config.file(self.config.overrides());
        let (source, folder) = file.source().map_err(|diagnostic| anyhow::anyhow!("{diagnostic}"))?;
        Ok(journal_settings(&source, &folder, &self.config.overrides()))
    }

    /// The witnesses and anchors of the configuration.
    fn vouching(&self) -> anyhow::Result<(Vec<WitnessSettings>, Vec<AnchorSettings>)> {
        let file = self.config.file(self.config.overrides());
        let (source, folder) = file.source().map_err(|diagnostic| anyhow::anyhow!("{diagnostic}"))?;
        Ok(crate::config::vouching(&source, &folder))
    }

    /// The state folder of the gateway.
    fn state(&self) -> anyhow::Result<PathBuf> {
        let file = self.config.file(self.config.overrides());
        let (source, folder) = file.source().map_err(|diagnostic| anyhow::anyhow!("{diagnostic}"))?;
        Ok(crate::config::state_path(&source, &folder, &self.config.overrides()))
    }

    /// The whole configuration.
    pub(super) fn loaded(&self, purpose: Purpose) -> Loaded {
        self.config.load(purpose)
    }

    pub(super) fn dir(&self) -> anyhow::Result<PathBuf> {
        let dir = match &self.journal {
            Some(dir) => dir.clone(),
            None => self.settings()?.dir.context("the configuration names no journal")?,
        };
        anyhow::ensure!(
            dir.is_dir(),
            "there is no journal at `{}`; `--journal`, `--state` or `--config` says where it is",
            dir.display()
        );
        Ok(dir)
    }

    /// The index, with all that the journal has.
    pub(super) fn index(&self) -> anyhow::Result<(PathBuf, Index)> {
        let dir = self.dir()?;
        let mut index = Index::open(&dir)?;
        let mut progress = Progress::new("records taken into the index");
        index.update(&mut |sequence| progress.at(sequence))?;
        progress.done();
        Ok((dir, index))
    }
}

/// That there is no such exchange, and why that may be.
pub(super) fn absent(dir: &Path, exchange: &str) -> String {
    let purged = crate::audit::first_record(dir).map_or(0, |first| first - 1);
    let why = if purged > 0 { format!(" (records up to {purged} were purged)") } else { String::new() };
    format!("no exchange `{exchange}` in the journal{why}")
}

/// Which key signed.
#[derive(Debug, clap::Args)]
pub(super) struct KeyArg {
    /// The public key that signs the journal, or a file that holds it; without it, the one that stands beside the journal, which shows
    /// nothing against somebody who could write there
    #[arg(long, value_name = "KEY|FILE")]
    pub(super) key: Option<String>,
}

impl KeyArg {
    /// The key, and whether it came from elsewhere than the journal.
    pub(super) fn verifier(&self, dir: &Path) -> anyhow::Result<(Verifier, bool)> {
        let (text, own) = match &self.key {
            Some(key) => (key_text(key)?, false),
            None => (read_key(&crate::audit::key_path(dir))?, true),
        };
        let verifier = text.parse().map_err(|error| anyhow::anyhow!("`{}`: {error}", text.trim()))?;
        Ok((verifier, !own))
    }
}

fn read_key(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read the key in `{}`", path.display()))
}

/// A key that is written, or stands in a file.
pub(super) fn key_text(key: &str) -> anyhow::Result<String> {
    if key.contains('+') && !Path::new(key).exists() { Ok(key.to_owned()) } else { read_key(Path::new(key)) }
}

/// Says on a terminal how far something is.
struct Progress {
    what: &'static str,
    step: u64,
    shown: u64,
    terminal: bool,
}

impl Progress {
    /// Records between two signs of life.
    const STEP: u64 = 10_000;

    fn new(what: &'static str) -> Self {
        Self::each(what, Self::STEP)
    }

    /// A sign of life after so many.
    fn each(what: &'static str, step: u64) -> Self {
        Self { what, step, shown: 0, terminal: io::stderr().is_terminal() }
    }

    fn at(&mut self, sequence: u64) {
        if self.terminal && sequence.is_multiple_of(self.step) {
            self.shown = sequence;
            let _ = write!(io::stderr(), "\r{sequence} {}", self.what);
        }
    }

    fn done(&self) {
        if self.shown > 0 {
            let _ = writeln!(io::stderr());
        }
    }
}

/// Whether a text stands in one line of a terminal and reads as it is written: no control characters, and none of Unicode's signs that turn the
/// direction of writing (UAX #9) or break a line.
pub(in crate::cli) fn is_one_line(text: &str) -> bool {
    !text.chars().any(deceives)
}

fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text of somebody else's in a line of ours: what would end the line or turn it round is written out.
pub(in crate::cli) fn in_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if deceives(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out
}

/// A text for a terminal: what steers it written out, but for line breaks. That are control characters, and those that turn the direction of
/// writing or break a line, by which a name can look like another.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if deceives(c) && c != '\n' { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

/// The pepper of the state folder.
fn pepper(place: &Place) -> anyhow::Result<crate::limits::Pepper> {
    let file = place.config.file(place.config.overrides());
    let (source, folder) = file.source().map_err(|diagnostic| anyhow::anyhow!("{diagnostic}"))?;
    let path = crate::config::pepper_path(&source, &folder, &place.config.overrides());
    Ok(crate::limits::Pepper::load_for(&path, &place.dir()?)?)
}

/// The key under which records name texts, users and addresses.
pub(super) fn commitments(place: &Place) -> anyhow::Result<crate::audit::CommitmentKey> {
    let pepper = pepper(place)?;
    Ok(crate::audit::CommitmentKey::new(&pepper.derive(crate::server::COMMITMENTS)))
}
