//! What a scan found, for people: the lines in which something stands, marked, and below them the rules.

use super::text::{Found, Scanned};
use crate::diag::Colour;
use crate::exchange::Outcome;
use crate::policy::Action;
use std::io::{self, Write};
use std::ops::Range;

/// As many characters of a long line are shown on either side of what was found.
const AROUND: usize = 60;

/// How many texts came to which verdict.
#[derive(Default)]
pub(super) struct Totals {
    texts: u64,
    blocked: u64,
    rewritten: u64,
    flagged: u64,
}

impl Totals {
    pub(super) fn add(&mut self, scanned: &Scanned<'_>) {
        self.texts += 1;
        match scanned.outcome() {
            Outcome::Block => self.blocked += 1,
            Outcome::Rewrite => self.rewritten += 1,
            Outcome::Flag => self.flagged += 1,
            Outcome::Allow => {}
        }
    }

    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { texts, blocked, rewritten, flagged } = self;
        let s = if *texts == 1 { "" } else { "s" };
        writeln!(out, "{texts} text{s}: {blocked} blocked, {rewritten} rewritten, {flagged} flagged")
    }
}

/// Writes a text's name, its verdict, its lines with what was found, and the rules. Nothing of a text in which nothing was found.
pub(super) fn write(
    id: &str,
    text: &str,
    scanned: &Scanned<'_>,
    colour: Colour,
    out: &mut impl Write,
) -> io::Result<()> {
    if scanned.findings().is_empty() && scanned.outcome() == Outcome::Allow {
        return Ok(());
    }
    let verdict = scanned.outcome().as_str();
    writeln!(out, "{} {verdict}", style(colour, BOLD, &visible(id.trim_matches('"'))))?;
    let (mut start, mut number) = (0, 0);
    for line in text.split_inclusive('\n') {
        number += 1;
        let whole = start..start + line.trim_end_matches(['\n', '\r']).len();
        start += line.len();
        let here: Vec<&Found<'_>> =
            scanned.findings().iter().filter(|found| touches(&found.bytes, &whole)).collect();
        if here.is_empty() {
            continue;
        }
        writeln!(out, "  {number:>5} | {}", marked(text, &whole, &here, colour))?;
        // What goes over several lines is named at its first.
        for found in here.into_iter().filter(|found| found.bytes.start >= whole.start || number == 1) {
            let column =
                text.get(whole.start..found.bytes.start).map_or(0, |before| before.chars().count()) + 1;
            let action = style(colour, tint(shown(found)), found.action.as_str());
            let shadow = if found.shadow { ", in shadow" } else { "" };
            let hidden = found.hidden.map_or(String::new(), |hidden| format!(", hidden as {hidden}"));
            let of = match (found.document, found.statement) {
                (Some(document), _) => format!(", of `{document}`"),
                (None, Some(one)) => format!(", {}: see {}", one.verdict.as_str(), one.source),
                (None, None) => String::new(),
            };
            let Found { rule, category, score, .. } = found;
            writeln!(
                out,
                "        | {action} {rule} at {number}:{column} ({category}, score {score:.2}{hidden}{of}{shadow})"
            )?;
        }
    }
    writeln!(out)
}

/// The action as which a finding is shown: of a rule in shadow nothing follows.
fn shown(found: &Found<'_>) -> Action {
    if found.shadow { Action::Allow } else { found.action }
}

/// Whether a finding stands in a line; one without length stands where it begins.
fn touches(found: &Range<usize>, line: &Range<usize>) -> bool {
    found.start <= line.end && found.end > line.start || found.start == line.start
}

/// The part of a line around what was found, what was found marked by its strongest action.
fn marked(text: &str, line: &Range<usize>, found: &[&Found<'_>], colour: Colour) -> String {
    let first = found.iter().map(|found| found.bytes.start).min().unwrap_or(line.start).max(line.start);
    let last = found.iter().map(|found| found.bytes.end).max().unwrap_or(line.end).min(line.end);
    let before = text.get(line.start..first).unwrap_or_default();
    let from = before.char_indices().rev().nth(AROUND - 1).map_or(line.start, |(at, _)| line.start + at);
    let behind = text.get(last..line.end).unwrap_or_default();
    let to = behind.char_indices().nth(AROUND).map_or(line.end, |(at, _)| last + at);
    let mut out = String::from(if from > line.start { "..." } else { "" });
    let (mut run, mut of) = (String::new(), None);
    for (at, c) in text.get(from..to).unwrap_or_default().char_indices() {
        let at = from + at;
        let action = found.iter().filter(|found| found.bytes.contains(&at)).map(|found| shown(found)).max();
        if action != of {
            out.push_str(&mark(colour, of, &run));
            run.clear();
            of = action;
        }
        push_visible(c, &mut run);
    }
    out.push_str(&mark(colour, of, &run));
    out.push_str(if to < line.end { "..." } else { "" });
    out
}

fn mark(colour: Colour, action: Option<Action>, run: &str) -> String {
    match (action, colour) {
        (Some(action), Colour::On) => style(colour, &format!("7;{}", tint(action)), run),
        (Some(_), Colour::Off) if !run.is_empty() => format!("[[{run}]]"),
        _ => run.to_owned(),
    }
}

const BOLD: &str = "1";

/// The colour of an action, as ECMA-48 numbers it.
fn tint(action: Action) -> &'static str {
    match action {
        Action::Block => "31",
        Action::Partial | Action::Pseudonymise | Action::Hash | Action::Mask | Action::Replace => "33",
        Action::Flag => "36",
        Action::Allow => "32",
    }
}

fn style(colour: Colour, code: &str, words: &str) -> String {
    match colour {
        Colour::On if !words.is_empty() => format!("\x1b[{code}m{words}\x1b[0m"),
        _ => words.to_owned(),
    }
}

/// A text may be anybody's: what would move the terminal's cursor or turn its letters around is written out.
fn push_visible(c: char, out: &mut String) {
    let turns =
        matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}');
    if c == '\t' {
        out.push(' ');
    } else if c.is_control() || turns {
        out.extend(c.escape_default());
    } else {
        out.push(c);
    }
}

/// A text as it may stand on a terminal.
pub(in crate::cli) fn visible(text: &str) -> String {
    let mut out = String::new();
    text.chars().for_each(|c| push_visible(c, &mut out));
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::policy;
    use super::super::text::scan;
    use super::*;
    use crate::policy::Direction;

    fn shown(text: &str, colour: Colour) -> String {
        let policy = policy();
        let scanned = scan(&policy, Direction::Prompt, text, None);
        let mut out = Vec::new();
        write("a", text, &scanned, colour, &mut out).expect("a buffer takes all");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn lines_are_shown_with_what_was_found_marked() {
        let text = "one line\nsay geheim, then seltsam\nno more\nverboten";
        let want = "a block\n      2 | say [[geheim]], then [[seltsam]]\n        | mask t/mask at 2:5 (TEST, score 1.00)\n        \
                    | flag t/flag at 2:18 (TEST, score 1.00)\n      4 | [[verboten]]\n        | block t/block at 4:1 (TEST, score 1.00)\n\n";
        assert_eq!(shown(text, Colour::Off), want);
        assert!(
            shown(text, Colour::On).contains("say \x1b[7;33mgeheim\x1b[0m, then \x1b[7;36mseltsam\x1b[0m\n")
        );
        assert_eq!(shown("nothing", Colour::Off), "");
    }

    #[test]
    fn a_text_does_not_move_the_cursor() {
        let out = shown("\x1b[2J\u{202E}geheim\u{7}", Colour::Off);
        assert!(out.contains("\\u{1b}[2J\\u{202e}[[geheim]]\\u{7}"), "{out}");
    }

    #[test]
    fn long_lines_are_shown_around_what_was_found() {
        let out = shown(&format!("{} geheim {}", "x".repeat(500), "y".repeat(500)), Colour::Off);
        let line = out.lines().nth(1).unwrap_or_default();
        assert!(line.contains("...x") && line.ends_with("y...") && line.len() < 170, "{line}");
    }
}
