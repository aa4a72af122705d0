//! What each anchor of the configuration holds of a journal, as `sluicegate audit verify` tells it.

use crate::audit::{Fault, Verifier, Vouched, read_kept_checkpoints};
use crate::upstream::vouch::{AnchorKind, AnchorSettings};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// One anchor.
pub(super) struct AnchorSeen {
    name: String,
    /// How many records were anchored, as the journal's own folder says: that is proof of nothing.
    told: Option<u64>,
    at: At,
}

enum At {
    /// A file, and how many records its checkpoints are of; 0 where there is none in it yet.
    File(PathBuf, u64),
    /// A file that is not there.
    Missing(PathBuf),
    /// Somewhere that is not asked here.
    Elsewhere,
    /// A timestamp service.
    Stamps,
}

/// Looks at all of them. A file in which stands something that this journal has not signed is a fault.
pub(super) fn read_anchors(
    anchors: &[AnchorSettings],
    vouched: &Vouched,
    verifier: &Verifier,
) -> Result<Vec<AnchorSeen>, Box<Fault>> {
    let of = |anchor: &AnchorSettings| {
        let told = vouched.last_anchored(&anchor.name, verifier).map(|(size, _)| size);
        let at = match anchor.file() {
            Some(path) if path.exists() => {
                let kept = read_kept_checkpoints(path, verifier)?;
                let largest = kept.own.iter().map(|(checkpoint, _)| checkpoint.size).max();
                match largest {
                    None if !kept.is_empty => {
                        return Err(Box::new(kept.nothing_of(path, verifier)));
                    }
                    size => At::File(path.to_owned(), size.unwrap_or_default()),
                }
            }
            Some(path) => At::Missing(path.to_owned()),
            None if anchor.kind == AnchorKind::Rfc3161 => At::Stamps,
            None => At::Elsewhere,
        };
        Ok(AnchorSeen { name: anchor.name.clone(), told, at })
    };
    anchors.iter().map(of).collect()
}

impl AnchorSeen {
    /// The file, where checkpoints stand in it.
    pub(super) fn holds(&self) -> Option<&Path> {
        match &self.at {
            At::File(path, 1..) => Some(path),
            _ => None,
        }
    }

    /// What is said of it.
    pub(super) fn line(&self) -> String {
        let name = &self.name;
        match (&self.at, self.told) {
            (At::File(path, size @ 1..), _) => {
                format!("anchor: {name} holds the first {size} records ({})", path.display())
            }
            (At::File(path, _), None) => {
                format!("note: the anchor {name} has seen nothing yet ({} is empty)", path.display())
            }
            (At::File(path, _), Some(told)) => format!(
                "note: {} is empty, and {told} records were anchored there as {name}: ask who could empty it",
                path.display()
            ),
            (At::Missing(path), None) => {
                format!("note: the file of the anchor {name} is not there ({})", path.display())
            }
            (At::Missing(path), Some(told)) => format!(
                "note: the file of the anchor {name} is not there ({}), and {told} records were anchored in it",
                path.display()
            ),
            (At::Elsewhere, Some(told)) => format!(
                "anchor: {name} was given a checkpoint of the first {told} records, says this folder; compare the one that it holds with --kept"
            ),
            (At::Stamps, Some(told)) => format!("anchor: {name} stamped the first {told} records"),
            (At::Elsewhere | At::Stamps, None) => format!("note: the anchor {name} has seen nothing yet"),
        }
    }

    /// The same for programs.
    pub(super) fn json(&self) -> Value {
        let (file, records, is_missing) = match &self.at {
            At::File(path, size) => (Some(path), Some(*size), false),
            At::Missing(path) => (Some(path), None, true),
            At::Elsewhere | At::Stamps => (None, self.told, false),
        };
        json!({"name": self.name, "file": file, "records": records, "missing": is_missing, "told": self.told})
    }
}
