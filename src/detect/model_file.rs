//! What files of models have in common: a line of JSON that says what the model is, and behind it the weights, packed. Whoever brings one
//! is told what is wrong with it.

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The format that is written, and the latest that is read. A file that says none is of this one.
pub(super) const FORMAT: u32 = 1;
/// The longest first line.
const MOST_HEAD: usize = 1 << 20;
/// How large a number in a first line may be, either way: what is made of it stays a number.
const MOST: f32 = 1e6;

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Fault {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It begins with something else than a line of JSON.
    #[error("it begins as {0} does, not with a line of JSON as `sluicegate train` writes it")]
    Begins(&'static str),
    /// Its first line has no end.
    #[error("its first line, which says what it is, does not end: {0} bytes came without a line's end")]
    Endless(usize),
    /// It was made by a later program.
    #[error("it is of format {0}; this program reads format {FORMAT}: a later `sluicegate train` made it")]
    Later(u32),
    /// It is a model, but of another kind.
    #[error("its first line says that it is something else: its `kind` is `{found}`, expected {expected}")]
    Kind {
        /// What it says.
        found: String,
        /// What was asked for.
        expected: &'static str,
    },
    /// The first line is not that of a model.
    #[error("its first line says something else than a model's: {0}")]
    Head(String),
    /// Parts of the first line do not fit each other.
    #[error("{0}")]
    Parts(&'static str),
    /// A number that no model has.
    #[error("`{key}` has {found}; expected a number from {least} to {most}")]
    Number {
        /// Where it stands.
        key: &'static str,
        /// What it is.
        found: String,
        /// The least that there may be.
        least: f32,
        /// The most.
        most: f32,
    },
    /// The weights are not whole.
    #[error("{0}")]
    Weights(&'static str),
}

/// What is read before anything else: fields that a format does not have yet are no reason to be silent about its number.
#[derive(Deserialize)]
struct Peek {
    #[serde(default)]
    format: Option<u32>,
    #[serde(default)]
    kind: Option<String>,
}

/// Whether a file is a tagger, by what it says of itself. Of one that says nothing the answer is no.
pub(super) fn is_tagger(file: &[u8]) -> bool {
    let peek = parted(file).ok().and_then(|(head, _)| serde_json::from_slice::<Peek>(head).ok());
    peek.is_some_and(|peek| peek.kind.as_deref() == Some(TAGGER))
}

/// What taggers say that they are.
pub(super) const TAGGER: &str = "tagger";

/// What a file says it is, and its packed weights. `kind`: what it has to say that it is; nothing for what judges texts.
pub(super) fn read<'f, Head: DeserializeOwned>(
    file: &'f [u8],
    kind: Option<&'static str>,
) -> Result<(Head, &'f [u8]), Fault> {
    let (head, packed) = parted(file)?;
    let peek: Peek = serde_json::from_slice(head).map_err(|why| Fault::Head(why.to_string()))?;
    if let Some(later) = peek.format.filter(|format| *format > FORMAT) {
        return Err(Fault::Later(later));
    }
    if peek.kind.as_deref() != kind {
        let expected = if kind.is_some() { "`tagger`" } else { "none" };
        return Err(Fault::Kind { found: peek.kind.unwrap_or_default(), expected });
    }
    let head = serde_json::from_slice(head).map_err(|why| Fault::Head(why.to_string()))?;
    Ok((head, packed))
}

/// The first line, and what stands behind it.
fn parted(file: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    match file.first() {
        None => return Err(Fault::Empty),
        Some(b'{') => {}
        Some(_) => return Err(Fault::Begins(begins(file))),
    }
    let near = file.get(..MOST_HEAD.min(file.len())).unwrap_or_default();
    let Some(line) = near.iter().position(|byte| *byte == b'\n') else {
        return Err(Fault::Endless(near.len()));
    };
    let (head, packed) = file.split_at(line);
    Ok((head, packed.get(1..).unwrap_or_default()))
}

/// What a file is by its first bytes: what people are likely to have at hand.
fn begins(file: &[u8]) -> &'static str {
    let known: [(&[u8], &str); 8] = [
        (b"GGUF", "a GGUF file of llama.cpp"),
        (b"PK\x03\x04", "a ZIP archive (a checkpoint of PyTorch is one)"),
        (b"\x80", "a pickle of Python"),
        (b"\x08", "an ONNX model"),
        (b"\x89HDF", "an HDF5 file"),
        (b"\x28\xb5\x2f\xfd", "a file packed with Zstandard"),
        (b"\x1f\x8b", "a file packed with gzip"),
        (b"version https://git-lfs", "a pointer of Git LFS (the file itself was not fetched)"),
    ];
    if file.get(8) == Some(&b'{') {
        return "a safetensors file";
    }
    known.iter().find(|(first, _)| file.starts_with(first)).map_or("something else", |(_, what)| what)
}

/// Whether all of these numbers lie between `least` and `most`.
pub(super) fn within(
    key: &'static str,
    numbers: impl IntoIterator<Item = f32>,
    (least, most): (f32, f32),
) -> Result<(), Fault> {
    match numbers.into_iter().find(|number| !(least..=most).contains(number)) {
        Some(found) => Err(Fault::Number { key, found: format!("{found:?}"), least, most }),
        None => Ok(()),
    }
}

/// Whether all of these are numbers that can be reckoned with.
pub(super) fn finite(key: &'static str, numbers: impl IntoIterator<Item = f32>) -> Result<(), Fault> {
    within(key, numbers, (-MOST, MOST))
}

/// Whether what is written of the format has to be: not of the first one, which files that ship do not name.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
pub(super) fn is_first(format: &u32) -> bool {
    *format <= FORMAT
}

/// The format of a file that says none.
pub(super) fn first() -> u32 {
    FORMAT
}
