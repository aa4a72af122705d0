use super::*;

fn block() -> Aigc {
    let mut block = Aigc::first("gw.example/journal", "0123456789");
    block.reserved_code1 = "1;gw.example+0a0b0c0d;ab<&>'cd;AAAA==".into();
    block
}

/// A DOCX as small as one can be.
fn docx(properties: Option<&str>) -> Vec<u8> {
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

fn pdf() -> Vec<u8> {
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
        (FileForm::Markdown, "---\ntitle: A: b\ntags: [x]\n---\n\n# Title\n"),
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

/// A PDF that readers know only by searching it is refused, and stays: an update would be all that they find of it.
#[test]
fn a_pdf_with_a_damaged_table_is_refused() {
    let whole = pdf();
    let shown = |file: &[u8]| String::from_utf8_lossy(file).into_owned();
    let at = memchr::memmem::rfind(&whole, b"startxref").unwrap_or_default();
    let replaced = |from: &str, to: &str| -> Vec<u8> {
        let at = memchr::memmem::find(&whole, from.as_bytes()).unwrap_or_else(|| panic!("no {from}"));
        [&whole[..at], to.as_bytes(), &whole[at + from.len()..]].concat()
    };
    let damaged: [Vec<u8>; 6] = [
        [&whole[..], &b"<html>".repeat(500)].concat(),
        [&whole[..at], b"startxref\n7\n%%EOF\n"].concat(),
        whole[..at].to_vec(),
        whole[..whole.len() - 30].to_vec(),
        replaced("%PDF-1.5\n", "%PDF-1.5\n%inserted\n"),
        [b"JUNKJUNK\n", &whole[..]].concat(),
    ];
    for file in damaged {
        assert!(FileForm::Pdf.read(&file).is_ok(), "{}", shown(&file));
        let refused = Err(ExportError::Damaged);
        assert_eq!(FileForm::Pdf.write(&file, &block()), refused, "{}", shown(&file));
        assert_eq!(FileForm::Pdf.visible(&file, "words"), refused.map(Some), "{}", shown(&file));
    }
    // White space behind the end is no damage.
    let padded = [&whole[..], &[0; 2000]].concat();
    assert!(FileForm::Pdf.write(&padded, &block()).is_ok());
}

/// A PDF of one page, with these objects from number 3 on: the page itself, and what it names.
fn pdf_with(objects: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    let fixed: [(&str, &[u8]); 2] =
        [("/Type/Catalog/Pages 2 0 R", b""), ("/Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 600 800]", b"")];
    for (n, (dictionary, stream)) in fixed.iter().chain(objects).enumerate() {
        places.push(file.len());
        file.extend_from_slice(format!("{} 0 obj\n<<{dictionary}", n + 1).as_bytes());
        if stream.is_empty() {
            file.extend_from_slice(b">>");
        } else {
            file.extend_from_slice(format!("/Length {}>>\nstream\n", stream.len()).as_bytes());
            file.extend_from_slice(stream);
            file.extend_from_slice(b"\nendstream");
        }
        file.extend_from_slice(b"\nendobj\n");
    }
    let (table, count) = (file.len(), places.len() + 1);
    file.extend_from_slice(format!("xref\n0 {count}\n0000000000 65535 f \n").as_bytes());
    for place in places {
        file.extend_from_slice(format!("{place:010} 00000 n \n").as_bytes());
    }
    let end = format!("trailer\n<</Size {count}/Root 1 0 R>>\nstartxref\n{table}\n%%EOF\n");
    file.extend_from_slice(end.as_bytes());
    file
}

/// What draws a page counts, each byte of it, in form XObjects too, and theirs.
#[test]
fn the_hash_of_a_pdf_is_over_all_that_draws_its_pages() {
    const PAGE: &str = "/Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</XObject<</X0 5 0 R>>>>";
    const FORM: &str = "/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X1 6 0 R/X0 5 0 R>>>>";
    let of = |page: &[u8], form: &[u8], inner: &[u8]| {
        let file = pdf_with(&[(PAGE, b""), ("", page), (FORM, form), (FORM, inner)]);
        FileForm::Pdf.hash(&file).unwrap_or_else(|e| panic!("{e}"))
    };
    let first = of(b"(\xe9\xe8) Tj /X0 Do", b"(100) Tj", b"(\x00\x24) Tj");
    assert_eq!(first, of(b"(\xe9\xe8) Tj /X0 Do", b"(100) Tj", b"(\x00\x24) Tj"));
    for other in [
        of(b"(\xfc\xe4) Tj /X0 Do", b"(100) Tj", b"(\x00\x24) Tj"),
        of(b"(\xe9\xe8) Tj /X0 Do", b"(999) Tj", b"(\x00\x24) Tj"),
        of(b"(\xe9\xe8) Tj /X0 Do", b"(100) Tj", b"(\x00\x25) Tj"),
    ] {
        assert_ne!(first, other);
    }
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_else(|e| panic!("{e}"))
}

/// Neither a stream named many times nor one packed twice unpacks to more than a file may have.
#[test]
fn a_small_pdf_does_not_unpack_without_limit() {
    let page = format!("/Type/Page/Parent 2 0 R/Contents[{}]", "4 0 R ".repeat(2000));
    let packed = zlib(&b"q Q ".repeat(1 << 20));
    let file = pdf_with(&[(&page, b""), ("/Filter/FlateDecode", &packed)]);
    // 8 GiB, were it unpacked each time.
    assert!(FileForm::Pdf.hash(&file).is_ok());
    let bomb = zlib(&zlib(&vec![0; MOST + 1]));
    let page = "/Type/Page/Parent 2 0 R/Contents 4 0 R";
    let file = pdf_with(&[(page, b""), ("/Filter[/FlateDecode/FlateDecode]", &bomb)]);
    assert_eq!(FileForm::Pdf.hash(&file), Err(ExportError::Size));
}

/// A DOCX with these parts in the place of its own or beside them.
fn docx_with(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::Zip::read(&docx(None)).unwrap_or_else(|e| panic!("{e}"));
    for (name, text) in parts {
        zip.set(name, text).unwrap_or_else(|e| panic!("{e}"));
    }
    zip.write().unwrap_or_else(|e| panic!("{e}"))
}

/// An archive of one packed file that its directory names by these names.
fn archive_of(names: &[String], packed: &[u8]) -> Vec<u8> {
    let words = |file: &mut Vec<u8>, words: &[u32]| {
        words.iter().for_each(|w| file.extend_from_slice(&w.to_le_bytes()))
    };
    let halves = |file: &mut Vec<u8>, halves: &[u16]| {
        halves.iter().for_each(|h| file.extend_from_slice(&h.to_le_bytes()))
    };
    let length = u32::try_from(packed.len()).unwrap_or_default();
    let mut file = Vec::new();
    words(&mut file, &[0x0403_4b50]);
    halves(&mut file, &[20, 0, 0, 0, 0x21]);
    words(&mut file, &[0, length, length]);
    halves(&mut file, &[0, 0]);
    file.extend_from_slice(packed);
    let directory = file.len();
    for name in names {
        words(&mut file, &[0x0201_4b50]);
        halves(&mut file, &[20, 20, 0, 0, 0, 0x21]);
        words(&mut file, &[0, length, length]);
        halves(&mut file, &[u16::try_from(name.len()).unwrap_or_default(), 0, 0, 0, 0]);
        words(&mut file, &[0, 0]);
        file.extend_from_slice(name.as_bytes());
    }
    let (whole, at) = (file.len() - directory, u32::try_from(directory).unwrap_or_default());
    words(&mut file, &[0x0605_4b50, 0]);
    halves(&mut file, &[u16::try_from(names.len()).unwrap_or_default(); 2]);
    words(&mut file, &[u32::try_from(whole).unwrap_or_default(), at]);
    halves(&mut file, &[0]);
    file
}

/// Files of an archive share neither bytes nor names.
#[test]
fn an_archive_whose_files_overlap_is_refused() {
    let one = archive_of(&["word/document.xml".into()], b"<w:document/>");
    assert!(FileForm::Docx.read(&one).is_ok());
    let names: Vec<String> =
        (0..65_000).map(|n| format!("a{n}")).chain(["word/document.xml".into()]).collect();
    assert!(FileForm::Docx.read(&archive_of(&names, &vec![b' '; 1 << 20])).is_err());
    // A second document behind the first.
    let file = docx_with(&[("word/Xocument.xml", "<w:document/>")]);
    assert!(FileForm::Docx.read(&file).is_ok());
    for second in ["word/document.xml", "word/Document.xml"] {
        let mut twice = file.clone();
        while let Some(at) = memchr::memmem::find(&twice, b"word/Xocument.xml") {
            twice[at..at + second.len()].copy_from_slice(second.as_bytes());
        }
        assert!(
            FileForm::Docx.hash(&twice).is_err() && FileForm::Docx.write(&twice, &block()).is_err(),
            "{second}"
        );
    }
}

/// The document is what the package names so, by whatever name.
#[test]
fn the_document_of_a_docx_is_what_its_package_names() {
    const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument";
    let named = |targets: &[&str]| {
        let each = targets
            .iter()
            .map(|target| format!("<Relationship Id=\"r\" Type=\"{OFFICE}\" Target=\"{target}\"/>"));
        let relations = format!("<Relationships>{}</Relationships>", each.collect::<String>());
        let other = "<w:document><w:body><w:p><w:r><w:t>Other</w:t></w:r></w:p></w:body></w:document>";
        docx_with(&[("_rels/.rels", &relations), ("word/document2.xml", other)])
    };
    let said = |file: &[u8]| FileForm::Docx.said(file).map(|said| said.trim().to_owned());
    assert_eq!(said(&named(&["word/document.xml"])).as_deref(), Ok("Hello"));
    let other = named(&["/word/document2.xml"]);
    assert_eq!(said(&other).as_deref(), Ok("Other"));
    assert_ne!(FileForm::Docx.hash(&other), FileForm::Docx.hash(&named(&["word/document.xml"])));
    let shown = FileForm::Docx.visible(&other, "Label").ok().flatten().unwrap_or_default();
    assert_eq!(said(&shown).as_deref(), Ok("Other\nLabel"));
    assert!(said(&named(&["word/document3.xml"])).is_err());
    assert!(said(&named(&["word/document.xml", "word/document2.xml"])).is_err());
}

/// A header or a footer is not where the text ends.
#[test]
fn a_docx_with_a_footer_has_one_visible_label() {
    let part = |said: &str| format!("<w:ftr><w:p><w:r><w:t>{said}</w:t></w:r></w:p></w:ftr>");
    for said in ["Page foot", "AI-generated"] {
        let file = docx_with(&[("word/footer1.xml", &part(said)), ("word/header1.xml", &part("Head"))]);
        assert_eq!(FileForm::Docx.find_visible(&file, &["AI-generated".into()]), Ok(None), "{said}");
        let once = FileForm::Docx.visible(&file, "AI-generated").ok().flatten().unwrap_or_default();
        assert_ne!(once, file, "{said}");
        assert_eq!(FileForm::Docx.visible(&once, "AI-generated"), Ok(Some(once.clone())), "{said}");
    }
}

/// Whatever form the list of properties has, the block is put among them once and the others stay.
#[test]
fn properties_of_any_form_keep_what_they_are() {
    let block_of = |file: &[u8]| FileForm::Docx.read(file).ok().flatten();
    let of = |xml: &str| {
        let file = docx_with(&[("docProps/custom.xml", xml)]);
        FileForm::Docx.write(&file, &block()).map(|written| {
            assert!(block_of(&written).is_some_and(|fields| fields.len() == 7), "{xml}");
            assert_eq!(FileForm::Docx.write(&written, &block()), Ok(written.clone()), "{xml}");
            let text = zip::Zip::read(&written).and_then(|zip| zip.text("docProps/custom.xml"));
            text.ok().flatten().unwrap_or_default()
        })
    };
    let of = |xml: &str| of(xml).unwrap_or_else(|e| panic!("{e}: {xml}"));
    let prefixed = of("<op:Properties xmlns:op=\"x\"/>");
    assert!(
        prefixed.starts_with("<op:Properties xmlns:op=\"x\"><property ")
            && prefixed.ends_with("</property></op:Properties>")
    );
    let spaced = of("<Properties xmlns='x' />\n");
    assert!(
        spaced.starts_with("<Properties xmlns='x' ><property ")
            && spaced.ends_with("</property></Properties>\n")
    );
    let linked =
        of("<P><p pid=\"2\" name=\"AIGC\" linkTarget=\"b\"/><p pid='3' name=\"Client\"><v>X</v></p></P>");
    assert!(
        linked.starts_with("<P><p pid='3' name=\"Client\"><v>X</v></p><property ")
            && linked.contains(" pid=\"4\"")
    );
    let broken = of(
        "<P><p pid=\"2147483647\"\nname = 'AIGC'>x</p><!-- <p name=\"AIGC\"/> </P> --><p pid=\"2147483647\"/></P>",
    );
    assert!(broken.starts_with("<P><!-- <p name=\"AIGC\"/> </P> --><p pid=\"2147483647\"/><property "));
    let many = format!("<P>{}</P>", "<p name=\"AIGC\">x</p>".repeat(100_000));
    let file = docx_with(&[("docProps/custom.xml", &many)]);
    assert_eq!(FileForm::Docx.read(&file), Err(ExportError::Several(100_000)));
    assert!(of(&many).starts_with("<P><property "));
    let open = docx_with(&[("docProps/custom.xml", &"<p name=\"AIGC\">".repeat(100_000))]);
    assert!(FileForm::Docx.read(&open).is_err() && FileForm::Docx.write(&open, &block()).is_err());
    // Lists with a prefix get children with it.
    let types = "<ct:Types xmlns:ct=\"x\"><ct:Default Extension=\"xml\" ContentType=\"y\"/></ct:Types>";
    let written = FileForm::Docx.write(&docx_with(&[("[Content_Types].xml", types)]), &block());
    let types =
        written.and_then(|file| zip::Zip::read(&file)).and_then(|zip| zip.text("[Content_Types].xml"));
    let types = types.ok().flatten().unwrap_or_default();
    assert!(types.contains("/><ct:Override PartName=\"/docProps/custom.xml\""), "{types}");
}
