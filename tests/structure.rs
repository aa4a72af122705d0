//! The shape of the house: floors import downward only, files keep to one subject, and the documents know what the code has.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// From the top. Floors on one line do not know each other.
const FLOORS: &[&[&str]] = &[
    &["main", "lib", "fuzz_entry"],
    &["cli"],
    &["config"],
    &["server"],
    &["upstream"],
    &["exchange"],
    &["limits", "audit"],
    &["provenance", "vault"],
    &["policy"],
    &["detect"],
    &["dialect"],
    &["stream"],
    &["text"],
    &["telemetry"],
    &["diag"],
];

fn level(name: &str) -> Option<usize> {
    FLOORS.iter().position(|floors| floors.contains(&name))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
    out.sort();
}

/// The floors that a line's `crate::` paths name, groups included.
fn named(line: &str) -> Vec<String> {
    let word = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let mut out = Vec::new();
    for rest in line.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(group) => {
                // Commas of inner groups separate no floors.
                let mut depth = 0;
                let parts = group.split(|c| {
                    depth += i32::from(c == '{') - i32::from(c == '}');
                    c == ',' && depth == 0
                });
                out.extend(parts.map(word));
            }
            None => out.push(word(rest)),
        }
    }
    out.retain(|name| !name.is_empty());
    out
}

#[test]
fn imports_point_down() {
    let src = root().join("src");
    let (mut files, mut wrong) = (Vec::new(), Vec::new());
    sources(&src, &mut files);
    for file in files {
        let inside = file.strip_prefix(&src).unwrap().with_extension("");
        let floor = inside.iter().next().and_then(|f| f.to_str()).unwrap_or_default().to_owned();
        let Some(own) = level(&floor) else {
            wrong.push(format!("{}: the floor `{floor}` has no place in this test", file.display()));
            continue;
        };
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            for name in named(line) {
                let beside = |other: usize| other == own && name != floor && own != 0;
                if level(&name).is_some_and(|other| other < own || beside(other)) {
                    wrong.push(format!("src/{}.rs:{}: {floor} names {name}", inside.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "imports run downward only:\n{}", wrong.join("\n"));
}

#[test]
fn operators_find_every_metric() {
    let mut files = Vec::new();
    sources(&root().join("src/telemetry"), &mut files);
    let code: String = files.iter().map(|f| fs::read_to_string(f).unwrap()).collect();
    let names = |text: &str| -> BTreeSet<String> {
        let word = |t: &str| -> String {
            t.chars().take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_').collect()
        };
        text.split("sluicegate_").skip(1).map(word).filter(|w| !w.is_empty()).collect()
    };
    let documented = names(&fs::read_to_string(root().join("docs/operations.md")).unwrap());
    let missing: Vec<_> =
        names(&code).into_iter().filter(|n| !documented.contains(n) && !n.ends_with("_bucket")).collect();
    assert!(missing.is_empty(), "docs/operations.md does not tell of {missing:?}");
}

#[test]
fn links_of_the_documents_lead_somewhere() {
    let mut documents = vec![root().join("README.md"), root().join("README.zh-CN.md")];
    documents.extend(fs::read_dir(root().join("docs")).unwrap().map(|e| e.unwrap().path()));
    for document in documents.iter().filter(|d| d.extension().is_some_and(|e| e == "md")) {
        let text = fs::read_to_string(document).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") {
                let place = document.parent().unwrap().join(target);
                assert!(place.exists(), "{} links to {target}", document.display());
            }
        }
    }
}

#[test]
fn both_readmes_show_the_same_commands() {
    let commands = |name: &str| -> Vec<String> {
        let text = fs::read_to_string(root().join(name)).unwrap();
        let blocks = text.split("```").skip(1).step_by(2).filter(|b| b.starts_with("sh\n"));
        blocks.map(str::to_owned).collect()
    };
    assert_eq!(commands("README.md"), commands("README.zh-CN.md"));
}
