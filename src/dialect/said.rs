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

use super::quoted;
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
    place: Place,
    number: u64,
    so_far: String,
}

/// Where in an item a text stands that comes in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Output,
    Refusal,
    Reasoning,
    Summary,
    Arguments,
    Input,
    Code,
}

impl Place {
    fn of(kind: &str) -> Option<Self> {
        Some(match kind {
            "response.output_text.delta" => Self::Output,
            "response.refusal.delta" => Self::Refusal,
            "response.reasoning_text.delta" => Self::Reasoning,
            "response.reasoning_summary_text.delta" => Self::Summary,
            "response.function_call_arguments.delta" | "response.mcp_call_arguments.delta" => Self::Arguments,
            "response.custom_tool_call_input.delta" => Self::Input,
            "response.code_interpreter_call_code.delta" => Self::Code,
            _ => return None,
        })
    }

    /// The item's field that holds it.
    fn field(self) -> &'static str {
        match self {
            Self::Output | Self::Refusal | Self::Reasoning => "content",
            Self::Summary => "summary",
            Self::Arguments => "arguments",
            Self::Input => "input",
            Self::Code => "code",
        }
    }

    /// The text as an element of that field, if it is a list.
    fn element(self, text: &str) -> Option<String> {
        let text = quoted(text);
        Some(match self {
            Self::Output => {
                format!(r#"{{"type":"output_text","text":{text},"annotations":[],"logprobs":[]}}"#)
            }
            Self::Refusal => format!(r#"{{"type":"refusal","refusal":{text}}}"#),
            Self::Reasoning => format!(r#"{{"type":"reasoning_text","text":{text}}}"#),
            Self::Summary => format!(r#"{{"type":"summary_text","text":{text}}}"#),
            Self::Arguments | Self::Input | Self::Code => return None,
        })
    }
}

impl Said {
    /// Takes in an event as it left.
    pub(super) fn hear(&mut self, src: &[u8], tape: &Tape) {
        if self.too_much {
            return;
        }
        let kind = tape.str_at(src, &["type"]).unwrap_or_default();
        let number = |name: &str| tape.u64_at(src, &[name]).unwrap_or(0);
        let string = |place: &[&str]| tape.str_at(src, place).unwrap_or_default().into_owned();
        let index = number("output_index");
        if let Some(place) = Place::of(&kind) {
            let part = if place == Place::Summary { "summary_index" } else { "content_index" };
            self.piece(index, place, number(part), &tape.str_at(src, &["delta"]).unwrap_or_default());
            return;
        }
        match kind.as_ref() {
            "response.output_item.added" | "response.output_item.done" => {
                let node = tape.find(src, &["item"]).and_then(|at| tape.node(at));
                let source = node.filter(|n| n.kind == Kind::Object);
                let source = source.and_then(|n| src.get(n.start as usize..n.end as usize));
                let source = source.and_then(|s| std::str::from_utf8(s).ok()).unwrap_or_default();
                self.item(index, source, kind.ends_with(".done"));
            }
            "response.content_part.added" => {
                let (place, field) = match string(&["part", "type"]).as_str() {
                    "output_text" => (Place::Output, "text"),
                    "refusal" => (Place::Refusal, "refusal"),
                    "reasoning_text" => (Place::Reasoning, "text"),
                    _ => return,
                };
                self.piece(index, place, number("content_index"), &string(&["part", field]));
            }
            "response.reasoning_summary_part.added" => {
                self.piece(index, Place::Summary, number("summary_index"), &string(&["part", "text"]));
            }
            _ => {}
        }
    }

    fn item(&mut self, index: u64, source: &str, done: bool) {
        if source.is_empty() || !self.has_room(source.len()) {
            return;
        }
        let known = self.items.iter().position(|item| item.index == index);
        let item = Item { index, source: source.to_owned(), done, texts: Vec::new() };
        if let Some(old) = known.and_then(|at| self.items.get_mut(at)) {
            let texts: usize = old.texts.iter().map(|t| t.so_far.len()).sum();
            self.bytes = self.bytes.saturating_sub(old.source.len() + texts);
            *old = item;
        } else if self.items.len() < MOST_ITEMS {
            self.items.push(item);
        } else {
            self.give_up();
        }
    }

    fn piece(&mut self, index: u64, place: Place, number: u64, piece: &str) {
        if !self.has_room(piece.len()) {
            return;
        }
        let Some(item) = self.items.iter_mut().rev().find(|item| item.index == index && !item.done) else {
            return;
        };
        let known = item.texts.iter().rposition(|t| t.place == place && t.number == number);
        if let Some(text) = known.and_then(|at| item.texts.get_mut(at)) {
            text.so_far.push_str(piece);
        } else if item.texts.len() < MOST_ITEMS {
            item.texts.push(Text { place, number, so_far: piece.to_owned() });
        } else {
            self.give_up();
        }
    }

    fn has_room(&mut self, more: usize) -> bool {
        self.bytes += more;
        if self.bytes > MOST {
            self.give_up();
        }
        !self.too_much
    }

    fn give_up(&mut self) {
        *self = Self { too_much: true, ..Self::default() };
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
        let (src, mut tape) = (self.source.as_bytes(), Tape::default());
        if self.done || tape.parse(src).is_err() {
            return self.source.clone();
        }
        let mut texts: Vec<&Text> = self.texts.iter().collect();
        texts.sort_by_key(|t| t.number);
        let mut out = String::from("{");
        let mut member = |name: &str, value: &str| {
            if out.len() > 1 {
                out.push(',');
            }
            out.push_str(&quoted(name));
            out.push(':');
            out.push_str(value);
        };
        let instead = |name: &str| texts.iter().any(|t| t.place.field() == name);
        for (key, value) in tape.members(0) {
            let name = tape.text(src, key);
            if name == "status" {
                member(&name, r#""incomplete""#);
            } else if !instead(&name) {
                member(&name, raw(&self.source, &tape, value));
            }
        }
        for name in ["content", "summary", "arguments", "input", "code"] {
            let here = || texts.iter().filter(|t| t.place.field() == name);
            let elements: Vec<String> = here().filter_map(|t| t.place.element(&t.so_far)).collect();
            // What the item began with, and what went on with it.
            let began = tape.str_at(src, &[name]).unwrap_or_default().into_owned();
            if !elements.is_empty() {
                member(name, &format!("[{}]", elements.join(",")));
            } else if let Some(text) = here().next() {
                member(name, &quoted(&(began + &text.so_far)));
            }
        }
        out.push('}');
        out
    }
}

/// A value's source.
fn raw<'s>(source: &'s str, tape: &Tape, value: usize) -> &'s str {
    let Some(node) = tape.node(value) else { return "null" };
    let quote = u32::from(node.kind == Kind::String);
    source.get((node.start - quote) as usize..(node.end + quote) as usize).unwrap_or("null")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(events: &[&str]) -> serde_json::Value {
        let mut said = Said::default();
        for event in events {
            let mut tape = Tape::default();
            assert_eq!(tape.parse(event.as_bytes()), Ok(()), "{event}");
            said.hear(event.as_bytes(), &tape);
        }
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
        let want = serde_json::json!([
            {"id": "a", "type": "reasoning", "summary": [{"text": "so!"}]},
            {"id": "b", "type": "message", "status": "incomplete", "role": "assistant", "content": [
                {"type": "output_text", "text": "hi \"you\" there", "annotations": [], "logprobs": []},
                {"type": "refusal", "refusal": "no"}]},
            {"type": "function_call", "name": "f", "arguments": "{\"a\":"},
        ]);
        assert_eq!(got, want);
    }

    /// What is kept has a ceiling, and past it nothing is repeated rather than a part.
    #[test]
    fn a_long_answer_is_not_kept() {
        let item = r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"message"}}"#;
        let piece = format!(r#"{{"type":"response.output_text.delta","delta":"{}"}}"#, "x".repeat(MOST / 4));
        let long = [item, &piece, &piece, &piece, &piece, &piece];
        assert_eq!(said(&long), serde_json::json!([]));
        assert_eq!(said(&long[..3]).as_array().map(Vec::len), Some(1));
    }
}
