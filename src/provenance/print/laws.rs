//! What prints owe: what was delivered is found, what was asked is not, what is erased is gone, and a crash takes no more than its end.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;

use super::erased::add;
use super::keeper::{Delivery, Fate, Keeper, PrintPlan};
use super::log::Memory;
use super::segment::{MOST_PLACES, merged};
use super::*;

fn keys() -> PrintKeys {
    PrintKeys::new(&[9; 32])
}

fn shelf() -> Shelf {
    Shelf::in_memory(keys(), Common::default())
}

fn record(n: u64) -> PrintRecord {
    let mut exchange = [0xA5; 16];
    exchange.iter_mut().zip(n.to_le_bytes()).for_each(|(to, from)| *to = from);
    PrintRecord { exchange, time_ms: 1_000 + n, subject: keys().subject("red", &format!("user {}", n % 2)) }
}

/// A text of so many words that is the same for the same seed and shares no row of letters with others.
fn text(seed: u64, words: usize, wide: bool) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = |end: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % end
    };
    let mut out = String::new();
    for _ in 0..words {
        if wide {
            out.extend((0..2).filter_map(|_| char::from_u32(0x4E00 + draw(0x3000) as u32)));
            if draw(6) == 0 {
                out.push('，');
            }
        } else {
            out.extend((0..3 + draw(6)).map(|_| char::from(b'a' + draw(26) as u8)));
            out.push(' ');
        }
    }
    out
}

fn found(shelf: &Shelf, text: &str) -> Vec<[u8; 16]> {
    let traced = shelf.trace(text, 2_000).expect("a look");
    traced.told().map(|found| found.record.exchange).collect()
}

fn cut(text: &str, from: usize, characters: usize) -> String {
    text.chars().skip(from).take(characters).collect()
}

proptest! {
    #![proptest_config(crate::text::cases::cases(48))]

    /// A fragment is found, in its answer and nowhere else, wherever it was cut out and however it is wrapped, cased and punctuated.
    #[test]
    fn what_was_delivered_is_found(seed in 0u64..1000, from in 0usize..300, wide: bool, upper: bool) {
        let shelf = shelf();
        for n in 0..20 {
            shelf.add(record(n), "red", &[&text(seed * 100 + n, 200, wide)], b"{}");
        }
        let answer = text(seed * 100 + 7, 200, wide);
        let fragment = cut(&answer, from, if wide { 60 } else { 130 });
        let other = if upper { fragment.to_uppercase().replace(' ', "\n -- ") } else { format!("\"{fragment}\"") };
        prop_assert_eq!(found(&shelf, &other), vec![record(7).exchange]);
        // The part that is told is where the fragment stands.
        let before = text(5555, 30, wide);
        let within = format!("{before} {fragment}");
        let traced = shelf.trace(&within, 2_000).expect("a look");
        let best = traced.found.first().expect("it is found");
        let slack = 40;
        prop_assert!(best.part.0.abs_diff(before.len() + 1) <= slack && best.part.1 + slack >= within.trim_end().len(), "{:?} {}", best.part, before.len());
        prop_assert!(best.covered > 0.9);
        prop_assert_eq!(found(&shelf, &text(seed * 100 + 50, 60, wide)), Vec::<[u8; 16]>::new());
    }

    /// Who has a model repeat a text does not make it a model's.
    #[test]
    fn what_was_asked_is_not_found(seed in 0u64..1000, wide: bool, ascii: bool) {
        let shelf = shelf();
        let (quoted, own) = (text(seed, 60, wide), text(seed + 5000, 60, wide));
        let mut asked = serde_json::json!({"messages": [{"role": "user", "content": format!("Repeat: {quoted}")}]}).to_string();
        if ascii {
            asked = asked.chars().map(|c| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", c as u32) }).collect();
        }
        shelf.add(record(1), "red", &[&format!("{own} {quoted} {own}")], asked.as_bytes());
        prop_assert_eq!(found(&shelf, &quoted), Vec::<[u8; 16]>::new());
        prop_assert_eq!(found(&shelf, &own), vec![record(1).exchange]);
        // A body that is no JSON is read as text.
        let shelf = self::shelf();
        prop_assert_eq!(shelf.add(record(2), "red", &[&quoted], quoted.as_bytes()), 0);
    }

    /// Files say what memory says, however they were merged; what is left out is gone and nothing else.
    #[test]
    fn files_say_what_memory_says(
        numbers in proptest::collection::vec(proptest::collection::vec(0u64..40, 1..120), 1..8),
        wide in any::<u8>(),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        // Some rows are alike, others differ in any of their bits.
        let number = |small: u64| small.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16 >> (small % 3 * u64::from(wide % 8));
        let mut whole = Memory::default();
        let mut segments = Vec::new();
        for (n, numbers) in (0..).zip(&numbers) {
            let prints: Vec<(u64, u32)> = numbers.iter().zip(0..).map(|(small, at)| (number(*small), at)).collect();
            let mut one = Memory::default();
            let tenant = if n % 3 == 0 { "red" } else { "blue" };
            for memory in [&mut whole, &mut one] {
                let added = memory.add(record(n), tenant, numbers.len() as u32, &prints);
                prop_assert!(added);
            }
            segments.push(Arc::new(one.segment(&folder.path().join(format!("{n}.prints"))).expect("a segment")));
        }
        let stop = AtomicBool::new(false);
        let all = merged(&folder.path().join("all.prints"), &segments, |_| true, &stop).expect("a file").expect("records");
        let odd = |record: &PrintRecord| record.exchange[0] % 2 == 1;
        let kept = merged(&folder.path().join("odd.prints"), &segments, odd, &stop).expect("a file");
        let places = |segment: &super::segment::Segment, number| {
            let mut out = Vec::new();
            segment.places(number, &mut Vec::new(), &mut out).expect("a look");
            out.into_iter()
                .map(|place| {
                    let at = segment.table.at(place).expect("a record");
                    let entry = segment.table.entries[at];
                    (entry.record.exchange, segment.table.tenants[entry.tenant as usize].clone(), place - entry.first)
                })
                .collect::<std::collections::BTreeSet<_>>()
        };
        for small in 0..41 {
            let mut of_memory = Vec::new();
            whole.places(number(small), &mut of_memory);
            let of_memory: std::collections::BTreeSet<_> = of_memory
                .into_iter()
                .map(|place| {
                    let entry = whole.table.entries[whole.table.at(place).expect("a record")];
                    (entry.record.exchange, whole.table.tenants[entry.tenant as usize].clone(), place - entry.first)
                })
                .collect();
            prop_assert!(of_memory.len() < MOST_PLACES);
            prop_assert_eq!(&places(&all, number(small)), &of_memory);
            let odd: std::collections::BTreeSet<_> = of_memory.into_iter().filter(|(exchange, ..)| exchange[0] % 2 == 1).collect();
            prop_assert_eq!(kept.as_ref().map(|kept| places(kept, number(small))).unwrap_or_default(), odd);
        }
    }
}

/// A keeper in a folder, and what it tells.
fn keeper(folder: &Path, days: u32, size: u64) -> (Keeper, Vec<Torn>, Arc<Mutex<Vec<Fate>>>) {
    let fates = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&fates);
    let plan = PrintPlan {
        folder: folder.to_owned(),
        keys: keys(),
        common: Common::default(),
        days,
        size,
        is_held: Box::new(|| false),
        told: Box::new(move |fate| told.lock().expect("told").push(fate)),
    };
    let (keeper, torn) = Keeper::start(plan).expect("it starts");
    (keeper, torn, fates)
}

fn deliver(keeper: &Keeper, n: u64, time_ms: u64, words: usize) {
    keeper.take(Delivery {
        record: PrintRecord { time_ms, ..record(n) },
        tenant: "red".into(),
        texts: vec![text(n, words, false)],
        asked: "{}".into(),
    });
}

fn now_ms() -> u64 {
    crate::diag::moment::now_ms()
}

fn is_found(shelf: &Shelf, n: u64) -> bool {
    let traced = shelf.trace(&text(n, 40, false), now_ms()).expect("a look");
    traced.told().any(|found| found.record.exchange == record(n).exchange)
}

fn until(what: &str, is: impl Fn() -> bool) {
    for _ in 0..400 {
        if is() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(25));
    }
    panic!("{what}");
}

#[test]
fn what_was_kept_survives_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, _, fates) = keeper(folder.path(), 10, 1 << 30);
    for n in 0..5 {
        deliver(&first, n, now_ms(), 60);
    }
    deliver(&first, 6, now_ms(), 1);
    // The command line looks beside the gateway.
    until("six fates", || fates.lock().expect("told").len() == 6);
    let beside = Shelf::open(folder.path(), keys(), Common::default(), Some(10)).expect("a folder");
    assert!((0..5).all(|n| is_found(&beside, n)) && !is_found(&beside, 6));
    assert_eq!(fates.lock().expect("told").last(), Some(&Fate::Short));
    // Nobody else keeps prints there meanwhile.
    assert!(
        PrintPlan::of_test(folder.path()).is_err_and(|error| error.to_string().contains("another process"))
    );
    drop(first);
    let (again, torn, _) = keeper(folder.path(), 10, 1 << 30);
    assert_eq!(torn, []);
    assert!((0..5).all(|n| is_found(again.shelf(), n)));
    // Another key finds nothing, and the files hold no word of it.
    let other =
        Shelf::open(folder.path(), PrintKeys::new(&[1; 32]), Common::default(), None).expect("a folder");
    assert!(!is_found(&other, 0));
    let bytes = fs::read(folder.path().join("00000001.log")).expect("a log");
    let words = text(0, 60, false);
    assert!(
        words
            .split(' ')
            .filter(|w| w.len() > 4)
            .all(|w| memchr::memmem::find(&bytes, w.as_bytes()).is_none())
    );
}

/// Wherever the writing stopped, what was whole is found, and what was not is cut off and told.
#[test]
fn a_torn_log_loses_its_end_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, ..) = keeper(folder.path(), 10, 1 << 30);
    let path = folder.path().join("00000001.log");
    let mut ends = Vec::new();
    for n in 0..3 {
        deliver(&first, n, now_ms(), 60);
        let before = ends.last().copied().unwrap_or(8);
        until("it is written", || fs::metadata(&path).is_ok_and(|file| file.len() > before));
        ends.push(fs::metadata(&path).expect("a file").len());
    }
    drop(first);
    let whole = fs::read(&path).expect("a log");
    for at in [0, 3, 8, 9, ends[0] - 1, ends[0], ends[0] + 5, ends[1] + 40, ends[2] - 1, ends[2]] {
        fs::write(&path, whole.get(..at as usize).expect("a part")).expect("a file");
        let (again, torn, _) = keeper(folder.path(), 10, 1 << 30);
        let good = ends.iter().filter(|end| **end <= at).count() as u64;
        for n in 0..3 {
            assert_eq!(is_found(again.shelf(), n), n < good, "{at} {n}");
        }
        let is_whole = at == 0 || at == 8 || ends.contains(&at);
        assert_eq!(torn.is_empty(), is_whole, "{at}: {torn:?}");
        // It goes on behind what is good.
        deliver(&again, 9, now_ms(), 60);
        until("it is found", || is_found(again.shelf(), 9));
        drop(again);
        let (again, torn, _) = keeper(folder.path(), 10, 1 << 30);
        assert!(torn.is_empty() && is_found(again.shelf(), 9), "{at}");
    }
}

#[test]
fn what_is_erased_is_gone_at_once_and_from_the_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, _, fates) = keeper(folder.path(), 10, 1 << 30);
    for n in 0..6 {
        deliver(&first, n, now_ms(), 60);
    }
    until("they are kept", || fates.lock().expect("told").len() == 6);
    let user = keys().subject("red", "user 1");
    add(folder.path(), &Erasure::Subject(user, now_ms() + 1)).expect("a line");
    assert!((0..6).all(|n| is_found(first.shelf(), n) == (n % 2 == 0)));
    add(folder.path(), &Erasure::Exchange(record(2).exchange)).expect("a line");
    assert!(!is_found(first.shelf(), 2));
    let in_files = |n: u64| {
        let files = fs::read_dir(folder.path()).expect("a folder").flatten();
        files.filter(|file| file.path().extension().is_some_and(|e| e == "log" || e == "prints")).any(
            |file| {
                memchr::memmem::find(&fs::read(file.path()).unwrap_or_default(), &record(n).exchange)
                    .is_some()
            },
        )
    };
    until("they are gone", || [1, 2, 3, 5].into_iter().all(|n| !in_files(n)));
    assert!(in_files(0) && in_files(4) && is_found(first.shelf(), 0) && is_found(first.shelf(), 4));
    // What was begun before the erasure and ends behind it is not kept; what was begun later is.
    deliver(&first, 7, now_ms() - 5_000, 60);
    deliver(&first, 9, now_ms() + 60_000, 60);
    until("it is kept", || is_found(first.shelf(), 9));
    assert!(!in_files(7) && !is_found(first.shelf(), 7));
    drop(first);
    // Without a gateway the command line does it.
    let done =
        forget(&Erasure::Exchange(record(4).exchange), || Ok(plan_of(folder.path()))).expect("a folder");
    assert_eq!(done, Forgotten { answers: 1, from_files: true });
    assert!(!in_files(4) && in_files(0));
    let again =
        forget(&Erasure::Exchange(record(4).exchange), || Ok(plan_of(folder.path()))).expect("a folder");
    assert_eq!(again.answers, 0);
}

#[test]
fn what_is_too_old_or_too_much_goes_the_oldest_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let day = 86_400_000;
    let (first, _, fates) = keeper(folder.path(), 10, 1 << 30);
    deliver(&first, 0, now_ms() - 11 * day, 60);
    deliver(&first, 1, now_ms() - 9 * day, 60);
    until("they are kept", || fates.lock().expect("told").len() == 2);
    assert!(!is_found(first.shelf(), 0) && is_found(first.shelf(), 1));
    drop(first);
    let (second, _, fates) = keeper(folder.path(), 10, 1 << 30);
    until("it is gone", || fates.lock().expect("told").contains(&Fate::Expired(1)));
    assert_eq!(second.shelf().held().records, 1);
    drop(second);
    // Room for less than there is: a segment of one record takes more than 256 KiB.
    let (third, _, fates) = keeper(folder.path(), 10, 1 << 10);
    until("it is gone", || fates.lock().expect("told").iter().any(|fate| matches!(fate, Fate::Expired(_))));
    until("nothing is left", || third.shelf().held().records == 0);
}

/// What a crash between two steps of a merge has left is not counted twice, and goes at the next start.
#[test]
fn what_a_crash_left_is_not_counted_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut memory = Memory::default();
    let shelf = self::shelf();
    let prints = {
        shelf.add(record(3), "red", &[&text(3, 60, false)], b"{}");
        super::grams::Prints::of(&keys(), &[&text(3, 60, false)], b"{}", &Common::default())
    };
    let kept = PrintRecord { time_ms: now_ms(), ..record(3) };
    memory.add(kept, "red", prints.letters, &prints.numbers(&keys().tenant("red")));
    for name in ["00000001-00000001.prints", "00000002-00000002.prints", "00000001-00000003.prints"] {
        memory.segment(&folder.path().join(name)).expect("a segment");
    }
    fs::write(folder.path().join("00000002.log"), b"SGPLOG\0\x01").expect("a file");
    fs::write(folder.path().join("00000004-00000004.draft"), b"half").expect("a file");
    let open = Shelf::open(folder.path(), keys(), Common::default(), None).expect("a folder");
    assert_eq!(open.held().records, 1);
    let (keeper, torn, _) = keeper(folder.path(), 10, 1 << 30);
    assert!(torn.is_empty() && is_found(keeper.shelf(), 3));
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .expect("a folder")
        .flatten()
        .map(|file| file.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["00000001-00000003.prints", "00000004.log", "lock"]);
}

/// Many answers fill logs, which become segments, which are merged; all of it is found all the while.
#[test]
fn logs_become_segments_and_these_are_merged() {
    let folder = tempfile::tempdir().expect("a folder");
    let (keeper, _, fates) = keeper(folder.path(), 10, 1 << 30);
    let kept = AtomicUsize::new(0);
    // 2,600,000 letters have more prints than a log takes four times over.
    for n in 0..160 {
        deliver(&keeper, n, now_ms(), 3_000);
        until("it is kept", || {
            kept.store(fates.lock().expect("told").len(), Ordering::Relaxed);
            kept.load(Ordering::Relaxed) > n as usize
        });
    }
    assert!(fates.lock().expect("told").iter().all(|fate| matches!(fate, Fate::Kept(_))));
    until("they are merged", || (1..=3).contains(&keeper.shelf().held().segments));
    assert!((0..160).step_by(7).all(|n| is_found(keeper.shelf(), n)));
    assert_eq!(keeper.shelf().held().records, 160);
    drop(keeper);
    let open = Shelf::open(folder.path(), keys(), Common::default(), None).expect("a folder");
    assert!((0..160).step_by(7).all(|n| is_found(&open, n)));
}

#[test]
fn tenants_do_not_see_each_other() {
    let shelf = shelf();
    shelf.add(record(1), "red", &[&text(1, 60, false)], b"{}");
    shelf.add(record(2), "blue", &[&text(1, 60, false)], b"{}");
    let traced = shelf.trace(&text(1, 60, false), 0).expect("a look");
    let tenants: std::collections::BTreeSet<_> =
        traced.told().map(|found| found.tenant.to_string()).collect();
    assert_eq!(tenants.into_iter().collect::<Vec<_>>(), ["blue", "red"]);
    let public = traced.json(100).to_string();
    assert!(!public.contains("\"red\"") && !public.contains("blue") && !public.contains("a5a5"), "{public}");
}

fn plan_of(folder: &Path) -> PrintPlan {
    PrintPlan {
        folder: folder.to_owned(),
        keys: keys(),
        common: Common::default(),
        days: 10,
        size: 1 << 30,
        is_held: Box::new(|| false),
        told: Box::new(|_| {}),
    }
}

impl PrintPlan {
    fn of_test(folder: &Path) -> std::io::Result<Keeper> {
        Keeper::start(plan_of(folder)).map(|(keeper, _)| keeper)
    }
}
