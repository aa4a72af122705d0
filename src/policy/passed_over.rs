//! Files in a folder of packs that nobody reads for their names, and that look as if they were meant to be read: `rules/words.yaml`,
//! `lists/names.csv`, `rules/words.TOML`. Who wrote them believes that they count. For `check`: nobody else waits for it.

use std::path::Path;

use super::files::{DEEPEST, is_read};
use crate::diag::{Diagnostic, SourceFile, Span};

/// A folder of a pack or library, how the names of its files end, and what they are.
const FOLDERS: [(&str, &str, &str); 8] = [
    ("rules", "toml", "rules are TOML"),
    ("profiles", "toml", "profiles are TOML"),
    ("lists", "txt", "a list has a term a line"),
    ("slots", "txt", "a list has a term a line"),
    ("claims", "claims", "statements are a line of JSON each"),
    ("fingerprints", "prints", "`sluicegate fingerprint` makes them"),
    ("models", "model", "`sluicegate train` makes them"),
    ("banks", "jsonl", "questions are a line of JSON each"),
];
/// Endings of what was meant to be rules, and of what was meant to be lists, outside of these folders.
const RULES: [&str; 3] = ["toml", "yaml", "yml"];
const LISTS: [&str; 5] = ["txt", "csv", "tsv", "lst", "list"];
/// Endings of what `sluicegate import` takes.
const IMPORTED: [&str; 5] = ["csv", "tsv", "json", "yaml", "yml"];
/// Endings of what may lie in these folders beside what is read there: notes, scripts, what editors and version control keep.
const BESIDE: [&str; 29] = [
    "md",
    "rst",
    "html",
    "pdf",
    "py",
    "sh",
    "bak",
    "orig",
    "rej",
    "swp",
    "swo",
    "tmp",
    "save",
    "old",
    "disabled",
    "diff",
    "patch",
    "rpmsave",
    "rpmnew",
    "dpkg-dist",
    "dpkg-old",
    "db",
    "ini",
    "gz",
    "zst",
    "zip",
    "lock",
    "sha256",
    "sig",
];
/// Names of what is there for people: `README`, `license.txt`, `LICENSE-MIT`, and no `license-plates.yaml`.
const FOR_PEOPLE: [&str; 6] = ["readme", "license", "licence", "notice", "changelog", "makefile"];

/// Whether a file is there for people, by its path.
pub(super) fn is_for_people(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let (stem, ended) = name.split_once('.').map_or((name.as_str(), false), |(stem, _)| (stem, true));
    FOR_PEOPLE.iter().any(|one| stem == *one || !ended && stem.starts_with(one))
}

/// What is to be said of a folder of packs.
pub fn passed_over(dir: &Path) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    walk(dir, dir, 0, &mut found);
    found
}

/// A folder that cannot be read was told when it was read.
fn walk(root: &Path, dir: &Path, depth: usize, found: &mut Vec<Diagnostic>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden {
            continue;
        }
        if path.is_dir() {
            if depth < DEEPEST {
                walk(root, &path, depth + 1, found);
            }
        } else if !is_read(root, &path) {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            found.extend(told(&path, &name));
        }
    }
}

/// What is to be said of a file that nobody reads; `name`: its path in the folder of packs.
fn told(path: &Path, name: &str) -> Option<Diagnostic> {
    let (right, what) = meant(name)?;
    let nobody = Diagnostic::warning("unread", format!("nobody reads `{name}`"));
    let nobody = nobody.at(&SourceFile::binary(path, ""), Span::default(), "");
    let nobody = nobody.help(format!("did you mean `{right}`? {what}"));
    let end = name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
    let imported = end.is_some_and(|end| IMPORTED.contains(&end.as_str()));
    let help = "`sluicegate import` makes a pack of lists and rules in JSON, YAML and CSV";
    Some(if imported { nobody.help(help) } else { nobody })
}

/// What a file should be called to be read, and what is said of such files; nothing of a file that was not meant to be.
fn meant(path: &str) -> Option<(String, &'static str)> {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let (stem, end) = name.rsplit_once('.').unwrap_or((name, ""));
    let lower = end.to_ascii_lowercase();
    // What editors leave (`#a.toml#`, `a.toml~`, `4913`), and `CODEOWNERS`, `SHA256SUMS`.
    let of_editors = name.starts_with('#') || name.ends_with('~');
    let of_tools = end.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    if is_for_people(path) || of_editors || of_tools || BESIDE.contains(&lower.as_str()) {
        return None;
    }
    let at = |folder: &str, end: &str| {
        if folder.is_empty() { format!("{stem}.{end}") } else { format!("{folder}/{stem}.{end}") }
    };
    let (above, folder) = folders.rsplit_once('/').unwrap_or(("", folders));
    let is = |known: &str| {
        folder.eq_ignore_ascii_case(known) || folder.eq_ignore_ascii_case(known.trim_end_matches('s'))
    };
    if let Some((known, right, what)) = FOLDERS.into_iter().find(|(known, ..)| is(known)) {
        // The library's own folders hold what ships.
        let ships = matches!(
            (known, above, end),
            ("banks", "", "jsonl") | ("models", "", "model") | ("claims", "", "groups")
        );
        let folder = if above.is_empty() { known.to_owned() } else { format!("{above}/{known}") };
        return (!ships).then(|| (at(&folder, right), what));
    }
    if RULES.contains(&lower.as_str()) {
        return Some(match name.to_ascii_lowercase().as_str() {
            "pack.toml" | "pack.yaml" | "pack.yml" => {
                let folder = if folders.is_empty() { "<pack>" } else { folders };
                (format!("{folder}/pack.toml"), "a pack's own file has this name")
            }
            "obligations.yaml" | "obligations.yml" | "obligations.toml" if !folders.is_empty() => {
                (format!("{folders}/obligations.toml"), "a pack's obligations stand in this file")
            }
            "taxonomy.yaml" | "taxonomy.yml" | "taxonomy.toml" if folders.is_empty() => {
                ("taxonomy.toml".to_owned(), "a library's categories stand in this file")
            }
            _ if folders.is_empty() => {
                (at("profiles", "toml"), "profiles stand in `profiles/`, rules in `<pack>/rules/`")
            }
            _ => (at(&format!("{folders}/rules"), "toml"), "rules stand in `rules/`"),
        });
    }
    if LISTS.contains(&lower.as_str()) {
        let folder = if folders.is_empty() { "<pack>" } else { folders };
        return Some((at(&format!("{folder}/lists"), "txt"), "lists stand in `lists/`"));
    }
    let own = [("claims", "claims"), ("prints", "fingerprints"), ("model", "models")];
    let (right, folder) = own.into_iter().find(|(own, _)| *own == lower)?;
    let above = if folders.is_empty() { "<pack>" } else { folders };
    let what = FOLDERS.iter().find(|(known, ..)| *known == folder).map_or("", |(.., what)| what);
    Some((at(&format!("{above}/{folder}"), right), what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn said(files: &[&str]) -> Vec<String> {
        let dir = tempfile::tempdir().expect("a folder");
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, "x").expect("a file");
        }
        let root = format!("{}/", dir.path().display());
        passed_over(dir.path())
            .iter()
            .map(|one| one.to_string().replace(&root, "").replace(":1:1: warning", ""))
            .collect()
    }

    #[test]
    fn what_was_meant_to_be_read_is_told_with_its_right_name() {
        for (file, right) in [
            ("p/rules/a.yaml", "p/rules/a.toml"),
            ("p/rules/a.yml", "p/rules/a.toml"),
            ("p/rules/a.json", "p/rules/a.toml"),
            ("p/rules/a.TOML", "p/rules/a.toml"),
            ("p/rules/a", "p/rules/a.toml"),
            ("p/rules/a.tmol", "p/rules/a.toml"),
            ("p/Rules/a.Toml", "p/rules/a.toml"),
            ("p/rules/license-plates.yaml", "p/rules/license-plates.toml"),
            ("p/lists/notices.csv", "p/lists/notices.txt"),
            ("Pack/Pack.TOML", "Pack/pack.toml"),
            ("p/obligations.yaml", "p/obligations.toml"),
            ("taxonomy.yaml", "taxonomy.toml"),
            ("p/rule/a.yaml", "p/rules/a.toml"),
            ("p/lists/a.csv", "p/lists/a.txt"),
            ("p/lists/a.TXT", "p/lists/a.txt"),
            ("p/lists/a.json", "p/lists/a.txt"),
            ("p/slots/a.lst", "p/slots/a.txt"),
            ("law/cn/lists/a.yaml", "law/cn/lists/a.txt"),
            ("p/claims/a.jsonl", "p/claims/a.claims"),
            ("p/claims/a.Claims", "p/claims/a.claims"),
            ("p/fingerprints/a.json", "p/fingerprints/a.prints"),
            ("p/models/a.onnx", "p/models/a.model"),
            ("profiles/a.yaml", "profiles/a.toml"),
            ("banks/a.json", "banks/a.jsonl"),
            ("p/pack.yaml", "p/pack.toml"),
            ("p/Pack.TOML", "p/pack.toml"),
            ("p/a.yml", "p/rules/a.toml"),
            ("p/a.csv", "p/lists/a.txt"),
            ("a.yaml", "profiles/a.toml"),
            ("p/a.model", "p/models/a.model"),
        ] {
            let said = said(&[file]);
            assert!(
                matches!(&said[..], [one] if one.starts_with(&format!("{file}[unread]: nobody reads `{file}`; did you mean `{right}`?"))),
                "{file}: {said:#?}"
            );
        }
    }

    #[test]
    fn what_is_read_or_for_people_is_not_told() {
        let files = [
            "p/pack.toml",
            "p/rules/a.toml",
            "p/lists/a.txt",
            "p/claims/a.claims",
            "p/models/a.model",
            "p/models/a.md",
            "README.md",
            "p/README",
            "p/LICENSE.txt",
            "p/rules/a.toml.bak",
            "p/rules/a.toml~",
            "p/lists/.a.csv",
            ".git/config.yaml",
            "banks/a.jsonl",
            "tables.zst",
            "claims/en.groups",
            "models/harm.model",
            "p/lists/Makefile",
            "p/notes.html",
            "p/picture.png",
        ];
        assert_eq!(said(&files), Vec::<String>::new());
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("filters");
        let told: Vec<String> = passed_over(&shipped).iter().map(ToString::to_string).collect();
        assert_eq!(told, Vec::<String>::new());
    }
}
