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
            if !scalar {
                continue;
            }
            let name = tape.text(src, key);
            let name = name.as_bytes();
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

#[cfg(test)]
mod tests {
    use super::super::Shape;
    use super::*;

    /// The readings of the last string of an event that no table knows.
    fn readings(event: &str) -> [u64; READINGS] {
        let mut tape = Tape::default();
        assert_eq!(tape.parse(event.as_bytes()), Ok(()), "{event}");
        let mut last = None;
        Shape::new(&[]).walk(event.as_bytes(), &tape, &mut |found| last = found.readings.or(last));
        last.expect("a text").0
    }

    #[test]
    fn pieces_of_one_text_agree_however_their_event_is_written() {
        for (one, other) in [
            (r#"{"index":7,"id":"a","text":"x"}"#, r#"{"id":"a","\u0069ndex":"7.0","text":"y"}"#),
            (r#"{"index":0,"text":"x"}"#, r#"{"text":"y"}"#),
            (r#"{"index":null,"text":"x"}"#, r#"{"index":"0","text":"y"}"#),
            (
                r#"{"event_id":"e1","item_id":"i","text":"x"}"#,
                r#"{"event_id":"e2","item_id":"i","text":"y"}"#,
            ),
            (
                r#"{"c":[{"index":1,"d":{"text":"x"}}],"n":2}"#,
                r#"{"n":3,"c":[{"d":{"text":"y"},"index":1}]}"#,
            ),
        ] {
            assert_eq!(readings(one), readings(other), "{one} {other}");
        }
    }

    #[test]
    fn each_name_tells_apart_in_its_own_reading() {
        let differ = |one: &str, other: &str| -> Vec<usize> {
            let (one, other) = (readings(one), readings(other));
            (0..READINGS).filter(|&reading| one[reading] != other[reading]).collect()
        };
        let index = [r#"{"c":[{"index":1,"text":"x"}]}"#, r#"{"c":[{"index":2,"text":"x"}]}"#];
        assert_eq!(differ(index[0], index[1]), [0, 3]);
        let outer = [r#"{"output_index":1,"d":{"text":"x"}}"#, r#"{"output_index":2,"d":{"text":"x"}}"#];
        assert_eq!(differ(outer[0], outer[1]), [0, 3]);
        let id = [r#"{"messageId":"a","text":"x"}"#, r#"{"messageId":"b","text":"x"}"#];
        assert_eq!(differ(id[0], id[1]), [1, 3]);
        let kind = [r#"{"type":"a","text":"x"}"#, r#"{"type":"b","text":"x"}"#];
        assert_eq!(differ(kind[0], kind[1]), [3]);
        assert_eq!(differ(r#"{"c":["x"]}"#, r#"{"c":[1,"x"]}"#), [2, 3]);
        // Where an element has a name, its position is none.
        let moved = [r#"{"c":[{"index":1,"text":"x"}]}"#, r#"{"c":[{},{"index":1,"text":"x"}]}"#];
        assert_eq!(differ(moved[0], moved[1]), [2]);
        // Two levels are not each other's.
        let nested = [r#"{"c":[["a","x"]]}"#, r#"{"c":[[],["x"]]}"#];
        assert_eq!(differ(nested[0], nested[1]), [2, 3]);
    }
}
