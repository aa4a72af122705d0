//! The numbers that a tokenizer has for the listed words, out of the operator's file: Hugging Face's `tokenizer.json` or tiktoken's lines of base64 and
//! rank. Nothing is tokenized: only words that are one token are of use.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::lists::List;

/// The largest file that is read. The largest in use (Gemma 3, 262,144 tokens) has 33 MB.
pub const LARGEST: u64 = 128 << 20;
/// The most tokens.
const MOST: usize = 4 << 20;

/// Why a tokenizer's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VocabularyError {
    /// It cannot be read.
    #[error("cannot read `{path}`: {source}")]
    Io {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// It is too large to be one.
    #[error("`{path}` has {size} bytes, expected a tokenizer's file of at most {LARGEST}")]
    Large {
        /// The file.
        path: String,
        /// Its size in bytes.
        size: u64,
    },
    /// It is JSON, and no tokenizer.
    #[error("`{path}` is no `tokenizer.json`: {found}")]
    Json {
        /// The file.
        path: String,
        /// What was found, where, and what was expected.
        found: String,
    },
    /// A line is none of tiktoken's.
    #[error(
        "`{path}`, line {line}: found `{found}`, expected a token in base64, a space and its rank, as in `.tiktoken` files; a `tokenizer.json` begins with `{{`"
    )]
    Line {
        /// The file.
        path: String,
        /// The line.
        line: usize,
        /// Its beginning.
        found: String,
    },
    /// It has hardly any of the words.
    #[error(
        "`{path}` has {english} of {pairs_en} English and {chinese} of {pairs_zh} Chinese pairs of words as tokens of their own, expected at least {least} of either",
        pairs_en = List::English.pairs().len(), pairs_zh = List::Chinese.pairs().len()
    )]
    Few {
        /// The file.
        path: String,
        /// English pairs that are there.
        english: usize,
        /// Chinese pairs that are there.
        chinese: usize,
        /// What is needed.
        least: usize,
    },
}

/// The tokens that are listed words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vocabulary {
    words: HashMap<&'static str, u32>,
}

/// How a tokenizer spells a space before a word, and what is no Latin letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spelling {
    /// `Ġword`, and a character for each byte (GPT-2, Llama 3, Qwen).
    Bytes,
    /// `▁word`, and text as it is (SentencePiece).
    Marked,
}

impl Vocabulary {
    /// Reads a file. Whether it has enough of the words is for [`super::Biased`] to say.
    pub fn load(path: &Path) -> Result<Self, VocabularyError> {
        let name = path.display().to_string();
        let io = |source| VocabularyError::Io { path: path.display().to_string(), source };
        let file = std::fs::File::open(path).map_err(io)?;
        let about = file.metadata().map_err(io)?;
        if about.len() > LARGEST {
            return Err(VocabularyError::Large { path: name, size: about.len() });
        }
        let mut bytes = Vec::with_capacity(about.len() as usize);
        io::Read::read_to_end(&mut io::Read::take(file, LARGEST), &mut bytes).map_err(io)?;
        Self::of(&name, &bytes)
    }

    /// Reads a file's content; `path` is for what is said of it.
    pub fn of(path: &str, bytes: &[u8]) -> Result<Self, VocabularyError> {
        let is_json =
            bytes.trim_ascii_start().strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes.trim_ascii_start());
        if is_json.starts_with(b"{") { Self::of_json(path, is_json) } else { Self::of_lines(path, bytes) }
    }

    /// The number of a word: of a Latin one with a space before it.
    pub(super) fn token(&self, word: &str) -> Option<u32> {
        self.words.get(word).copied()
    }

    fn of_json(path: &str, bytes: &[u8]) -> Result<Self, VocabularyError> {
        let wrong = |found: String| VocabularyError::Json { path: path.to_owned(), found };
        let file: TokenizerFile = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        if let Some(kind) = file.model.kind.filter(|kind| !matches!(&**kind, "BPE" | "Unigram")) {
            return Err(wrong(format!("`model.type` is `{kind}`, expected `BPE` or `Unigram`")));
        }
        let tokens = file.model.vocab.0;
        let spelling = match (tokens.contains_key("Ġthe"), tokens.contains_key("▁the")) {
            (true, false) => Spelling::Bytes,
            (false, true) => Spelling::Marked,
            (found, _) => {
                let both =
                    if found { "both `Ġthe` and `▁the` are" } else { "neither `Ġthe` nor `▁the` is" };
                return Err(wrong(format!("{both} among its {} tokens, expected one of them", tokens.len())));
            }
        };
        Ok(Self::spelled(|word, is_latin| {
            let token = match (spelling, is_latin) {
                (Spelling::Bytes, _) => in_bytes(word, is_latin),
                (Spelling::Marked, true) => format!("▁{word}"),
                (Spelling::Marked, false) => word.to_owned(),
            };
            tokens.get(&token).copied()
        }))
    }

    fn of_lines(path: &str, bytes: &[u8]) -> Result<Self, VocabularyError> {
        let mut tokens: HashMap<Vec<u8>, u32> = HashMap::new();
        for (n, line) in (1..).zip(bytes.split(|&b| b == b'\n')) {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let mut words = line.split(|&b| b == b' ');
            let token = words.next().and_then(|token| STANDARD.decode(token).ok());
            let rank = words.next().and_then(|rank| std::str::from_utf8(rank).ok()?.parse().ok());
            let (Some(token), Some(rank), None, true) = (token, rank, words.next(), n <= MOST) else {
                let found = String::from_utf8_lossy(line).chars().take(40).collect();
                return Err(VocabularyError::Line { path: path.to_owned(), line: n, found });
            };
            // Merges of bytes are long; words are not.
            if token.len() <= 32 {
                tokens.insert(token, rank);
            }
        }
        Ok(Self::spelled(|word, is_latin| {
            let spaced = if is_latin { format!(" {word}") } else { word.to_owned() };
            tokens.get(spaced.as_bytes()).copied()
        }))
    }

    /// All listed words that `find` knows.
    fn spelled(find: impl Fn(&str, bool) -> Option<u32>) -> Self {
        let mut words = HashMap::new();
        for list in List::ALL {
            for word in list.pairs().iter().flat_map(|pair| [pair.first, pair.second]) {
                words.extend(find(word, list == List::English).map(|token| (word, token)));
            }
        }
        Self { words }
    }
}

/// A word as byte-level tokenizers write it: each byte is a character, those that cannot be printed from U+0100 on (GPT-2's `bytes_to_unicode`).
fn in_bytes(word: &str, spaced: bool) -> String {
    let printed = |b: u8| matches!(b, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let character = |b: u8| {
        if printed(b) {
            return char::from(b);
        }
        let before = (0..b).filter(|&other| !printed(other)).count();
        char::from_u32(0x100 + before as u32).unwrap_or(' ')
    };
    let space = spaced.then_some(b' ');
    space.into_iter().chain(word.bytes()).map(character).collect()
}

#[derive(Deserialize)]
struct TokenizerFile {
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    #[serde(rename = "type")]
    kind: Option<String>,
    vocab: Tokens,
}

/// `vocab`: an object of tokens and numbers (BPE), or a list of tokens and scores in the order of their numbers (Unigram).
struct Tokens(HashMap<String, u32>);

impl<'de> Deserialize<'de> for Tokens {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Tokens;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tokens and their numbers, or a list of tokens and scores")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tokens, A::Error> {
                let mut tokens = HashMap::new();
                while let Some((token, number)) = map.next_entry::<String, u32>()? {
                    tokens.insert(token, number);
                    if tokens.len() > MOST {
                        return Err(serde::de::Error::custom(format!("more than {MOST} tokens")));
                    }
                }
                Ok(Tokens(tokens))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tokens, A::Error> {
                let mut tokens = HashMap::new();
                while let Some((token, IgnoredAny)) = list.next_element::<(String, IgnoredAny)>()? {
                    let number = tokens.len() as u32;
                    // A token that is named twice would put all that follow out of step.
                    if tokens.len() > MOST || tokens.insert(token, number).is_some() {
                        let what =
                            format!("more than {MOST} tokens, or one that is named twice (at {number})");
                        return Err(serde::de::Error::custom(what));
                    }
                }
                Ok(Tokens(tokens))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The files that a tokenizer of the words would have, and one word that is none.
    fn json(spell: impl Fn(&str, bool) -> String, unigram: bool) -> String {
        let words = List::ALL.into_iter().flat_map(|list| {
            list.pairs()
                .iter()
                .flat_map(|p| [p.first, p.second])
                .map(move |word| (word, list == List::English))
        });
        let tokens = std::iter::once(("the", true)).chain(words).map(|(word, latin)| spell(word, latin));
        let (kind, vocab): (_, String) = if unigram {
            let rows: Vec<String> = tokens.map(|token| format!("[{token:?},-3.5]")).collect();
            ("Unigram", format!("[{}]", rows.join(",")))
        } else {
            let rows: Vec<String> = tokens.enumerate().map(|(n, token)| format!("{token:?}:{n}")).collect();
            ("BPE", format!("{{{}}}", rows.join(",")))
        };
        format!(
            r#"{{"version":"1.0","added_tokens":[{{"id":0}}],"model":{{"type":"{kind}","merges":["a b"],"vocab":{vocab}}}}}"#
        )
    }

    fn marked(word: &str, latin: bool) -> String {
        if latin { format!("▁{word}") } else { word.to_owned() }
    }

    #[test]
    fn every_form_has_the_same_numbers() {
        let lines: String = std::iter::once(" the".to_owned())
            .chain(List::ALL.into_iter().flat_map(|list| {
                list.pairs()
                    .iter()
                    .flat_map(|p| [p.first, p.second])
                    .map(move |word| if list == List::English { format!(" {word}") } else { word.to_owned() })
            }))
            .enumerate()
            .map(|(n, token)| format!("{} {n}\n", STANDARD.encode(token)))
            .collect();
        let all = [
            Vocabulary::of("a", json(in_bytes, false).as_bytes()).expect("byte-level BPE"),
            Vocabulary::of("b", json(marked, false).as_bytes()).expect("BPE of SentencePiece"),
            Vocabulary::of("c", json(marked, true).as_bytes()).expect("Unigram"),
            Vocabulary::of("d", lines.as_bytes()).expect("tiktoken"),
        ];
        assert!(all.windows(2).all(|two| two[0] == two[1]));
        let pairs: Vec<_> = List::ALL.into_iter().flat_map(List::pairs).collect();
        for (n, pair) in pairs.iter().enumerate() {
            let number = |word| all[0].token(word).map(|token| token as usize);
            assert_eq!((number(pair.first), number(pair.second)), (Some(1 + n * 2), Some(2 + n * 2)));
        }
    }

    /// As Hugging Face's byte-level tokenizers have it: `因为` is `åĽłä¸º` in Qwen's `vocab.json`.
    #[test]
    fn bytes_are_spelled_as_characters() {
        assert_eq!(in_bytes("the", true), "Ġthe");
        assert_eq!(in_bytes("因为", false), "åĽłä¸º");
    }

    #[test]
    fn what_is_no_tokenizer_is_told() {
        for (text, want) in [
            (
                r#"{"model":{"type":"WordPiece","vocab":{"the":1}}}"#,
                "`model.type` is `WordPiece`, expected `BPE` or `Unigram`",
            ),
            (
                r#"{"model":{"type":"BPE","vocab":{"the":1}}}"#,
                "neither `Ġthe` nor `▁the` is among its 1 tokens",
            ),
            (r#"{"model":{"vocab":{"Ġthe":1,"▁the":2}}}"#, "both `Ġthe` and `▁the` are"),
            (r#"{"model":{"type":"BPE","vocab":7}}"#, "expected an object of tokens and their numbers"),
            (r#"{"model":{"type":"Unigram","vocab":[["a",1],["a",2]]}}"#, "named twice (at 1)"),
            ("{\"version\":1}", "missing field `model` at line 1"),
            ("IHRoZQ== 262\nnot a line\n", "line 2: found `not a line`, expected a token in base64"),
            ("PK\u{3}\u{4}", "line 1: found `PK"),
        ] {
            let error = Vocabulary::of("x/tokenizer.json", text.as_bytes()).expect_err(text).to_string();
            assert!(error.contains(want) && error.contains("x/tokenizer.json"), "{error}");
        }
        assert!(matches!(Vocabulary::load(Path::new("no/such")), Err(VocabularyError::Io { .. })));
    }
}
