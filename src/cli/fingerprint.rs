//! `sluicegate fingerprint`: files with the fingerprints of documents, for rules that look for passages of them.

use super::kept::{self, misuse, unknown};
use super::moment::today;
use super::{Exit, Format};
use crate::audit::safe;
use crate::detect::fingerprint::{Collection, passages};
use crate::diag::write_whole;
use crate::provenance::export::{ExportError, FileForm, MOST, plain_text};
use anyhow::Context as _;
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Find documents again: keep their fingerprints, and no text of them
///
/// A rule names the file (`fingerprints = ["contracts.prints"]`, in its pack's folder `fingerprints`) and finds what of a prompt or an answer
/// stands in one of the documents, from about fifty characters on.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sluicegate fingerprint add --index contracts.prints contracts/*.docx minutes.pdf
  sluicegate fingerprint list --index contracts.prints
  sluicegate fingerprint find --index contracts.prints < letter.txt
  sluicegate fingerprint remove --index contracts.prints contracts/old.docx")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Add(Add),
    Remove(Remove),
    List(List),
    Find(Find),
}

#[derive(Debug, clap::Args)]
struct Index {
    /// The file of fingerprints
    #[arg(long, value_name = "FILE")]
    index: PathBuf,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Take in documents; one that is there under its name is taken in anew
///
/// Text, Markdown, HTML, DOCX and PDF by how their names end, anything else as text in UTF-8; of a folder all files in it with such names.
/// The file of fingerprints is made where there is none, with a key of its own. Who holds it can tell whether a guess of some words stands in
/// a document: keep it as you keep the documents. A gateway reads it with its policies, also while it runs.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when all are taken in, 2 when one cannot be read; the others are taken in then, too.

Examples:
  sluicegate fingerprint add --index contracts.prints contracts/*.docx
  sluicegate fingerprint add --index contracts.prints --name 'Merger plan' draft-7.pdf
  sluicegate fingerprint add --index contracts.prints --common templates/
  sluicegate fingerprint add --index contracts.prints --format json minutes/")]
struct Add {
    #[command(flatten)]
    index: Index,

    /// What the document is called in records, in place of its path; for one file
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// They are texts that stand in many documents, as templates and standard clauses do: what of a document stands in them may be repeated
    #[arg(long)]
    common: bool,

    /// Files and folders
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Forget documents
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when all are gone, 2 when one of the names is unknown; nothing is changed then.

Examples:
  sluicegate fingerprint remove --index contracts.prints 'Merger plan'
  sluicegate fingerprint remove --index contracts.prints contracts/a.docx contracts/b.docx")]
struct Remove {
    #[command(flatten)]
    index: Index,

    /// Names of documents, as `list` shows them
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

/// List the documents
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sluicegate fingerprint list --index contracts.prints
  sluicegate fingerprint list --index contracts.prints --format json")]
struct List {
    #[command(flatten)]
    index: Index,
}

/// Tell what of a text stands in the documents
///
/// Shows where the passage stands, in bytes of the text that was read, and never the text.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when nothing is found, 1 when something is, 2 for a file that cannot be read.

Examples:
  sluicegate fingerprint find --index contracts.prints letter.docx
  sluicegate fingerprint find --index contracts.prints --format json < answer.txt")]
struct Find {
    #[command(flatten)]
    index: Index,

    /// Files; without one, standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.what {
        What::Add(args) => add(args),
        What::Remove(args) => remove(args),
        What::List(args) => list(&args.index),
        What::Find(args) => find(args),
    }
}

impl Index {
    fn known(&self) -> Result<Collection, String> {
        kept::known(&self.index, Collection::parse, "sluicegate fingerprint add")
    }

    /// What is in it says which documents exist: nobody else reads it.
    fn write(&self, all: &Collection) -> anyhow::Result<()> {
        write_whole(&self.index, all.write().as_bytes(), 0o600)
            .with_context(|| self.index.display().to_string())
    }
}

fn add(args: &Add) -> anyhow::Result<Exit> {
    let mut all = match kept::read(&args.index.index, Collection::parse) {
        Ok(Some(all)) => all,
        Ok(None) => {
            let mut secret = [0; 16];
            getrandom::fill(&mut secret)?;
            Collection::new(secret)
        }
        Err(message) => return misuse(&message),
    };
    let mut files = BTreeSet::new();
    let mut wrong = Vec::new();
    for path in &args.files {
        collect(path, path, &mut files, &mut wrong);
    }
    if args.name.is_some() && files.len() + wrong.len() != 1 {
        return misuse("`--name` names one document, and there are several");
    }
    if files.is_empty() && wrong.is_empty() {
        return misuse("no document is there: of a folder .txt, .md, .html, .json, .docx and .pdf are read");
    }
    if args.name.as_deref().is_some_and(|name| name.trim().is_empty() || name.chars().any(char::is_control)) {
        return misuse("a name has letters, and no control characters");
    }
    let day = today().map_or_else(String::new, |day| day.to_string());
    let terminal = io::stderr().is_terminal();
    let mut out = io::stdout().lock();
    let mut taken = 0;
    for (n, path) in files.iter().enumerate() {
        if terminal {
            write!(io::stderr(), "\r{} of {}\u{1b}[K", n + 1, files.len())?;
        }
        let name = args.name.clone().unwrap_or_else(|| safe(&path.display().to_string()).into_owned());
        let added = said(path).and_then(|text| {
            let added =
                if args.common { all.add_common(&name, &day, &text) } else { all.add(&name, &day, &text) };
            added.map_err(|error| error.to_string())
        });
        let again = match added {
            Ok(again) => again,
            Err(error) => {
                wrong.push(format!("{}: {error}", path.display()));
                continue;
            }
        };
        taken += 1;
        let known = all.documents().iter().find(|document| document.name == name);
        let (letters, prints) = known.map_or((0, 0), |known| (known.letters, known.prints()));
        if terminal {
            write!(io::stderr(), "\r\u{1b}[K")?;
        }
        match args.index.format {
            Format::Json => {
                writeln!(
                    out,
                    "{}",
                    json!({"document": name, "letters": letters, "prints": prints, "again": again})
                )?;
            }
            Format::Human => {
                let again = if again { ", in place of the one before" } else { "" };
                writeln!(out, "{name}: {letters} letters, {prints} fingerprints{again}")?;
            }
        }
    }
    if taken > 0 {
        args.index.write(&all)?;
    }
    for error in &wrong {
        writeln!(io::stderr(), "error: {error}")?;
    }
    Ok(if wrong.is_empty() { Exit::Fine } else { Exit::Misuse })
}

/// The files that are named: of a folder those of which the names say that they are documents. What cannot be read is said, and the others
/// count all the same.
fn collect(named: &Path, path: &Path, files: &mut BTreeSet<PathBuf>, wrong: &mut Vec<String>) {
    let mut failed = |path: &Path, error: &io::Error| wrong.push(format!("{}: {error}", path.display()));
    let about = match fs::metadata(path) {
        Ok(about) => about,
        Err(error) => return failed(path, &error),
    };
    if !about.is_dir() {
        let ending = path.extension().map(std::ffi::OsStr::to_ascii_lowercase).unwrap_or_default();
        if path == named || ending == "txt" || ending == "text" || FileForm::of(path).is_some() {
            files.insert(path.to_owned());
        }
        return;
    }
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => return failed(path, &error),
    };
    for entry in entries {
        match entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))) {
            // What leads elsewhere may lead back.
            Ok((inner, kind)) if kind.is_symlink() && inner.is_dir() => {}
            Ok((inner, _))
                if inner.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")) => {}
            Ok((inner, _)) => collect(named, &inner, files, wrong),
            Err(error) => wrong.push(format!("{}: {error}", path.display())),
        }
    }
}

/// What a file says.
fn said(path: &Path) -> Result<String, String> {
    let about = fs::metadata(path).map_err(|error| error.to_string())?;
    if !about.is_file() {
        return Err("it is no plain file".to_owned());
    }
    if about.len() > MOST as u64 {
        return Err(ExportError::Size.to_string());
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    plain_text(FileForm::of(path), &bytes).map_err(|error| error.to_string())
}

fn remove(args: &Remove) -> anyhow::Result<Exit> {
    let mut all = match args.index.known() {
        Ok(all) => all,
        Err(message) => return misuse(&message),
    };
    for name in &args.names {
        if !all.remove(name) {
            let names: Vec<&str> = all.documents().iter().map(|document| document.name.as_str()).collect();
            return misuse(&unknown("document", name, &names));
        }
    }
    args.index.write(&all)?;
    let (gone, left) = (args.names.len(), all.documents().len());
    match args.index.format {
        Format::Json => writeln!(io::stdout(), "{}", json!({"removed": args.names, "documents": left}))?,
        Format::Human => writeln!(io::stdout(), "{gone} removed, {left} left")?,
    }
    Ok(Exit::Fine)
}

fn list(index: &Index) -> anyhow::Result<Exit> {
    let all = match index.known() {
        Ok(all) => all,
        Err(message) => return misuse(&message),
    };
    let mut out = io::stdout().lock();
    for document in all.documents() {
        let (name, added, letters, prints) =
            (&document.name, &document.added, document.letters, document.prints());
        match index.format {
            Format::Json => {
                let line = json!({"document": name, "added": added, "letters": letters, "prints": prints, "common": document.common});
                writeln!(out, "{line}")?;
            }
            Format::Human => {
                let common = if document.common { "  (common)" } else { "" };
                writeln!(out, "{added}  {letters:>9} letters  {prints:>8} fingerprints  {name}{common}")?;
            }
        }
    }
    Ok(Exit::Fine)
}

fn find(args: &Find) -> anyhow::Result<Exit> {
    let all = match args.index.known() {
        Ok(all) => all,
        Err(message) => return misuse(&message),
    };
    let mut texts = Vec::new();
    for path in &args.files {
        match said(path) {
            Ok(text) => texts.push((path.display().to_string(), text)),
            Err(error) => return misuse(&format!("{}: {error}", path.display())),
        }
    }
    if args.files.is_empty() {
        let mut text = String::new();
        if io::stdin().lock().read_to_string(&mut text).is_err() {
            return misuse("standard input: not text in UTF-8");
        }
        texts.push(("<stdin>".to_owned(), text));
    }
    let (mut out, mut some) = (io::stdout().lock(), false);
    for (name, text) in &texts {
        for (span, document, covered) in passages(&all, text) {
            some = true;
            match args.index.format {
                Format::Json => {
                    let line = json!({"text": name, "start": span.start, "end": span.end, "document": &*document, "covered": covered});
                    writeln!(out, "{line}")?;
                }
                Format::Human => {
                    let share = covered * 100.0;
                    writeln!(
                        out,
                        "{name}: bytes {} to {} stand in `{document}` ({share:.0} % word by word)",
                        span.start, span.end
                    )?;
                }
            }
        }
    }
    if !some && matches!(args.index.format, Format::Human) {
        writeln!(out, "nothing of it stands in a document")?;
    }
    Ok(if some { Exit::No } else { Exit::Fine })
}
