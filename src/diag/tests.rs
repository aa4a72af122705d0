use super::*;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Outer {
    size: u16,
    colour: Paint,
    item: Vec<Item>,
}

impl Default for Outer {
    fn default() -> Self {
        Self { size: 1, colour: Paint::Red, item: Vec::new() }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Paint {
    Red,
    Green,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    name: toml::Spanned<String>,
    #[serde(default)]
    tags: Vec<String>,
}

fn lines(text: &str) -> Vec<String> {
    read_toml::<Outer>(&SourceFile::new("f.toml", text)).diagnostics.iter().map(ToString::to_string).collect()
}

#[test]
fn every_mistake_is_found_in_one_run() {
    let got = lines(
        "sise = 3\nsize = \"big\"\ncolour = \"gren\"\n[[item]]\nname = \"a\"\ntag = 1\n[[item]]\nnam = \"b\"\n\
         [[item]]\ntags = [1, \"x\", true]\n",
    );
    assert_eq!(
        got,
        [
            "f.toml:1:1: error[unknown-key]: unknown key `sise`; did you mean `size`?; valid keys: `size`, `colour`, `item`",
            "f.toml:2:8: error[wrong-type]: expected a whole number from 0 to 65535, found a string",
            "f.toml:3:10: error[unknown-value]: unknown value `gren`; did you mean `green`?; valid values: `red`, `green`",
            "f.toml:6:1: error[unknown-key]: unknown key `tag`; did you mean `tags`?; valid keys: `name`, `tags`",
            "f.toml:8:1: error[unknown-key]: unknown key `nam`; did you mean `name`?; valid keys: `name`, `tags`",
            "f.toml:9:1: error[missing-key]: missing key `name`",
            "f.toml:10:9: error[wrong-type]: expected a string, found the number 1",
            "f.toml:10:17: error[wrong-type]: expected a string, found true or false",
        ]
    );
}

#[test]
fn a_good_file_is_read() {
    let read = read_toml::<Outer>(&SourceFile::new(
        "f.toml",
        "size = 3\ncolour = \"green\"\n[[item]]\nname = \"a\"\n",
    ));
    assert!(read.diagnostics.is_empty());
    let value = read.value.expect("a value");
    assert_eq!(value.size, 3);
    assert!(matches!(value.colour, Paint::Green));
    assert_eq!(value.item.first().map(|i| i.name.get_ref().as_str()), Some("a"));
    assert!(value.item.iter().all(|i| i.tags.is_empty()));
}

#[test]
fn every_syntax_error_is_found() {
    let got = lines("size = \ncolour = 'red\n[item\n");
    assert!(got.len() >= 2, "{got:?}");
    assert!(got.iter().all(|l| l.contains("error[syntax]")), "{got:?}");
}

#[test]
fn names_of_tables_taken_out_are_kept() {
    let read = read_toml::<Item>(&SourceFile::new("f.toml", "name = 1\n"));
    assert_eq!(read.diagnostics.len(), 1, "{:?}", read.diagnostics);
}

#[test]
fn pictures_show_line_and_caret_but_no_credential() {
    let file = SourceFile::new("f.toml", "size = 1\napi_key = \"sk-proj-abcdefgh12345678\"\n");
    let read = read_toml::<Outer>(&file);
    let text = render_human(&read.diagnostics, Colour::Off);
    assert!(text.contains("--> f.toml:2:1"), "{text}");
    assert!(text.contains("^^^^^^^ not a key of this table"), "{text}");
    assert!(!text.contains("abcdefgh12345678"), "{text}");
    let json = render_json(&read.diagnostics);
    assert!(json.contains("\"line\": 2") && !json.contains("abcdefgh"), "{json}");
}

/// A secret without a shape of its own is known by its key's name.
#[test]
fn what_stands_under_a_secrets_name_is_not_shown() {
    for line in [
        "api_key = \"hunter2pass\"",
        "api_key=\"hunter2pass\\\"hunter2pass\"",
        "\"Client-Secret\" = 'hunter2pass'",
        "password = \"\"\"\nhunter2pass\nhunter2pass\"\"\"",
        "tokens = [\"hunter2pass\", \"hunter2pass\"]",
        "auth_token = hunter2pass",
        "tokenizer_token = hunter2pass",
        "x = { key = \"hunter2pass\", y = 1 }",
        "credential = \"hunter2pass hunter2pass\"",
        "password = \"hunter2pass",
    ] {
        let file = SourceFile::new("f.toml", format!("size = 1\n{line}\n# é behind\n"));
        let text = render_human(&read_toml::<Outer>(&file).diagnostics, Colour::Off);
        assert!(text.contains("f.toml") && !text.contains("hunter2"), "{line}: {text}");
    }
    let shown = "env = \"OPENAI_API_KEY\"";
    let file =
        SourceFile::new("f.toml", format!("size = 1\n{shown}\nmax_tokens = 5\ntokenizer = \"t.json\"\n"));
    let text = render_human(&read_toml::<Outer>(&file).diagnostics, Colour::Off);
    assert!(text.contains(shown) && text.contains("max_tokens = 5"), "{text}");
    assert!(text.contains("tokenizer = \"t.json\""), "{text}");
}

/// Of a file that is no text the error names the line.
#[test]
fn a_file_that_is_no_text() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("f.toml");
    std::fs::write(&path, b"size = 1\n\n# \xff\n").expect("a file");
    let error = SourceFile::load(&path).expect_err("no text");
    assert_eq!(error.to_string(), "line 3 is not UTF-8 text (byte 0xff)");
}

#[test]
fn nearest_is_modest() {
    assert_eq!(nearest("upstrem", &["upstream", "route"]), Some("upstream"));
    assert_eq!(nearest("xyz", &["upstream", "route"]), None);
    assert_eq!(nearest("block-as", &["block_as"]), Some("block_as"));
}
