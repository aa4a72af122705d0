//! `sluicegate key`: keys for clients.

use super::{ConfigArgs, Exit, Format, show};
use crate::config::{journal_settings, pepper_path};
use crate::limits::{KeyHash, Pepper, new_key};
use crate::text::is_name;
use std::io::{self, Write};

/// Make keys for clients
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sluicegate key new --tenant red
  sluicegate key new --tenant red --config gateway.toml")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    New(New),
}

/// Make a key, print it once, and print the line with its hash for the configuration
///
/// The key has 256 random bits. Only its hash under the pepper of the state folder is kept; a key cannot be
/// shown again.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sluicegate key new --tenant red
  sluicegate key new --tenant red --id red-laptop --format json")]
struct New {
    /// The tenant that the key is for
    #[arg(long, value_name = "NAME", value_parser = name)]
    tenant: String,

    /// The key's name in records; without it, the tenant's and a few random letters
    #[arg(long, value_name = "NAME", value_parser = name)]
    id: Option<String>,

    #[command(flatten)]
    config: ConfigArgs,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// A name in records.
pub(super) fn name(text: &str) -> Result<String, String> {
    is_name(text)
        .then(|| text.to_owned())
        .ok_or_else(|| "1 to 64 letters, digits, `-`, `_` and `.`".to_owned())
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let What::New(args) = &args.what;
    let (source, folder) = match args.config.file(args.config.overrides()).source() {
        Ok(found) => found,
        Err(diagnostic) => {
            show(&[diagnostic])?;
            return Ok(Exit::Misuse);
        }
    };
    let path = pepper_path(&source, &folder, &args.config.overrides());
    let journal = journal_settings(&source, &folder, &args.config.overrides());
    let pepper = match &journal.dir {
        Some(journal) => Pepper::load_or_make_for(&path, journal)?,
        None => Pepper::load_or_make(&path)?,
    };
    let key = new_key()?;
    let hash: KeyHash = pepper.hash(key.as_bytes());
    let id = if let Some(id) = &args.id {
        id.clone()
    } else {
        // From another key than the one made: a name must tell nothing of it.
        let letters: String = new_key()?.chars().rev().take(6).collect();
        format!("{}-{letters}", args.tenant.chars().take(57).collect::<String>())
    };
    let mut out = io::stdout().lock();
    match args.format {
        Format::Human => {
            writeln!(out, "The key, shown this once; give it to the client as its API key:\n\n  {}\n", *key)?;
            writeln!(out, "For the configuration, which keeps only the hash:\n")?;
            writeln!(
                out,
                "[[tenant]]\nname = \"{}\"\nkeys = [{{ id = \"{id}\", hash = \"{hash}\" }}]\n",
                args.tenant
            )?;
            writeln!(out, "It is valid under the pepper in {}.", path.display())?;
        }
        Format::Json => {
            let answer = serde_json::json!({
                "tenant": args.tenant, "id": id, "key": *key, "hash": hash.to_string(),
            });
            writeln!(out, "{answer}")?;
        }
    }
    Ok(Exit::Fine)
}
