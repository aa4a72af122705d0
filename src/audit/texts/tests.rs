use super::*;
use crate::audit::journal::tests::{end, folder, small};
use crate::audit::{EntryKind, read_dir};
use proptest::prelude::*;
use std::fs;

const MASTER: [u8; 32] = *b"0123456789abcdef0123456789abcdef";

fn parts(text: &str) -> Parts {
    Parts {
        request_received: text.as_bytes().to_vec(),
        request_sent: b"masked".to_vec(),
        answer_received: text.repeat(3).into_bytes(),
        answer_sent: Vec::new(),
    }
}

/// Keeps the bodies of exchanges and gives the places from their end records.
fn keep(dir: &Path, of: &[(&Subject, &str)]) -> Vec<(String, TextPlace)> {
    let (journal, _) = Journal::open(dir, &small()).expect("a journal");
    let settings = TextsSettings { keep: Keep::All, ..TextsSettings::default() };
    let texts = Texts::open(dir, &settings, MasterKey::new(&MASTER), journal.clone()).expect("a folder");
    assert!(texts.limit("red") > 0);
    for (subject, text) in of {
        texts.end(end(), false, (*subject).clone(), parts(text)).expect("room");
    }
    texts.close();
    journal.close();
    let mut places = Vec::new();
    read_dir(dir, &mut |entry| {
        let record: serde_json::Value = serde_json::from_slice(&entry.payload).expect("JSON");
        if entry.kind == EntryKind::End {
            let place = TextPlace::deserialize(&record["texts"]).expect("a place");
            places.push((record["exchange"].as_str().expect("a name").to_owned(), place));
        }
    })
    .expect("a journal");
    places
}

/// All bytes of all files in a folder.
fn all_bytes(folder: &Path) -> Vec<u8> {
    let mut out = Vec::new();
    for path in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        out.extend(if path.is_dir() { all_bytes(&path) } else { fs::read(&path).expect("a file") });
    }
    out
}

#[test]
fn what_was_erased_nobody_reads_and_the_rest_stays() {
    let folder = folder();
    let (alice, bob) = (Subject::new("red", "a11ce"), Subject::new("red", "b0b"));
    let kept = keep(folder.path(), &[(&alice, "the secret of alice"), (&bob, "the secret of bob")]);
    let reader = || TextsReader::new(folder.path(), MasterKey::new(&MASTER));
    let read = |n: usize, subject: &Subject| reader().read(&kept[n].0, subject, &kept[n].1);
    assert_eq!(read(0, &alice).expect("readable"), parts("the secret of alice"));
    assert_eq!(read(1, &bob).expect("readable"), parts("the secret of bob"));
    // Sealed: neither its text nor a part of it stands on disk.
    let bytes = all_bytes(folder.path());
    assert!(memchr::memmem::find(&bytes, b"secret of").is_none());
    // Not another's, not under another name, not with another master key.
    assert!(matches!(read(0, &bob), Err(KeysError::Damaged)));
    assert!(matches!(reader().read(&kept[1].0, &alice, &kept[0].1), Err(KeysError::Damaged)));
    let other = TextsReader::new(folder.path(), MasterKey::new(&[9; 32]));
    assert!(matches!(other.read(&kept[0].0, &alice, &kept[0].1), Err(KeysError::Foreign { .. })));

    assert!(erase(folder.path(), &alice).expect("a disk"));
    assert!(!erase(folder.path(), &alice).expect("a disk"), "it is gone already");
    assert!(matches!(read(0, &alice), Err(KeysError::Erased)));
    assert!(read(1, &bob).is_ok());
    // Who comes back gets another key, which opens nothing of before.
    let again = keep(folder.path(), &[(&alice, "later")]);
    assert!(matches!(read(0, &alice), Err(KeysError::Damaged)));
    let last = again.last().expect("one");
    assert_eq!(reader().read(&last.0, &alice, &last.1).expect("readable"), parts("later"));
}

#[test]
fn a_master_key_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder();
    let path = folder.path().join("texts.key");
    MasterKey::load_or_make(&path).expect("a key");
    assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    MasterKey::load_or_make(&path).expect("the same key");
    // A group may read it: so secrets are mounted for a user who is not root.
    for (mode, fine) in [(0o640, true), (0o440, true), (0o644, false), (0o660, false), (0o604, false)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("rights");
        let loaded = MasterKey::load(&path);
        assert!(
            if fine { loaded.is_ok() } else { matches!(loaded, Err(KeysError::Open { .. })) },
            "{mode:o}"
        );
    }
    for wrong in ["", "00", &"0".repeat(64), &"g".repeat(64)] {
        fs::write(&path, wrong).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("rights");
        assert!(matches!(MasterKey::load(&path), Err(KeysError::Foreign { .. })), "{wrong}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_changed_byte_of_what_is_sealed_is_noticed(at in any::<prop::sample::Index>(), xor in 1..=255_u8) {
        let folder = folder();
        let subject = Subject::new("red", "");
        let kept = keep(folder.path(), &[(&subject, "some text")]);
        let path = folder.path().join("texts/00000001.sgt");
        let mut bytes = fs::read(&path).expect("a file");
        let place = 8 + at.index(bytes.len() - 8);
        bytes[place] ^= xor;
        fs::write(&path, bytes).expect("a file");
        let reader = TextsReader::new(folder.path(), MasterKey::new(&MASTER));
        prop_assert!(matches!(reader.read(&kept[0].0, &subject, &kept[0].1), Err(KeysError::Damaged)));
    }
}
