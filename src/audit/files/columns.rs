//! What of a record stands in which column of a Parquet file.

use serde_json::Value as Json;
use std::io;

use super::parquet::{Column, Kind, Parquet, Schema, Value};

/// Bytes of rows that are gathered for one group.
const GROUP: usize = 8 << 20;

/// A column, and the names in the record under which its value stands.
struct From {
    column: Column,
    path: &'static [&'static str],
}

const fn column(name: &'static str, kind: Kind, optional: bool) -> Column {
    Column { name, kind, optional }
}

const fn from(name: &'static str, kind: Kind, path: &'static [&'static str]) -> From {
    From { column: column(name, kind, true), path }
}

/// What stands in a record under the name of its column.
macro_rules! same {
    ($kind:ident, $($name:literal),*) => { [$(from($name, Kind::$kind, &[$name])),*] };
}

const TEXTS: [From; 19] = same!(
    Text,
    "exchange",
    "tenant",
    "key",
    "user",
    "address",
    "route",
    "dialect",
    "operation",
    "model",
    "upstream",
    "region",
    "policy",
    "policy_version",
    "verdict",
    "ended",
    "error",
    "event",
    "received",
    "sent"
);
const WHOLES: [From; 9] = same!(
    Whole,
    "status",
    "upstream_status",
    "found",
    "request_bytes",
    "response_bytes",
    "held_bytes_max",
    "upstream_us",
    "first_byte_us",
    "total_us"
);
const OTHERS: [From; 6] = [
    from("stream", Kind::Flag, &["stream"]),
    from("input_tokens", Kind::Whole, &["tokens", "input"]),
    from("output_tokens", Kind::Whole, &["tokens", "output"]),
    from("cached_tokens", Kind::Whole, &["tokens", "cached"]),
    from("cache_written_tokens", Kind::Whole, &["tokens", "cache_written"]),
    from("reasoning_tokens", Kind::Whole, &["tokens", "reasoning"]),
];

fn picked() -> impl Iterator<Item = &'static From> {
    TEXTS.iter().chain(&WHOLES).chain(&OTHERS)
}

/// Those that every record has, then what is picked from it, then the record itself.
const FLAT: [Column; 39] = {
    let mut all = [column("record", Kind::Json, false); 39];
    all[0] = column("journal", Kind::Text, false);
    all[1] = column("sequence", Kind::Whole, false);
    all[2] = column("time", Kind::Time, false);
    all[3] = column("kind", Kind::Text, false);
    let mut n = 0;
    while n < TEXTS.len() {
        all[4 + n] = TEXTS[n].column;
        n += 1;
    }
    n = 0;
    while n < WHOLES.len() {
        all[4 + TEXTS.len() + n] = WHOLES[n].column;
        n += 1;
    }
    n = 0;
    while n < OTHERS.len() {
        all[4 + TEXTS.len() + WHOLES.len() + n] = OTHERS[n].column;
        n += 1;
    }
    all
};

const FIELDS: [Column; 13] = [
    column("rule", Kind::Text, false),
    column("category", Kind::Text, false),
    column("direction", Kind::Text, false),
    column("role", Kind::Text, false),
    column("action", Kind::Text, false),
    column("state", Kind::Text, true),
    column("channel", Kind::Whole, false),
    column("start", Kind::Whole, false),
    column("end", Kind::Whole, false),
    column("score", Kind::Score, false),
    column("hidden", Kind::Text, true),
    column("document", Kind::Text, true),
    column("source", Kind::Text, true),
];

const SCHEMA: Schema = Schema { flat: &FLAT, list: "findings", fields: &FIELDS };

/// Records in the columns of a file.
#[derive(Debug)]
pub(super) struct Rows(Parquet);

impl Rows {
    pub(super) fn new() -> Self {
        Self(Parquet::new(SCHEMA))
    }

    /// Adds a record. `payload` is its very text, of which the tree has the hash.
    pub(super) fn push(
        &mut self,
        journal: &str,
        sequence: u64,
        time_ms: u64,
        record: &Json,
        payload: &str,
    ) -> io::Result<()> {
        let mut flat = vec![
            Value::Text(journal),
            whole(sequence),
            whole(time_ms),
            Value::Text(record["record"].as_str().unwrap_or_default()),
        ];
        flat.extend(picked().map(|from| {
            let said = from.path.iter().try_fold(record, |at, name| at.get(name)).unwrap_or(&Json::Null);
            value(&from.column, said)
        }));
        flat.push(Value::Text(payload));
        let findings = record["findings"].as_array().into_iter().flatten();
        let findings: Vec<Vec<Value<'_>>> = findings
            .map(|found| FIELDS.iter().map(|field| value(field, &found[field.name])).collect())
            .collect();
        self.0.row(&flat, &findings)?;
        if self.0.pending() > GROUP { self.0.end_group() } else { Ok(()) }
    }

    pub(super) fn finish(self, notes: &[(&str, &str)]) -> io::Result<Vec<u8>> {
        self.0.finish(notes)
    }
}

/// Numbers of records and moments are far below the end of 63 bits.
fn whole(n: u64) -> Value<'static> {
    Value::Whole(i64::try_from(n).unwrap_or(i64::MAX))
}

/// A value as its column has it. What lacks where it must not is empty; an empty text is none where it may lack.
fn value<'v>(column: &Column, said: &'v Json) -> Value<'v> {
    let read = match column.kind {
        Kind::Text | Kind::Json => {
            said.as_str().filter(|text| !column.optional || !text.is_empty()).map(Value::Text)
        }
        Kind::Time | Kind::Whole => said.as_u64().map(whole),
        Kind::Score => said.as_f64().map(|score| Value::Score(score as f32)),
        Kind::Flag => said.as_bool().map(Value::Flag),
    };
    match (read, column.optional, column.kind) {
        (Some(value), ..) => value,
        (None, true, _) => Value::Null,
        (None, false, Kind::Text | Kind::Json) => Value::Text(""),
        (None, false, Kind::Time | Kind::Whole) => Value::Whole(0),
        (None, false, Kind::Score) => Value::Score(0.0),
        (None, false, Kind::Flag) => Value::Flag(false),
    }
}
