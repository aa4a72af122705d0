//! What is known of words beforehand: names, places, common words, as hashes with a set of traits each.
//!
//! Words of scripts with spaces are one token. Those of Chinese and Japanese are looked up wherever they may begin, and tell each character
//! whether it begins such a word or stands within one.

use super::token::{Kind, Token, hash, seat, shape};

/// What words are.
pub(super) mod trait_of {
    /// A given name, in a script with spaces.
    pub(in crate::detect::tagger) const GIVEN: u16 = 1;
    /// A surname, likewise.
    pub(in crate::detect::tagger) const SURNAME: u16 = 1 << 1;
    /// A common word.
    pub(in crate::detect::tagger) const COMMON: u16 = 1 << 2;
    /// A place.
    pub(in crate::detect::tagger) const PLACE: u16 = 1 << 3;
    /// What organisations are called by: `Inc`, `Hospital`.
    pub(in crate::detect::tagger) const ORGANISATION: u16 = 1 << 4;
    /// What stands before or behind names: `Mr`, `Dra`.
    pub(in crate::detect::tagger) const TITLE: u16 = 1 << 5;
    /// A Chinese surname begins here.
    pub(in crate::detect::tagger) const HAN_SURNAME: u16 = 1 << 6;
    /// A character of which Chinese given names are made.
    pub(in crate::detect::tagger) const HAN_GIVEN: u16 = 1 << 7;
    /// Within a Japanese surname; with [`BEGINS`] at its beginning.
    pub(in crate::detect::tagger) const JAPANESE_SURNAME: u16 = 1 << 8;
    /// Within a Japanese given name.
    pub(in crate::detect::tagger) const JAPANESE_GIVEN: u16 = 1 << 9;
    /// Within a common word of two characters and more.
    pub(in crate::detect::tagger) const HAN_COMMON: u16 = 1 << 10;
    /// Within a place's name.
    pub(in crate::detect::tagger) const HAN_PLACE: u16 = 1 << 11;
    /// Within what organisations are called by.
    pub(in crate::detect::tagger) const HAN_ORGANISATION: u16 = 1 << 12;
    /// Within a title.
    pub(in crate::detect::tagger) const HAN_TITLE: u16 = 1 << 13;
    /// Some such word begins here.
    pub(in crate::detect::tagger) const BEGINS: u16 = 1 << 14;
    /// A common word begins here.
    pub(in crate::detect::tagger) const COMMON_BEGINS: u16 = 1 << 15;
}

/// The most characters of a word that is looked up.
const LONGEST: usize = 4;

/// Names of traits, as lists of words are marked with.
pub const TRAITS: [(&str, u16); 17] = [
    // Of one Chinese character these are something else than of a word.
    ("han-surname-strong", trait_of::SURNAME),
    ("han-given-strong", trait_of::TITLE),
    ("han-function", trait_of::COMMON),
    ("given", trait_of::GIVEN),
    ("surname", trait_of::SURNAME),
    ("common", trait_of::COMMON),
    ("place", trait_of::PLACE),
    ("organisation", trait_of::ORGANISATION),
    ("title", trait_of::TITLE),
    ("han-surname", trait_of::HAN_SURNAME),
    ("han-given", trait_of::HAN_GIVEN),
    ("japanese-surname", trait_of::JAPANESE_SURNAME),
    ("japanese-given", trait_of::JAPANESE_GIVEN),
    ("han-common", trait_of::HAN_COMMON),
    ("han-place", trait_of::HAN_PLACE),
    ("han-organisation", trait_of::HAN_ORGANISATION),
    ("han-title", trait_of::HAN_TITLE),
];

/// Words by hash.
#[derive(Clone, Debug, Default)]
pub struct Lexicon {
    /// An open table, a power of two long: hash and traits; no traits, no word.
    slots: Vec<(u32, u16)>,
}

impl Lexicon {
    /// Of words in folded form with their traits; those of one word are joined.
    pub fn of_words<'w>(words: impl Iterator<Item = (&'w str, u16)>) -> Vec<(u32, u16)> {
        let mut entries: Vec<(u32, u16)> =
            words.map(|(word, traits)| (Self::hash_of(word), traits)).collect();
        entries.sort_unstable();
        entries.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 |= next.1;
            }
            same
        });
        entries
    }

    /// Of entries.
    pub fn new(entries: &[(u32, u16)]) -> Self {
        let size = (entries.len() * 2).next_power_of_two().max(2);
        let mut slots = vec![(0, 0); size];
        for &(hash, traits) in entries.iter().filter(|(_, traits)| *traits != 0) {
            let mut at = place(hash, size);
            while slots.get(at).is_some_and(|slot| slot.1 != 0) {
                at = (at + 1) & (size - 1);
            }
            if let Some(slot) = slots.get_mut(at) {
                *slot = (hash, traits);
            }
        }
        Self { slots }
    }

    #[inline]
    fn traits(&self, hash: u32) -> u16 {
        let size = self.slots.len();
        if size == 0 {
            return 0;
        }
        let mut at = place(hash, size);
        loop {
            match self.slots.get(at) {
                None | Some((_, 0)) => return 0,
                Some(&(known, traits)) if known == hash => return traits,
                Some(_) => at = (at + 1) & (size - 1),
            }
        }
    }

    /// Tells each token of a unit what is known of it.
    pub fn tell(&self, tokens: &mut [Token]) {
        // Words are read from the left, the longest one each time.
        let mut free = 0;
        for at in 0..tokens.len() {
            let Some(&Token { kind, word, .. }) = tokens.get(at) else { continue };
            match kind {
                Kind::Word => tokens[at].known |= self.traits(word),
                Kind::Han | Kind::Hiragana | Kind::Katakana | Kind::Hangul => {
                    let longest = self.tell_letters(tokens, at, word);
                    if at >= free && longest > 1 {
                        free = at + longest;
                        for (place, token) in tokens.iter_mut().skip(at).take(longest).enumerate() {
                            token.seat = match place {
                                0 => seat::FIRST,
                                _ if place + 1 == longest => seat::LAST,
                                _ => seat::WITHIN,
                            };
                        }
                    }
                }
                Kind::Number | Kind::Sign | Kind::Nothing => {}
            }
        }
    }

    /// Gives the length of the longest common word that begins here, or 0.
    fn tell_letters(&self, tokens: &mut [Token], at: usize, first: u32) -> usize {
        let mut longest = 0;
        let one = self.traits(first);
        tokens[at].known |= one;
        let mut joined = first;
        for length in 2..=LONGEST {
            let Some(next) = tokens.get(at + length - 1).filter(|next| next.kind.is_letter()) else { break };
            joined = joined.rotate_left(7) ^ next.word.wrapping_mul(0x9E37_79B1);
            let traits = self.traits(joined);
            if traits == 0 {
                continue;
            }
            if traits & (trait_of::HAN_COMMON | trait_of::HAN_PLACE) != 0 {
                longest = length;
            }
            let begins = trait_of::BEGINS
                | if traits & trait_of::HAN_COMMON != 0 { trait_of::COMMON_BEGINS } else { 0 };
            tokens[at].known |= traits | begins;
            // A surname begins where it begins.
            let within = traits & !trait_of::HAN_SURNAME;
            tokens.iter_mut().skip(at + 1).take(length - 1).for_each(|token| token.known |= within);
        }
        longest
    }

    /// The hash of a word of several characters, as [`Lexicon::tell`] makes it of tokens.
    pub fn hash_of(word: &str) -> u32 {
        let is_letters = |c: char| matches!(c, '\u{3005}' | '\u{3041}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}');
        if !word.chars().all(is_letters) {
            return hash(word.as_bytes());
        }
        let mut buffer = [0; 4];
        let mut hashes = word.chars().map(|c| hash(c.encode_utf8(&mut buffer).as_bytes()));
        let first = hashes.next().unwrap_or_default();
        hashes.fold(first, |joined, next| joined.rotate_left(7) ^ next.wrapping_mul(0x9E37_79B1))
    }
}

/// Whether a token of a text that nobody labelled is a common word for certain, or a part of one. Tokens know what the lexicon says.
pub fn is_common(tokens: &[Token], at: usize) -> bool {
    let Some(token) = tokens.get(at) else { return false };
    let has = |traits: u16| token.known & traits != 0;
    match token.kind {
        Kind::Word => {
            let name = has(trait_of::GIVEN | trait_of::SURNAME | trait_of::PLACE | trait_of::ORGANISATION);
            token.shape == shape::LOWER && (has(trait_of::COMMON) || !name)
        }
        Kind::Han => {
            // A surname may begin before it of which it is a part.
            let opens = |back: usize| {
                at.checked_sub(back).and_then(|at| tokens.get(at)).is_some_and(|before| {
                    before.known & trait_of::HAN_SURNAME != 0 && before.known & trait_of::HAN_COMMON == 0
                })
            };
            has(trait_of::COMMON)
                || has(trait_of::HAN_COMMON) && !has(trait_of::HAN_PLACE) && !opens(1) && !opens(2)
        }
        Kind::Hiragana => true,
        Kind::Number | Kind::Sign => !has(trait_of::GIVEN),
        Kind::Katakana | Kind::Hangul | Kind::Nothing => false,
    }
}

/// Whether a token by itself gives no reason to look for a name.
pub(super) fn is_quiet(tokens: &[Token], at: usize) -> bool {
    let Some(token) = tokens.get(at) else { return true };
    let has = |traits: u16| token.known & traits != 0;
    let name =
        trait_of::GIVEN | trait_of::SURNAME | trait_of::PLACE | trait_of::ORGANISATION | trait_of::TITLE;
    match token.kind {
        Kind::Word => match token.shape {
            shape::LOWER => has(trait_of::COMMON) || !has(name),
            // The first word of a sentence.
            shape::TITLE | shape::LETTER => has(trait_of::COMMON) && !has(name) && at == 0,
            _ => false,
        },
        Kind::Han => {
            let strong = has(trait_of::SURNAME) && has(trait_of::HAN_SURNAME);
            let other = strong || has(trait_of::HAN_PLACE | trait_of::HAN_ORGANISATION);
            let within = token.seat != seat::ALONE && has(trait_of::HAN_COMMON) && !other;
            has(trait_of::COMMON) || within || token.known == 0
        }
        Kind::Hiragana | Kind::Number | Kind::Sign | Kind::Nothing => true,
        Kind::Katakana | Kind::Hangul => false,
    }
}

#[inline]
fn place(hash: u32, size: usize) -> usize {
    (hash.wrapping_mul(0x9E37_79B1) >> 8) as usize & (size - 1)
}
