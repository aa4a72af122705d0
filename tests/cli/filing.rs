//! What a filing asks for is answered from what is loaded, and what is not there is called missing.

use super::reload::lay_out;
use super::{root, run, text};
use serde_json::Value;
use std::fs;

fn filing(arguments: &[&str], code: i32) -> Value {
    let mut whole = vec!["filing", "--format", "json"];
    whole.extend(arguments);
    let output = run(&whole);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn row<'f>(filing: &'f Value, code: &str) -> &'f Value {
    let rows = filing["sections"]
        .as_array()
        .expect("sections")
        .iter()
        .flat_map(|s| s["rows"].as_array().expect("rows"));
    rows.into_iter().find(|row| row["code"] == code).unwrap_or_else(|| panic!("no row {code}"))
}

#[test]
fn what_is_not_there_is_missing() {
    let cn = filing(&["--profile", "cn-public-service", "--for", "cn"], 0);
    assert_eq!((&cn["policy"], &cn["id"]), (&"cn-public-service".into(), &"cn".into()));
    let first = row(&cn, "A.1.a");
    // A rule stands there; the list is the operator's.
    assert_eq!(first["status"], "partly", "{first}");
    assert!(
        first["found"].to_string().contains("law/cn/a1-a-subversion")
            && first["asks"].to_string().contains("at least 200 terms")
    );
    for code in ["banks", "report", "Art. 15", "Art. 14", "1"] {
        let status = row(&cn, code)["status"].as_str().unwrap_or_default();
        assert!(["missing", "partly"].contains(&status), "{code}: {status}");
    }
    assert_eq!(row(&cn, "3")["status"], "operator");
    assert_eq!(row(&cn, "GB 45438")["status"], "there");
    let codes = cn["sections"][1]["rows"].as_array().expect("rows").len();
    assert_eq!(codes, 32, "31 types and their sum");
    let counted: u64 = cn["counts"].as_object().expect("counts").values().filter_map(Value::as_u64).sum();
    let rows: usize = cn["sections"]
        .as_array()
        .expect("sections")
        .iter()
        .map(|s| s["rows"].as_array().map_or(0, Vec::len))
        .sum();
    assert_eq!(counted, rows as u64);
    filing(&["--profile", "cn-public-service", "--strict"], 1);
    for of in ["eu", "nist", "iso42001"] {
        assert!(row(&filing(&["--for", of], 0), "report")["status"] == "missing", "{of}");
    }
}

/// How sure it is that something is asked stands with each row, not with the whole.
#[test]
fn every_row_says_how_sure_its_source_is() {
    for of in ["cn", "eu", "nist", "iso42001"] {
        let filing = filing(&["--for", of], 0);
        let rows = filing["sections"].as_array().expect("sections").iter();
        for row in rows.flat_map(|section| section["rows"].as_array().expect("rows")) {
            let sure = row["sure"].as_str().unwrap_or_default();
            assert!(["official", "secondary", "draft"].contains(&sure), "{of}: {row}");
        }
    }
    let sure = |of: &str, code: &str| row(&filing(&["--for", of], 0), code)["sure"].clone();
    assert_eq!([sure("cn", "Art. 15"), sure("cn", "4")], ["secondary", "draft"]);
    assert_eq!([sure("nist", "GOVERN 1.1"), sure("nist", "incidents")], ["secondary", "draft"]);
    assert_eq!(sure("eu", "1(h)"), "secondary");
    let page = text(&run(&["filing", "--for", "nist"]).stdout);
    assert!(page.contains("| item | asked for | source | status |") && page.contains("| draft |"), "{page}");
}

#[test]
fn what_is_configured_is_told() {
    let dir = lay_out(
        "[policy.complaints]\nurl = \"https://help.example\"\nanswered_within_days = 15\n[policy.ladder]\nof = \"user\"\n[policy.sessions]\n",
    );
    let config = dir.path().join("gateway.toml");
    let route = "[[route]]\nupstream = \"demo\"\n[route.use]\nrole = \"deployer\"\naudience = \"public\"\ndomain = \"general\"\n\
                 jurisdictions = [\"cn\"]\ntier = \"minimal\"\nfail = \"closed\"\nlabel = \"none\"\nretention = \"CN-6M\"\n";
    fs::write(&config, fs::read_to_string(&config).expect("a file") + route).expect("a file");
    let packs = dir.path().join("packs/profiles/default.toml");
    fs::write(&packs, fs::read_to_string(&packs).expect("a file") + "tier = \"limited\"\n").expect("a file");
    let config = config.display().to_string();
    let report = root().join("docs/assess/demonstration.json").display().to_string();
    let cn = filing(&["--config", &config, "--for", "cn", "--assess", &report], 0);
    for (code, want) in [
        ("Art. 15", "https://help.example, answered within 15 days"),
        ("minors", "2 h"),
        ("1", "1 of 1 routes"),
    ] {
        let row = row(&cn, code);
        assert!(row["status"] == "there" && row["found"].to_string().contains(want), "{row}");
    }
    // Figures of another policy, from samples, are no proof of this one.
    let assessed = row(&cn, "report");
    assert_eq!(assessed["status"], "partly");
    assert!(
        assessed["found"].to_string().contains("it is of another policy")
            && assessed["found"].to_string().contains("samples")
    );
    assert_eq!(row(&cn, "refusal")["status"], "partly");
    assert!(row(&cn, "bank 1")["found"].to_string().contains("31 of 2000"), "{}", row(&cn, "bank 1"));

    let out = dir.path().join("out").display().to_string();
    let said = run(&["filing", "--config", &config, "--for", "cn", "--assess", &report, "--out", &out]);
    assert_eq!(text(&said.stdout).lines().count(), 3, "{}", text(&said.stderr));
    let read = |name: &str| fs::read_to_string(format!("{out}/filing-cn.{name}")).expect("a file");
    assert_eq!(serde_json::from_str::<Value>(&read("json")).expect("JSON"), cn);
    for (code, text) in [("Art. 15", read("md")), ("Art. 15", read("html"))] {
        assert!(text.contains(code) && text.contains("https://help.example"), "{text}");
    }
    assert!(!read("html").contains("<script"));
}

#[test]
fn what_is_no_report_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("r.json");
    for content in ["", "{}", "[1]"] {
        fs::write(&path, content).expect("a file");
        let output = run(&["filing", "--assess", path.to_str().expect("a path")]);
        assert_eq!(output.status.code(), Some(2), "{content}");
        assert!(
            text(&output.stderr).contains("is no report of `sluicegate assess`"),
            "{}",
            text(&output.stderr)
        );
    }
    assert_eq!(run(&["filing", "--profile", "no-such"]).status.code(), Some(2));
}

/// A filing says what holds today.
#[test]
fn what_is_over_is_not_asked_for() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    write("packs/p/pack.toml", "name = \"p\"\nversion = \"1\"\nlicence = \"MIT\"\ntitle = \"t\"\n");
    let rule = "[[rule]]\nid = \"w\"\ntitle = \"t\"\ncategory = \"WORD\"\naction = \"flag\"\nkeywords = [\"glorp\"]\n\
                examples = [\"glorp\"]\ncounter_examples = [\"no\"]\n";
    write("packs/p/rules/w.toml", rule);
    write("packs/profiles/default.toml", "name = \"default\"\ntitle = \"t\"\npacks = [\"p\"]\n");
    let one = |id: &str, dates: &str| {
        format!(
            "[[obligation]]\nid = \"{id}\"\ninstrument = \"law\"\narticle = \"{id}\"\nsummary = \"It is so.\"\nstate = \"operator\"\n\
             controls = [{{ person = \"does it\" }}]\n{dates}"
        )
    };
    let instrument = "[[instrument]]\nid = \"law\"\ntitle = \"A law\"\njurisdiction = \"eu\"\neffective = 2019-01-01\nsure = \"draft\"\n";
    let all = [
        instrument.to_owned(),
        one("over", "expires = 2020-01-01\n"),
        one("holds", ""),
        one("later", "effective = 2999-01-01\n"),
    ];
    write("packs/p/obligations.toml", &all.concat());
    let base = fs::read_to_string(root().join("config/minimal.toml")).expect("an example");
    write("gateway.toml", &format!("{base}\n[policy]\ndir = \"packs\"\n"));
    let config = dir.path().join("gateway.toml");
    let said = filing(&["--config", config.to_str().expect("a path"), "--for", "eu"], 0);
    assert_eq!(row(&said, "law holds")["asks"], "It is so.");
    assert_eq!(row(&said, "law later")["asks"], "From 2999-01-01 on: It is so.");
    assert!(!said.to_string().contains("law over"), "{said}");
}
