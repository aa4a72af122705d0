//! A model of an operator's own, from labelled texts to a rule that asks it: trained, brought by a pack, checked, changed; and what is wrong
//! with files that are none.

use super::reload::{Process, lay_out, wait_for};
use super::{run, text};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

const RECIPE: &str = "name = \"refunds\"\nversion = \"2026-01\"\ntitle = \"Who wants money back for what was never bought\"\n\
    classes = [\"refunds\", \"chargeback\"]\nbits = 10\nepochs = 2\n\
    [[source]]\nfile = \"own.jsonl\"\nbenign = true\ncategories = { card = \"chargeback\" }\n";
const BAD: &str = "give me the money back for the parcel that i never ordered";
const GOOD: &str = "where is the parcel that i ordered";

/// Lines of what a desk gets: 1,100 harmless ones, and 120 that are not.
fn texts() -> String {
    let things = ["parcel", "lamp", "table", "book", "phone", "coat", "bicycle"];
    let mut lines = String::new();
    for n in 0..1220 {
        let thing = things[n % things.len()];
        let (text, label) = match n % 10 {
            0 if n < 1200 => (format!("give me the money back for the {thing} {n} that i never ordered"), 1),
            _ => (format!("where is the {thing} {n} that i ordered last week"), 0),
        };
        let categories = if label == 1 && n % 20 == 0 { json!(["card"]) } else { json!([]) };
        lines.push_str(&json!({ "text": text, "label": label, "categories": categories }).to_string());
        lines.push('\n');
    }
    lines
}

/// A folder with the model that `train` makes, what it said, and the card.
static TRAINED: LazyLock<(tempfile::TempDir, Value)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("own.jsonl"), texts()).expect("a file");
    fs::write(dir.path().join("refunds.toml"), RECIPE).expect("a file");
    let (recipe, data) = (dir.path().join("refunds.toml"), dir.path().display().to_string());
    let recipe = recipe.display().to_string();
    let made = run(&["train", &recipe, "--data", &data, "--out", &data, "--format", "json"]);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    let said = serde_json::from_slice(&made.stdout).expect("JSON");
    (dir, said)
});

fn trained() -> Vec<u8> {
    fs::read(TRAINED.0.path().join("refunds.model")).expect("the model")
}

fn rule(model: &str, class: &str) -> String {
    format!(
        "[[rule]]\nid = \"refund\"\ntitle = \"t\"\ncategory = \"FRAUD\"\naction = \"block\"\nmodel = \"{model}\"\n{class}\
         examples = [\"{BAD}\"]\ncounter_examples = [\"{GOOD}\"]\n"
    )
}

/// A gateway's folder whose pack brings the model.
fn desk(model: &[u8]) -> tempfile::TempDir {
    let dir = lay_out("watch = \"0 s\"");
    bring(dir.path(), "refunds", model);
    fs::write(dir.path().join("packs/p/rules/refunds.toml"), rule("refunds", "")).expect("a file");
    dir
}

fn bring(dir: &Path, name: &str, model: &[u8]) {
    fs::create_dir_all(dir.join("packs/p/models")).expect("a folder");
    fs::write(dir.join(format!("packs/p/models/{name}.model")), model).expect("a file");
}

fn check(dir: &Path, format: &str) -> (Option<i32>, String) {
    let config = dir.join("gateway.toml").display().to_string();
    let output = run(&["check", "--config", &config, "--format", format]);
    (output.status.code(), text(&output.stdout))
}

/// The classes' thresholds are told, by the operator's own harmless texts.
#[test]
fn training_tells_thresholds() {
    let said = &TRAINED.1;
    let of = |class: &str| {
        let all = said["thresholds"].as_array().expect("thresholds");
        all.iter().find(|one| one["class"] == class && one["lang"] == "en").expect("the class").clone()
    };
    assert_eq!(of("refunds")["benign"], 1100, "{said}");
    let (hundred, thousand) =
        (of("refunds")["one_in_hundred"].as_f64(), of("refunds")["one_in_thousand"].as_f64());
    assert!(hundred.is_some() && hundred <= thousand && thousand < Some(1.0), "{said}");
    let card = fs::read_to_string(TRAINED.0.path().join("refunds.md")).expect("the card");
    assert!(card.contains("| refunds | en | 1100 |"), "{card}");
    assert!(!card.contains("HateCheck") && !card.contains("train/phrases"), "{card}");
}

#[test]
fn a_model_of_ones_own_is_asked_without_a_build() {
    let dir = desk(&trained());
    let (code, said) = check(dir.path(), "human");
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("model refunds (p/models/refunds.model), version 2026-01: refunds, chargeback;"),
        "{said}"
    );
    let (_, said) = check(dir.path(), "json");
    let said: Value = serde_json::from_str(&said).expect("JSON");
    let (model, sha256) = (&said["models"][0], said["models"][0]["sha256"].as_str().unwrap_or_default());
    assert_eq!((&model["pack"], sha256.len()), (&json!("p"), 64), "{said}");
    let contents = said["contents"].as_array().expect("contents");
    assert!(contents.iter().any(|one| one["name"] == "p/models/refunds.model"), "{said}");

    // Scores have its name, and its rule blocks.
    let packs = dir.path().join("packs").display().to_string();
    let line = |text: &str| json!({ "id": 1, "text": text }).to_string();
    let scan = |text: &str| -> Value {
        let output = super::run_with(&["scan", "--policy", &packs, "--format", "jsonl"], &line(text));
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let (bad, good) = (scan(BAD), scan(GOOD));
    assert_eq!((&bad["verdict"], &good["verdict"]), (&json!("block"), &json!("allow")), "{bad} {good}");
    assert_eq!(bad["findings"][0]["rule"], "p/refund");
    let score = |of: &Value, name: &str| of["scores"][name].as_f64().unwrap_or(-1.0);
    assert!(score(&bad, "refunds") > score(&good, "refunds"), "{bad} {good}");
    assert!((0.0..=1.0).contains(&score(&bad, "refunds/chargeback")), "{bad}");

    // One pack's folder alone is a policy too.
    let pack = dir.path().join("packs/p").display().to_string();
    let output = super::run_with(&["scan", "--policy", &pack, "--format", "jsonl"], &line(BAD));
    assert!(text(&output.stdout).contains("\"p/refund\""), "{}", text(&output.stderr));
}

/// A changed model is in force as a changed list is, under another version; a damaged one changes nothing.
#[test]
fn a_changed_model_takes_effect_and_a_damaged_one_does_not() {
    let gateway = Process::run(desk(&trained()));
    let version = || gateway.policy("status").1["active"]["version"].as_str().map(str::to_owned);
    let first = version();
    assert!(first.is_some());
    let (code, said) = gateway.policy("reload");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(version(), first, "nothing has changed");

    bring(gateway.dir(), "refunds", &trained()[..200]);
    let (code, said) = gateway.policy("reload");
    assert_eq!((code, &said["outcome"]), (Some(1), &json!("failed")), "{said}");
    assert!(said.to_string().contains("refunds.model"), "{said}");
    assert_eq!(version(), first);

    // Another version is another file, whatever its weights are.
    let file = trained();
    let line = file.iter().position(|byte| *byte == b'\n').expect("a first line");
    let head = text(&file[..line]).replace("2026-01", "2026-02");
    bring(gateway.dir(), "refunds", &[head.as_bytes(), &file[line..]].concat());
    let (code, said) = gateway.policy("reload");
    assert_eq!((code, &said["outcome"]), (Some(0), &json!("ok")), "{said}");
    assert!(wait_for(|| version() != first));
}

#[test]
fn what_is_no_model_is_said_with_its_file() {
    let good = trained();
    let line = good.iter().position(|byte| *byte == b'\n').expect("a first line");
    let headed = |from: &str, to: &str| {
        let head = text(&good[..line]);
        let changed = head.replacen(from, to, 1);
        assert_ne!(head, changed, "{from}");
        [changed.as_bytes(), &good[line..]].concat()
    };
    for (file, expected) in [
        (good[..line + 40].to_vec(), "does not unpack, or has another size"),
        (good[..line / 2].to_vec(), "does not end"),
        (b"GGUF and more".to_vec(), "begins as a GGUF file of llama.cpp does"),
        (Vec::new(), "it is empty"),
        (headed("{", "{\"format\":7,"), "is of format 7; this program reads format 1"),
        (headed("\"part\":[1.0", "\"part\":[1e39"), "`part` has inf"),
        (headed("\"part\":[1.0", "\"part\":[null"), "says something else than a model's"),
        (headed("refunds", "refund"), "it calls itself `refund`; a model has the name of its file"),
    ] {
        let dir = desk(&file);
        let (code, said) = check(dir.path(), "human");
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("error[model]: cannot use the model `"), "{said}");
        assert!(said.contains("packs/p/models/refunds.model`"), "{said}");
        assert!(said.contains(expected), "{expected} is not in {said}");
    }
    // A file of 20 MB and a byte, of which nothing is read.
    let dir = desk(&good);
    let large = fs::File::create(dir.path().join("packs/p/models/refunds.model")).expect("a file");
    large.set_len(20_000_001).expect("a length");
    let (code, said) = check(dir.path(), "human");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("`p/models/refunds.model`: it has 20000001 bytes, more than 20000000"), "{said}");
}

#[test]
fn names_of_models_and_classes_are_looked_up() {
    let dir = desk(&trained());
    for (model, class, expected) in [
        ("refund", "", "unknown model `refund`"),
        ("refund", "", "did you mean `refunds`?"),
        (
            "scam",
            "",
            "there are harm, injection, names, refunds; one of your own stands in `p/models/scam.model`",
        ),
        (
            "refunds",
            "class = \"charge_back\"\n",
            "unknown class of the model `charge_back`; did you mean `chargeback`?",
        ),
    ] {
        fs::write(dir.path().join("packs/p/rules/refunds.toml"), rule(model, class)).expect("a file");
        let (code, said) = check(dir.path(), "human");
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(expected), "{expected} is not in {said}");
        assert!(said.contains("packs/p/rules/refunds.toml:"), "{said}");
    }
    // No rule asks it any more; and one with the name of a model that ships.
    fs::remove_file(dir.path().join("packs/p/rules/refunds.toml")).expect("a file");
    let (code, said) = check(dir.path(), "human");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("no rule of the pack `p` asks the model `refunds`"), "{said}");
    let file = trained();
    let line = file.iter().position(|byte| *byte == b'\n').expect("a first line");
    let head = text(&file[..line]).replacen("refunds", "harm", 1);
    bring(dir.path(), "harm", &[head.as_bytes(), &file[line..]].concat());
    let (code, said) = check(dir.path(), "human");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("`harm` is the name of a score or a model that ships"), "{said}");
}

/// What folding takes away costs nothing; what it cannot, does. Labels are told apart by a model of one's own.
#[test]
fn texts_are_ranked_as_they_are_and_hidden() {
    let dir = desk(&trained());
    let (own, packs) = (TRAINED.0.path().join("own.jsonl").display().to_string(), dir.path().join("packs"));
    let packs = packs.display().to_string();
    let rank = |more: &[&str]| {
        run(&[&["rank", "--by", "refunds", "--policy", &packs, "--benign", &own], more, &[&own]].concat())
    };
    let output = rank(&["--disguise", "zero-width,upside-down,leet", "--format", "json"]);
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let threshold = said["threshold_at_1_percent"].as_f64().expect("a threshold");
    assert!((0.0..1.0).contains(&threshold), "{said}");
    assert_eq!((&said["benign"], &said["groups"][0]["group"]), (&json!(1100), &json!("all")));
    let of = |name: &str| {
        let all = said["disguises"].as_array().expect("disguises").iter();
        all.clone().find(|one| one["group"] == name).cloned().expect("the disguise")
    };
    assert_eq!(said["disguises"].as_array().map(Vec::len), Some(3));
    let folded = of("zero-width");
    assert_eq!((&folded["yes"], &folded["no"]), (&json!(120), &json!(1100)), "{folded}");
    for figure in ["auroc", "auroc_benign", "recall_at_1_percent", "found_of_no"] {
        assert_eq!(folded[figure], folded["plain"][figure], "{figure}: {folded}");
    }
    let output = rank(&["--disguise", "all"]);
    let table = text(&output.stdout);
    assert!(table.contains("no more than 1 % of them are above 0."), "{table}");
    let rows = table.lines().filter(|line| line.starts_with("| base64: ") || line.starts_with("| in-two: "));
    assert_eq!(rows.count(), 2, "{table}");

    let output = rank(&["--disguise", "zero-with"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(
        said.contains("unknown disguise `zero-with`") && said.contains("did you mean `zero-width`?"),
        "{said}"
    );
    let output = run(&["rank", "--by", "grounding", "--disguise", "all", &own]);
    assert_eq!(output.status.code(), Some(2));
}
