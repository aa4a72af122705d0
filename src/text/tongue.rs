//! Languages in which people are told that a text was generated: guessed from a text as it comes, piece by piece.
//!
//! Scripts tell Chinese and Japanese; the languages of Europe are told by their commonest words.

use super::Scripts;

/// A language of labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tongue {
    /// English: also what is none of the others.
    #[default]
    English,
    /// Chinese.
    Chinese,
    /// Japanese.
    Japanese,
    /// German.
    German,
    /// French.
    French,
    /// Spanish.
    Spanish,
    /// Italian.
    Italian,
}

impl Tongue {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::English,
        Self::Chinese,
        Self::Japanese,
        Self::German,
        Self::French,
        Self::Spanish,
        Self::Italian,
    ];

    /// Its tag (RFC 5646).
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
            Self::Japanese => "ja",
            Self::German => "de",
            Self::French => "fr",
            Self::Spanish => "es",
            Self::Italian => "it",
        }
    }

    /// The one of a tag, whatever its region (`zh-CN`).
    pub fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split('-').next().unwrap_or_default();
        Self::ALL.into_iter().find(|tongue| tongue.tag().eq_ignore_ascii_case(primary))
    }

    /// The one that an `accept-language` asks for first; none, where it asks for no one that is there.
    pub fn accepted(field: &str) -> Option<Self> {
        let mut best: Option<(Self, f32)> = None;
        for range in field.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let tongue = Self::of_tag(parts.next().unwrap_or_default());
            let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f32>);
            let (Some(tongue), weight) = (tongue, weight.unwrap_or(0.0)) else { continue };
            if weight > best.map_or(0.0, |(_, heavy)| heavy) {
                best = Some((tongue, weight));
            }
        }
        best.map(|(tongue, _)| tongue)
    }
}

/// Words that nearly every sentence of a language has and few of the others do.
const WORDS: [(Tongue, &[&str]); 5] = [
    (
        Tongue::English,
        &[
            "the", "and", "of", "to", "is", "are", "you", "that", "it", "with", "this", "for", "not", "what",
            "how", "your", "can", "have", "was", "which",
        ],
    ),
    (
        Tongue::German,
        &[
            "der", "die", "das", "und", "ist", "nicht", "ein", "eine", "ich", "sie", "mit", "für", "auf",
            "zu", "den", "dem", "wie", "auch", "sich", "oder", "werden", "von",
        ],
    ),
    (
        Tongue::French,
        &[
            "le", "les", "et", "est", "des", "une", "dans", "pour", "que", "qui", "vous", "nous", "pas",
            "avec", "sur", "du", "au", "ce", "sont", "il", "je", "un",
        ],
    ),
    (
        Tongue::Spanish,
        &[
            "el", "los", "las", "y", "es", "una", "que", "para", "con", "por", "del", "no", "se", "en",
            "como", "más", "su", "qué", "está", "un", "puede",
        ],
    ),
    (
        Tongue::Italian,
        &[
            "il", "gli", "e", "è", "di", "che", "per", "una", "non", "con", "della", "sono", "del", "nel",
            "come", "più", "questo", "un", "può", "si", "da",
        ],
    ),
];

/// So many bytes tell the language; what follows is not read.
const TELLING: usize = 4 << 10;
/// Longest of the words above, in bytes.
const LONGEST: usize = 12;

/// A text's language as far as the text has come.
#[derive(Clone, Debug, Default)]
pub struct Guess {
    scripts: Scripts,
    counts: [u32; WORDS.len()],
    word: String,
    read: usize,
}

impl Guess {
    /// The text goes on.
    pub fn push(&mut self, piece: &str) {
        if self.read >= TELLING {
            return;
        }
        self.read += piece.len();
        for c in piece.chars() {
            self.scripts.letter(c);
            if c.is_alphabetic() {
                if self.word.len() <= LONGEST {
                    self.word.extend(c.to_lowercase());
                }
            } else {
                self.end_word();
            }
        }
    }

    fn end_word(&mut self) {
        for ((_, words), count) in WORDS.iter().zip(&mut self.counts) {
            *count += u32::from(words.contains(&&*self.word));
        }
        self.word.clear();
    }

    /// What it is, if there is something to tell it by.
    pub fn tongue(&self) -> Option<Tongue> {
        let mut last = self.clone();
        last.end_word();
        match last.scripts.language() {
            Some(super::Language::Chinese) => return Some(Tongue::Chinese),
            Some(super::Language::Japanese) => return Some(Tongue::Japanese),
            Some(super::Language::English) | None => {}
        }
        let most = last.counts.iter().copied().max().filter(|&most| most > 0)?;
        let mut best = WORDS.iter().zip(last.counts).filter(|(_, count)| *count == most);
        let (tongue, _) = best.next()?.0;
        // Words that languages share tell none of them.
        best.next().is_none().then_some(*tongue)
    }

    /// The language of a text.
    pub fn of(text: &str) -> Option<Tongue> {
        let mut guess = Self::default();
        guess.push(text);
        guess.tongue()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_tell_their_language() {
        for (text, want) in [
            ("What is the capital of Australia, and why is it not Sydney?", Some(Tongue::English)),
            ("澳大利亚的首都是堪培拉，AI 这样说。", Some(Tongue::Chinese)),
            ("オーストラリアの首都はキャンベラです。", Some(Tongue::Japanese)),
            ("Die Hauptstadt von Australien ist nicht Sydney.", Some(Tongue::German)),
            ("La capitale de l'Australie est Canberra, et elle est dans les terres.", Some(Tongue::French)),
            ("La capital de Australia es Canberra y no está en la costa.", Some(Tongue::Spanish)),
            ("La capitale è Canberra e non è sulla costa della nazione.", Some(Tongue::Italian)),
            ("42", None),
            ("", None),
        ] {
            assert_eq!(Guess::of(text), want, "{text}");
            let mut guess = Guess::default();
            text.chars().for_each(|c| guess.push(c.encode_utf8(&mut [0; 4])));
            assert_eq!(guess.tongue(), want, "{text}, letter by letter");
        }
    }

    #[test]
    fn headers_ask_for_languages() {
        assert_eq!(Tongue::accepted("fr-CH, de;q=0.9"), Some(Tongue::French));
        assert_eq!(Tongue::accepted("pl, it;q=0.1"), Some(Tongue::Italian));
        assert_eq!(Tongue::accepted("*"), None);
    }
}
