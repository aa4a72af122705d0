//! Policies by name, for verbs that scan.

use crate::diag::Diagnostic;
use crate::policy::Policy;
use std::sync::Arc;

/// The policy of a profile, a pack, a file, or `measure`.
pub(super) fn named(name: &str) -> Result<Arc<Policy>, Vec<Diagnostic>> {
    Err(vec![Diagnostic::error("unknown-policy", format!("no policy `{name}`"))])
}
