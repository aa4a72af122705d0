//! The engine's promises, over generated rules, texts and cuts.

use super::disguise::{GAP, MORE_SIGNS, REPEATS, REPEATS_APART, TAG};
use super::judge::behind_escape;
use super::pattern::{CONTEXT, begins, boundary, is_word};
use super::{
    Engine, Exact, Finding, Folds, Keyword, PatternSpec, Place, Progress, RuleId, RuleSet, RuleSpec, Scan,
    TextKind, Validator, scan_all,
};
use crate::text::TextPos;
use crate::text::fold::{Fold, FoldPos, View, fold_literal};
use proptest::prelude::*;
use regex_automata::{Anchored, Input, meta};
use std::cmp::Reverse;

pub(super) fn keyword(text: &str, whole_word: bool) -> Keyword {
    Keyword { text: text.to_owned(), whole_word }
}

pub(super) fn pattern(regex: &str, left: bool, right: bool) -> PatternSpec {
    PatternSpec { regex: regex.to_owned(), left, right, ..PatternSpec::default() }
}

pub(super) fn rule(keywords: Vec<Keyword>, patterns: Vec<PatternSpec>) -> RuleSpec {
    RuleSpec { keywords, patterns, ..RuleSpec::default() }
}

/// Patterns of every beginning, small enough that random text hits them.
fn patterns() -> Vec<RuleSpec> {
    let luhn =
        PatternSpec { validator: Validator::from_name("luhn"), ..pattern(r"\d(?:[ -]?\d){3,7}", true, true) };
    let cased = PatternSpec { case_sensitive: true, ..pattern("Ab[A-Z0-9]{2,4}", true, false) };
    let near = |regex| PatternSpec {
        context: vec!["ab".to_owned(), "文".to_owned()],
        ..pattern(regex, true, true)
    };
    vec![
        rule(vec![], vec![near("[a-c]{2}[0-9]{1,3}"), near("[0-9]{2,4}")]),
        rule(vec![], vec![luhn]),
        rule(
            vec![],
            vec![pattern(r"[a-c0-9][a-c0-9._-]{0,7}@[a-c0-9-]{1,6}(?:\.[a-c]{2,3}){1,2}", false, true)],
        ),
        rule(vec![], vec![cased, pattern("a-b[ab]{1,5}", false, true)]),
        rule(vec![], vec![pattern("ab{1,3}c", false, false), pattern("ba{2}", true, true)]),
        rule(vec![], vec![pattern("[ab]{1,4} c", true, true), pattern("[ac]{2,3}[ ,-][ab]", true, false)]),
        rule(vec![], vec![pattern("中[ab]{1,2}文?", false, true)]),
        rule(vec![], vec![pattern("сab[a-c ]{0,9}c", true, true)]),
    ]
}

fn any_word() -> impl Strategy<Value = Keyword> {
    let text = prop_oneof![4 => "[abcé]{1,5}", 2 => "[abc]{1,3}( [abc]{1,3}){1,2}", 1 => "[ab中文]{1,4}", 1 => "[ab+-]{1,4}"];
    (text, any::<bool>())
        .prop_filter("something is left", |(text, _)| !text.trim().is_empty())
        .prop_map(|(text, whole)| keyword(&text, whole))
}

fn any_folds() -> impl Strategy<Value = Folds> {
    any::<(bool, bool, bool)>().prop_map(|(separators, leet, repeats)| Folds { separators, leet, repeats })
}

fn any_rules() -> impl Strategy<Value = Vec<RuleSpec>> {
    let words = proptest::collection::vec(proptest::collection::vec(any_word(), 1..4), 0..5);
    let folds = proptest::collection::vec(any_folds(), 5);
    (words, any::<bool>(), folds).prop_map(|(words, with_patterns, folds)| {
        let mut rules: Vec<RuleSpec> = words.into_iter().map(|words| rule(words, vec![])).collect();
        for (rule, folds) in rules.iter_mut().zip(folds) {
            rule.folds = folds;
        }
        if with_patterns {
            rules.extend(patterns());
        }
        rules
    })
}

fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => "[abc]{1,6}",
        2 => "[ABCabc]{1,4}",
        3 => "[ \n.,@+-]{1,2}",
        3 => "[0-9]{1,5}",
        1 => "Ab[A-Z0-9]{2,5}",
        1 => "[a-c.]{1,4}@[a-c]{1,4}\\.[a-c]{2,3}",
        2 => "[abc中]([ .*-]{1,2}[abc文]){1,5}",
        2 => "[abc4@*#8(]{2,6}",
        1 => "a{1,3}b{1,3}[c文]{1,3}",
        1 => "[ab文]([😀·/、,!][ab文]){1,4}",
        1 => "[abc文](<[/b]?b?[b>]>?){0,2}[abc文]",
        1 => "[中文é\u{200b}\u{301}ａｂсﬁ①]{1,3}",
        1 => r"\\u0061|\\ud835\\udc1b|\\|\\u00|\\n|\\",
        1 => r"\\[nrb][abc0-9]{1,5}",
        1 => "[\u{10d835}\u{10dc1a}]{1,2}",
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Text in which the rules' own words stand, whole, cut short or spelled out.
fn text_of(rules: Vec<RuleSpec>) -> impl Strategy<Value = (Vec<RuleSpec>, String)> {
    let words: Vec<String> =
        rules.iter().flat_map(|rule| &rule.keywords).map(|keyword| keyword.text.clone()).collect();
    let words = if words.is_empty() { vec!["ab".to_owned()] } else { words };
    let word = (proptest::sample::select(words), "[ .-]{1,4}", any::<bool>(), 0..3_usize);
    let word = word.prop_map(|(word, separator, spelled, short)| {
        let separator = if spelled { separator.as_str() } else { "" };
        let letters: Vec<String> = word.chars().map(String::from).collect();
        letters.get(..letters.len() - short.min(letters.len() - 1) / 2).unwrap_or_default().join(separator)
    });
    let piece = prop_oneof![2 => any_text(), 2 => word, 1 => "[ \n.,]{1,2}"];
    let text = proptest::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat());
    (Just(rules), text)
}

fn rules_and_text() -> impl Strategy<Value = (Vec<RuleSpec>, String)> {
    any_rules().prop_flat_map(text_of)
}

fn words_and_text() -> impl Strategy<Value = (Vec<RuleSpec>, String)> {
    let words = (proptest::collection::vec(any_word(), 1..6), any_folds());
    let rules = words.prop_map(|(words, folds)| vec![RuleSpec { folds, ..rule(words, vec![]) }]);
    rules.prop_flat_map(text_of)
}

pub(super) fn kind(json: bool) -> TextKind {
    if json { TextKind::Json } else { TextKind::Plain }
}

/// Feeds the pieces and checks, at every step, what holds however the text is cut.
pub(super) fn scan(engine: &Engine, rules: &RuleSet, kind: TextKind, pieces: &[&str]) -> Vec<Finding> {
    let mut scan = Scan::new(kind);
    let mut found = Vec::new();
    let mut seen = 0;
    let mut before = Progress::default();
    let mut check = |found: &[Finding], reported: usize, now: Progress| {
        assert!(now.settled >= before.settled, "settled never goes back");
        assert!(now.settled <= now.seen);
        let new = found.iter().skip(reported);
        assert!(
            new.clone().all(|finding| finding.start >= before.settled),
            "nothing is found in what was settled"
        );
        assert!(new.clone().all(|finding| finding.start < finding.end && finding.end <= now.seen));
        before = now;
    };
    for piece in pieces {
        let reported = found.len();
        seen += piece.len() as u64;
        let now = scan.push(engine, rules, piece, &mut found);
        assert_eq!(now.seen, TextPos(seen));
        check(&found, reported, now);
    }
    let reported = found.len();
    let now = scan.finish(engine, rules, &mut found);
    assert_eq!(now, Progress { seen: TextPos(seen), settled: TextPos(seen) });
    check(&found, reported, now);
    found
}

pub(super) fn cut<'t>(text: &'t str, cuts: &[usize]) -> Vec<&'t str> {
    let mut cuts: Vec<usize> =
        cuts.iter().map(|&cut| text.floor_char_boundary(cut % (text.len() + 1))).collect();
    cuts.sort_unstable();
    cuts.push(text.len());
    let mut from = 0;
    cuts.into_iter().filter_map(|to| text.get(std::mem::replace(&mut from, to)..to)).collect()
}

pub(super) fn view(kind: TextKind, text: &str, finish: bool) -> (View, Option<TextPos>) {
    let (mut fold, mut view) = (Fold::new(kind), View::default());
    fold.push(text, &mut view);
    if finish {
        fold.finish(&mut view);
    }
    (view, fold.pending())
}

/// Every match of every rule by trying every span, then without those that lie within an earlier or longer one.
fn naive(rules: &[RuleSpec], kind: TextKind, text: &str) -> Vec<Finding> {
    let (view, _) = view(kind, text, true);
    let folded = String::from_utf8(view.bytes().to_vec()).expect("UTF-8");
    let mut spans = Vec::new();
    for (index, spec) in rules.iter().enumerate() {
        let found = naive_spans(&folded, spec).into_iter();
        spans.extend(found.map(|((from, to), score)| (from, to, RuleId(index as u32), score.unwrap_or(1.0))));
    }
    spans.sort_by_key(|&(from, to, rule, _)| (from, Reverse(to), rule));
    let mut kept: Vec<(usize, usize, RuleId, f32)> = Vec::new();
    for span in spans {
        if !kept.iter().any(|&(_, to, rule, _)| rule == span.2 && to >= span.1) {
            kept.push(span);
        }
    }
    let place = |(from, to, rule, score)| Finding {
        rule,
        start: view.text_start(FoldPos(behind_escape(view.bytes(), from, to) as u64)),
        end: view.text_end(FoldPos(to as u64)),
        score,
    };
    kept.into_iter().map(place).collect()
}

/// Every match of one rule, with the score of a pattern's.
pub(super) fn naive_spans(folded: &str, spec: &RuleSpec) -> Vec<((usize, usize), Option<f32>)> {
    let mut spans = Vec::new();
    for keyword in &spec.keywords {
        spans.extend(naive_keyword(folded, keyword).into_iter().map(|span| (span, None)));
        spans.extend(naive_disguised(folded, keyword, spec.folds).into_iter().map(|span| (span, None)));
    }
    for pattern in &spec.patterns {
        let score = |(from, to): (usize, usize)| {
            let text = folded.get(from..to).unwrap_or_default().as_bytes();
            let checked = pattern.validator.map_or(Some(0.9), |validator| validator.check(text));
            Some(pattern.score.or(checked).unwrap_or_default())
        };
        spans.extend(naive_pattern(folded, pattern).into_iter().map(|span| (span, score(span))));
    }
    spans
}

pub(super) fn squeeze(text: &str) -> String {
    let mut squeezed = String::new();
    for c in text.chars() {
        let c = if c.is_whitespace() { ' ' } else { c };
        if !(c == ' ' && squeezed.ends_with(' ')) {
            squeezed.push(c);
        }
    }
    squeezed
}

pub(super) fn normal(keyword: &Keyword) -> String {
    let folded = String::from_utf8(fold_literal(&keyword.text)).expect("UTF-8");
    squeeze(folded.trim()).to_ascii_lowercase()
}

fn naive_keyword(folded: &str, keyword: &Keyword) -> Vec<(usize, usize)> {
    let normal = normal(keyword);
    let low = folded.to_ascii_lowercase();
    let places: Vec<usize> = low.char_indices().map(|(at, _)| at).chain([low.len()]).collect();
    let mut spans = Vec::new();
    for &from in &places {
        let fits = |to: usize| {
            let text = low.get(from..to).unwrap_or_default();
            let whole = !keyword.whole_word || (begins(low.as_bytes(), from) && boundary(low.as_bytes(), to));
            whole && squeeze(text) == normal
        };
        // White space after the match is not part of it.
        spans.extend(places.iter().copied().find(|&to| to > from && fits(to)).map(|to| (from, to)));
    }
    spans
}

/// One way to read a text as a disguised word, letter by letter of one word: the rules of `disguise.rs` once more, told
/// for a word alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Way {
    /// Letters (and joints) of the word that have been read.
    read: usize,
    last: char,
    gap: u8,
    repeats: u8,
    real: u8,
    signs: u8,
    wild: u8,
    tag: u8,
    tight: bool,
    wide: bool,
    clause: bool,
    spaced: bool,
    marked: bool,
    joined: bool,
    separated: bool,
    leet: bool,
    repeated: bool,
}

fn stands_for(c: char) -> &'static [char] {
    match c {
        '4' | '@' => &['a'],
        '8' => &['b'],
        '6' => &['g', 'b'],
        '(' | '<' => &['c'],
        '3' => &['e'],
        '0' => &['o'],
        '1' | '!' | '|' => &['i', 'l'],
        '5' | '$' => &['s'],
        '7' | '+' => &['t'],
        '9' => &['g'],
        '2' => &['z'],
        _ => &[],
    }
}

/// Every way to read one more character.
fn ways_on(word: &[char], folds: Folds, way: &Way, c: char) -> Vec<Way> {
    let mut next = Vec::new();
    if way.tag > 0 {
        let named = way.tag > 1 || c.is_ascii_alphabetic() || c == '/' || c == '!';
        if c == '>' && way.tag > 1 {
            next.push(Way { tag: 0, ..*way });
        } else if named && way.tag < TAG && !"<>\n\r".contains(c) {
            next.push(Way { tag: way.tag + 1, ..*way });
        }
        return next;
    }
    let apart = way.gap > 0 || way.joined;
    let done = way.read == word.len();
    let touch = |read: Way, letter: char, c: char| {
        let touches = !apart && way.read > 0;
        let (narrow, broad) = (touches && is_word(letter), touches && !is_word(letter));
        let fits = !(narrow && way.spaced || broad && way.clause);
        let (tight, wide) = (way.tight || narrow, way.wide || broad);
        fits.then_some(Way { last: c, gap: 0, marked: false, joined: false, tight, wide, ..read })
    };
    let most = if apart { REPEATS_APART } else { REPEATS };
    if c == way.last && way.read > 0 && way.repeats < most && folds.repeats && !(apart && done) {
        let letter = if c.is_alphanumeric() { c } else { 'a' };
        let signs = way.signs + u8::from(apart && !c.is_alphabetic());
        if signs <= way.real + MORE_SIGNS {
            next.extend(touch(Way { repeats: way.repeats + 1, repeated: true, signs, ..*way }, letter, c));
        }
    }
    if done {
        return next;
    }
    // The letter that comes next, and the one behind a joint that nothing has filled.
    let mut places = vec![(way.read, way.separated)];
    if word[way.read] == ' ' && !way.joined && way.read > 0 && folds.separators {
        places.push((way.read + 1, true));
    }
    for (place, separated) in places {
        let letter = word[place];
        let read = Way { read: place + 1, separated, ..*way };
        let wild = matches!(c, '*' | '#') && way.wild < way.real * 2 && letter.is_ascii_lowercase();
        if letter == c && c != ' ' {
            let read = Way { real: way.real + 1, ..read };
            next.extend(touch(read, letter, c).map(|touched| Way { read: place + 1, ..touched }));
        }
        let number = way.signs > 0 && way.real == 0 && way.last.is_ascii_digit() && c.is_ascii_digit();
        if folds.leet && stands_for(c).contains(&letter) && way.signs < way.real + MORE_SIGNS && !number {
            next.extend(touch(Way { leet: true, signs: way.signs + 1, ..*way }, letter, c).map(|t| Way {
                read: place + 1,
                separated,
                ..t
            }));
        }
        if folds.leet && wild && place == way.read {
            next.extend(
                touch(Way { leet: true, wild: way.wild + 1, ..*way }, 'a', c)
                    .map(|t| Way { read: place + 1, ..t }),
            );
        }
    }
    if c == '<' && way.gap < GAP && folds.separators {
        next.push(Way { tag: 1, gap: way.gap + 1, separated: true, marked: false, ..*way });
    }
    let line = matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}');
    let space = c == ' ' || c == '\t';
    if line || space {
        if way.marked {
            return next;
        }
        if way.joined {
            next.push(*way);
            return next;
        }
        if word[way.read] == ' ' {
            next.push(Way { read: way.read + 1, gap: 0, tight: false, spaced: false, joined: true, ..*way });
        }
    }
    let other = !c.is_ascii() && !c.is_alphanumeric() && !"、。！？，；：…".contains(c);
    let sign = ".!-_*~|+^'`#@$=%&".contains(c) || other;
    let mark = ",:;?/()[]{}<>、".contains(c) || c == '\\' || c == '"';
    let marked = ".!,:;?".contains(c);
    let after_wide = way.last.is_alphanumeric() && !is_word(way.last);
    let clause = after_wide && ",;:".contains(c);
    let ends = after_wide && "!?".contains(c) || clause && way.wide;
    if folds.separators && way.gap < GAP && !ends && (sign || (mark || space) && !way.tight) {
        let (spaced, clause) = (way.spaced || mark || space, way.clause || clause);
        next.push(Way { gap: way.gap + 1, spaced, clause, marked, separated: true, ..*way });
    }
    next
}

/// A disguised word from `from` on: where it ends, and whether the text ends before that is known.
fn disguised_from(chars: &[(usize, char)], from: usize, word: &[char], folds: Folds) -> (Vec<usize>, bool) {
    let c = |at: usize| chars.get(at).map(|&(_, c)| c);
    let Some(first) = c(from) else { return (Vec::new(), false) };
    let escaped = from > 1 && c(from - 2) == Some('\\') && "nrtbfv".contains(chars[from - 1].1);
    let after_word = from > 0 && c(from - 1).is_some_and(is_word) && !escaped;
    if after_word && (is_word(first) || !first.is_alphanumeric()) {
        return (Vec::new(), false);
    }
    // Of a row of one character only the first ones and the last begin a word.
    let same = |at: Option<usize>| at.and_then(c) == Some(first);
    if same(from.checked_sub(1)) && same(from.checked_sub(2)) && same(Some(from + 1)) {
        return (Vec::new(), false);
    }
    let top = Way {
        read: 0,
        last: first,
        gap: 0,
        repeats: 0,
        real: 0,
        signs: 0,
        wild: 0,
        tag: 0,
        tight: false,
        wide: false,
        clause: false,
        spaced: false,
        marked: false,
        joined: false,
        separated: false,
        leet: false,
        repeated: false,
    };
    let weight: usize = word.iter().filter(|&&c| c != ' ').map(|&c| if is_word(c) { 1 } else { 2 }).sum();
    let before = |back: usize| from.checked_sub(back).and_then(c);
    let initial = before(1).is_some_and(|c| c.is_ascii_punctuation())
        && before(2).is_some_and(|c| c.is_ascii_alphabetic())
        && !before(3).is_some_and(is_word);
    let mut ways = vec![top];
    let mut ends = Vec::new();
    for (at, &(_, read)) in chars.iter().enumerate().skip(from) {
        let mut next: Vec<Way> = Vec::new();
        for way in &ways {
            for one in ways_on(word, folds, way, read) {
                if at == from && (one.read == 0 || one.wild > 0) || next.contains(&one) {
                    continue;
                }
                next.push(one);
            }
        }
        ways = next;
        let letter = |way: &Way| if way.last.is_alphanumeric() { way.last } else { 'a' };
        let waits = |way: &Way| way.read == word.len() && way.gap == 0 && !way.joined && is_word(letter(way));
        let whole = |way: &Way| {
            way.read == word.len()
                && way.gap == 0
                && (!is_word(letter(way)) || !c(at + 1).is_some_and(is_word))
        };
        let listed =
            |way: &Way| weight < 4 && (way.spaced || initial && way.separated) || weight < 6 && way.clause;
        if ways.iter().any(|way| whole(way) && (!way.leet || way.real >= 2) && !listed(way)) {
            ends.push(at + 1);
        }
        // A word that has ended goes on only in letters that repeat.
        ways.retain(|way| way.read < word.len() || waits(way));
        if c(at + 1).is_some_and(|next| !is_word(next)) {
            ways.retain(|way| way.read < word.len());
        }
    }
    (ends, !ways.is_empty())
}

fn disguised_letters(keyword: &Keyword) -> Option<Vec<char>> {
    let normal = normal(keyword);
    let words = normal.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let letters = words.collect::<Vec<_>>().join(" ");
    let weight: usize = letters.chars().filter(|&c| c != ' ').map(|c| if is_word(c) { 1 } else { 2 }).sum();
    (weight >= 3).then(|| letters.chars().collect())
}

fn naive_disguised(folded: &str, keyword: &Keyword, folds: Folds) -> Vec<(usize, usize)> {
    let low = folded.to_ascii_lowercase();
    let chars: Vec<(usize, char)> = low.char_indices().collect();
    let Some(letters) = disguised_letters(keyword).filter(|_| folds != Folds::default()) else {
        return Vec::new();
    };
    let place = |index: usize| chars.get(index).map_or(low.len(), |&(at, _)| at);
    let ends = |from: usize| disguised_from(&chars, from, &letters, folds).0.into_iter().max();
    (0..chars.len()).filter_map(|from| Some((place(from), place(ends(from)?)))).collect()
}

#[expect(clippy::disallowed_methods, reason = "the oracle is a search of its own")]
fn naive_pattern(folded: &str, spec: &PatternSpec) -> Vec<(usize, usize)> {
    let own = String::from_utf8(fold_literal(&spec.regex)).expect("UTF-8");
    let flag = if spec.case_sensitive { "" } else { "(?i)" };
    let expression = meta::Regex::new(&format!("{flag}(?:{own})$")).expect("the expression is right");
    let mut spans = Vec::new();
    for (from, _) in folded.char_indices().filter(|&(at, _)| !spec.left || begins(folded.as_bytes(), at)) {
        let ends = folded.char_indices().map(|(at, _)| at).chain([folded.len()]).filter(|&to| to > from);
        let fits = |to: usize| {
            let head = folded.get(..to).unwrap_or_default();
            let text = folded.get(from..to).unwrap_or_default();
            (!spec.right || boundary(folded.as_bytes(), to))
                && naive_context(folded, spec, from)
                && expression.search(&Input::new(head).range(from..).anchored(Anchored::Yes)).is_some()
                && spec.validator.is_none_or(|validator| validator.check(text.as_bytes()).is_some())
        };
        let ends: Vec<usize> = ends.collect();
        spans.extend(ends.into_iter().rev().find(|&to| fits(to)).map(|to| (from, to)));
    }
    spans
}

fn naive_context(folded: &str, spec: &PatternSpec, from: usize) -> bool {
    let low = folded.to_ascii_lowercase();
    let stands = |word: &String| {
        low.match_indices(word.as_str()).any(|(at, _)| {
            let end = at + word.len();
            let right = end == from || boundary(low.as_bytes(), end);
            at + CONTEXT >= from && end <= from && begins(low.as_bytes(), at) && right
        })
    };
    spec.context.is_empty() || spec.context.iter().any(stands)
}

/// Where the earliest keyword begins that could still come true, by trying every place and every keyword.
fn oracle(rules: &[RuleSpec], kind: TextKind, text: &str) -> TextPos {
    let (view, pending) = view(kind, text, false);
    let low = String::from_utf8(view.bytes().to_ascii_lowercase()).expect("UTF-8");
    let hopes = |from: usize| {
        let rest = squeeze(low.get(from..).unwrap_or_default());
        rules.iter().flat_map(|rule| &rule.keywords).any(|keyword| {
            let normal = normal(keyword);
            let longer = normal.len() > rest.len() && normal.starts_with(&rest);
            let waits = keyword.whole_word && normal == rest && rest.chars().next_back().is_some_and(is_word);
            (longer || waits) && (!keyword.whole_word || begins(low.as_bytes(), from))
        })
    };
    let chars: Vec<(usize, char)> = low.char_indices().collect();
    let spells = |from: usize| {
        let asked = rules.iter().filter(|rule| rule.folds != Folds::default());
        let asked = asked.flat_map(|rule| rule.keywords.iter().map(|keyword| (keyword, rule.folds)));
        let letters = asked.filter_map(|(keyword, folds)| Some((disguised_letters(keyword)?, folds)));
        letters.into_iter().any(|(letters, folds)| disguised_from(&chars, from, &letters, folds).1)
    };
    let first = chars
        .iter()
        .enumerate()
        .find(|&(index, &(at, _))| hopes(at) || spells(index))
        .map(|(_, &(at, _))| at);
    let words = first.map_or(TextPos(text.len() as u64), |at| view.text_start(FoldPos(at as u64)));
    pending.map_or(words, |pending| pending.min(words))
}

fn spans(findings: &[Finding]) -> Vec<(RuleId, TextPos, TextPos)> {
    findings.iter().map(|finding| (finding.rule, finding.start, finding.end)).collect()
}

proptest! {
    #![proptest_config(crate::text::cases::cases(200))]

    #[test]
    fn cuts_do_not_matter((rules, text) in rules_and_text(), json in any::<bool>(), cuts in proptest::collection::vec(any::<usize>(), 0..5)) {
        let engine = Engine::compile(&rules).expect("the rules are right");
        let set = RuleSet::full(rules.len());
        let kind = kind(json);
        let whole = scan_all(&engine, &set, kind, &text);
        for at in 0..=text.len() {
            prop_assert_eq!(&scan(&engine, &set, kind, &cut(&text, &[at])), &whole);
        }
        let all: Vec<usize> = (0..=text.len()).collect();
        prop_assert_eq!(&scan(&engine, &set, kind, &cut(&text, &all)), &whole);
        prop_assert_eq!(&scan(&engine, &set, kind, &cut(&text, &cuts)), &whole);
    }

    #[test]
    fn findings_are_those_of_a_naive_search((rules, text) in rules_and_text(), json in any::<bool>()) {
        let engine = Engine::compile(&rules).expect("the rules are right");
        let found = scan_all(&engine, &RuleSet::full(rules.len()), kind(json), &text);
        prop_assert_eq!(spans(&found), spans(&naive(&rules, kind(json), &text)));
    }

    #[test]
    fn keywords_hold_exactly_what_could_still_match((rules, text) in words_and_text(), json in any::<bool>()) {
        let engine = Engine::compile(&rules).expect("the rules are right");
        let set = RuleSet::full(1);
        let mut scan = Scan::new(kind(json));
        let mut found = Vec::new();
        for (at, c) in text.char_indices() {
            let to = at + c.len_utf8();
            let (now, so_far) = (text.get(at..to).unwrap_or_default(), text.get(..to).unwrap_or_default());
            let progress = scan.push(&engine, &set, now, &mut found);
            prop_assert_eq!(progress.settled, oracle(&rules, kind(json), so_far), "after {:?}", so_far);
        }
    }

    #[test]
    fn rules_outside_the_set_find_nothing((rules, text) in rules_and_text(), mask in any::<u8>()) {
        let engine = Engine::compile(&rules).expect("the rules are right");
        let all = scan_all(&engine, &RuleSet::full(rules.len()), TextKind::Plain, &text);
        let some: RuleSet = (0..rules.len() as u32).filter(|rule| mask >> (rule % 8) & 1 == 1).map(RuleId).collect();
        let found = scan_all(&engine, &some, TextKind::Plain, &text);
        let expected: Vec<Finding> = all.into_iter().filter(|finding| some.contains(finding.rule)).collect();
        prop_assert_eq!(found, expected);
    }
}

/// What is left of a naive search's findings when each is held against its original.
fn naive_exact(rules: &[RuleSpec], text: &str) -> Vec<Finding> {
    let plain: Vec<RuleSpec> =
        rules.iter().map(|spec| RuleSpec { exact: Exact::default(), ..spec.clone() }).collect();
    let (view, _) = view(TextKind::Plain, text, true);
    let folded = String::from_utf8(view.bytes().to_vec()).expect("UTF-8");
    let mut out: Vec<Finding> = Vec::new();
    for (index, (spec, exact)) in plain.iter().zip(rules.iter().map(|spec| spec.exact)).enumerate() {
        let mut spans = Vec::new();
        for keyword in &spec.keywords {
            let own = squeeze(exact.fold(&keyword.text).trim()).to_ascii_lowercase();
            for (from, to) in naive_keyword(&folded, keyword) {
                let (start, end) = (view.text_start(FoldPos(from as u64)), view.text_end(FoldPos(to as u64)));
                let raw = text.get(start.0 as usize..end.0 as usize).unwrap_or_default();
                if exact.is_empty() || squeeze(&exact.fold(raw)).to_ascii_lowercase() == own {
                    spans.push((from, to, start, end));
                }
            }
        }
        spans.sort_by_key(|&(from, to, ..)| (from, Reverse(to)));
        let mut covered = 0;
        for (_, to, start, end) in spans {
            if to > covered {
                covered = to;
                out.push(Finding { rule: RuleId(index as u32), start, end, score: 1.0 });
            }
        }
    }
    out.sort_by_key(|finding| (finding.start, Reverse(finding.end), finding.rule));
    out
}

fn any_exact() -> impl Strategy<Value = Exact> {
    let names = proptest::sample::subsequence(Exact::NAMES.to_vec(), 0..4);
    names.prop_map(|names| {
        names.iter().fold(Exact::default(), |all, &(_, one)| all.with(one).without(Exact::CASE))
    })
}

proptest! {
    #[test]
    fn what_an_exact_rule_finds_stands_so_in_the_text(
        words in proptest::collection::vec((proptest::collection::vec(any_word(), 1..4), any_exact()), 1..4),
        text in "[abcABéáаｂ中\u{301}\u{200b} ]{0,24}",
        cuts in proptest::collection::vec(any::<usize>(), 0..4),
    ) {
        let rules: Vec<RuleSpec> =
            words.into_iter().map(|(words, exact)| RuleSpec { exact, ..rule(words, vec![]) }).collect();
        let engine = Engine::compile(&rules).expect("the rules are right");
        let set = RuleSet::full(rules.len());
        let whole = scan_all(&engine, &set, TextKind::Plain, &text);
        prop_assert_eq!(spans(&whole), spans(&naive_exact(&rules, &text)));
        prop_assert_eq!(scan(&engine, &set, TextKind::Plain, &cut(&text, &cuts)), whole);
    }
}

#[test]
fn a_rule_may_refuse_a_fold() {
    let exact = |words: &[&str], exact| RuleSpec {
        exact,
        ..rule(words.iter().map(|word| keyword(word, true)).collect(), vec![])
    };
    let number = RuleSpec { exact: Exact::DIGITS, ..rule(vec![], vec![pattern("[0-9]{4}", true, true)]) };
    let rules = [
        exact(&["résumé"], Exact::MARKS),
        exact(&["ACE"], Exact::CASE),
        exact(&["bomb"], Exact::ALL),
        exact(&["蘋果"], Exact::TRADITIONAL),
        number,
    ];
    let text = "résumé Re\u{301}sumé resume ACE ace bomb bоmb bo\u{200b}mb Bomb 蘋果 苹果 1234 ١٢٣٤";
    let expected = [(0, "résumé"), (0, "Re\u{301}sumé"), (1, "ACE"), (2, "bomb"), (3, "蘋果"), (4, "1234")];
    assert_eq!(found(&rules, text), expected.map(|(rule, s)| (rule, s.to_owned())));
    let long = format!("{}{text}", "the river ran on. ".repeat(400));
    assert_eq!(found(&rules, &long), expected.map(|(rule, s)| (rule, s.to_owned())));
}

fn found(rules: &[RuleSpec], text: &str) -> Vec<(u32, String)> {
    let engine = Engine::compile(rules).expect("the rules are right");
    let found = scan_all(&engine, &RuleSet::full(rules.len()), TextKind::Plain, text);
    let text_of =
        |finding: &Finding| text.get(finding.start.0 as usize..finding.end.0 as usize).unwrap_or_default();
    found.iter().map(|finding| (finding.rule.0, text_of(finding).to_owned())).collect()
}

#[test]
fn words_next_to_other_scripts_are_whole() {
    let rules = [rule(vec![keyword("bomb", true), keyword("法轮", true)], vec![])];
    assert_eq!(
        found(&rules, "a BOMB, 做bomb吗 bombs xbomb 3bomb _bomb_"),
        ["BOMB", "bomb", "bomb"].map(|s| (0, s.to_owned()))
    );
    assert_eq!(found(&rules, "说法轮好"), [(0, "法轮".to_owned())]);
    let rules = [rule(vec![keyword("credit card", true)], vec![])];
    assert_eq!(found(&rules, "Credit\n  card"), [(0, "Credit\n  card".to_owned())]);
}

#[test]
fn words_are_found_spelled_out_where_the_rule_asks() {
    let words = vec![keyword("bomb", true), keyword("rapist", true), keyword("法轮功", false)];
    let folds = Folds { separators: true, ..Folds::default() };
    let rules = [RuleSpec { folds, ..rule(words, vec![]) }];
    let text = "B o m b, b.o-m_b! the rap ist, b o m bs, ab o m b; 法 轮*功 b--o--m--b";
    let expected = ["B o m b", "b.o-m_b", "法 轮*功", "b--o--m--b"];
    assert_eq!(found(&rules, text), expected.map(|s| (0, s.to_owned())));
}

#[test]
fn a_sign_may_be_the_first_word_of_a_phrase() {
    let folds = Folds { leet: true, repeats: true, ..Folds::default() };
    let rules = [RuleSpec { folds, ..rule(vec![keyword("a bab", false)], vec![]) }];
    for text in ["@ baa*文", "@ bab", "@  b@b"] {
        let found = spans(&scan_all(
            &Engine::compile(&rules).expect("right"),
            &RuleSet::full(1),
            TextKind::Plain,
            text,
        ));
        assert_eq!(found, spans(&naive(&rules, TextKind::Plain, text)), "{text}");
        assert_eq!(found.len(), 1, "{text}");
    }
}

#[test]
fn a_word_of_one_character_stands_at_every_place_of_a_row() {
    let folds = Folds { leet: true, ..Folds::default() };
    let rules = [RuleSpec { folds, ..rule(vec![keyword("中中", true)], vec![]) }];
    assert_eq!(found(&rules, "中中中中"), ["中中"; 3].map(|s| (0, s.to_owned())));
}

#[test]
fn tags_stand_between_letters_and_lists_of_letters_are_no_words() {
    let folds = Folds { separators: true, leet: true, ..Folds::default() };
    let words =
        vec![keyword("bomb", true), keyword("ass", true), keyword("冰毒", true), keyword("敏感词", true)];
    let rules = [RuleSpec { folds, ..rule(words, vec![]) }];
    let text = "f<b>b</b>omb, b<i></i>o<br>mb a<b and> c; a s s ess c.l.a.s.s a.s.s 80mb 8omb; 冰，毒 冰！毒 敏，感，词 敏感，词 b<i\nmb";
    let expected = ["b</b>omb", "b<i></i>o<br>mb", "a.s.s", "8omb", "敏，感，词"];
    assert_eq!(found(&rules, text), expected.map(|s| (0, s.to_owned())));
}

#[test]
fn an_escape_in_source_code_hides_nothing() {
    let rules = [
        rule(vec![keyword("bomb", true)], vec![pattern(r"1[3-9]\d{9}", true, true)]),
        rule(vec![], vec![pattern("AKIA[0-9A-Z]{4}", true, true)]),
    ];
    let text = r#"{"tel":"\n13800138000","key":"\rAKIA1234\tbomb, xbomb n13800138000"}"#;
    let expected = [(0, "13800138000"), (1, "AKIA1234"), (0, "bomb")];
    assert_eq!(found(&rules, text), expected.map(|(rule, s)| (rule, s.to_owned())));
    let long = format!("{}{text}", "the river ran on. ".repeat(9));
    assert_eq!(found(&rules, &long), expected.map(|(rule, s)| (rule, s.to_owned())));
}

/// Found by a fuzzer: in a block of bytes the word behind an escape was told after the machines had started that ask for it.
#[test]
fn a_word_behind_an_escape_is_context_like_any_other() {
    let number = PatternSpec { context: vec!["call".to_owned()], ..pattern(r"\d{2}-\d{4}", true, true) };
    let rules = [rule(vec![], vec![number])];
    for text in [
        r"\ncall 11-1234 and some more text",
        r"Please \Rcall me on 11-1234, or do not; it is all the same to me.",
    ] {
        assert_eq!(found(&rules, text), [(0, "11-1234".to_owned())], "{text}");
    }
}

#[test]
fn a_group_is_found_alone_and_context_is_asked_for() {
    let group = PatternSpec {
        group: Some("key".to_owned()),
        ..pattern(r"password[:=]\s{0,3}(?<key>\S{4,20})", true, false)
    };
    let context = PatternSpec {
        context: vec!["passport".to_owned(), "护照".to_owned()],
        ..pattern(r"[a-z]\d{8}", true, true)
    };
    let rules = [rule(vec![], vec![group]), rule(vec![], vec![context])];
    assert_eq!(found(&rules, "Password: hunter22 yes"), [(0, "hunter22".to_owned())]);
    assert_eq!(
        found(&rules, "E12345678, Passport E12345678; 护照号E87654321"),
        [(1, "E12345678".to_owned()), (1, "E87654321".to_owned())]
    );
}

#[test]
fn what_cannot_be_bounded_is_refused_with_the_reason() {
    let cases = [
        (pattern("a+", false, false), "bound"),
        (pattern("(", false, false), "does not parse"),
        (pattern(r"\bword", false, false), "`left`"),
        (pattern("x{0,3}", false, false), "empty text"),
        (pattern("[a-z]{2,600}", false, false), "shorten it"),
        (pattern("password.{1,20000}", false, false), "at most 16384"),
        (PatternSpec { group: Some("nope".to_owned()), ..pattern("abcd", false, false) }, "`nope`"),
    ];
    for (spec, reason) in cases {
        let errors = Engine::compile(&[rule(vec![], vec![]), rule(vec![], vec![spec])]).expect_err("refused");
        assert_eq!((errors.len(), errors[0].rule, errors[0].place), (1, 1, Place::Pattern(0)));
        assert!(errors[0].reason.contains(reason), "{}", errors[0]);
    }
    let bounded = PatternSpec { max_len: Some(40), ..pattern(r"token=\S+", true, false) };
    assert!(Engine::compile(&[rule(vec![], vec![bounded])]).is_ok());
    let empty = Engine::compile(&[rule(vec![keyword("\u{200b}", true)], vec![])]).expect_err("refused");
    assert!(empty[0].to_string().contains("left after folding"), "{}", empty[0]);
}

#[test]
fn letters_of_other_scripts_go_on_behind_separators() {
    let folds = Folds { separators: true, leet: true, repeats: true };
    let rules = [RuleSpec { folds, ..rule(vec![keyword("cééaé", true)], vec![]) }];
    let engine = Engine::compile(&rules).expect("right");
    for text in ["c-é-é-a-é@a", "c-é-é-a-é", "c-é-é-a-é "] {
        let whole = spans(&scan_all(&engine, &RuleSet::full(1), TextKind::Json, text));
        assert_eq!(whole, spans(&naive(&rules, TextKind::Json, text)), "{text}");
    }
}
