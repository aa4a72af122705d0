//! What a response says to people. Each part of a message is a text of its own, and later events repeat it.

use super::super::super::{Cue, Memo, Spot, part_of, quoted};
use super::is_last;
use crate::text::json::Tape;

/// The text of a part of an item.
pub(in crate::dialect::openai) fn text_of_part(item: u64, part: u64) -> u64 {
    item << 32 | part & 0xffff_ffff
}

/// The cues of an event.
pub(in crate::dialect::openai) fn cues(src: &[u8], tape: &Tape, cues: &mut Vec<Cue>) {
    let kind = tape.str_at(src, &["type"]).unwrap_or_default();
    let (item, part) = (part_of(src, tape, 0, "output_index"), part_of(src, tape, 0, "content_index"));
    let spot = || Spot {
        text: text_of_part(item, part),
        part,
        item: tape.str_at(src, &["item_id"]).unwrap_or_default().into_owned(),
    };
    let is_text = |place: &[&str]| tape.str_at(src, place).is_some_and(|kind| kind == "output_text");
    match &*kind {
        "response.output_text.delta" => {
            let node = tape.find(src, &["delta"]);
            cues.extend(node.map(|node| Cue::Piece { spot: spot(), node, signed: false }));
        }
        "response.content_part.added" if is_text(&["part", "type"]) => {
            let node = tape.find(src, &["part", "text"]);
            cues.extend(node.map(|node| Cue::Piece { spot: spot(), node, signed: false }));
        }
        "response.output_text.done" => {
            cues.push(Cue::End { text: text_of_part(item, part) });
            cues.extend(
                tape.find(src, &["text"]).map(|node| Cue::Again { text: text_of_part(item, part), node }),
            );
        }
        "response.content_part.done" if is_text(&["part", "type"]) => {
            let node = tape.find(src, &["part", "text"]);
            cues.extend(node.map(|node| Cue::Again { text: text_of_part(item, part), node }));
        }
        "response.output_item.done" => {
            if let Some(at) = tape.find(src, &["item"]) {
                parts(src, tape, at, &mut |part, node| {
                    cues.push(Cue::Again { text: text_of_part(item, part), node });
                });
            }
        }
        kind if is_last(kind) => {
            if let Some(output) = tape.find(src, &["response", "output"]) {
                for (item, at) in tape.elements(output).enumerate() {
                    let mut again =
                        |part, node| cues.push(Cue::Again { text: text_of_part(item as u64, part), node });
                    parts(src, tape, at, &mut again);
                }
            }
            cues.push(Cue::Over { certain: true });
        }
        _ => {}
    }
}

/// The texts of a message, each with its part's number.
fn parts(src: &[u8], tape: &Tape, item: usize, found: &mut dyn FnMut(u64, usize)) {
    let Some(content) = tape.get(src, item, "content") else { return };
    for (number, part) in tape.elements(content).enumerate() {
        let kind = tape.get(src, part, "type").map(|at| tape.text(src, at));
        if kind.as_deref() == Some("output_text")
            && let Some(node) = tape.get(src, part, "text")
        {
            found(number as u64, node);
        }
    }
}

/// The cues of a whole response, whose items stand at `place`.
pub(in crate::dialect::openai) fn whole_cues(src: &[u8], tape: &Tape, place: &[&str], cues: &mut Vec<Cue>) {
    let Some(output) = tape.find(src, place) else { return };
    for (item, at) in tape.elements(output).enumerate() {
        parts(src, tape, at, &mut |part, node| {
            let text = text_of_part(item as u64, part);
            cues.push(Cue::Piece { spot: Spot { text, part, item: String::new() }, node, signed: false });
            cues.push(Cue::End { text });
        });
    }
}

/// An event that goes on in a text.
pub(in crate::dialect::openai) fn more(memo: &Memo, spot: &Spot, words: &str) -> (&'static str, String) {
    const KIND: &str = "response.output_text.delta";
    let data = format!(
        r#"{{"type":"{KIND}","sequence_number":{},"item_id":{},"output_index":{},"content_index":{},"delta":{},"logprobs":[]}}"#,
        memo.sequence + 1,
        quoted(&spot.item),
        spot.text >> 32,
        spot.part,
        quoted(words),
    );
    (KIND, data)
}
