//! `sluicegate policy keygen|approve|approvals`: keys of those who approve policies, their signatures, and who has signed.

use super::moment::now_ms;
use super::{ConfigArgs, Exit, Format, show};
use crate::config::{Purpose, Settings};
use crate::diag::{Diagnostic, has_errors, loose_mode, write_whole};
use crate::policy::approval::{ApprovalFile, Approver, PublicKey};
use crate::policy::{ApprovalSettings, Approvals, Signer};
use crate::text::hex;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Make a key with which to approve policies, and print the line for the configuration
///
/// The private key stays with who approves, readable to them alone: PKCS#8 in PEM, as `openssl genpkey -algorithm ed25519` writes it. The
/// configuration has the public one.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0, 2 when the file is there already.

Examples:
  sluicegate policy keygen --name alice --out alice.key
  sluicegate policy keygen --name bob --out ~/bob.key --format json")]
pub(super) struct Keygen {
    /// Who approves
    #[arg(long, value_name = "NAME", value_parser = super::key::name)]
    name: String,

    /// The file for the private key; it must not be there yet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Sign the policy of a configuration as it is here now, so that gateways may run it
///
/// The signature lies beside the configuration, in the folder `approvals`, and goes with it to the gateway. It holds for exactly this policy:
/// packs, profiles, lists, `[policy]` and the tenants' changes. A policy with mistakes is not signed.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when it is signed, 1 when it was already, 2 for a bad configuration or key.

Examples:
  sluicegate policy approve --config gateway.toml --key alice.key --author
  sluicegate policy approve --config gateway.toml --key bob.key --policy 3f2ac0de")]
pub(super) struct Approve {
    #[command(flatten)]
    config: ConfigArgs,

    /// The private key of who signs
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    /// Sign as who wrote it; without this, as who has read it
    #[arg(long)]
    author: bool,

    /// Sign only if the policy's hash begins so: the one that was read
    #[arg(long, value_name = "HASH")]
    policy: Option<String>,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Say who has approved the policy of a configuration as it is here now, and who has not
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when enough have, 1 when they have not, 2 for a bad configuration.

Examples:
  sluicegate policy approvals --config gateway.toml
  sluicegate policy approvals --config gateway.toml --format json")]
pub(super) struct List {
    #[command(flatten)]
    config: ConfigArgs,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(super) fn keygen(args: &Keygen) -> anyhow::Result<Exit> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed).map_err(io::Error::from)?;
    let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| io::Error::other("no key"))?;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&args.out);
    let mut file = match file {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return refuse("exists", format!("`{}` is there already", args.out.display()));
        }
        Err(error) => return Err(anyhow::Error::new(error).context(args.out.display().to_string())),
    };
    file.write_all(pem(&seed).as_bytes())?;
    file.sync_all()?;
    let public = public(&pair);
    let mut out = io::stdout().lock();
    match args.format {
        Format::Human => writeln!(
            out,
            "The private key is in {}; it stays with {name}.\n\nFor the configuration:\n\n[policy.approval]\napprovers = [{{ name = \"{name}\", key = \"{public}\" }}]",
            args.out.display(),
            name = args.name,
        )?,
        Format::Json => writeln!(out, "{}", serde_json::json!({ "name": args.name, "key": public }))?,
    }
    Ok(Exit::Fine)
}

pub(super) fn approve(args: &Approve) -> anyhow::Result<Exit> {
    let Some(settings) = settings(&args.config)? else { return Ok(Exit::Misuse) };
    let Some(approval) = settings.policy.approval.clone() else { return nobody_has_to() };
    let pair = match read(&args.key) {
        Ok(pair) => pair,
        Err(what) => return refuse("bad-key", what),
    };
    let key = public(&pair);
    let Some(Approver { name, .. }) = approval.approvers.iter().find(|one| String::from(one.key) == key)
    else {
        let unknown = format!("the key in `{}` is no approver's", args.key.display());
        let unknown = Diagnostic::error("unknown-key", unknown);
        let help = format!("its public key is {key}: `[policy.approval]` names it with who it belongs to");
        show(&[unknown.help(help)])?;
        return Ok(Exit::Misuse);
    };
    let (found, usable) = settings.check_policies();
    if has_errors(&found) || usable.is_none() {
        show(&found)?;
        return refuse("mistakes", "a policy with mistakes is not approved".to_owned());
    }
    let policy = match settings.policy_content_now() {
        Ok(policy) => policy,
        Err(fault) => return refused(fault),
    };
    if let Some(read) = args.policy.as_ref().filter(|read| !policy.starts_with(read.as_str())) {
        return refuse("another-policy", format!("the policy here is {policy}, not {read}"));
    }
    let before = settings.approvals(&policy);
    if before.iter().flat_map(|all| &all.signed).any(|one| one.approver == *name) {
        let what = format!("`{name}` has approved the policy {policy} already; one person counts once");
        show(&[Diagnostic::error("approval", what)])?;
        return Ok(Exit::No);
    }
    let signer = if args.author { Signer::Author } else { Signer::Reviewer };
    let path = sign(&approval, &policy, name, signer, &pair)?;
    let Some(after) = settings.approvals(&policy) else { return nobody_has_to() };
    let mut out = io::stdout().lock();
    match args.format {
        Format::Human => {
            writeln!(out, "{name} approves as {}: {}", signer.as_str(), path.display())?;
            human(&after, &mut out)?;
        }
        Format::Json => writeln!(out, "{}", json(&after))?,
    }
    Ok(Exit::Fine)
}

pub(super) fn list(args: &List) -> anyhow::Result<Exit> {
    let Some(settings) = settings(&args.config)? else { return Ok(Exit::Misuse) };
    let policy = match settings.policy_content_now() {
        Ok(policy) => policy,
        Err(fault) => return refused(fault),
    };
    let Some(approvals) = settings.approvals(&policy) else { return nobody_has_to() };
    show(&approvals.faults)?;
    let mut out = io::stdout().lock();
    match args.format {
        Format::Human => human(&approvals, &mut out)?,
        Format::Json => writeln!(out, "{}", json(&approvals))?,
    }
    Ok(if approvals.is_enough() { Exit::Fine } else { Exit::No })
}

/// Writes an approval whole or not at all, and says where.
fn sign(
    approval: &ApprovalSettings,
    policy: &str,
    name: &str,
    signer: Signer,
    pair: &Ed25519KeyPair,
) -> anyhow::Result<PathBuf> {
    let time = now_ms() / 1000;
    let signature = pair.sign(ApprovalFile::signed(policy, name, signer, time).as_bytes());
    let (policy, approver) = (policy.to_owned(), name.to_owned());
    let signature = hex::encode(signature.as_ref());
    let dir = approval.dir.join(&policy);
    let file = ApprovalFile { policy, approver, signer, time, signature };
    fs::create_dir_all(&dir)?;
    let path = dir.join(format!("{name}.toml"));
    write_whole(&path, toml::to_string(&file)?.as_bytes(), 0o666)?;
    Ok(path)
}

fn human(approvals: &Approvals, out: &mut impl io::Write) -> io::Result<()> {
    writeln!(out, "policy {}", approvals.policy)?;
    for one in &approvals.signed {
        writeln!(
            out,
            "  {} as {}, {}",
            one.approver,
            one.signer.as_str(),
            super::policy::ago(one.time * 1000)
        )?;
    }
    if !approvals.absent.is_empty() {
        writeln!(out, "  not yet: {}", approvals.absent.join(", "))?;
    }
    let (found, required) = (approvals.signed.len(), approvals.required);
    let verdict = if approvals.is_enough() {
        "it may run"
    } else if found >= required {
        "its authors alone have signed: it may not run"
    } else {
        "it may not run"
    };
    writeln!(out, "{found} of {required}: {verdict}")
}

fn json(approvals: &Approvals) -> serde_json::Value {
    serde_json::json!({
        "policy": approvals.policy, "required": approvals.required, "signed": approvals.signed,
        "absent": approvals.absent, "enough": approvals.is_enough(),
        "faults": approvals.faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// The settings of a configuration, where they can be used; else their mistakes are shown.
fn settings(config: &ConfigArgs) -> io::Result<Option<Settings>> {
    let loaded = config.load(Purpose::Check);
    if loaded.settings.is_none() {
        show(&loaded.diagnostics)?;
    }
    Ok(loaded.settings)
}

fn nobody_has_to() -> anyhow::Result<Exit> {
    refuse("no-approval", "nobody has to approve policies: there is no `[policy.approval]`".to_owned())
}

fn refuse(code: &'static str, what: String) -> anyhow::Result<Exit> {
    refused(Diagnostic::error(code, what))
}

fn refused(diagnostic: Diagnostic) -> anyhow::Result<Exit> {
    show(&[diagnostic])?;
    Ok(Exit::Misuse)
}

/// The private key of a file that nobody else can read.
fn read(path: &Path) -> Result<Ed25519KeyPair, String> {
    let name = path.display();
    if let Some(mode) = loose_mode(path).map_err(|error| format!("cannot read `{name}`: {error}"))? {
        return Err(format!("`{name}` may be read by others (mode {mode:o}): run `chmod 600 {name}`"));
    }
    let text =
        fs::read(path).map(Zeroizing::new).map_err(|error| format!("cannot read `{name}`: {error}"))?;
    let wrong = || format!("`{name}` holds no Ed25519 key in PEM");
    let der = PrivatePkcs8KeyDer::from_pem_slice(&text).map_err(|_| wrong())?;
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).map_err(|_| wrong())
}

fn public(pair: &Ed25519KeyPair) -> String {
    // A public key of Ed25519 has 32 bytes.
    pair.public_key().as_ref().try_into().map_or_else(|_| String::new(), |key| PublicKey(key).into())
}

/// PKCS#8 (RFC 8410): these bytes and the seed.
fn pem(seed: &[u8; 32]) -> Zeroizing<String> {
    const HEAD: [u8; 16] =
        [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Zeroizing::new(String::with_capacity(128));
    out.push_str("-----BEGIN PRIVATE KEY-----\n");
    let mut bits = 0u32;
    // 48 bytes are 64 digits without a rest.
    for (n, byte) in HEAD.iter().chain(seed).enumerate() {
        bits = (bits << 8) | u32::from(*byte);
        if n % 3 == 2 {
            for shift in [18, 12, 6, 0] {
                let digit = DIGITS.get(((bits >> shift) & 63) as usize).copied().unwrap_or(b'A');
                out.push(char::from(digit));
            }
            bits = 0;
        }
    }
    out.push_str("\n-----END PRIVATE KEY-----\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written() {
        for seed in [[0; 32], [255; 32], std::array::from_fn(|n| n as u8 * 7)] {
            let text = pem(&seed);
            let der = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).expect("PEM");
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).expect("a key");
            let want = Ed25519KeyPair::from_seed_unchecked(&seed).expect("a key");
            assert_eq!(pair.public_key().as_ref(), want.public_key().as_ref());
        }
    }
}
