//! Texts in the query of a question to a gateway.

use crate::text::percent_encoded;

/// A text as it may stand in a query.
pub(super) fn escaped(text: &str) -> String {
    percent_encoded(text, b"-_.")
}
