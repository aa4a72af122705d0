//! `sluicegate audit witness`: a witness that cosigns the checkpoints of others, for an auditor to run where the operator cannot reach.

use super::{key_text, plain};
use crate::audit::{Cosigner, Verifier, Witness, last_seen};
use crate::cli::Exit;
use crate::diag::{loose_mode, write_new};
use crate::server::serve_witness;
use crate::telemetry::start_log;
use anyhow::Context as _;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// Watch journals of others: cosign what goes on from all that was seen before, and nothing else
///
/// It speaks C2SP's tlog-witness, so it can watch any log of that form, and gateways can ask any witness of that form. What it has seen last of each
/// log is durable before it signs. Run it on a machine that the log's operator has no access to; a proxy before it may add TLS.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_long_help = "\
Exit code: 0 after SIGTERM or Ctrl-C, 2 for a key that is none, 3 when it cannot run.

Examples:
  sluicegate audit witness keygen --name auditor.example/w1 --key witness.key
  sluicegate audit witness --listen 127.0.0.1:7700 --key witness.key --state witness --log gateway.vkey
  sluicegate audit witness show --state witness"
)]
pub(super) struct Args {
    #[command(subcommand)]
    what: Option<What>,

    /// Where logs come
    #[arg(long, value_name = "ADDR", required = true)]
    listen: Option<SocketAddr>,

    /// The file of the witness's private key
    #[arg(long, value_name = "FILE", required = true)]
    key: Option<PathBuf>,

    /// The folder of what it has seen
    #[arg(long, value_name = "DIR", required = true)]
    state: Option<PathBuf>,

    /// The public key of a log that is watched, or a file that holds it; may be given more than once
    #[arg(long, value_name = "KEY|FILE", required = true)]
    log: Vec<String>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Keygen(Keygen),
    Show(Show),
}

/// Make the key of a witness and print its public half
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
The public half goes into `[[witness]]` of the gateway, and to everybody who verifies.

Exit code: 0, 1 where the file is there already, 2 for a name that is none, 3 when it cannot be written.

Examples:
  sluicegate audit witness keygen --name auditor.example/w1 --key witness.key
  sluicegate audit witness keygen --name auditor.example/w2 --key /var/lib/witness/key > w2.vkey")]
struct Keygen {
    /// Its name, such as `auditor.example/w1`: it tells keys apart, and need be no address
    #[arg(long, value_name = "NAME")]
    name: String,

    /// The file of the private key; nothing is written over
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

/// Print the last checkpoint of each log that was cosigned
///
/// Such a checkpoint, taken from the witness and not from the log, shows with `sluicegate audit verify --kept` that the journal still holds all that
/// was seen. The witness may run meanwhile.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0, 1 where nothing was cosigned yet, 3 when it cannot be read.

Examples:
  sluicegate audit witness show --state witness
  sluicegate audit witness show --state witness --log gateway.vkey > seen
  sluicegate audit verify --journal copy/journal --kept seen --witness w1.vkey")]
struct Show {
    /// The folder of what it has seen
    #[arg(long, value_name = "DIR")]
    state: PathBuf,

    /// Only of this log: its public key, or a file that holds it; may be given more than once
    #[arg(long, value_name = "KEY|FILE")]
    log: Vec<String>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.what {
        Some(What::Keygen(args)) => keygen(args),
        Some(What::Show(args)) => show(args),
        None => serve(args),
    }
}

fn keygen(args: &Keygen) -> anyhow::Result<Exit> {
    let cosigner = match Cosigner::random(&args.name) {
        Ok(cosigner) => cosigner,
        Err(error) => {
            writeln!(io::stderr(), "{error}")?;
            return Ok(Exit::Misuse);
        }
    };
    match write_new(&args.key, format!("{}\n", *cosigner.secret()).as_bytes()) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            writeln!(io::stderr(), "`{}` is there already; nothing was written", args.key.display())?;
            return Ok(Exit::No);
        }
        Err(error) => return Err(error).with_context(|| format!("cannot write `{}`", args.key.display())),
    }
    writeln!(io::stdout(), "{}", cosigner.key())?;
    Ok(Exit::Fine)
}

fn show(args: &Show) -> anyhow::Result<Exit> {
    let Some(logs) = read_logs(&args.log)? else { return Ok(Exit::Misuse) };
    let mut seen =
        last_seen(&args.state).with_context(|| format!("cannot read `{}`", args.state.display()))?;
    if !logs.is_empty() {
        seen.retain(|last| logs.iter().any(|key| key.open(&last.note).is_ok()));
        for key in logs.iter().filter(|key| !seen.iter().any(|last| key.open(&last.note).is_ok())) {
            writeln!(io::stderr(), "nothing of {} was cosigned yet", key.name())?;
        }
    }
    let mut out = io::stdout().lock();
    for (n, last) in seen.iter().enumerate() {
        let gap = if n > 0 { "\n" } else { "" };
        write!(out, "{gap}{}", plain(&last.note))?;
    }
    Ok(if seen.is_empty() { Exit::No } else { Exit::Fine })
}

/// The keys of logs; none where one of them is no such key, which is said.
fn read_logs(given: &[String]) -> anyhow::Result<Option<Vec<Verifier>>> {
    let mut logs: Vec<Verifier> = Vec::new();
    for log in given {
        let text = key_text(log)?;
        match text.parse() {
            Ok(key) => logs.push(key),
            Err(error) => {
                writeln!(io::stderr(), "`{}` is not the key of a log: {error}", plain(text.trim()))?;
                return Ok(None);
            }
        }
    }
    Ok(Some(logs))
}

fn read_cosigner(path: &Path) -> anyhow::Result<Cosigner> {
    let what = || format!("`{}`", path.display());
    let text = zeroize::Zeroizing::new(std::fs::read_to_string(path).with_context(what)?);
    if let Some(mode) = loose_mode(path).with_context(what)? {
        anyhow::bail!("{}: the key may be read by others (mode {mode:o}), expected 600 or 640", what());
    }
    Cosigner::parse(&text).with_context(what)
}

fn serve(args: &Args) -> anyhow::Result<Exit> {
    let (Some(listen), Some(key), Some(state)) = (args.listen, &args.key, &args.state) else {
        return Ok(Exit::Misuse);
    };
    let Some(logs) = read_logs(&args.log)? else { return Ok(Exit::Misuse) };
    start_log(&crate::telemetry::LogSettings::default());
    let witness = Arc::new(Witness::open(state, read_cosigner(key)?, logs)?);
    let listener = TcpListener::bind(listen).with_context(|| format!("cannot listen on {listen}"))?;
    let mut out = io::stdout().lock();
    writeln!(out, "the witness listens on http://{}", listener.local_addr()?)?;
    for (origin, size) in witness.sizes() {
        writeln!(out, "{origin}: {size} records cosigned")?;
    }
    out.flush()?;
    drop(out);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut term = signal(SignalKind::terminate())?;
        let stop = async {
            tokio::select! {
                _ = term.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        };
        serve_witness(witness, listener, stop).await
    })?;
    Ok(Exit::Fine)
}
