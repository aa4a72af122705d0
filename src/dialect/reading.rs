//! Which text a piece may belong to, where no table says it: by the names with which APIs tell their choices, blocks and items apart.
//!
//! ```text
//! {"id":"e7","choices":[{"index":1,"delta":{"content":"…"}}]}       index 1; id e7; the first of its list
//! {"type":"text-delta","item_id":"m2","content_index":0,"delta":"…"} index 0; id m2
//! ```
//!
//! Any of them may be the one that counts, and another may change with each event. So each is a reading of its own, and no reading is
//! believed alone: who holds a text looks at all of them.

use super::walk::{mix, mix_bytes, part};
use crate::text::json::{Kind, Tape};

/// How many readings there are.
pub const READINGS: usize = 4;

/// What tells a piece's text from others at the same path: pieces of one text agree in it. By the indices that stand beside it and around
/// it, by the ids, by the positions in lists, and by all that has a name (types too), with the position where a list's element has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readings(pub [u64; READINGS]);

/// A list or object in which the walk stands.
#[derive(Clone, Debug)]
pub(super) struct Inside {
    pub(super) node: u32,
    /// Its position in a list, where the table does not say what that is worth.
    pub(super) position: Option<u32>,
    /// The table knows what tells it apart.
    pub(super) told: bool,
    /// The readings from the root to here, once they were asked for.
    pub(super) readings: Option<Readings>,
}

impl Readings {
    /// The readings of a string that stands in the innermost of `around`, at `position` if that is a list. Each list and object is looked
    /// at once, whatever the number of strings in it.
    pub(super) fn of(around: &mut [Inside], position: Option<u32>, src: &[u8], tape: &Tape) -> Self {
        let known = around.iter().rposition(|inside| inside.readings.is_some());
        let mut readings = known.and_then(|at| around.get(at)?.readings).unwrap_or_default();
        let depth = around.len() as u64;
        for (level, inside) in around.iter_mut().enumerate().skip(known.map_or(0, |at| at + 1)) {
            let labels = if inside.told { Labels::default() } else { Labels::of(inside.node, src, tape) };
            readings.step(level as u64, &labels, inside.position);
            inside.readings = Some(readings);
        }
        readings.step(depth, &Labels::default(), position);
        readings
    }

    fn step(&mut self, level: u64, labels: &Labels, position: Option<u32>) {
        let position =
            position.map_or(0, |position| mix(level + 1, u64::from(position)) * u64::from(position > 0));
        let named = labels.index ^ labels.id;
        let all = (named ^ labels.kind) ^ if named == 0 { position } else { 0 };
        for (sum, more) in self.0.iter_mut().zip([labels.index, labels.id, position, all]) {
            if more != 0 {
                *sum = mix(*sum, more);
            }
        }
    }
}

/// What the fields of one object say; 0 where they say nothing, or what is the same as nothing.
#[derive(Default)]
struct Labels {
    index: u64,
    id: u64,
    kind: u64,
}

impl Labels {
    fn of(node: u32, src: &[u8], tape: &Tape) -> Self {
        let mut labels = Self::default();
        for (key, value) in tape.members(node as usize) {
            let scalar = tape.node(value).is_some_and(|n| matches!(n.kind, Kind::String | Kind::Number));
            let Some(key) = tape.node(key).filter(|_| scalar) else { continue };
            let name = src.get(key.start as usize..key.end as usize).unwrap_or_default();
            let says =
                |ends: [&[u8]; 3]| name == ends[0] || ends.iter().skip(1).any(|end| name.ends_with(end));
            let label = if says([b"index", b"_index", b"Index"]) {
                &mut labels.index
            } else if says([b"id", b"_id", b"Id"]) && name != b"event_id" && name != b"eventId" {
                &mut labels.id
            } else if name == b"type" {
                &mut labels.kind
            } else {
                continue;
            };
            let value = part(src, tape, value);
            if value != 0 {
                *label ^= mix_bytes(value, name);
            }
        }
        labels
    }
}
