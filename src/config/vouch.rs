//! What can be wrong with witnesses and anchors.

use super::check::Check;
use super::file::File;
use crate::audit::WitnessKey;
use crate::diag::{Diagnostic, Step};
use crate::upstream::vouch::{AnchorKind, AnchorSettings, WitnessSettings};

impl Check<'_> {
    /// What can be said of each witness and each anchor alone.
    pub(super) fn vouching(&mut self, file: &File) {
        for (n, witness) in file.witnesses.iter().enumerate() {
            self.witness(n, witness);
        }
        for (n, anchor) in file.anchors.iter().enumerate() {
            self.anchor(n, anchor);
        }
    }

    /// What they say of one another.
    pub(super) fn witnesses_together(&mut self, file: &File) {
        let names: Vec<&str> = file.witnesses.iter().map(|w| w.name.as_str()).collect();
        self.no_name_twice("witness", "name", &names);
        for (n, witness) in file.witnesses.iter().enumerate() {
            // One witness under two names would count twice.
            let Ok(key) = witness.key.parse::<WitnessKey>() else { continue };
            let same = |other: &WitnessSettings| {
                other.key.parse::<WitnessKey>().is_ok_and(|other| other.is_same(&key))
            };
            if let Some(first) = file.witnesses.iter().take(n).position(same) {
                let path = |n: usize| -> [Step<'static>; 3] { ["witness".into(), n.into(), "key".into()] };
                self.twice(&path(n), &path(first), "two of `[[witness]]` have the same key");
            }
        }
        let names: Vec<&str> = file.anchors.iter().map(|a| a.name.as_str()).collect();
        self.no_name_twice("anchor", "name", &names);
        self.time(&["journal".into(), "witness_every".into()], file.journal.witness_every);
        let (quorum, there) = (file.journal.witness_quorum, file.witnesses.len());
        // One is what stands there without a word.
        let asked = !file.witnesses.is_empty() || quorum != 1;
        if asked && !(1..=there).contains(&quorum) && !(self.is_gone)(&[], "witness") {
            let diagnostic = Diagnostic::error(
                "wrong-value",
                format!("`witness_quorum` is {quorum}, and there are {there} witnesses"),
            )
            .help(if there == 0 {
                "a `[[witness]]` names one".to_owned()
            } else {
                format!("1 to {there}")
            });
            self.value(&["journal".into(), "witness_quorum".into()], diagnostic, "cannot be reached");
        }
    }

    fn witness(&mut self, n: usize, witness: &WitnessSettings) {
        let at = |key: &'static str| -> [Step<'_>; 3] { ["witness".into(), n.into(), key.into()] };
        self.name(&at("name"), &witness.name);
        self.roots(&at("extra_roots"), witness.extra_roots.as_deref());
        self.time(&at("timeout"), witness.timeout);
        if let Some(wrong) = witness.fault() {
            let diagnostic =
                Diagnostic::error("wrong-value", format!("a witness cannot be asked there: {wrong}"));
            self.value(&at("url"), diagnostic, "not the address of a witness");
        }
        if let Err(wrong) = witness.key.parse::<WitnessKey>() {
            let diagnostic = Diagnostic::error("wrong-value", format!("not the key of a witness: {wrong}"))
                .help("its operator tells it; of one that runs here `sluicegate audit witness keygen` prints it");
            self.value(&at("key"), diagnostic, "not a key");
        }
    }

    fn anchor(&mut self, n: usize, anchor: &AnchorSettings) {
        let at = |key: &'static str| -> [Step<'_>; 3] { ["anchor".into(), n.into(), key.into()] };
        self.name(&at("name"), &anchor.name);
        self.roots(&at("extra_roots"), anchor.extra_roots.as_deref());
        self.roots(&at("roots"), anchor.roots.as_deref());
        self.time(&at("timeout"), anchor.timeout);
        self.time(&at("every"), anchor.every());
        if let Some(wrong) = anchor.fault() {
            let diagnostic =
                Diagnostic::error("wrong-value", format!("nothing can be anchored there: {wrong}"));
            self.value(&at("url"), diagnostic, "not the address of an anchor");
        }
        let stamps = anchor.kind == AnchorKind::Rfc3161;
        if stamps && anchor.roots.is_none() && !(self.is_gone)(&["anchor".into(), n.into()], "roots") {
            let diagnostic = Diagnostic::error(
                "missing-key",
                format!("the anchor `{}` has no `roots`: nobody's timestamps would be trusted", anchor.name),
            )
            .help(
                "a PEM file of the authority that certifies the service, or of the service's own certificate",
            );
            self.value(&["anchor".into(), n.into()], diagnostic, "timestamps need `roots`");
        }
        if !stamps && anchor.roots.is_some() {
            let diagnostic =
                Diagnostic::error("conflict", "`roots` says nothing to an anchor without timestamps")
                    .help("for the connection there is `extra_roots`; for timestamps, `kind = \"rfc3161\"`");
            self.key(&at("roots"), diagnostic, "of timestamps alone");
        }
        if anchor.is_clear() && anchor.credential.is_some() {
            let message =
                format!("the credential of the anchor `{}` would pass the network in the clear", anchor.name);
            let diagnostic = Diagnostic::error("clear-secret", message)
                .help("`https://`, or no credential: timestamps prove themselves, so they may be asked for in the clear");
            self.key(&at("credential"), diagnostic, "not over `http://`");
        }
        if anchor.file().is_some() && anchor.credential.is_some() {
            let diagnostic = Diagnostic::error("conflict", "`credential` says nothing to a file");
            self.key(&at("credential"), diagnostic, "of addresses alone");
        }
    }
}
