//! What is said of the certificates and the key that sign manifests of files.

use super::Environment;
use super::check::Check;
use crate::diag::{Diagnostic, Step, moment};
use crate::provenance::c2pa::{C2paFault, C2paProblem, C2paSettings, CertificateFault, CredentialError};

impl Check<'_> {
    /// `[labels.c2pa]`. That a certificate has run out stops no gateway: it is the manifests that are not written.
    pub(super) fn c2pa(&mut self, settings: Option<&C2paSettings>, environment: Environment<'_>) {
        let Some(settings) = settings else { return };
        let table: [Step<'static>; 2] = ["labels".into(), "c2pa".into()];
        let C2paFault { key, what } = match settings.load(environment) {
            Ok(credential) => {
                let validity = credential.chain().validity();
                if !validity.holds_at(moment::now_ms()) {
                    let (from, until) = (moment::day(validity.from_ms), moment::day(validity.until_ms));
                    let subject = credential.chain().subject();
                    let diagnostic = Diagnostic::warning(
                        "certificate-time",
                        format!("the certificate of `{subject}` is good from {from} until {until}"),
                    )
                    .help("`label --c2pa` writes no manifest with it");
                    self.value(
                        &["labels".into(), "c2pa".into(), "chain".into()],
                        diagnostic,
                        "not good today",
                    );
                }
                return;
            }
            Err(fault) => fault,
        };
        if let Some(key) = key
            && (self.is_gone)(&["labels".into(), "c2pa".into()], key)
        {
            return;
        }
        let message = what.to_string();
        let (diagnostic, label) = match *what {
            C2paProblem::Missing(_) if (self.is_gone)(&["labels".into()], "c2pa") => return,
            C2paProblem::Missing(missing) => (
                Diagnostic::error("missing-key", message).help(
                    "`chain = \"chain.pem\"` and `key = \"key.pem\"` or `key_env = \"NAME\"`; docs/labelling.md says how to make ones to try it with",
                ),
                format!("no {missing}"),
            ),
            C2paProblem::Twice => {
                (Diagnostic::error("conflict", message).help("keep one of `key`, `key_env`"), "more than one".into())
            }
            C2paProblem::Name => (
                Diagnostic::error("wrong-value", message)
                    .help("letters, digits and `_`, for example `key_env = \"SLUICEGATE_C2PA_KEY\"`")
                    .help("a key itself never stands in the file"),
                "not a variable's name".into(),
            ),
            C2paProblem::File(..) => {
                let help = "a PEM file is expected: the signer's certificate, then each one's issuer";
                (Diagnostic::error("bad-file", message).help(help), "this file".into())
            }
            // The gateway itself needs none.
            C2paProblem::Absent(_) => (
                Diagnostic::warning("absent-secret", message).help("`label --c2pa` writes no manifest without it"),
                "not there".into(),
            ),
            C2paProblem::Loose(path, _) => {
                (Diagnostic::error("loose-secret", message).help(format!("run `chmod 600 {path}`")), "this file".into())
            }
            C2paProblem::Chain(_, error) => {
                (Diagnostic::error("bad-file", message).help(help_of(&error)), "this file".into())
            }
            C2paProblem::Key(_, error) => {
                (Diagnostic::error("bad-secret", message).help(help_of(&error)), "the key comes from here".into())
            }
        };
        let [a, b] = table;
        match key {
            Some(key) => self.value(&[a, b, key.into()], diagnostic, &label),
            None => self.key(&[a, b], diagnostic, &label),
        }
    }
}

/// What would be right.
fn help_of(error: &CredentialError) -> &'static str {
    match error {
        CredentialError::Chain(_) => {
            "a PEM file is expected: the signer's certificate, then each one's issuer"
        }
        CredentialError::Order { .. } | CredentialError::Broken(_) => {
            "the signer's certificate stands first, behind it its issuer's, and so on; the authority's own may be left out"
        }
        CredentialError::Profile {
            fault: CertificateFault::SelfSigned | CertificateFault::Authority,
            ..
        } => "the signer's certificate stands first; one that vouches for itself is none",
        CredentialError::Profile { .. } => {
            "a certificate for C2PA claims, documents or e-mail is asked for; one of a web server is none"
        }
        CredentialError::NoKey => {
            "a block `BEGIN PRIVATE KEY`, `BEGIN EC PRIVATE KEY` or `BEGIN RSA PRIVATE KEY`"
        }
        CredentialError::Kind => "ask the authority for a certificate of a P-256 key",
        CredentialError::Other(_) => "the key that the first certificate was asked for with",
    }
}
