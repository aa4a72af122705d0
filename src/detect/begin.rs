//! Where a pattern's matches can begin: at a literal, in the run before a byte, or anywhere.

use super::PatternSpec;
use super::blocks::is_gap;
use super::expression::parse;
use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Class, Hir, HirKind};
use std::collections::BTreeSet;

/// A set of bytes.
pub(super) type Bytes = Box<[bool; 256]>;

/// The longest run before an inner byte.
pub(super) const INNER_RUN: usize = 256;
/// An inner byte is one of no more letters.
const FEW_LETTERS: usize = 2;
/// The longest run of one length that may hold the inner byte itself.
const FIXED_RUN: usize = 8;

/// The beginning of a pattern's matches.
#[derive(Clone, Debug)]
pub(super) enum Begin {
    Literal(BTreeSet<String>),
    Inner {
        bytes: Bytes,
        run: Bytes,
        most: usize,
    },
    /// First bytes all digits, all letters, or any: machines of one kind of beginning stay smaller.
    Anywhere {
        digits: bool,
        letters: bool,
    },
}

/// Finds the rarest beginning.
pub(super) fn begin(hir: &Hir, spec: &PatternSpec) -> Begin {
    if let Some(literals) = literals(spec) {
        return Begin::Literal(literals);
    }
    if let Some(inner) = inner(hir) {
        return inner;
    }
    let first = Extractor::new().limit_class(128).limit_literal_len(1).limit_total(256).extract(hir);
    let all = |is: fn(&u8) -> bool| {
        let literals = first.literals();
        literals.is_some_and(|all| all.iter().all(|literal| literal.as_bytes().first().is_some_and(is)))
    };
    Begin::Anywhere { digits: all(u8::is_ascii_digit), letters: all(u8::is_ascii_alphabetic) }
}

/// The literals, lower case, one of which begins every match; none if they say too little or are too many.
fn literals(spec: &PatternSpec) -> Option<BTreeSet<String>> {
    // Classes are spelled out if they are small (`gh[pousr]_`); if that leaves too little, also larger ones, such as the
    // provinces that begin a Chinese number plate.
    const CLASSES: [usize; 2] = [10, 64];
    // Where a literal may go on in many ways, its beginnings are fewer (`QQ` before a number, with one of many words between).
    const MOST_LENGTHS: [usize; 2] = [LENGTHS[0], 4];
    let hir = parse(&spec.regex, false).ok()?;
    let tries = MOST_LENGTHS.into_iter().flat_map(|most| CLASSES.map(|class| (most, class)));
    tries.into_iter().find_map(|(most, class)| {
        let found =
            Extractor::new().limit_class(class).limit_literal_len(most).limit_total(256).extract(&hir);
        let literals: Vec<Vec<u8>> =
            found.literals()?.iter().map(|one| one.as_bytes().to_ascii_lowercase()).collect();
        LENGTHS.into_iter().find_map(|length| telling(&literals, length))
    })
}

/// How much of the literals is taken: as much as leaves few enough of them.
const LENGTHS: [usize; 9] = [48, 24, 16, 12, 8, 6, 5, 4, 3];

/// The beginnings of `length` bytes, if they are few and each says enough; none that begins with another.
fn telling(literals: &[Vec<u8>], length: usize) -> Option<BTreeSet<String>> {
    const SHORTEST: usize = 3;
    const MOST: usize = 64;
    let mut texts: BTreeSet<String> = BTreeSet::new();
    for bytes in literals {
        let bytes = bytes.get(..length).unwrap_or(bytes);
        // A literal may be cut in the middle of a character.
        let text = match str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?,
        };
        let telling = text.len() >= SHORTEST
            && !text.starts_with(' ')
            && text.bytes().any(|byte| !byte.is_ascii_digit() && byte != b' ');
        if !telling {
            return None;
        }
        texts.insert(text.to_owned());
    }
    // In order, a text comes right after its own beginnings.
    let mut shortest: BTreeSet<String> = BTreeSet::new();
    for text in texts {
        if !shortest.last().is_some_and(|shorter| text.starts_with(shorter.as_str())) {
            shortest.insert(text);
        }
    }
    (1..=MOST).contains(&shortest.len()).then_some(shortest)
}

/// A bounded run of letters and more, before a byte that the run does not hold: what stands before the `@` of an
/// address, the letters before the digits of a passport's number. Such bytes are rarer than words.
fn inner(hir: &Hir) -> Option<Begin> {
    let mut parts = Vec::new();
    flatten(hir, &mut parts);
    let mut run = Box::new([false; 256]);
    let (mut least, mut most) = (0, 0);
    for part in parts {
        let letters = (b'a'..=b'z').any(|letter| run[usize::from(letter)]);
        // Where the run may be empty (`[a-z]{0,3}[0-9]{6}`), a match may begin at the byte itself.
        if letters && least > 0 && most <= INNER_RUN {
            let mut bytes = Box::new([false; 256]);
            let apart = |bytes: &Bytes| !run.iter().zip(bytes.iter()).any(|(run, byte)| *run && *byte);
            // A run of one length needs no end; but only a byte that is rare is worth looking at.
            let rare = |bytes: &Bytes| {
                let common = |byte: &u8| bytes[usize::from(*byte)] && !byte.is_ascii_uppercase();
                least == most && most <= FIXED_RUN && !(0..0x80).any(|byte| common(&byte))
            };
            // What stands between words is looked at nowhere: it is everywhere.
            let gap = |bytes: &Bytes| (0..=255_u8).any(|byte| bytes[usize::from(byte)] && is_gap(byte));
            // Nor is any letter of many: each is looked at wherever it stands.
            let letters = |bytes: &Bytes| {
                let is_letter = |byte: &u8| bytes[usize::from(*byte)] && byte.is_ascii_alphabetic();
                (0..0x80_u8).filter(is_letter).count()
            };
            let few = |bytes: &Bytes| letters(bytes) <= FEW_LETTERS;
            if first_bytes(part, &mut bytes) && !gap(&bytes) && few(&bytes) && (apart(&bytes) || rare(&bytes))
            {
                widen_to_digits(&mut bytes, &run);
                return Some(Begin::Inner { bytes, run, most });
            }
        }
        least += part.properties().minimum_len()?;
        most += part.properties().maximum_len()?;
        all_bytes(part, &mut run);
    }
    None
}

/// If some digits may follow the run, say that all may: patterns that differ in this only share a machine.
fn widen_to_digits(bytes: &mut Bytes, run: &Bytes) {
    let only_digits = bytes.iter().enumerate().all(|(byte, held)| !held || (byte as u8).is_ascii_digit());
    let no_digits = !run.iter().enumerate().any(|(byte, held)| *held && (byte as u8).is_ascii_digit());
    if only_digits && no_digits {
        (b'0'..=b'9').for_each(|digit| bytes[usize::from(digit)] = true);
    }
}

fn flatten<'h>(hir: &'h Hir, parts: &mut Vec<&'h Hir>) {
    match hir.kind() {
        HirKind::Concat(subs) => subs.iter().for_each(|sub| flatten(sub, parts)),
        HirKind::Capture(capture) => flatten(&capture.sub, parts),
        _ => parts.push(hir),
    }
}

/// Adds the bytes that a match may begin with; false if it may be empty or begin with other than ASCII.
fn first_bytes(hir: &Hir, bytes: &mut Bytes) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => false,
        HirKind::Literal(literal) => literal.0.first().is_some_and(|&first| {
            bytes[usize::from(first)] = true;
            first.is_ascii()
        }),
        HirKind::Class(class) => {
            class_bytes(class, bytes);
            class.maximum_len() == Some(1)
        }
        HirKind::Repetition(repetition) => repetition.min > 0 && first_bytes(&repetition.sub, bytes),
        HirKind::Capture(capture) => first_bytes(&capture.sub, bytes),
        HirKind::Concat(parts) => parts.first().is_some_and(|first| first_bytes(first, bytes)),
        HirKind::Alternation(parts) => parts.iter().all(|part| first_bytes(part, bytes)),
    }
}

/// Adds every byte that a match may hold.
fn all_bytes(hir: &Hir, bytes: &mut Bytes) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => literal.0.iter().for_each(|&byte| bytes[usize::from(byte)] = true),
        HirKind::Class(class) => class_bytes(class, bytes),
        HirKind::Repetition(repetition) => all_bytes(&repetition.sub, bytes),
        HirKind::Capture(capture) => all_bytes(&capture.sub, bytes),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            for part in parts {
                all_bytes(part, bytes);
            }
        }
    }
}

fn class_bytes(class: &Class, bytes: &mut Bytes) {
    let ranges: Vec<(u32, u32)> = match class {
        Class::Unicode(set) => {
            set.iter().map(|range| (u32::from(range.start()), u32::from(range.end()))).collect()
        }
        Class::Bytes(set) => {
            set.iter().map(|range| (u32::from(range.start()), u32::from(range.end()))).collect()
        }
    };
    for (byte, held) in (0..).zip(bytes.iter_mut()) {
        // Of other characters' bytes any may come.
        *held |= ranges
            .iter()
            .any(|&(low, high)| if byte < 0x80 { low <= byte && byte <= high } else { high >= 0x80 });
    }
}
