//! `sluicegate label`: the implicit label in files that leave the house, and the check of what a label says.

mod manifest;
mod visible;

use super::audit::in_line;
use super::{ConfigArgs, Exit, Format};
use crate::audit::{ExchangeId, Signer, Verifier, key_path, load_or_make_signer};
use crate::config::{Settings, journal_settings};
use crate::diag::rewrite_whole;
use crate::exchange::Maker;
use crate::provenance::export::{ExportError, Fields, FileForm, MOST, merged};
use crate::provenance::{Aigc, Signed, Skeleton, Statement, StatementError};
use anyhow::{Context as _, bail};
use serde_json::json;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use visible::Visible;

/// Write the label that programs read into files, or check one
///
/// Markdown gets it in its front matter, HTML in a meta element, JSON as a member, DOCX as a custom property, PDF among the document's
/// information: the seven fields of GB 45438-2025, signed with the journal's key, once, merged with what is there. Of a file that somebody
/// else has labelled the producer stays, and this gateway stands as the propagator.
///
/// With --c2pa the file gets a C2PA manifest too, over the labelled bytes: signed with the certificate of `[labels.c2pa]`, in the file (Markdown,
/// text, HTML, DOCX, PDF) or beside it (JSON) as FILE.c2pa. One that holds stays; one of the gateway's own that no longer holds is written anew.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
#[command(after_long_help = "\
Exit code: 0 when all files are labelled, 2 for a file that cannot be.

Examples:
  sluicegate label report.docx summary.md
  sluicegate label --visible report.pdf
  sluicegate label --visible='AI-generated, checked by the editors' --config gateway.toml notes.md
  sluicegate label --c2pa report.pdf answer.txt
  sluicegate label --exchange 4bzk0hmm1qf0n6cz6rwr9w3yxd answer.html
  sluicegate label verify report.docx --key journal.pub")]
pub(super) struct Args {
    #[command(subcommand)]
    what: Option<What>,

    #[command(flatten)]
    write: Write,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Verify(Verify),
}

#[derive(Debug, clap::Args)]
struct Write {
    /// Files: .md, .html, .json, .docx, .pdf; with --c2pa .txt too
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Put the label that people read into the file too, at its end: in the words of the profile or of `[labels]`, or in these
    #[arg(long, value_name = "WORDS", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    visible: Option<String>,

    /// Write a C2PA manifest too
    #[arg(long)]
    c2pa: bool,

    /// Put the manifest beside the file, as FILE.c2pa
    #[arg(long, requires = "c2pa")]
    beside: bool,

    /// The exchange whose answer the file holds; without it, the number that the file has, or a fresh one
    #[arg(long, value_name = "ID")]
    exchange: Option<String>,

    #[command(flatten)]
    config: ConfigArgs,
}

/// Check a label: who has signed it, and whether the letters and digits of the text are those that were signed
///
/// FILE is a labelled file, or with --statement a text that an answer held. With --c2pa its C2PA manifest is checked in the place of the label: form,
/// signature, certificate, and whether the content is the one that was signed, with C2PA's codes.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when the key has signed the label and letters and digits are the same, or the manifest holds, 1 when not, 2 for a file that cannot be read
or has none.

Examples:
  sluicegate label verify report.docx
  sluicegate label verify --c2pa --trust C2PA-TRUST-LIST.pem report.docx
  sluicegate label verify answer.txt --statement label.json --key journal.pub
  curl -sD - https://gateway/v1/chat/completions .. | sed -n 's/^x-sluicegate-label: //p' > label.json")]
struct Verify {
    /// The file; `-` for standard input, with --statement
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Metadata of an answer: what stands in its `x-sluicegate-label`, or in its stream behind `: sluicegate-label`
    #[arg(long, value_name = "FILE")]
    statement: Option<PathBuf>,

    /// The public key or its file, as `sluicegate audit key` prints it; without it, the journal's
    #[arg(long, value_name = "KEY")]
    key: Option<String>,

    /// Check the C2PA manifest
    #[arg(long, conflicts_with_all = ["statement", "key"])]
    c2pa: bool,

    /// Certificates that are trusted, in PEM: of authorities, such as C2PA's trust list, or of signers
    #[arg(long, value_name = "PEM", requires = "c2pa")]
    trust: Option<PathBuf>,

    /// How to write the answer
    #[arg(long, value_enum, default_value = "human")]
    format: Format,

    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.what {
        Some(What::Verify(args)) if args.c2pa => manifest::check(args),
        Some(What::Verify(args)) => verify(args),
        None => write(&args.write),
    }
}

fn write(args: &Write) -> anyhow::Result<Exit> {
    if let Some(id) = args.exchange.as_deref().filter(|id| !ExchangeId::is_written_so(id)) {
        bail!("`{id}` is no exchange's id: 26 digits and small letters are expected");
    }
    let settings = settings(&args.config)?;
    let visible = args.visible.as_deref().map(|words| Visible::new(words, &settings)).transpose()?;
    let labeller = Labeller { maker: maker(&settings)?, visible, exchange: args.exchange.clone() };
    let sealer = args.c2pa.then(|| manifest::Sealer::of(&settings.labels, args.beside)).transpose()?;
    let mut exit = Exit::Fine;
    for path in &args.files {
        let done = match &sealer {
            Some(sealer) => manifest::seal(path, &labeller, sealer),
            None => label(path, &labeller),
        };
        if let Err(error) = done {
            writeln!(io::stderr(), "error: {}: {error:#}", path.display())?;
            exit = Exit::Misuse;
        }
    }
    Ok(exit)
}

fn settings(config: &ConfigArgs) -> anyhow::Result<Settings> {
    let loaded = config.load(crate::config::Purpose::Check);
    loaded.settings.with_context(|| {
        let first = loaded.diagnostics.first().map(ToString::to_string).unwrap_or_default();
        format!("the configuration cannot be used: {first}")
    })
}

/// Who signs, as the configuration says it.
fn maker(settings: &Settings) -> anyhow::Result<Maker> {
    let signer = load_or_make_signer(&settings.journal_key_path(), settings.journal.origin.as_deref())?;
    let producer = settings.labels.producer.clone().unwrap_or_else(|| signer.verifier().name().to_owned());
    Ok(Maker { signer, producer, verify: None })
}

/// Who labels, and how.
struct Labeller {
    maker: Maker,
    /// The label that people read, where it is to stand in the file.
    visible: Option<Visible>,
    /// The exchange's number, where it was told.
    exchange: Option<String>,
}

/// The bytes of a file. A pipe or a device may never end.
fn read_regular(path: &Path) -> anyhow::Result<Vec<u8>> {
    let kind = fs::metadata(path)?;
    if !kind.is_file() {
        bail!("it is no regular file");
    }
    if kind.len() > MOST as u64 {
        return Err(ExportError::Size.into());
    }
    Ok(fs::read(path)?)
}

fn label(path: &Path, labeller: &Labeller) -> anyhow::Result<()> {
    let form = FileForm::of(path).ok_or(ExportError::Unknown)?;
    let file = read_regular(path)?;
    let (Some(labelled), _) = labeller.labelled(form, path, &file)? else { return Ok(()) };
    manifest::refuse_where_one_stands(path, &file)?;
    rewrite_whole(path, &labelled)?;
    Ok(())
}

impl Labeller {
    /// A file with its labels, and the block; no file, where both stand in it already.
    fn labelled(
        &self,
        form: FileForm,
        path: &Path,
        source: &[u8],
    ) -> anyhow::Result<(Option<Vec<u8>>, Aigc)> {
        let shown = self.visible.as_ref().map(|visible| visible.put(form, path, source)).transpose()?;
        let file = shown.as_deref().unwrap_or(source);
        let there = match form.read(file) {
            // What has several blocks gets one.
            Err(ExportError::Several(_)) => None,
            there => there?,
        };
        let producer = Aigc::first(&self.maker.producer, "").content_producer;
        let known = there.as_ref().and_then(|fields| number_of(fields, &producer));
        let id = match (&self.exchange, known) {
            (Some(id), _) => id.clone(),
            (None, Some(id)) => id,
            (None, None) => ExchangeId::random()?.to_string(),
        };
        let signed = self.maker.sign(&id, vec![form.hash(file)?]);
        let block = merged(there.as_ref(), &signed.statement.aigc);
        if source == file && there.as_ref().is_some_and(|fields| is_same(fields, &block)) {
            return Ok((None, block));
        }
        Ok((Some(form.write(file, &block)?), block))
    }
}

/// The number that this producer, or propagator, has given the file before.
fn number_of(fields: &Fields, producer: &str) -> Option<String> {
    let of = |who: &str, number: &str| {
        (fields.get(who)? == producer)
            .then(|| fields.get(number).cloned())
            .flatten()
            .filter(|id| !id.is_empty())
    };
    of("ContentProducer", "ProduceID").or_else(|| of("ContentPropagator", "PropagateID"))
}

fn is_same(fields: &Fields, block: &Aigc) -> bool {
    fields.len() == 7
        && block.fields().iter().all(|(name, value)| fields.get(*name).is_some_and(|v| v == value))
}

/// What a gateway has signed, and as whom.
struct Part {
    signed: Signed,
    is_propagator: bool,
}

impl Part {
    /// That of the key's owner, or else the first that a gateway has signed.
    fn of(aigc: &Aigc, key: &Verifier) -> anyhow::Result<Self> {
        let as_producer = Signed::of_fields(aigc);
        let as_propagator = Signed::of_fields(&Aigc {
            content_producer: aigc.content_propagator.clone(),
            produce_id: aigc.propagate_id.clone(),
            reserved_code1: aigc.reserved_code2.clone(),
            label: "1".into(),
            ..aigc.clone()
        });
        let missing = as_producer.as_ref().err().copied();
        let part = |is_propagator| move |signed| Self { signed, is_propagator };
        let mut parts: Vec<Self> =
            as_producer.ok().map(part(false)).into_iter().chain(as_propagator.ok().map(part(true))).collect();
        let own = parts.iter().position(|part| is_genuine(&part.signed, key)).unwrap_or_default();
        if parts.is_empty() {
            return Err(missing.unwrap_or(StatementError::Unsigned).into());
        }
        Ok(parts.swap_remove(own))
    }
}

fn is_genuine(signed: &Signed, key: &Verifier) -> bool {
    signed.kid == key.kid() && key.has_signed(signed.statement.text().as_bytes(), &signed.signature)
}

fn verify(args: &Verify) -> anyhow::Result<Exit> {
    let key = key(args)?;
    let read = || -> anyhow::Result<(Part, String, Option<Aigc>)> {
        let file = if args.file == Path::new("-") {
            let mut text = Vec::new();
            io::stdin().read_to_end(&mut text)?;
            text
        } else {
            read_regular(&args.file)?
        };
        if let Some(path) = &args.statement {
            let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let text = text.trim().trim_start_matches(": sluicegate-label").trim();
            let part = Part { signed: Signed::parse(text)?, is_propagator: false };
            return Ok((part, Skeleton::of(&String::from_utf8_lossy(&file)), None));
        }
        let form = FileForm::of(&args.file).ok_or(ExportError::Unknown)?;
        let fields = form.read(&file)?.context("it holds no `AIGC` block")?;
        let aigc = Aigc::of(&fields).context(StatementError::Fields)?;
        Ok((Part::of(&aigc, &key)?, form.hash(&file)?, Some(aigc)))
    };
    let (Part { signed, is_propagator }, hash, block) = match read() {
        Ok(read) => read,
        Err(error) => {
            writeln!(io::stderr(), "error: {}: {error:#}", args.file.display())?;
            return Ok(Exit::Misuse);
        }
    };
    let Statement { aigc, hashes } = &signed.statement;
    let genuine = is_genuine(&signed, &key);
    let same = hashes.contains(&hash);
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => {
            let answer = json!({"signed": genuine, "same_text": same, "kid": signed.kid, "producer": aigc.content_producer,
                "id": aigc.produce_id, "label": aigc.label, "part": if is_propagator { "propagator" } else { "producer" }});
            writeln!(out, "{answer}")?;
        }
        Format::Human => {
            let who = if genuine { "signed by" } else { "NOT signed by" };
            writeln!(out, "{who} {} (the label names {})", key.kid(), in_line(&signed.kid))?;
            let role = if is_propagator { "propagator" } else { "producer" };
            writeln!(
                out,
                "{role} {}, number {}",
                in_line(&aigc.content_producer),
                in_line(&aigc.produce_id)
            )?;
            match &block {
                Some(block) if is_propagator => writeln!(
                    out,
                    "producer {}, as the label says: its part is not checked with this key",
                    in_line(&block.content_producer)
                )?,
                Some(block) if block.content_propagator != block.content_producer => writeln!(
                    out,
                    "propagator {}, as the label says: its part is not checked with this key",
                    in_line(&block.content_propagator)
                )?,
                Some(_) | None => {}
            }
            let text = if same {
                "its letters and digits are those that were signed; signs, layout and comments are not compared"
            } else {
                "its letters and digits are OTHERS than those that were signed"
            };
            writeln!(out, "{text}")?;
        }
    }
    Ok(if genuine && same { Exit::Fine } else { Exit::No })
}

/// The public key that is named, or the journal's.
fn key(args: &Verify) -> anyhow::Result<Verifier> {
    let text = match &args.key {
        Some(key) if key.contains('+') => key.clone(),
        Some(path) => fs::read_to_string(path).with_context(|| path.clone())?,
        None => {
            let file = args.config.file(args.config.overrides());
            let (source, folder) = file.source().map_err(|diagnostic| anyhow::anyhow!("{diagnostic}"))?;
            let settings = journal_settings(&source, &folder, &args.config.overrides());
            if let Some(signer) = settings.key.as_deref().and_then(|path| fs::read_to_string(path).ok()) {
                return Ok(Signer::parse(&signer)?.verifier().clone());
            }
            let dir = settings.dir.context("the configuration names no journal")?;
            let path = key_path(&dir);
            fs::read_to_string(&path).with_context(|| path.display().to_string())?
        }
    };
    Ok(text.trim().parse()?)
}
