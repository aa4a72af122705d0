//! What a response has said so far, item by item, for an ending that repeats it: what a client put together from the events and what it is
//! told at the end must agree.
//!
//! It is heard from the events as they left, so it holds nothing that a finding touched. An item that is done is repeated as it stood in
//! its event; one that is not is what it began as, with what came in pieces:
//!
//! ```text
//! output_item.added    {"id":"i","type":"message","status":"in_progress","content":[]}
//! output_text.delta    "hi "  "there"
//! repeated             {"id":"i","type":"message","status":"incomplete","content":[{"type":"output_text","text":"hi there",…}]}
//! ```

use super::growing::{Growing, Step};
use super::part_of;
use crate::text::json::{Kind, Tape};

/// Most bytes that are kept. Of a longer answer the ending repeats nothing rather than a part.
const MOST: usize = 1 << 20;
/// Most items, and pieces of one, that are looked after.
const MOST_ITEMS: usize = 256;

/// The items of an answer as they left.
#[derive(Clone, Debug, Default)]
pub struct Said {
    items: Vec<Item>,
    bytes: usize,
    too_much: bool,
}

#[derive(Clone, Debug)]
struct Item {
    index: u64,
    /// The item's JSON, as it began or ended.
    source: String,
    done: bool,
    texts: Vec<Text>,
}

/// What came in pieces.
#[derive(Clone, Debug)]
struct Text {
    of: PieceOf,
    number: u64,
    so_far: String,
}

/// The text of an item of which an event holds a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PieceOf {
    Output,
    Refusal,
    Reasoning,
    Summary,
    Arguments,
    Input,
    Code,
    Diff,
    Command,
    Stdout,
    Stderr,
}

/// The pieces in an event: where each stands, and of what it is one.
pub(super) type Pieces = &'static [(&'static [&'static str], PieceOf)];

/// Where in an item a text stands.
struct Within {
    /// The list of whose elements it is one or part of one.
    list: Option<&'static [Step]>,
    /// What such an element holds when it is new, in JSON.
    fresh: &'static [(&'static str, &'static str)],
    /// The way to the text, from the element or from the item.
    text: &'static [Step],
}

impl PieceOf {
    fn within(self) -> Within {
        const CONTENT: Option<&[Step]> = Some(&[Step::Key("content")]);
        const TEXT: &[Step] = &[Step::Key("text")];
        let part = |list, fresh, text| Within { list, fresh, text };
        let alone = |text| Within { list: None, fresh: &[], text };
        match self {
            Self::Output => part(
                CONTENT,
                &[("type", r#""output_text""#), ("text", r#""""#), ("annotations", "[]"), ("logprobs", "[]")],
                TEXT,
            ),
            Self::Refusal => part(CONTENT, &[("type", r#""refusal""#)], &[Step::Key("refusal")]),
            Self::Reasoning => part(CONTENT, &[("type", r#""reasoning_text""#)], TEXT),
            Self::Summary => part(Some(&[Step::Key("summary")]), &[("type", r#""summary_text""#)], TEXT),
            Self::Command => part(Some(&[Step::Key("action"), Step::Key("commands")]), &[], &[]),
            Self::Stdout => part(Some(&[Step::Key("output")]), PRINTED, &[Step::Key("stdout")]),
            Self::Stderr => part(Some(&[Step::Key("output")]), PRINTED, &[Step::Key("stderr")]),
            Self::Arguments => alone(&[Step::Key("arguments")]),
            Self::Input => alone(&[Step::Key("input")]),
            Self::Code => alone(&[Step::Key("code")]),
            Self::Diff => alone(&[Step::Key("operation"), Step::Key("diff")]),
        }
    }

    /// The event's field that says which of several it is.
    fn number(self) -> Option<&'static str> {
        match self {
            Self::Output | Self::Refusal | Self::Reasoning => Some("content_index"),
            Self::Summary => Some("summary_index"),
            Self::Command | Self::Stdout | Self::Stderr => Some("command_index"),
            Self::Arguments | Self::Input | Self::Code | Self::Diff => None,
        }
    }
}

/// What a command has printed, before it has.
const PRINTED: &[(&str, &str)] = &[("stdout", r#""""#), ("stderr", r#""""#)];

impl Said {
    /// Takes in an event as it left; `pieces` says what of it goes on in an item.
    pub(super) fn hear(&mut self, src: &[u8], tape: &Tape, kind: &str, pieces: Pieces) {
        if self.too_much {
            return;
        }
        let index = part_of(src, tape, 0, "output_index");
        let mut piece = |at: &[&str], of: PieceOf| {
            if let Some(text) = tape.str_at(src, at) {
                let number = of.number().map_or(0, |name| part_of(src, tape, 0, name));
                self.piece(index, of, number, &text);
            }
        };
        for (at, of) in pieces {
            piece(at, *of);
        }
        match kind {
            "response.output_item.added" | "response.output_item.done" => {
                let node = tape.find(src, &["item"]).and_then(|at| tape.node(at));
                let source = node.filter(|n| n.kind == Kind::Object);
                let source = source.and_then(|n| src.get(n.start as usize..n.end as usize));
                let source = source.and_then(|s| std::str::from_utf8(s).ok()).unwrap_or_default();
                self.item(index, source, kind.ends_with(".done"));
            }
            "response.content_part.added" => {
                match tape.str_at(src, &["part", "type"]).unwrap_or_default().as_ref() {
                    "output_text" => piece(&["part", "text"], PieceOf::Output),
                    "refusal" => piece(&["part", "refusal"], PieceOf::Refusal),
                    "reasoning_text" => piece(&["part", "text"], PieceOf::Reasoning),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn item(&mut self, index: u64, source: &str, done: bool) {
        if source.is_empty() {
            return;
        }
        let item = Item { index, source: source.to_owned(), done, texts: Vec::new() };
        let known = self.items.iter_mut().find(|item| item.index == index);
        let kept = if let Some(old) = known {
            let texts: usize = old.texts.iter().map(|t| t.so_far.len()).sum();
            self.bytes = self.bytes.saturating_sub(old.source.len() + texts);
            *old = item;
            true
        } else {
            self.items.push(item);
            self.items.len() <= MOST_ITEMS
        };
        self.kept(source.len(), kept);
    }

    fn piece(&mut self, index: u64, of: PieceOf, number: u64, piece: &str) {
        let Some(item) = self.items.iter_mut().rev().find(|item| item.index == index && !item.done) else {
            return;
        };
        let known = item.texts.iter_mut().rev().find(|t| t.of == of && t.number == number);
        let kept = if let Some(text) = known {
            text.so_far.push_str(piece);
            true
        } else {
            item.texts.push(Text { of, number, so_far: piece.to_owned() });
            item.texts.len() <= MOST_ITEMS
        };
        self.kept(piece.len(), kept);
    }

    /// So much more is kept, unless it is too much.
    fn kept(&mut self, more: usize, room: bool) {
        self.bytes += more;
        if !room || self.bytes > MOST {
            *self = Self { too_much: true, ..Self::default() };
        }
    }

    /// The items' JSON, one after the other with commas between.
    pub(super) fn items(&self) -> String {
        let mut items: Vec<&Item> = self.items.iter().collect();
        items.sort_by_key(|item| item.index);
        items.iter().map(|item| item.json()).collect::<Vec<_>>().join(",")
    }
}

impl Item {
    fn json(&self) -> String {
        let mut tape = Tape::default();
        if self.done || tape.parse(self.source.as_bytes()).is_err() {
            return self.source.clone();
        }
        let mut item = Growing::new(&self.source, &tape);
        if item.has("status") {
            item.set(&[Step::Key("status")], "incomplete");
        }
        let mut texts: Vec<&Text> = self.texts.iter().collect();
        texts.sort_by_key(|text| text.number);
        // By list: the number of the last element that was not there before, and where it was put.
        let mut last: Vec<(&[Step], u64, usize)> = Vec::new();
        for text in texts {
            let within = text.of.within();
            let mut path: Vec<Step> = Vec::new();
            if let Some(list) = within.list {
                let came = item.length(list);
                let at = match last.iter_mut().find(|(known, ..)| *known == list) {
                    _ if text.number < came as u64 => text.number as usize,
                    Some((_, number, at)) => {
                        *at += usize::from(*number != text.number);
                        *number = text.number;
                        *at
                    }
                    None => {
                        last.push((list, text.number, came));
                        came
                    }
                };
                path.extend_from_slice(list);
                path.push(Step::Element(at));
                if !within.fresh.is_empty() {
                    item.begin(&path, within.fresh);
                }
            }
            path.extend_from_slice(within.text);
            item.append(&path, &text.so_far);
        }
        item.json()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::Memo;
    use super::*;

    fn said(events: &[&str]) -> serde_json::Value {
        let (responses, mut memo) = (crate::dialect::route("POST", "/v1/responses", false), Memo::default());
        let responses = responses.unwrap_or_else(|e| panic!("{e}"));
        for event in events {
            let mut tape = Tape::default();
            assert_eq!(tape.parse(event.as_bytes()), Ok(()), "{event}");
            responses.dialect.observe(responses.operation, event.as_bytes(), &tape, &mut memo);
        }
        let said = memo.said;
        serde_json::from_str(&format!("[{}]", said.items()))
            .unwrap_or_else(|e| panic!("{e}: {}", said.items()))
    }

    #[test]
    fn what_is_done_is_repeated_and_what_is_not_is_put_together() {
        let got = said(&[
            r#"{"type":"response.output_item.added","output_index":1,"item":{"id":"b","type":"message","status":"in_progress","content":[],"role":"assistant"}}"#,
            r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"a","type":"reasoning","summary":[]}}"#,
            r#"{"type":"response.content_part.added","output_index":1,"content_index":0,"part":{"type":"output_text","text":""}}"#,
            r#"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"hi \"you\" "}"#,
            r#"{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"delta":"so"}"#,
            r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"a","type":"reasoning","summary":[{"text":"so!"}]}}"#,
            r#"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"there"}"#,
            r#"{"type":"response.refusal.delta","output_index":1,"content_index":1,"delta":"no"}"#,
            r#"{"type":"response.output_item.added","output_index":2,"item":{"type":"function_call","name":"f","arguments":"{\"a"}}"#,
            r#"{"type":"response.function_call_arguments.delta","output_index":2,"delta":"\":"}"#,
        ]);
        let want = json!([
            {"id": "a", "type": "reasoning", "summary": [{"text": "so!"}]},
            {"id": "b", "type": "message", "status": "incomplete", "role": "assistant", "content": [
                {"type": "output_text", "text": "hi \"you\" there", "annotations": [], "logprobs": []},
                {"type": "refusal", "refusal": "no"}]},
            {"type": "function_call", "name": "f", "arguments": "{\"a\":"},
        ]);
        assert_eq!(got, want);
    }

    /// What an item or part had when it was added stays, and what came in pieces goes on where it belongs.
    #[test]
    fn what_an_item_began_with_goes_on() {
        let got = said(&[
            r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"message","content":[{"type":"output_text","text":"a","n":1.50},{"type":"output_text","text":"b"}],"metadata":{"k":1e2}}}"#,
            r#"{"type":"response.output_text.delta","output_index":0,"content_index":1,"delta":"c"}"#,
            r#"{"type":"response.content_part.added","output_index":0,"content_index":4,"part":{"type":"output_text","text":"d"}}"#,
            r#"{"type":"response.output_text.delta","output_index":"0","content_index":4.0,"delta":"e"}"#,
            r#"{"type":"response.refusal.delta","output_index":0,"content_index":7,"delta":"f"}"#,
            r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"reasoning","summary":[{"type":"summary_text","text":"g"}],"content":null}}"#,
            r#"{"type":"response.reasoning_summary_text.delta","output_index":1,"summary_index":0,"delta":"h"}"#,
            r#"{"type":"response.reasoning_text.delta","output_index":1,"content_index":0,"delta":"i"}"#,
        ]);
        let want = json!([
            {"type": "message", "metadata": {"k": 1e2}, "content": [
                {"type": "output_text", "text": "a", "n": 1.5},
                {"type": "output_text", "text": "bc"},
                {"type": "output_text", "text": "de", "annotations": [], "logprobs": []},
                {"type": "refusal", "refusal": "f"}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "gh"}],
                "content": [{"type": "reasoning_text", "text": "i"}]},
        ]);
        assert_eq!(got, want);
    }

    #[test]
    fn all_that_comes_in_pieces_is_repeated() {
        let item = |index: u32, item: &str| {
            format!(r#"{{"type":"response.output_item.added","output_index":{index},"item":{item}}}"#)
        };
        let piece = |index: u32, kind: &str, rest: &str| {
            format!(r#"{{"type":"response.{kind}","output_index":{index},{rest}}}"#)
        };
        let events = [
            item(0, r#"{"type":"shell_call","action":{"commands":["ls"],"timeout_ms":7}}"#),
            piece(0, "shell_call_command.delta", r#""command_index":0,"delta":" -l""#),
            piece(0, "shell_call_command.added", r#""command_index":1,"command":"c""#),
            piece(0, "shell_call_command.delta", r#""command_index":1,"delta":"at""#),
            item(1, r#"{"type":"shell_call_output","status":"in_progress"}"#),
            piece(1, "shell_call_output_content.delta", r#""command_index":0,"delta":{"stdout":"a"}"#),
            piece(
                1,
                "shell_call_output_content.delta",
                r#""command_index":0,"delta":{"stdout":"b","stderr":"c"}"#,
            ),
            piece(1, "shell_call_output_content.delta", r#""command_index":1,"delta":{"stderr":"d"}"#),
            item(
                2,
                r#"{"type":"apply_patch_call","operation":{"type":"create_file","path":"p","diff":"+"}}"#,
            ),
            piece(2, "apply_patch_call_operation_diff.delta", r#""delta":"one""#),
            item(3, r#"{"type":"mcp_call"}"#),
            piece(3, "mcp_call_arguments.delta", r#""delta":"{\"a\"""#),
            piece(3, "mcp_call.arguments.delta", r#""delta":":1""#),
            item(4, r#"{"type":"code_interpreter_call"}"#),
            piece(4, "code_interpreter_call_code.delta", r#""delta":"1""#),
            piece(4, "code_interpreter_call.code.delta", r#""delta":"+1""#),
        ];
        let want = json!([
            {"type": "shell_call", "action": {"commands": ["ls -l", "cat"], "timeout_ms": 7}},
            {"type": "shell_call_output", "status": "incomplete",
                "output": [{"stdout": "ab", "stderr": "c"}, {"stdout": "", "stderr": "d"}]},
            {"type": "apply_patch_call", "operation": {"type": "create_file", "path": "p", "diff": "+one"}},
            {"type": "mcp_call", "arguments": "{\"a\":1"},
            {"type": "code_interpreter_call", "code": "1+1"},
        ]);
        assert_eq!(said(&events.iter().map(String::as_str).collect::<Vec<_>>()), want);
    }

    /// Private characters that stand for half a surrogate pair are no characters to `serde_json`.
    const PIECE: &str = "[^\\n\u{10d800}-\u{10dfff}]{0,4}";

    proptest! {
        #![proptest_config(crate::text::cases::cases(256))]

        /// However a text is cut over the item, its part and the deltas, the ending says what a client put together.
        #[test]
        fn what_was_streamed_is_what_is_repeated(
            begun in proptest::option::of(PIECE),
            added in proptest::option::of(PIECE),
            deltas in proptest::collection::vec(PIECE, 1..6),
        ) {
            let part = |text: &String| json!({"type": "output_text", "text": text});
            let content: Vec<_> = begun.iter().map(part).collect();
            let mut events = vec![
                json!({"type": "response.output_item.added", "output_index": 3, "item": {"type": "message", "content": content}}),
            ];
            events.extend(added.iter().map(|text| {
                json!({"type": "response.content_part.added", "output_index": 3, "content_index": 0, "part": part(text)})
            }));
            events.extend(deltas.iter().map(|text| {
                json!({"type": "response.output_text.delta", "output_index": 3, "content_index": 0, "delta": text})
            }));
            let events: Vec<String> = events.iter().map(serde_json::Value::to_string).collect();
            let got = said(&events.iter().map(String::as_str).collect::<Vec<_>>());
            let want = [begun.unwrap_or_default(), added.unwrap_or_default(), deltas.concat()].concat();
            prop_assert_eq!(got.pointer("/0/content/0/text"), Some(&json!(want)));
            prop_assert_eq!(got.pointer("/0/content/1"), None);
        }
    }

    /// What is kept has a ceiling, and past it nothing is repeated rather than a part.
    #[test]
    fn a_long_answer_is_not_kept() {
        let item = r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"message"}}"#;
        let piece = format!(r#"{{"type":"response.output_text.delta","delta":"{}"}}"#, "x".repeat(MOST / 4));
        let long = [item, &piece, &piece, &piece, &piece, &piece];
        assert_eq!(said(&long), json!([]));
        assert_eq!(said(&long[..3]).as_array().map(Vec::len), Some(1));
        // What belongs to no open item is not kept, so it takes no room.
        let done = item.replace("added", "done");
        let other = [&*done, &piece, &piece, &piece, &piece, &piece];
        assert_eq!(said(&other).as_array().map(Vec::len), Some(1));
    }
}
