//! The packs that ship, compiled in: the gateway runs without a file beside it. A test holds the table against the folder.

/// Path within `filters/`, and text.
pub(super) static FILES: &[(&str, &str)] = &[
    ("harm/lists/drugs.txt", include_str!("../../filters/harm/lists/drugs.txt")),
    ("harm/lists/fraud.txt", include_str!("../../filters/harm/lists/fraud.txt")),
    ("harm/lists/gambling.txt", include_str!("../../filters/harm/lists/gambling.txt")),
    ("harm/lists/malware.txt", include_str!("../../filters/harm/lists/malware.txt")),
    ("harm/lists/minors.txt", include_str!("../../filters/harm/lists/minors.txt")),
    ("harm/lists/self-harm.txt", include_str!("../../filters/harm/lists/self-harm.txt")),
    ("harm/lists/weapons.txt", include_str!("../../filters/harm/lists/weapons.txt")),
    ("harm/pack.toml", include_str!("../../filters/harm/pack.toml")),
    ("harm/rules/harm.toml", include_str!("../../filters/harm/rules/harm.toml")),
    ("privacy/pack.toml", include_str!("../../filters/privacy/pack.toml")),
    ("privacy/rules/contact.toml", include_str!("../../filters/privacy/rules/contact.toml")),
    ("privacy/rules/finance.toml", include_str!("../../filters/privacy/rules/finance.toml")),
    ("privacy/rules/identity.toml", include_str!("../../filters/privacy/rules/identity.toml")),
    ("privacy/rules/named.toml", include_str!("../../filters/privacy/rules/named.toml")),
    ("privacy/rules/network.toml", include_str!("../../filters/privacy/rules/network.toml")),
    ("profiles/default.toml", include_str!("../../filters/profiles/default.toml")),
    ("secrets/pack.toml", include_str!("../../filters/secrets/pack.toml")),
    ("secrets/rules/named.toml", include_str!("../../filters/secrets/rules/named.toml")),
    ("secrets/rules/providers.toml", include_str!("../../filters/secrets/rules/providers.toml")),
    ("secrets/rules/services.toml", include_str!("../../filters/secrets/rules/services.toml")),
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    fn walk(dir: &Path, out: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).unwrap_or_else(|e| panic!("{e}")).flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, out);
            } else if path.extension().is_some_and(|e| e == "toml" || e == "txt") {
                let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("filters");
                out.push(path.strip_prefix(root).unwrap_or(&path).display().to_string());
            }
        }
    }

    #[test]
    fn every_file_of_the_folder_is_in_the_table() {
        let mut there = Vec::new();
        walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("filters"), &mut there);
        there.sort();
        let table: Vec<_> = super::FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(table, there);
    }
}
