//! Approvals of policies: that more people than their author have seen what is to run, proved by signatures.
//!
//! A signature is over the hash of everything that a policy is made from, with who signs, as what and when. Nothing is read here; whoever
//! loads policies brings the files that lie beside them. What is wrong with an approval is said of its file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::diag::{Diagnostic, SourceFile, Step, read_toml};
use crate::text::hex;

/// The code of what is said of a policy that too few have approved.
pub const APPROVAL: &str = "approval";

/// `[policy.approval]`: who has to approve a policy before it runs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalSettings {
    /// How many different people sign, the author among them: two or more.
    #[serde(default = "two")]
    pub required: usize,
    /// The folder of their approvals, in which each policy has a folder of its own.
    #[serde(default = "beside")]
    pub dir: PathBuf,
    /// Who may sign.
    pub approvers: Vec<Approver>,
}

fn two() -> usize {
    2
}

fn beside() -> PathBuf {
    "approvals".into()
}

/// One who may sign.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approver {
    /// The name in approvals, logs and answers.
    pub name: String,
    /// The public key, Ed25519, 64 hexadecimal digits; `sluicegate policy keygen` makes one.
    pub key: PublicKey,
}

/// A public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[0-9a-f]{64}$"))]
pub struct PublicKey(pub [u8; 32]);

impl TryFrom<String> for PublicKey {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let found = text.chars().count();
        hex::array(&text).map(Self).ok_or_else(|| {
            format!("expected a public key of 64 hexadecimal digits, found {found} characters")
        })
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        hex::encode(&key.0)
    }
}

/// What somebody approves a policy as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Signer {
    /// Who wrote it.
    Author,
    /// Who has read it.
    Reviewer,
}

impl Signer {
    /// The word in files and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Author => "author",
            Self::Reviewer => "reviewer",
        }
    }
}

/// A file with an approval.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalFile {
    /// The hash of what is approved, 64 hexadecimal digits.
    pub policy: String,
    /// The name of who signs.
    pub approver: String,
    /// What as.
    pub signer: Signer,
    /// When, in seconds since 1970.
    pub time: u64,
    /// The signature, 128 hexadecimal digits.
    pub signature: String,
}

impl ApprovalFile {
    /// The bytes that are signed.
    pub fn signed(policy: &str, approver: &str, signer: Signer, time: u64) -> String {
        let signer = signer.as_str();
        format!(
            "sluicegate policy approval 1\npolicy {policy}\napprover {approver}\nsigner {signer}\ntime {time}\n"
        )
    }
}

/// One valid approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Approved {
    /// Who.
    pub approver: String,
    /// What as.
    pub signer: Signer,
    /// When, in seconds since 1970.
    pub time: u64,
}

/// Who has approved a policy and who has not.
#[derive(Debug, Clone)]
pub struct Approvals {
    /// The hash of the policy.
    pub policy: String,
    /// How many have to sign.
    pub required: usize,
    /// Who has, in the order of the configuration.
    pub signed: Vec<Approved>,
    /// Who could and has not.
    pub absent: Vec<String>,
    /// What is wrong with files that lie among the approvals.
    pub faults: Vec<Diagnostic>,
}

impl Approvals {
    /// What these files say of the policy with this hash.
    pub fn of(settings: &ApprovalSettings, policy: &str, files: &[Arc<SourceFile>]) -> Self {
        let mut faults = Vec::new();
        let mut good: BTreeMap<String, (Approved, &Arc<SourceFile>)> = BTreeMap::new();
        for file in files {
            match read(settings, policy, file) {
                Err(mut found) => faults.append(&mut found),
                Ok(approved) => match good.get(&approved.approver) {
                    None => drop(good.insert(approved.approver.clone(), (approved, file))),
                    Some((_, before)) => {
                        let name = &approved.approver;
                        let what = format!(
                            "`{name}` approves twice, here and in `{}`: it counts once",
                            before.name()
                        );
                        faults.push(at(Diagnostic::error(APPROVAL, what), file, "approver"));
                    }
                },
            }
        }
        let (mut signed, mut absent) = (Vec::new(), Vec::new());
        for approver in &settings.approvers {
            match good.remove(&approver.name) {
                Some((approved, _)) => signed.push(approved),
                None => absent.push(approver.name.clone()),
            }
        }
        Self { policy: policy.to_owned(), required: settings.required, signed, absent, faults }
    }

    /// Whether it may run.
    pub fn is_enough(&self) -> bool {
        self.signed.len() >= self.required && self.is_read()
    }

    /// Whether somebody else than those who wrote it has signed.
    fn is_read(&self) -> bool {
        self.signed.iter().any(|one| one.signer == Signer::Reviewer)
    }

    /// What there is to say of it: where it may not run, why first.
    pub fn said(&self) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        if !self.is_enough() {
            found.push(Diagnostic::error(APPROVAL, self.lacking()).help(
                "who has read it signs with `sluicegate policy approve --key FILE`; `sluicegate policy approvals` says who has",
            ));
        }
        let enough = self.is_enough();
        found.extend(self.faults.iter().map(|fault| {
            let mut fault = fault.clone();
            if enough {
                fault.severity = crate::diag::Severity::Warning;
            }
            fault
        }));
        found
    }

    /// In one sentence, why it may not run.
    fn lacking(&self) -> String {
        let names = |all: &[String]| all.join(", ");
        let signed: Vec<String> =
            self.signed.iter().map(|one| format!("{} ({})", one.approver, one.signer.as_str())).collect();
        let signed = if signed.is_empty() { "nobody".to_owned() } else { names(&signed) };
        let policy = &self.policy;
        if self.signed.len() >= self.required {
            return format!(
                "the policy {policy} is signed by its authors alone, {signed}: one who did not write it has to"
            );
        }
        format!(
            "the policy {policy} has {} of {} approvals: signed by {signed}, not by {}",
            self.signed.len(),
            self.required,
            names(&self.absent),
        )
    }
}

/// An approval that counts, or what is wrong with it.
fn read(
    settings: &ApprovalSettings,
    policy: &str,
    file: &Arc<SourceFile>,
) -> Result<Approved, Vec<Diagnostic>> {
    let read = read_toml::<ApprovalFile>(file);
    let Some(approval) = read.value.filter(|_| read.diagnostics.is_empty()) else {
        return Err(read.diagnostics);
    };
    let ApprovalFile { policy: of, approver, signer, time, signature } = approval;
    let fault = |what: String, key: &'static str| Err(vec![at(Diagnostic::error(APPROVAL, what), file, key)]);
    if of != policy {
        return fault(format!("`{approver}` approves another policy than {policy}"), "policy");
    }
    let Some(known) = settings.approvers.iter().find(|known| known.name == approver) else {
        let names: Vec<&str> = settings.approvers.iter().map(|known| known.name.as_str()).collect();
        let unknown = Diagnostic::error(APPROVAL, format!("`{approver}` is not among the approvers"));
        return Err(vec![at(unknown.valid("approvers", &approver, &names), file, "approver")]);
    };
    let text = ApprovalFile::signed(&of, &approver, signer, time);
    let key = UnparsedPublicKey::new(&ED25519, known.key.0);
    let good = hex::array::<64>(&signature).is_some_and(|bytes| key.verify(text.as_bytes(), &bytes).is_ok());
    if !good {
        return fault(format!("the signature is not one of `{approver}`'s key"), "signature");
    }
    Ok(Approved { approver, signer, time })
}

fn at(diagnostic: Diagnostic, file: &Arc<SourceFile>, key: &str) -> Diagnostic {
    let places = read_toml::<ApprovalFile>(file).places;
    let path: [Step<'_>; 1] = [key.into()];
    match places.value(&path) {
        Some(span) => diagnostic.at(file, span, ""),
        None => diagnostic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

    fn pair(n: u8) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[n; 32]).expect("a key")
    }

    fn settings(required: usize) -> ApprovalSettings {
        let key = |n| PublicKey(pair(n).public_key().as_ref().try_into().expect("32 bytes"));
        let approvers = [("alice", 1), ("bob", 2), ("carol", 3)];
        let approvers = approvers.map(|(name, n)| Approver { name: name.into(), key: key(n) });
        ApprovalSettings { required, dir: beside(), approvers: approvers.into() }
    }

    fn hash(digit: char) -> String {
        std::iter::repeat_n(digit, 64).collect()
    }

    /// An approval as this key signs it, as a file.
    fn file(name: &str, policy: &str, approver: &str, key: u8, signer: Signer) -> Arc<SourceFile> {
        let signature = pair(key).sign(ApprovalFile::signed(policy, approver, signer, 7).as_bytes());
        let signature = hex::encode(signature.as_ref());
        let (policy, approver) = (policy.to_owned(), approver.to_owned());
        let file = ApprovalFile { policy, approver, signer, time: 7, signature };
        SourceFile::new(name, toml::to_string(&file).expect("TOML"))
    }

    fn said(approvals: &Approvals) -> String {
        approvals.said().iter().map(|one| format!("{one}\n")).collect()
    }

    #[test]
    fn two_people_are_enough_and_one_is_not() {
        use Signer::{Author, Reviewer};
        let (a, b) = (hash('a'), hash('b'));
        let of = |required: usize, files: &[Arc<SourceFile>]| Approvals::of(&settings(required), &a, files);
        let alice = || file("alice.toml", &a, "alice", 1, Author);
        let bob = || file("bob.toml", &a, "bob", 2, Reviewer);
        let both = of(2, &[alice(), bob()]);
        assert!(both.is_enough() && both.said().is_empty(), "{}", said(&both));
        assert_eq!(both.absent, ["carol"]);

        for (files, want) in [
            (vec![], "has 0 of 2 approvals: signed by nobody, not by alice, bob, carol"),
            (vec![alice()], "has 1 of 2 approvals: signed by alice (author), not by bob, carol"),
            (
                vec![alice(), file("2.toml", &a, "alice", 1, Reviewer)],
                "2.toml:2:12: error[approval]: `alice` approves twice, here and in `alice.toml`: it counts once",
            ),
            (
                vec![alice(), file("b.toml", &b, "bob", 2, Reviewer)],
                "b.toml:1:10: error[approval]: `bob` approves another policy than aaaa",
            ),
            (
                vec![alice(), file("m.toml", &a, "mallory", 9, Reviewer)],
                "`mallory` is not among the approvers",
            ),
            (
                vec![alice(), file("b.toml", &a, "bob", 9, Reviewer)],
                "the signature is not one of `bob`'s key",
            ),
            // What somebody else signed does not count as one's own.
            (
                vec![alice(), file("b.toml", &a, "bob", 1, Reviewer)],
                "the signature is not one of `bob`'s key",
            ),
            (
                vec![alice(), file("b.toml", &a, "bob", 2, Author)],
                "is signed by its authors alone, alice (author), bob (author): one who did not write it has to",
            ),
            (vec![alice(), SourceFile::new("x.toml", "policy = 1\n")], "x.toml:1:10"),
        ] {
            let found = of(2, &files);
            assert!(!found.is_enough(), "{want}");
            assert!(said(&found).contains(want), "{want} is not in\n{}", said(&found));
            assert!(found.said().iter().all(Diagnostic::is_error), "{want}");
        }
        // What is wrong besides keeps nobody from a policy that enough have approved.
        let more = of(2, &[alice(), bob(), file("m.toml", &a, "mallory", 9, Reviewer)]);
        assert!(more.is_enough() && !more.said().is_empty() && !more.said().iter().any(Diagnostic::is_error));
        assert!(!of(3, &[alice(), bob()]).is_enough());
    }

    /// Who changes one word of an approval has none.
    #[test]
    fn every_word_is_signed() {
        let a = hash('a');
        let good = file("alice.toml", &a, "alice", 1, Signer::Author);
        for (from, to) in [("author", "reviewer"), ("time = 7", "time = 8"), ("\"alice\"", "\"bob\"")] {
            let changed = good.text().replace(from, to);
            assert_ne!(changed, good.text());
            let found = Approvals::of(&settings(2), &a, &[SourceFile::new("a", changed)]);
            assert!(found.signed.is_empty() && said(&found).contains("the signature is not"), "{from}");
        }
    }
}
