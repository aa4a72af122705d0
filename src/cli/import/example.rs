//! Texts that a rule finds and one that it does not, made for rules that come without any. Each has been tried.

use super::rule::Rule;
use crate::cli::dice::Dice;
use crate::detect::{Engine, RuleSet, TextKind, scan_all};
use regex_syntax::hir::{Class, Hir, HirKind};
use std::sync::Arc;

/// Sentences that hardly any rule finds something in.
const ORDINARY: [&str; 4] = [
    "the ferry was late because of the fog, so we had soup",
    "今天下午我们在河边散步",
    "violets grow under the old hedge",
    "a",
];
/// A validator wants what looks drawn at random, and not every draw does.
const TRIES: u64 = 60;

/// A text that the rule finds, if one could be made, and one that it leaves alone.
pub(super) fn examples(rule: &Rule) -> (Option<String>, Option<&'static str>) {
    let compiled = match &rule.compiled.0 {
        Some(engine) => Arc::clone(engine),
        None => match Engine::compile(&[rule.spec()]) {
            Ok(engine) => Arc::new(engine),
            Err(_) => return (None, None),
        },
    };
    let finds = |text: &str| !scan_all(&compiled, &RuleSet::full(1), TextKind::Plain, text).is_empty();
    (example(rule, &finds), ORDINARY.into_iter().find(|text| !finds(text)))
}

fn example(rule: &Rule, finds: &dyn Fn(&str) -> bool) -> Option<String> {
    let near = rule.near.first().map(|term| format!("{} ", term.text)).unwrap_or_default();
    if let Some((first, second, _)) = &rule.groups {
        let text = format!("{} {}", first.first()?.text, second.first()?.text);
        return Some(text).filter(|text| finds(text));
    }
    if let Some(term) = rule.terms.first() {
        return Some(format!("{near}{}", term.text)).filter(|text| finds(text));
    }
    let parsed: Vec<Hir> =
        rule.patterns.iter().filter_map(|p| regex_syntax::parse(&ascii(&p.regex)).ok()).collect();
    (0..TRIES).find_map(|seed| {
        let mut dice = Dice::new(seed ^ name(&rule.id));
        let pattern = parsed.get(seed as usize % parsed.len().max(1))?;
        let mut text = near.clone();
        write(pattern, &mut dice, &mut text);
        Some(text).filter(|text| text.len() < 2048 && finds(text))
    })
}

/// What is longer is no example.
const LONGEST: usize = 2048;

/// Classes as the engine reads them.
fn ascii(source: &str) -> String {
    source.replace("\\d", "[0-9]").replace("\\w", "[0-9A-Za-z_]").replace("\\s", " ")
}

fn write(hir: &Hir, dice: &mut Dice, out: &mut String) {
    // Repetitions within repetitions have no end.
    if out.len() > LONGEST {
        return;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => out.push(choose(class, dice)),
        HirKind::Repetition(repetition) => {
            let least = repetition.min;
            // Enough for a check, and not more than may be.
            let most = repetition.max.unwrap_or(u32::MAX).min(least.max(16));
            let times = if least == 0 && dice.below(2) == 0 {
                0
            } else {
                most.min(least.max(1 + dice.below(16) as u32))
            };
            for _ in 0..times.max(least) {
                write(&repetition.sub, dice, out);
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, dice, out),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, dice, out)),
        HirKind::Alternation(parts) => {
            let n = dice.below(parts.len() as u64) as usize;
            if let Some(part) = parts.get(n) {
                write(part, dice, out);
            }
        }
    }
}

/// Letters and digits where there are any.
fn choose(class: &Class, dice: &mut Dice) -> char {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => class.iter().map(|range| (range.start(), range.end())).collect(),
        Class::Bytes(class) => {
            class.iter().map(|range| (char::from(range.start()), char::from(range.end()))).collect()
        }
    };
    let has = |c: &char| ranges.iter().any(|(start, end)| (start..=end).contains(&c));
    let plain: Vec<char> = ('0'..='9').chain('a'..='z').chain('A'..='Z').filter(has).collect();
    let any = || (' '..='~').find(has).or_else(|| ranges.first().map(|(start, _)| *start));
    match plain.get(dice.below(plain.len().max(1) as u64) as usize) {
        Some(c) => *c,
        None => any().unwrap_or(' '),
    }
}

/// Of a name a number, so that every import makes the same texts.
fn name(id: &str) -> u64 {
    id.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}
