//! A sentence as it is compared: the words that say something, with what may stand in their place, and whether it denies.

use super::groups::{DENIAL, Groups, LIGHT, Of, Sort, groups, root};
use super::numbers::{Spelled, chinese, in_words, key, measured, measured_before};
use crate::detect::grounding::{Form, Piece, hash, links, pieces, value};
use smallvec::SmallVec;
use std::borrow::Cow;

/// What a term is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word or a phrase.
    Word,
    /// A word that begins with a capital letter and is in no group.
    Name,
    Number,
    /// Two characters that are in no known word of a script without spaces.
    Pair,
    /// One.
    Single,
    /// A word that stands in any text, and yet says something.
    Little,
    /// A word that says nothing of its own.
    Light,
}

/// Something that a sentence says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Term {
    /// Equal words have the same, whatever their endings; equal numbers too.
    pub(super) key: u64,
    /// Of a number with a unit: equal measures have the same. Else zero.
    pub(super) measure: u64,
    /// The keys of a phrase's words that say something.
    pub(super) parts: SmallVec<[u64; 2]>,
    /// The groups of words that say the same.
    pub(super) of: Of,
    /// Bytes in the text.
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) kind: Kind,
    /// It is of a script with spaces.
    pub(super) letters: bool,
    /// No preposition stands before it: behind what is done it is what that is done to.
    pub(super) bare: bool,
    /// An article stands before it: it is no verb.
    pub(super) noun: bool,
    /// A comma stands before it.
    pub(super) pause: bool,
    /// It denies, unless the other sentence has it too.
    pub(super) denies: bool,
    /// What is done, said in the passive voice.
    pub(super) passive: bool,
}

/// A sentence's terms.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Read {
    pub(super) terms: Vec<Term>,
    /// From its first word to its last, in bytes.
    pub(super) span: std::ops::Range<usize>,
    /// How many words that are no terms deny or doubt something.
    pub(super) denials: usize,
    /// It compares.
    pub(super) than: bool,
    /// It says by whom.
    pub(super) by: bool,
    /// A clause in it may speak of what stands before.
    pub(super) relative: bool,
    /// How many terms stand before its condition: `if`, `when`.
    pub(super) condition: Option<u16>,
}

/// A word, or a stretch of a script without spaces.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// Of a word what it is compared by.
    pub(super) key: u64,
    start: usize,
    end: usize,
    form: Form,
    number: Spelled,
    dense: bool,
    /// It is part of a phrase that began before it.
    used: bool,
    /// What the passive voice and denials are told by.
    sign: Sign,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    /// `is`, `was`, `get`.
    Be,
    By,
    Than,
    /// `if`, `when`.
    Condition,
    /// `who`, `that`.
    Relative,
    /// `the`, `his`.
    Article,
    /// `in`, `from`.
    Preposition,
    /// `isn't`.
    Denies,
    /// A word that ends as those do that say what was done to something.
    Done,
    None,
}

fn sign(lower: &str) -> Sign {
    match lower {
        "is" | "are" | "was" | "were" | "be" | "been" | "being" | "get" | "gets" | "got" => Sign::Be,
        "by" => Sign::By,
        "than" => Sign::Than,
        "the" | "a" | "an" | "his" | "her" | "its" | "their" | "your" | "our" | "my" | "this" | "these"
        | "those" => Sign::Article,
        "in" | "on" | "at" | "from" | "to" | "of" | "for" | "with" | "through" | "under" | "over"
        | "after" | "before" | "into" | "against" | "as" | "because" | "during" | "without" | "within"
        | "until" | "since" => Sign::Preposition,
        "who" | "that" | "which" | "what" | "whom" | "whose" | "where" => Sign::Relative,
        "if" | "when" | "whenever" | "once" => Sign::Condition,
        _ if lower.ends_with("n't") || lower.ends_with("n’t") => Sign::Denies,
        _ if ["ed", "en", "wn", "ght", "ung", "ade", "uilt", "ost", "old", "ept", "und"]
            .iter()
            .any(|end| lower.ends_with(end)) =>
        {
            Sign::Done
        }
        _ => Sign::None,
    }
}

/// The words of a text.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let plain = Token {
        key: 0,
        start: 0,
        end: 0,
        form: Form::Word,
        number: Spelled::Other,
        dense: false,
        used: false,
        sign: Sign::None,
    };
    pieces(text, &links(text), |start, piece| {
        out.push(match piece {
            Piece::Number(digits) => {
                let number = value(digits);
                let number: f64 = number.parse().unwrap_or_default();
                let end = start + digits.len();
                Token {
                    key: key(number),
                    start,
                    end,
                    form: Form::Number,
                    number: Spelled::Digits(number),
                    ..plain.clone()
                }
            }
            Piece::Dense(run) => Token { start, end: start + run.len(), dense: true, ..plain.clone() },
            Piece::Letters(word) => {
                let is_lower = word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'\'');
                let lower = if is_lower { Cow::Borrowed(word) } else { Cow::Owned(word.to_lowercase()) };
                let form = Form::of(word, &lower);
                Token {
                    key: root(&lower),
                    start,
                    end: start + word.len(),
                    form,
                    number: Spelled::of(&lower),
                    sign: sign(&lower),
                    ..plain.clone()
                }
            }
        });
    });
    out
}

/// Reads a sentence of folded text.
pub(super) fn read(text: &str) -> Read {
    let mut tokens = tokens(text);
    let keys: Vec<u64> = tokens.iter().map(|token| token.key).collect();
    let span = tokens.first().map_or(0, |first| first.start)..tokens.last().map_or(0, |last| last.end);
    let mut reader =
        Reader { text, groups: groups(), out: Read { span, ..Read::default() }, prepositional: false };
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if token.used {
            at += 1;
            continue;
        }
        if token.dense {
            let before = at
                .checked_sub(1)
                .and_then(|before| tokens.get(before))
                .filter(|before| before.end == token.start);
            let before = before.and_then(|before| match before.number {
                Spelled::Digits(value) => Some(value),
                _ => None,
            });
            reader.dense(token.start, token.end, before);
            at += 1;
            continue;
        }
        reader.out.than |= token.sign == Sign::Than;
        reader.out.by |= token.sign == Sign::By;
        reader.out.relative |= token.sign == Sign::Relative;
        if token.sign == Sign::Condition {
            reader.out.condition = u16::try_from(reader.out.terms.len()).ok();
        }
        let found = reader.groups.phrase_at(keys.get(at..).unwrap_or_default());
        let is_phrase = found.as_ref().is_some_and(|found| found.front > 1 || !found.back.is_empty());
        if !is_phrase && let Some(taken) = reader.number(&tokens, at) {
            at += taken;
            continue;
        }
        let front = found.as_ref().map_or(1, |found| found.front);
        reader.word(&tokens, at, found.as_ref().map(|found| (found.of, found.front, is_phrase)));
        let back = found.map_or(0..0, |found| at + found.back.start..at + found.back.end);
        for token in tokens.get_mut(back).into_iter().flatten() {
            token.used = true;
        }
        at += front;
    }
    reader.out
}

/// So many known words behind `被` may stand before what is done.
const PASSIVE: u8 = 4;

/// A sentence that is being read.
struct Reader<'t> {
    text: &'t str,
    groups: &'static Groups,
    out: Read,
    /// The last word was a preposition, or stood behind one without saying something.
    prepositional: bool,
}

impl Reader<'_> {
    fn push(&mut self, key: u64, of: &Of, (start, end): (usize, usize), kind: Kind) -> Option<&mut Term> {
        let (start, end) = (start as u32, end as u32);
        let before = self.out.terms.last().and_then(|last| self.text.get(last.end as usize..start as usize));
        let pause = before.is_some_and(|before| before.contains([',', '，', ';', ':']));
        let term = Term {
            key,
            measure: 0,
            parts: SmallVec::new(),
            of: of.clone(),
            start,
            end,
            kind,
            letters: false,
            bare: false,
            noun: false,
            pause,
            denies: false,
            passive: false,
        };
        self.out.terms.push(term);
        self.out.terms.last_mut()
    }

    /// A share in a hundred, behind its number.
    fn percent(&mut self, start: usize, end: usize) {
        self.push(hash("%"), &Of::new(), (start, end), Kind::Little);
    }

    /// A number in digits or words, and its unit if that is `%`: how many tokens it takes.
    fn number(&mut self, tokens: &[Token], at: usize) -> Option<usize> {
        let rest = tokens.get(at..)?;
        let first = rest.first().filter(|first| !matches!(first.number, Spelled::Other | Spelled::And));
        let word = |token: &Token| self.text.get(token.start..token.end).unwrap_or_default().to_lowercase();
        let Some(first) = first else {
            let first = rest.first().filter(|first| word(first) == "half")?;
            let (start, end) = (first.start, first.end);
            self.push(key(50.0), &Of::new(), (start, end), Kind::Number);
            self.percent(end, end);
            return Some(1);
        };
        // The number before what multiplies it in the other script: `3亿`.
        let next = rest.get(1).filter(|next| next.dense && next.start == first.end);
        let wide = next.and_then(|next| self.text.get(next.start..next.end));
        let (value, taken) = match (first.number, wide) {
            (Spelled::Digits(value), Some(run)) => {
                if chinese(run, Some(value)).is_some() {
                    return Some(1);
                }
                (value, 1)
            }
            _ => in_words(rest.iter().take_while(|token| !token.dense).map(|token| token.number))?,
        };
        let last = rest.get(taken - 1)?;
        let (start, end) = (first.start, last.end);
        let behind = rest.get(taken).map(|token| (word(token), token.end));
        let measure = match (wide, &behind) {
            (Some(run), _) => measured_before(value, run),
            (None, Some((unit, _))) => measured(value, unit),
            (None, None) => None,
        };
        let after = self.text.get(end..).unwrap_or_default().trim_start();
        let term = self.push(key(value), &Of::new(), (start, end), Kind::Number)?;
        term.measure = measure.unwrap_or_default();
        if after.starts_with('%') {
            self.percent(end, end + 1);
            return Some(taken);
        }
        let (unit, unit_end) = behind.unwrap_or_default();
        let and_unit = match unit.as_str() {
            "percent" | "pct" => 1,
            "per" if after.to_ascii_lowercase().starts_with("per cent") => 2,
            _ => return Some(taken),
        };
        self.percent(end, unit_end);
        Some(taken + and_unit)
    }

    fn word(&mut self, tokens: &[Token], at: usize, found: Option<(&Of, usize, bool)>) {
        let Some(token) = tokens.get(at) else { return };
        let none = Of::new();
        let (of, front, is_phrase) = found.unwrap_or((&none, 1, false));
        let denies = of.contains(&DENIAL) || token.sign == Sign::Denies;
        let end = tokens.get(at + front - 1).map_or(token.end, |last| last.end);
        let says = of.iter().any(|group| *group > DENIAL);
        if denies && !says {
            self.out.denials += 1;
            return;
        }
        if !says && (is_phrase || token.form == Form::Common) {
            self.prepositional |= matches!(token.sign, Sign::Preposition | Sign::By | Sign::Than);
            return;
        }
        let bare = !std::mem::take(&mut self.prepositional) && token.sign != Sign::Preposition;
        let kind = match token.form {
            _ if of.contains(&LIGHT) => Kind::Light,
            Form::Common if !is_phrase => Kind::Little,
            Form::Capital if of.is_empty() => Kind::Name,
            _ => Kind::Word,
        };
        let key = if is_phrase {
            let keys = tokens.iter().skip(at).take(front).map(|token| token.key);
            keys.fold(0, |all: u64, key| all.rotate_left(5) ^ key)
        } else {
            token.key
        };
        let before = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at)).map(|token| token.sign);
        let by = tokens.get(at + front).is_some_and(|next| next.sign == Sign::By);
        // Not `it was they who did`.
        let close = (1..=3).map(before).take_while(|sign| *sign != Some(Sign::Relative));
        let be = close.into_iter().any(|sign| sign == Some(Sign::Be));
        let soon =
            (1..=3).any(|on| tokens.get(at + front + on - 1).is_some_and(|next| next.sign == Sign::By));
        let says_by = tokens.iter().skip(at).take(front).any(|token| token.sign == Sign::By);
        let passive = !says_by && (token.sign == Sign::Done && (be || by) || be && soon);
        let groups = self.groups;
        let own = tokens.iter().skip(at).take(front);
        let denied = |token: &Token| token.sign == Sign::Denies || groups.is_denial(token.key);
        let parts =
            own.clone().filter(|token| is_phrase && token.form != Form::Common).map(|token| token.key);
        // `Not effective` is not the word `effective`.
        let parts: SmallVec<[u64; 2]> =
            if own.clone().any(denied) { SmallVec::new() } else { parts.collect() };
        let only = parts.first().filter(|_| parts.len() == 1).and_then(|key| groups.phrase_at(&[*key]));
        if let Some(term) = self.push(key, of, (token.start, end), kind) {
            (term.denies, term.passive) = (denies, passive);
            let more = only.iter().flat_map(|found| found.of.iter().copied());
            let against =
                |group: &u16| groups.against(*group).is_some_and(|(other, _)| term.of.contains(&other));
            let is_more = |group: &u16| *group > DENIAL && !term.of.contains(group) && !against(group);
            let more: Of = more.filter(is_more).collect();
            term.of.extend(more);
            (term.parts, term.letters, term.bare) = (parts, true, bare);
            term.noun = before(1) == Some(Sign::Article);
        }
    }

    /// A stretch of a script without spaces; `before`: the number in digits right before it.
    fn dense(&mut self, start: usize, end: usize, mut before: Option<f64>) {
        let (mut at, mut gap, mut passive) = (start, start, 0_u8);
        while at < end {
            let run = self.text.get(at..end).unwrap_or_default();
            let known = self.groups.word_at(run);
            let number =
                chinese(run, before).filter(|(_, length, _)| known.is_none_or(|(other, _)| other <= *length));
            let is_first = before.take().is_some();
            if let Some((value, length, percent)) = number {
                self.gap(gap, at);
                // The digits before it were left to it.
                let from = if is_first { self.digits_before(at) } else { at };
                let measure = measured_before(value, run.get(length..).unwrap_or_default());
                if let Some(term) = self.push(key(value), &Of::new(), (from, at + length), Kind::Number) {
                    term.measure = measure.unwrap_or_default();
                }
                if percent {
                    self.percent(at + length, at + length);
                }
                at += length;
                gap = at;
            } else if let Some((length, of)) = known {
                self.gap(gap, at);
                let between = self.text.get(gap..at).map_or(0, |gap| gap.chars().count());
                passive = passive.saturating_sub(u8::try_from(between).unwrap_or(u8::MAX));
                let is_verb = self.groups.is(of, Sort::Verb);
                self.known(at, length, of, passive > 0 && is_verb);
                let word = run.get(..length).unwrap_or_default();
                passive = match word {
                    "被" | "由" | "受" | "遭" => PASSIVE,
                    _ if is_verb => 0,
                    _ => passive.saturating_sub(1),
                };
                self.out.by |= passive > 0;
                self.out.than |= matches!(word, "比" | "比起");
                self.out.relative |= matches!(word, "是" | "因" | "因为" | "由于" | "靠" | "原因");
                at += length;
                gap = at;
            } else {
                at += run.chars().next().map_or(1, char::len_utf8);
            }
        }
        self.gap(gap, end);
    }

    /// Where the digits begin that end here.
    fn digits_before(&self, at: usize) -> usize {
        let text = self.text.get(..at).unwrap_or_default();
        text.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == ',').len()
    }

    fn known(&mut self, at: usize, length: usize, of: &Of, passive: bool) {
        let word = self.text.get(at..at + length).unwrap_or_default();
        let says = of.iter().any(|group| *group > DENIAL);
        let denies = of.contains(&DENIAL);
        if denies && !says {
            self.out.denials += 1;
        } else if of.contains(&LIGHT) && !says {
            // It says nothing.
        } else {
            let single = word.chars().nth(1).is_none();
            let kind = match (of.contains(&LIGHT), single) {
                (true, _) => Kind::Light,
                (false, true) => Kind::Single,
                (false, false) => Kind::Word,
            };
            if let Some(term) = self.push(hash(word), of, (at, at + length), kind) {
                (term.denies, term.passive) = (denies, passive);
            }
        }
    }

    /// A stretch that has no known word: its characters by twos.
    fn gap(&mut self, start: usize, end: usize) {
        let run = self.text.get(start..end).unwrap_or_default();
        let mut chars = run.char_indices().peekable();
        let mut first = true;
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().map(|(at, next)| at + next.len_utf8());
            let (length, kind) = match next {
                Some(next) => (next, Kind::Pair),
                None if first => (at + c.len_utf8(), Kind::Single),
                None => break,
            };
            first = false;
            let both = run.get(at..length).unwrap_or_default();
            self.push(hash(both), &Of::new(), (start + at, start + length), kind);
        }
    }
}
