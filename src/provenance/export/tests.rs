use super::*;

pub(super) fn block() -> Aigc {
    let mut block = Aigc::first("gw.example/journal", "0123456789");
    block.reserved_code1 = "1;gw.example+0a0b0c0d;ab<&>'cd;AAAA==".into();
    block
}

/// A DOCX as small as one can be.
pub(super) fn docx(properties: Option<&str>) -> Vec<u8> {
    let empty = [0x50, 0x4b, 5, 6].iter().copied().chain([0; 18]).collect::<Vec<u8>>();
    let mut zip = zip::Zip::read(&empty).unwrap_or_else(|e| panic!("{e}"));
    let mut set = |name: &str, text: &str| zip.set(name, text).unwrap_or_else(|e| panic!("{e}"));
    set(
        "[Content_Types].xml",
        "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"></Types>",
    );
    set(
        "_rels/.rels",
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"></Relationships>",
    );
    let said = "<w:document><w:body><w:p><w:r><w:t>Hello</w:t></w:r></w:p><w:sectPr/></w:body></w:document>";
    set("word/document.xml", said);
    properties.into_iter().for_each(|text| set("docProps/custom.xml", text));
    zip.write().unwrap_or_else(|e| panic!("{e}"))
}

pub(super) fn pdf() -> Vec<u8> {
    use lopdf::{Document, Object, dictionary};
    let mut document = Document::with_version("1.5");
    let pages = document.new_object_id();
    let content =
        document.add_object(lopdf::Stream::new(lopdf::Dictionary::new(), b"BT (Hello) Tj ET".to_vec()));
    let page =
        document.add_object(dictionary! { "Type" => "Page", "Parent" => pages, "Contents" => content });
    let kids = dictionary! { "Type" => "Pages", "Kids" => vec![Object::Reference(page)], "Count" => 1 };
    document.objects.insert(pages, Object::Dictionary(kids));
    let root = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => pages });
    let information = document.add_object(dictionary! { "Title" => lopdf::text_string("A title") });
    document.trailer.set("Root", root);
    document.trailer.set("Info", information);
    let mut out = Vec::new();
    document.save_to(&mut out).unwrap_or_else(|e| panic!("{e}"));
    out
}

pub(in crate::provenance) fn docx_of_tests() -> Vec<u8> {
    docx(None)
}

pub(in crate::provenance) fn pdf_of_tests() -> Vec<u8> {
    pdf()
}

fn files() -> Vec<(FileForm, Vec<u8>)> {
    let texts: &[(FileForm, &str)] = &[
        (FileForm::Markdown, ""),
        (FileForm::Markdown, "# Title\n\nText.\n"),
        (FileForm::Markdown, "---\ntitle: \"A: b\"\ntags: [x]\n---\n\n# Title\n"),
        (FileForm::Markdown, "---\r\ntitle: A\r\nAIGC: {\"Label\":\"1\"}\r\n---\r\nText\r\n"),
        (FileForm::Markdown, "---\nAIGC:\n  Label: AIGC\n  ContentProducer: Some Body\n\nmore: 1\n...\nText"),
        (FileForm::Markdown, "\u{feff}---\nAIGC: {\n\"Label\": \"1\"\n}\nx: 1\n---\n"),
        (FileForm::Markdown, "---\nno end\n"),
        (FileForm::Markdown, "----\nnot front matter\n"),
        (
            FileForm::Html,
            "<!DOCTYPE html>\n<html lang=\"en\"><head>\n<title>x</title></head><body>y</body></html>",
        ),
        (FileForm::Html, "<p>no head <!-- <head> --></p>"),
        (FileForm::Html, "<!doctype html><html><header>x</header></html>"),
        (
            FileForm::Html,
            "<HTML><HEAD a='>'><META content='{\"AIGC\":{\"Label\":\"1\"}}' NAME=aigc></HEAD></HTML>",
        ),
        (FileForm::Html, "<head><script>\"<meta name='AIGC'>\"</script></head>"),
        (FileForm::Json, "{}"),
        (FileForm::Json, "{\"a\": [1, 2.50], \"b\": {\"AIGC\": 1}}\n"),
        (FileForm::Json, "{ \"x\": 1, \"AIGC\" : \"old\" , \"y\": 2 }"),
    ];
    let mut files: Vec<(FileForm, Vec<u8>)> =
        texts.iter().map(|(form, text)| (*form, text.as_bytes().to_vec())).collect();
    let properties = "<?xml version=\"1.0\"?><Properties xmlns=\"x\" xmlns:vt=\"y\"><property fmtid=\"f\" pid=\"5\" name=\"Own\"><vt:lpwstr>kept</vt:lpwstr></property><property fmtid=\"f\" pid=\"6\" name=\"AIGC\"><vt:lpwstr>{&quot;Label&quot;:&quot;1&quot;}</vt:lpwstr></property></Properties>";
    for properties in [None, Some(properties), Some("<Properties xmlns=\"x\"/>")] {
        files.push((FileForm::Docx, docx(properties)));
    }
    files.push((FileForm::Pdf, pdf()));
    files
}

/// However often it is written, a file has one block with the seven fields, and what it says has the same hash.
#[test]
fn a_file_has_one_block_however_often_it_is_written() {
    let block = block();
    let expected: Fields = block.fields().iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    for (form, file) in files() {
        let shown = String::from_utf8_lossy(&file).into_owned();
        let once = form.write(&file, &block).unwrap_or_else(|e| panic!("{e}: {shown}"));
        assert_eq!(form.read(&once), Ok(Some(expected.clone())), "{}", String::from_utf8_lossy(&once));
        let twice = form.write(&once, &block).unwrap_or_else(|e| panic!("{e}: {shown}"));
        assert_eq!(form.read(&twice), Ok(Some(expected.clone())), "{shown}");
        assert!(form == FileForm::Pdf || once == twice, "{}", String::from_utf8_lossy(&twice));
        assert_eq!(form.hash(&once), form.hash(&file), "{}", String::from_utf8_lossy(&once));
    }
}

#[test]
fn what_stood_there_stays() {
    let block = block();
    let written = |form: FileForm, file: &[u8]| form.write(file, &block).unwrap_or_else(|e| panic!("{e}"));
    let text =
        |form: FileForm, file: &str| String::from_utf8(written(form, file.as_bytes())).unwrap_or_default();
    let markdown = text(FileForm::Markdown, "---\ntitle: A\n---\n\n# T\n");
    assert!(
        markdown.starts_with("---\ntitle: A\nAIGC:\n  Label: \"1\"\n")
            && markdown.ends_with("\n---\n\n# T\n"),
        "{markdown}"
    );
    let json = text(FileForm::Json, "{\"a\": 2.50}");
    assert!(json.starts_with("{\"AIGC\":{\"Label\":\"1\",") && json.ends_with(",\"a\": 2.50}"), "{json}");
    let html = text(FileForm::Html, "<html><head>\n<title>x</title></head></html>");
    assert!(
        html.starts_with("<html><head>\n<meta name=\"AIGC\" content=\"{&quot;Label")
            && html.ends_with("\">\n<title>x</title></head></html>"),
        "{html}"
    );
    let pdf = pdf();
    let update = written(FileForm::Pdf, &pdf);
    assert!(update.starts_with(&pdf));
    let document = lopdf::Document::load_mem(&update).unwrap_or_else(|e| panic!("{e}"));
    let id =
        document.trailer.get(b"Info").and_then(lopdf::Object::as_reference).unwrap_or_else(|e| panic!("{e}"));
    let title = document.get_dictionary(id).and_then(|information| information.get(b"Title"));
    let title = title.ok().and_then(|title| lopdf::decode_text_string(title).ok());
    assert_eq!(title.as_deref(), Some("A title"));
}

/// A label of somebody else stays his: we stand as who spreads it.
#[test]
fn a_producer_who_was_named_stays() {
    let there = Fields::from([
        ("Label".to_owned(), "AIGC".to_owned()),
        ("ContentProducer".to_owned(), "00191110108MA01KP2T5U00000".to_owned()),
        ("ProduceID".to_owned(), "42".to_owned()),
        ("ReservedCode1".to_owned(), "x".to_owned()),
    ]);
    let merged = merged(Some(&there), &block());
    assert_eq!(
        (merged.label.as_str(), merged.produce_id.as_str(), merged.reserved_code1.as_str()),
        ("1", "42", "x")
    );
    assert_eq!(
        (merged.content_propagator.as_str(), merged.propagate_id.as_str()),
        ("gw.example/journal", "0123456789")
    );
    assert_eq!(merged.reserved_code2, block().reserved_code1);
    // So does who spreads what we have made.
    let spread = Fields::from(
        [
            ("ContentProducer", "gw.example/journal"),
            ("ProduceID", "0123456789"),
            ("ContentPropagator", "b"),
            ("PropagateID", "7"),
            ("ReservedCode2", "y"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let merged = super::merged(Some(&spread), &block());
    assert_eq!(
        (merged.content_propagator.as_str(), merged.propagate_id.as_str(), merged.reserved_code2.as_str()),
        ("b", "7", "y")
    );
    assert_eq!(merged.reserved_code1, block().reserved_code1);
    // A name that no field may hold is none.
    let spaced = Fields::from([
        ("ContentProducer".to_owned(), "a b".to_owned()),
        ("ProduceID".to_owned(), "1".to_owned()),
    ]);
    assert_eq!(super::merged(Some(&spaced), &block()), block());
}

#[test]
fn files_that_are_none_are_refused() {
    for form in [FileForm::Json, FileForm::Docx, FileForm::Pdf] {
        for file in [&b""[..], b"[1]", b"PK\x05\x06", b"%PDF-1.4\n", b"{\"a\":1,\"a\":2}"] {
            assert!(
                form.write(file, &block()).is_err() && form.read(file).is_err()
                    || form == FileForm::Json && file == b"{}",
                "{form:?} {file:?}"
            );
        }
    }
    assert_eq!(
        FileForm::Markdown.read(b"---\nAIGC: {}\nx: 1\nAIGC: {}\n---\n"),
        Err(ExportError::Several(2))
    );
    assert_eq!(FileForm::of(Path::new("a.MD")), Some(FileForm::Markdown));
    assert_eq!(FileForm::of(Path::new("a.txt")), None);
}

/// The label that people read stands once however often it is written, beside a block or not, and the block's hash is over it.
#[test]
fn a_visible_label_stands_once() {
    let words = "AI-generated <content> & more\n人工智能生成";
    for (form, file) in files() {
        let shown = String::from_utf8_lossy(&file).into_owned();
        let visible = |file: &[u8]| form.visible(file, words).unwrap_or_else(|e| panic!("{e}: {shown}"));
        let Some(once) = visible(&file) else {
            assert_eq!(form, FileForm::Json);
            continue;
        };
        assert_ne!(once, file, "{shown}");
        assert_eq!(form.find_visible(&once, &["none".into(), words.into()]), Ok(Some(1)), "{shown}");
        assert_eq!(form.find_visible(&file, &[words.into()]), Ok(None), "{shown}");
        assert_eq!(visible(&once).as_ref(), Some(&once), "{shown}");
        assert_ne!(form.hash(&once), form.hash(&file), "{shown}");
        let both = form.write(&once, &block()).unwrap_or_else(|e| panic!("{e}: {shown}"));
        assert_eq!(visible(&both).as_ref(), Some(&both), "{shown}");
        assert_eq!(form.hash(&both), form.hash(&once), "{shown}");
        if form != FileForm::Pdf {
            let said = form.said(&once).unwrap_or_else(|e| panic!("{e}"));
            assert!(said.trim_end().ends_with("人工智能生成"), "{said}");
            let before = form.said(&file).unwrap_or_else(|e| panic!("{e}"));
            assert!(said.starts_with(before.trim_end()), "{before} {said}");
        }
    }
}

const OTHER: &str = r#"{"Label":"1","ContentProducer":"a,b","ProduceID":"9","ReservedCode1":"","ContentPropagator":"o{er","PropagateID":"9","ReservedCode2":""}"#;

/// However front matter is written, what is not the mapping stays, and the producer that was named is known.
#[test]
fn front_matter_is_read_as_yaml_and_nothing_of_it_is_lost() {
    let lines = "AIGC:\n  Label: \"1\"\n  ContentProducer: \"ot{her\"\n  ProduceID: \"9\"\n";
    for (file, producer) in [
        (format!("---\n{lines}title: mine\ntags: [a, b]\n---\n\nText\n"), Some("ot{her")),
        ("---\nAIGC:\n  Label: \"1\" # see {x\ntitle: mine\n---\n\nText\n".into(), None),
        ("---\nAIGC:\n\n  Label: 1\n\n# by\n  ContentProducer: other # the maker\n  ProduceID: 9\n# of the title\ntitle: mine\n---\nText".into(), Some("other")),
        (format!("---\nAIGC: {OTHER} # generated\ntitle: mine\n---\n\nText\n"), Some("a,b")),
        ("---\ntitle: mine\nAIGC: {Label: \"1\", ContentProducer: \"a,b\", ProduceID: \"9\"}\n---\nText".into(), Some("a,b")),
        (format!("---\n\"AIGC\" : {OTHER}\ntitle: mine\n...\nText\n"), Some("a,b")),
        (format!("---\r\ntitle: mine\r\nAIGC: '{OTHER}'\r\n---\r\nText\r\n"), Some("a,b")),
        (format!("---\nAIGC: |\n  {OTHER}\ntitle: mine\n---\n"), Some("a,b")),
        (format!("---\n  größe: 人\n  AIGC: {OTHER}\n  title: mine\n---\n"), Some("a,b")),
        ("---\nAIGC:\ntitle: mine\n---\n".into(), None),
        ("---\nAIGC:\n  Label:\ntitle: mine\n---\n".into(), None),
    ] {
        let form = FileForm::Markdown;
        let there = form.read(file.as_bytes()).unwrap_or_else(|e| panic!("{e}: {file}")).unwrap_or_else(|| panic!("{file}"));
        assert_eq!(there.get("ContentProducer").map(String::as_str), producer, "{file}");
        let once = form.write(file.as_bytes(), &block()).unwrap_or_else(|e| panic!("{e}: {file}"));
        let shown = String::from_utf8_lossy(&once).into_owned();
        assert!(shown.contains("title: mine") && shown.matches("AIGC").count() == 1, "{shown}");
        assert!(!file.contains("# of the title") || shown.contains("# of the title"), "{shown}");
        assert_eq!(form.write(&once, &block()).ok(), Some(once.clone()), "{shown}");
        assert_eq!(form.hash(&once), form.hash(file.as_bytes()), "{shown}");
        assert_ne!(form.hash(shown.replace("mine", "yours").as_bytes()), form.hash(&once), "{shown}");
    }
}

#[test]
fn front_matter_that_is_not_understood_is_refused() {
    for file in [
        "---\ntitle: a: b\nAIGC:\n  Label: 1\n---\nText",
        "---\nAIGC: *x\n---\nText",
        "---\nAIGC: &x {Label: 1}\nb: *x\n---\nText",
        "---\n? AIGC\n: {Label: 1}\n---\nText",
        "---\ntitle: \"x\nAIGC: {}\n---\nText",
        "---\nAIGC:\n\tLabel: 1\n---\nText",
    ] {
        let wrong = FileForm::Markdown.write(file.as_bytes(), &block());
        assert!(matches!(wrong, Err(ExportError::FrontMatter(_))), "{wrong:?} {file}");
    }
    let flow = FileForm::Markdown.write(b"---\n{title: x}\n---\nText", &block());
    assert_eq!(flow, Err(ExportError::Braces));
}

/// Two thematic breaks are no front matter: what stands between them is within what is signed.
#[test]
fn text_between_two_lines_is_signed() {
    for between in [
        "\nFirst part. Pay Alice 100.\n\n",
        "# Pay Alice 100\n",
        "- Pay Alice 100\n",
        "It's Alice [1\n",
        "Note: Pay Alice 100\n",
    ] {
        let file = format!("---\n{between}---\n\nSecond.\n");
        let once =
            FileForm::Markdown.write(file.as_bytes(), &block()).unwrap_or_else(|e| panic!("{e}: {file}"));
        let shown = String::from_utf8_lossy(&once).into_owned();
        assert!(shown.contains(between.trim_end()), "{shown}");
        let other = shown.replace("Alice", "Mallory");
        assert_ne!(FileForm::Markdown.hash(other.as_bytes()), FileForm::Markdown.hash(&once), "{shown}");
    }
}

#[test]
fn fields_of_json_may_stand_in_a_string() {
    let file = serde_json::json!({ "AIGC": OTHER, "a": 1 }).to_string();
    let there = FileForm::Json.read(file.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(there.and_then(|fields| fields.get("ContentProducer").cloned()).as_deref(), Some("a,b"));
}

/// Tags are where a browser finds them, so one block there is one block afterwards, and it goes behind the doctype.
#[test]
fn html_is_read_as_browsers_read_it() {
    let meta = format!("<meta name='AIGC' content='{OTHER}'>");
    let of = |before: &str, after: &str| format!("{before}{meta}{after}");
    for (file, there) in [
        (of("<html><head><!-- x --!>", "<title>t</title></head><body>x</body></html>"), 1),
        (of("<html><head><title>a <b isn't c</title>", "</head><body>x</body></html>"), 1),
        (format!("<html><head><meta/name='AIGC'/content='{OTHER}'></head>x</html>"), 1),
        (
            format!(
                "<html><head><meta name='&#65;IGC' content='{}'></head>x</html>",
                OTHER.replace('"', "&#x22;")
            ),
            1,
        ),
        (of("<html><head><title>", "</title></head>x</html>"), 0),
        (of("<p>é\r\n<textarea>", "</textarea>x"), 0),
        (of("<p><xmp>", "</xmp>x"), 0),
        (of("<html><template><head>", "</head></template><head></head><body>x</body></html>"), 0),
        (of("<!--", "<head>"), 0),
        (of("\u{feff}<!-- é -->\r\n<!DOCTYPE html>\r\n<svg><title>é</title></svg>\r\n", "\r\n<p>x"), 1),
    ] {
        let form = FileForm::Html;
        let found = form.read(file.as_bytes()).unwrap_or_else(|e| panic!("{e}: {file}"));
        assert_eq!(found.as_ref().map_or(0, |_| 1), there, "{file}");
        if let Some(found) = found {
            assert_eq!(found.get("ContentProducer").map(String::as_str), Some("a,b"), "{file}");
        }
        let once = form.write(file.as_bytes(), &block()).unwrap_or_else(|e| panic!("{e}: {file}"));
        let shown = String::from_utf8_lossy(&once).into_owned();
        assert_eq!(shown.contains("a,b"), there == 0, "{shown}");
        assert_eq!(form.write(&once, &block()).ok(), Some(once.clone()), "{shown}");
        assert_eq!(form.hash(&once), form.hash(file.as_bytes()), "{shown}");
    }
    for start in [
        "<!-- saved -->\n<!DOCTYPE html>\n",
        "\u{feff}<!DOCTYPE html>",
        "<?xml version='1.0'?>\n<!doctype html><!-- a -->",
    ] {
        let once = FileForm::Html
            .write(format!("{start}<p>Hello").as_bytes(), &block())
            .unwrap_or_else(|e| panic!("{e}"));
        assert!(once.starts_with(start.trim_end().as_bytes()), "{}", String::from_utf8_lossy(&once));
    }
}

/// What calls itself a manifest and is none is text that may be shown.
#[test]
fn a_script_that_is_no_manifest_is_within_the_hash() {
    let file = "<html><head></head><body><p>I owe nothing.</p></body></html>";
    for script in [
        "<script type=\"application/c2pa\" style=\"display:block\">I owe all</script>",
        "<script type=\"application/c2pa\">SW93ZWFsbA==</script>",
    ] {
        let other = file.replace("<p>", &format!("{script}<p>"));
        assert_ne!(FileForm::Html.hash(other.as_bytes()), FileForm::Html.hash(file.as_bytes()), "{other}");
    }
}

proptest::proptest! {
    /// Wherever a tag is said to stand, one stands, and a block is found again in whatever document.
    #[test]
    fn a_block_is_found_again_in_any_soup(parts in proptest::collection::vec(proptest::prop_oneof![
        proptest::strategy::Just("<"), proptest::strategy::Just("</"), proptest::strategy::Just("<!--"), proptest::strategy::Just("-->"),
        proptest::strategy::Just("title>"), proptest::strategy::Just("<script>"), proptest::strategy::Just("</script>"),
        proptest::strategy::Just("<meta name=AIGC content='{}'>"), proptest::strategy::Just("<head a=\"é\">"), proptest::strategy::Just("template>"),
        proptest::strategy::Just("\r\n"), proptest::strategy::Just("&amp é"), proptest::strategy::Just("\0"), proptest::strategy::Just("'"),
        proptest::strategy::Just("<!doctype html>"), proptest::strategy::Just("<plaintext>"), proptest::strategy::Just("/body>")], 0..12)) {
        let file = parts.concat();
        let once = FileForm::Html.write(file.as_bytes(), &block());
        proptest::prop_assert!(once.is_ok(), "{once:?}");
        let once = once.unwrap_or_default();
        proptest::prop_assert_eq!(FileForm::Html.hash(&once), FileForm::Html.hash(file.as_bytes()));
        proptest::prop_assert_eq!(FileForm::Html.write(&once, &block()), Ok(once.clone()));
    }
}
