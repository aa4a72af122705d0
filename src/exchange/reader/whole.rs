//! The texts that end with the body or event in which they stand: each is read alone, and once more joined with those that a reader may
//! append it to. A prompt's are also read for what they hide by encoding it.

use std::sync::Arc;

use smallvec::SmallVec;

use super::super::emit::Edit;
use super::super::halt::SLICE;
use super::super::number;
use super::super::segment::{Segment, Segments};
use super::grounded::Grounded;
use super::judged::Place;
use super::values::back_edit;
use super::{Reader, Side};
use crate::detect::{Encoded, Finding, Scan, TextKind, scan_encoded, with_encoded};
use crate::dialect::{ChannelKey, Flow, Role};
use crate::policy::Direction;
use crate::text::TextPos;

/// Strings of one body or event that a reader may join. They are scanned together once all are known: a body may hold very many, most of
/// them alone.
#[derive(Debug)]
pub(super) struct Join {
    number: u32,
    kind: TextKind,
    role: Role,
    /// Whether each has been read alone.
    alone: bool,
    /// The strings, each with where its text begins in the joined text.
    texts: SmallVec<[(u32, u64); 1]>,
    length: u64,
}

impl Reader {
    /// Puts a string among those with which a reader may join it. Gives the joined text's number, and where in it the string begins.
    pub(super) fn join(
        &mut self,
        key: ChannelKey,
        kind: TextKind,
        (role, flow): (Role, Flow),
        (text, length): (u32, u64),
    ) -> (u32, u64) {
        let at = *self.join_of.entry(key).or_insert(self.joins.len() as u32);
        if at as usize == self.joins.len() {
            self.appeared = self.appeared.saturating_add(1);
            let (number, alone) = (self.appeared, flow != Flow::Delta);
            self.joins.push(Join { number, kind, role, alone, texts: SmallVec::new(), length: 0 });
        }
        let Some(join) = self.joins.get_mut(at as usize) else { return (0, 0) };
        let start = join.length;
        join.texts.push((text, start));
        join.length += length;
        (join.number, start)
    }

    /// Reads a string as a whole text, which may be part of a joined one. In a segment that also has a channel the edits go there.
    pub(super) fn whole(
        &mut self,
        text: &str,
        kind: TextKind,
        join: Option<(u32, u64)>,
        segment: &mut Segment,
    ) {
        let role = segment.role;
        let direction = self.direction(role);
        let policy = Arc::clone(&self.policy);
        let mut found = std::mem::take(&mut self.scratch);
        let mut scan = self.scan_of(kind);
        if !self.scan(&mut scan, direction, text, &mut found) {
            return;
        }
        scan.finish(policy.engine(), policy.rules(direction), &mut found);
        if let Some(context) = self.context_of(role, kind, direction) {
            let mut grounded = Grounded::new(context);
            grounded.push(policy.engine(), policy.rules(direction), text, &mut found);
            grounded.finish(policy.engine(), policy.rules(direction), &mut found);
        }
        let uncertain = self.uncertain(role, direction, &mut found);
        let encoded = self.encoded(text, kind, direction, &found);
        let unread = encoded.unread;
        let place = segment.channel().map(|(channel, start, _)| (channel as usize, start));
        let channel = place.and_then(|(c, start)| self.channels.get(c).map(|c| (c.number, start)));
        // In a channel's piece they are looked for in the channel.
        let backs = if place.is_none() { self.backs_in(text, kind) } else { Vec::new() };
        let (number, at) = channel.or(join).unwrap_or((self.appeared.saturating_add(1), 0));
        self.appeared = self.appeared.max(number);
        if join.is_none() && place.is_none() && segment.repeats.is_none() {
            self.measure_whole(number, role, kind, segment.wire.start, text);
        }
        // What is joined, or goes on, is asked about there.
        if join.is_none() && place.is_none() && segment.repeats.is_none() {
            let place = Place { direction, role, number, channel: None };
            self.judge_whole(text, place, at, &uncertain, &mut found);
        }
        let is_json = kind == TextKind::Json && !policy.rules(direction).is_empty();
        let shift = place.map_or(0, |(_, start)| start);
        let mut numbers = is_json.then(|| number::Numbers::of(text, shift));
        if let Some(numbers) = &mut numbers {
            numbers.read(policy.engine(), policy.rules(direction), shift, &mut found);
        }
        for (finding, hidden) in with_encoded(found.drain(..), encoded) {
            let left = self.left(finding.rule, (finding.start.0, finding.end.0), &backs, place);
            let parts = left.into_iter().map(|(start, end)| Finding {
                start: TextPos(start),
                end: TextPos(end),
                ..finding
            });
            for finding in parts {
                let (start, end) = (TextPos(finding.start.0 + at), TextPos(finding.end.0 + at));
                let noted = Finding { start, end, ..finding };
                let Some(edit) = self.note(&noted, hidden, direction, role, number) else { continue };
                let edit = Edit { start: finding.start.0 + shift, end: finding.end.0 + shift, ..edit };
                let whole = numbers.as_mut().and_then(|numbers| numbers.whole(&edit));
                let edits = [Some(edit), whole].into_iter().flatten();
                let Some((index, _)) = place else {
                    segment.edits.extend(edits);
                    continue;
                };
                for edit in edits {
                    let value = text.get((edit.start - shift) as usize..(edit.end - shift) as usize);
                    let edit = self.made_of(edit, value, kind == TextKind::Json);
                    if let Some(channel) = self.channels.get_mut(index) {
                        channel.emitter.add(edit);
                    }
                }
            }
        }
        for back in &backs {
            let edit = back_edit(back, 0);
            let whole = numbers.as_mut().and_then(|numbers| numbers.whole(&edit));
            segment.edits.extend([Some(edit), whole].into_iter().flatten());
        }
        self.deferred |= !backs.is_empty();
        self.scratch = found;
        self.encoded_unread(unread);
    }

    /// Scans a text. False if it is no longer wanted.
    fn scan(&mut self, scan: &mut Scan, direction: Direction, text: &str, found: &mut Vec<Finding>) -> bool {
        let mut rest = text;
        loop {
            let (slice, after) = rest.split_at(rest.floor_char_boundary(SLICE.min(rest.len())));
            scan.push(self.policy.engine(), self.policy.rules(direction), slice, found);
            if after.is_empty() {
                return true;
            }
            if self.halts() {
                return false;
            }
            rest = after;
        }
    }

    /// Reads the texts that do not go on in the next event once more, joined.
    pub(super) fn join_texts(&mut self, src: &[u8], out: &mut Segments) {
        self.join_of.clear();
        let policy = Arc::clone(&self.policy);
        for join in std::mem::take(&mut self.joins) {
            if self.stop.is_some() {
                return;
            }
            let direction = self.direction(join.role);
            let asks = self.asks(join.role, direction);
            if join.alone && join.texts.len() == 1 && !asks {
                continue;
            }
            let rules = policy.rules(direction);
            let (mut scan, mut found) = (self.scan_of(join.kind), std::mem::take(&mut self.scratch));
            let reads_encoded = self.side == Side::Prompt && !policy.encoded_rules(direction).is_empty();
            let mut all = String::with_capacity(if reads_encoded || asks { join.length as usize } else { 0 });
            for segment in join.texts.iter().filter_map(|&(index, _)| out.texts.get(index as usize)) {
                let mut decoded = String::new();
                let (_, text) = segment.source(src, &mut decoded);
                if !self.scan(&mut scan, direction, text, &mut found) {
                    return;
                }
                if reads_encoded || asks {
                    all.push_str(text);
                }
            }
            scan.finish(policy.engine(), rules, &mut found);
            let uncertain = self.uncertain(join.role, direction, &mut found);
            let place = Place { direction, role: join.role, number: join.number, channel: None };
            self.judge_whole(&all, place, 0, &uncertain, &mut found);
            let encoded = self.encoded(&all, join.kind, direction, &found);
            let unread = encoded.unread;
            let edits: Vec<Edit> = with_encoded(found.drain(..), encoded)
                .filter_map(|(f, hidden)| self.note(&f, hidden, direction, join.role, join.number))
                .collect();
            self.scratch = found;
            self.encoded_unread(unread);
            if !edits.is_empty() {
                out.join(&join.texts, join.length, edits);
            }
        }
    }

    /// What a prompt's whole text hides by encoding it. A model reads that as it reads the rest; a person who is answered does not.
    fn encoded(&self, text: &str, kind: TextKind, direction: Direction, plain: &[Finding]) -> Encoded {
        match self.side {
            Side::Prompt => {
                let rules = self.policy.encoded_rules(direction);
                scan_encoded(self.policy.engine(), rules, kind, text, plain)
            }
            Side::Answer => Encoded::default(),
        }
    }

    /// What is encoded in a text may be more than is read of it.
    fn encoded_unread(&mut self, unread: bool) {
        if unread && self.stop.is_none() {
            self.stop = self.unread("encoded text").err();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{masked, operation, policy, tape};
    use super::super::{Reader, Side, Stop};
    use crate::policy::{Action, BlockAs, Unscanned};
    use std::sync::Arc;

    /// Promise 4: a prompt that is made so that too much would have to be decoded is refused, or on record as not read.
    #[test]
    fn what_is_not_decoded_is_unread() {
        let read = |text: &str, unscanned: Unscanned| {
            let policy = Arc::into_inner(policy()).map(|policy| policy.with(unscanned, BlockAs::default()));
            let mut reader =
                Reader::new(policy.map_or_else(|| panic!("shared"), Arc::new), Side::Prompt, false);
            let body = format!(r#"{{"messages":[{{"role":"user","content":"{text}"}}]}}"#);
            let shape = (operation("chat.completions").request)();
            let stop = reader.read(body.as_bytes(), &tape(&body), shape).err();
            (stop, reader.coverage.unscanned.get("encoded text").copied(), reader.strongest)
        };
        let encoded = format!("rot13 backwards %2541 {}", "Pz8/ ".repeat(80)).repeat(20);
        let (stop, ..) = read(&encoded, Unscanned::Block);
        assert_eq!(stop, Some(Stop::Unscanned("encoded text")));
        let passed = read(&encoded, Unscanned::Flag);
        assert!(matches!(passed, (None, Some(1..), Action::Flag)), "{passed:?}");
        assert_eq!(read(&"Pz8/ ".repeat(8000), Unscanned::Block), (None, None, Action::Allow));
    }

    /// What stands in JSON or source code within a text is found however often it was escaped, and what was JSON stays JSON.
    #[test]
    fn json_within_text_stays_json() {
        let escaped = |text: &str| serde_json::to_string(text).expect("a string has a JSON form");
        for text in ["hi\njo@corp.example\nbye", "a\t\tjo@corp.example", "jo@corp.example"] {
            for (depth, digits) in [(1, false), (2, false), (3, false), (1, true), (2, true), (3, true)] {
                let mut inner = format!(r#"{{"to":{}}}"#, escaped(text));
                if digits {
                    inner = inner.replace('@', "\\u0040");
                }
                for _ in 1..depth {
                    inner = format!(r#"{{"to":{}}}"#, escaped(&inner));
                }
                let content = escaped(&inner);
                let body =
                    format!(r#"{{"messages":[{{"role":"tool","tool_call_id":"a","content":{content}}}]}}"#);
                let got = masked(&body);
                assert!(!got.contains("corp"), "{text:?} at {depth}: {got}");
                let got: serde_json::Value = serde_json::from_str(&got).expect("JSON");
                let mut said = got["messages"][0]["content"].as_str().unwrap_or_default().to_owned();
                for _ in 0..depth {
                    let value: serde_json::Value = serde_json::from_str(&said).expect("JSON within");
                    said = value["to"].as_str().unwrap_or_default().to_owned();
                }
                assert_eq!(said, text.replace("jo@corp.example", "[MAIL]"), "at {depth}");
            }
        }
    }

    /// A body may hold any number of texts, and each is read alone and joined.
    #[test]
    fn a_body_may_hold_very_many_texts() {
        let many = |one: &dyn Fn(usize) -> String| (0..9000).map(one).collect::<Vec<_>>().join(",");
        for clean in [
            format!(r#"{{"metadata":{{{}}}}}"#, many(&|i| format!(r#""k{i}":"a@b""#))),
            format!(
                r#"{{"tools":[{}]}}"#,
                many(&|i| format!(r#"{{"function":{{"parameters":{{"p{i}":{{"type":"text"}}}}}}}}"#))
            ),
            format!(
                r#"{{"messages":[{}]}}"#,
                many(&|_| r#"{"content":[{"text":"a@b.exam"},{"text":"s"}]}"#.to_owned())
            ),
            format!(r#"{{"novelty":[{}]}}"#, many(&|i| format!(r#"{{"n{i}":"a@b"}},{{"n{i}":"x"}}"#))),
        ] {
            assert!(masked(&clean) == clean, "{:?}", clean.get(..200));
            let touched = clean.replace("\"s\"", "\"ple\"").replace("\"a@b\"", "\"a@b.example\"");
            let got = masked(&touched);
            assert!(!got.contains("a@b"), "{:?}", got.get(..200));
        }
    }

    /// Found by a fuzzer: two addresses as keys became one key.
    #[test]
    fn keys_stay_apart_when_they_are_masked() {
        for (body, expected) in [
            (r#"{"a@b.example":1,"c@d.example":2}"#, r#"{"[MAIL]":1,"[MAIL] (2)":2}"#),
            (
                r#"{"[MAIL]":1,"a@b.example":2,"[MAIL] (2)":3}"#,
                r#"{"[MAIL]":1,"[MAIL] (3)":2,"[MAIL] (2)":3}"#,
            ),
            (
                r#"{"x":{"a@b.example, c@d.example":1},"a@b.example":2}"#,
                r#"{"x":{"[MAIL], [MAIL]":1},"[MAIL]":2}"#,
            ),
            (
                r#"{"\u0061@b.example":[{"c@d.example":"a@b.example"}],"c@d.example":0}"#,
                r#"{"[MAIL]":[{"[MAIL]":"[MAIL]"}],"[MAIL] (2)":0}"#,
            ),
        ] {
            assert_eq!(masked(body), expected);
        }
    }
}
