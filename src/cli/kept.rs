//! Files that a command makes and keeps: those of fingerprints and of statements.

use super::Exit;
use crate::diag::nearest;
use std::fmt::Display;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

/// The file as it is, or what is wrong with it; none where there is none.
pub(super) fn read<T, F: Display>(
    path: &Path,
    parse: impl FnOnce(&str) -> Result<T, F>,
) -> Result<Option<T>, String> {
    let name = path.display();
    match fs::read_to_string(path) {
        Ok(text) => parse(&text).map(Some).map_err(|flaw| format!("{name}: {flaw}")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{name}: {error}")),
    }
}

/// The same where there has to be one. `maker`: the command that makes it.
pub(super) fn known<T, F: Display>(
    path: &Path,
    parse: impl FnOnce(&str) -> Result<T, F>,
    maker: &str,
) -> Result<T, String> {
    read(path, parse)?.ok_or_else(|| format!("there is no file `{}`; `{maker}` makes it", path.display()))
}

/// That what is named is not in the file. `what`: what has such names.
pub(super) fn unknown(what: &str, name: &str, names: &[&str]) -> String {
    let near = nearest(name, names).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    format!("there is no {what} `{name}`{near}")
}

/// Says what is wrong with the arguments or a file.
pub(super) fn misuse(message: &str) -> anyhow::Result<Exit> {
    writeln!(io::stderr(), "error: {message}")?;
    Ok(Exit::Misuse)
}
