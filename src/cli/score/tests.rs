use super::*;

/// Own texts: a mail address that is found, one that hides, one that is none, a name that was not looked for.
const LINES: &str = r#"{"id":1,"text":"mail jo@corp.example now","spans":[{"start":5,"end":20,"type":"EMAIL"}],"lang":"en","kind":"a","labelled":["EMAIL","PHONE"]}
{"id":2,"text":"日本 jo at corp","spans":[{"start":3,"end":13,"type":"EMAIL"}],"lang":"ja","kind":"b","form":"words","labelled":["EMAIL"]}

{"id":3,"text":"see al@corp.example","spans":[],"labelled":["EMAIL"]}
{"id":4,"text":"see al@corp.example","spans":[],"labelled":["PHONE"]}
{"id":5,"text":"see al@corp.example","label":1}
{"id":6,"text":"nothing","label":1}
{"id":7,"text":"bo@corp.example","label":0}
"#;

fn score(lines: &str) -> Result<Report, String> {
    let policy = crate::cli::scan::tests::policy_of(&[("privacy/email", "EMAIL", "@corp.example")]);
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("own.jsonl"), lines).expect("a file");
    std::fs::create_dir(dir.path().join("clean")).expect("a folder");
    std::fs::write(dir.path().join("clean/a.txt"), "nothing here").expect("a file");
    std::fs::write(dir.path().join("clean/b.jsonl"), "{\"text\":\"x@corp.example\"}\n").expect("a file");
    let mut scoring =
        Scoring { policy: &policy, files: Vec::new(), rows: Vec::new(), progress: Progress::new() };
    let clean = scoring.read(&[dir.path().join("own.jsonl")], &[dir.path().join("clean")]).expect("it reads");
    clean.map(|clean| scoring.report(clean)).map_err(|d| d.to_string())
}

#[test]
fn spans_findings_and_characters_are_counted() {
    let report = score(LINES).expect("good lines");
    let mail = &report.types["EMAIL"];
    assert_eq!((mail.spans, mail.found, mail.exact, mail.right, mail.wrong), (2, 1, 0, 1, 1));
    // `jo` of the first one, all ten of the second.
    assert_eq!((mail.characters, mail.leaked), (25, 12));
    assert_eq!((mail.precision, mail.recall, mail.leak), (Some(0.5), Some(0.5), Some(12.0 / 25.0)));
    assert!(!report.types.contains_key("PHONE"));
    assert_eq!(report.languages["ja"].found, 0);
    assert_eq!(report.kinds["b words"].spans, 1);
    assert_eq!(report.groups["with a check digit or a form"].spans, 2);
    assert_eq!(report.whole_texts, Whole { texts: 2, found: 1, clean: 1, wrong: 1 });
}

#[test]
fn clean_texts_set_the_score_at_which_leaks_are_counted() {
    let report = score(LINES).expect("good lines");
    let clean = report.clean.values().next().expect("one folder");
    assert_eq!((clean.texts, clean.flagged, clean.bytes), (2, 1, 26));
    assert!((clean.per_mb["EMAIL"] - 1e6 / 26.0).abs() < 1e-6);
    // So short a text allows no finding at all: whatever scores as high leaks.
    assert_eq!(report.types["EMAIL"].leak_quiet, Some(1.0));
}

#[test]
fn tables_name_figures_and_no_text() {
    let report = score(LINES).expect("good lines");
    for style in [Style::Plain, Style::Markdown] {
        let mut out = Vec::new();
        report.write(style, &mut out).expect("memory");
        let out = String::from_utf8(out).expect("UTF-8");
        assert!(out.contains("EMAIL") && out.contains("0.480") && !out.contains("corp"), "{out}");
        assert_eq!(style == Style::Markdown, out.contains("| --- |"), "{out}");
    }
    let json = serde_json::to_value(&report).expect("JSON");
    assert_eq!(json["types"]["EMAIL"]["leaked"], 12);
}

#[test]
fn bad_lines_are_named_without_their_text() {
    for (line, says) in [
        ("{\"text\":\"geheim\",\"spans\":[{\"start\":1,\"end\":9,\"type\":\"X\"}]}\n", "a span from 1 to 9"),
        ("\n{\"text\":\"geheim\",\"spans\":\"geheim\"}\n", "own.jsonl:2: a field has the wrong type"),
        ("{\"spans\":[]}\n", "missing field `text`"),
    ] {
        let error = score(line).expect_err(line);
        assert!(error.contains(says) && !error.contains("geheim"), "{error}");
    }
}
