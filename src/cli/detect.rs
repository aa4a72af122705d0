//! `sluicegate detect`: whether a text is a model's words that came through this gateway.

use super::moment::{minute, now_ms};
use super::prints::{Origins, shelf};
use super::{ConfigArgs, Exit, Format, environment, show};
use crate::config::Purpose;
use crate::provenance::detect::{Marks, Verdict, marks, report};
use crate::provenance::mark::MarkKeys;
use crate::provenance::print::PrintVerdict;
use crate::provenance::sampler::{self, Sampled, SamplerVerdict};
use serde_json::json;
use std::io::{self, Read as _, Write};
use std::path::PathBuf;

/// Look for this gateway's marks in a text
///
/// Reads a file, a text, or standard input, with the keys of the configuration. `bound`: passages came through this gateway as a model's words,
/// unchanged. `edited`: they did, and something was changed, put in or left out. `carrier_only`: there are characters in the form of marks, and
/// none verifies. `none`: nothing was found, which does not tell who wrote the text. Where the configuration has `[[upstream.sampler]]` the choice of
/// words is looked at, too, and where prints are kept whether passages were delivered.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 where marks verify or another layer finds something, 1 where none does, 2 for a bad configuration or file.

Examples:
  sluicegate detect --config gateway.toml answer.txt
  sluicegate detect --text 'a passage that was copied from somewhere'
  pbpaste | sluicegate detect --format json")]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,

    /// The text itself, in place of a file
    #[arg(long, value_name = "TEXT", conflicts_with = "file")]
    text: Option<String>,

    /// How to write the answer; `json` says of each mark where it stands, which the public detector does not
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,

    /// The file; without it, or as `-`, standard input
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// The keys of a configuration; none where it is wrong, which has been said.
pub(super) fn keys(config: &ConfigArgs) -> anyhow::Result<Option<MarkKeys>> {
    let loaded = config.load(Purpose::Check);
    // What is wrong elsewhere does not matter here.
    let Some(settings) = loaded.settings.or(loaded.draft) else {
        show(&loaded.diagnostics)?;
        return Ok(None);
    };
    let keys = match (&settings.marks.env, &settings.marks.keys) {
        (None, Some(path)) => MarkKeys::load(path),
        _ => settings.mark_keys(&environment, 0),
    };
    match keys {
        Ok(keys) => Ok(Some(keys)),
        Err(error) => {
            writeln!(
                io::stderr(),
                "error: the keys of marks: {error}\nhelp: `sluicegate serve` makes them at its first start; `--state` names the folder"
            )?;
            Ok(None)
        }
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let Some(keys) = keys(&args.config)? else { return Ok(Exit::Misuse) };
    let loaded = args.config.load(Purpose::Check);
    let settings = loaded.settings.or(loaded.draft);
    let asks = settings.as_ref().is_some_and(|s| s.upstreams.iter().any(|(u, _)| !u.samplers.is_empty()));
    let shelf = settings.map(|settings| shelf(&settings)).transpose()?.flatten();
    let text = match (&args.text, &args.file) {
        (Some(text), _) => text.clone(),
        (None, Some(path)) if path.as_os_str() != "-" => match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                writeln!(io::stderr(), "error: {}: {error}", path.display())?;
                return Ok(Exit::Misuse);
            }
        },
        _ => {
            let mut text = String::new();
            if let Err(error) = io::stdin().lock().read_to_string(&mut text) {
                writeln!(io::stderr(), "error: standard input: {error}")?;
                return Ok(Exit::Misuse);
            }
            text
        }
    };
    let found = marks(&keys, &text);
    let sampled = asks.then(|| sampler::read(&keys, &text));
    let traced = shelf.map(|shelf| shelf.trace(&text, now_ms())).transpose()?;
    let traced = traced.map(|traced| Origins::of(traced, &text, &args.config));
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => writeln!(out, "{}", with_places(&found, sampled.as_ref(), traced.as_ref(), &text))?,
        Format::Human => {
            view(&mut out, &found)?;
            sampled.iter().try_for_each(|sampled| view_words(&mut out, sampled))?;
            traced.iter().try_for_each(|traced| traced.view(&mut out, &text))?;
        }
    }
    let is_found = traced.is_some_and(|traced| traced.verdict() == PrintVerdict::Found)
        || sampled.is_some_and(|sampled| sampled.verdict == SamplerVerdict::Found);
    Ok(if found.valid > 0 || is_found { Exit::Fine } else { Exit::No })
}

/// Where something stands: code points of the text.
pub(super) fn points(text: &str, byte: usize) -> usize {
    text.get(..byte).unwrap_or_default().chars().count()
}

/// The answer, and where each mark stands: code points of the text.
fn with_places(
    found: &Marks,
    sampled: Option<&Sampled>,
    traced: Option<&Origins>,
    text: &str,
) -> serde_json::Value {
    let mut answer = report(text, Some(found), sampled, traced.map(|traced| &traced.traced));
    if let (Some(layer), Some(sampled)) = (answer.pointer_mut("/layers/sampler"), sampled) {
        // To the operator also what the public is not told.
        *layer = json!({
            "verdict": sampled.verdict.as_str(), "meaning": sampled.verdict.sentence(), "epoch": sampled.epoch,
            "since": sampled.epoch.map(|_| sampled.since), "words": sampled.words, "pairs": sampled.pairs, "z": sampled.z,
            "false_alarm": sampled.false_alarm,
        });
    }
    if let (Some(layer), Some(traced)) = (answer.pointer_mut("/layers/fingerprint"), traced) {
        traced.add_to(layer, text);
    }
    let places: Vec<_> = found
        .reading
        .found
        .iter()
        .map(|mark| {
            let at = |byte: usize| points(text, byte);
            json!({
                "start": at(mark.bytes.start), "end": at(mark.bytes.end), "letters": mark.letters,
                "epoch": mark.epoch, "cut": mark.cut, "whole": mark.whole,
            })
        })
        .collect();
    if let Some(layer) = answer.pointer_mut("/layers/mark").and_then(|layer| layer.as_object_mut()) {
        layer.insert("places".into(), places.into());
    }
    answer
}

fn view_words(out: &mut impl Write, found: &Sampled) -> io::Result<()> {
    writeln!(out, "sampler: {}\n  {}", found.verdict.as_str(), found.verdict.sentence())?;
    writeln!(out, "  {} listed words, {} pairs that differ", found.words, found.pairs)?;
    let Some(epoch) = found.epoch else { return Ok(()) };
    writeln!(
        out,
        "  epoch {epoch}, whose key is in use since {}, fits best: z = {:.2}, chance of a false alarm below {:.0e} (found: below {:.0e})",
        minute(found.since * 1000),
        found.z,
        found.false_alarm.max(f64::MIN_POSITIVE),
        sampler::FALSE_ALARM
    )
}

fn view(out: &mut impl Write, found: &Marks) -> io::Result<()> {
    writeln!(out, "mark: {}", found.verdict.as_str())?;
    writeln!(out, "  {}", found.verdict.sentence())?;
    if found.reading.found.is_empty() {
        return Ok(());
    }
    let judged = found.reading.found.len() - found.cut;
    writeln!(
        out,
        "  {} of {judged} marks verify, {} begin too near the text's beginning",
        found.valid, found.cut
    )?;
    if found.verdict == Verdict::CarrierOnly {
        return Ok(());
    }
    for seen in &found.epochs {
        let until = seen.until.map_or("now".to_owned(), |until| minute(until * 1000));
        writeln!(
            out,
            "  epoch {}: {} marks, its key was in use from {} to {until}",
            seen.epoch,
            seen.marks,
            minute(seen.since * 1000)
        )?;
    }
    writeln!(
        out,
        "  {:.0} % of {} letters are vouched for, {} stretches were changed",
        found.covered * 100.0,
        found.reading.letters,
        found.changed
    )?;
    if let Some(tenths) = found.tenths {
        let bar: String = tenths.iter().map(|on| if *on { '#' } else { '.' }).collect();
        writeln!(out, "  by tenths: [{bar}]")?;
    }
    writeln!(out, "  chance of a false alarm: below {:.0e}", found.false_alarm.max(f64::MIN_POSITIVE))
}
