//! C2PA manifests of files: who signs them, how one is written with a file's label, and what one is worth.

use super::visible::Visible;
use super::{Labeller, Verify, read_regular};
use crate::audit::ExchangeId;
use crate::cli::audit::in_line;
use crate::cli::{Exit, Format, environment};
use crate::diag::{moment, rewrite_whole, write_whole};
use crate::exchange::Maker;
use crate::provenance::c2pa::{
    Anchors, Carrier, Claim, CommentOrWrapper, Credential, Found, PlaceFault, Put, Report, Trust, beside,
    verify,
};
use crate::provenance::export::{ExportError, FileForm};
use crate::provenance::{Aigc, LabelSettings, Skeleton};
use anyhow::{Context as _, bail};
use serde_json::json;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// What signs, and where manifests are put.
pub(super) struct Sealer {
    credential: Credential,
    put: Put,
}

impl Sealer {
    /// As the configuration says it.
    pub(super) fn of(labels: &LabelSettings, is_beside: bool) -> anyhow::Result<Self> {
        let settings = labels.c2pa.as_ref().context(
            "the configuration has no `[labels.c2pa]`: `chain` and `key` name what signs a manifest (docs/labelling.md)",
        )?;
        let credential = settings.load(&environment).map_err(|fault| *fault.what)?;
        let validity = credential.chain().validity();
        if !validity.holds_at(moment::now_ms()) {
            let (from, until) = (moment::day(validity.from_ms), moment::day(validity.until_ms));
            bail!("the certificate of `{}` is good from {from} until {until}", credential.chain().subject());
        }
        let put = match (is_beside, settings.markdown) {
            (true, _) => Put::Beside,
            (false, CommentOrWrapper::Comment) => Put::InComment,
            (false, CommentOrWrapper::Wrapper) => Put::Inside,
        };
        Ok(Self { credential, put })
    }
}

/// What lies beside a file under the name that its manifest has there.
fn lying_beside(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    let place = beside(path);
    match fs::metadata(&place) {
        Ok(_) => read_regular(&place).map(Some).with_context(|| place.display().to_string()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| place.display().to_string()),
    }
}

/// Refuses to write into a file whose manifest that would make void.
pub(super) fn refuse_where_one_stands(path: &Path, file: &[u8]) -> anyhow::Result<()> {
    let Some(carrier) = Carrier::of(path) else { return Ok(()) };
    match carrier.find(file, lying_beside(path)?) {
        Ok(None) => Ok(()),
        Ok(Some(_)) => {
            bail!("its C2PA manifest would no longer hold: with --c2pa the gateway writes its own anew")
        }
        Err(fault) => bail!("its label cannot be written beside a C2PA manifest: {fault}"),
    }
}

/// Labels a file and seals it; a file that is both already stays as it is.
pub(super) fn seal(path: &Path, labeller: &Labeller, sealer: &Sealer) -> anyhow::Result<()> {
    let carrier = Carrier::of(path)
        .context("no known form: expected .txt, .md, .markdown, .html, .htm, .json, .docx or .pdf")?;
    let file = read_regular(path)?;
    let found = carrier.find(&file, lying_beside(path)?)?;
    let now = moment::now_ms();
    let mut put = sealer.put;
    let (bare, holds) = match &found {
        None => (file.clone(), false),
        Some(found) => {
            let report = verify(carrier, &file, found, None, now);
            if !report.is_signed_by(&sealer.credential) {
                let who = if report.signer.is_empty() { "somebody else" } else { report.signer.as_str() };
                bail!("it has a C2PA manifest of {who}: a second one would make both void");
            }
            // One that is there stays where it is.
            if found.is_beside {
                put = Put::Beside;
            } else if put == Put::Beside {
                put = Put::Inside;
            }
            (carrier.without(&file, found)?, report.holds())
        }
    };
    let (labelled, agent, aigc) = match carrier {
        Carrier::Text => {
            // The end of a text is where that of Markdown is.
            let put = |visible: &Visible| visible.put(FileForm::Markdown, path, &bare);
            let shown = labeller.visible.as_ref().map(put).transpose()?.filter(|shown| *shown != bare);
            let text = std::str::from_utf8(shown.as_deref().unwrap_or(&bare));
            let text = text.map_err(|_| ExportError::Form("text in UTF-8"))?;
            let id = match &labeller.exchange {
                Some(id) => id.clone(),
                None => ExchangeId::random()?.to_string(),
            };
            let block = labeller.maker.sign(&id, vec![Skeleton::of(text)]).statement.aigc;
            (shown, "Sluicegate".to_owned(), Some(block.json()))
        }
        Carrier::Labelled(form) => {
            let (labelled, block) = labeller.labelled(form, path, &bare)?;
            (labelled, made_by(&block, &labeller.maker)?, None)
        }
    };
    if holds && labelled.is_none() {
        return Ok(());
    }
    let content = labelled.unwrap_or(bare);
    let claim = Claim::new(&agent, now, aigc).ok_or(PlaceFault::Claim)?;
    let written = carrier.write(&content, put, &claim, &sealer.credential)?;
    if written.file != file {
        rewrite_whole(path, &written.file)?;
    }
    if let Some(store) = &written.beside {
        let mode = fs::metadata(path)?.permissions().mode() & 0o777;
        write_whole(&beside(path), store, mode)?;
    }
    Ok(())
}

/// Who has made a file's content, as its label has it.
fn made_by(block: &Aigc, maker: &Maker) -> anyhow::Result<String> {
    if block.label != "1" {
        bail!("its label says that the content may be generated: a manifest would say that it is");
    }
    let own = Aigc::first(&maker.producer, "").content_producer;
    Ok(if block.content_producer == own { "Sluicegate".to_owned() } else { block.content_producer.clone() })
}

/// Says what a file's manifest is worth.
pub(super) fn check(args: &Verify) -> anyhow::Result<Exit> {
    let anchors = args
        .trust
        .as_ref()
        .map(|path| Anchors::read(path).map_err(|error| anyhow::anyhow!("{}: {error}", path.display())));
    let anchors = anchors.transpose()?;
    let look = || -> anyhow::Result<Result<(Found, Report), PlaceFault>> {
        let carrier = Carrier::of(&args.file)
            .context("no known form: expected .txt, .md, .markdown, .html, .htm, .json, .docx or .pdf")?;
        let file = read_regular(&args.file)?;
        match carrier.find(&file, lying_beside(&args.file)?) {
            Ok(None) => bail!("it has no C2PA manifest"),
            Ok(Some(found)) => {
                let report = verify(carrier, &file, &found, anchors.as_ref(), moment::now_ms());
                Ok(Ok((found, report)))
            }
            Err(fault) if fault.code().is_some() => Ok(Err(fault)),
            Err(fault) => Err(fault.into()),
        }
    };
    let mut out = io::stdout().lock();
    match look() {
        Err(error) => {
            writeln!(io::stderr(), "error: {}: {error:#}", args.file.display())?;
            Ok(Exit::Misuse)
        }
        Ok(Err(fault)) => {
            let code = fault.code().unwrap_or_default();
            match args.format {
                Format::Json => {
                    let status = json!([{ "code": code, "fault": true, "said": fault.to_string() }]);
                    writeln!(out, "{}", json!({ "holds": false, "trust": "unasked", "status": status }))?;
                }
                Format::Human => writeln!(out, "the manifest does NOT hold\n  {code}: {fault}")?,
            }
            Ok(Exit::No)
        }
        Ok(Ok((found, report))) => {
            match args.format {
                Format::Json => writeln!(out, "{}", as_json(&found, &report))?,
                Format::Human => for_people(&mut out, &found, &report)?,
            }
            Ok(if report.holds() { Exit::Fine } else { Exit::No })
        }
    }
}

fn as_json(found: &Found, report: &Report) -> serde_json::Value {
    let status: Vec<_> = report
        .findings
        .iter()
        .map(|finding| json!({ "code": finding.code, "fault": finding.is_fault, "said": finding.said }))
        .collect();
    let trust = match report.trust {
        Trust::Unasked => "unasked",
        Trust::Trusted => "trusted",
        Trust::Untrusted => "untrusted",
    };
    json!({ "holds": report.holds(), "trust": trust, "manifest": report.manifest, "bytes": found.store.len(),
        "beside": found.is_beside, "generator": report.generator, "signer": report.signer, "issuer": report.issuer,
        "algorithm": report.algorithm, "source_type": report.source_type, "agent": report.agent, "when": report.when,
        "others": report.others, "status": status })
}

fn for_people(out: &mut impl io::Write, found: &Found, report: &Report) -> io::Result<()> {
    let holds = if report.holds() { "holds" } else { "does NOT hold" };
    writeln!(out, "the manifest {holds}")?;
    for finding in report.findings.iter().filter(|finding| finding.is_fault) {
        let said = if finding.said.is_empty() { "" } else { ": " };
        writeln!(out, "  {}{said}{}", finding.code, in_line(&finding.said))?;
    }
    if !report.signer.is_empty() {
        let trust = match report.trust {
            Trust::Unasked => "not checked against a trust list",
            Trust::Trusted => "which leads to one that is trusted",
            Trust::Untrusted => "which leads to none that is trusted",
        };
        writeln!(
            out,
            "signed by {} ({}), certificate of {}, {trust}",
            in_line(&report.signer),
            report.algorithm,
            in_line(&report.issuer)
        )?;
    }
    if let Some(source) = &report.source_type {
        let kind = source.rsplit('/').next().unwrap_or_default();
        let agent = report.agent.as_deref().unwrap_or("a program without a name");
        let when = report.when.as_deref().map(|when| format!(" at {when}")).unwrap_or_default();
        writeln!(out, "says: made by {}{}, {}", in_line(agent), in_line(&when), in_line(kind))?;
    }
    let place = if found.is_beside { ", beside the file" } else { "" };
    writeln!(out, "claim of {}, {} bytes{place}", in_line(&report.generator), found.store.len())?;
    if report.others > 0 {
        writeln!(out, "{} more manifests that it was made from are not looked at", report.others)?;
    }
    Ok(())
}
