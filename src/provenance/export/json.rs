//! JSON: a member `AIGC` of the root object; every other byte stays.

use super::{ExportError, Fields, fields_json, of_json};
use crate::provenance::Aigc;
use crate::text::json::{Kind, Tape};

const FORM: ExportError = ExportError::Form("a JSON object");

/// The tape, and the member's value where it is there.
fn find(file: &[u8]) -> Result<(Tape, Option<usize>), ExportError> {
    let mut tape = Tape::default();
    tape.parse(file).map_err(|_| FORM)?;
    if tape.node(0).map(|node| node.kind) != Some(Kind::Object) {
        return Err(FORM);
    }
    let at = tape.get(file, 0, "AIGC");
    Ok((tape, at))
}

/// The bytes of a value, quotes included.
fn range(tape: &Tape, at: usize) -> std::ops::Range<usize> {
    let Some(node) = tape.node(at) else { return 0..0 };
    let quotes = usize::from(node.kind == Kind::String);
    node.start as usize - quotes..node.end as usize + quotes
}

pub(super) fn read(file: &[u8]) -> Result<Option<Fields>, ExportError> {
    let (tape, at) = find(file)?;
    let value =
        at.and_then(|at| file.get(range(&tape, at))).and_then(|value| std::str::from_utf8(value).ok());
    Ok(value.map(|value| of_json(value).unwrap_or_default()))
}

pub(super) fn write(file: &[u8], block: &Aigc) -> Result<Vec<u8>, ExportError> {
    let (tape, at) = find(file)?;
    let fields = fields_json(block);
    let (place, with) = if let Some(at) = at {
        (range(&tape, at), fields)
    } else {
        let open = range(&tape, 0).start + 1;
        let comma = if tape.nodes().len() > 1 { "," } else { "" };
        (open..open, format!("\"AIGC\":{fields}{comma}"))
    };
    let mut out = file.get(..place.start).unwrap_or_default().to_vec();
    out.extend_from_slice(with.as_bytes());
    out.extend_from_slice(file.get(place.end..).unwrap_or_default());
    Ok(out)
}

/// The source without the member's value.
pub(super) fn content(file: &[u8]) -> Result<String, ExportError> {
    let (tape, at) = find(file)?;
    let text = std::str::from_utf8(file).map_err(|_| FORM)?;
    let Some(at) = at else { return Ok(text.to_owned()) };
    let value = range(&tape, at);
    let (before, after) = (text.get(..value.start), text.get(value.end..));
    let before = before.unwrap_or_default().trim_end();
    let key = before
        .strip_suffix(':')
        .map(str::trim_end)
        .and_then(|b| b.strip_suffix("\"AIGC\""))
        .unwrap_or(before);
    Ok(format!("{key}{}", after.unwrap_or_default()))
}
