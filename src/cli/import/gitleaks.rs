//! gitleaks' configuration (<https://github.com/gitleaks/gitleaks>, `config/config.go` and the README's section on configuration, v8.25).
//!
//! A rule there finds where one of its `keywords` stands in the file, its `regex` matches (RE2), the part in brackets has the `entropy` asked
//! for, and no allow list speaks for it. Paths and commits mean nothing to a gateway.

use super::regex::{self, Meant};
use super::rule::{Imported, Rule, Term};
use super::tree::{Node, Value};
use crate::diag::nearest;

/// Keys of a rule.
const KEYS: [&str; 13] = [
    "id",
    "description",
    "regex",
    "path",
    "secretGroup",
    "entropy",
    "keywords",
    "tags",
    "allowlist",
    "allowlists",
    "required",
    "skipReport",
    "severity",
];

pub(super) fn read(root: &Node) -> Imported {
    let mut out = Imported { title: "rules of a gitleaks configuration".into(), ..Imported::default() };
    let rules = root.get("rules").map(Node::items).unwrap_or_default();
    out.found = rules.len();
    for rule in rules {
        one(rule, &mut out);
    }
    let allowed = root
        .get("allowlist")
        .into_iter()
        .chain(root.get("allowlists").map(Node::items).into_iter().flatten());
    for list in allowed {
        let of: Vec<&str> = texts(list, "targetRules").into_iter().map(|(text, _)| text).collect();
        for_rules(list, &of, &mut out);
    }
    if let Some(extend) = root.get("extend") {
        out.leave_out(extend.line, "", "extend", "import the other file by itself");
    }
    out
}

fn texts<'n>(node: &'n Node, key: &str) -> Vec<(&'n str, usize)> {
    let items = node.get(key).map(Node::items).unwrap_or_default();
    items.iter().filter_map(|item| Some((item.text()?, item.line))).collect()
}

fn one(node: &Node, out: &mut Imported) {
    let line = node.get("id").map_or(node.line, |id| id.line);
    let id = node.get("id").and_then(Node::text).unwrap_or("rule").to_owned();
    for (key, value) in node.entries().iter().filter(|(key, _)| !KEYS.contains(&key.as_str())) {
        let hint = nearest(key, &KEYS).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        out.leave_out(value.line, &id, key, format!("unknown key{hint}"));
    }
    let Some(expression) = node.get("regex") else {
        let why = if node.get("path").is_some() {
            "it looks at paths alone; there are none here"
        } else {
            "it has no `regex`"
        };
        out.leave_out(line, &id, "rule", why);
        return;
    };
    if let Some(path) = node.get("path") {
        out.leave_out(
            path.line,
            &id,
            "rule",
            "it looks at files of certain paths alone; elsewhere it would find too much",
        );
        return;
    }
    if let Some(required) = node.get("required") {
        out.leave_out(required.line, &id, "rule", "it counts only near what other rules find");
        return;
    }
    if node.get("skipReport").is_some_and(Node::is_true) {
        out.leave_out(line, &id, "rule", "it is there for other rules and reports nothing itself");
        return;
    }
    let Some(source) = expression.text() else {
        out.leave_out(
            expression.line,
            &id,
            "rule",
            format!("expected a string in `regex`, found {}", expression.kind()),
        );
        return;
    };
    let group = node.get("secretGroup").and_then(Node::count).unwrap_or(0);
    let entropy = node.get("entropy").and_then(Node::number).filter(|bits| *bits > 0.0);
    let validator = entropy.map(validator);
    let meant = Meant { part: Some(group), ..Meant::default() };
    let pattern = match regex::translate(source, expression.line, meant, validator) {
        Ok((pattern, notes)) => {
            for note in notes {
                out.change(expression.line, &id, "regex", note);
            }
            pattern
        }
        Err(why) => {
            out.leave_out(expression.line, &id, "rule", why);
            return;
        }
    };
    if let (Some(bits), Some(validator), Some(at)) = (entropy, validator, node.get("entropy")) {
        let note =
            format!("{bits} bits a character became the validator `{validator}`: {}", meaning(validator));
        out.change(at.line, &id, "entropy", note);
    }
    let mut rule = Rule {
        line,
        title: node.get("description").and_then(Node::text).unwrap_or(&id).to_owned(),
        category: Some("SECRET".into()),
        severity: Some("high"),
        action: Some("mask"),
        patterns: vec![pattern],
        ..Rule::default()
    };
    let words = texts(node, "keywords");
    // Most expressions have the words themselves.
    if !words.is_empty() && !words.iter().any(|(word, _)| regex::names(source, word)) {
        rule.near = words.iter().map(|(word, line)| Term { text: (*word).to_owned(), line: *line }).collect();
        let note = format!(
            "one of them has to stand within {} characters as a whole word, not somewhere in a file",
            super::rule::FAR
        );
        out.change(node.get("keywords").map_or(line, |n| n.line), &id, "keywords", note);
    }
    rule.id.clone_from(&id);
    let lists = node
        .get("allowlist")
        .into_iter()
        .chain(node.get("allowlists").map(Node::items).into_iter().flatten());
    for list in lists {
        allow(list, &mut rule, &id, out);
    }
    out.rules.push(rule);
}

/// The nearest of our checks that asks for no more.
fn validator(bits: f64) -> &'static str {
    match bits {
        4.0.. => "entropy_high",
        3.0.. => "entropy",
        _ => "token",
    }
}

fn meaning(validator: &str) -> &'static str {
    match validator {
        "entropy_high" => "4 bits, letters and digits, no placeholder",
        "entropy" => "3 bits, letters and digits, no placeholder",
        _ => "2.5 bits, no character eight times in a row",
    }
}

/// What an allow list lets pass.
fn allow(list: &Node, rule: &mut Rule, id: &str, out: &mut Imported) {
    for key in ["paths", "commits"] {
        if let Some(node) = list.get(key) {
            out.leave_out(node.line, id, &format!("allowlist.{key}"), "a gateway sees no files and commits");
        }
    }
    if list.get("condition").and_then(Node::text).is_some_and(|word| word.eq_ignore_ascii_case("and")) {
        out.leave_out(
            list.line,
            id,
            "allowlist",
            "all of its conditions together let pass, and some mean nothing here",
        );
        return;
    }
    let target = list.get("regexTarget").and_then(Node::text).unwrap_or("secret");
    for (source, line) in texts(list, "regexes") {
        if target != "secret" {
            let why = format!(
                "it looks at the {target} around the secret; an exception here has to cover the secret"
            );
            out.leave_out(line, id, "allowlist.regexes", why);
            continue;
        }
        match regex::exception(source) {
            Ok((regex, notes)) => {
                rule.except_patterns.push(Term { text: regex, line });
                for note in notes {
                    out.change(line, id, "allowlist.regexes", note);
                }
            }
            Err(why) => out.leave_out(line, id, "allowlist.regexes", why),
        }
    }
    let stop = texts(list, "stopwords");
    if let Some((_, line)) = stop.first() {
        out.change(
            *line,
            id,
            "allowlist.stopwords",
            "they count where the whole secret is one, not where it has one in it",
        );
        rule.except.extend(stop.iter().map(|(text, line)| Term { text: (*text).to_owned(), line: *line }));
    }
}

/// An allow list of all rules, or of those named.
fn for_rules(list: &Node, of: &[&str], out: &mut Imported) {
    if of.is_empty() {
        for (key, node) in list.entries() {
            let many = match &node.value {
                Value::List(items) => items.len(),
                _ => continue,
            };
            let why = match key.as_str() {
                "paths" | "commits" => "a gateway sees no files and commits".to_owned(),
                "regexes" | "stopwords" => format!(
                    "{many} exceptions from every rule; checks such as `entropy` refuse placeholders, others belong into the rules that need them"
                ),
                _ => continue,
            };
            out.leave_out(node.line, "", &format!("allowlist.{key}"), why);
        }
        return;
    }
    for name in of {
        let Some(n) = out.rules.iter().position(|rule| rule.id == *name) else { continue };
        let mut rule = std::mem::take(&mut out.rules[n]);
        allow(list, &mut rule, name, out);
        out.rules[n] = rule;
    }
}
