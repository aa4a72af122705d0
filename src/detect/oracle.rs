//! What the engine has to find, said by trying every place of a text and every word: slow, and simple enough to be believed.
//!
//! Property tests and the fuzzer hold the engine against it.

use super::disguise::{GAP, MORE_SIGNS, REPEATS, REPEATS_APART, TAG};
use super::judge::behind_escape;
use super::pattern::{CONTEXT, begins, boundary, is_word};
use super::{
    Engine, Finding, Folds, Keyword, PatternSpec, RuleId, RuleSet, RuleSpec, Scan, TextKind, scan_all,
};
use crate::text::TextPos;
use crate::text::fold::{Fold, FoldPos, View, fold_literal};
use regex_automata::{Anchored, Input, meta};
use std::cmp::Reverse;

/// Any bytes as words and a text: what the engine finds in the whole text, in its characters one by one and behind other text is what
/// trying everything finds, and of words exactly what could still come true is held back.
pub(crate) fn hold(data: &[u8]) {
    const MOST: usize = 120;
    let Some((&kinds, data)) = data.split_first() else { return };
    let Ok(input) = str::from_utf8(data) else { return };
    // Signs that are not ASCII stand for letters too, of which the oracle knows nothing.
    let known = |c: char| {
        c.is_ascii() || matches!(c, '中' | '文' | '人' | '䷀' | '。' | '、' | '，' | 'é' | 'ａ' | '\u{200b}')
    };
    let Some((words, text)) = input.split_once('\n').filter(|(_, text)| text.len() <= MOST) else { return };
    if !input.chars().all(known) {
        return;
    }
    let kind = if kinds & 1 == 0 { TextKind::Plain } else { TextKind::Json };
    let folds = Folds { separators: kinds & 2 != 0, leet: false, repeats: kinds & 4 != 0 };
    let word = |text: &str| {
        let bare = text.trim_start_matches('=');
        let keyword = Keyword { text: bare.to_owned(), whole_word: bare.len() < text.len() };
        (bare.len() <= 16 && !normal(&keyword).is_empty()).then_some(keyword)
    };
    let words = words.split('|').filter_map(word).take(4);
    let mut rules: Vec<RuleSpec> =
        words.map(|word| RuleSpec { keywords: vec![word], folds, ..RuleSpec::default() }).collect();
    let patterns = [("[a-c]{2,4}[0-9]{1,3}", false), ("ab[0-9]{2}", true), ("[ab.]{1,6}@[ab]{1,4}", true)];
    let pattern = |(regex, left): (&str, bool)| {
        let pattern = PatternSpec { regex: regex.to_owned(), left, right: left, ..PatternSpec::default() };
        RuleSpec { patterns: vec![pattern], ..RuleSpec::default() }
    };
    if kinds & 8 != 0 {
        rules.extend(patterns.map(pattern));
    }
    if rules.is_empty() {
        return;
    }
    let Ok(engine) = Engine::compile(&rules) else { return };
    let set = RuleSet::full(rules.len());
    let expected = naive(&rules, kind, text);
    assert_eq!(scan_all(&engine, &set, kind, text), expected, "the whole text");
    let (mut scan, mut found) = (Scan::new(kind), Vec::new());
    for (at, c) in text.char_indices() {
        let settled = scan.push(&engine, &set, c.encode_utf8(&mut [0; 4]), &mut found).settled;
        if kinds & 8 == 0 {
            let come = text.get(..at + c.len_utf8()).unwrap_or_default();
            assert_eq!(settled, oracle(&rules, kind, come), "what is held back of {come:?}");
        }
    }
    scan.finish(&engine, &set, &mut found);
    assert_eq!(found, expected, "character by character");
    // What can be found in the other text, or begins there, says nothing.
    let apart = |keyword: &Keyword| {
        let normal = normal(keyword);
        let begins = normal.starts_with(|c: char| c.is_alphanumeric());
        begins && !normal.contains(|c: char| matches!(c, 'p'..='z'))
    };
    if rules.iter().flat_map(|rule| &rule.keywords).all(apart) {
        let (before, padded) = padded(text, usize::from(kinds) * 3, 150);
        assert_eq!(behind(&scan_all(&engine, &set, kind, &padded), before), expected, "among other text");
    }
}

/// The text among other text in which nothing begins that has one of the letters a to c: so much before it and so much behind.
pub(super) fn padded(text: &str, before: usize, behind: usize) -> (usize, String) {
    let filler = |length: usize| "zyx wvut, srqp. ".chars().cycle().take(length).collect::<String>();
    let before = format!("{}\n", filler(before));
    (before.len(), format!("{before}{text}\n{}", filler(behind)))
}

/// The same findings in the text alone.
pub(super) fn behind(found: &[Finding], before: usize) -> Vec<Finding> {
    let moved = |at: TextPos| TextPos(at.0.wrapping_sub(before as u64));
    found.iter().map(|one| Finding { start: moved(one.start), end: moved(one.end), ..*one }).collect()
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
pub(super) fn naive(rules: &[RuleSpec], kind: TextKind, text: &str) -> Vec<Finding> {
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
        of: 0,
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

pub(super) fn naive_keyword(folded: &str, keyword: &Keyword) -> Vec<(usize, usize)> {
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
pub(super) fn naive_pattern(folded: &str, spec: &PatternSpec) -> Vec<(usize, usize)> {
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
pub(super) fn oracle(rules: &[RuleSpec], kind: TextKind, text: &str) -> TextPos {
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
