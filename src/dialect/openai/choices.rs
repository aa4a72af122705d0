//! What choices say to people: those of chat completions and of legacy completions.

use super::super::{Cue, Spot, part_of};
use crate::text::json::{Kind, Tape};

/// The cues of an event's or a whole answer's choices. `says`: the field of a choice that says something, an object or a text.
pub(super) fn cues(src: &[u8], tape: &Tape, says: &str, cues: &mut Vec<Cue>) {
    let Some(list) = tape.find(src, &["choices"]) else { return };
    let is = |at: usize, kind: Kind| tape.node(at).is_some_and(|node| node.kind == kind);
    for choice in tape.elements(list) {
        let text = part_of(src, tape, choice, "index");
        let mut piece = |node: usize| {
            if is(node, Kind::String) {
                cues.push(Cue::Piece { spot: Spot::of(text), node, signed: false });
            }
        };
        if let Some(said) = tape.get(src, choice, says) {
            piece(said);
            let content = tape.get(src, said, "content");
            content.iter().copied().for_each(&mut piece);
            // Or in parts.
            for part in content.filter(|&at| is(at, Kind::Array)).into_iter().flat_map(|at| tape.elements(at))
            {
                tape.get(src, part, "text").into_iter().for_each(&mut piece);
            }
        }
        let reason = tape.get(src, choice, "finish_reason");
        if says != "delta" && says != "text" || reason.is_some_and(|at| says_why(tape, at)) {
            cues.push(Cue::End { text });
        }
    }
}

/// Whether a choice gives a reason for its end: some servers send an empty one with each piece.
pub(super) fn says_why(tape: &Tape, reason: usize) -> bool {
    tape.node(reason).is_some_and(|node| node.kind == Kind::String && node.start < node.end)
}
