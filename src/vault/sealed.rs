//! What stood for which values in conversations of which the provider keeps the history.

/// Sealed swaps.
#[derive(Debug)]
pub struct Vault;
