//! Keys that a type does not know, taken out together.

use super::super::Span;
use super::{Down, MOST, ROOT, Rounds, UNKNOWN, collect_names, explain, find, valid_names, walk};
use serde::de::DeserializeOwned;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

impl<T: DeserializeOwned> Rounds<'_, '_, T> {
    /// The keys of a table that its type does not know, and those of the tables that stand in one array with it: whoever asks the type again
    /// for each of them reads a long file as often as it has such keys. False where the error is another.
    pub(super) fn unknown_keys(&mut self, message: &str, span: &Range<usize>) -> bool {
        let path = Some(message).filter(|message| message.starts_with(UNKNOWN));
        let Some(path) = path.and_then(|_| find(self.root.get_ref(), span, false)) else { return false };
        let Some((Down::Key(key), holder)) = path.split_last() else { return false };
        let Some(valid) = message.strip_prefix(&format!("{UNKNOWN} `{key}`")) else { return false };
        let names = valid_names(message).unwrap_or_default();
        let mut taken = Vec::new();
        let mut room = MOST.saturating_sub(self.read.diagnostics.len());
        let mut of_table =
            |table: &mut DeTable<'_>, at: Span| take_unknown(table, at, &names, &mut room, &mut taken);
        match holder.split_last() {
            None => of_table(self.root.get_mut(), ROOT),
            Some((Down::Item(n), array)) => walk(self.root.get_mut(), array, &mut |value| {
                let DeValue::Array(items) = value.get_mut() else { return };
                for item in items.iter_mut().skip(*n) {
                    let at = item.span().into();
                    if let DeValue::Table(table) = item.get_mut() {
                        of_table(table, at);
                    }
                }
            }),
            Some(_) => walk(self.root.get_mut(), holder, &mut |value| {
                let at = value.span().into();
                if let DeValue::Table(table) = value.get_mut() {
                    of_table(table, at);
                }
            }),
        }
        let some = !taken.is_empty();
        for Taken { table, key, span, names: dropped } in taken {
            self.read.diagnostics.push(explain(self.file, &format!("{UNKNOWN} `{key}`{valid}"), span));
            self.read.dropped.extend(dropped);
            self.is_meant(table, &key, &names);
            self.read.gone.push((table, key));
        }
        some
    }
}

/// A key that was taken out.
struct Taken {
    table: Span,
    key: String,
    /// Where the key stands.
    span: Range<usize>,
    /// What is called by `name` and `id` in what stood there.
    names: Vec<String>,
}

/// Takes those keys out of a table that are not among these names, as long as there is room.
fn take_unknown(table: &mut DeTable<'_>, at: Span, names: &[String], room: &mut usize, out: &mut Vec<Taken>) {
    let is_unknown = |key: &str| !names.iter().any(|name| name == key);
    let keys = table.iter().map(|(key, _)| key).filter(|key| is_unknown(key.get_ref()));
    let unknown: Vec<(String, Range<usize>)> =
        keys.take(*room).map(|key| (key.get_ref().to_string(), key.span())).collect();
    *room -= unknown.len();
    for (key, span) in unknown {
        let mut names = Vec::new();
        if let Some((_, value)) = table.remove_entry(key.as_str()) {
            collect_names(value.get_ref(), &mut names);
        }
        out.push(Taken { table: at, key, span, names });
    }
}
