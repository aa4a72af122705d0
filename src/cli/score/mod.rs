//! `sluicegate score`: how well a policy finds what labelled texts are known to hold, and how quiet it is where there is nothing.

mod count;
mod labelled;
pub(in crate::cli) mod rank;
mod report;
#[cfg(test)]
mod tests;

use super::policies::States;
use super::scan::text;
use super::{Exit, policies, show, texts};
use crate::diag::Diagnostic;
use crate::policy::{Action, Direction, Policy};
use clap::ValueEnum;
use count::{Clean, Hit, Row, Whole};
use labelled::Sample;
use report::{Report, Style};
use std::collections::BTreeMap;
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

/// Score a policy on labelled texts: precision, recall, leaked characters, findings a megabyte of clean text
///
/// Reads lines of `{"text", "spans": [{"start", "end", "type"}], "labelled": [types]}`, where given with `lang`, `kind`, `form` and
/// `direction`; `start` and `end` count code points. What is found of types that a text is not labelled for is neither right nor
/// wrong. A span is found if a finding of its type overlaps it, and exact if that begins and ends with it; a finding that
/// overlaps no span of its type is wrong. A character of a span leaks if no finding covers it. Texts with `label`
/// 1 or 0 and no spans are counted as a whole. Writes figures and no text.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 whatever the figures are, 2 for a bad policy or bad input.

Examples:
  sluicegate score --policy measure labelled/
  sluicegate score --policy privacy --clean prose/ --clean code/ --format markdown labelled/*.jsonl")]
pub(super) struct Args {
    /// A profile's or a pack's name, a file with `[policy]` or a pack's, a folder of packs, or `measure`: every rule on, no threshold
    #[arg(long, value_name = "POLICY", default_value = "measure")]
    policy: String,

    /// How to write the figures
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,

    /// Texts in which nothing should be found: a file or a folder; `.jsonl` files hold lines with `text`, any other file is one text
    #[arg(long, value_name = "PATH")]
    clean: Vec<PathBuf>,

    /// Write a line of JSON for each span that was missed and each finding that is wrong, with its place and none of the text
    #[arg(long, value_name = "FILE")]
    misses: Option<PathBuf>,

    /// Sample texts: files of JSON lines, or folders of `.jsonl` files
    #[arg(value_name = "DATA")]
    data: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Tables for people.
    Human,
    /// For programs.
    Json,
    /// Tables for a document.
    Markdown,
}

/// Identifiers that have a check digit or a form of their own.
const CHECKED: &[&str] = &[
    "AU_MEDICARE",
    "AU_TFN",
    "BANK_CARD",
    "BR_CPF",
    "CA_SIN",
    "CN_ID",
    "CREDIT_CARD",
    "CRYPTO",
    "DE_TAX_ID",
    "EMAIL",
    "ES_DNI",
    "FR_NIR",
    "HK_ID",
    "IBAN",
    "IMEI",
    "IN_AADHAAR",
    "IN_PAN",
    "IP",
    "IT_CF",
    "JP_MYNUMBER",
    "KR_RRN",
    "MAC",
    "NL_BSN",
    "PL_ID_CARD",
    "PL_NIP",
    "PL_PESEL",
    "PL_REGON",
    "SG_NRIC",
    "SWIFT_BIC",
    "TR_TCKN",
    "TW_ID",
    "UK_NHS",
    "UK_NINO",
    "USCC",
    "US_DEA",
    "US_EIN",
    "US_ITIN",
    "US_MBI",
    "US_NPI",
    "US_ROUTING",
    "US_SSN",
    "VIN",
];
/// Identifiers that only the words around them tell.
const UNCHECKED: &[&str] = &[
    "CN_HKMO_PERMIT",
    "CN_MILITARY_ID",
    "CN_PLATE",
    "DATE_OF_BIRTH",
    "DRIVER_LICENSE",
    "GEO",
    "LICENSE_PLATE",
    "MRN",
    "PASSPORT",
    "QQ",
    "US_DRIVER_LICENSE",
    "WECHAT",
];

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let policy = match policies::named(&args.policy, States::Own) {
        Ok(policy) => policy,
        Err(diagnostics) => {
            show(&diagnostics)?;
            return Ok(Exit::Misuse);
        }
    };
    let mut scoring =
        Scoring { policy: &policy, files: Vec::new(), rows: Vec::new(), progress: Progress::new() };
    let clean = match scoring.read(&args.data, &args.clean)? {
        Ok(clean) => clean,
        Err(diagnostic) => {
            scoring.progress.end();
            writeln!(io::stderr(), "{diagnostic}")?;
            return Ok(Exit::Misuse);
        }
    };
    scoring.progress.end();
    if let Some(path) = &args.misses {
        scoring.misses(&mut BufWriter::new(std::fs::File::create(path)?))?;
    }
    let report = scoring.report(clean);
    let mut out = BufWriter::new(io::stdout().lock());
    match args.format {
        Format::Human => report.write(Style::Plain, &mut out)?,
        Format::Markdown => report.write(Style::Markdown, &mut out)?,
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?,
    }
    out.flush()?;
    Ok(Exit::Fine)
}

/// Texts on their way through a policy.
struct Scoring<'p> {
    policy: &'p Policy,
    /// Names of the labelled files.
    files: Vec<String>,
    rows: Vec<Row>,
    progress: Progress,
}

impl Scoring<'_> {
    fn read(
        &mut self,
        data: &[PathBuf],
        clean: &[PathBuf],
    ) -> io::Result<Result<BTreeMap<String, Clean>, Diagnostic>> {
        for path in data.iter().flat_map(|path| inside(path, true)) {
            if let Err(diagnostic) = self.labelled(&path)? {
                return Ok(Err(diagnostic));
            }
        }
        let mut all = BTreeMap::new();
        for place in clean {
            let mut one = Clean::default();
            for path in inside(place, false) {
                if let Err(diagnostic) = self.clean(&path, &mut one)? {
                    return Ok(Err(diagnostic));
                }
            }
            one.finish();
            all.insert(short(place), one);
        }
        Ok(Ok(all))
    }

    fn labelled(&mut self, path: &Path) -> io::Result<Result<(), Diagnostic>> {
        let (name, file) = match texts::open(path) {
            Ok(opened) => opened,
            Err(diagnostic) => return Ok(Err(diagnostic)),
        };
        let number = self.files.len();
        self.files.push(short(path));
        labelled::read(&name, file, |text| {
            let (hits, _) = hits(self.policy, text.direction(), &text.text);
            self.rows.push(count::row(number, &text, hits));
            self.progress.add(&text.text);
            Ok(())
        })
    }

    fn clean(&mut self, path: &Path, into: &mut Clean) -> io::Result<Result<(), Diagnostic>> {
        let (name, mut file) = match texts::open(path) {
            Ok(opened) => opened,
            Err(diagnostic) => return Ok(Err(diagnostic)),
        };
        let mut one = |text: &Sample| {
            let (hits, flagged) = hits(self.policy, text.direction(), &text.text);
            into.note(text.text.len(), flagged, hits);
            self.progress.add(&text.text);
        };
        if path.extension().is_some_and(|e| e == "jsonl" || e == "ndjson") {
            return labelled::read(&name, file, |text| {
                one(&text);
                Ok(())
            });
        }
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        // A picture among the files is no text.
        if let Ok(text) = String::from_utf8(content) {
            one(&Sample { text, ..Sample::default() });
        }
        Ok(Ok(()))
    }

    fn report(self, clean: BTreeMap<String, Clean>) -> Report {
        let floors = count::floors(&clean.values().cloned().collect::<Vec<_>>());
        let quiet = !clean.is_empty();
        let counts = |key: &dyn Fn(&Row, &str) -> Vec<String>| {
            let mut counts = count::by(&self.rows, &floors, key);
            counts.values_mut().for_each(|count| count.finish(quiet));
            counts
        };
        let file = |row: &Row| self.files.get(row.file).cloned().unwrap_or_default();
        let one = |name: &str| if name.is_empty() { Vec::new() } else { vec![name.to_owned()] };
        let types = counts(&|_, kind| vec![kind.to_owned()]);
        let languages = counts(&|row, _| one(&row.lang));
        let kinds = counts(&|row, _| one(&row.kind));
        let files = counts(&|row, _| vec![file(row)]);
        let files_and_types = counts(&|row, kind| vec![format!("{} {kind}", file(row))]);
        let groups = counts(&|_, kind| {
            let of = [("with a check digit or a form", CHECKED), ("told by words only", UNCHECKED)];
            of.into_iter()
                .filter(|(_, kinds)| kinds.contains(&kind))
                .map(|(name, _)| name.to_owned())
                .collect()
        });
        let all = counts(&|_, _| vec![String::new()]).remove("").unwrap_or_default();
        Report {
            schema: report::SCHEMA,
            policy: self.policy.name().to_owned(),
            version: self.policy.version().to_owned(),
            texts: self.rows.len(),
            all,
            groups,
            types,
            languages,
            kinds,
            files,
            files_and_types,
            whole_texts: Whole::of(&self.rows),
            clean,
            floors,
        }
    }

    /// Where the policy was wrong.
    fn misses(&self, out: &mut impl Write) -> io::Result<()> {
        for row in &self.rows {
            let overlaps = |hit: &Hit, gold: &labelled::Gold| {
                hit.kind == gold.kind && hit.start < gold.end && gold.start < hit.end
            };
            let missed = row.spans.iter().filter(|gold| !row.hits.iter().any(|hit| overlaps(hit, gold)));
            let missed = missed.map(|gold| ("missed", gold.start, gold.end, &gold.kind));
            let wrong = row.hits.iter().filter(|hit| !row.spans.iter().any(|gold| overlaps(hit, gold)));
            let wrong = wrong.map(|hit| ("wrong", hit.start, hit.end, &hit.kind));
            let file = self.files.get(row.file).map_or("", String::as_str);
            for (what, start, end, kind) in missed.chain(wrong) {
                let id = &row.id;
                writeln!(
                    out,
                    "{{\"what\":\"{what}\",\"file\":{},\"id\":{id},\"start\":{start},\"end\":{end},\"type\":{}}}",
                    serde_json::json!(file),
                    serde_json::json!(kind)
                )?;
            }
        }
        out.flush()
    }
}

/// What the policy finds, and whether anything of it is more than allowed.
fn hits(policy: &Policy, direction: Direction, content: &str) -> (Vec<Hit>, bool) {
    let scanned = text::scan(policy, direction, content, None);
    let found = scanned.findings().iter().filter(|found| !found.shadow);
    let hits: Vec<Hit> = found
        .map(|found| Hit {
            start: found.start,
            end: found.end,
            kind: found.category.to_owned(),
            score: found.score,
        })
        .collect();
    let flagged = scanned.rules().any(|(_, action, shadow)| !shadow && action > Action::Allow);
    (hits, flagged)
}

/// The files of a folder and of those in it, in order: all, or those of JSON lines; a file itself.
fn inside(path: &Path, lines: bool) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(path) else { return vec![path.to_owned()] };
    let mut entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let wanted = |path: &PathBuf| !lines || path.is_dir() || path.extension().is_some_and(|e| e == "jsonl");
    entries.into_iter().filter(wanted).flat_map(|path| inside(&path, lines)).collect()
}

/// The last two parts of a path, which tell files of one name apart and say nothing of the machine.
fn short(path: &Path) -> String {
    let parts: Vec<String> =
        path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    parts.get(parts.len().saturating_sub(2)..).unwrap_or_default().join("/")
}

/// How far it has come, on a terminal; nothing elsewhere.
struct Progress {
    shown: bool,
    texts: usize,
    bytes: usize,
    told: usize,
}

impl Progress {
    fn new() -> Self {
        Self { shown: io::stderr().is_terminal(), texts: 0, bytes: 0, told: 0 }
    }

    fn add(&mut self, text: &str) {
        const EVERY: usize = 1 << 16;
        self.texts += 1;
        self.bytes += text.len();
        if self.shown && self.bytes - self.told >= EVERY {
            self.told = self.bytes;
            let mut err = io::stderr().lock();
            // Nobody minds a line that is not there.
            let _ = write!(err, "\r{} texts, {:.1} MB ", self.texts, self.bytes as f64 / 1e6);
            let _ = err.flush();
        }
    }

    fn end(&mut self) {
        if self.shown && self.told > 0 {
            let _ = writeln!(io::stderr());
        }
    }
}
