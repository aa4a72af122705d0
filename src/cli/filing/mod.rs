//! `sluicegate filing`: what a filing, a technical file or a management system asks for, from what is loaded, with what is missing.

mod facts;
mod frames;
mod page;

use super::{ConfigArgs, Exit, show};
use crate::config::{Purpose, Settings};
use crate::diag::Diagnostic;
use crate::policy::PolicySettings;
use anyhow::Context as _;
use facts::{Facts, Status};
use frames::Frame;
use serde_json::Value;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Print what a filing asks for, answered from what is loaded: what is there, what is missing, what people have to bring
///
/// China's filing or registration, an excerpt of the EU's technical file, the maps to NIST's framework and to ISO/IEC 42001. Nothing is made up:
/// lists are counted, figures come from a report of `sluicegate assess`, and what is not there is called missing.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0, 1 when something is missing and `--strict` is given, 2 for a bad configuration or report.

Examples:
  sluicegate filing --profile cn-public-service --for cn
  sluicegate filing --config gateway.toml --for eu --assess report.json --out filing
  sluicegate filing --for iso42001 --format json")]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,

    /// A profile in place of the configuration's
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// Which filing
    #[arg(long = "for", value_name = "NAME", value_enum, default_value_t = For::Cn)]
    of: For,

    /// A report of `sluicegate assess`, in JSON
    #[arg(long, value_name = "FILE")]
    assess: Option<PathBuf>,

    /// Write `filing-NAME.md`, `.html` and `.json` into this folder, and a line for each
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// How to write it, where no folder is given
    #[arg(long, value_enum, default_value_t = As::Markdown)]
    format: As,

    /// Exit with 1 where something is missing
    #[arg(long)]
    strict: bool,
}

/// Which filing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum For {
    /// China: filing or registration of a generative AI service
    Cn,
    /// European Union: excerpt of the technical documentation
    Eu,
    /// NIST AI Risk Management Framework
    Nist,
    /// ISO/IEC 42001, Annex A
    Iso42001,
}

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum As {
    /// For people, as text
    Markdown,
    /// For people, as a page
    Html,
    /// For programs
    Json,
}

impl For {
    fn as_str(self) -> &'static str {
        match self {
            Self::Cn => "cn",
            Self::Eu => "eu",
            Self::Nist => "nist",
            Self::Iso42001 => "iso42001",
        }
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let loaded = args.config.load(Purpose::Check);
    let Some(mut settings) = loaded.settings else {
        show(&loaded.diagnostics)?;
        return Ok(Exit::Misuse);
    };
    if let Some(profile) = &args.profile {
        settings.policy.profile.clone_from(profile);
    }
    let assess = match args.assess.as_deref().map(report).transpose() {
        Ok(assess) => assess,
        Err(wrong) => {
            show(&[wrong])?;
            return Ok(Exit::Misuse);
        }
    };
    let frame = match filing(&settings, args.of, assess.as_ref(), args.config.config.is_some()) {
        Ok(frame) => frame,
        Err(found) => {
            show(&found)?;
            return Ok(Exit::Misuse);
        }
    };
    let is_missing = frame.rows().any(|row| row.status == Status::Missing);
    let json = || serde_json::to_string_pretty(&frame).map(|text| text + "\n");
    let mut out = io::stdout().lock();
    match (&args.out, args.format) {
        (Some(dir), _) => {
            fs::create_dir_all(dir).with_context(|| format!("cannot make the folder `{}`", dir.display()))?;
            let texts = [("md", page::markdown(&frame)), ("html", page::html(&frame)), ("json", json()?)];
            for (extension, text) in texts {
                let path = dir.join(format!("filing-{}.{extension}", args.of.as_str()));
                fs::write(&path, text)?;
                writeln!(out, "{}", path.display())?;
            }
        }
        (None, As::Markdown) => out.write_all(page::markdown(&frame).as_bytes())?,
        (None, As::Html) => out.write_all(page::html(&frame).as_bytes())?,
        (None, As::Json) => out.write_all(json()?.as_bytes())?,
    }
    Ok(if args.strict && is_missing { Exit::No } else { Exit::Fine })
}

/// The filing of these settings. Without a configuration of its own nothing is said of keys, routes and records.
fn filing(
    settings: &Settings,
    of: For,
    assess: Option<&Value>,
    is_configured: bool,
) -> Result<Frame, Vec<Diagnostic>> {
    let library = settings.policy_library()?;
    // A filing is written also where demands are not met: it says so.
    let asked = PolicySettings { demands: Some(crate::policy::Demands::Warn), ..settings.policy.clone() };
    let policy = library.policy(&asked)?;
    let facts = Facts {
        settings: is_configured.then_some(settings),
        policy_settings: &settings.policy,
        library: &library,
        policy: &policy,
        assess,
    };
    frames::of(of.as_str(), &facts)
}

/// A report of an assessment.
fn report(path: &Path) -> Result<Value, Diagnostic> {
    let wrong = |what: String| {
        let what = format!("`{}` is no report of `sluicegate assess`: {what}", path.display());
        Diagnostic::error("bad-report", what).help("it is written with `sluicegate assess --out DIR`")
    };
    let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let report: Value = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let is_one =
        report.get("figures").is_some_and(Value::is_array) && report.pointer("/policy/version").is_some();
    if is_one { Ok(report) } else { Err(wrong("it has no figures".to_owned())) }
}
