//! An answer that a person looks at before the client gets it: read once more, as that person lets it pass.

use std::sync::Arc;

use super::super::label::Labelling;
use super::Answering;
use crate::detect::fingerprint::Index;
use crate::detect::grounding::Context;
use crate::vault::{Back, Scope};

/// How an answer began.
#[derive(Clone, Debug, Default)]
pub(super) struct Begun {
    pub(super) context: Option<Arc<Context>>,
    pub(super) values: Option<(Scope, Arc<Back>)>,
    pub(super) own: Option<Arc<Index>>,
    pub(super) labelling: Option<Labelling>,
    pub(super) status: u16,
    pub(super) media: Option<String>,
}

impl Answering {
    /// Whether a rule has ended it whose findings a person reviews ([`crate::policy::ReviewSettings`]).
    pub fn awaits_review(&self) -> bool {
        self.awaits_review
    }

    /// The media type that the upstream gave it, where the policy has answers reviewed.
    pub fn media(&self) -> Option<&str> {
        self.begun.as_ref()?.media.as_deref()
    }

    /// The upstream's status.
    pub fn status(&self) -> u16 {
        self.upstream_status
    }

    /// The same answer from its first byte on, under the same terms, but that those rules end nothing: what it makes of the upstream's
    /// bytes is what the client gets if the review lets the answer pass. All other rules do what they do. None where nothing is reviewed,
    /// or the answer's head cannot be read again.
    #[must_use]
    pub fn let_pass(&self) -> Option<Self> {
        let begun = (**self.begun.as_ref()?).clone();
        let mut again =
            Self::new(self.matched.clone(), self.terms.clone(), self.ask.clone(), self.prompt.clone());
        again.reader.let_pass = true;
        again.asked = self.asked.clone();
        again.hold_against(begun.context);
        again.answers_to(begun.own);
        if let Some((scope, back)) = begun.values {
            again.bring_back(scope, back);
        }
        if let Some(labelling) = begun.labelling {
            again.label(labelling);
        }
        again.head(begun.status, begun.media.as_deref()).ok()?;
        Some(again)
    }
}
