//! How one answer is labelled: what the server has put together from the policy, the route and the caller.

use std::sync::Arc;

use crate::audit::{LabelRecord, Signer};
use crate::policy::LabelMode;
use crate::provenance::{Aigc, LabelWords, Signed, Statement, Unlabelled};
use crate::text::Tongue;

/// How an answer is labelled.
#[derive(Clone, Debug)]
pub struct Labelling {
    /// Where the label stands.
    pub mode: LabelMode,
    /// What it says.
    pub words: Arc<LabelWords>,
    /// Whether the first answer of a conversation begins with a notice.
    pub notice: bool,
    /// Who signs metadata, if it is given.
    pub maker: Option<Arc<Maker>>,
    /// That the caller gets answers without a label that people see.
    pub unlabelled: Option<Arc<Unlabelled>>,
    /// The language that the request's header asks for.
    pub accepted: Option<Tongue>,
    /// The exchange's id.
    pub exchange: String,
}

/// Who signs metadata, and what it says besides.
#[derive(Debug)]
pub struct Maker {
    /// The key.
    pub signer: Signer,
    /// Who makes the content.
    pub producer: String,
    /// Where metadata can be checked.
    pub verify: Option<String>,
}

impl Maker {
    /// What is told of an answer's texts.
    pub fn sign(&self, exchange: &str, hashes: Vec<String>) -> Signed {
        let statement = Statement { aigc: Aigc::first(&self.producer, exchange), hashes };
        let signature = self.signer.signature(statement.text().as_bytes());
        statement.signed(&self.signer.verifier().kid(), &signature, self.verify.as_deref())
    }
}

impl Labelling {
    /// What the record says of it. `exact`: the text had to stay as the model wrote it. `texts`: so many were labelled, in `tongue`.
    pub(super) fn record(
        &self,
        exact: bool,
        texts: u32,
        tongue: Option<Tongue>,
        signed: bool,
    ) -> LabelRecord {
        LabelRecord {
            mode: self.mode.as_str(),
            exact,
            texts,
            language: tongue.map_or("", Tongue::tag),
            key: self
                .maker
                .as_ref()
                .filter(|_| signed)
                .map_or_else(String::new, |m| m.signer.verifier().kid()),
            unlabelled: self.unlabelled.as_deref().cloned(),
        }
    }
}
