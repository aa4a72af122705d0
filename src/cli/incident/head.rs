//! What a bundle says first: what it is about, and what is in it.

use super::laws::Due;
use serde::{Deserialize, Serialize};

/// `incident.json` of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// The bundle's name in the journal.
    pub(super) id: String,
    pub(super) title: String,
    pub(super) created: String,
    /// Who made it, as he says.
    pub(super) by: String,
    /// The law under which it is reported, where one was named.
    pub(super) law: Option<Due>,
    /// A case's number, an authority, another law.
    pub(super) reference: Option<String>,
    /// The journal.
    pub(super) origin: String,
    /// The key that signs journal and bundle.
    pub(super) key: String,
    /// SHA-256 of its 32 bytes, to be compared over the telephone.
    pub(super) key_sha256: String,
    /// The program that made it.
    pub(super) program: String,
    /// Records under the checkpoint that the proofs lead to.
    pub(super) checkpoint: u64,
    /// The exchanges, the oldest first.
    pub(super) exchanges: Vec<String>,
    /// Those of them that had not ended.
    pub(super) unfinished: Vec<String>,
    pub(super) policies: Vec<PolicyIn>,
    /// Whether bodies were asked for.
    pub(super) texts: bool,
    /// Exchanges whose bodies were asked for and are not there: not kept, erased, or over.
    pub(super) without_texts: Vec<String>,
}

/// A policy under which exchanges ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PolicyIn {
    pub(super) version: String,
    /// Whether its rules stand in the bundle; those of a policy that is not loaded any more cannot.
    pub(super) contents: bool,
}

/// The file of the head.
pub(super) const HEAD: &str = "incident.json";
/// The page for people.
pub(super) const SUMMARY: &str = "summary.html";
/// The checkpoint that the proofs lead to.
pub(super) const CHECKPOINT: &str = "evidence/checkpoint";
/// What leads from each other checkpoint to that one.
pub(super) const GROWTH: &str = "evidence/growth.json";

/// The file of an exchange's records: what `sluicegate audit prove` writes.
pub(super) fn exchange_file(exchange: &str) -> String {
    format!("exchanges/{exchange}.json")
}

/// The file of a policy's contents.
pub(super) fn policy_file(version: &str) -> String {
    format!("policies/{version}.json")
}

/// What leads from a checkpoint of a witness or an anchor to the one of the proofs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Grown {
    /// Its file.
    pub(super) file: String,
    /// RFC 6962's consistency proof, in base64.
    pub(super) consistency: Vec<String>,
}
