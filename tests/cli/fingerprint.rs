//! `sluicegate fingerprint`, and rules that look for the documents: as an operator does it, from files to findings.

use std::path::Path;

use super::{feed, program, text};

const PLAN: &str = "The merger of Hollyhock Holdings with the northern shipyards is signed on the first Monday of March, and the \
    price is 412 million euros, of which a third is paid in shares. Nobody outside the board knows of it before that day.";

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    std::fs::write(folder.join(name), bytes).expect("a file");
}

/// What the command says, and its exit code.
fn run(folder: &Path, args: &[&str], input: &str) -> (String, Option<i32>) {
    let output = feed(program(args).current_dir(folder), input);
    (text(&output.stdout) + &text(&output.stderr), output.status.code())
}

/// A DOCX of two paragraphs of which the first is cut into runs, as office programs cut it.
fn docx(first: &str, second: &str) -> Vec<u8> {
    let (head, tail) = first.split_at(first.len() / 2);
    let document = format!(
        "<?xml version=\"1.0\"?><w:document xmlns:w=\"x\"><w:body><w:p><w:r><w:t xml:space=\"preserve\">{head}</w:t></w:r><w:r><w:t \
         xml:space=\"preserve\">{tail}</w:t></w:r></w:p><w:p><w:r><w:delText>what was taken away is no text of it</w:delText><w:t>{second}</w:t></w:r></w:p></w:body></w:document>"
    );
    // One file, stored as it is.
    let (name, body) = (b"word/document.xml", document.as_bytes());
    let crc = crc(body).to_le_bytes();
    let length = (body.len() as u32).to_le_bytes();
    let names = (name.len() as u16).to_le_bytes();
    let common = [&[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0][..], &crc, &length, &length, &names, &[0, 0]].concat();
    let mut file = [&b"PK\x03\x04"[..], &common, name, body].concat();
    let at = (file.len() as u32).to_le_bytes();
    let entry = [&b"PK\x01\x02\x14\0"[..], &common, &[0; 14], name].concat();
    let size = (entry.len() as u32).to_le_bytes();
    file.extend(entry);
    file.extend([&b"PK\x05\x06"[..], &[0, 0, 0, 0, 1, 0, 1, 0], &size, &at, &[0, 0]].concat());
    file
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}

fn pdf(said: &str) -> Vec<u8> {
    use lopdf::{Document, Object, Stream, dictionary};
    let mut document = Document::with_version("1.5");
    let pages = document.new_object_id();
    let font = document.add_object(
        dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica", "Encoding" => "WinAnsiEncoding" },
    );
    let lines: String = said
        .split_inclusive(' ')
        .collect::<Vec<_>>()
        .chunks(9)
        .map(|line| format!("({}) Tj T* ", line.concat()))
        .collect();
    let content = format!("BT /F1 12 Tf 14 TL 72 720 Td {lines} ET");
    let content = document.add_object(Stream::new(lopdf::Dictionary::new(), content.into_bytes()));
    let page = document.add_object(dictionary! {
        "Type" => "Page", "Parent" => pages, "Contents" => content,
        "Resources" => dictionary! { "Font" => dictionary! { "F1" => font } },
    });
    let kids = dictionary! { "Type" => "Pages", "Kids" => vec![page.into()], "Count" => 1, "MediaBox" => vec![0.into(), 0.into(), 612.into(), 792.into()] };
    document.objects.insert(pages, Object::Dictionary(kids));
    let root = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => pages });
    document.trailer.set("Root", root);
    let mut file = Vec::new();
    document.save_to(&mut file).expect("a file");
    file
}

#[test]
fn documents_of_each_form_are_found_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path();
    std::fs::create_dir(folder.join("plans")).expect("a folder");
    write(folder, "plans/a.txt", PLAN.as_bytes());
    let html = format!(
        "<html><head><style>p {{ color: red }}</style></head><body><p>{}</p></body></html>",
        PLAN.replace("Hollyhock", "Holly<b>hock</b>").replace("the first", "<a href='x'>the</a> first")
    );
    write(folder, "plans/b.html", html.as_bytes());
    write(folder, "plans/c.docx", &docx(PLAN, "And nothing else."));
    write(folder, "plans/d.pdf", &pdf(PLAN));
    write(folder, "plans/e.md", format!("# Plan\n\n* {PLAN}\n").as_bytes());
    write(folder, "plans/f.jpg", b"\xff\xd8\xff");
    for (name, form) in [("a", "txt"), ("b", "html"), ("c", "docx"), ("d", "pdf"), ("e", "md")] {
        let (index, file) = (format!("{name}.prints"), format!("plans/{name}.{form}"));
        let (said, code) = run(folder, &["fingerprint", "add", "--index", &index, &file], "");
        assert_eq!(code, Some(0), "{said}");
        let letter = format!("Dear all,\n> {}\nyours", PLAN.to_uppercase().replace(' ', "\n> "));
        let (said, code) =
            run(folder, &["fingerprint", "find", "--index", &index, "--format", "json"], &letter);
        assert_eq!(code, Some(1), "{form}: {said}");
        let line: serde_json::Value =
            serde_json::from_str(said.lines().next().expect("a line")).expect("JSON");
        assert_eq!((&line["document"], &line["text"]), (&file.into(), &"<stdin>".into()));
        let span = line["start"].as_u64().expect("a number")..line["end"].as_u64().expect("a number");
        let most = (span.end - span.start) as usize * 100 / letter.len();
        assert!(most > 75 || said.lines().count() > 1, "{form}: {said} of {}", letter.len());
    }
    let (said, code) = run(folder, &["fingerprint", "add", "--index", "all.prints", "plans"], "");
    assert_eq!((said.lines().count(), code), (5, Some(0)), "an image is passed over: {said}");
    let (said, code) = run(folder, &["fingerprint", "add", "--index", "all.prints", "plans/a.txt"], "");
    assert!(said.contains("in place of the one before") && code == Some(0), "{said}");
    let (said, _) = run(folder, &["fingerprint", "list", "--index", "all.prints"], "");
    assert_eq!(said.lines().count(), 5, "{said}");
    let (said, code) = run(folder, &["fingerprint", "remove", "--index", "all.prints", "plans/a.tx"], "");
    assert!(said.contains("did you mean `plans/a.txt`?") && code == Some(2), "{said}");
    let (said, _) =
        run(folder, &["fingerprint", "remove", "--index", "all.prints", "plans/a.txt", "plans/d.pdf"], "");
    assert!(said.contains("2 removed, 3 left"), "{said}");
    let (said, code) = run(
        folder,
        &["fingerprint", "find", "--index", "all.prints"],
        "Nothing of the kind stands in this text, however long it is.",
    );
    assert_eq!((said.as_str(), code), ("nothing of it stands in a document\n", Some(0)));
}

#[test]
fn what_cannot_be_taken_in_is_said() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path();
    write(folder, "plan.txt", PLAN.as_bytes());
    write(folder, "short.txt", b"too short");
    write(folder, "broken.docx", b"no archive");
    write(folder, "broken.pdf", b"no document");
    write(folder, "broken.prints", b"sluicegate fingerprints 1\nkey 12\n");
    let files = ["short.txt", "broken.docx", "absent.txt", "broken.pdf", "plan.txt"];
    let (said, code) =
        run(folder, &[&["fingerprint", "add", "--index", "a.prints"][..], &files].concat(), "");
    assert_eq!(code, Some(2), "{said}");
    for told in [
        "short.txt: it has 8 letters; at least 32",
        "broken.docx: not a ZIP archive",
        "absent.txt: No such file",
        "broken.pdf: not a PDF document",
        "plan.txt: 181 letters",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    let (said, code) = run(folder, &["fingerprint", "add", "--index", "broken.prints", "plan.txt"], "");
    assert!(code == Some(2) && said.contains("broken.prints: line 2: expected `key `"), "{said}");
    assert_eq!(std::fs::read(folder.join("broken.prints")).expect("a file").len(), 33, "it stays as it is");
    let (said, code) = run(folder, &["fingerprint", "list", "--index", "absent.prints"], "");
    assert!(code == Some(2) && said.contains("`sluicegate fingerprint add` makes it"), "{said}");
    let (said, code) = run(
        folder,
        &["fingerprint", "add", "--index", "a.prints", "--name", "x", "plan.txt", "short.txt"],
        "",
    );
    assert!(code == Some(2) && said.contains("`--name` names one document"), "{said}");
}

/// A slot of the pack that ships, and a rule of one's own.
#[test]
fn rules_find_the_documents_by_name() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path();
    write(folder, "plan.txt", PLAN.as_bytes());
    run(folder, &["fingerprint", "add", "--index", "secret.prints", "--name", "The plan", "plan.txt"], "");
    let policy = "[policy]\nprofile = \"default\"\npacks = [\"documents\"]\n[policy.slots]\n\"documents/confidential\" = \"secret.prints\"\n";
    write(folder, "policy.toml", policy.as_bytes());
    std::fs::create_dir_all(folder.join("own/rules")).expect("a folder");
    std::fs::create_dir(folder.join("own/fingerprints")).expect("a folder");
    std::fs::copy(folder.join("secret.prints"), folder.join("own/fingerprints/ours.prints")).expect("a file");
    write(
        folder,
        "own/pack.toml",
        b"name = \"own\"\nversion = \"1\"\nlicence = \"CC0-1.0\"\ntitle = \"ours\"\n",
    );
    write(
        folder,
        "own/rules/plans.toml",
        b"[[rule]]\nid = \"plans\"\ntitle = \"plans\"\ncategory = \"TRADE_SECRET\"\naction = \"mask\"\nmarker = \"[PLAN]\"\nfingerprints = [\"ours.prints\"]\n",
    );
    let part = "It says: the price is 412 million euros, of which a third is paid in shares. Is it so?";
    let line = serde_json::json!({"id": 1, "text": part, "direction": "output"}).to_string() + "\n";
    for (policy, rule, marker) in
        [("policy.toml", "documents/confidential", "[CONFIDENTIAL]"), ("own", "own/plans", "[PLAN]")]
    {
        for chunk in ["1", "7", "500"] {
            let args = ["scan", "--policy", policy, "--emit", "redacted", "--chunk", chunk];
            let (said, code) = run(folder, &args, &line);
            assert_eq!(code, Some(0), "{said}");
            let got: serde_json::Value = serde_json::from_str(&said).expect("JSON");
            let finding = &got["findings"][0];
            assert_eq!(
                (&finding["rule"], &finding["document"]),
                (&rule.into(), &"The plan".into()),
                "{said}"
            );
            let left = got["redacted"].as_str().expect("a text");
            assert!(
                left.starts_with("It says: ") && left.contains(marker) && left.ends_with("it so?"),
                "{left}"
            );
            assert!(!left.contains("412"), "{left}");
        }
    }
    let prompt = serde_json::json!({"id": 1, "text": part, "direction": "prompt"}).to_string() + "\n";
    let (said, _) = run(folder, &["scan", "--policy", "policy.toml"], &prompt);
    assert!(said.contains("\"action\":\"block\""), "{said}");
}
