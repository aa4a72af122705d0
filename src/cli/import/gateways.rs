//! Word lists and expressions of other gateways.
//!
//! LiteLLM's content filter (<https://docs.litellm.ai/docs/proxy/guardrails/litellm_content_filter>, category files in
//! `litellm/proxy/guardrails/guardrail_hooks/litellm_content_filter/categories`): a category file, a file of `blocked_words`, or a proxy's
//! `config.yaml` with `guardrails`. NeMo Guardrails
//! (<https://docs.nvidia.com/nemo/guardrails/configure-guardrails/guardrail-catalog/third-party/regex.md>): `rails.config.regex_detection`.

use super::regex::{self, Meant};
use super::rule::{Imported, Rule, Term};
use super::tree::Node;
use super::words::action;
use crate::diag::nearest;

/// About a sentence.
const SENTENCE: u32 = 200;

const CATEGORY_KEYS: [&str; 12] = [
    "category_name",
    "display_name",
    "description",
    "default_action",
    "keywords",
    "exceptions",
    "always_block_keywords",
    "identifier_words",
    "additional_block_words",
    "phrase_patterns",
    "inherit_from",
    "blocked_words",
];

fn term(node: &Node) -> Option<Term> {
    Some(Term { text: node.text()?.to_owned(), line: node.line })
}

fn terms(node: &Node, key: &str) -> Vec<Term> {
    node.get(key).map(Node::items).unwrap_or_default().iter().filter_map(term).collect()
}

// === LiteLLM ===

pub(super) fn litellm(root: &Node) -> Imported {
    let mut out = Imported { title: "word lists of LiteLLM".into(), ..Imported::default() };
    if !root.items().is_empty() {
        words_with_severity(root, &mut out);
    } else if root.get("litellm_params").is_some() {
        guardrail_of(root, &mut out);
    } else if let Some(patterns) = root.get("patterns") {
        named_expressions(patterns, &mut out);
    } else if let Some(guardrails) = root.get("guardrails") {
        for guardrail in guardrails.items() {
            guardrail_of(guardrail, &mut out);
        }
    } else if root.get("category_name").is_some() || root.get("keywords").is_some() {
        category(root, &mut out);
    }
    if let Some(words) = root.get("blocked_words") {
        blocked(words, "blocked-words", &mut out);
    }
    if let Some(words) = root.at(&["litellm_settings", "banned_keywords_list"]) {
        let listed: Vec<Term> = words.items().iter().filter_map(term).collect();
        out.found += 1;
        if listed.is_empty() {
            out.leave_out(
                words.line,
                "",
                "banned_keywords_list",
                "it is in another file: import that as text",
            );
        } else {
            let (id, title) = ("banned-keywords".to_owned(), "banned keywords".to_owned());
            out.rules.push(Rule {
                line: words.line,
                id,
                title,
                action: Some("block"),
                terms: listed,
                ..Rule::default()
            });
        }
    }
    out
}

/// Their actions are ours in capitals.
fn theirs(node: Option<&Node>, id: &str, out: &mut Imported) -> Option<&'static str> {
    let node = node?;
    match action(&node.text().unwrap_or_default().to_lowercase()) {
        Ok(action) => action,
        Err(why) => {
            out.leave_out(node.line, id, "action", why);
            None
        }
    }
}

/// `- keyword, action, description`: a rule for each action.
fn blocked(words: &Node, id: &str, out: &mut Imported) {
    let mut by_action: Vec<(&'static str, Rule)> = Vec::new();
    for word in words.items() {
        let text = word.get("keyword").or(Some(word)).and_then(term);
        let Some(text) = text else {
            out.leave_out(word.line, id, "term", format!("expected `keyword`, found {}", word.kind()));
            continue;
        };
        let action = theirs(word.get("action"), id, out).unwrap_or("block");
        if !by_action.iter().any(|(known, _)| *known == action) {
            let (id, title) = (format!("{id} {action}"), format!("{id}: {action}"));
            by_action
                .push((action, Rule { line: word.line, id, title, action: Some(action), ..Rule::default() }));
        }
        if let Some((_, rule)) = by_action.iter_mut().find(|(known, _)| *known == action) {
            rule.terms.push(text);
        }
    }
    out.found += by_action.len();
    out.rules.extend(by_action.into_iter().map(|(_, rule)| rule));
}

/// A category's words as JSON, `[{id, match, tags, severity}]`: `match` has words with `|` between them, `severity` goes from 1 to 4.
fn words_with_severity(root: &Node, out: &mut Imported) {
    let severities = ["high", "medium", "low"];
    let mut rules = severities.map(|severity| Rule {
        id: format!("words {severity}"),
        title: format!("words of {severity} severity"),
        severity: Some(severity),
        action: Some("block"),
        ..Rule::default()
    });
    for item in root.items() {
        let id = item.get("id").and_then(Node::text).unwrap_or_default();
        let Some(words) = item.get("match").and_then(term) else {
            out.leave_out(item.line, id, "term", format!("expected `match`, found {}", item.kind()));
            continue;
        };
        let [high, medium, low] = &mut rules;
        let rule = match item.get("severity").and_then(Node::count) {
            Some(1) => low,
            Some(2) => medium,
            _ => high,
        };
        for word in words.text.split('|').map(str::trim).filter(|word| !word.is_empty()) {
            if word.contains('*') {
                let why = format!("`{word}`: `*` stands for any letters there; here a term is what it is");
                out.leave_out(words.line, id, "term", why);
                continue;
            }
            if rule.line == 0 {
                rule.line = words.line;
            }
            rule.terms.push(Term { text: word.to_owned(), line: words.line });
        }
    }
    let rules = rules.into_iter().filter(|rule| !rule.terms.is_empty());
    out.rules.extend(rules);
    out.found += out.rules.len();
}

/// Expressions with names, `{patterns: [{name, pattern, category, action}]}`, as LiteLLM brings its own.
fn named_expressions(patterns: &Node, out: &mut Imported) {
    for node in patterns.items() {
        out.found += 1;
        let name = node.get("name").and_then(Node::text).unwrap_or("pattern").to_owned();
        let Some(source) = node.get("pattern").and_then(term) else {
            out.leave_out(node.line, &name, "rule", "it has no `pattern`");
            continue;
        };
        let action = theirs(node.get("action"), &name, out).unwrap_or("mask");
        let title = ["description", "display_name"].iter().find_map(|key| node.get(key)?.text());
        let mut rule = Rule {
            line: node.line,
            title: title.unwrap_or(&name).to_owned(),
            id: name.clone(),
            action: Some(action),
            ..Rule::default()
        };
        expression(&source, &name, Meant { insensitive: true, ..Meant::default() }, &mut rule, out);
        out.rules.push(rule);
    }
}

/// Names of competitors, with how else they are called.
fn competitors(config: &Node, id: &str, out: &mut Imported) {
    let mut names = terms(config, "competitors");
    for (_, others) in config.get("competitor_aliases").map(Node::entries).unwrap_or_default() {
        names.extend(others.items().iter().filter_map(term));
    }
    // An alias of two of them stands in both lists.
    names = names.into_iter().fold(Vec::new(), |mut all: Vec<Term>, name| {
        if !all.iter().any(|known| known.text.eq_ignore_ascii_case(&name.text)) {
            all.push(name);
        }
        all
    });
    out.found += 1;
    let why =
        "names are found wherever they stand; what is meant by them, LiteLLM guesses and nobody here does";
    out.change(config.line, id, "competitor_intent_config", why);
    out.rules.push(Rule {
        line: config.line,
        id: format!("{id} competitors"),
        title: "names of competitors".to_owned(),
        category: Some("COMPETITOR".to_owned()),
        action: Some("flag"),
        terms: names,
        ..Rule::default()
    });
}

fn category(root: &Node, out: &mut Imported) {
    let name = root.get("category_name").and_then(Node::text).unwrap_or("category").to_owned();
    for (key, value) in root.entries().iter().filter(|(key, _)| !CATEGORY_KEYS.contains(&key.as_str())) {
        let hint =
            nearest(key, &CATEGORY_KEYS).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        out.leave_out(value.line, &name, key, format!("it means nothing here{hint}"));
    }
    if let Some(node) = root.get("inherit_from") {
        out.leave_out(node.line, &name, "inherit_from", "import the other file by itself");
    }
    let action = theirs(root.get("default_action"), &name, out).unwrap_or("block");
    let title = root.get("description").and_then(Node::text).unwrap_or(&name).to_owned();
    let except = terms(root, "exceptions");
    if let Some(first) = except.first() {
        let note = "an exception counts where it covers the word, not wherever it stands in the text";
        out.change(first.line, &name, "exceptions", note);
    }
    let rule = |id: String, line: usize, severity: Option<&'static str>| Rule {
        line,
        id,
        title: title.clone(),
        category: Some(name.to_uppercase()),
        severity,
        action: Some(action),
        except: except.clone(),
        ..Rule::default()
    };
    for severity in ["high", "medium", "low"] {
        let items = root.get("keywords").map(Node::items).unwrap_or_default().iter();
        let of = |node: &Node| {
            let said = node.get("severity").and_then(Node::text).unwrap_or("medium");
            ["high", "low"].into_iter().find(|known| said.eq_ignore_ascii_case(known)).unwrap_or("medium")
        };
        let words: Vec<Term> = items
            .filter(|node| of(node) == severity)
            .filter_map(|node| term(node.get("keyword").unwrap_or(node)))
            .collect();
        if let Some(first) = words.first() {
            let mut rule = rule(format!("{name} {severity}"), first.line, Some(severity));
            rule.terms = words;
            out.found += 1;
            out.rules.push(rule);
        }
    }
    let always = root.get("always_block_keywords").map(Node::items).unwrap_or_default();
    let always: Vec<Term> =
        always.iter().filter_map(|node| term(node.get("keyword").unwrap_or(node))).collect();
    if let Some(first) = always.first() {
        let mut rule = rule(format!("{name} always"), first.line, Some("high"));
        (rule.terms, rule.except) = (always, Vec::new());
        out.found += 1;
        out.rules.push(rule);
    }
    let (who, what) = (terms(root, "identifier_words"), terms(root, "additional_block_words"));
    match (who.first(), what.first()) {
        (Some(first), Some(_)) => {
            let mut rule = rule(format!("{name} together"), first.line, None);
            let note = format!("two words count within {SENTENCE} characters, not within a sentence");
            out.change(first.line, &name, "identifier_words", note);
            rule.groups = Some((who, what, SENTENCE));
            out.found += 1;
            out.rules.push(rule);
        }
        (Some(first), None) | (None, Some(first)) => {
            let why =
                "`identifier_words` count with `additional_block_words` alone, which come from another file";
            out.leave_out(first.line, &name, "identifier_words", why);
        }
        (None, None) => {}
    }
    let phrases = terms(root, "phrase_patterns");
    if let Some(first) = phrases.first() {
        let mut rule = rule(format!("{name} phrases"), first.line, None);
        out.found += 1;
        for phrase in &phrases {
            expression(phrase, &name, Meant { insensitive: true, ..Meant::default() }, &mut rule, out);
        }
        out.rules.push(rule);
    }
}

fn expression(source: &Term, id: &str, meant: Meant, rule: &mut Rule, out: &mut Imported) {
    match regex::translate(&source.text, source.line, meant, None) {
        Ok((pattern, notes)) => {
            rule.patterns.push(pattern);
            notes.into_iter().for_each(|note| out.change(source.line, id, "pattern", note));
        }
        Err(why) => out.leave_out(source.line, id, "pattern", why),
    }
}

fn guardrail_of(guardrail: &Node, out: &mut Imported) {
    let name = guardrail.get("guardrail_name").and_then(Node::text).unwrap_or("guardrail").to_owned();
    let Some(params) = guardrail.get("litellm_params") else {
        out.found += 1;
        out.leave_out(guardrail.line, &name, "rule", "it has no `litellm_params`");
        return;
    };
    let kind = params.get("guardrail").and_then(Node::text).unwrap_or("nothing");
    if kind != "litellm_content_filter" {
        out.found += 1;
        out.leave_out(guardrail.line, &name, "rule", format!("`{kind}` is a service or code, not a list"));
        return;
    }
    for pattern in params.get("patterns").map(Node::items).unwrap_or_default() {
        let own = pattern
            .get("name")
            .or_else(|| pattern.get("pattern_name"))
            .and_then(Node::text)
            .unwrap_or("pattern");
        let id = format!("{name} {own}");
        out.found += 1;
        let Some(source) = pattern.get("pattern").and_then(term) else {
            let why = format!(
                "`{own}` is an expression that LiteLLM brings; the packs `privacy` and `secrets` find its like"
            );
            out.leave_out(pattern.line, &id, "rule", why);
            continue;
        };
        let action = theirs(pattern.get("action"), &id, out).unwrap_or("block");
        let mut rule = Rule {
            line: pattern.line,
            id: id.clone(),
            title: own.to_owned(),
            action: Some(action),
            ..Rule::default()
        };
        expression(&source, &id, Meant { insensitive: true, ..Meant::default() }, &mut rule, out);
        out.rules.push(rule);
    }
    if let Some(words) = params.get("blocked_words") {
        blocked(words, &name, out);
    }
    if let Some(config) = params.get("competitor_intent_config") {
        competitors(config, &name, out);
    }
    for key in ["blocked_words_file", "categories"] {
        if let Some(node) = params.get(key) {
            out.leave_out(node.line, &name, key, "it is in another file: import that by itself");
        }
    }
}

// === NeMo ===

pub(super) fn nemo(root: &Node) -> Imported {
    let mut out = Imported { title: "expressions of NeMo Guardrails".into(), ..Imported::default() };
    let config = root.at(&["rails", "config"]);
    let detection = config.and_then(|config| config.get("regex_detection"));
    for (theirs, ours) in [("input", "prompt"), ("output", "output"), ("retrieval", "tool")] {
        let Some(side) = detection.and_then(|detection| detection.get(theirs)) else { continue };
        let insensitive = side.get("case_insensitive").is_some_and(Node::is_true);
        let patterns = terms(side, "patterns");
        if patterns.is_empty() {
            continue;
        }
        let mut rule = Rule {
            line: side.line,
            id: format!("regex {theirs}"),
            title: format!("expressions for {theirs}"),
            action: Some("block"),
            only: Some(ours),
            ..Rule::default()
        };
        if ours == "tool" {
            out.change(
                side.line,
                theirs,
                "retrieval",
                "what is retrieved is what tools give: results of calls",
            );
        }
        for source in &patterns {
            expression(source, theirs, Meant { insensitive, ..Meant::default() }, &mut rule, &mut out);
        }
        out.found += 1;
        out.rules.push(rule);
    }
    for (key, node) in
        config.map(Node::entries).unwrap_or_default().iter().filter(|(key, _)| key != "regex_detection")
    {
        let why = match key.as_str() {
            "sensitive_data_detection" => {
                "its entities are found by Presidio; the pack `privacy` finds their like"
            }
            _ => "it is a service, a model or code, not a list",
        };
        out.leave_out(node.line, "", key, why);
    }
    if detection.is_none() {
        out.leave_out(root.line, "", "rails.config.regex_detection", "there is none");
    }
    out
}
