//! Expressions: how they are read, what folding makes of them, and which are possible at all.

use super::PatternSpec;
use super::pattern::LONGEST;
use crate::text::fold::fold_literal;
use regex_syntax::hir::{Capture, Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind};

/// How much an expression says, repetitions as often as they are: a measure of its table that costs nothing.
pub(super) fn weight(hir: &Hir) -> u32 {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(literal) => literal.0.len() as u32,
        HirKind::Class(_) => 1,
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min + 1);
            weight(&repetition.sub).saturating_mul(times)
        }
        HirKind::Capture(capture) => weight(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(weight).fold(0, u32::saturating_add)
        }
    }
}

pub(super) fn parse(source: &str, case_insensitive: bool) -> Result<Hir, String> {
    let parsed =
        regex_syntax::ParserBuilder::new().case_insensitive(case_insensitive).build().parse(&ascii(source));
    parsed.map(|hir| folded(&hir)).map_err(|error| match error {
        regex_syntax::Error::Parse(error) => format!("the expression does not parse: {}", error.kind()),
        regex_syntax::Error::Translate(error) => format!("the expression does not parse: {}", error.kind()),
        other => other.to_string(),
    })
}

/// The expression with ASCII classes for `\d`, `\w` and `\s`: in folded text there are no other digits, and the
/// Unicode classes would make tables a hundred times as big.
fn ascii(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut chars = source.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('d') => out.push_str("[0-9]"),
            Some('D') => out.push_str("[^0-9]"),
            Some('w') => out.push_str("[0-9A-Za-z_]"),
            Some('W') => out.push_str("[^0-9A-Za-z_]"),
            Some('s') => out.push_str(r"[\t\n\x0B\x0C\r ]"),
            Some('S') => out.push_str(r"[^\t\n\x0B\x0C\r ]"),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

/// The expression over folded text: its own letters folded as the text is.
fn folded(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => hir.clone(),
        HirKind::Literal(literal) => Hir::literal(fold_literal(&String::from_utf8_lossy(&literal.0))),
        HirKind::Class(class) => Hir::class(folded_class(class)),
        HirKind::Repetition(repetition) => Hir::repetition(repetition.with(folded(&repetition.sub))),
        HirKind::Capture(capture) => Hir::capture(Capture {
            index: capture.index,
            name: capture.name.clone(),
            sub: Box::new(folded(&capture.sub)),
        }),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(folded).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(folded).collect()),
    }
}

/// What the class's characters fold to; what folding never leaves (`K` the sign of the kelvin, which `(?i)k` brings in)
/// is gone. Long ranges (all of Chinese, everything but a quote) stay as they are.
fn folded_class(class: &Class) -> Class {
    const LONG: usize = 2048;
    let Class::Unicode(class) = class else { return class.clone() };
    let mut all = ClassUnicode::empty();
    for range in class.iter() {
        if range.end().is_ascii() || range.len() > LONG {
            all.push(*range);
            continue;
        }
        for c in range.start()..=range.end() {
            let folded = if c.is_ascii() { vec![c as u8] } else { fold_literal(c.encode_utf8(&mut [0; 4])) };
            let folded = String::from_utf8_lossy(&folded);
            let mut chars = folded.chars();
            if let (Some(one), None) = (chars.next(), chars.next()) {
                all.push(ClassUnicodeRange::new(one, one));
            }
        }
    }
    Class::Unicode(all)
}

/// What a pattern may be; returns the length of its longest match.
pub(super) fn check_shape(hir: &Hir, spec: &PatternSpec) -> Result<u32, String> {
    let properties = hir.properties();
    if !properties.look_set().is_empty() {
        return Err(
            "anchors and boundaries (`^`, `$`, `\\b`) are not possible: set `left` and `right`".to_owned()
        );
    }
    if properties.minimum_len().unwrap_or(0) == 0 && spec.max_len != Some(0) {
        return Err(match properties.minimum_len() {
            None => "the expression can never match".to_owned(),
            Some(_) => "the expression matches the empty text".to_owned(),
        });
    }
    let own = properties.maximum_len().map(|length| u32::try_from(length).unwrap_or(u32::MAX));
    let longest = match (own, spec.max_len) {
        (Some(own), Some(most)) => own.min(most),
        (Some(own), None) => own,
        (None, Some(most)) => most,
        (None, None) => {
            return Err(
                "a match has no longest length: bound `*`, `+` and `{n,}`, or set `max_len`".to_owned()
            );
        }
    };
    if longest > LONGEST {
        return Err(format!("a match may have {longest} bytes, at most {LONGEST} are possible"));
    }
    if properties.minimum_len().is_some_and(|least| least > longest as usize) {
        return Err(format!("`max_len` is {longest}, but the shortest match is longer"));
    }
    Ok(longest)
}
