//! What `check` warns of in rules that load.

use super::{Library, files};

const PACK: &str = r#"--- p/pack.toml
name = "p"
version = "1"
licence = "Apache-2.0"
title = "t"
[[category]]
code = "C"
title = "c"
"#;

fn rule(id: &str, more: &str) -> String {
    format!("[[rule]]\nid = \"{id}\"\ntitle = \"t\"\ncategory = \"C\"\n{more}\n")
}

/// What is said of these rules.
fn said(rules: &[String]) -> Vec<String> {
    let text = format!("{PACK}--- p/rules/r.toml\n{}", rules.concat());
    let library = Library::load_lacking(&files(&text)).unwrap_or_else(|found| panic!("{found:?}"));
    assert!(
        Library::load(&files(&text)).is_ok_and(|library| library.warnings().is_empty()),
        "a gateway that starts does not wait for it"
    );
    let said = library.warnings().iter().map(ToString::to_string);
    said.map(|line| line.replace("p/rules/r.toml:", "").replace(": warning", "")).collect()
}

#[test]
fn a_term_that_is_there_twice_is_told() {
    let one = rule(
        "a",
        "action = \"mask\"\nkeywords = [\"zebra\", \"gnu\", \"Zebra\", \"ＧＮＵ\", \"red kite\", \"Red  Kite\"]\nexamples = [\"zebra\"]\ncounter_examples = [\"horse\"]",
    );
    assert_eq!(
        said(&[one]),
        [
            "6:29[duplicate]: rule `p/a` has `zebra` and `Zebra`, which are one term",
            "6:38[duplicate]: rule `p/a` has `gnu` and `ＧＮＵ`, which are one term",
            "6:57[duplicate]: rule `p/a` has `red kite` and `Red  Kite`, which are one term"
        ]
    );
}

#[test]
fn what_is_never_found_is_told() {
    let covered = rule(
        "a",
        "action = \"mask\"\nkeywords = [\"zebra\", \"gnu\"]\nexcept = [\"gnu\", \"okapi\"]\nexamples = [\"zebra\"]\ncounter_examples = [\"gnu\"]",
    );
    let idle = rule(
        "b",
        "action = \"allow\"\nkeywords = [\"ibex\"]\nexamples = [\"ibex\"]\ncounter_examples = [\"horse\"]",
    );
    assert_eq!(
        said(&[covered, idle]),
        [
            "6:22[dead]: rule `p/a` never finds `gnu`; an exception covers it, or a surer match of the same rule does",
            "7:18[dead]: rule `p/a` finds nothing within its exception `okapi`",
            "11:6[dead]: rule `p/b` allows everything, in its pack and in every profile; give it an action, or `state = \"draft\"` while it is being written",
        ]
    );
}

#[test]
fn a_rule_to_which_another_leaves_nothing_is_told() {
    let strong = rule(
        "a",
        "action = \"block\"\nkeywords = [\"zebra\", \"gnu\", \"ibex\"]\nexamples = [\"zebra\"]\ncounter_examples = [\"horse\"]",
    );
    let weak = |action: &str, words: &str| {
        rule(
            "b",
            &format!(
                "actions = {{ {action} }}\nkeywords = [{words}]\nexamples = [\"gnu\"]\ncounter_examples = [\"horse\"]"
            ),
        )
    };
    let all = "prompt = \"mask\", output = \"block\", tool = \"flag\"";
    assert_eq!(
        said(&[strong.clone(), weak(all, "\"gnu\", \"ibex\"")]),
        [
            "10:6[shadowed]: rule `p/b` changes nothing: `p/a` finds all of its terms; both have one category, and the other one's actions are as strong in every direction"
        ]
    );
    assert_eq!(said(&[strong.clone(), weak(all, "\"gnu\", \"okapi\"")]), [""; 0], "one term is its own");
    let written = strong.replace("action = \"block\"", "action = \"block\"\nstate = \"shadow\"");
    assert_eq!(said(&[written, weak(all, "\"gnu\"")]), [""; 0], "a shadow does nothing for the other one");
    let replaces = weak("prompt = \"flag\"", "\"gnu\"");
    let weaker = strong.replace("block", "allow").replace("id = \"a\"", "id = \"c\"");
    assert_eq!(
        said(&[weaker.replace("action = \"allow\"", "actions = { output = \"flag\" }"), replaces]),
        [""; 0]
    );
}

/// The same expression with the same checks, in one rule and in two.
#[test]
fn a_pattern_that_is_there_twice_is_told() {
    let of = |id: &str, action: &str, regex: &str, more: &str| {
        rule(
            id,
            &format!(
                "action = \"{action}\"\nexamples = [\"PRJ-1234\"]\ncounter_examples = [\"horse\"]\n{more}[[rule.pattern]]\nregex = '{regex}'"
            ),
        )
    };
    let once = of("a", "mask", "PRJ-[0-9]{4}", "");
    let twice = format!("{once}[[rule.pattern]]\nregex = 'PRJ-[0-9]{{4}}'\n");
    assert_eq!(said(&[twice]), ["11:9[duplicate]: pattern 2 of rule `p/a` is its pattern 1 again"]);
    let other = format!("{once}[[rule.pattern]]\nregex = 'PRJ-[0-9]{{4}}'\nleft = false\n");
    assert_eq!(said(&[other]), [""; 0], "it may begin within a word");
    let shadowed = |at: &str, one: &str, by: &str| {
        format!(
            "{at}:6[shadowed]: rule `p/{one}` changes nothing: `p/{by}` has all of its patterns; both have one category, and the other one's actions are as strong in every direction"
        )
    };
    assert_eq!(said(&[once.clone(), of("b", "flag", "PRJ-[0-9]{4}", "")]), [shadowed("11", "b", "a")]);
    assert_eq!(said(&[once.clone(), of("b", "block", "PRJ-[0-9]{4}", "")]), [shadowed("2", "a", "b")]);
    assert_eq!(said(&[once.clone(), of("b", "flag", "PRJ-[0-9]{5}", "").replace("1234", "12345")]), [""; 0]);
    // What the other one leaves out is this one's.
    let open = of("a", "mask", "PRJ-[0-9]{4}", "except = [\"prj-0000\"]\n");
    assert_eq!(said(&[open, of("b", "flag", "PRJ-[0-9]{4}", "")]), [""; 0]);
    let keyword = "keywords = [\"glass orchard\"]\n";
    assert_eq!(said(&[once, of("b", "flag", "PRJ-[0-9]{4}", keyword)]), [""; 0], "a term is its own");
}

#[test]
fn a_dear_pattern_is_told() {
    let dear = rule(
        "a",
        "action = \"mask\"\npatterns = []\nexamples = [\"so is bad\"]\ncounter_examples = [\"good\"]\n[[rule.pattern]]\nregex = '[a-z]{2,12} is bad'",
    );
    let dear = dear.replace("patterns = []\n", "");
    let said = said(&[dear]);
    assert!(
        matches!(&said[..], [one] if one.starts_with("9:9[dear]: a pattern of rule `p/a` reads ") && one.contains("begin it with a literal")),
        "{said:?}"
    );
}
