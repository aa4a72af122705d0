//! Folds that a rule refuses. All text is folded alike; what a rule finds in it is held against the original afterwards.

use super::fold_table::fold_but;

/// Folds that a rule refuses: in these it takes the text as it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Exact(u8);

impl Exact {
    /// Capital letters are other letters.
    pub const CASE: Self = Self(1);
    /// Wide, narrow, raised, circled and mathematical forms are other characters, ligatures no letters.
    pub const COMPATIBILITY: Self = Self(1 << 1);
    /// Accents and other combining marks count.
    pub const MARKS: Self = Self(1 << 2);
    /// Characters of which nothing is seen count.
    pub const INVISIBLE: Self = Self(1 << 3);
    /// Letters of other scripts and phonetic ones are no Latin letters.
    pub const LOOK_ALIKES: Self = Self(1 << 4);
    /// Traditional Chinese characters are other characters.
    pub const TRADITIONAL: Self = Self(1 << 5);
    /// Digits of other scripts are no ASCII digits.
    pub const DIGITS: Self = Self(1 << 6);
    /// Everything.
    pub const ALL: Self = Self((1 << 7) - 1);

    /// Each by its name in rules.
    pub const NAMES: [(&'static str, Self); 8] = [
        ("all", Self::ALL),
        ("case", Self::CASE),
        ("compatibility", Self::COMPATIBILITY),
        ("marks", Self::MARKS),
        ("invisible", Self::INVISIBLE),
        ("look-alikes", Self::LOOK_ALIKES),
        ("traditional", Self::TRADITIONAL),
        ("digits", Self::DIGITS),
    ];

    /// The one of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|&(_, exact)| exact)
    }

    /// Whether it holds all of `other`.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Without what `other` holds.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether nothing is refused.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The text folded, but for what is refused. ASCII letters keep their case.
    pub fn fold(self, text: &str) -> String {
        let mut folded = Vec::with_capacity(text.len());
        for c in text.chars() {
            fold_but(c, self, &mut folded);
        }
        String::from_utf8(folded).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fold_can_be_refused_alone() {
        let text = "Ｂоḿ\u{200b}b É萬٣";
        assert_eq!(Exact::default().fold(text), "Bomb E万3");
        for (exact, expected) in [
            (Exact::CASE, "Bomb E万3"),
            (Exact::COMPATIBILITY, "ｂomb E万3"),
            (Exact::MARKS, "Bom\u{301}b E\u{301}万3"),
            (Exact::INVISIBLE, "Bom\u{200b}b E万3"),
            (Exact::LOOK_ALIKES, "Bоmb E万3"),
            (Exact::TRADITIONAL, "Bomb E萬3"),
            (Exact::DIGITS, "Bomb E万٣"),
            (Exact::ALL, "Ｂоm\u{301}\u{200b}b E\u{301}萬٣"),
        ] {
            assert_eq!(exact.fold(text), expected, "{exact:?}");
        }
        assert_eq!((Exact::CASE.fold("ЖД"), Exact::MARKS.fold("ЖД").as_str()), ("ЖД".to_owned(), "жд"));
    }
}
