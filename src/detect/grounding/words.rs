//! Words, numbers and links of a text.

use crate::text::work::step;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::detect) enum Form {
    /// Of any text, beside which it says little.
    Common,
    /// A word, or two characters of a script that is written without spaces.
    Word,
    /// A word that begins with a capital letter.
    Capital,
    /// A number.
    Number,
}

impl Form {
    /// Of a word in letters; `lower`: the same in lower case.
    pub(in crate::detect) fn of(word: &str, lower: &str) -> Self {
        if is_common(lower) {
            Self::Common
        } else if word.starts_with(char::is_uppercase) {
            Self::Capital
        } else {
            Self::Word
        }
    }
}

/// A word of a text.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::detect) struct Word {
    /// Bytes in the text.
    pub(in crate::detect) start: usize,
    pub(in crate::detect) end: usize,
    pub(in crate::detect) form: Form,
    /// Of its stem; of a number its value.
    pub(in crate::detect) hash: u64,
    /// Digits of a number.
    pub(in crate::detect) digits: u32,
}

/// English words that stand in any text. Their count is what matters: what is left says something.
const COMMON: &[&str] = &[
    "a",
    "about",
    "above",
    "after",
    "again",
    "all",
    "also",
    "am",
    "an",
    "and",
    "any",
    "are",
    "as",
    "at",
    "be",
    "because",
    "been",
    "before",
    "being",
    "below",
    "between",
    "both",
    "but",
    "by",
    "can",
    "could",
    "did",
    "do",
    "does",
    "doing",
    "down",
    "during",
    "each",
    "few",
    "for",
    "from",
    "further",
    "had",
    "has",
    "have",
    "having",
    "he",
    "her",
    "here",
    "hers",
    "him",
    "his",
    "how",
    "however",
    "i",
    "if",
    "in",
    "into",
    "is",
    "it",
    "its",
    "itself",
    "just",
    "like",
    "may",
    "me",
    "might",
    "more",
    "most",
    "must",
    "my",
    "no",
    "nor",
    "not",
    "now",
    "of",
    "off",
    "on",
    "once",
    "one",
    "only",
    "or",
    "other",
    "our",
    "out",
    "over",
    "own",
    "same",
    "shall",
    "she",
    "should",
    "so",
    "some",
    "such",
    "than",
    "that",
    "the",
    "their",
    "theirs",
    "them",
    "then",
    "there",
    "therefore",
    "these",
    "they",
    "this",
    "those",
    "through",
    "to",
    "too",
    "under",
    "until",
    "up",
    "us",
    "very",
    "was",
    "we",
    "were",
    "what",
    "when",
    "where",
    "which",
    "while",
    "who",
    "whom",
    "whose",
    "why",
    "will",
    "with",
    "would",
    "yes",
    "you",
    "your",
    "yours",
];

/// Numbers that are written as words.
const NUMBERS: &[&str] = &[
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
];

/// A word's hash: the same in every run.
pub(in crate::detect) fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

pub(super) fn pair(one: u64, two: u64) -> u64 {
    one.rotate_left(17) ^ two
}

/// Whether a character stands in a script that is written without spaces.
fn is_dense(c: char) -> bool {
    matches!(u32::from(c), 0x0E00..=0x0E7F | 0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xAC00..=0xD7A3 | 0x20000..=0x3FFFF)
}

fn digit(c: char) -> bool {
    c.is_ascii_digit()
}

/// The words of a text, in order, and where its links stand, which are no words.
pub(in crate::detect) fn words(text: &str) -> (Vec<Word>, Vec<(usize, usize)>) {
    let links = links(text);
    (words_between(text, &links), links)
}

/// A stretch of a text that is of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::detect) enum Piece<'a> {
    /// Digits, and points and commas between them.
    Number(&'a str),
    /// Characters of scripts that are written without spaces.
    Dense(&'a str),
    /// A word of letters.
    Letters(&'a str),
}

/// The words, numbers and stretches without spaces of a text, in order, each with its first byte; `links` are none.
pub(in crate::detect) fn pieces<'a>(
    text: &'a str,
    links: &[(usize, usize)],
    mut each: impl FnMut(usize, Piece<'a>),
) {
    let mut skip_to = 0;
    let mut at = 0;
    let mut links = links.iter().peekable();
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        if let Some(&(_, end)) = links.next_if(|&&(start, _)| at >= start) {
            skip_to = end.max(skip_to);
        }
        if at < skip_to {
            at += c.len_utf8();
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        if digit(c) {
            let length = number_length(rest);
            each(at, Piece::Number(rest.get(..length).unwrap_or_default()));
            at += length;
        } else if is_dense(c) {
            let length = rest.find(|c| !is_dense(c)).unwrap_or(rest.len());
            each(at, Piece::Dense(rest.get(..length).unwrap_or_default()));
            at += length;
        } else if c.is_alphabetic() {
            let letters = |c: char| c.is_alphabetic() && !is_dense(c) || matches!(c, '\'' | '’' | '\u{301}');
            let length = rest.find(|c| !letters(c)).unwrap_or(rest.len());
            let word = rest.get(..length).unwrap_or_default().trim_end_matches(['\'', '’']);
            each(at, Piece::Letters(word));
            at += length.max(1);
        } else {
            at += c.len_utf8();
        }
    }
}

fn words_between(text: &str, links: &[(usize, usize)]) -> Vec<Word> {
    let mut out = Vec::new();
    pieces(text, links, |start, piece| match piece {
        Piece::Number(number) => {
            let value = value(number);
            let digits = value.chars().filter(|c| digit(*c)).count() as u32;
            let end = start + number.len();
            out.push(Word { start, end, form: Form::Number, hash: hash(&value), digits });
        }
        Piece::Dense(run) => {
            for ((at, _), (next, c)) in run.char_indices().zip(run.char_indices().skip(1)) {
                let end = next + c.len_utf8();
                let hash = hash(run.get(at..end).unwrap_or_default());
                out.push(Word { start: start + at, end: start + end, form: Form::Word, hash, digits: 0 });
            }
        }
        Piece::Letters(word) => {
            let lower = word.to_lowercase();
            let form = Form::of(word, &lower);
            let value = NUMBERS.iter().position(|name| *name == lower);
            let hash = value.map_or_else(|| hash(stem(&lower)), |value| hash(&value.to_string()));
            out.push(Word { start, end: start + word.len(), form, hash, digits: 0 });
        }
    });
    out
}

/// Whether an English word stands in any text.
fn is_common(lower: &str) -> bool {
    COMMON.binary_search(&lower).is_ok()
}

/// The length of the number that begins a text: digits, and points and commas between them.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut end = 0;
    while let Some(byte) = bytes.get(end) {
        let between = matches!(byte, b'.' | b',') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        if !byte.is_ascii_digit() && !between {
            break;
        }
        end += 1;
    }
    end
}

/// A number as it is compared: without commas between thousands and zeros that say nothing.
pub(in crate::detect) fn value(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (n, part) in text.split(',').enumerate() {
        let whole = part.split('.').next().unwrap_or_default().len();
        if n > 0 && whole != 3 {
            out.push('.');
        }
        out.push_str(part);
    }
    let out = if out.contains('.') { out.trim_end_matches('0').trim_end_matches('.') } else { &out };
    let short = out.trim_start_matches('0');
    if short.is_empty() || short.starts_with('.') { format!("0{short}") } else { short.to_owned() }
}

/// An English word without its commonest endings. Others lose little.
pub(in crate::detect) fn stem(word: &str) -> &str {
    let word = word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).unwrap_or(word);
    for ending in ["ingly", "edly", "ing", "ies", "ed", "es", "ly", "s", "y", "e"] {
        if let Some(stem) = word.strip_suffix(ending).filter(|stem| stem.chars().count() >= 3) {
            return stem;
        }
    }
    word
}

/// Where links stand in a text: addresses with a scheme, `www.`, and DOIs. Each byte is looked at once a sign, however many signs there are.
pub(in crate::detect) fn links(text: &str) -> Vec<(usize, usize)> {
    let ends = |c: char| {
        step();
        c.is_whitespace() || "<>\"'`|\\^{}[]，。；、）】》」』".contains(c) || is_dense(c)
    };
    let mut out: Vec<(usize, usize)> = Vec::new();
    for sign in ["://", "www.", "10."] {
        let mut until = 0;
        for (at, _) in text.match_indices(sign) {
            if at < until {
                continue;
            }
            let start = match sign {
                "://" => match ["https", "http"].iter().find(|scheme| ends_in(text, at, scheme)) {
                    Some(scheme) => at - scheme.len(),
                    None => continue,
                },
                _ => at,
            };
            let rest = text.get(start..).unwrap_or_default();
            let before = text.get(..start).and_then(|text| text.chars().next_back());
            let alone = sign == "://" || before.is_none_or(|c| !c.is_alphanumeric() && c != '.' && c != '/');
            if !alone || sign == "10." && !is_doi(rest) {
                continue;
            }
            let length = rest.find(ends).unwrap_or(rest.len());
            until = start + length;
            let link = rest.get(..length).unwrap_or_default();
            let link = link.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '*', '_']);
            if link.len() > sign.len() + 2 {
                out.push((start, start + link.len()));
            }
        }
    }
    out.sort_unstable();
    out.dedup_by(|next, before| next.0 < before.1);
    out
}

/// Whether a text has a word right before a place, in whatever case.
fn ends_in(text: &str, at: usize, word: &str) -> bool {
    let before = at.checked_sub(word.len()).and_then(|from| text.as_bytes().get(from..at));
    before.is_some_and(|before| before.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether a text that begins with `10.` goes on as a DOI: four to nine digits, a slash, something.
fn is_doi(text: &str) -> bool {
    let code = text.as_bytes().get(3..).unwrap_or_default();
    let digits = code.iter().take(10).take_while(|b| b.is_ascii_digit()).count();
    (4..=9).contains(&digits) && code.get(digits) == Some(&b'/') && code.len() > digits + 1
}

/// A link as it is compared.
pub(super) fn link(text: &str) -> String {
    let text = text.to_lowercase();
    let text = text.trim_start_matches("https://").trim_start_matches("http://").trim_start_matches("www.");
    text.trim_start_matches("doi.org/").trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::work::steps_of;

    #[test]
    fn common_words_are_in_order() {
        assert!(COMMON.is_sorted());
    }

    #[test]
    fn numbers_are_compared_by_what_they_say() {
        for (one, other) in [
            ("1,844", "1844"),
            ("3.50", "3.5"),
            ("007", "7"),
            ("1,5", "1.5"),
            ("12,000,000", "12000000"),
            ("0.0", "0"),
        ] {
            assert_eq!(value(one), value(other), "{one} {other}");
        }
        assert_ne!(value("1.8"), value("18"));
        assert_ne!(value("10"), value("1"));
        assert_eq!(words("two of 12.").0[0].hash, words("2").0[0].hash);
        assert_eq!(number_length("12. x"), 2);
    }

    #[test]
    fn links_end_where_their_sentence_goes_on() {
        let text = "See https://a.example/x?y=1, (www.b.example/z). DOI 10.1000/xyz123. Version 10.4 of 110.2000/9 costs 10.50.";
        let found: Vec<&str> =
            links(text).into_iter().map(|(start, end)| text.get(start..end).unwrap_or_default()).collect();
        assert_eq!(found, ["https://a.example/x?y=1", "www.b.example/z", "10.1000/xyz123"]);
        assert_eq!(link("https://www.A.example/"), link("a.example"));
        assert_eq!(link("https://doi.org/10.1000/xyz123"), "10.1000/xyz123");
    }

    /// Promise 7: what looks like the beginning of a link at every few bytes takes no more than its length.
    #[test]
    fn many_signs_are_linear_work() {
        for sign in ["10.", "http://", "www.", "10.1000/", " www.a"] {
            let steps = |count: usize| steps_of(|| assert!(words(&sign.repeat(count)).0.len() <= count * 3));
            assert!(steps(8000) <= steps(1000) * 8 + 100, "{sign}: {} and {}", steps(1000), steps(8000));
        }
        assert_eq!(links("HTTPS://New.example/x is new"), [(0, 21)]);
    }
}
