//! How well prints do on texts: which fragments are known again after edits, which of other answers are taken for them, and how long that takes.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;

use crate::cli::Exit;
use crate::cli::dice::Dice;
use crate::cli::texts::of_lines;
use crate::provenance::print::{
    Aligned, Common, FITS, PrintKeys, PrintRecord, PrintVerdict, Shelf, align, grow, share_asked,
};

/// Measure prints: fragments that are known again, false alarms, size, time
///
/// Reads lines of `{"prompt", "answers": [".."]}`: answers of several models to one prompt. Fragments of each answer are edited and looked for where
/// all answers are kept; and where all but those of the same model are, so that whatever is found is a false alarm.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0, 2 for a bad file.

Examples:
  sluicegate prints measure answers.jsonl
  sluicegate prints measure --grow 10000000")]
pub(in crate::cli) struct Args {
    /// Files of JSON lines
    #[arg(value_name = "FILE", required_unless_present = "grow")]
    files: Vec<PathBuf>,

    /// Write what was found falsely, a line of JSON each: the fragment, the answer that it was taken for, score and fit
    #[arg(long, value_name = "FILE")]
    alarms: Option<PathBuf>,

    /// Look for false alarms alone
    #[arg(long)]
    only_alarms: bool,

    /// Measure how long a text is looked up among so many drawn prints, from 100000 on
    #[arg(long, value_name = "PRINTS", value_parser = clap::value_parser!(u64).range(100_000..=1_000_000_000))]
    grow: Option<u64>,

    /// Where drawn prints are written, and removed afterwards; without it, in the system's folder for such files
    #[arg(long, value_name = "DIR", requires = "grow")]
    dir: Option<PathBuf>,
}

/// One prompt and what models answered.
struct Group {
    prompt: String,
    answers: Vec<String>,
    wide: bool,
}

/// What is counted for fragments of a length and a share of edits.
#[derive(Debug, Default, Clone)]
struct Counted {
    all: u64,
    found: u64,
    right: u64,
    lead: u64,
    scores: Vec<f64>,
    aligned: Vec<f64>,
    /// Of those found: of how many enough fits the text that they are held against.
    fits: u64,
}

/// So much of a fragment may stand in the prompt.
const QUOTED: f64 = 0.1;
const TENANT: &str = "measured";

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    if let Some(most) = args.grow {
        return growth(most, args.dir.as_deref());
    }
    let expected = "an object with a `prompt` and a list of `answers`";
    let groups = match of_lines(&args.files, expected, group) {
        Ok(groups) => groups,
        Err(error) => {
            writeln!(io::stderr(), "{error}")?;
            return Ok(Exit::Misuse);
        }
    };
    if !args.only_alarms {
        known_again(&groups)?;
    }
    let alarms = args.alarms.as_ref().map(std::fs::File::create).transpose()?.map(io::BufWriter::new);
    false_alarms(&groups, alarms)?;
    Ok(Exit::Fine)
}

fn group(line: &str) -> Option<Group> {
    let value: Value = serde_json::from_str(line).ok()?;
    let answers: Option<Vec<String>> =
        value["answers"].as_array()?.iter().map(|answer| answer.as_str().map(str::to_owned)).collect();
    let answers = answers?;
    let wide = answers.iter().flat_map(|a| a.chars()).filter(|&c| c >= '\u{2e80}').count() * 3
        > answers.iter().map(|a| a.chars().count()).sum();
    Some(Group { prompt: value["prompt"].as_str()?.to_owned(), answers, wide })
}

fn shelf(groups: &[Group], without: Option<usize>) -> Shelf {
    let keys = PrintKeys::new(&[7; 32]);
    let common = Common::new(&keys, []);
    let shelf = Shelf::in_memory(keys, common);
    for (n, group) in groups.iter().enumerate() {
        for (m, answer) in group.answers.iter().enumerate().filter(|(m, _)| Some(*m) != without) {
            let mut exchange = [0; 16];
            exchange.iter_mut().zip(((n * 64 + m) as u64).to_le_bytes()).for_each(|(to, from)| *to = from);
            let record = PrintRecord { exchange, time_ms: 0, subject: [0; 16] };
            shelf.add(record, TENANT, &[answer], group.prompt.as_bytes());
        }
    }
    shelf
}

fn is_of(record: &PrintRecord, n: usize, m: usize) -> bool {
    record.exchange.starts_with(&((n * 64 + m) as u64).to_le_bytes())
}

/// A stretch of so many characters that begins somewhere.
fn stretch(text: &str, characters: usize, dice: &mut Dice) -> Option<String> {
    let all: Vec<char> = text.chars().collect();
    let room = all.len().checked_sub(characters)?;
    let from = dice.below(room as u64 + 1) as usize;
    Some(all.get(from..from + characters)?.iter().collect())
}

/// Of the words so many hundredths are replaced, left out, or have another before them, in equal parts; a word of Chinese is taken to have two
/// characters.
fn edited(text: &str, hundredths: u64, words: &[String], dice: &mut Dice) -> String {
    let mut out = String::new();
    for word in units(text) {
        if !word.chars().any(char::is_alphanumeric) || dice.below(100) >= hundredths {
            out.push_str(&word);
            continue;
        }
        let other = words.get(dice.below(words.len() as u64) as usize).map_or("x", String::as_str);
        match dice.below(3) {
            0 => out.push_str(other),
            1 => {}
            _ => {
                out.push_str(other);
                if !word.chars().any(|c| c >= '\u{2e80}') {
                    out.push(' ');
                }
                out.push_str(&word);
            }
        }
    }
    out
}

/// Words, pairs of Chinese characters, and what stands between.
fn units(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let kind = |c: char| match c {
        _ if !c.is_alphanumeric() => 0,
        _ if c >= '\u{2e80}' => 1,
        _ => 2,
    };
    for c in text.chars() {
        match out.last_mut() {
            Some(last)
                if last.chars().next_back().map(kind) == Some(kind(c))
                    && (kind(c) != 1 || last.chars().count() < 2) =>
            {
                last.push(c);
            }
            _ => out.push(c.to_string()),
        }
    }
    out
}

fn known_again(groups: &[Group]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let shelf = shelf(groups, None);
    let held = shelf.held();
    let characters: usize = groups.iter().flat_map(|g| &g.answers).map(|a| a.chars().count()).sum();
    writeln!(
        out,
        "{} prompts, {} answers, {characters} characters, {} prints: {:.2} bytes a character",
        groups.len(),
        held.records,
        held.prints,
        shelf.bytes_as_segment()? as f64 / characters.max(1) as f64
    )?;
    let words: Vec<Vec<String>> = [false, true]
        .map(|wide| {
            let texts = groups.iter().filter(|group| group.wide == wide).flat_map(|group| &group.answers);
            texts
                .take(500)
                .flat_map(|text| units(text))
                .filter(|w| w.chars().all(char::is_alphanumeric))
                .collect()
        })
        .into();
    let mut counted: BTreeMap<(bool, usize, u64), Counted> = BTreeMap::new();
    let mut dice = Dice::new(1);
    let (mut took, mut looked, mut quoted) = (0.0, 0_u32, 0_u32);
    let keys = PrintKeys::new(&[7; 32]);
    for (n, group) in groups.iter().enumerate() {
        for (m, answer) in group.answers.iter().enumerate() {
            let lengths = if group.wide { [64, 100, 200] } else { [200, 400, 800] };
            for (length, hundredths) in lengths.iter().flat_map(|&l| [0, 10, 20, 30].map(|h| (l, h))) {
                let Some(fragment) = stretch(answer, length, &mut dice) else { continue };
                // No print is kept of what stood in the request.
                if share_asked(&keys, &fragment, group.prompt.as_bytes()) > QUOTED {
                    quoted += 1;
                    continue;
                }
                let words = words.get(usize::from(group.wide)).map_or(&[][..], Vec::as_slice);
                let fragment = edited(&fragment, hundredths, words, &mut dice);
                let begun = now();
                let traced = shelf.trace(&fragment, 0)?;
                took += begun.elapsed().as_secs_f64();
                looked += 1;
                let counted = counted.entry((group.wide, length, hundredths)).or_default();
                counted.all += 1;
                let verdict = traced.verdict();
                counted.found += u64::from(verdict == PrintVerdict::Found);
                counted.lead += u64::from(verdict == PrintVerdict::Lead);
                if let Some(best) = traced.found.first() {
                    counted.scores.push(best.score);
                    let is_right = is_of(&best.record, n, m)
                        || traced.found.iter().any(|f| f.score >= best.score && is_of(&f.record, n, m));
                    counted.right += u64::from(is_right && verdict == PrintVerdict::Found);
                } else {
                    counted.scores.push(0.0);
                }
                counted.aligned.push(fits(&align(&fragment, answer), &fragment));
            }
        }
    }
    writeln!(out, "a look-up took {:.2} ms on average\n", took * 1000.0 / f64::from(looked.max(1)))?;
    writeln!(
        out,
        "known again: fragments of so many characters, so many words edited; {quoted} of which more than a tenth stands in the prompt are left out\n"
    )?;
    writeln!(
        out,
        "| | characters | edited | fragments | found | the right answer | lead | score: least 1 % and 5 % | fits: least 1 % |"
    )?;
    writeln!(out, "| --- | --- | --- | --- | --- | --- | --- | --- | --- |")?;
    for ((wide, length, hundredths), mut counted) in counted {
        let share = |n: u64| n as f64 / counted.all.max(1) as f64;
        counted.scores.sort_by(f64::total_cmp);
        counted.aligned.sort_by(f64::total_cmp);
        let at =
            |all: &[f64], of_1000: usize| all.get(all.len() * of_1000 / 1000).copied().unwrap_or_default();
        writeln!(
            out,
            "| {} | {length} | {hundredths} % | {} | {:.3} | {:.3} | {:.3} | {:.0}, {:.0} | {:.2} |",
            if wide { "Chinese" } else { "Latin" },
            counted.all,
            share(counted.found),
            share(counted.right),
            share(counted.lead),
            at(&counted.scores, 10),
            at(&counted.scores, 50),
            at(&counted.aligned, 10),
        )?;
    }
    Ok(())
}

/// How much of a fragment fits.
fn fits(aligned: &Aligned, fragment: &str) -> f64 {
    aligned.score / fragment.chars().filter(|c| c.is_alphanumeric()).count().max(1) as f64
}

fn false_alarms(groups: &[Group], mut alarms: Option<impl io::Write>) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let mut counted: BTreeMap<(bool, usize), Counted> = BTreeMap::new();
    let (mut dice, mut copies) = (Dice::new(2), 0_u64);
    for without in 0..groups.iter().map(|group| group.answers.len()).max().unwrap_or_default() {
        let shelf = shelf(groups, Some(without));
        for group in groups {
            let Some(answer) = group.answers.get(without) else { continue };
            let lengths = if group.wide { [64, 100, 200] } else { [200, 400, 800] };
            for length in lengths {
                // As many as a long answer has without overlap, and one more.
                let times = answer.chars().count() / length + 1;
                for _ in 0..times {
                    let Some(fragment) = stretch(answer, length, &mut dice) else { continue };
                    let traced = shelf.trace(&fragment, 0)?;
                    let best = traced.found.first();
                    let text = best.and_then(|best| {
                        let number = u64::from_le_bytes(*best.record.exchange.first_chunk()?) as usize;
                        groups.get(number / 64)?.answers.get(number % 64)
                    });
                    let fit = text.map_or(0.0, |text| fits(&align(&fragment, text), &fragment));
                    // What stands there word for word is no false alarm: one model has it from another, or both from the same page.
                    if fit > 0.9 {
                        copies += 1;
                        continue;
                    }
                    if let Some(alarms) = alarms.as_mut()
                        && let Some(best) = best
                        && (traced.verdict() == PrintVerdict::Found || fit >= FITS)
                    {
                        let line = serde_json::json!({
                            "fragment": fragment, "answer": text, "score": best.score, "fit": fit,
                            "model": without, "verdict": traced.verdict().as_str(), "prompt": group.prompt,
                        });
                        writeln!(alarms, "{line}")?;
                    }
                    let counted = counted.entry((group.wide, length)).or_default();
                    counted.all += 1;
                    counted.found += u64::from(traced.verdict() == PrintVerdict::Found);
                    counted.fits += u64::from(traced.verdict() == PrintVerdict::Found && fit >= FITS);
                    counted.lead += u64::from(traced.verdict() == PrintVerdict::Lead);
                    counted.scores.push(best.map_or(0.0, |best| best.score));
                    counted.aligned.push(fit);
                }
            }
        }
    }
    writeln!(
        out,
        "\nfalse alarms: fragments of answers that are not kept, where other models' answers to the same prompts are; {copies} that stand there word for word are left out\n"
    )?;
    writeln!(
        out,
        "| | characters | fragments | found | share | and fits | lead | score: most 1 %, 0.1 % and all | fit 0.2, 0.3, 0.4, 0.5, 0.6 and more |"
    )?;
    writeln!(out, "| --- | --- | --- | --- | --- | --- | --- | --- | --- |")?;
    for ((wide, length), mut counted) in counted {
        counted.scores.sort_by(|a, b| b.total_cmp(a));
        let at = |of_1000: usize| {
            counted.scores.get(counted.scores.len() * of_1000 / 1000).copied().unwrap_or_default()
        };
        writeln!(
            out,
            "| {} | {length} | {} | {} | {:.5} | {} | {:.4} | {:.0}, {:.0}, {:.0} | {} |",
            if wide { "Chinese" } else { "Latin" },
            counted.all,
            counted.found,
            counted.found as f64 / counted.all.max(1) as f64,
            counted.fits,
            counted.lead as f64 / counted.all.max(1) as f64,
            at(10),
            at(1),
            at(0),
            [0.2, 0.3, 0.4, 0.5, 0.6]
                .map(|least| counted.aligned.iter().filter(|fit| **fit >= least).count().to_string())
                .join(", "),
        )?;
    }
    Ok(())
}

/// How long a text of 1,000 characters is looked up among more and more drawn prints.
fn growth(most: u64, dir: Option<&Path>) -> anyhow::Result<Exit> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "| prints | segments | bytes a print | first look-up | 1,000 characters |\n| --- | --- | --- | --- | --- |"
    )?;
    let mut prints = 100_000;
    while prints <= most {
        for parts in [1, 5] {
            let folder = dir.map_or_else(std::env::temp_dir, Path::to_owned);
            let folder = folder.join(format!("sluicegate-prints-{}", std::process::id()));
            std::fs::create_dir_all(&folder)?;
            let measured = grown(&folder, prints, parts);
            std::fs::remove_dir_all(&folder)?;
            let (bytes, first, each) = measured?;
            writeln!(
                out,
                "| {prints} | {parts} | {:.2} | {:.2} ms | {:.2} ms |",
                bytes as f64 / prints as f64,
                first * 1000.0,
                each * 1000.0
            )?;
        }
        prints *= 10;
    }
    Ok(Exit::Fine)
}

/// Bytes, and seconds of the first and of another look-up.
fn grown(folder: &Path, prints: u64, parts: u32) -> anyhow::Result<(u64, f64, f64)> {
    /// Look-ups that are timed.
    const TIMES: u32 = 50;
    let mut dice = Dice::new(3);
    // Each a quarter of the one before, as they are where prints come one after the other.
    let quarter = |n: u32| (prints >> (2 * n)) - (prints >> (2 * (n + 1)));
    let sizes: Vec<u64> =
        (0..parts).map(|n| if n + 1 == parts { prints >> (2 * n) } else { quarter(n) }).collect();
    let bytes = grow(folder, TENANT, &sizes, || dice.draw())?;
    let keys = PrintKeys::new(&[7; 32]);
    let common = Common::new(&keys, []);
    let shelf = Shelf::open(folder, keys, common, None)?;
    let mut text = || -> String {
        let letter = |dice: &mut Dice| char::from(b'a' + dice.below(26) as u8);
        (0..1000).map(|n| if n % 6 == 5 { ' ' } else { letter(&mut dice) }).collect()
    };
    let timed = |text: String| -> io::Result<f64> {
        let begun = now();
        shelf.trace(&text, 0)?;
        Ok(begun.elapsed().as_secs_f64())
    };
    let first = timed(text())?;
    let mut all = (0..TIMES).map(|_| timed(text())).collect::<io::Result<Vec<_>>>()?;
    all.sort_by(f64::total_cmp);
    Ok((bytes, first, all.get(all.len() / 2).copied().unwrap_or_default()))
}

#[expect(clippy::disallowed_methods, reason = "a measurement")]
fn now() -> Instant {
    Instant::now()
}
