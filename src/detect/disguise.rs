//! Keywords behind a disguise: letters apart (`b.o.m.b`, `敏*感 词`), signs for letters (`b0mb`, `b*mb`), letters
//! repeated (`booomb`).
//!
//! A rule says which of these it sees through ([`Folds`]). What is looked for are the letters and digits of its keywords; between
//! two words of a phrase stands a *joint*, which white space, separators or nothing may fill. A walk is a small set of
//! [`Item`]s, each a way to read the text so far, and goes on character by character; what it finds does not depend on how
//! the text was cut.
//!
//! What keeps innocent texts innocent:
//! - A word begins and ends at a boundary, as a whole word does, whatever its rule says of boundaries.
//! - White space and the marks of sentences come between letters only where all letters of the word stand apart, and no line and no
//!   sentence ends between them: `the rap ist` is not `rapist`, nor is `Take a. B. Then c` an `abc`.
//! - At most [`GAP`] separators stand between two letters; an HTML tag (`b<i></i>omb`) is one, up to [`TAG`] characters long.
//! - `,`, `;` and `:` come between Chinese characters only where they stand between all of a word of three and more, `!` and `?` never:
//!   nothing else ends a sentence there.
//! - Where signs stand for letters, at least two letters stand for themselves, and at most twice as many are wildcards; no word
//!   begins with more than three signs, nor with two digits, as `80mb` does.
//! - A word of three letters is looked for with its letters apart only by signs, not as the end of a longer row: `c.l.a.s.s`, `a s s ess`.
//! - Words of less than three letters (two Chinese characters) are not looked for: they stand in every list of initials.

use super::gate::{Bits, CHINESE, Gate, Keys, begins_chinese, eight, head};
use super::lexicon::{Meaning, Word};
use super::likeness::{Form, LIKE, Likeness, likeness, longest_row};
use super::pattern::{after_escape, char_at, char_before, is_word};
use super::phrase::{ANYTHING, FirstKeys, FirstTokens, Next};
use super::signs::{Between, between, is_letter, is_wide, is_wild, leet, wide_signs};
use super::trie::{Behind, Entry, State, Trie};
use super::{Folds, RuleId, RuleSpec};
use crate::text::fold::is_chinese;
use crate::text::work::step;
use smallvec::{SmallVec, smallvec};

/// The most separators between two letters.
pub(super) const GAP: u8 = 3;
/// The most characters of a tag.
pub(super) const TAG: u8 = 48;
/// The most letters that only repeat, and the most where they do not touch.
pub(super) const REPEATS: u8 = 60;
pub(super) const REPEATS_APART: u8 = 4;
/// Of the letters up to any place of a word, at most so many more are signs than stand for themselves: a row of figures
/// is read as a word no further.
pub(super) const MORE_SIGNS: u8 = 3;
/// The most ways in which one text is read at once. What would be more is not looked at.
const WAYS: usize = 24;
/// The longest word in bytes: it bounds the walks that one text has open.
const LONGEST: usize = 128;

/// Disguises that a way of reading took, or that a rule sees through.
const SEPARATORS: u8 = 1;
const LEET: u8 = 2;
const REPEATED: u8 = 4;
/// Every word has some trait.
const ANY: u8 = 8;
/// A word of three letters.
const SHORT: u8 = 16;
/// A word of less than three Chinese characters, or six letters.
const FEW: u8 = 32;

/// The keywords that are looked for behind disguises.
#[derive(Debug)]
pub(super) struct Disguised {
    trie: Trie,
    words: Vec<(RuleId, u8)>,
    pub(super) gate: Gate,
    /// What words begin with, see [`likeness`].
    likenesses: Bits,
    /// Tokens of words with nothing but letters after them.
    tokens_alike: FirstTokens,
    /// First characters that are not ASCII.
    firsts: Bits,
    /// ASCII characters with which a disguised word may begin, upper case too.
    begins: Box<[bool; 128]>,
    /// Where two Chinese characters lead, but where white space may stand between them.
    first_pairs: Behind,
    /// Some word has a character that is not ASCII behind a first one that is.
    before_wide: bool,
    /// What words are like before their first character that is not ASCII.
    before_wide_alike: Bits,
    /// Digits that may begin a disguised word before another digit.
    digits: Box<[bool; 128]>,
    /// How often what is like one letter may stand apart from itself: as often as one letter for each of the longest row of such in a word.
    repeats_apart: u8,
}

/// One way to read the text so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Item {
    state: State,
    /// The last character that stood for a letter, as it stood in the text.
    last: char,
    used: u8,
    gap: u8,
    repeats: u8,
    /// Letters that stood for themselves, up to 255.
    real: u8,
    /// Letters for which a sign or digit stood.
    signs: u8,
    wild: u8,
    /// Characters of the tag that has begun, 0 outside of one.
    tag: u8,
    flags: u8,
}

/// Two letters of this word stood beside each other.
const TIGHT: u8 = 1;
/// White space stood between two letters of this word.
const SPACED: u8 = 2;
/// The last separator may end a sentence.
const MARKED: u8 = 4;
/// The joint before the next letter is filled.
const JOINED: u8 = 8;
/// A word ends here if no letter follows.
const WAITS: u8 = 16;
/// Two Chinese characters of this word stood beside each other.
const WIDE: u8 = 32;
/// A mark that may end a clause stood between two of them.
const CLAUSE: u8 = 64;
/// The last letter came again apart from itself: a word that ends with it has ended before.
const BEHIND: u8 = 128;

/// What has been read of letters that may be those of a word, see [`Disguised::may_be_alike`].
#[derive(Clone, Copy, Default)]
struct Alike {
    like: Likeness,
    /// What stands between the last letter and the next.
    gap: u8,
    /// How often the last letter stood apart from itself.
    repeats: u8,
    /// Two letters stood beside each other.
    tight: bool,
    /// What keeps all letters apart stood between two.
    spaced: bool,
}

/// After so many letters it is asked whether a word begins so.
const TOLD: u32 = 3;
/// How much is looked at before a word is taken to be possible.
const MOST_ALIKE: u16 = 192;

/// How long the tag is that begins at `at`, if one does; what has not come may be one.
fn tag(text: &[u8], at: usize) -> Option<usize> {
    let rest = text.get(at + 1..)?;
    if !rest.first().is_none_or(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'/' | b'!')) {
        return None;
    }
    let end = rest.iter().take(usize::from(TAG)).position(|byte| matches!(byte, b'>' | b'<' | b'\n' | b'\r'));
    match end {
        Some(end) => (rest.get(end) == Some(&b'>') && end > 0).then_some(end + 2),
        None => (rest.len() < usize::from(TAG)).then_some(rest.len() + 1),
    }
}

/// A walk: every way to read the text from one start.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    pub(super) start: u64,
    items: Items,
    /// It began with a character that stood twice before it already: with the next one too, it ends. Of a long row of one
    /// character only the first and the last begin a word, so that the row costs no more than others.
    row: Option<char>,
    /// A single letter and a sign stand before it, as in a row of initials.
    initials: bool,
}

type Items = SmallVec<[Item; 2]>;

/// How many letters up to this place may be signs.
fn most_signs(item: &Item) -> u8 {
    item.real.saturating_add(MORE_SIGNS)
}

/// Whether the character at `at`, lower case, stands twice before it.
fn in_row(text: &[u8], at: usize, c: char) -> bool {
    let before =
        |at: usize| Some((char_before(text, at)?.to_ascii_lowercase(), at.checked_sub(c.len_utf8())?));
    before(at).filter(|&(one, _)| one == c).and_then(|(_, at)| before(at)).is_some_and(|(one, _)| one == c)
}

/// Whether a single letter and a sign stand before `at`.
fn after_initial(text: &[u8], at: usize) -> bool {
    let letter = at.wrapping_sub(2);
    let byte = |at: usize| text.get(at).copied().unwrap_or(b' ');
    let sign = byte(at.wrapping_sub(1));
    sign.is_ascii_punctuation()
        && byte(letter).is_ascii_alphabetic()
        && !char_before(text, letter).is_some_and(is_word)
}

// === impl Disguised ===

impl Disguised {
    /// The keywords among `words` whose rules see through some disguise.
    pub(super) fn compile(rules: &[RuleSpec], words: &[Word]) -> (Self, Keys) {
        let mut all = Vec::new();
        for word in words {
            let Meaning::Keyword(rule) = word.meaning else { continue };
            let traits = rules.get(rule.0 as usize).map_or(0, |spec| traits(spec.folds));
            let letters = letters(&word.text);
            if traits != 0 && fits(&letters) {
                all.push((letters, rule, traits));
            }
        }
        all.sort_unstable();
        all.dedup();
        let (mut keys, mut firsts, mut begins) = (Keys::default(), Vec::new(), Box::new([false; 128]));
        let (mut likenesses, mut tokens_alike) = (Vec::new(), FirstKeys::default());
        let signs = wide_signs();
        let mut digits = Box::new([false; 128]);
        for (letters, ..) in &all {
            add_digits(letters, &mut digits);
            add_keys(letters, &mut keys, &mut likenesses, &mut tokens_alike);
            match letters.chars().next() {
                Some(first) if first.is_ascii() => {
                    let passes = |c: &u8| leet(char::from(*c)).contains(first);
                    begins[usize::from(first as u8 & 0x7F)] = true;
                    begins[usize::from(first.to_ascii_uppercase() as u8 & 0x7F)] = true;
                    (0..128).filter(passes).for_each(|c| begins[usize::from(c)] = true);
                    let signs = signs.iter().filter(|(_, letters)| letters.contains(first));
                    let signs: Vec<u64> = signs.map(|&(sign, _)| sign_head(sign)).collect();
                    signs.iter().for_each(|&sign| keys.wide_first(sign));
                    firsts.extend(signs);
                }
                Some(first) => firsts.push(head(eight(letters.as_bytes(), 0), first.len_utf8())),
                None => {}
            }
        }
        let row = all.iter().map(|(letters, ..)| longest_row(letters.bytes())).max().unwrap_or(1);
        let before_wide = all.iter().any(|(letters, ..)| {
            let mut letters = letters.chars().filter(|&letter| letter != ' ').map(|letter| letter.is_ascii());
            letters.next() == Some(true) && letters.next() == Some(false)
        });
        let wide = all.iter().filter_map(|(letters, ..)| {
            let latin = letters.split(|c: char| !c.is_ascii()).next()?;
            let like = |latin: &str| likeness(latin.bytes().filter(|&byte| byte != b' '));
            (!latin.is_empty() && latin.len() < letters.len()).then(|| like(latin))
        });
        let before_wide_alike: Vec<u64> = wide.collect();
        let entries: Vec<Entry<'_>> = all
            .iter()
            .map(|(letters, _, traits)| Entry { bytes: letters.as_bytes(), traits: traits | ANY })
            .collect();
        let trie = Trie::build(&entries);
        let spaced = all.iter().filter(|(letters, ..)| letters.contains(' '));
        let bare: Vec<String> = spaced.map(|(letters, ..)| letters.replace(' ', "")).collect();
        let bare = all.iter().map(|(letters, ..)| letters).chain(&bare).map(String::as_bytes);
        let first_pairs = Behind::pairs(bare, &trie, |first| !trie.has_space(first) && !trie.is_end(first));
        let words = all.iter().map(|(letters, rule, traits)| (*rule, traits | size(letters))).collect();
        for list in [&mut likenesses, &mut firsts] {
            list.sort_unstable();
            list.dedup();
        }
        let tokens_alike = FirstTokens::new(tokens_alike);
        let (gate, likenesses, firsts) =
            (Gate::new(keys.clone()), Bits::new(&likenesses), Bits::new(&firsts));
        (
            Self {
                trie,
                first_pairs,
                words,
                gate,
                likenesses,
                tokens_alike,
                firsts,
                begins,
                before_wide,
                before_wide_alike: Bits::new(&before_wide_alike),
                digits,
                repeats_apart: row.saturating_mul(REPEATS_APART + 1).saturating_sub(1),
            },
            keys,
        )
    }

    /// Whether a word is looked for here also without a disguise, so that it need not be looked for elsewhere: letters
    /// only, from boundary to boundary.
    pub(super) fn takes(rules: &[RuleSpec], word: &Word) -> bool {
        let bounded = |bounded: bool, end: Option<char>| bounded || end.is_some_and(|end| !is_word(end));
        let Meaning::Keyword(rule) = word.meaning else { return false };
        rules.get(rule.0 as usize).is_some_and(|spec| traits(spec.folds) != 0)
            && word.text == letters(&word.text)
            && fits(&word.text)
            // Not every place of a row of one character begins a walk.
            && word.text.chars().next() != word.text.chars().nth(1)
            && bounded(word.left, word.text.chars().next())
            && bounded(word.right, word.text.chars().next_back())
    }

    /// Whether nothing is looked for.
    pub(super) fn is_empty(&self) -> bool {
        self.trie.is_empty()
    }

    /// The signs with which a disguised word may begin.
    pub(super) fn signs(&self) -> impl Iterator<Item = u8> + '_ {
        (0..128_u8).filter(|&c| self.begins[usize::from(c)] && !c.is_ascii_alphanumeric())
    }

    /// Whether a word may begin with a token as it stands. `word`: its first eight bytes; `length`: how long it is, eight for more;
    /// `next`: what follows it.
    #[inline]
    pub(super) fn may_begin_plainly(&self, word: u64, length: usize, next: Option<Next>) -> bool {
        self.begins[(word & 0x7F) as usize] && self.gate.whole_token_before(word, length, next)
    }

    /// Whether a disguised word may begin with the token at `at`. `word`: the next eight bytes. Never says no where one begins, unless
    /// [`Disguised::may_begin_plainly`] says yes.
    #[inline]
    pub(super) fn may_begin_oddly(&self, text: &[u8], at: usize, word: u64, form: Form) -> bool {
        let Form { touched, digits, twice, .. } = form;
        let length = form.length();
        let (first, second) = (word as u8 & 0x7F, (word >> 8) as u8);
        if !self.begins[usize::from(first)] {
            return false;
        }
        if digits || touched || length == 1 {
            // Of a number two digits stand for no letters.
            let number = first.is_ascii_digit() && second.is_ascii_digit() && first != second && length > 1;
            return (!number || self.digits[usize::from(first)]) && self.may_be_alike(text, at);
        }
        // Letters that nothing touches are another word than they are only if they repeat.
        let next = Next::after(text, at + length).filter(|_| length < 8);
        twice
            && self.may_begin_doubly(word, length, next.map_or(ANYTHING, Next::letters))
            && (length < 8 || self.may_be_alike(text, at))
    }

    /// Whether a disguised word may begin with the token at `at`, which is of letters with nothing that touches them, some of them twice
    /// in a row. `next`: see [`FirstTokens::begins_with`]. Never says no where one begins.
    #[inline]
    pub(super) fn may_begin_doubly(&self, word: u64, length: usize, next: u64) -> bool {
        if length >= 8 {
            self.likenesses.holds(likeness(word.to_le_bytes()))
        } else {
            self.tokens_alike.begins_with(likeness(head(word, length).to_le_bytes()), next)
        }
    }

    /// Whether a word may begin with the token at `at`, of which perhaps not all has come. `word`: its first eight bytes. Never says no
    /// where one begins.
    #[inline]
    pub(super) fn may_begin_within(&self, text: &[u8], at: usize, word: u64) -> bool {
        !self.is_empty() && self.begins[usize::from(word as u8 & 0x7F)] && self.may_be_alike(text, at)
    }

    /// Whether what begins with the letter or digit at `at` may be a word whose letters are signs, repeated or apart. Never says no where
    /// it is.
    #[inline(never)]
    fn may_be_alike(&self, text: &[u8], at: usize) -> bool {
        text.get(at).is_none_or(|&first| self.begins_alike(text, at, first))
    }

    /// The same where what stands at `at` is read as this letter.
    fn begins_alike(&self, text: &[u8], at: usize, first: u8) -> bool {
        let (read, mut left) =
            (Alike { like: Likeness::default().with(first), ..Alike::default() }, MOST_ALIKE);
        self.goes_on_alike(text, at + 1, read, &mut left)
    }

    /// The same behind the letters that have been read. `left`: how much is still to be looked at; what is longer may be a word.
    fn goes_on_alike(&self, text: &[u8], mut at: usize, mut read: Alike, left: &mut u16) -> bool {
        loop {
            step();
            *left -= 1;
            if *left == 0 {
                return true;
            }
            let Some(&byte) = text.get(at) else { return self.likenesses.holds(read.like.word) };
            if byte.is_ascii_alphanumeric() {
                let touches = read.gap == 0;
                if touches && read.spaced {
                    return false;
                }
                let known = read.like.word;
                if read.like.add(byte) {
                    return self.likenesses.holds(read.like.word);
                }
                // Most words are none that is looked for from the beginning on.
                if read.like.length() == TOLD && !self.likenesses.holds(read.like.word) {
                    return false;
                }
                read.repeats =
                    if read.like.word == known { read.repeats.saturating_add(u8::from(!touches)) } else { 0 };
                if read.repeats > self.repeats_apart {
                    return false;
                }
                read.tight |= touches;
                read.gap = 0;
                at += 1;
                continue;
            }
            let chinese = at + usize::from(byte == b' ');
            if begins_chinese(text.get(chinese..).unwrap_or_default()) {
                // It stands for no other letter, and between none: the word ends here, or goes on with it.
                let word = read.like.word;
                return self.before_wide_alike.holds(word)
                    || read.gap == 0 && self.tokens_alike.holds_last(word);
            }
            if read.gap == 0 {
                // A word ends here, or the next one of its phrase may follow.
                if self.tokens_alike.holds_before(read.like.word, Next::behind(text, at)) {
                    return true;
                }
                if !self.likenesses.holds(read.like.word) {
                    return false;
                }
            }
            let c = char::from(byte);
            let letter = |letter: u8| self.likenesses.holds(read.like.with(letter).word);
            if !byte.is_ascii() || is_wild(c) || leet(c).bytes().any(letter) {
                return true;
            }
            if read.gap >= GAP {
                return false;
            }
            read.gap += 1;
            if c == '<'
                && let Some(tag) = tag(text, at)
            {
                let inner = text.get(at + 1..at + tag).unwrap_or_default();
                let mut letters = inner.iter().filter(|byte| byte.is_ascii_alphanumeric());
                if letters.all(|&byte| read.like.repeats(byte)) {
                    // As letters apart they say the same, and leave less to follow; but behind them less has stood between two.
                    at += tag;
                    read.gap = read.gap.min(1);
                    continue;
                }
                if self.goes_on_alike(text, at + tag, read, left) {
                    return true;
                }
            }
            match between(c) {
                Between::Line | Between::No => return false,
                Between::Space | Between::Mark { .. } if read.tight => return false,
                Between::Space | Between::Mark { .. } => read.spaced = true,
                Between::Sign { .. } => {}
            }
            at += 1;
        }
    }

    /// Whether a disguised word may begin with the sign at `at`. Never says no where one begins.
    pub(super) fn may_begin_sign(&self, text: &[u8], at: usize, ended: bool) -> bool {
        let Some(&sign) = text.get(at) else { return false };
        match text.get(at + 1) {
            None => !ended,
            Some(after) if after.is_ascii_alphanumeric() => {
                let rest = text.get(at + 1..).unwrap_or_default();
                let known = ended || rest.iter().any(|byte| !byte.is_ascii_alphanumeric());
                let alike = |letter: u8| [letter].into_iter().chain(rest.iter().copied());
                let like = |letter: u8| self.likenesses.holds(likeness(alike(letter)));
                !known || leet(char::from(sign)).bytes().any(like)
            }
            Some(after) if after.is_ascii_whitespace() => {
                // Another letter that stands apart, or the next word of a phrase whose first is one letter.
                leet(char::from(sign)).bytes().any(|letter| self.begins_alike(text, at, letter))
            }
            // No Chinese character stands between letters, or for one.
            Some(_) => self.before_wide || !begins_chinese(text.get(at + 1..).unwrap_or_default()),
        }
    }

    /// Whether a disguised word may begin with a character that is not ASCII, `one` bytes long, before one of `two` bytes. Never
    /// says no where one begins.
    #[inline]
    pub(super) fn may_begin_wide(&self, text: &[u8], at: usize, word: u64, one: usize, two: usize) -> bool {
        let second = word.checked_shr(8 * one as u32).unwrap_or(0);
        if begins_chinese(&second.to_le_bytes()) && head(second ^ word, one) != 0 {
            // Two different Chinese characters.
            return self.gate.disguised_pair(text, at, word, one, two);
        }
        self.firsts.holds(head(word, one))
            && (char_at(text, at).is_some_and(|c| !is_letter(c))
                || self.may_go_on(text, at, head(word, one), one))
    }

    /// Whether a letter with which a word goes on stands behind the first one, which may repeat, and some separators.
    fn may_go_on(&self, text: &[u8], at: usize, first: u64, one: usize) -> bool {
        let mut at = at + one;
        let again = |at: usize| head(eight(text, at), one) == first;
        if again(at) && !self.gate.any_pair(first | first << (8 * one), one, one) {
            for _ in 0..=REPEATS {
                at += if again(at) { one } else { 0 };
            }
            if again(at) {
                return true;
            }
        }
        for _ in 0..=usize::from(GAP) {
            let letter = |letter: u8| self.gate.any_pair(first | u64::from(letter) << (8 * one), one, 1);
            match text.get(at) {
                None => return true,
                Some(&byte) if byte.is_ascii_alphabetic() => return letter(byte),
                Some(&byte) if byte.is_ascii() => {
                    let c = char::from(byte);
                    if is_wild(c) || c == '<' || leet(c).bytes().any(letter) {
                        return true;
                    }
                    if byte.is_ascii_digit() {
                        return letter(byte);
                    }
                    if between(c) == Between::No {
                        return false;
                    }
                    at += 1;
                }
                Some(_) => {
                    let Some(c) = char_at(text, at) else { return true };
                    // What most often stands here ends the sentence.
                    if c == '。' {
                        return false;
                    }
                    if again(at) || c == 'ー' || leet(c).bytes().any(letter) {
                        return true;
                    }
                    if is_letter(c) {
                        return self.gate.any_pair(first | eight(text, at) << (8 * one), one, c.len_utf8());
                    }
                    if between(c) == Between::No {
                        return false;
                    }
                    at += c.len_utf8();
                }
            }
        }
        // White space may be long.
        true
    }

    /// Whether a disguised word may begin with the two different Chinese characters at `at`, `pair` their bytes. Never says no where one
    /// begins.
    pub(super) fn may_begin_pair(&self, text: &[u8], at: usize, pair: u64) -> bool {
        self.first_pairs.state(pair).is_some() && self.gate.disguised_pair(text, at, pair, CHINESE, CHINESE)
    }

    /// A walk from the two different Chinese characters at `at`, `pair` their bytes, as far as the text goes. `start`: their place in the
    /// whole text. `None` if it has ended.
    pub(super) fn begin_pair(
        &self,
        text: &[u8],
        (at, start, pair): (usize, u64, u64),
        ended: bool,
        hit: &mut impl FnMut(RuleId, u64, usize),
    ) -> Option<Walk> {
        let state = self.first_pairs.state(pair)?;
        let (first, last) = (char_at(text, at)?, char_at(text, at + CHINESE)?);
        if state == Trie::TOP || in_row(text, at, first) {
            return self.begin(text, at, start, ended, hit);
        }
        let waits = if self.trie.is_end(state) { WAITS } else { 0 };
        let mut item = Item { state, last, real: 2, flags: WIDE | waits, ..Item::at_top(first) };
        let to = self.plain(&mut item, text, at + 2 * CHINESE)?;
        let mut walk = Walk { start, items: smallvec![item], row: None, initials: false };
        self.go_on(&mut walk, text, to, ended, hit).then_some(walk)
    }

    /// A walk from the character at `at`, where `start` is its place in the whole text, as far as the text goes. `None` if it has ended.
    pub(super) fn begin(
        &self,
        text: &[u8],
        at: usize,
        start: u64,
        ended: bool,
        hit: &mut impl FnMut(RuleId, u64, usize),
    ) -> Option<Walk> {
        let c = char_at(text, at)?.to_ascii_lowercase();
        let top = Item::at_top(c);
        let wide = is_wide(c);
        if !wide && char_before(text, at).is_some_and(is_word) && !after_escape(text, at) {
            return None;
        }
        let row = in_row(text, at, c).then_some(c);
        // Most beginnings can be read in one way only and go on as no word does.
        if row.is_none() && leet(c).is_empty() {
            let state = self.trie.step_char(Trie::TOP, c)?;
            let waits = if self.trie.is_end(state) { WAITS } else { 0 };
            let mut item = Item { state, real: 1, flags: waits, ..top };
            let to = self.plain(&mut item, text, at + c.len_utf8())?;
            let initials = after_initial(text, at);
            let mut walk = Walk { start, items: smallvec![item], row, initials };
            return self.go_on(&mut walk, text, to, ended, hit).then_some(walk);
        }
        let mut walk = Walk { start, items: Items::new(), row, initials: after_initial(text, at) };
        self.letter(&top, c, c, &mut walk.items);
        for sign in leet(c).chars() {
            self.letter(&top, sign, c, &mut walk.items);
        }
        self.go_on(&mut walk, text, at + c.len_utf8(), ended, hit).then_some(walk)
    }

    /// Reads the text from `at` on. False if the walk has ended.
    pub(super) fn go_on(
        &self,
        walk: &mut Walk,
        text: &[u8],
        mut at: usize,
        ended: bool,
        hit: &mut impl FnMut(RuleId, u64, usize),
    ) -> bool {
        if let Some(first) = walk.row {
            match char_at(text, at) {
                Some(c) if c.to_ascii_lowercase() == first => return false,
                Some(_) => walk.row = None,
                None => {}
            }
        }
        loop {
            if let [item] = walk.items.as_mut_slice() {
                let Some(to) = self.plain(item, text, at) else { return false };
                at = to;
            }
            let next = char_at(text, at).map(|c| c.to_ascii_lowercase());
            self.found(walk, next, at, ended, hit);
            if next.is_none() && !ended {
                return !walk.items.is_empty();
            }
            let (Some(c), false) = (next, walk.items.is_empty()) else { return false };
            let mut items = Items::new();
            for item in &walk.items {
                self.step(item, c, &mut items);
            }
            walk.items = items;
            at += c.len_utf8();
        }
    }

    /// Reads letters that can be read in one way only, from `at` on, and says where the first one stands that may be
    /// read in more, or at which a word ends; `None` if no word goes on.
    #[inline]
    fn plain(&self, item: &mut Item, text: &[u8], mut at: usize) -> Option<usize> {
        while item.flags & (WAITS | SPACED | CLAUSE) == 0
            && item.tag == 0
            && let Some(&byte) = text.get(at)
        {
            let lower = byte | 0x20;
            let c = match byte {
                b'a'..=b'z' | b'A'..=b'Z' => char::from(lower),
                _ if is_chinese(byte) => char_at(text, at).filter(|&c| is_letter(c)).unwrap_or(item.last),
                _ => break,
            };
            if c == item.last || self.trie.has_space(item.state) {
                break;
            }
            let touches = item.gap == 0 && item.flags & JOINED == 0;
            let tight = if c.is_ascii() { TIGHT } else { WIDE };
            let flags = item.flags & !(MARKED | JOINED | BEHIND) | if touches { tight } else { 0 };
            let state = self.trie.step_char(item.state, c)?;
            let waits = if self.trie.is_end(state) { WAITS } else { 0 };
            *item = Item {
                state,
                last: c,
                gap: 0,
                real: item.real.saturating_add(1),
                flags: flags | waits,
                ..*item
            };
            at += c.len_utf8();
        }
        Some(at)
    }

    /// Words that end before the character `next`, where that can be said.
    fn found(
        &self,
        walk: &mut Walk,
        next: Option<char>,
        at: usize,
        ended: bool,
        hit: &mut impl FnMut(RuleId, u64, usize),
    ) {
        for item in walk.items.iter_mut().filter(|item| item.flags & WAITS != 0) {
            if is_word(item.last_letter()) {
                match next {
                    None if !ended => continue,
                    Some(next) if is_word(next) => continue,
                    _ => {}
                }
            }
            // A letter that repeats is of the word, as long as nothing else follows.
            item.flags &= !WAITS;
            for &word in self.trie.ends(item.state) {
                if let Some(&(rule, folds)) = self.words.get(word as usize)
                    && item.used & !folds == 0
                    && (item.used & LEET == 0 || item.real >= 2)
                    && !(folds & SHORT != 0 && item.stands_in_list(walk.initials))
                    && !(folds & FEW != 0 && item.flags & CLAUSE != 0)
                {
                    hit(rule, walk.start, at);
                }
            }
        }
        walk.items.retain(|item| self.trie.beyond(item.state) != 0 || item.flags & WAITS != 0);
    }

    fn step(&self, item: &Item, c: char, next: &mut Items) {
        if item.tag > 0 {
            return self.tag(item, c, next);
        }
        let goes_on = self.trie.beyond(item.state) != 0;
        let apart = item.gap > 0 || item.flags & JOINED != 0;
        let most = if apart { REPEATS_APART } else { REPEATS };
        if c == item.last && item.repeats < most && (!apart || goes_on) {
            // A sign that comes again apart is one more sign, so that a row of figures ends soon.
            let signs = item.signs + u8::from(apart && !c.is_alphabetic());
            let again = Item { used: item.used | REPEATED, repeats: item.repeats + 1, signs, ..*item };
            if signs <= most_signs(item)
                && let Some(again) = Self::touched(&again, if c.is_alphanumeric() { c } else { 'a' })
            {
                let behind = if apart { BEHIND } else { item.flags & BEHIND };
                self.push(Item { flags: again.flags | behind, ..again }, next);
            }
        }
        if !goes_on {
            return;
        }
        if c.is_ascii_alphabetic() {
            // It stands for itself and between no others.
            return self.letter(item, c, c, next);
        }
        if c == ' ' {
            return self.apart(item, c, next);
        }
        if is_letter(c) {
            self.letter(item, c, c, next);
        }
        for letter in leet(c).chars() {
            self.letter(item, letter, c, next);
        }
        if is_wild(c) && item.wild < item.real.saturating_mul(2) {
            self.wild(item, c, next);
        }
        self.apart(item, c, next);
    }

    /// The item after a letter that touches the one before it or not.
    fn touched(item: &Item, letter: char) -> Option<Item> {
        let touches = item.gap == 0 && item.flags & JOINED == 0 && item.state != Trie::TOP;
        let (tight, apart) = if is_word(letter) { (TIGHT, SPACED) } else { (WIDE, CLAUSE) };
        if touches && item.flags & apart != 0 {
            return None;
        }
        let flags = item.flags & !(MARKED | JOINED | BEHIND) | if touches { tight } else { 0 };
        Some(Item { gap: 0, flags, ..*item })
    }

    /// `letter` of a word, for which `c` stands in the text.
    fn letter(&self, item: &Item, letter: char, c: char, next: &mut Items) {
        let Some(read) = Self::touched(item, letter) else { return };
        let read = if letter == c {
            Item { real: read.real.saturating_add(1), ..read }
        } else {
            let number = item.signs > 0 && item.real == 0 && item.last.is_ascii_digit() && c.is_ascii_digit();
            if number || read.signs >= most_signs(&read) {
                return;
            }
            Item { used: read.used | LEET, signs: read.signs + 1, ..read }
        };
        if let Some(state) = self.trie.step_char(item.state, letter) {
            self.push(Item { state, last: c, ..read }, next);
        }
        if item.flags & JOINED == 0
            && item.state != Trie::TOP
            && let Some(state) = self.trie.step(item.state, b' ')
            && let Some(state) = self.trie.step_char(state, letter)
        {
            self.push(Item { state, last: c, used: read.used | SEPARATORS, ..read }, next);
        }
    }

    /// Any letter.
    fn wild(&self, item: &Item, c: char, next: &mut Items) {
        let Some(read) = Self::touched(item, 'a') else { return };
        for &label in self.trie.labels(item.state).iter().filter(|label| label.is_ascii_lowercase()) {
            if let Some(state) = self.trie.step(item.state, label) {
                self.push(Item { state, last: c, used: read.used | LEET, wild: read.wild + 1, ..read }, next);
            }
        }
    }

    /// Within a tag: `</b>`, `<br>`, `<span style="...">`.
    fn tag(&self, item: &Item, c: char, next: &mut Items) {
        let named = item.tag > 1 || c.is_ascii_alphabetic() || matches!(c, '/' | '!');
        match c {
            '>' if item.tag > 1 => self.push(Item { tag: 0, ..*item }, next),
            '<' | '\n' | '\r' => {}
            _ if named && item.tag < TAG => self.push(Item { tag: item.tag + 1, ..*item }, next),
            _ => {}
        }
    }

    /// What stands between letters.
    fn apart(&self, item: &Item, c: char, next: &mut Items) {
        if c == '<' && item.gap < GAP {
            let (gap, flags) = (item.gap + 1, item.flags & !(MARKED | WAITS));
            self.push(Item { tag: 1, gap, used: item.used | SEPARATORS, flags, ..*item }, next);
        }
        let kind = between(c);
        if matches!(kind, Between::Space | Between::Line) {
            if item.flags & MARKED != 0 {
                return;
            }
            if item.flags & JOINED != 0 {
                return self.push(*item, next);
            }
            if let Some(state) = self.trie.step(item.state, b' ') {
                // A new word of the phrase: its letters may stand apart or not as they like.
                let flags = item.flags & !(TIGHT | SPACED | WAITS) | JOINED;
                self.push(Item { state, gap: 0, flags, ..*item }, next);
            }
        }
        let (loose, marked) = match kind {
            Between::Space => (true, false),
            Between::Sign { marked } => (false, marked),
            Between::Mark { marked } => (true, marked),
            Between::Line | Between::No => return,
        };
        if item.gap >= GAP || loose && item.flags & TIGHT != 0 {
            return;
        }
        let clause = match c {
            _ if !is_wide(item.last) => false,
            '!' | '?' => return,
            _ => matches!(c, ',' | ';' | ':'),
        };
        if clause && item.flags & WIDE != 0 {
            return;
        }
        let flags = item.flags & !(MARKED | WAITS)
            | if loose { SPACED } else { 0 }
            | if marked { MARKED } else { 0 }
            | if clause { CLAUSE } else { 0 };
        self.push(Item { gap: item.gap + 1, used: item.used | SEPARATORS, flags, ..*item }, next);
    }

    fn push(&self, item: Item, next: &mut Items) {
        let folds = self.trie.within(item.state);
        if item.used & !folds != 0 {
            return;
        }
        let ends =
            item.gap == 0 && item.flags & (JOINED | BEHIND) == 0 && !self.trie.ends(item.state).is_empty();
        let item = Item { flags: item.flags & !WAITS | if ends { WAITS } else { 0 }, ..item };
        if next.iter().any(|known| known.covers(&item)) {
            return;
        }
        next.retain(|known| !item.covers(known));
        if next.len() < WAYS {
            next.push(item);
        }
    }

    pub(super) fn figures(&self) -> String {
        format!("{} disguised words in {} nodes", self.words.len(), self.trie.nodes())
    }
}

impl Item {
    /// Before the character `c`.
    fn at_top(c: char) -> Self {
        Self {
            state: Trie::TOP,
            last: c,
            used: 0,
            gap: 0,
            repeats: 0,
            real: 0,
            signs: 0,
            wild: 0,
            tag: 0,
            flags: 0,
        }
    }

    /// Whether whatever is found on the other way is found on this one too: they stand at the same place, and this one has used up no more of what
    /// a word may have of signs, repeats and separators.
    fn covers(&self, other: &Self) -> bool {
        const LIMITS: u8 = TIGHT | SPACED | MARKED | WIDE | CLAUSE | BEHIND;
        (self.state, self.last, self.gap, self.tag) == (other.state, other.last, other.gap, other.tag)
            && self.flags & !LIMITS == other.flags & !LIMITS
            && self.flags & LIMITS & !other.flags == 0
            && self.used & !other.used == 0
            && self.repeats <= other.repeats
            && self.signs <= other.signs
            && self.wild <= other.wild
            && self.real >= other.real
    }

    /// What the last letter counts as where words are bounded: a sign that stands for a letter is one.
    fn last_letter(&self) -> char {
        if is_letter(self.last) { self.last } else { 'a' }
    }

    /// Whether letters so far apart may be those of a list.
    fn stands_in_list(&self, initials: bool) -> bool {
        self.flags & SPACED != 0 || initials && self.used & SEPARATORS != 0
    }
}

fn traits(folds: Folds) -> u8 {
    let Folds { separators, leet, repeats } = folds;
    [(separators, SEPARATORS), (leet, LEET), (repeats, REPEATED)]
        .into_iter()
        .fold(0, |traits, (asked, one)| if asked { traits | one } else { traits })
}

/// A character that is not ASCII as its bytes stand in a word.
fn sign_head(sign: char) -> u64 {
    head(eight(sign.encode_utf8(&mut [0; 4]).as_bytes(), 0), sign.len_utf8())
}

/// The letters and digits of a keyword, with a space for each joint.
fn letters(keyword: &str) -> String {
    let words = keyword.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// Whether letters are enough, and not too many, to be looked for behind a disguise.
fn fits(letters: &str) -> bool {
    letters.chars().map(weight).sum::<usize>() >= 3 && letters.len() <= LONGEST
}

/// Whether a word has few letters.
fn size(letters: &str) -> u8 {
    match letters.chars().map(weight).sum::<usize>() {
        ..4 => SHORT | FEW,
        4..6 => FEW,
        _ => 0,
    }
}

fn weight(letter: char) -> usize {
    match letter {
        ' ' => 0,
        _ if is_word(letter) => 1,
        _ => 2,
    }
}

/// The digits that may begin this word with another digit behind them.
fn add_digits(letters: &str, digits: &mut [bool; 128]) {
    let mut letters = letters.chars().filter(|&letter| letter != ' ');
    let (first, second) = (letters.next().unwrap_or(' '), letters.next().unwrap_or(' '));
    for digit in b'0'..=b'9' {
        let digit_stands = second.is_ascii_digit() && leet(char::from(digit)).contains(first);
        digits[usize::from(digit)] |= first == char::from(digit) || digit_stands;
    }
}

/// The tokens with which a word may begin: its first one, and with nothing in the joints its first two, three ...
fn add_keys(letters: &str, keys: &mut Keys, likenesses: &mut Vec<u64>, tokens_alike: &mut FirstKeys) {
    if !letters.is_ascii() {
        let first = if letters.starts_with(|c: char| c.is_ascii()) { 2 } else { 3 };
        let first: String = letters.chars().filter(|&c| c != ' ').take(first).collect();
        keys.add(first.as_bytes(), false);
    }
    // The token ends where another script begins.
    let latin = letters.split(|c: char| !c.is_ascii()).next().unwrap_or_default();
    // What stands behind a token, with nothing in the joints.
    let all: String = letters.chars().filter(|&c| c != ' ').collect();
    let mut token = String::new();
    for word in latin.split(' ').filter(|word| !word.is_empty()) {
        token.push_str(word);
        let behind = all.as_bytes().get(token.len()..).unwrap_or_default();
        keys.token(token.as_bytes(), token.len(), behind);
        tokens_alike.add(likeness(token.bytes()), behind);
    }
    let all = likeness(token.bytes());
    likenesses.extend((1..=LIKE).map(|length| head(all, length)));
}
