//! The file behind the vault: read at the start, written by a thread of its own.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::{ServerSettings, StartError};
use crate::diag::moment::now_ms;
use crate::vault::{Secret, Vault};

/// The file within the state folder.
pub const VAULT: &str = "vault.sealed";
/// How often what is new is written.
const EVERY: Duration = Duration::from_secs(1);

/// The vault in the state folder.
///
/// # Errors
/// A file that is there and cannot be read.
pub(super) fn open(settings: &ServerSettings, secret: Arc<Secret>) -> Result<Arc<Vault>, StartError> {
    if settings.vault.get().is_zero() {
        return Ok(Arc::new(Vault::new(secret, Duration::ZERO)));
    }
    let path = settings.state.join(VAULT);
    let vault = Vault::open(&path, secret, settings.vault.get(), now_ms());
    let vault = Arc::new(vault.map_err(|source| StartError::Vault { path, source })?);
    let kept = Arc::downgrade(&vault);
    let thread = std::thread::Builder::new().name("vault".into()).spawn(move || keep(&kept));
    if let Err(error) = thread {
        tracing::warn!(%error, "what stands for private values is kept in memory until the gateway stops");
    }
    Ok(vault)
}

/// Writes what is new.
pub(super) fn flush(vault: &Vault) {
    if let Err(error) = vault.flush() {
        tracing::error!(%error, "what stands for private values cannot be kept in the state folder");
    }
}

/// Writes until nobody knows the vault any more.
fn keep(vault: &Weak<Vault>) {
    while let Some(vault) = vault.upgrade() {
        flush(&vault);
        drop(vault);
        std::thread::park_timeout(EVERY);
    }
}
