//! The record of what passed: one admission record before the first byte of an answer leaves, one end record after the last.
//!
//! Records name rules and places, never the text. The journal is append-only and durable before anything is delivered; proofs,
//! indices and sinks read it on their own time.

mod append;
mod bundle;
mod checkpoint;
mod commitment;
mod cosignature;
mod disk;
mod event;
mod files;
mod hash;
mod hold;
mod id;
mod index;
mod journal;
#[cfg(test)]
mod laws;
mod lookup;
mod merkle;
mod notary;
mod note;
mod prove;
mod purge;
mod record;
mod segment;
mod settings;
mod tail;
mod texts;
mod timestamp;
mod verify;
mod vouched;
mod witness;

pub use append::{AppendError, append as append_checkpoint};
pub use bundle::{BundleError, BundlePart, MANIFEST, MOST_BUNDLE, pack, unpack};
pub use checkpoint::Checkpoint;
pub use commitment::{Commitment, CommitmentKey};
pub use cosignature::{Cosignature, Cosigner, WitnessKey};
pub use event::{EventForm, Told, written_at};
pub use files::{RecordFile, RecordFileWriter, numbers_in_name};
pub use hash::sha256_hex;
pub use hold::{Hold, Holds, held};
pub use id::ExchangeId;
pub use index::{Column, Count, Hit, Index, IndexError, Query};
pub use journal::{Commit, Journal, JournalError, OpenError, Receipt, Watcher};
pub use lookup::EntryReader;
pub use merkle::{Hash, ProofError, TileError, consistency_holds, inclusion_root, leaf_hash};
pub use notary::{NotaryError, key_path, load_or_make_signer};
pub use note::{NoteError, Signer, Verifier, is_origin};
pub use prove::{ProveError, ProvedRecord, growth, is_of, last_checkpoint, prove, prove_growth, prove_under};
pub use purge::{
    FLOOR_DAYS, Purge, Purgeable, purge_floor, purgeable, read_events, read_events_within, read_kept, remove,
    written_lately,
};
pub use record::{
    Admission, AnnotationRecord, Asked, Coverage, End, Event, FindingRecord, LabelRecord, MarkRecord,
    SamplerRecord, safe,
};
pub use segment::{Entry, EntryKind, ReadError, Recovered, Torn, first_record, read_dir, read_records};
pub use settings::JournalSettings;
pub use tail::{Batch, Tail};
pub use texts::{
    Keep, KeysError, MasterKey, Parts, RequestHead, Subject, TextPlace, Texts, TextsReader, TextsSettings,
    erase, remove_purged_texts,
};
pub use timestamp::{
    Nonce, Timestamp, TimestampError, TimestampRoots, check as check_timestamp, imprint, nonce,
    request as timestamp_request,
};
pub use verify::{Fault, Kept, Verified, read_kept_checkpoints, verify};
pub use vouched::{Cosigned, Stamped, Vouched, cosigned, seen_by};
pub use witness::{LastSeen, Witness, WitnessError, WitnessRefusal, last_seen, witness_request};
