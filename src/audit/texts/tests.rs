use super::*;
use crate::audit::journal::tests::{end, folder, small};
use crate::audit::{EntryKind, JournalSettings, read_dir};
use proptest::prelude::*;
use std::fs;

const MASTER: [u8; 32] = *b"0123456789abcdef0123456789abcdef";

fn parts(text: &str) -> Parts {
    Parts {
        request_received: text.as_bytes().to_vec(),
        request_sent: b"masked".to_vec(),
        answer_received: text.repeat(3).into_bytes(),
        answer_sent: Vec::new(),
        head: b"{}".to_vec(),
    }
}

/// Keeps the bodies of exchanges and gives the places from their end records.
fn keep(dir: &Path, of: &[(&Subject, &str)]) -> Vec<(String, TextPlace)> {
    keep_for(dir, None, of, end().time_ms)
}

fn keep_for(
    dir: &Path,
    days: Option<u32>,
    of: &[(&Subject, &str)],
    time_ms: u64,
) -> Vec<(String, TextPlace)> {
    // A slow disk keeps more of them waiting than a small queue holds.
    let roomy = JournalSettings { queue: 256, ..small() };
    let (journal, _) = Journal::open(dir, &roomy).expect("a journal");
    let settings = TextsSettings { keep: Keep::All, ..TextsSettings::default() };
    let texts = Texts::open(dir, &settings, MasterKey::new(&MASTER), journal.clone()).expect("a folder");
    assert!(texts.limit("red", None) > 0 && texts.limit("red", Some(1)) > 0);
    assert_eq!(texts.limit("red", Some(0)), 0);
    for (subject, text) in of {
        texts.end(End { time_ms, ..end() }, false, (*subject).clone(), parts(text), days).expect("room");
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
    let again = keep_for(folder.path(), None, &[(&alice, "later")], crate::diag::moment::now_ms() + 1000);
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
        let place = age::HEAD + at.index(bytes.len() - age::HEAD);
        bytes[place] ^= xor;
        fs::write(&path, bytes).expect("a file");
        let reader = TextsReader::new(folder.path(), MasterKey::new(&MASTER));
        prop_assert!(matches!(reader.read(&kept[0].0, &subject, &kept[0].1), Err(KeysError::Damaged)));
    }
}

/// What is kept for some days is gone when they are over, of whom nobody holds; the record says so, and that it was there.
#[test]
fn what_was_kept_long_enough_is_gone() {
    const DAY: u64 = 86_400_000;
    let folder = folder();
    let dir = folder.path();
    let (alice, bob) = (Subject::new("red", "a11ce"), Subject::new("blue", "b0b"));
    let for_good = keep(dir, &[(&alice, "for good")]);
    let kept = keep_for(dir, Some(7), &[(&alice, "for a week"), (&bob, "for a week")], end().time_ms)
        .split_off(for_good.len());
    let reader = || TextsReader::new(dir, MasterKey::new(&MASTER));
    let read = |(name, place): &(String, TextPlace), subject| reader().read(name, subject, place).map(drop);
    let begun = end().time_ms;
    let gone = |now| {
        let (gone, failed) = age::expire(dir, &dir.join(FOLDER), now);
        assert!(failed.is_none(), "{failed:?}");
        gone.files
    };
    assert_eq!(gone(begun + 7 * DAY - 1), 0);
    let hold = r#"[{"name":"case","reason":"r","tenant":"blue","user":"","time_ms":1}]"#;
    std::fs::write(dir.join("holds.json"), hold).expect("a file");
    assert_eq!(gone(begun + 7 * DAY), 1);
    assert!(matches!(read(&kept[0], &alice), Err(KeysError::Expired)));
    assert!(read(&kept[1], &bob).is_ok(), "it is held");
    std::fs::remove_file(dir.join("holds.json")).expect("a file");
    assert_eq!(gone(begun + 7 * DAY), 1);
    assert!(matches!(read(&kept[1], &bob), Err(KeysError::Expired)));
    assert!(read(&for_good[0], &alice).is_ok());
    assert_eq!(gone(u64::MAX), 0);
    // A gateway that starts looks by itself, and puts it on record. The sample's time is long past.
    keep_for(dir, Some(7), &[(&alice, "for a week")], end().time_ms);
    let again = keep_for(dir, Some(7), &[(&alice, "once more")], end().time_ms);
    let mut events = Vec::new();
    read_dir(dir, &mut |entry| {
        let record: serde_json::Value = serde_json::from_slice(&entry.payload).expect("JSON");
        events.extend(
            record["event"].as_str().map(|event| (event.to_owned(), record["detail"]["files"].as_u64())),
        );
    })
    .expect("a journal");
    assert_eq!(events.first(), Some(&("expiry".to_owned(), Some(1))));
    assert!(!again.is_empty());
}

/// No file is written for so long that its last body would stay much longer than its first.
#[test]
fn a_file_takes_bodies_for_a_sixteenth_of_their_time() {
    let term = |days| age::Term::new(&Subject::new("red", ""), days);
    let hours = |n: u64| n * 3_600_000;
    for (days, span) in [
        (Some(1), hours(1) + hours(1) / 2),
        (Some(7), hours(10) + hours(1) / 2),
        (Some(30), hours(24)),
        (Some(365), hours(24)),
    ] {
        assert!(!term(days).is_full(5, 5 + span - 1) && term(days).is_full(5, 5 + span), "{days:?}");
        assert!(term(days).is_full(5, 4), "the clock went back");
    }
    assert!(!term(None).is_full(5, 5 + hours(24) - 1) && term(None).is_full(5, 5 + hours(24)));
}

/// Many tenants that take turns share no file, and no tenant begins one with each body.
#[test]
fn many_tenants_take_turns() {
    let folder = folder();
    let subjects: Vec<Subject> = (0..40).map(|n| Subject::new(&format!("tenant {n}"), "")).collect();
    let turns: Vec<(&Subject, &str)> = subjects.iter().chain(&subjects).map(|one| (one, "a text")).collect();
    let kept = keep_for(folder.path(), Some(30), &turns, end().time_ms);
    let files = fs::read_dir(folder.path().join(FOLDER)).expect("a folder").filter(|entry| {
        entry.as_ref().is_ok_and(|entry| entry.path().extension().is_some_and(|e| e == "sgt"))
    });
    assert_eq!(files.count(), 40);
    let reader = TextsReader::new(folder.path(), MasterKey::new(&MASTER));
    for ((name, place), (subject, _)) in kept.iter().zip(&turns) {
        assert_eq!(reader.read(name, subject, place).expect("readable"), parts("a text"));
    }
}

#[test]
fn what_was_begun_before_an_erasure_is_not_sealed_behind_it() {
    let folder = folder();
    let keys = super::keys::Keys::new(folder.path(), MasterKey::new(&MASTER));
    let alice = Subject::new("red", "a11ce");
    let begun = crate::diag::moment::now_ms();
    assert!(keys.of(&alice, begun).is_ok());
    assert!(keys.erase(&alice).expect("a disk"));
    assert!(matches!(keys.of(&alice, begun), Err(KeysError::Erased)));
    assert!(keys.of(&Subject::new("red", "b0b"), begun).is_ok());
    // Who comes back has a new key.
    assert!(keys.of(&alice, crate::diag::moment::now_ms() + 1).is_ok());
    assert!(matches!(keys.of(&alice, begun), Err(KeysError::Erased)));
}
