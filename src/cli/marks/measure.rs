//! How well marks do on texts: which cuts verify, how many bytes they add, and what takes them away.

use super::super::Exit;
use crate::policy::Density;
use crate::provenance::mark::{Epoch, MarkKeys, Marker, in_prose, letters, marked, read, strip};
use crate::text::{Language, Scripts};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use unicode_normalization::UnicodeNormalization as _;

/// Measure marks on texts: cuts that verify, bytes added, what takes marks away
///
/// Reads lines of `{"text"}` and marks each text with a key of its own. A cut counts where at least nine tenths of its letters are prose; the
/// others hold code, tables or addresses, in which no mark stands. A text in which a run verifies before anything was marked is a false alarm.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0, 1 where a text was not restored or a false alarm was found, 2 for a bad file.

Examples:
  sluicegate marks measure answers.jsonl
  sluicegate marks measure answers.jsonl more.jsonl")]
pub(super) struct Args {
    /// Files of JSON lines
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// What a filter does to a text.
type Filter = (&'static str, fn(&str) -> String);

fn without(text: &str, lost: fn(char) -> bool) -> String {
    text.chars().filter(|&c| !lost(c)).collect()
}

fn is_format(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}' | '\u{feff}')
}

fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

const FILTERS: [Filter; 12] = [
    ("NFC", |text| text.nfc().collect()),
    ("NFD", |text| text.nfd().collect()),
    ("NFKC", |text| text.nfkc().collect()),
    ("NFKD", |text| text.nfkd().collect()),
    ("lower case", str::to_lowercase),
    ("white space as one space", |text| text.split_whitespace().collect::<Vec<_>>().join(" ")),
    ("no format characters (Cf)", |text| without(text, is_format)),
    ("no combining marks (Mn, Mc, Me)", |text| without(text, is_mark)),
    ("nothing beyond the BMP", |text| without(text, |c| c > '\u{ffff}')),
    ("no U+200B to U+200D, U+FEFF", |text| {
        without(text, |c| matches!(c, '\u{200b}'..='\u{200d}' | '\u{feff}'))
    }),
    ("neither Cf nor Mn", |text| without(text, |c| is_format(c) || is_mark(c))),
    ("ASCII and Han alone", |text| {
        without(text, |c| !c.is_ascii() && !('\u{3000}'..='\u{9fff}').contains(&c))
    }),
];

/// What is counted for texts of a kind.
#[derive(Debug, Default)]
struct Counted {
    texts: u64,
    plain: u64,
    added: u64,
    marks: u64,
    cuts: u64,
    verified: u64,
    others: u64,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut out = io::stdout().lock();
    let Some(texts) = super::texts(&args.files)? else { return Ok(Exit::Misuse) };
    let mut key = [0; 32];
    getrandom::fill(&mut key)?;
    let epoch = Epoch::new(1, 0, &key);
    let keys = MarkKeys::of(epoch.clone());
    let epoch = Arc::new(epoch);
    let wrong =
        texts.iter().filter(|text| read(&keys, text).found.iter().any(|found| found.epoch.is_some())).count();
    let characters: usize = texts.iter().map(|text| text.chars().count()).sum();
    writeln!(
        out,
        "{} texts, {characters} characters, {wrong} false alarms before anything was marked\n",
        texts.len()
    )?;
    writeln!(
        out,
        "{:<10} {:<8} {:>7} {:>8} {:>9} {:>11} {:>11} {:>9}",
        "density", "script", "letters", "cuts", "verified", "other cuts", "bytes more", "marks"
    )?;
    let mut lost = 0;
    for density in [Density::Sparse, Density::Standard, Density::Dense] {
        for wide in [false, true] {
            let length = promised(density, wide);
            let mut counted = Counted::default();
            for text in texts.iter().filter(|text| is_wide(text) == wide) {
                lost += count(&keys, &epoch, density, text, length, &mut counted);
            }
            if counted.texts > 0 {
                let share = |part: u64, of: u64| 100.0 * part as f64 / of.max(1) as f64;
                writeln!(
                    out,
                    "{:<10} {:<8} {length:>7} {:>8} {:>7.2} % {:>11} {:>9.1} % {:>9}",
                    density.as_str(),
                    if wide { "wide" } else { "narrow" },
                    counted.cuts,
                    share(counted.verified, counted.cuts),
                    counted.others,
                    share(counted.added, counted.plain),
                    counted.marks
                )?;
            }
        }
    }
    writeln!(out, "\nShare of texts with two marks or more of which a mark verifies behind a filter:")?;
    let dense: Vec<String> = texts
        .iter()
        .map(|text| marked(&epoch, Density::Standard, text))
        .filter(|text| read(&keys, text).found.len() >= 2)
        .collect();
    for (name, filter) in FILTERS {
        let left = dense
            .iter()
            .filter(|text| read(&keys, &filter(text)).found.iter().any(|f| f.epoch.is_some()))
            .count();
        writeln!(out, "  {name:<32} {:>6.2} %", 100.0 * left as f64 / dense.len().max(1) as f64)?;
    }
    let (mean, most) = time(&epoch, &texts);
    writeln!(out, "\nA piece of 16 characters takes {mean:.1} us, 99 of 100 less than {most:.1} us.")?;
    Ok(if wrong + lost == 0 { Exit::Fine } else { Exit::No })
}

/// Microseconds that marking a piece of 16 characters takes: the mean, and what 99 of 100 stay below.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn time(epoch: &Arc<Epoch>, texts: &[String]) -> (f64, f64) {
    let (mut times, mut marks) = (Vec::new(), Vec::new());
    for text in texts {
        let Some(mut marker) = Marker::new(Arc::clone(epoch), Density::Standard) else { continue };
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let end = rest.char_indices().nth(16).map_or(rest.len(), |(at, _)| at);
            let (piece, after) = rest.split_at(end);
            let begun = Instant::now();
            marker.push(piece, &mut marks);
            times.push(begun.elapsed().as_secs_f64() * 1e6);
            marks.clear();
            rest = after;
        }
    }
    times.sort_unstable_by(f64::total_cmp);
    let mean = times.iter().sum::<f64>() / times.len().max(1) as f64;
    (mean, times.get(times.len() * 99 / 100).copied().unwrap_or_default())
}

/// The length of cuts that verify, as promised.
fn promised(density: Density, wide: bool) -> usize {
    match (density, wide) {
        (Density::Dense, true) => 48,
        (Density::Dense, false) => 100,
        (Density::Standard | Density::Off, true) => 64,
        (Density::Standard | Density::Off, false) => 120,
        (Density::Sparse, true) => 110,
        (Density::Sparse, false) => 200,
    }
}

fn is_wide(text: &str) -> bool {
    let mut scripts = Scripts::default();
    scripts.add(text);
    matches!(scripts.language(), Some(Language::Chinese | Language::Japanese))
}

/// Marks a text and looks at its cuts; 1 where taking the marks out does not give the text back.
fn count(
    keys: &MarkKeys,
    epoch: &Arc<Epoch>,
    density: Density,
    text: &str,
    length: usize,
    counted: &mut Counted,
) -> usize {
    let whole = marked(epoch, density, text);
    let prose = in_prose(&whole);
    let places: Vec<(usize, bool)> = whole
        .char_indices()
        .zip(prose)
        .filter(|((_, c), _)| {
            let mut is_letter = false;
            letters(*c, |_| is_letter = true);
            is_letter
        })
        .map(|((at, _), prose)| (at, prose))
        .collect();
    if places.len() < length {
        return 0;
    }
    counted.texts += 1;
    counted.plain += text.len() as u64;
    counted.added += (whole.len() - text.len()) as u64;
    counted.marks += read(keys, &whole).found.len() as u64;
    for window in places.windows(length + 1).step_by(length / 2 + 3) {
        let others = window.iter().filter(|(_, prose)| !prose).count();
        if others * 10 > length {
            counted.others += 1;
            continue;
        }
        counted.cuts += 1;
        let (Some(first), Some(last)) = (window.first(), window.last()) else { continue };
        let cut = whole.get(first.0..last.0).unwrap_or_default();
        counted.verified += u64::from(read(keys, cut).found.iter().any(|found| found.epoch.is_some()));
    }
    usize::from(strip(keys, &whole) != text)
}
