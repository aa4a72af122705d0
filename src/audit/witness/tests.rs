//! What a witness promises: whatever it is asked, all that it cosigned is one history.

use super::*;
use crate::audit::merkle::tests::{Leaves, leaves};
use crate::audit::merkle::{consistency, root};
use crate::audit::{Signer, WitnessKey};
use proptest::prelude::*;
use tempfile::TempDir;
use zeroize::Zeroizing;

const NOW: u64 = 1_790_000_000;

fn signer() -> Signer {
    Signer::new("example.com/log", Zeroizing::new([1; 32])).expect("a key")
}

fn cosigner() -> Cosigner {
    Cosigner::new("witness.example", Zeroizing::new([2; 32])).expect("a key")
}

fn witness(dir: &Path) -> Witness {
    Witness::open(dir, cosigner(), vec![signer().verifier().clone()]).unwrap_or_else(|e| panic!("{e}"))
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn checkpoint(leaves: &[Hash], size: u64) -> Checkpoint {
    let Ok(root) = root(&mut Leaves(leaves), size);
    Checkpoint { origin: "example.com/log".into(), size, root }
}

fn body(old: u64, proof: &[String], note: &str) -> Vec<u8> {
    let lines: String = proof.iter().map(|line| format!("{line}\n")).collect();
    format!("old {old}\n{lines}\n{note}").into_bytes()
}

/// An honest request of a log with these leaves.
fn asked(leaves: &[Hash], old: u64, size: u64) -> Vec<u8> {
    let Ok(path) = consistency(&mut Leaves(leaves), old, size);
    let note = checkpoint(leaves, size).sign(&signer());
    witness_request(old, &path.unwrap_or_default(), &note).into_bytes()
}

#[test]
fn growth_is_cosigned_and_remembered() {
    let (folder, log) = (folder(), leaves(40));
    let one = witness(folder.path());
    for (old, size) in [(0, 3), (3, 3), (3, 17), (17, 40)] {
        let note = checkpoint(&log, size).sign(&signer());
        let line =
            one.add_checkpoint(&asked(&log, old, size), NOW).unwrap_or_else(|e| panic!("{old} {size}: {e}"));
        let found = cosigner().key().find(&format!("{note}{line}")).expect("sound").expect("cosigned");
        assert_eq!(found.time, NOW);
    }
    assert!(matches!(Witness::open(folder.path(), cosigner(), Vec::new()), Err(WitnessError::Locked { .. })));
    drop(one);
    let again = witness(folder.path());
    assert_eq!(again.sizes(), [("example.com/log".to_owned(), 40)]);
    // A replay of what was cosigned long ago, and a log that fell back.
    for (old, size) in [(0, 3), (3, 17), (17, 20)] {
        let refused = again.add_checkpoint(&asked(&log, old, size), NOW);
        assert!(matches!(refused, Err(WitnessRefusal::Size(40))), "{refused:?}");
    }
    let seen = last_seen(folder.path()).expect("a folder");
    assert_eq!(seen.len(), 1);
    let key: &WitnessKey = again.cosigner.key();
    assert!(key.find(&seen[0].note).expect("sound").is_some());
}

#[test]
fn another_history_is_refused() {
    let (folder, log) = (folder(), leaves(40));
    let witness = witness(folder.path());
    let mut other = log.clone();
    other[5] = [7; 32];
    witness.add_checkpoint(&asked(&log, 0, 20), NOW).expect("cosigned");
    let refused = witness.add_checkpoint(&asked(&other, 20, 20), NOW);
    assert!(matches!(refused, Err(WitnessRefusal::Fork(20))), "{refused:?}");
    let conflict = fs::read_dir(folder.path()).expect("a folder").filter_map(Result::ok);
    assert_eq!(conflict.filter(|e| e.path().extension().is_some_and(|e| e == "conflict")).count(), 1);
    let refused = witness.add_checkpoint(&asked(&other, 20, 40), NOW);
    assert!(matches!(refused, Err(WitnessRefusal::Proof)), "{refused:?}");
    // What was cosigned is no fork, whatever proof it comes with.
    let same = body(20, &[BASE64_STANDARD.encode([1; 32])], &checkpoint(&log, 20).sign(&signer()));
    assert!(matches!(witness.add_checkpoint(&same, NOW), Err(WitnessRefusal::Proof)));
    // Both are kept, the second once.
    let refused = witness.add_checkpoint(&asked(&other, 20, 40), NOW);
    assert!(matches!(refused, Err(WitnessRefusal::Proof)), "{refused:?}");
    let unproved = folder.path().join(stem("example.com/log")).with_extension(UNPROVED);
    assert_eq!(fs::read_to_string(&unproved).expect("kept"), checkpoint(&other, 40).sign(&signer()));
    // As if it had never been asked.
    let refused = witness.add_checkpoint(&asked(&other, 0, 40), NOW);
    assert!(matches!(refused, Err(WitnessRefusal::Size(20))), "{refused:?}");
    witness.add_checkpoint(&asked(&log, 20, 40), NOW).expect("the true one goes on");
}

#[test]
fn of_forks_that_are_many_the_first_and_the_last_are_kept() {
    let (folder, log) = (folder(), leaves(300));
    let witness = witness(folder.path());
    let mut other = log.clone();
    other[5] = [7; 32];
    witness.add_checkpoint(&asked(&log, 0, 20), NOW).expect("cosigned");
    for size in 21..=300 {
        assert!(witness.add_checkpoint(&asked(&other, 20, size), NOW).is_err());
    }
    let path = folder.path().join(stem("example.com/log")).with_extension(UNPROVED);
    let text = fs::read_to_string(path).expect("kept");
    let open = |note: &str| Checkpoint::open(note, signer().verifier()).expect("signed").size;
    let sizes: Vec<u64> = notes_in(&text).into_iter().map(open).collect();
    assert_eq!(sizes, (21..53).chain(269..301).collect::<Vec<_>>());
}

#[test]
fn what_is_no_request_is_refused() {
    let (folder, log) = (folder(), leaves(9));
    let witness = witness(folder.path());
    let good = checkpoint(&log, 9);
    let note = good.sign(&signer());
    let stranger = Signer::new("example.com/log", Zeroizing::new([9; 32])).expect("a key");
    let elsewhere = Signer::new("example.com/other", Zeroizing::new([1; 32])).expect("a key");
    let unknown = Checkpoint { origin: "example.com/other".into(), ..good.clone() }.sign(&elsewhere);
    let empty = Checkpoint { size: 0, root: [1; 32], ..good.clone() }.sign(&signer());
    let many = vec![BASE64_STANDARD.encode([1; 32]); 64];
    for (body, status) in [
        (body(0, &[], &unknown), "unknown"),
        (body(0, &[], &good.sign(&stranger)), "unsigned"),
        (body(10, &[], &note), "form"),
        (body(0, &many, &note), "form"),
        (body(0, &many[..1], &note), "proof"),
        (body(0, &[], &empty), "proof"),
        (body(1, &[], &note), "size"),
        (body(0, &["AAAA".to_owned()], &note), "form"),
        (format!("old 00\n\n{note}").into_bytes(), "form"),
        (format!("old -0\n\n{note}").into_bytes(), "form"),
        (format!("old +1\n\n{note}").into_bytes(), "form"),
        (format!("old 0\r\n\n{note}").into_bytes(), "form"),
        (format!("old 0\n{note}").into_bytes(), "form"),
        (b"old 0\n\n".to_vec(), "form"),
        (b"\xff".to_vec(), "form"),
        (Vec::new(), "form"),
    ] {
        let told = match witness.add_checkpoint(&body, NOW) {
            Err(WitnessRefusal::Unknown) => "unknown",
            Err(WitnessRefusal::Unsigned) => "unsigned",
            Err(WitnessRefusal::Form(_)) => "form",
            Err(WitnessRefusal::Proof) => "proof",
            Err(WitnessRefusal::Size(0)) => "size",
            other => panic!("{other:?}"),
        };
        assert_eq!(told, status, "{}", String::from_utf8_lossy(&body));
    }
    assert_eq!(witness.sizes(), [("example.com/log".to_owned(), 0)], "nothing was taken");
    witness.add_checkpoint(&body(0, &[], &note), NOW).expect("cosigned");
}

#[test]
fn state_that_cannot_be_read_stops_it() {
    let (folder, log) = (folder(), leaves(9));
    witness(folder.path()).add_checkpoint(&asked(&log, 0, 9), NOW).expect("cosigned");
    let path = folder.path().join(stem("example.com/log")).with_extension(SEEN);
    let text = fs::read_to_string(&path).expect("state");
    for broken in [
        String::new(),
        text.replacen("\n9\n", "\n8\n", 1),
        text.get(..text.len() - 2).unwrap_or_default().to_owned(),
    ] {
        fs::write(&path, broken).expect("a file");
        let opened = Witness::open(folder.path(), cosigner(), vec![signer().verifier().clone()]);
        let Err(error @ WitnessError::State { .. }) = opened else { panic!("{opened:?}") };
        let said = error.to_string();
        assert!(said.contains("is damaged") && !said.contains("--log"), "{said}");
        assert!(std::error::Error::source(&error).is_none(), "it would be said twice");
    }
    fs::write(&path, &text).expect("a file");
    let stranger = Signer::new("example.com/log", Zeroizing::new([9; 32])).expect("a key");
    let opened = Witness::open(folder.path(), cosigner(), vec![stranger.verifier().clone()]);
    let said = opened.expect_err("signed by another key").to_string();
    assert!(said.contains("`--log`, too"), "{said}");
    fs::write(&path, text).expect("a file");
    assert_eq!(witness(folder.path()).sizes()[0].1, 9);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Two histories that part at some record, asked for in any order, with honest and with false sizes, over restarts: what was cosigned is one
    /// of them and only grew.
    #[test]
    fn all_that_is_cosigned_is_one_history(
        parted in 0_usize..30,
        asks in prop::collection::vec((any::<bool>(), 0_u64..30, 0_u64..31, any::<bool>(), any::<bool>()), 1..40),
    ) {
        let folder = folder();
        let log = leaves(30);
        let mut other = log.clone();
        other[parted] = [7; 32];
        let mut own = witness(folder.path());
        let mut cosigned: Vec<(bool, u64)> = Vec::new();
        for (which, old, size, honest, restart) in asks {
            if restart {
                drop(own);
                own = witness(folder.path());
            }
            let branch = if which { &log } else { &other };
            let old = if honest { own.sizes()[0].1 } else { old };
            let before = own.sizes()[0].1;
            if own.add_checkpoint(&asked(branch, old, size), NOW).is_ok() {
                cosigned.push((which, size));
            } else {
                prop_assert_eq!(own.sizes()[0].1, before);
            }
        }
        prop_assert!(cosigned.is_sorted_by_key(|(_, size)| *size), "{:?}", cosigned);
        let roots = |which: bool, size| checkpoint(if which { &log } else { &other }, size).root;
        if let Some(&(which, _)) = cosigned.last() {
            for &(was, size) in &cosigned {
                prop_assert_eq!(roots(was, size), roots(which, size));
            }
        }
    }
}
