//! Diagnostics as text for a terminal and as JSON for a program.

use super::{Diagnostic, Severity, SourceFile};
use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::collections::HashMap;
use std::sync::Arc;

/// Whether the terminal output carries colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// ANSI colours.
    On,
    /// Plain text.
    Off,
}

/// The diagnostics with their lines and carets, one paragraph each.
pub fn render_human(diagnostics: &[Diagnostic], colour: Colour) -> String {
    let renderer = match colour {
        Colour::On => Renderer::styled(),
        Colour::Off => Renderer::plain(),
    }
    .decor_style(DecorStyle::Ascii);
    let mut out = String::new();
    let mut veiled = Veiled::new();
    for diagnostic in diagnostics {
        out.push_str(&one_of(diagnostic, &renderer, &mut veiled));
        out.push_str("\n\n");
    }
    out
}

/// The texts of files as they may be shown, by where the files are in memory.
pub(super) type Veiled = HashMap<*const SourceFile, String>;

/// Lines shown around what is meant, at most: the renderer reads all that it is given.
const AROUND: usize = 2;

pub(super) fn one_of(diagnostic: &Diagnostic, renderer: &Renderer, veiled: &mut Veiled) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    // The file may hold a credential that somebody pasted; the picture of its line must not.
    for label in &diagnostic.labels {
        veiled.entry(Arc::as_ptr(&label.file)).or_insert_with(|| veil(label.file.text()));
    }
    let mut group = Group::with_title(level.primary_title(diagnostic.message.as_str()).id(diagnostic.code));
    for (n, label) in diagnostic.labels.iter().enumerate() {
        let Some(text) = veiled.get(&Arc::as_ptr(&label.file)) else { continue };
        let kind = if n == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let span = label.file.clamp(label.span);
        let (first, lines) = label.file.lines_around(span, AROUND);
        let annotation = kind.span(span.start - lines.start..span.end - lines.start);
        let annotation =
            if label.message.is_empty() { annotation } else { annotation.label(label.message.as_str()) };
        let text = text.get(lines).unwrap_or_default();
        let snippet = Snippet::source(text).line_start(first).path(label.file.name());
        group = group.element(snippet.annotation(annotation));
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
}

/// One JSON array of [`to_json`].
pub fn render_json(diagnostics: &[Diagnostic]) -> String {
    let list: Vec<serde_json::Value> = diagnostics.iter().map(to_json).collect();
    serde_json::to_string_pretty(&list).unwrap_or_else(|_| "[]".to_owned())
}

/// `severity`, `code`, `message`, `help` and `labels` with file, line, column, byte span and message.
pub fn to_json(diagnostic: &Diagnostic) -> serde_json::Value {
    let labels: Vec<serde_json::Value> = diagnostic
        .labels
        .iter()
        .map(|l| {
            let (line, column) = l.file.line_column(l.span.start);
            serde_json::json!({
                "file": l.file.name(), "line": line, "column": column,
                "start": l.span.start, "end": l.span.end, "message": l.message,
            })
        })
        .collect();
    serde_json::json!({
        "severity": diagnostic.severity.as_str(), "code": diagnostic.code, "message": diagnostic.message,
        "help": diagnostic.help, "labels": labels,
    })
}

/// Replaces what looks like a credential, or stands under a name that does, by stars of the same length, so that spans still fit.
pub(super) fn veil(text: &str) -> String {
    veil_tokens(&veil_named(text))
}

/// Whether what stands under this key is a secret.
fn names_a_secret(name: &str) -> bool {
    const WHOLE: [&str; 5] = ["key", "auth", "pass", "pwd", "credential"];
    const PART: [&str; 9] = [
        "secret",
        "password",
        "passwd",
        "passphrase",
        "token",
        "api_key",
        "api-key",
        "apikey",
        "authorization",
    ];
    // A model's tokenizer is no secret.
    let name = name.to_ascii_lowercase().replace("tokenizer", "").replace("tokeniser", "");
    let ends = ["_key", "-key", "_auth", "_pass", "_pwd"].iter().any(|end| name.ends_with(end));
    WHOLE.contains(&name.as_str()) || ends || PART.iter().any(|part| name.contains(part))
}

fn veil_named(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(equals) = rest.find('=') {
        let (before, after) = rest.split_at(equals + 1);
        out.push_str(before);
        rest = after;
        let bare = before.trim_end_matches(['=', ' ', '\t', '"', '\'']);
        let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        let start = bare.len() - bare.bytes().rev().take_while(is_name).count();
        if !names_a_secret(bare.get(start..).unwrap_or_default()) {
            continue;
        }
        let value = after.trim_start_matches([' ', '\t']);
        let length = secret_length(value);
        out.push_str(after.get(..after.len() - value.len()).unwrap_or_default());
        let (secret, behind) = value.split_at_checked(length).unwrap_or((value, ""));
        for c in secret.chars() {
            // Quotes and brackets stay, and lines stay lines.
            if matches!(c, '\n' | '\r' | '"' | '\'' | '[' | ']' | ',' | ' ') {
                out.push(c);
            } else {
                out.extend(std::iter::repeat_n('*', c.len_utf8()));
            }
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// Bytes of a value that must not be shown: a string of any kind, an array, a word; nothing of a table, a number or a truth.
fn secret_length(value: &str) -> usize {
    for quotes in ["\"\"\"", "\'\'\'"] {
        if let Some(inside) = value.strip_prefix(quotes) {
            return inside.find(quotes).map_or(value.len(), |end| end + 2 * quotes.len());
        }
    }
    let line = value.find(['\n', '\r']).unwrap_or(value.len());
    match value.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let mut escaped = false;
            let close = value.char_indices().skip(1).take_while(|(at, _)| *at < line).find(|(_, c)| {
                let closes = *c == quote && !escaped;
                escaped = *c == '\\' && quote == '"' && !escaped;
                closes
            });
            close.map_or(line, |(at, _)| at + 1)
        }
        Some('[') if value.trim_start_matches(['[', ' ', '\n']).starts_with('{') => 0,
        Some('[') => value.find(']').map_or(value.len(), |at| at + 1),
        Some('{') | None => 0,
        Some(_) => {
            let end = value.find(|c: char| c.is_whitespace() || matches!(c, ',' | '}' | ']' | '"' | '\''));
            let word = value.get(..end.unwrap_or(value.len())).unwrap_or_default();
            let plain = matches!(word, "true" | "false") || word.bytes().all(|b| b.is_ascii_digit());
            if plain { 0 } else { word.len() }
        }
    }
}

fn veil_tokens(text: &str) -> String {
    const PREFIXES: [&str; 7] = ["sk-", "sgk_", "AIza", "ghp_", "xoxb-", "AKIA", "gsk_"];
    let is_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '=');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_token) {
        let (before, tail) = rest.split_at(start);
        out.push_str(before);
        let end = tail.find(|c| !is_token(c)).unwrap_or(tail.len());
        let (token, after) = tail.split_at(end);
        let mixed =
            token.contains(|c: char| c.is_ascii_digit()) && token.contains(|c: char| c.is_ascii_alphabetic());
        let known = PREFIXES.iter().any(|p| token.starts_with(p)) && token.len() >= 12;
        if known || (token.len() >= 32 && mixed) {
            out.extend(std::iter::repeat_n('*', token.len()));
        } else {
            out.push_str(token);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}
