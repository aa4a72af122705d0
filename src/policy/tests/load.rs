//! How much ordinary text costs with the rules that ship, counted in steps and not in seconds: what is looked at closer than by the
//! blocks through which all text goes. A pattern that starts at each word, or before each number, shows here.

use crate::detect::{Scan, TextKind, scan_all};
use crate::policy::{Direction, Library, PolicySettings};
use crate::text::work::steps_of;

/// Texts as people and models write them, and the most steps for a hundred bytes of each: whole, and in pieces of four bytes.
const TEXTS: &[(&str, u64, u64, &str)] = &[
    (
        "English",
        75,
        285,
        "The river had been low all summer, and the old mill stood quiet beside it. When the rain came at last, the keeper walked \
         down to the gate, looked at the water for a while, and then raised it by the width of a hand. Nobody in the village \
         noticed, but by the next morning three of the lower fields stood green again, and the miller's daughter said so.\n\n\
         1. Create a list of the tools you need and check that each is clean.\n2. Write down what you want to measure, for \
         example the level at 10 a.m. and at 4 p.m.\n3. Don't worry if the first 3 values differ: it's normal in the first week.\n",
    ),
    (
        "Chinese",
        18,
        122,
        "整个夏天河水都很低，老磨坊静静地立在河边。雨终于来的时候，守闸人走到闸门前，看了一会儿水，然后把闸门抬高了一掌宽。村里没有人注意到，\
         但第二天早上，下游的三块田又绿了。请写一篇关于水利工程历史的短文，大约500字，说明2019年以来的变化。",
    ),
    (
        "code",
        86,
        230,
        "fn gate(level: u32, width: &str) -> Option<u32> {\n    let open = level.checked_sub(12)?;\n    for (index, sluice) in \
         SLUICES.iter().enumerate() {\n        if sluice.name == width { return Some(open / 3 + index as u32); }\n    }\n    None\n}\n",
    ),
];

#[test]
fn ordinary_text_is_passed_over() {
    let policy = Library::embedded().and_then(|library| library.policy(&PolicySettings::default()));
    let policy = policy.unwrap_or_else(|found| panic!("{found:?}"));
    let (engine, rules) = (policy.engine(), policy.rules(Direction::Output));
    for (name, most_whole, most_cut, text) in TEXTS {
        let whole = steps_of(|| assert!(scan_all(engine, rules, TextKind::Plain, text).is_empty(), "{name}"));
        let cut = steps_of(|| {
            let (mut scan, mut found, mut rest) = (Scan::new(TextKind::Plain), Vec::new(), *text);
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(rest.ceil_char_boundary(4.min(rest.len())));
                scan.push(engine, rules, piece, &mut found);
                rest = after;
            }
            scan.finish(engine, rules, &mut found);
        });
        let (whole, cut) = (whole * 100 / text.len() as u64, cut * 100 / text.len() as u64);
        assert!(
            whole <= *most_whole && cut <= *most_cut,
            "{name}: {whole} and {cut} steps for a hundred bytes, at most {most_whole} and {most_cut} are wanted"
        );
    }
}
