//! A JSON value to which text is added, here and there. What nothing is added to is written as it came.

use super::quoted;
use crate::text::json::{Kind, Tape};

/// A step from a value to what is within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// To the object's member of this name.
    Key(&'static str),
    /// To the list's element of this number; where there is none, to a new one at the end.
    Element(usize),
}

/// The value and its source.
#[derive(Debug)]
pub(super) struct Growing<'s> {
    src: &'s str,
    tape: &'s Tape,
    root: Value,
}

#[derive(Debug)]
enum Value {
    /// As it came: a node of the tape.
    Came(usize),
    /// As written here.
    Made(&'static str),
    /// Not there before, and nothing yet.
    Nothing,
    Text(String),
    List(Vec<Value>),
    /// The names as they are meant.
    Object(Vec<(String, Value)>),
}

impl<'s> Growing<'s> {
    /// The tape's value.
    pub(super) fn new(src: &'s str, tape: &'s Tape) -> Self {
        Self { src, tape, root: Value::Came(0) }
    }

    /// Whether the object has this member.
    pub(super) fn has(&self, name: &str) -> bool {
        self.tape.get(self.src.as_bytes(), 0, name).is_some()
    }

    /// How many elements the list at `path` came with; none where no list came.
    pub(super) fn length(&self, path: &[Step]) -> usize {
        let src = self.src.as_bytes();
        let at = path.iter().try_fold(0, |at, step| match step {
            Step::Key(name) => self.tape.get(src, at, name),
            Step::Element(number) => self.tape.elements(at).nth(*number),
        });
        at.map_or(0, |at| self.tape.elements(at).count())
    }

    /// Puts a text at `path` in the place of what stands there.
    pub(super) fn set(&mut self, path: &[Step], text: &str) {
        *self.at(path) = Value::Text(text.to_owned());
    }

    /// Appends to the text at `path`.
    pub(super) fn append(&mut self, path: &[Step], more: &str) {
        let (src, tape) = (self.src.as_bytes(), self.tape);
        let value = self.at(path);
        let mut text = match value {
            Value::Text(text) => std::mem::take(text),
            Value::Came(node) if tape.node(*node).is_some_and(|n| n.kind == Kind::String) => {
                tape.text(src, *node).into_owned()
            }
            _ => String::new(),
        };
        text.push_str(more);
        *value = Value::Text(text);
    }

    /// Puts an object of these members, in JSON, at `path`, unless something stands there.
    pub(super) fn begin(&mut self, path: &[Step], members: &[(&'static str, &'static str)]) {
        let value = self.at(path);
        if matches!(value, Value::Nothing) {
            let made = members.iter().map(|&(name, value)| (name.to_owned(), Value::Made(value)));
            *value = Value::Object(made.collect());
        }
    }

    /// The value at `path`, made where there is none.
    fn at(&mut self, path: &[Step]) -> &mut Value {
        let (src, tape) = (self.src.as_bytes(), self.tape);
        path.iter().fold(&mut self.root, |value, step| match step {
            Step::Key(name) => value.member(src, tape, name),
            Step::Element(number) => value.element(tape, *number),
        })
    }

    /// The value's JSON.
    pub(super) fn json(&self) -> String {
        let mut out = String::new();
        self.write(&self.root, &mut out);
        out
    }

    fn write(&self, value: &Value, out: &mut String) {
        match value {
            Value::Came(node) => out.push_str(self.source(*node)),
            Value::Made(json) => out.push_str(json),
            Value::Nothing => out.push_str("null"),
            Value::Text(text) => out.push_str(&quoted(text)),
            Value::List(list) => {
                out.push('[');
                for (at, value) in list.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    self.write(value, out);
                }
                out.push(']');
            }
            Value::Object(members) => {
                out.push('{');
                for (at, (name, value)) in members.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    out.push_str(&quoted(name));
                    out.push(':');
                    self.write(value, out);
                }
                out.push('}');
            }
        }
    }

    fn source(&self, node: usize) -> &'s str {
        let Some(node) = self.tape.node(node) else { return "null" };
        let quote = u32::from(node.kind == Kind::String);
        self.src.get((node.start - quote) as usize..(node.end + quote) as usize).unwrap_or("null")
    }
}

impl Value {
    fn member(&mut self, src: &[u8], tape: &Tape, name: &str) -> &mut Self {
        if let Self::Came(node) = *self {
            let members = tape.members(node);
            *self =
                Self::Object(members.map(|(k, v)| (tape.text(src, k).into_owned(), Self::Came(v))).collect());
        }
        if !matches!(self, Self::Object(_)) {
            *self = Self::Object(Vec::new());
        }
        let Self::Object(members) = self else { return self };
        let at = members.iter().position(|(key, _)| key == name).unwrap_or(members.len());
        if at == members.len() {
            members.push((name.to_owned(), Self::Nothing));
        }
        &mut members[at].1
    }

    fn element(&mut self, tape: &Tape, number: usize) -> &mut Self {
        if let Self::Came(node) = *self {
            *self = Self::List(tape.elements(node).map(Self::Came).collect());
        }
        if !matches!(self, Self::List(_)) {
            *self = Self::List(Vec::new());
        }
        let Self::List(list) = self else { return self };
        let at = number.min(list.len());
        if at == list.len() {
            list.push(Self::Nothing);
        }
        &mut list[at]
    }
}
