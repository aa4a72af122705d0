//! PDF and DOCX files that somebody has made to break the label or the gateway.

use super::tests::{block, docx, pdf};
use super::*;

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
        words.iter().for_each(|w| file.extend_from_slice(&w.to_le_bytes()));
    };
    let halves = |file: &mut Vec<u8>, halves: &[u16]| {
        halves.iter().for_each(|h| file.extend_from_slice(&h.to_le_bytes()));
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

/// The label is drawn in the page's own state, whatever its content leaves open.
#[test]
fn what_a_page_leaves_open_does_not_move_its_label() {
    use lopdf::content::Content;
    const PAGE: &str = "/Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<<>>";
    let shown = |content: &[u8], page: &str| {
        let file = pdf_with(&[(page, b""), ("", content)]);
        let words = "Label".to_owned();
        assert_eq!(FileForm::Pdf.find_visible(&file, std::slice::from_ref(&words)), Ok(None));
        let out =
            FileForm::Pdf.visible(&file, &words).ok().flatten().unwrap_or_else(|| panic!("{content:?}"));
        assert_eq!(FileForm::Pdf.find_visible(&out, &[words]), Ok(Some(0)));
        let document = lopdf::Document::load_mem(&out).unwrap_or_else(|e| panic!("{e}"));
        let last = document.page_iter().last().unwrap_or_default();
        (document.get_page_content(last), document)
    };
    let contents: [&[u8]; 11] = [
        b"BT (Hello) Tj ET",
        b"Q Q Q Q 1 0 0 1 5000 5000 cm",
        b"Q Q q 0 0 1 1 re W n",
        b"q q q 5 0 0 5 0 0 cm",
        b"BT 3 Tr",
        b"Q /G0 gs /OC /MC0 BDC BT",
        b"BI /W 1 /H 1 /BPC 8 /CS /G ID ",
        b"(abc",
        b"<<",
        b"EMC",
        b"0 0 m % a remark",
    ];
    for content in contents {
        let (drawn, document) = shown(content, PAGE);
        let operations = Content::decode(&drawn).unwrap_or_else(|e| panic!("{e}")).operations;
        let text = String::from_utf8_lossy(&drawn).into_owned();
        let (mut depth, mut text_open, mut marked) = (0_i32, false, 0_i32);
        let begin = operations.iter().rposition(|one| one.operator == "q").unwrap_or_default();
        let label: Vec<&str> = operations[begin..].iter().map(|one| one.operator.as_str()).collect();
        assert_eq!(label, ["q", "BT", "g", "Tf", "Tm", "Tj", "ET", "Q"], "{text}");
        for operation in &operations[..begin] {
            match operation.operator.as_str() {
                "q" => depth += 1,
                "Q" => depth -= 1,
                "BT" => text_open = true,
                "ET" => text_open = false,
                "BDC" => marked += 1,
                "EMC" => marked -= 1,
                "cm" | "gs" | "W" | "Tr" => assert!(depth > 0, "{text}"),
                _ => {}
            }
            assert!(depth >= 0 && marked >= 0, "{text}");
        }
        assert_eq!((depth, text_open, marked), (0, false, 0), "{text}");
        // What was drawn is still there, in a form where it cannot be followed.
        let is_there = |drawn: &[u8]| memchr::memmem::find(drawn, content).is_some();
        let forms = document.objects.values().filter_map(|object| object.as_stream().ok());
        let mut forms = forms.filter(|form| {
            form.dict.get(b"Subtype").is_ok_and(|kind| kind.as_name().is_ok_and(|kind| kind == b"Form"))
        });
        assert!(
            is_there(&drawn) || forms.any(|form| form.get_plain_content().is_ok_and(|own| is_there(&own))),
            "{text}"
        );
    }
    let (drawn, _) = shown(b"BT ET", &format!("{PAGE}/CropBox[5000 5000 6000 6000]"));
    assert!(
        memchr::memmem::find(&drawn, b"1 0 0 1 36 18 Tm").is_some(),
        "{}",
        String::from_utf8_lossy(&drawn)
    );
    let (drawn, _) = shown(b"BT ET", &format!("{PAGE}/CropBox[-50 100 400 9000]"));
    assert!(
        memchr::memmem::find(&drawn, b"1 0 0 1 36 118 Tm").is_some(),
        "{}",
        String::from_utf8_lossy(&drawn)
    );
}
