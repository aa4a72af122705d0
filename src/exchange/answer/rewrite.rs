//! Events and bodies written anew: where words of the gateway's own are put, where the rest comes to stand, and events that are nobody's but
//! the gateway's.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use smallvec::SmallVec;

use super::super::reader::Reader;
use super::super::segment::Moved;
use crate::dialect::{Ask, Framing, Matched, Memo, Spot};
use crate::policy::Policy;
use crate::text::json::{Kind, Node, Tape, escape_into};

/// An event on its way out, and where its data stands.
#[derive(Debug)]
pub(super) struct Leaving {
    pub(super) raw: Bytes,
    pub(super) data: SmallVec<[Range<u32>; 1]>,
}

/// What is known of an exchange where an event is written anew.
pub(super) struct Around<'a> {
    pub(super) matched: &'a Matched,
    pub(super) ask: &'a Ask,
    pub(super) memo: &'a Memo,
    pub(super) framing: Framing,
    pub(super) policy: &'a Policy,
    /// Who has read it.
    pub(super) reader: &'a Reader,
}

/// What is done to an event's data.
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) with: Vec<u8>,
    /// Where in `with` words stand that the gateway adds to a text.
    pub(super) own: Range<usize>,
}

impl Edit {
    /// A member behind the others of an object; `value` is JSON.
    pub(super) fn member(object: &Node, name: &str, value: &str) -> Self {
        let end = object.end as usize - 1;
        let comma = if object.next > 1 { "," } else { "" };
        Self { range: end..end, with: format!("{comma}\"{name}\":{value}").into_bytes(), own: 0..0 }
    }
}

/// What became of an event or body that was labelled.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Where its bytes have come to stand.
    pub(super) moved: Moved,
    /// Where words of the gateway's own stand in what leaves.
    pub(super) own: SmallVec<[Range<usize>; 2]>,
    /// Words for which events of their own went before it, each with its text.
    pub(super) before: Vec<(u64, String)>,
}

/// What the cues of one event come to.
pub(super) struct Work<'a> {
    pub(super) src: &'a [u8],
    pub(super) tape: &'a Tape,
    pub(super) edits: Vec<Edit>,
    /// Words for which events of their own go before it.
    pub(super) before: Vec<(Spot, String)>,
    /// Whether it waits for what comes next.
    pub(super) pauses: bool,
    /// Whether what waits may leave.
    pub(super) goes_on: bool,
    pub(super) over: bool,
    /// Whether some text is over with it.
    pub(super) ends: bool,
}

impl<'a> Work<'a> {
    pub(super) fn new(src: &'a [u8], tape: &'a Tape) -> Self {
        Self {
            src,
            tape,
            edits: Vec::new(),
            before: Vec::new(),
            pauses: false,
            goes_on: false,
            over: false,
            ends: false,
        }
    }

    /// Puts words at a string's beginning or end; beside the object that holds it, where it is signed.
    pub(super) fn put(&mut self, node: usize, signed: bool, at_beginning: bool, words: &str) {
        let mut escaped = Vec::new();
        escape_into(words, &mut escaped);
        let Some(string) = self.tape.node(node) else { return };
        let mut place = if at_beginning { string.start } else { string.end } as usize;
        if signed {
            let holds = |n: &&Node| n.kind == Kind::Object && n.start < string.start && string.end < n.end;
            let Some(object) = self.tape.nodes().iter().filter(holds).max_by_key(|n| n.start) else { return };
            place = if at_beginning { object.start } else { object.end } as usize;
            let (comma_before, comma_behind) = if at_beginning { ("", ",") } else { (",", "") };
            let part = String::from_utf8_lossy(&escaped).into_owned();
            escaped = format!("{comma_before}{{\"text\":\"{part}\"}}{comma_behind}").into_bytes();
        }
        self.edits.push(Edit { range: place..place, own: 0..escaped.len(), with: escaped });
    }

    /// Writes a string anew with words between its two halves.
    pub(super) fn split(&mut self, node: usize, a: &str, words: &str, b: &str) {
        let Some(string) = self.tape.node(node) else { return };
        let source = string.start as usize..string.end as usize;
        if !string.escaped {
            let at = source.start + a.len();
            let mut with = Vec::new();
            escape_into(words, &mut with);
            return self.edits.push(Edit { range: at..at, own: 0..with.len(), with });
        }
        let mut with = Vec::new();
        escape_into(a, &mut with);
        let begin = with.len();
        escape_into(words, &mut with);
        let own = begin..with.len();
        escape_into(b, &mut with);
        self.edits.push(Edit { range: source, with, own });
    }
}

/// The data with the edits done. Of edits at one place the earlier stands first. The data begin at byte `base` of what leaves.
pub(super) fn edited(data: &[u8], mut edits: Vec<Edit>, base: usize) -> (Vec<u8>, Written) {
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let (mut out, mut written) = (Vec::with_capacity(data.len() + 64), Written::default());
    let mut at = 0;
    for edit in edits {
        out.extend_from_slice(data.get(at..edit.range.start).unwrap_or_default());
        if !edit.own.is_empty() {
            let from = base + out.len();
            written.own.push(from + edit.own.start..from + edit.own.end);
        }
        out.extend_from_slice(&edit.with);
        at = edit.range.end.max(at);
        written.moved.note(base + at, base + out.len());
    }
    out.extend_from_slice(data.get(at..).unwrap_or_default());
    (out, written)
}

/// The event with its data edited, in one line.
pub(super) fn anew(event: &Leaving, data: &[u8], edits: Vec<Edit>) -> (Leaving, Written) {
    let (Some(first), Some(last)) = (event.data.first(), event.data.last()) else {
        return (plain(String::new()), Written::default());
    };
    let (data, Written { moved, own, .. }) = edited(data, edits, first.start as usize);
    let mut both = Moved::default();
    let mut at = first.start as usize;
    for line in &event.data {
        both.note(line.start as usize, at);
        at += line.len() + 1;
    }
    both.then(moved);
    // A line break within JSON stands between values, never in a string.
    let data: Cow<'_, [u8]> = if event.data.len() == 1 {
        Cow::Owned(data)
    } else {
        Cow::Owned(data.iter().map(|&b| if b == b'\n' { b' ' } else { b }).collect())
    };
    let mut raw = event.raw.get(..first.start as usize).unwrap_or_default().to_vec();
    let start = raw.len() as u32;
    raw.extend_from_slice(&data);
    let end = raw.len() as u32;
    raw.extend_from_slice(event.raw.get(last.end as usize..).unwrap_or_default());
    (
        Leaving { raw: raw.into(), data: SmallVec::from_elem(start..end, 1) },
        Written { moved: both, own, before: Vec::new() },
    )
}

/// Whether metadata may stand in a comment.
pub(super) fn has_comments(around: &Around<'_>) -> bool {
    around.framing == Framing::Sse && around.matched.dialect.skips_comments()
}

/// An event of the gateway's own.
fn frame(around: &Around<'_>, kind: &str, json: &str) -> Leaving {
    let (head, tail) = match around.framing {
        Framing::Sse if kind.is_empty() => ("data: ".to_owned(), "\n\n"),
        Framing::Sse => (format!("event: {kind}\ndata: "), "\n\n"),
        Framing::Ndjson => (String::new(), "\n"),
        Framing::JsonArray => (",\r\n".to_owned(), ""),
    };
    let start = head.len() as u32;
    let data = start..start + json.len() as u32;
    Leaving { raw: format!("{head}{json}{tail}").into(), data: SmallVec::from_elem(data, 1) }
}

/// An event of the gateway's own that goes on in a text with these words.
pub(super) fn more(around: &Around<'_>, spot: &Spot, words: &str) -> Leaving {
    let Matched { dialect, operation, .. } = around.matched;
    let (kind, json) = dialect.more(operation, around.ask, around.memo, spot, words);
    frame(around, kind, &json)
}

/// What has no data to be looked at.
pub(super) fn plain(raw: String) -> Leaving {
    Leaving { raw: raw.into(), data: SmallVec::new() }
}
