//! What is read and shown quickly is what was read and shown slowly.

use super::read::read_with;
use super::render::{one_of, veil};
use super::*;
use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use proptest::prelude::*;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Outer {
    _size: u16,
    _item: Vec<Item>,
    _by: BTreeMap<String, Inner>,
    _one: Inner,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    _name: String,
    #[serde(default)]
    _inner: Vec<Inner>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Inner {
    _count: u8,
    _sort: Option<Sort>,
}

#[derive(Debug, Deserialize)]
enum Sort {
    #[serde(rename = "big")]
    Big,
    #[serde(rename = "small")]
    Small,
}

/// Lines that are right, mistyped, of another kind, or unknown.
fn line() -> impl Strategy<Value = String> {
    let key = proptest::sample::select(&[
        "_size", "_sise", "_name", "_nam", "_inner", "_count", "_coutn", "_sort", "other", "name", "id",
        "\"a b\"", "\"a`b\"",
    ]);
    let value = proptest::sample::select(&[
        "1",
        "-1",
        "\"big\"",
        "\"bgi\"",
        "[]",
        "[{ _count = 1, cuont = 2 }]",
        "{ id = \"x\", no = 1 }",
        "true",
    ]);
    let table = proptest::sample::select(&[
        "[[_item]]",
        "[_by.a]",
        "[_by.b]",
        "[_one]",
        "[[_item._inner]]",
        "[nowhere]",
        "[[_itme]]",
    ]);
    prop_oneof![4 => (key, value).prop_map(|(key, value)| format!("{key} = {value}")), 2 => table.prop_map(str::to_owned)]
}

/// A file that parses: lines that would not are left out.
fn file() -> impl Strategy<Value = String> {
    proptest::collection::vec(line(), 0..24).prop_map(|lines| {
        let mut text = String::new();
        for line in lines {
            let longer = format!("{text}{line}\n");
            if toml::from_str::<toml::Table>(&longer).is_ok() {
                text = longer;
            }
        }
        text
    })
}

fn said(found: &[Diagnostic]) -> Vec<String> {
    found.iter().map(ToString::to_string).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whether unknown keys are taken out together or one by one, the mistakes are the same, and so is what is left.
    #[test]
    fn keys_taken_out_together_are_the_same_mistakes(text in file()) {
        let file = SourceFile::new("f.toml", text);
        let [quick, slow] = [true, false].map(|at_once| {
            let mut read = read_with::<Outer>(&file, at_once);
            read.dropped.sort();
            read
        });
        prop_assert_eq!(said(&quick.diagnostics), said(&slow.diagnostics));
        prop_assert_eq!(&quick.dropped, &slow.dropped);
        prop_assert_eq!(format!("{:?}", quick.value), format!("{:?}", slow.value));
        prop_assert_eq!(format!("{:?}", quick.places), format!("{:?}", slow.places));
        prop_assert_eq!(format!("{:?}", quick.lacking), format!("{:?}", slow.lacking));
        for key in ["_name", "_size", "_count", "_sort", "other", "name"] {
            for path in [&[][..], &["_item".into(), 0.into()], &["_item".into(), 1.into()], &["_one".into()], &["_by".into(), "a".into()]] {
                prop_assert_eq!(quick.is_gone(path, key), slow.is_gone(path, key), "{:?} {}", path, key);
            }
        }
    }

    /// What is shown of a file's lines is what is shown of them in the whole file.
    #[test]
    fn lines_are_shown_as_in_the_whole_file(
        pieces in proptest::collection::vec(proptest::sample::select(&[
            "a = 1\n", "key = \"sk-abcdefghijklmnop\"\n", "\n", "x = 2\r\n", "äöü = '漢字'", "[t]\n", "k = [1,\n2]\n", "\t", "secret = \"\"\"\nlong\n\"\"\"\n",
        ][..]), 0..20),
        spans in proptest::collection::vec((0..160_usize, 0..40_usize, any::<bool>()), 1..3),
    ) {
        let file = SourceFile::new("f.toml", pieces.concat());
        let mut diagnostic = Diagnostic::error("code", "a message").help("help");
        for (start, length, named) in spans {
            diagnostic = diagnostic.at(&file, start..start + length, if named { "here" } else { "" });
        }
        let renderer = Renderer::plain().decor_style(DecorStyle::Ascii);
        let quick = one_of(&diagnostic, &renderer, &mut HashMap::new());
        prop_assert_eq!(quick, whole(&diagnostic, &renderer));
    }
}

/// Shows a diagnostic with its files whole.
fn whole(diagnostic: &Diagnostic, renderer: &Renderer) -> String {
    let veiled: Vec<String> = diagnostic.labels.iter().map(|label| veil(label.file.text())).collect();
    let mut group =
        Group::with_title(Level::ERROR.primary_title(diagnostic.message.as_str()).id(diagnostic.code));
    for (n, (label, text)) in diagnostic.labels.iter().zip(&veiled).enumerate() {
        let kind = if n == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let annotation = kind.span(label.file.clamp(label.span).range());
        let annotation =
            if label.message.is_empty() { annotation } else { annotation.label(label.message.as_str()) };
        group = group.element(Snippet::source(text.as_str()).path(label.file.name()).annotation(annotation));
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
}

/// A file of many mistakes is told as far as ever, and its keys are asked for a few times, not once for each.
#[test]
fn so_many_unknown_keys_are_told() {
    let keys: String = (0..20_000).map(|n| format!("key{n} = 1\n")).collect();
    let tables: String = (0..20_000).map(|n| format!("[[_item]]\n_name = \"a\"\nkey{n} = 1\n")).collect();
    for text in [keys, tables] {
        let file = SourceFile::new("f.toml", text);
        let found = read_with::<Outer>(&file, true).diagnostics;
        assert_eq!(found.len(), 200);
        assert!(found.iter().all(|one| one.code == "unknown-key"));
    }
}
