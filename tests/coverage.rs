//! Coverage of fields: every field of the official SDKs' types that can hold a string is classified by its dialect's table. The lists
//! in `tests/fixtures/fields` come from the SDKs' own definitions (`tests/sdk/inventory`); a field that nobody classified fails here.

use sluicegate::dialect::{Class, DIALECTS, Operation, Shape};

const LISTS: &[(&str, &str)] = &[
    ("openai", include_str!("fixtures/fields/openai.tsv")),
    ("anthropic", include_str!("fixtures/fields/anthropic.tsv")),
    ("gemini", include_str!("fixtures/fields/gemini.tsv")),
    ("ollama", include_str!("fixtures/fields/ollama.tsv")),
];

/// The tables in which a field of this kind may stand. Events of typed streams have a table for each type: one of them must know the field.
fn shapes(operation: &'static Operation, kind: &str) -> Vec<&'static Shape> {
    match kind {
        "request" => vec![(operation.request)()],
        "answer" => vec![(operation.answer)()],
        _ => sluicegate::dialect::event_shapes(operation),
    }
}

#[test]
fn every_field_of_the_official_sdks_is_classified() {
    let mut unclassified = Vec::new();
    let mut rows = 0;
    for (name, list) in LISTS {
        let dialect = DIALECTS.iter().find(|d| d.name() == *name).expect("a dialect of this name");
        for line in list.lines().filter(|l| !l.starts_with('#') && !l.is_empty()) {
            let mut columns = line.split('\t');
            let (Some(operation), Some(kind), Some(path), Some(form)) =
                (columns.next(), columns.next(), columns.next(), columns.next())
            else {
                panic!("a malformed line: {line}");
            };
            rows += 1;
            let Some(known) = dialect.operations().iter().find(|o| o.name == operation) else {
                unclassified.push(format!("{name} {operation}: no such operation"));
                continue;
            };
            let class = shapes(known, kind).iter().find_map(|s| s.classify(path));
            match class {
                None => unclassified.push(format!("{name} {operation} {kind} {path} ({form})")),
                // What may be a free string must not be called a number.
                Some(Class::Scalar) if form.contains("string") || form.contains("any") => {
                    unclassified
                        .push(format!("{name} {operation} {kind} {path} ({form}) is called a scalar"));
                }
                Some(_) => {}
            }
        }
    }
    assert!(rows > 5000, "the lists hold {rows} rows only");
    unclassified.dedup();
    assert!(
        unclassified.is_empty(),
        "{} fields are not classified:\n{}",
        unclassified.len(),
        unclassified.join("\n")
    );
}
