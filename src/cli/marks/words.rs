//! How the sampler's mark shows in texts of one's own: how far the words of each lean as the epochs' coins do.

use super::super::{ConfigArgs, Exit, Format, detect};
use crate::provenance::sampler::{FALSE_ALARM, Sampled, SamplerVerdict, read};
use serde_json::json;
use std::io::{self, Write as _};
use std::path::PathBuf;

/// Measure the sampler's mark: how the words of texts lean
///
/// Reads lines of `{"text"}` with the keys of the configuration. Answers of models that were asked for the mark should be found; texts of people, and
/// answers of models that were not, should lean neither way: a mean of `z` well above 0 in these says that their habits agree with a key by
/// chance, and `sluicegate marks rotate` draws others.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0, 2 for a bad configuration or file.

Examples:
  sluicegate marks words --config gateway.toml answers.jsonl
  sluicegate marks words --config gateway.toml --format json essays.jsonl more.jsonl")]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,

    /// How to write the answer; `json` has a line for each text
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,

    /// Files of JSON lines
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let Some(keys) = detect::keys(&args.config)? else { return Ok(Exit::Misuse) };
    let Some(texts) = super::texts(&args.files)? else { return Ok(Exit::Misuse) };
    let all: Vec<Sampled> = texts.iter().map(|text| read(&keys, text)).collect();
    let mut out = io::stdout().lock();
    if args.format == Format::Json {
        for sampled in &all {
            let line = json!({
                "verdict": sampled.verdict.as_str(), "words": sampled.words, "pairs": sampled.pairs, "epoch": sampled.epoch,
                "z": sampled.z, "false_alarm": sampled.false_alarm,
            });
            writeln!(out, "{line}")?;
        }
        return Ok(Exit::Fine);
    }
    let count = |verdict| all.iter().filter(|sampled| sampled.verdict == verdict).count();
    let told: Vec<&Sampled> = all.iter().filter(|sampled| sampled.verdict != SamplerVerdict::Short).collect();
    writeln!(
        out,
        "{} texts, {} of them too short to tell by their words",
        all.len(),
        all.len() - told.len()
    )?;
    writeln!(
        out,
        "found: {} (chance of a false alarm below {FALSE_ALARM:.0e} a text)",
        count(SamplerVerdict::Found)
    )?;
    if !told.is_empty() {
        let mean = told.iter().map(|sampled| sampled.z).sum::<f64>() / told.len() as f64;
        let most = told.iter().map(|sampled| sampled.z).fold(f64::NEG_INFINITY, f64::max);
        writeln!(out, "z, of the epoch that fits each text best: {mean:.2} in the mean, {most:.2} at most")?;
        let words = told.iter().map(|sampled| sampled.words).sum::<u64>() as f64 / told.len() as f64;
        writeln!(out, "listed words a text: {words:.0}")?;
    }
    Ok(Exit::Fine)
}
