//! Expressions of RE2 (gitleaks) and of Python's `re` (Presidio, LiteLLM, NeMo) in the form that ours have: no boundaries inside, a longest
//! match, no look-around and no back-references. What only looks different is rewritten; what means something else is left out.

use super::rule::{Compiled, Pattern};
use crate::detect::{Engine, RuleSpec};
use regex_syntax::ast::parse::Parser;
use regex_syntax::ast::{
    self, AssertionKind, Ast, ClassSet, ClassSetItem, ErrorKind, Flag, GroupKind, LiteralKind,
    RepetitionKind, RepetitionRange,
};
use std::sync::Arc;

/// Longest matches that are tried for an expression that has none, the longest first: what is possible depends on how a match begins.
const LENGTHS: [u32; 4] = [4096, 1024, 256, 128];
/// How many of a token's characters an exception may have around what it names.
const AROUND: usize = 60;

/// How an expression is meant.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Meant {
    /// Letters match in both cases without being told to.
    pub(super) insensitive: bool,
    /// `.` matches line breaks too.
    pub(super) dot_all: bool,
    /// The finding is the part in brackets, by number; 0 for the first part.
    pub(super) part: Option<usize>,
}

/// The pattern, and how it differs from the expression.
pub(super) fn translate(
    source: &str,
    line: usize,
    meant: Meant,
    validator: Option<&'static str>,
) -> Result<(Pattern, Vec<String>), String> {
    let mut ast = parse(source)?;
    let mut notes = Vec::new();
    let mut insensitive = meant.insensitive;
    if take_leading_i(&mut ast) {
        insensitive = true;
    }
    let parts = captures(&ast);
    let mut part = meant.part.filter(|_| parts > 0).map(|n| n.max(1));
    if meant.part == Some(0) && parts > 1 {
        part = None;
        notes.push(format!("the whole match is found, not the first of its {parts} parts that is not empty"));
    }
    let mut edges = Edges::default();
    strip(&mut ast, Side::Left, &mut edges)?;
    if part.is_some() && !edges.left {
        while let Some(gone) = drop_optional(&mut ast) {
            edges.gone += gone;
        }
    }
    let before = edges.gone;
    strip(&mut ast, Side::Right, &mut edges)?;
    part = part.map(|n| n.saturating_sub(before).max(1));
    if edges.delimiter {
        notes.push("a delimiter at an end became a word boundary".to_owned());
    }
    if let Some(what) = inner_look(&ast) {
        return Err(format!("{what} within the expression: boundaries are possible at its ends alone"));
    }
    let mut regex = ast.to_string();
    if meant.dot_all && has_dot(&ast) {
        regex = format!("(?s){regex}");
    }
    let mut pattern = Pattern {
        line,
        regex,
        left: edges.left,
        right: edges.right,
        validator,
        group: part.map(|n| n.to_string()),
        case_sensitive: !insensitive,
        ..Pattern::default()
    };
    bound(&mut pattern, &mut notes)?;
    Ok((pattern, notes))
}

/// An exception for what an expression finds in a token.
pub(super) fn exception(source: &str) -> Result<(String, Vec<String>), String> {
    let mut ast = parse(source)?;
    take_leading_i(&mut ast);
    let (mut open, mut notes) = ([true, true], Vec::new());
    for (side, open) in [Side::Left, Side::Right].into_iter().zip(&mut open) {
        if take_anchor(&mut ast, side) {
            *open = false;
        }
    }
    if let Some(what) = inner_look(&ast) {
        return Err(format!("{what} within the expression: an exception has no boundaries"));
    }
    let around = |open| if open { format!("[!-~]{{0,{AROUND}}}") } else { String::new() };
    let [left, right] = open.map(around);
    let mut regex = ast.to_string();
    if open.contains(&true) {
        regex = format!("{left}(?:{regex})");
        regex += &right;
        notes.push(format!("it may have {AROUND} characters more of the same token at an open end"));
    }
    Ok((regex, notes))
}

/// What stands in the source, with the braces that RE2 and Python take for themselves.
fn parse(source: &str) -> Result<Ast, String> {
    let braced = braces(&source.replace("\\Z", "\\z"));
    Parser::new().parse(&braced).map_err(|error| match error.kind() {
        ErrorKind::UnsupportedLookAround => "look-around: time would not be linear in the text".to_owned(),
        ErrorKind::UnsupportedBackreference => {
            "back-references: time would not be linear in the text".to_owned()
        }
        other if source.contains("(?P=") || source.contains("(?>") || source.contains("(?(") => {
            format!("back-references, atomic groups and conditions are not possible ({other})")
        }
        other => format!("the expression does not parse: {other}"),
    })
}

/// `{` that begins no repetition stands for itself there.
fn braces(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let (mut escaped, mut named) = (false, false);
    for (at, c) in source.char_indices() {
        let rest = source.get(at + 1..).unwrap_or_default();
        let inside = rest.split_once('}').map_or("", |(inside, _)| inside);
        let is_repetition = inside.starts_with(|c: char| c.is_ascii_digit())
            && inside.chars().all(|c| c.is_ascii_digit() || c == ',');
        if c == '{' && !escaped && !named && !is_repetition {
            out.push('\\');
        }
        out.push(c);
        named = escaped && "pPxuUN".contains(c);
        escaped = c == '\\' && !escaped;
    }
    out
}

fn take_leading_i(ast: &mut Ast) -> bool {
    let Ast::Concat(concat) = ast else { return false };
    let Some(Ast::Flags(flags)) = concat.asts.first() else { return false };
    let only = flags.flags.items.len() == 1;
    let found = flags.flags.flag_state(Flag::CaseInsensitive) == Some(true);
    if found && only {
        concat.asts.remove(0);
    }
    found && only
}

// === ends ===

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

#[derive(Default)]
struct Edges {
    left: bool,
    right: bool,
    /// An end was more than a boundary.
    delimiter: bool,
    /// How many parts in brackets went from the left.
    gone: usize,
}

/// Takes the boundaries from one end.
fn strip(ast: &mut Ast, side: Side, edges: &mut Edges) -> Result<(), String> {
    match ast {
        Ast::Assertion(assertion) => {
            let (what, kind) = (assertion.kind.clone(), side);
            match what {
                AssertionKind::WordBoundary
                | AssertionKind::WordBoundaryStart
                | AssertionKind::WordBoundaryEnd
                | AssertionKind::WordBoundaryStartAngle
                | AssertionKind::WordBoundaryEndAngle
                | AssertionKind::WordBoundaryStartHalf
                | AssertionKind::WordBoundaryEndHalf => mark(edges, kind),
                AssertionKind::StartLine
                | AssertionKind::EndLine
                | AssertionKind::StartText
                | AssertionKind::EndText => {
                    return Err("it is bound to an end of the text or line: here it would be found anywhere"
                        .to_owned());
                }
                AssertionKind::NotWordBoundary => return Err("`\\B` is not possible".to_owned()),
            }
            *ast = Ast::empty(assertion.span);
        }
        Ast::Concat(concat) => loop {
            let last = concat.asts.len().wrapping_sub(1);
            // Switches stand before what they switch.
            let flags = concat.asts.iter().take_while(|one| matches!(one, Ast::Flags(_))).count();
            let n = if side == Side::Left { flags } else { last };
            let Some(end) = concat.asts.get_mut(n) else { return Ok(()) };
            if let Some(parts) = is_delimiter(end) {
                if side == Side::Left {
                    edges.gone += parts;
                }
                mark(edges, side);
                edges.delimiter = true;
                concat.asts.remove(n);
                return Ok(());
            }
            strip(end, side, edges)?;
            if !matches!(end, Ast::Empty(_)) {
                return Ok(());
            }
            concat.asts.remove(n);
        },
        Ast::Group(group) => strip(&mut group.ast, side, edges)?,
        Ast::Alternation(alternation) => {
            // All branches have a boundary at this end, or none may.
            let mut stripped = alternation.clone();
            let mut all = Vec::new();
            for branch in &mut stripped.asts {
                let mut own = Edges::default();
                strip(branch, side, &mut own)?;
                all.push((own.left || own.right, own.delimiter, own.gone));
            }
            if all.iter().all(|(marked, ..)| *marked) {
                mark(edges, side);
                edges.delimiter |= all.iter().any(|(_, delimiter, _)| *delimiter);
                **alternation = *stripped;
            }
        }
        Ast::Empty(_)
        | Ast::Flags(_)
        | Ast::Literal(_)
        | Ast::Dot(_)
        | Ast::ClassUnicode(_)
        | Ast::ClassPerl(_)
        | Ast::ClassBracketed(_)
        | Ast::Repetition(_) => {}
    }
    Ok(())
}

fn mark(edges: &mut Edges, side: Side) {
    match side {
        Side::Left => edges.left = true,
        Side::Right => edges.right = true,
    }
}

/// A choice of signs and an end, such as `(?:['"\s;]|$)`: the number of parts in brackets that go with it.
fn is_delimiter(ast: &Ast) -> Option<usize> {
    let Ast::Group(group) = ast else { return None };
    let Ast::Alternation(choice) = &*group.ast else { return None };
    let is_end = |ast: &Ast| matches!(ast, Ast::Assertion(_));
    let is_sign = |ast: &Ast| match ast {
        Ast::Literal(literal) => !literal.c.is_alphanumeric(),
        Ast::ClassPerl(class) => signs_of_perl(class),
        Ast::ClassBracketed(class) => !class.negated && signs_of_set(&class.kind),
        // `\\[nr]`: a line break as source code writes it.
        Ast::Concat(concat) => {
            matches!(concat.asts.first(), Some(Ast::Literal(first)) if first.c == '\\')
                && concat.asts.len() == 2
        }
        _ => false,
    };
    let ends = choice.asts.iter().filter(|one| is_end(one)).count();
    let rest = choice.asts.iter().filter(|one| !is_end(one)).all(is_sign);
    (ends > 0 && rest).then(|| captures(ast))
}

fn signs_of_perl(class: &ast::ClassPerl) -> bool {
    match class.kind {
        ast::ClassPerlKind::Space => !class.negated,
        ast::ClassPerlKind::Word => class.negated,
        ast::ClassPerlKind::Digit => false,
    }
}

fn signs_of_set(set: &ClassSet) -> bool {
    let ClassSet::Item(item) = set else { return false };
    signs_of_item(item)
}

fn signs_of_item(item: &ClassSetItem) -> bool {
    match item {
        ClassSetItem::Empty(_) => true,
        ClassSetItem::Literal(literal) => !literal.c.is_alphanumeric(),
        ClassSetItem::Perl(class) => signs_of_perl(class),
        ClassSetItem::Union(union) => union.items.iter().all(signs_of_item),
        ClassSetItem::Range(_)
        | ClassSetItem::Ascii(_)
        | ClassSetItem::Unicode(_)
        | ClassSetItem::Bracketed(_) => false,
    }
}

/// Takes away what may stand at the beginning and need not: where a part in brackets is what is found, it tells nothing. Gives the number of
/// parts that went with it.
fn drop_optional(ast: &mut Ast) -> Option<usize> {
    let Ast::Concat(concat) = ast else { return None };
    let asts = &mut concat.asts;
    let n = asts.iter().take_while(|one| matches!(one, Ast::Flags(_))).count();
    let Some(Ast::Repetition(repetition)) = asts.get(n) else { return None };
    let optional = match &repetition.op.kind {
        RepetitionKind::ZeroOrOne | RepetitionKind::ZeroOrMore => true,
        RepetitionKind::OneOrMore => false,
        RepetitionKind::Range(range) => match range {
            RepetitionRange::Exactly(least) | RepetitionRange::AtLeast(least) => *least == 0,
            RepetitionRange::Bounded(least, _) => *least == 0,
        },
    };
    let parts = captures(asts.get(n)?);
    // The part that is found has to stay.
    (optional && parts == 0).then(|| {
        asts.remove(n);
        parts
    })
}

/// `^` and `$` at an end, wherever they stand in brackets.
fn take_anchor(ast: &mut Ast, side: Side) -> bool {
    match ast {
        Ast::Assertion(assertion) => {
            let span = assertion.span;
            *ast = Ast::empty(span);
            true
        }
        Ast::Concat(concat) => {
            let n = if side == Side::Left { 0 } else { concat.asts.len().saturating_sub(1) };
            let Some(end) = concat.asts.get_mut(n) else { return false };
            let taken = take_anchor(end, side);
            if taken && matches!(end, Ast::Empty(_)) {
                concat.asts.remove(n);
            }
            taken
        }
        Ast::Group(group) => take_anchor(&mut group.ast, side),
        _ => false,
    }
}

// === looking through ===

fn children(ast: &Ast) -> Vec<&Ast> {
    match ast {
        Ast::Repetition(repetition) => vec![&repetition.ast],
        Ast::Group(group) => vec![&group.ast],
        Ast::Alternation(alternation) => alternation.asts.iter().collect(),
        Ast::Concat(concat) => concat.asts.iter().collect(),
        _ => Vec::new(),
    }
}

fn captures(ast: &Ast) -> usize {
    let own = match ast {
        Ast::Group(group) => usize::from(!matches!(group.kind, GroupKind::NonCapturing(_))),
        _ => 0,
    };
    own + children(ast).into_iter().map(captures).sum::<usize>()
}

fn inner_look(ast: &Ast) -> Option<&'static str> {
    if let Ast::Assertion(assertion) = ast {
        return Some(match assertion.kind {
            AssertionKind::StartLine | AssertionKind::StartText => "`^`",
            AssertionKind::EndLine | AssertionKind::EndText => "`$`",
            _ => "a word boundary",
        });
    }
    children(ast).into_iter().find_map(inner_look)
}

fn has_dot(ast: &Ast) -> bool {
    matches!(ast, Ast::Dot(_)) || children(ast).into_iter().any(has_dot)
}

/// Whether a word stands in the expression as it is, so that every match is likely to have it.
pub(super) fn names(source: &str, word: &str) -> bool {
    let Ok(ast) = parse(source) else { return false };
    let mut runs = String::new();
    literals(&ast, &mut runs);
    runs.to_lowercase().contains(&word.to_lowercase())
}

/// What stands for itself, in order, with a break where something else stands.
fn literals(ast: &Ast, out: &mut String) {
    match ast {
        Ast::Literal(literal) => match literal.kind {
            LiteralKind::Verbatim | LiteralKind::Meta | LiteralKind::Superfluous => out.push(literal.c),
            _ => out.push('\0'),
        },
        // `[Aa]pi` has the word `api`.
        Ast::ClassBracketed(class) => match &class.kind {
            ClassSet::Item(ClassSetItem::Union(union)) => match union.items.as_slice() {
                [ClassSetItem::Literal(a), ClassSetItem::Literal(b)] if a.c.eq_ignore_ascii_case(&b.c) => {
                    out.push(a.c);
                }
                _ => out.push('\0'),
            },
            _ => out.push('\0'),
        },
        Ast::Concat(_) | Ast::Group(_) => {
            for child in children(ast) {
                literals(child, out);
            }
        }
        Ast::Alternation(alternation) => {
            for branch in &alternation.asts {
                out.push('\0');
                literals(branch, out);
            }
            out.push('\0');
        }
        Ast::Repetition(repetition) => {
            out.push('\0');
            literals(&repetition.ast, out);
            out.push('\0');
        }
        Ast::Empty(_) | Ast::Flags(_) | Ast::Assertion(_) => {}
        Ast::Dot(_) | Ast::ClassUnicode(_) | Ast::ClassPerl(_) => out.push('\0'),
    }
}

/// Gives the pattern a longest match that the engine takes, where it has none.
fn bound(pattern: &mut Pattern, notes: &mut Vec<String>) -> Result<(), String> {
    let tried = |pattern: &Pattern| {
        let spec = RuleSpec { patterns: vec![pattern.spec(None)], ..RuleSpec::default() };
        Engine::compile(&[spec])
            .map(|engine| Compiled(Some(Arc::new(engine))))
            .map_err(|errors| errors.into_iter().next().map_or_else(String::new, |e| e.reason))
    };
    let mut reason = match tried(pattern) {
        Ok(compiled) => {
            pattern.compiled = compiled;
            return Ok(());
        }
        Err(reason) => reason,
    };
    for most in LENGTHS {
        pattern.max_len = Some(most);
        match tried(pattern) {
            Ok(compiled) => {
                pattern.compiled = compiled;
                notes.push(format!("matches of more than {most} bytes are not found: time is bounded"));
                return Ok(());
            }
            Err(other) => {
                if !other.contains("but at most") {
                    reason = other;
                }
            }
        }
    }
    Err(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(source: &str, meant: Meant) -> Result<(Pattern, Vec<String>), String> {
        translate(source, 1, meant, None)
    }

    #[test]
    fn boundaries_become_switches() {
        let (pattern, notes) = one(r"\b(?:ab|cd)[0-9]{4}\b", Meant::default()).expect("it is taken");
        assert_eq!((pattern.regex.as_str(), pattern.left, pattern.right), (r"(?:ab|cd)[0-9]{4}", true, true));
        assert!(pattern.case_sensitive && notes.is_empty());
        let (pattern, _) = one(r"(\bab\b|\bcd\b)", Meant::default()).expect("it is taken");
        assert_eq!((pattern.regex.as_str(), pattern.left, pattern.right), ("(ab|cd)", true, true));
        let (pattern, _) = one("(?i)key-[a-z]{8}", Meant::default()).expect("it is taken");
        assert!(!pattern.case_sensitive && !pattern.left && !pattern.right);
    }

    #[test]
    fn a_part_is_what_is_found() {
        let meant = Meant { part: Some(0), ..Meant::default() };
        let source =
            r#"(?i)[\w.-]{0,50}?(?:acme)[ \t]{0,20}(?:=|:)[\s'"]{0,5}([a-z0-9]{32})(?:[\x60'"\s;]|\\[nr]|$)"#;
        let (pattern, notes) = one(source, meant).expect("it is taken");
        assert_eq!(pattern.group.as_deref(), Some("1"));
        assert!(
            pattern.regex.starts_with("(?:acme)") && pattern.regex.ends_with("([a-z0-9]{32})"),
            "{}",
            pattern.regex
        );
        assert!(pattern.right && notes.len() == 1, "{notes:?}");
        let (pattern, notes) = one("ab(c)|ab(d)", meant).expect("it is taken");
        assert!(pattern.group.is_none() && notes[0].contains("2 parts"));
        let (pattern, _) =
            one(r"(^|\s)key=(\d{8})", Meant { part: Some(2), ..Meant::default() }).expect("it is taken");
        assert_eq!((pattern.group.as_deref(), pattern.regex.as_str()), (Some("1"), r"key=(\d{8})"));
    }

    #[test]
    fn what_has_no_end_gets_one() {
        let (pattern, notes) = one(r"BEGIN KEY[\s\S]+END KEY", Meant::default()).expect("it is taken");
        assert_eq!(pattern.max_len, Some(4096));
        assert!(notes[0].contains("4096 bytes"));
    }

    #[test]
    fn what_means_something_else_is_left_out() {
        for (source, why) in [
            (r"a(?=b)c", "look-around"),
            (r"(?<!x)abc", "look-around"),
            (r"(a)b\1", "back-references"),
            (r"^abc$", "end of the text"),
            (r"ab\bcd", "a word boundary within"),
            (r"ab(", "does not parse"),
            (r"x*", "empty text"),
        ] {
            let said = one(source, Meant::default()).expect_err(source);
            assert!(said.contains(why), "{source}: {said}");
        }
    }

    #[test]
    fn exceptions_cover_the_token() {
        assert_eq!(exception(r"^\$(?:\d+)$").expect("it is taken").0, r"\$(?:\d+)");
        let (regex, notes) = exception("EXAMPLE$").expect("it is taken");
        assert_eq!((regex.as_str(), notes.len()), (r"[!-~]{0,60}(?:EXAMPLE)", 1));
        assert!(exception("a|^b").is_err());
        assert_eq!(braces(r"^\${(?:[A-Z]{2,3})}\x{60}\p{L}$"), r"^\$\{(?:[A-Z]{2,3})}\x{60}\p{L}$");
    }

    #[test]
    fn words_of_an_expression() {
        assert!(names(r"(?i)(?:access|auth|(?-i:[Aa]pi|API))", "api"));
        assert!(names(r"ghp_[0-9a-z]{36}", "ghp_") && !names(r"gh[po]_x", "ghp_"));
    }
}
