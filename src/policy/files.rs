//! The files of packs and profiles: how they are read from a folder, and the hash by which a reader of records knows them.
//!
//! Names that begin with a dot are passed over: editors keep their drafts under them, and Kubernetes the folders to which the
//! links of a ConfigMap lead (`..data`).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use crate::text::hex::encode;
use aws_lc_rs::digest::{Context, SHA256, digest};

use super::loader::name_of;
use crate::detect::Brought;
use crate::diag::{Diagnostic, SourceFile, is_plain};

/// Files by their path within the library, such as `privacy/rules/mail.toml`.
pub type Files = BTreeMap<String, Arc<SourceFile>>;

/// Folders within folders: `law/cn/rules/names.toml` needs three. A link that leads to a folder above it has no end.
pub(super) const DEEPEST: usize = 8;

/// How the names of a library's files end: rules, lists, fingerprints of documents, statements. Models stand in a folder of their pack alone.
const ENDINGS: [&str; 4] = ["toml", "txt", "prints", "claims"];

/// The packs and profiles that ship with the gateway.
pub fn embedded() -> Files {
    super::embedded::FILES
        .iter()
        .map(|(path, text)| ((*path).to_owned(), SourceFile::embedded(format!("filters/{path}"), text)))
        .collect()
}

/// The files of a folder of packs and profiles.
pub fn read_dir(dir: &Path) -> Result<Files, Diagnostic> {
    let mut files = Files::new();
    match collect(dir, dir, &mut files, 0) {
        Ok(()) => Ok(files),
        Err(what) => {
            let message = format!("cannot read the folder of packs `{}`: {what}", dir.display());
            Err(in_unicode(Diagnostic::error("read", message), &what))
        }
    }
}

/// The files of one pack, the folder of which this is. It is called by the folder's name, whatever leads there, with the names of the folders
/// above where it says so itself (`law/cn`).
pub(super) fn read_pack(dir: &Path) -> Result<Files, Diagnostic> {
    let read = || {
        let whole = dir.canonicalize().map_err(|error| error.to_string())?;
        let mut names = whole.iter().rev().map(|name| name.to_string_lossy().into_owned());
        let mut name = names.next().unwrap_or_default();
        let mut files = Files::new();
        collect(dir, dir, &mut files, 0)?;
        let pack = files.get("pack.toml").and_then(name_of).unwrap_or_default();
        while pack.ends_with(&format!("/{name}")) {
            name = format!("{}/{name}", names.next().unwrap_or_default());
        }
        Ok(files.into_iter().map(|(path, file)| (format!("{name}/{path}"), file)).collect())
    };
    read().map_err(|what: String| {
        let message = format!("cannot read the pack `{}`: {what}", dir.display());
        in_unicode(Diagnostic::error("read", message), &what)
    })
}

/// With what to do about a file in another encoding.
fn in_unicode(said: Diagnostic, why: &str) -> Diagnostic {
    if why.contains("not UTF-8") {
        return said.help("rules and lists are UTF-8: `iconv -f GB18030 -t UTF-8 list.txt > new.txt` makes a list from China so, `-f SHIFT_JIS` one from Japan");
    }
    said
}

fn collect(root: &Path, dir: &Path, files: &mut Files, depth: usize) -> Result<(), String> {
    // The folder itself is named by who asked for it.
    let explain = |path: &Path, error: std::io::Error| match path.strip_prefix(root) {
        Ok(inner) if inner != Path::new("") => format!("`{}`: {error}", inner.display()),
        _ => error.to_string(),
    };
    for entry in std::fs::read_dir(dir).map_err(|error| explain(dir, error))? {
        let entry = entry.map_err(|error| explain(dir, error))?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        if path.is_dir() {
            if depth == DEEPEST {
                return Err(format!("`{}` lies more than {DEEPEST} folders deep", path.display()));
            }
            collect(root, &path, files, depth + 1)?;
        } else if is_model(root, &path) {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            files.insert(name, load_model(&path).map_err(|error| explain(&path, error))?);
        } else if has_ending(&path) {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            files.insert(name, SourceFile::load_plain(&path).map_err(|error| explain(&path, error))?);
        }
    }
    Ok(())
}

fn has_ending(path: &Path) -> bool {
    path.extension().is_some_and(|e| ENDINGS.iter().any(|one| e == *one))
}

/// Whether the file at this path of a folder is among its files.
pub(super) fn is_read(root: &Path, path: &Path) -> bool {
    is_model(root, path) || has_ending(path)
}

/// Whether a file is a model that a pack brings: `NAME.model` in the pack's folder `models`. Those that ship lie in a folder of no pack.
fn is_model(root: &Path, path: &Path) -> bool {
    let folder = path.parent().filter(|folder| folder.file_name().is_some_and(|name| name == "models"));
    let of_pack = |folder: &Path| folder.parent() != Some(root) || root.join("pack.toml").is_file();
    path.extension().is_some_and(|end| end == "model") && folder.is_some_and(of_pack)
}

/// A model's file: its content stays where it is, and its hash stands for it. So a gateway that looks at its files every two seconds keeps
/// none of them in memory.
fn load_model(path: &Path) -> std::io::Result<Arc<SourceFile>> {
    is_plain(path, Brought::LARGEST)?;
    Ok(SourceFile::binary(path, format!("sha256 {}", hash_of_bytes(&std::fs::read(path)?))))
}

/// The model of a file that was found by [`read_dir`]. Its content has to be as it was found.
pub(super) fn model(file: &SourceFile) -> Result<Brought, String> {
    let path = file.binary_path().ok_or("it is text")?;
    let bytes = is_plain(path, Brought::LARGEST).and_then(|()| std::fs::read(path));
    let bytes = bytes.map_err(|error| error.to_string())?;
    let hash = hash_of_bytes(&bytes);
    if file.text().strip_prefix("sha256 ") != Some(&hash) {
        return Err(
            "it changed while it was read: it is read again when the files are looked at next".to_owned()
        );
    }
    Brought::read(&bytes, &hash).map_err(|why| why.to_string())
}

fn hash_of_bytes(bytes: &[u8]) -> String {
    encode(digest(&SHA256, bytes).as_ref())
}

/// The hash of files: of each its path and its text.
pub fn version(files: &Files) -> String {
    let parts: Vec<&str> = files.iter().flat_map(|(path, file)| [path.as_str(), file.text()]).collect();
    hash(&parts)
}

/// Half a SHA-256, in hex, over parts with their lengths, so that no other parts give the same bytes.
pub fn hash(parts: &[&str]) -> String {
    hex(of_parts(parts))
}

/// A whole SHA-256, in hex, over the same: for what is signed.
pub fn whole_hash(parts: &[&str]) -> String {
    encode(of_parts(parts).finish().as_ref())
}

fn of_parts(parts: &[&str]) -> Context {
    let mut hash = Context::new(&SHA256);
    for part in parts {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash
}

/// The same of what something says of itself, which is not written out anywhere.
pub(super) fn hash_of(what: &impl std::fmt::Debug) -> String {
    struct Into(Context);
    impl Write for Into {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.0.update(text.as_bytes());
            Ok(())
        }
    }
    let mut hash = Into(Context::new(&SHA256));
    // Hashing does not fail.
    let _ = write!(hash, "{what:?}");
    hex(hash.0)
}

fn hex(hash: Context) -> String {
    encode(hash.finish().as_ref().get(..16).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn names(dir: &Path) -> Vec<String> {
        read_dir(dir).unwrap_or_else(|error| panic!("{error}")).into_keys().collect()
    }

    #[test]
    fn a_config_map_is_read_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let version = dir.path().join("..2025_01_01");
        fs::create_dir_all(version.join("p/rules")).expect("a folder");
        fs::write(version.join("p/pack.toml"), "").expect("a file");
        fs::write(version.join("p/rules/a.toml"), "").expect("a file");
        symlink("..2025_01_01", dir.path().join("..data")).expect("a link");
        symlink("..data/p", dir.path().join("p")).expect("a link");
        fs::write(dir.path().join("p/rules/.a.toml.swp"), "").expect("a file");
        fs::write(dir.path().join("p/rules/.#b.toml"), "").expect("a file");
        assert_eq!(names(dir.path()), ["p/pack.toml", "p/rules/a.toml"]);
    }

    #[test]
    fn a_link_that_leads_back_has_an_end() {
        let dir = tempfile::tempdir().expect("a folder");
        symlink(".", dir.path().join("a")).expect("a link");
        symlink(".", dir.path().join("b")).expect("a link");
        let said = read_dir(dir.path()).map(|files| files.len()).map_err(|error| error.to_string());
        assert!(said.as_ref().is_err_and(|said| said.contains("folders deep")), "{said:?}");
    }

    /// Reading a pipe waits for a writer, and a device may have no end.
    #[test]
    fn what_is_no_plain_file_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(dir.path().join("p/lists")).expect("a folder");
        symlink("/dev/null", dir.path().join("p/lists/a.txt")).expect("a link");
        let said = read_dir(dir.path()).map(|files| files.len()).map_err(|error| error.to_string());
        let said = said.expect_err("it is a device");
        assert!(said.contains("`p/lists/a.txt`: it is no plain file"), "{said}");
        fs::remove_file(dir.path().join("p/lists/a.txt")).expect("a link");
        let pipe = std::process::Command::new("mkfifo").arg(dir.path().join("p/b.toml")).status();
        assert!(pipe.is_ok_and(|status| status.success()));
        let said = read_dir(dir.path()).map(|files| files.len()).map_err(|error| error.to_string());
        assert!(said.is_err_and(|said| said.contains("`p/b.toml`: it is no plain file")));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(dir.path().join("p/lists")).expect("a folder");
        fs::write(dir.path().join("p/lists/a.txt"), b"good\nb\xffd\n").expect("a file");
        let said = read_dir(dir.path()).map(|files| files.len()).map_err(|error| error.to_string());
        let said = said.expect_err("it is not UTF-8");
        assert!(said.contains("`p/lists/a.txt`: line 2 is not UTF-8"), "{said}");
        let said = read_dir(&dir.path().join("none")).map(|files| files.len()).map_err(|e| e.to_string());
        assert!(said.expect_err("there is none").contains("none`: No such file"));
    }
}
