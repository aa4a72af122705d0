//! The pairs of words, and how often each stands in a text.
//!
//! A line of a list is a pair, those first of which a text tells most: common ones of which either stands where it likes. A pair is never taken out of a
//! list or changed: its coin is drawn from its words, and texts that were marked with it are to be known. New ones may stand anywhere.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A language whose words are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum List {
    /// English: words between signs and spaces.
    English,
    /// Chinese: words of two characters or three, among other characters.
    Chinese,
}

/// Two words of which either may stand where the other does, nearly always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// One.
    pub first: &'static str,
    /// The other.
    pub second: &'static str,
}

static ENGLISH: LazyLock<Vec<Pair>> = LazyLock::new(|| parsed(include_str!("english.txt")));
static CHINESE: LazyLock<Vec<Pair>> = LazyLock::new(|| parsed(include_str!("chinese.txt")));

/// A list's pairs. Lines that are none, of which a test sees that there are none, are passed over.
fn parsed(text: &'static str) -> Vec<Pair> {
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(first, second)| Pair { first, second })
        .collect()
}

impl List {
    /// Both.
    pub const ALL: [Self; 2] = [Self::English, Self::Chinese];

    /// The language's tag (RFC 5646).
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }

    /// Its pairs, those that tell most first.
    pub fn pairs(self) -> &'static [Pair] {
        match self {
            Self::English => &ENGLISH,
            Self::Chinese => &CHINESE,
        }
    }
}

/// Which pair a word belongs to, counted through both lists, and whether it is the first of it.
static WORDS: LazyLock<HashMap<&'static str, (usize, bool)>> = LazyLock::new(|| {
    let pairs = List::ALL.into_iter().flat_map(List::pairs).enumerate();
    pairs.flat_map(|(n, pair)| [(pair.first, (n, true)), (pair.second, (n, false))]).collect()
});

/// How often the words of each pair stand in a text: as many entries as both lists have pairs, English before Chinese.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counts(pub(super) Vec<[u32; 2]>);

/// Most characters of a listed Chinese word.
const LONGEST: usize = 3;

impl Counts {
    /// Of a text. A Latin word is what stands between other characters than letters, hyphens and apostrophes, as it is written; of Han characters
    /// the longest listed word that begins at a place counts, and the next begins behind it.
    pub(super) fn of(text: &str) -> Self {
        let mut counts = vec![[0_u32; 2]; List::ALL.into_iter().map(|list| list.pairs().len()).sum()];
        let mut count = |word: &str| {
            let Some(&(pair, first)) = WORDS.get(word) else { return false };
            if let Some([one, other]) = counts.get_mut(pair) {
                let count = if first { one } else { other };
                *count = count.saturating_add(1);
            }
            true
        };
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let taken = if is_han(c) {
                let ends = rest.char_indices().skip(1).map(|(at, _)| at).chain([rest.len()]);
                let words: Vec<&str> = ends.take(LONGEST).filter_map(|end| rest.get(..end)).collect();
                words.into_iter().rev().find(|word| count(word)).map_or(c.len_utf8(), str::len)
            } else if is_in_word(c) {
                let end = rest.find(|c| !is_in_word(c)).unwrap_or(rest.len());
                let _ = rest.get(..end).map(&mut count);
                end
            } else {
                c.len_utf8()
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
        Self(counts)
    }
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// What a Latin word is made of; also digits and underscores, as in identifiers, which are no words.
fn is_in_word(c: char) -> bool {
    (c.is_alphanumeric() || matches!(c, '_' | '-' | '\'' | '\u{2019}')) && !is_han(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_pairs_of_words_that_stand_once() {
        assert_eq!(List::English.pairs().len(), include_str!("english.txt").lines().count());
        assert_eq!(List::Chinese.pairs().len(), include_str!("chinese.txt").lines().count());
        assert_eq!(WORDS.len(), (List::English.pairs().len() + List::Chinese.pairs().len()) * 2);
        for pair in List::English.pairs() {
            for word in [pair.first, pair.second] {
                assert!(word.len() > 2 && word.bytes().all(|b| b.is_ascii_alphabetic()), "{word}");
                assert!(word.bytes().skip(1).all(|b| b.is_ascii_lowercase()), "{word}");
            }
        }
        for pair in List::Chinese.pairs() {
            for word in [pair.first, pair.second] {
                assert!(word.chars().all(is_han) && (2..=LONGEST).contains(&word.chars().count()), "{word}");
            }
        }
        assert!(List::ALL.into_iter().all(|list| list.pairs().len() >= 150));
    }

    /// Words that programs have with a space before them would be chosen otherwise there too. SQL's `between` and `like` are prose far oftener.
    #[test]
    fn no_word_is_a_keyword() {
        const KEYWORDS: &str = "abstract and as assert async await begin break case catch class const continue def default delete do done elif \
            else end enum except extends false final finally fn for foreach from func function get global if impl implements import in instanceof \
            interface is lambda let local loop match module move mut namespace native new next nil none not null of open or package pass private \
            protected public pure raise record repeat require return select self set static struct super switch template then this throw trait \
            true try type typeof union unless until use using var virtual void when where while with yield";
        let listed: Vec<&str> = KEYWORDS.split_whitespace().filter(|word| WORDS.contains_key(word)).collect();
        assert_eq!(listed, [""; 0]);
    }

    #[test]
    fn words_are_counted_where_they_are_words() {
        let counted = |text: &str, word: &str| {
            let (pair, first) = WORDS[word];
            Counts::of(text).0[pair][usize::from(!first)]
        };
        for (text, word, want) in [
            ("Several people, several\nindividuals; (several) several's co-several severally", "several", 2),
            ("x_several several_ several2 2several", "several", 0),
            ("several", "several", 1),
            ("因为我们看到很多，由于", "很多", 1),
            ("因为我们看到很多，由于", "因为", 1),
            ("各种各样的，尽可能", "可能", 0),
            ("合作但是协作然而", "协作", 1),
        ] {
            assert_eq!(counted(text, word), want, "{word} in {text}");
        }
    }
}
