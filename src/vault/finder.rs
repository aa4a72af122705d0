//! Finds phrases in a text that comes in pieces, however they are cased, spaced or escaped.
//!
//! Phrases and text are folded ([`crate::text::fold`]) and compared by letters and digits alone. Between two of them other characters may
//! stand where the phrase has some itself, between digits, and between characters of scripts without spaces: `13800138000` is found in
//! `138-0013 8000`, `Mara Lind` in `MARA_LIND` and in `mara\nlind`. A phrase is found only where a word begins and ends: none within a
//! longer word or number. Of phrases that overlap the first counts, then the longest. The result does not depend on how the text was cut.

use std::collections::HashMap;
use std::collections::VecDeque;

use smallvec::SmallVec;

use crate::text::fold::{Fold, FoldPos, TextKind, View, fold_literal};
use crate::text::work::step;

/// Most characters between two letters of a phrase.
const GAP: u8 = 3;
/// Longer phrases are not looked for: they bound what is held back.
pub(super) const LONGEST: usize = 256;

/// What a character is to the words around it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Class {
    #[default]
    Other,
    /// A digit or a letter of a script whose words stand apart.
    Word,
    /// A character of a script without spaces, or whose words other words are put to without one, as in Korean.
    Unspaced,
}

fn class(c: char) -> Class {
    match c {
        '\u{1100}'..='\u{11ff}'
        | '\u{3040}'..='\u{30ff}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{3400}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}' => Class::Unspaced,
        _ if c.is_alphanumeric() => Class::Word,
        _ => Class::Other,
    }
}

/// Whether it may stand between two letters of a phrase.
fn is_gap(c: char) -> bool {
    !matches!(
        c,
        '!' | '?' | ';' | '"' | '<' | '>' | '{' | '}' | '[' | ']' | '|' | '\\' | '。' | '，' | '、' | '；'
    )
}

/// The phrase in a way in which it is found: what may not stand between two of its letters becomes a space.
pub(super) fn tidy(phrase: &str) -> String {
    let (mut out, mut between) = (String::with_capacity(phrase.len()), String::new());
    for c in phrase.chars() {
        if class(c) == Class::Other {
            between.push(c);
            continue;
        }
        let fits = between.chars().count() <= usize::from(GAP) && between.chars().all(is_gap);
        out.push_str(if fits || out.is_empty() { &between } else { " " });
        between.clear();
        out.push(c);
    }
    out + &between
}

/// A letter or digit of a phrase.
#[derive(Clone, Copy, Debug)]
struct Unit {
    c: char,
    /// Whether something else may stand before it.
    loose: bool,
}

/// The letters and digits of a text, folded.
fn units(text: &str) -> Vec<Unit> {
    let (mut out, mut apart) = (Vec::<Unit>::new(), false);
    let folded = fold_literal(text);
    for c in std::str::from_utf8(&folded).unwrap_or_default().chars().flat_map(char::to_lowercase) {
        if class(c) == Class::Other {
            apart = true;
            continue;
        }
        let digits = |last: &Unit| last.c.is_ascii_digit() && c.is_ascii_digit();
        let unspaced = |last: &Unit| class(last.c) == Class::Unspaced && class(c) == Class::Unspaced;
        let loose = out.last().is_some_and(|last| apart || digits(last) || unspaced(last));
        out.push(Unit { c, loose });
        apart = false;
    }
    out
}

/// A text's letters and digits alone, folded: the same for two texts that differ in case, width and separators.
pub(super) fn squeezed(text: &str) -> String {
    units(text).into_iter().map(|unit| unit.c).collect()
}

#[derive(Default)]
struct Node {
    next: SmallVec<[Edge; 2]>,
    /// Phrases that end here.
    ends: SmallVec<[u32; 1]>,
}

/// The way from a letter to the next.
#[derive(Clone, Copy)]
struct Edge {
    c: char,
    to: u32,
    /// Whether something else may stand between them.
    loose: bool,
}

/// A set of phrases.
#[derive(Default)]
pub(super) struct Finder {
    first: HashMap<char, u32>,
    nodes: Vec<Node>,
}

/// A phrase that was found: its place in the text, and the phrases that look like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) start: u64,
    pub(super) end: u64,
    node: u32,
}

impl Finder {
    /// Whether there is nothing to find.
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Adds a phrase under a number. One without letters and digits, or that is too long, is not looked for.
    pub(super) fn add(&mut self, phrase: &str, number: u32) {
        let units = units(phrase);
        let Some((first, rest)) = units.split_first() else { return };
        if units.len() > LONGEST {
            return;
        }
        let mut at = self.first.get(&first.c).copied().unwrap_or(self.nodes.len() as u32);
        if at as usize == self.nodes.len() {
            self.node();
            self.first.insert(first.c, at);
        }
        for unit in rest {
            let edges = self.nodes.get_mut(at as usize).map(|node| &mut node.next);
            let known = edges.into_iter().flatten().find(|edge| edge.c == unit.c);
            let known = known.map(|edge| {
                edge.loose |= unit.loose;
                edge.to
            });
            let to = known.unwrap_or_else(|| {
                let to = self.node();
                if let Some(node) = self.nodes.get_mut(at as usize) {
                    node.next.push(Edge { c: unit.c, to, loose: unit.loose });
                }
                to
            });
            at = to;
        }
        if let Some(node) = self.nodes.get_mut(at as usize)
            && !node.ends.contains(&number)
        {
            node.ends.push(number);
        }
    }

    fn node(&mut self) -> u32 {
        self.nodes.push(Node::default());
        self.nodes.len() as u32 - 1
    }

    /// The numbers of the phrases that were found in one place, in the order in which they were added.
    pub(super) fn of(&self, hit: &Hit) -> &[u32] {
        self.nodes.get(hit.node as usize).map_or(&[], |node| &node.ends)
    }

    /// All hits in a whole text.
    pub(super) fn all(&self, kind: TextKind, text: &str) -> Vec<Hit> {
        let (mut scan, mut hits) = (Scan::new(kind), Vec::new());
        scan.push(self, text, &mut hits);
        scan.finish(self, &mut hits);
        hits
    }
}

/// A phrase that may be under way.
#[derive(Clone, Copy, Debug)]
struct Walk {
    start: u64,
    node: u32,
    /// The byte behind its last letter.
    end: u64,
    last: Class,
    /// Characters since its last letter.
    gap: u8,
    /// The longest phrase that it has been.
    best: Option<Hit>,
    /// A phrase ends with its last letter, if a word does.
    ends: bool,
    alive: bool,
}

/// A text in which phrases are looked for.
#[derive(Clone)]
pub(super) struct Scan {
    fold: Fold,
    view: View,
    at: u64,
    before: Class,
    walks: VecDeque<Walk>,
}

impl Scan {
    pub(super) fn new(kind: TextKind) -> Self {
        Self {
            fold: Fold::new(kind),
            view: View::default(),
            at: 0,
            before: Class::Other,
            walks: VecDeque::new(),
        }
    }

    /// Reads the next piece.
    pub(super) fn push(&mut self, finder: &Finder, piece: &str, hits: &mut Vec<Hit>) {
        self.fold.push(piece, &mut self.view);
        self.read(finder, hits);
        self.view.trim(FoldPos(self.at));
    }

    /// The text has ended.
    pub(super) fn finish(&mut self, finder: &Finder, hits: &mut Vec<Hit>) {
        self.fold.finish(&mut self.view);
        self.read(finder, hits);
        for walk in &mut self.walks {
            walk.close(Class::Other);
            walk.alive = false;
        }
        self.resolve(hits);
    }

    /// Up to where nothing more can be found that begins there.
    pub(super) fn settled(&self) -> u64 {
        let seen = self.fold.pending().unwrap_or(self.fold.seen()).0;
        self.walks.front().map_or(seen, |walk| walk.start.min(seen))
    }

    fn read(&mut self, finder: &Finder, hits: &mut Vec<Hit>) {
        let view = std::mem::take(&mut self.view);
        let from = self.at.saturating_sub(view.base().0) as usize;
        let text =
            view.bytes().get(from..).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
        for c in text.chars() {
            step();
            let place = (FoldPos(self.at), FoldPos(self.at + c.len_utf8() as u64));
            self.at = place.1.0;
            // Most characters are neither in a walk nor the beginning of one.
            let class = class(c);
            if self.walks.is_empty()
                && (class == Class::Other || self.before == Class::Word && class == Class::Word)
            {
                self.before = class;
                continue;
            }
            for c in c.to_lowercase() {
                self.char(finder, c, class, &view, place);
            }
            self.before = class;
            self.resolve(hits);
        }
        self.view = view;
    }

    fn char(&mut self, finder: &Finder, c: char, class: Class, view: &View, (from, to): (FoldPos, FoldPos)) {
        for walk in self.walks.iter_mut().filter(|walk| walk.alive) {
            walk.close(if walk.gap == 0 { class } else { Class::Other });
            walk.step(finder, c, class, || view.text_end(to).0);
        }
        let begins = class != Class::Other && !(class == Class::Word && self.before == Class::Word);
        if let Some(&node) = finder.first.get(&c).filter(|_| begins) {
            let ends = finder.nodes.get(node as usize).is_some_and(|node| !node.ends.is_empty());
            self.walks.push_back(Walk {
                start: view.text_start(from).0,
                node,
                end: view.text_end(to).0,
                last: class,
                gap: 0,
                best: None,
                ends,
                alive: true,
            });
        }
    }

    /// Tells what was found by walks before which none is under way.
    fn resolve(&mut self, hits: &mut Vec<Hit>) {
        while let Some(walk) = self.walks.front().filter(|walk| !walk.alive) {
            let best = walk.best;
            self.walks.pop_front();
            if let Some(hit) = best {
                hits.push(hit);
                self.walks.retain(|walk| walk.start >= hit.end);
            }
        }
    }
}

impl Walk {
    /// Says whether the phrase that ends with the last letter counts, before a character of this class.
    fn close(&mut self, next: Class) {
        if std::mem::take(&mut self.ends) && !(self.last == Class::Word && next == Class::Word) {
            self.best = Some(Hit { start: self.start, end: self.end, node: self.node });
        }
    }

    fn step(&mut self, finder: &Finder, c: char, class: Class, end: impl FnOnce() -> u64) {
        let Some(node) = finder.nodes.get(self.node as usize) else { return };
        if class == Class::Other {
            self.gap += 1;
            self.alive = self.gap <= GAP && is_gap(c) && node.next.iter().any(|edge| edge.loose);
            return;
        }
        match node.next.iter().find(|edge| edge.c == c && (self.gap == 0 || edge.loose)) {
            Some(&Edge { to, .. }) => {
                (self.node, self.end, self.last, self.gap) = (to, end(), class, 0);
                self.ends = finder.nodes.get(to as usize).is_some_and(|node| !node.ends.is_empty());
            }
            None => self.alive = false,
        }
    }
}
