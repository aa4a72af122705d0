//! One text through one policy, fed whole or in pieces.

use crate::detect::claims::Statement;
use crate::detect::{Encodings, Finding, ModelSpec, RuleId, Scan, scan_encoded, with_encoded};
use crate::exchange::{Edit, Emitter, Make, Outcome, Piece};
use crate::policy::{Action, Direction, MEASURE, Policy};
use crate::text::fold::TextKind;
use crate::text::json::escape_into;
use crate::vault::partial;
use std::io::{self, Write};
use std::ops::Range;

/// What a policy found in a text and made of it.
pub(in crate::cli) struct Scanned<'p> {
    outcome: Outcome,
    /// What models say of the text, by name.
    scores: Vec<(String, f32)>,
    findings: Vec<Found<'p>>,
    /// Source of the JSON string of the text as it would pass.
    redacted: Vec<u8>,
}

/// What one rule found.
pub(in crate::cli) struct Found<'p> {
    pub(in crate::cli) rule: &'p str,
    pub(in crate::cli) category: &'p str,
    /// Its place in code points.
    pub(in crate::cli) start: usize,
    pub(in crate::cli) end: usize,
    /// Its place in bytes.
    pub(in crate::cli) bytes: Range<usize>,
    pub(in crate::cli) score: f32,
    pub(in crate::cli) action: Action,
    /// Whether nothing follows, since the rule is in shadow.
    pub(in crate::cli) shadow: bool,
    pub(in crate::cli) hidden: Option<Encodings>,
    /// What its rule asks a model.
    pub(in crate::cli) model: Option<&'p ModelSpec>,
    /// The document of which it is a passage.
    pub(in crate::cli) document: Option<&'p str>,
    /// The statement that it says once more.
    pub(in crate::cli) statement: Option<&'p Statement>,
}

/// Runs the text through the streaming scanner, in pieces of `chunk` code points or as one.
pub(in crate::cli) fn scan<'p>(
    policy: &'p Policy,
    direction: Direction,
    text: &str,
    chunk: Option<u32>,
) -> Scanned<'p> {
    let (found, unread, scores) = read(policy, direction, text, chunk);
    let unread = if unread { policy.unscanned().action() } else { Action::Allow };
    let action = |id: RuleId| policy.action(id, direction);
    let strongest = found.iter().map(|(f, _)| action(f.rule)).max().unwrap_or_default();
    let outcome = Outcome::of(strongest.max(unread));
    let mut redacted = Vec::new();
    if outcome != Outcome::Block {
        let mut emitter = Emitter::new(false);
        for (f, hidden) in &found {
            if let Some(marker) = policy.edit_text(f.rule, direction) {
                let marker = match action(f.rule) {
                    Action::Partial if hidden.is_none() => {
                        let value = text.get(f.start.0 as usize..f.end.0 as usize).unwrap_or_default();
                        partial(&policy.rule(f.rule).category, value).into()
                    }
                    // Stand-ins and hashes take the gateway's key.
                    Action::Allow
                    | Action::Flag
                    | Action::Partial
                    | Action::Pseudonymise
                    | Action::Hash
                    | Action::Mask
                    | Action::Replace
                    | Action::Block => marker.clone(),
                };
                emitter.add(Edit {
                    start: f.start.0,
                    end: f.end.0,
                    strength: action(f.rule) as u8 * 2,
                    rule: f.rule.0,
                    marker,
                    make: Make::Marker,
                });
            }
        }
        let mut raw = Vec::new();
        escape_into(text, &mut raw);
        let raw = String::from_utf8(raw).unwrap_or_default();
        emitter.write(Piece { raw: &raw, escaped: true, text, start: 0, quoted: true }, &mut redacted);
    }
    let shadow = policy.shadow().map(|shadow| read(shadow, direction, text, chunk).0).unwrap_or_default();
    let would = |id: RuleId| policy.action_in_force(id, direction);
    let mut all: Vec<_> = found.into_iter().map(|one| (one, false)).collect();
    all.extend(shadow.into_iter().map(|one| (one, true)));
    all.sort_by_key(|((f, hidden), _)| (f.start, f.end, f.rule, *hidden));
    let mut points = CodePoints { text, byte: 0, point: 0 };
    let starts: Vec<usize> = all.iter().map(|((f, _), _)| points.at(f.start.0 as usize)).collect();
    let findings = all
        .iter()
        .zip(starts)
        .map(|(((f, hidden), shadow), start)| {
            let rule = policy.rule(f.rule);
            let bytes = f.start.0 as usize..f.end.0 as usize;
            let inside = text.get(bytes.clone()).unwrap_or_default();
            Found {
                rule: &rule.id,
                category: &rule.category,
                start,
                end: start + inside.chars().count(),
                bytes,
                score: f.score,
                action: would(f.rule),
                shadow: *shadow,
                hidden: *hidden,
                model: rule.model.as_ref(),
                statement: policy.engine().statement(f.rule, f.of),
                document: policy.engine().document(f.rule, f.of).map(AsRef::as_ref),
            }
        })
        .collect();
    Scanned { outcome, scores, findings, redacted }
}

/// What was found, whether more is encoded than is read, and what models say.
type Read = (Vec<(Finding, Option<Encodings>)>, bool, Vec<(String, f32)>);

/// What a policy finds in a text, in its order, and whether it holds more that is encoded than is read.
fn read(policy: &Policy, direction: Direction, text: &str, chunk: Option<u32>) -> Read {
    let (engine, rules) = (policy.engine(), policy.rules(direction));
    let mut scan = Scan::new(TextKind::Plain);
    let mut found: Vec<Finding> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = chunk.and_then(|n| rest.char_indices().nth(n as usize)).map_or(rest.len(), |(at, _)| at);
        let (piece, after) = rest.split_at(end);
        scan.push(engine, rules, piece, &mut found);
        rest = after;
    }
    scan.finish(engine, rules, &mut found);
    found.retain(|one| policy.counts_unjudged(one));
    if policy.name() == MEASURE {
        // Who measures sets no cut-off: what models say stands in the scores alone.
        found.retain(|one| policy.rule(one.rule).model.as_ref().is_none_or(ModelSpec::finds_places));
    }
    let scores =
        scan.reading().map(|reading| reading.named(direction == Direction::Tool)).unwrap_or_default();
    let encoded = scan_encoded(engine, policy.encoded_rules(direction), TextKind::Plain, text, &found);
    let unread = encoded.unread;
    let mut found: Vec<_> = with_encoded(found, encoded).collect();
    found.sort_by_key(|(f, hidden)| (f.start, f.end, f.rule, *hidden));
    (found, unread, scores)
}

/// Code points before a byte, for bytes in rising order.
struct CodePoints<'t> {
    text: &'t str,
    byte: usize,
    point: usize,
}

impl CodePoints<'_> {
    fn at(&mut self, byte: usize) -> usize {
        self.point += self.text.get(self.byte..byte).map_or(0, |s| s.chars().count());
        self.byte = self.byte.max(byte);
        self.point
    }
}

impl Scanned<'_> {
    /// The verdict on the text.
    pub(in crate::cli) fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// What models say of the text, by name, 0 to 1.
    pub(in crate::cli) fn scores(&self) -> &[(String, f32)] {
        &self.scores
    }

    /// What was found, in order.
    pub(in crate::cli) fn findings(&self) -> &[Found<'_>] {
        &self.findings
    }

    /// The rules that found something, each with its action and whether it is in shadow.
    pub(in crate::cli) fn rules(&self) -> impl Iterator<Item = (&str, Action, bool)> {
        self.findings.iter().map(|found| (found.rule, found.action, found.shadow))
    }

    /// Writes the line. `id` is the source of a JSON value.
    pub(super) fn write(&self, id: &str, redacted: bool, out: &mut impl Write) -> io::Result<()> {
        write!(out, "{{\"id\":{id},\"verdict\":\"{}\",\"scores\":{{", self.outcome.as_str())?;
        for (n, (name, score)) in self.scores.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            write!(out, "{comma}{}:{score:.6}", string(name))?;
        }
        out.write_all(b"},\"findings\":[")?;
        for (n, found) in self.findings.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            let (rule, category) = (string(found.rule), string(found.category));
            write!(
                out,
                "{comma}{{\"rule\":{rule},\"category\":{category},\"start\":{},\"end\":{},\"score\":{},\"action\":\"{}\"",
                found.start,
                found.end,
                found.score,
                found.action.as_str()
            )?;
            if found.shadow {
                out.write_all(b",\"state\":\"shadow\"")?;
            }
            if let Some(hidden) = found.hidden {
                write!(out, ",\"hidden\":\"{hidden}\"")?;
            }
            if let Some(document) = found.document {
                write!(out, ",\"document\":{}", string(document))?;
            }
            if let Some(Statement { claim, verdict, source }) = found.statement {
                let (claim, source) = (string(claim), string(source));
                write!(out, ",\"claim\":{claim},\"verdict\":\"{}\",\"source\":{source}", verdict.as_str())?;
            }
            out.write_all(b"}")?;
        }
        out.write_all(b"]")?;
        if redacted {
            out.write_all(b",\"redacted\":\"")?;
            out.write_all(&self.redacted)?;
            out.write_all(b"\"")?;
        }
        out.write_all(b"}\n")
    }
}

fn string(text: &str) -> String {
    let mut out = vec![b'"'];
    escape_into(text, &mut out);
    out.push(b'"');
    String::from_utf8(out).unwrap_or_default()
}
