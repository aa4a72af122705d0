//! `sluicegate scan`: runs texts through a policy, without a gateway.

use super::Exit;

/// Scan texts with a policy: JSON lines in, JSON lines out
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 whatever was found, 2 for bad input.

Examples:
  echo '{\"id\":1,\"text\":\"mail a@b.example\"}' | sluicegate scan --policy default
  sluicegate scan --policy measure --chunk 7 --emit redacted < texts.jsonl")]
pub(super) struct Args {
    /// A profile's name, a pack's name, a policy file, or `measure`
    #[arg(long, value_name = "POLICY", default_value = "default")]
    policy: String,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    anyhow::bail!("no policy `{}`", args.policy)
}
