//! Mistakes by kind: what is said of broken configurations, packs and profiles stands in snapshots, and this table says which kinds there are,
//! each with the snapshot that shows it. A kind is a code and a sentence without the names and numbers in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// A sentence without what is the file's own.
fn kind(code: &str, sentence: &str) -> String {
    let mut out = format!("{code}: ");
    let (mut quoted, mut number) = (false, false);
    for c in sentence.chars() {
        if c == '`' {
            quoted = !quoted;
            if quoted {
                out.push('_');
            }
        } else if !quoted {
            let digit = c.is_ascii_digit();
            if digit && !number {
                out.push('N');
            } else if !digit {
                out.push(c);
            }
            number = digit;
        }
    }
    // Lists of what is valid are as long as they are.
    let out = out.replace("_, ", "").replace("_ and ", "");
    out.split("; ").next().unwrap_or_default().trim().to_owned()
}

/// The kinds of a folder's snapshots, each with the first that shows it. `said` finds the sentences of a line.
fn kinds(folder: &str, extension: &str, from: &str) -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<_> =
        fs::read_dir(&root).expect("a folder").map(|e| e.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == extension));
    paths.sort();
    let mut out = BTreeMap::new();
    for path in paths {
        let text = fs::read_to_string(&path).expect("a snapshot");
        let said = text.split_once(from).map_or(text.as_str(), |(_, said)| said);
        let name =
            path.strip_prefix(env!("CARGO_MANIFEST_DIR")).expect("below the root").display().to_string();
        for line in said.lines() {
            for severity in ["error[", "warning["] {
                let Some((before, rest)) = line.split_once(severity) else { continue };
                // Not within a sentence.
                if !(before.is_empty() || before.ends_with(": ")) {
                    continue;
                }
                if let Some((code, sentence)) = rest.split_once("]: ") {
                    out.entry(kind(code, sentence)).or_insert_with(|| name.clone());
                }
            }
        }
    }
    out
}

#[test]
fn mistakes_of_many_kinds_are_shown() {
    let config = kinds("tests/fixtures/config", "expected", "");
    let packs = kinds("src/policy/testdata", "case", "=== said\n");
    let mut table = String::new();
    // Writing to a String does not fail.
    for (what, kinds) in [("configuration", &config), ("packs and profiles", &packs)] {
        let _ = writeln!(table, "{what}: {} kinds", kinds.len());
        for (kind, shown) in kinds {
            let _ = writeln!(table, "  {kind}\n    {shown}");
        }
    }
    assert!(config.len() >= 40, "{} kinds in configurations\n{table}", config.len());
    assert!(packs.len() >= 40, "{} kinds in packs and profiles\n{table}", packs.len());
    crate::cli::expect_file(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mistakes.txt"),
        &table,
    )
    .unwrap_or_else(|wrong| panic!("{wrong}"));
}

#[test]
fn a_kind_has_no_names() {
    assert_eq!(kind("a", "unknown rule `x`"), kind("a", "unknown rule `y`"));
    assert_eq!(kind("a", "expected 64 digits, found 3"), kind("a", "expected 64 digits, found 17"));
    assert_ne!(kind("a", "unknown rule `x`"), kind("a", "unknown pack `x`"));
}
