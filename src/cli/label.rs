//! `sluicegate label`: the implicit label in files that leave the house, and the check of what a label says.

use super::{ConfigArgs, Exit, Format};
use crate::audit::{ExchangeId, Signer, Verifier, key_path, load_or_make_signer};
use crate::config::{Settings, journal_settings};
use crate::diag::write_whole;
use crate::exchange::Maker;
use crate::provenance::export::{Fields, FileForm, merged};
use crate::provenance::{Aigc, LabelWords, Signed, Skeleton, Statement, StatementError};
use crate::text::{Guess, Tongue};
use anyhow::{Context as _, bail};
use serde_json::json;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Write the label that programs read into files, or check one
///
/// Markdown gets it in its front matter, HTML in a meta element, JSON as a member, DOCX as a custom property, PDF among the document's
/// information: the seven fields of GB 45438-2025, signed with the journal's key, once, merged with what is there. Of a file that somebody
/// else has labelled the producer stays, and this gateway stands as the propagator.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
#[command(after_long_help = "\
Exit code: 0 when all files are labelled, 2 for a file that cannot be.

Examples:
  sluicegate label report.docx summary.md
  sluicegate label --visible report.pdf
  sluicegate label --visible='AI-generated, checked by the editors' --config gateway.toml notes.md
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
    /// Files: .md, .html, .json, .docx, .pdf
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Put the label that people read into the file too, at its end: in the words of the profile or of `[labels]`, or in these
    #[arg(long, value_name = "WORDS", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    visible: Option<String>,

    /// The exchange whose answer the file holds; without it, the number that the file has, or a fresh one
    #[arg(long, value_name = "ID")]
    exchange: Option<String>,

    #[command(flatten)]
    config: ConfigArgs,
}

/// Check a label: who has signed it, and whether the text is the one that was signed
///
/// FILE is a labelled file, or with --statement a text that an answer held.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when the key has signed the label and the text is the same, 1 when not, 2 for a file that cannot be read.

Examples:
  sluicegate label verify report.docx
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

    /// How to write the answer
    #[arg(long, value_enum, default_value = "human")]
    format: Format,

    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.what {
        Some(What::Verify(args)) => verify(args),
        None => write(&args.write),
    }
}

fn write(args: &Write) -> anyhow::Result<Exit> {
    if let Some(id) = args.exchange.as_deref().filter(|id| !ExchangeId::is_written_so(id)) {
        bail!("`{id}` is no exchange's id: 26 digits and small letters are expected");
    }
    let settings = settings(&args.config)?;
    let maker = maker(&settings)?;
    let visible = args.visible.as_deref().map(|words| Visible::new(words, &settings)).transpose()?;
    let mut exit = Exit::Fine;
    for path in &args.files {
        if let Err(error) = label(path, args.exchange.as_deref(), &maker, visible.as_ref()) {
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

/// The words of labels that people read.
enum Visible {
    /// As they were given.
    Own(String),
    /// Those of the profile and of `[labels]`, in the language of the file.
    Stated(LabelWords),
}

impl Visible {
    fn new(words: &str, settings: &Settings) -> anyhow::Result<Self> {
        if !words.trim().is_empty() {
            return Ok(Self::Own(words.trim().to_owned()));
        }
        let policies = settings.policy_library().and_then(|library| library.policy(&settings.policy));
        let policy = policies.map_err(|found| {
            let first = found.first().map(ToString::to_string).unwrap_or_default();
            anyhow::anyhow!("the policy cannot be used: {first}")
        })?;
        Ok(Self::Stated(LabelWords::new(policy.labels().map(|labels| &**labels), &settings.labels.texts)))
    }

    fn words(&self, form: FileForm, file: &[u8]) -> anyhow::Result<String> {
        match self {
            Self::Own(words) => Ok(words.clone()),
            Self::Stated(words) => {
                // What stands there may be all that is in its language.
                let mut labels: Vec<String> = Tongue::ALL.map(|tongue| words.label(tongue)).into();
                if let Some(there) = form.find_visible(file, &labels)? {
                    return Ok(labels.swap_remove(there));
                }
                let tongue = Guess::of(&form.said(file)?);
                Ok(words.label(tongue.unwrap_or_else(|| words.home())))
            }
        }
    }
}

/// Who signs, as the configuration says it.
fn maker(settings: &Settings) -> anyhow::Result<Maker> {
    let signer = load_or_make_signer(&settings.journal_key_path(), settings.journal.origin.as_deref())?;
    let producer = settings.labels.producer.clone().unwrap_or_else(|| signer.verifier().name().to_owned());
    Ok(Maker { signer, producer, verify: None })
}

fn label(
    path: &Path,
    exchange: Option<&str>,
    maker: &Maker,
    visible: Option<&Visible>,
) -> anyhow::Result<()> {
    let form = FileForm::of(path).ok_or(crate::provenance::export::ExportError::Unknown)?;
    let source = fs::read(path)?;
    let mut file = source.clone();
    if let Some(visible) = visible {
        match form.visible(&file, &visible.words(form, &file)?)? {
            Some(labelled) => file = labelled,
            None => writeln!(
                io::stderr(),
                "{}: programs read JSON and people do not: it has the fields alone",
                path.display()
            )?,
        }
    }
    let there = match form.read(&file) {
        // What has several blocks gets one.
        Err(crate::provenance::export::ExportError::Several(_)) => None,
        there => there?,
    };
    let producer = Aigc::first(&maker.producer, "").content_producer;
    let known = there.as_ref().and_then(|fields| number_of(fields, &producer));
    let id = match (exchange, known) {
        (Some(id), _) => id.to_owned(),
        (None, Some(id)) => id,
        (None, None) => ExchangeId::random()?.to_string(),
    };
    let signed = maker.sign(&id, vec![form.hash(&file)?]);
    let block = merged(there.as_ref(), &signed.statement.aigc);
    if source == file && there.as_ref().is_some_and(|fields| is_same(fields, &block)) {
        return Ok(());
    }
    let labelled = form.write(&file, &block)?;
    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    write_whole(path, &labelled, mode)?;
    Ok(())
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

fn verify(args: &Verify) -> anyhow::Result<Exit> {
    let key = key(args)?;
    let read = || -> anyhow::Result<(Signed, String)> {
        let file = if args.file == Path::new("-") {
            let mut text = Vec::new();
            io::stdin().read_to_end(&mut text)?;
            text
        } else {
            fs::read(&args.file)?
        };
        if let Some(path) = &args.statement {
            let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let text = text.trim().trim_start_matches(": sluicegate-label").trim();
            return Ok((Signed::parse(text)?, Skeleton::of(&String::from_utf8_lossy(&file))));
        }
        let form = FileForm::of(&args.file).ok_or(crate::provenance::export::ExportError::Unknown)?;
        let fields = form.read(&file)?.context("it holds no `AIGC` block")?;
        let aigc = Aigc::of(&fields).context(StatementError::Fields)?;
        let signed = Signed::of_fields(&aigc).or_else(|error| {
            // Ours may be the propagator's part.
            let own = Aigc {
                content_producer: aigc.content_propagator.clone(),
                produce_id: aigc.propagate_id.clone(),
                reserved_code1: aigc.reserved_code2.clone(),
                label: "1".into(),
                ..aigc.clone()
            };
            Signed::of_fields(&own).map_err(|_| error)
        })?;
        Ok((signed, form.hash(&file)?))
    };
    let (signed, hash) = match read() {
        Ok(read) => read,
        Err(error) => {
            writeln!(io::stderr(), "error: {}: {error:#}", args.file.display())?;
            return Ok(Exit::Misuse);
        }
    };
    let Statement { aigc, hashes } = &signed.statement;
    let genuine =
        signed.kid == key.kid() && key.has_signed(signed.statement.text().as_bytes(), &signed.signature);
    let same = hashes.contains(&hash);
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => {
            let answer = json!({"signed": genuine, "same_text": same, "kid": signed.kid, "producer": aigc.content_producer,
                "id": aigc.produce_id, "label": aigc.label});
            writeln!(out, "{answer}")?;
        }
        Format::Human => {
            let who = if genuine { "signed by" } else { "NOT signed by" };
            writeln!(out, "{who} {} (the label names {})", key.kid(), signed.kid)?;
            writeln!(out, "producer {}, number {}", aigc.content_producer, aigc.produce_id)?;
            let text = if same {
                "the text is the one that was signed"
            } else {
                "the text is ANOTHER than the one that was signed"
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
