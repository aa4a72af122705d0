//! One channel's scan: the state that text is fed to, piece by piece.
//!
//! The text is folded onto a view. At each place where a word or a match may begin (a token, a character of another
//! script, a sign that some rule begins with) a gate says from the next bytes whether one can; if so, walks and threads run ahead to
//! the end of what has come and wait there for more. What is found waits until nothing that begins earlier can be found,
//! and is judged and goes out in order ([`super::judge`]): so the findings are the same however the text is cut.
//!
//! Settled is the least of: where the earliest walk or thread began, where the run began that a byte such as `@` may still
//! make part of a match, where a match begins that is not decided, and where a half escape or surrogate began.

use super::asking::Asking;
use super::asleep::Asleep;
use super::blocks::{BLOCK, Masks, STRIP, Strip};
use super::classify::{Judging, Reading};
use super::disguise::Walk;
use super::engine::{Heads, byte};
use super::fingerprint::Index;
use super::gate::eight;
use super::judge::{Found, Judge};
use super::lexicon::{HOLDS, Meaning, Words, is_space};
use super::likeness::{Form, ends_words};
use super::machine::{Machine, NEARS};
use super::pattern::{CONTEXT, after_escape, begins, boundary, char_before, is_word};
use super::phrase::Next;
use super::sift::{Candidate, Carry, Sifted, Tokens, WINDOW, Window, chinese, window};
use super::tail::Tail;
use super::thread::Thread;
use super::trie::{State, Trie};
use super::{Engine, Finding, Progress, RuleId, RuleSet, claims, fingerprint, tagger};
use crate::text::TextPos;
use crate::text::fold::{Fold, FoldPos, TextKind, View};
use crate::text::work::step;
use fearless_simd::{Level, dispatch};
use smallvec::SmallVec;
use std::sync::Arc;

/// Longer pieces are read in parts, so that the view stays small.
const PIECE: usize = 8192;
/// What the view keeps before the first byte that may become part of a match: context, and the character before it.
const KEEP: u64 = CONTEXT as u64 + 8;
/// Shorter pieces are read byte by byte.
const SHORT: usize = 24;
/// One channel's state.
#[derive(Clone, Debug)]
pub struct Scan {
    fold: Fold,
    pub(super) view: View,
    /// How much of the folded text has been read.
    read: u64,
    runs: SmallVec<[Run; 2]>,
    walks: SmallVec<[Walk; 1]>,
    pub(super) threads: Vec<Thread>,
    /// Where the last context word ended.
    context: Option<u64>,
    /// The same by whose context it is, and one more; 0 for none.
    contexts: [u64; NEARS],
    pub(super) waiting: Vec<Found>,
    pub(super) judge: Judge,
    pub(super) asleep: Asleep,
    /// What models make of it, where rules ask them: told with the first piece.
    judged: Judging,
    /// What taggers find in it, likewise.
    tagged: Asking<tagger::Channel>,
    /// What of it stands in documents, likewise.
    repeats: Asking<fingerprint::Channel>,
    /// Which statements it says, likewise.
    saying: Asking<claims::Channel>,
    /// The system prompt of the request to which it belongs.
    own: Option<Arc<Index>>,
    /// Nothing reads the text beside the automata: told with the first piece.
    quiet: bool,
    /// The run at the end of what has come.
    pub(super) tail: Tail,
    settled: TextPos,
}

/// A word in the making.
#[derive(Clone, Copy, Debug)]
struct Run {
    start: u64,
    state: State,
    /// Whether it began in the middle of a word.
    inside: bool,
    /// The last byte read was white space.
    space: bool,
    /// The traits of the words that end here, if a boundary follows; 0 for none.
    waits: u8,
}

/// What a scan is run with.
pub(super) struct With<'a> {
    pub(super) engine: &'a Engine,
    pub(super) rules: &'a RuleSet,
}

/// Scans a whole text.
pub fn scan_all(engine: &Engine, rules: &RuleSet, kind: TextKind, text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut scan = Scan::new(kind);
    scan.push(engine, rules, text, &mut found);
    scan.finish(engine, rules, &mut found);
    found
}

// === impl Scan ===

impl Scan {
    /// A scan at the start of a channel.
    pub fn new(kind: TextKind) -> Self {
        Self {
            fold: Fold::new(kind),
            view: View::default(),
            read: 0,
            runs: SmallVec::new(),
            walks: SmallVec::new(),
            threads: Vec::new(),
            context: None,
            contexts: [0; NEARS],
            waiting: Vec::new(),
            judge: Judge::default(),
            asleep: Asleep::default(),
            judged: Judging::default(),
            tagged: Asking::default(),
            repeats: Asking::default(),
            saying: Asking::default(),
            own: None,
            quiet: false,
            tail: Tail::default(),
            settled: TextPos(0),
        }
    }

    /// The same in an answer to a request of this system prompt.
    pub fn answering(kind: TextKind, own: Option<Arc<Index>>) -> Self {
        Self { own, ..Self::new(kind) }
    }

    /// Reads the next piece of the text. A scan has to be given the same engine and the same rules throughout.
    pub fn push(
        &mut self,
        engine: &Engine,
        rules: &RuleSet,
        delta: &str,
        found: &mut Vec<Finding>,
    ) -> Progress {
        let with = With { engine, rules };
        if rules.is_empty() {
            self.fold.skip(delta);
            self.settled = self.fold.seen();
            return self.progress();
        }
        if !engine.exact.is_empty() {
            self.view.keep_originals();
        }
        let mut rest = delta;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE.min(rest.len())));
            self.fold.push(piece, &mut self.view);
            self.read(&with, false);
            self.settle(&with, found);
            rest = after;
        }
        self.progress()
    }

    /// Ends the text: everything is settled.
    pub fn finish(&mut self, engine: &Engine, rules: &RuleSet, found: &mut Vec<Finding>) -> Progress {
        self.fold.finish(&mut self.view);
        self.read(&With { engine, rules }, true);
        self.report(&With { engine, rules }, u64::MAX, true, found);
        self.settled = self.fold.seen();
        self.progress()
    }

    /// What models say of the text so far, where rules ask them.
    pub fn reading(&self) -> Option<&Reading> {
        self.judged.reading()
    }

    fn progress(&self) -> Progress {
        Progress { seen: self.fold.seen(), settled: self.settled }
    }

    /// Reads what the fold has added to the view.
    fn read(&mut self, with: &With<'_>, ended: bool) {
        // The view is lent out while walks and findings are written.
        let view = std::mem::take(&mut self.view);
        let from = (self.read - view.base().0) as usize;
        if !self.quiet {
            self.ask(with, &view, from, ended);
        }
        self.resume_threads(with, &view, from, ended);
        self.resume_walks(with, &view, from, ended);
        self.resume_runs(with, &view, from, ended);
        if view.bytes().len() - from < SHORT {
            self.bytes(with, &view, from, ended);
        } else {
            self.blocks(with, &view, from, ended);
        }
        self.read = view.end().0;
        self.view = view;
    }

    /// Lets those read what the fold has added whom rules ask beside the automata.
    #[inline(never)]
    fn ask(&mut self, With { engine, rules }: &With<'_>, view: &View, from: usize, ended: bool) {
        self.judged.read((&engine.judges, rules), view, from, ended, &mut self.waiting);
        for one in self.tagged.begun(|| engine.taggers.start(rules)) {
            one.read(view, from, ended, &mut self.waiting);
        }
        let kind = self.fold.kind();
        for one in self.repeats.begun(|| engine.fingerprints.start(rules, self.own.as_ref())) {
            one.read(kind, view, from, ended, &mut self.waiting);
        }
        for one in self.saying.begun(|| claims::start(&engine.claims, rules, kind)) {
            one.read(view, from, ended, &mut self.waiting);
        }
        let none = [self.tagged.is_empty(), self.repeats.is_empty(), self.saying.is_empty()];
        self.quiet = self.judged.is_none() && none == [true; 3];
    }

    /// From where on their text is held, and from where on they need the view.
    #[inline(never)]
    fn asked(&self) -> (u64, u64) {
        let held = [self.judged.held(), self.tagged.held(), self.repeats.held(), self.saying.held()];
        let needed = [self.tagged.needed(), self.repeats.needed(), self.saying.needed()];
        (
            held.into_iter().flatten().fold(u64::MAX, u64::min),
            needed.into_iter().flatten().fold(u64::MAX, u64::min),
        )
    }

    /// Looks at each new byte.
    fn bytes(&mut self, with: &With<'_>, view: &View, from: usize, ended: bool) {
        let bytes = view.bytes();
        let specials = &with.engine.specials;
        let inside = specials.looks_inside();
        let mut after_word = from.checked_sub(1).is_some_and(|before| bytes[before].is_ascii_alphanumeric());
        let mut at = from;
        while let Some(&byte) = bytes.get(at) {
            let word = byte.is_ascii_alphanumeric();
            if word && (!after_word || after_escape(bytes, at)) {
                let known = bytes.get(at..bytes.len().min(at + 8)).unwrap_or_default();
                let length =
                    known.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(known.len());
                if self.token(with, view, at, Form::unknown(length), ended) {
                    self.start_token(with, view, at, 0, ended);
                }
            } else if byte >= 0xC0 {
                self.tell_wide(with, view, at, ended);
            }
            if specials.contains(byte) {
                self.special(with, view, at, byte, ended);
            }
            if inside && word {
                self.inside(with, view, at, ended);
            }
            after_word = word;
            at += 1;
        }
    }

    /// The same by blocks of bytes.
    fn blocks(&mut self, with: &With<'_>, view: &View, from: usize, ended: bool) {
        let bytes = view.bytes();
        let specials = &with.engine.specials;
        let mut before = from.checked_sub(1).is_some_and(|at| bytes[at].is_ascii_alphanumeric());
        if after_escape(bytes, from) {
            before = false;
        } else if after_escape(bytes, from + 1) {
            self.word_after_escape(with, view, from + 1, ended);
        }
        let level = Level::new();
        let mut carry = Carry::new(before);
        let (mut sifted, mut copy) = (Sifted::new(), [0; WINDOW]);
        let mut last = Masks::default();
        for at in (from..bytes.len()).step_by(BLOCK * STRIP) {
            let strip = Strip::read(level, bytes, at, specials);
            for (base, (now, next)) in (at..bytes.len()).step_by(BLOCK).zip(strip.pairs()) {
                self.block(
                    with,
                    view,
                    base,
                    (&last, now, next),
                    (level, &mut carry, &mut sifted, &mut copy),
                    ended,
                );
                last = *now;
            }
        }
        // Where the text ends with a block, nothing has told that its last token does.
        if let Some(at) = carry.open().filter(|_| (bytes.len() - from).is_multiple_of(BLOCK)) {
            let length = (bytes.len() - at).min(8);
            if self.token(with, view, at, Form::unknown(length), ended) {
                self.start_token(with, view, at, 0, ended);
            }
        }
    }

    /// One block, between two others.
    #[inline]
    fn block(
        &mut self,
        with: &With<'_>,
        view: &View,
        base: usize,
        (before, now, next): (&Masks, &Masks, &Masks),
        (level, carry, sifted, copy): (Level, &mut Carry, &mut Sifted, &mut Window),
        ended: bool,
    ) {
        let bytes = view.bytes();
        let Engine { lexicon, heads, starts_wide, .. } = with.engine;
        let text = window(bytes, base, copy);
        let place = (view.base().0 + base as u64).saturating_sub(BLOCK as u64);
        let near = self.near(place, 0);
        let wanted = Candidate::ANY | if near { Heads::CONTEXT } else { 0 };
        let (pairs, thirds, stops) = if *starts_wide { (0, 0, 0) } else { now.chinese_pairs(next) };
        let tokens = dispatch!(level, _ => {
            let tokens = carry.tokens(base, now, next);
            tokens.sift(text, lexicon, heads, wanted, sifted);
            sifted.chinese = chinese(text, (pairs, thirds, stops), &lexicon.any);
            tokens
        });
        let mut special = now.special;
        let mut starts = 0_u8;
        for candidate in sifted.list() {
            let at = tokens.place(*candidate, base);
            if candidate.flags() & Candidate::ODD != 0 {
                let form = candidate.form(bytes, at, before, now, next);
                if !heads.in_number(form) {
                    // Nothing begins at its digits.
                    special &= !candidate.within();
                }
                let may = self.token(with, view, at, form, ended);
                *candidate = candidate.with(Candidate::ODD | if may { Heads::STARTS } else { 0 });
            } else if candidate.flags() & (Candidate::WORDS | Heads::OPEN) != 0 {
                let word = eight(bytes, at);
                let open = candidate.flags() & Heads::OPEN != 0 && lexicon.bound.gate.open(word);
                if open || candidate.flags() & Candidate::WORDS != 0 {
                    self.tell_words(with, view, at, (word, candidate.length().min(8), open), ended);
                }
            }
            starts |= candidate.flags();
        }
        if now.wide != 0 {
            self.wides(with, view, base, (now.wide & !pairs, sifted.chinese, pairs & now.one), ended);
        }
        for bit in ones(now.slash) {
            let at = base + bit;
            if after_escape(bytes, at + 2) {
                self.word_after_escape(with, view, at + 2, ended);
            }
        }
        // Machines start when all words of the block are known that may be their context.
        if starts & Heads::STARTS != 0 {
            self.start_tokens(with, view, (base, &tokens), sifted.list(), ended);
        }
        if !near && self.near(place, 0) {
            dispatch!(level, _ => tokens.sift(text, lexicon, heads, Heads::CONTEXT, sifted));
            self.start_tokens(with, view, (base, &tokens), sifted.list(), ended);
        }
        for bit in ones(special) {
            let (at, byte) = (base + bit, bytes[base + bit]);
            self.special(with, view, at, byte, ended);
        }
        for bit in ones(now.inside) {
            self.inside(with, view, base + bit, ended);
        }
    }

    /// Starts machines at these tokens of the block at `base`.
    #[inline(never)]
    fn start_tokens(
        &mut self,
        with: &With<'_>,
        view: &View,
        (base, tokens): (usize, &Tokens),
        list: &[Candidate],
        ended: bool,
    ) {
        let near = self.nears((view.base().0 + base as u64).saturating_sub(BLOCK as u64));
        for candidate in list.iter().filter(|candidate| candidate.flags() & Heads::STARTS != 0) {
            let odd = candidate.flags() & Candidate::ODD != 0;
            let token = if odd { 0 } else { tokens.before_gap(*candidate) };
            let at = tokens.place(*candidate, base);
            if Self::may_start(with, view.bytes(), at, token, near) {
                self.start_free(with, view, at, token, ended);
            }
        }
    }

    /// An escape such as `\n` ends at `at`: if a letter or digit follows, a word may begin there too.
    #[inline(never)]
    fn word_after_escape(&mut self, with: &With<'_>, view: &View, at: usize, ended: bool) {
        let bytes = view.bytes();
        let rest = bytes.iter().skip(at).take(8);
        let length = rest.take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if length > 0 && self.token(with, view, at, Form::unknown(length), ended) {
            self.start_token(with, view, at, 0, ended);
        }
    }

    /// A token of ASCII letters and digits begins at `at`, of which perhaps not all has come. Tells whether machines may start there.
    fn token(&mut self, with: &With<'_>, view: &View, at: usize, form: Form, ended: bool) -> bool {
        let bytes = view.bytes();
        // Of a token at the end of what has come the rest is not known.
        if form.length() < 8 && at + form.length() == bytes.len() && !ended {
            if is_free(bytes, at) {
                let lexicon = &with.engine.lexicon;
                let word = eight(bytes, at);
                if lexicon.bound.gate.may_begin_within(word, form.length()) {
                    self.begin(with, view, &lexicon.bound, at, ended);
                }
                if lexicon.disguised.may_begin_within(bytes, at, word) {
                    self.begin_walk(with, view, at, ended);
                }
            }
            return with.engine.head(bytes, at) & Heads::STARTS != 0;
        }
        self.odd_token(with, view, at, form, ended)
    }

    /// A token that may be part of a disguise. Tells whether machines may start there.
    #[inline(never)]
    fn odd_token(&mut self, with: &With<'_>, view: &View, at: usize, form: Form, ended: bool) -> bool {
        step();
        let Engine { lexicon, heads, .. } = with.engine;
        let bytes = view.bytes();
        let word = eight(bytes, at);
        let mut flags = with.engine.head(bytes, at);
        if form.gap && form.digits == form.number {
            flags &= heads.of_token(word as u8, form.length());
        } else if form.before_chinese {
            flags &= heads.before_chinese(word as u8, form.length());
        }
        let open = flags & Heads::OPEN != 0 && lexicon.bound.gate.open(word);
        let told = (open || lexicon.any.whole_token(word, form.length()))
            && self.tell_words(with, view, at, (word, form.length(), open), ended);
        if !told && lexicon.disguised.may_begin_oddly(bytes, at, word, form) && is_free(bytes, at) {
            self.begin_walk(with, view, at, ended);
        }
        flags & Heads::STARTS != 0
    }

    /// Tells which words may begin with a token as it stands, and whether a disguised one may.
    #[inline(never)]
    fn tell_words(
        &mut self,
        with: &With<'_>,
        view: &View,
        at: usize,
        (word, length, open): (u64, usize, bool),
        ended: bool,
    ) -> bool {
        step();
        let lexicon = &with.engine.lexicon;
        if !is_free(view.bytes(), at) {
            return false;
        }
        let bytes = view.bytes();
        let next = (length < 8).then(|| Next::behind(bytes, at + length)).flatten();
        let gate = &lexicon.bound.gate;
        let may_begin = gate.token_at(bytes, at, word, length);
        if open || length >= 8 {
            if open || may_begin {
                self.begin(with, view, &lexicon.bound, at, ended);
            }
        } else if may_begin && let Some(state) = lexicon.bound.first_tokens.behind(word, length) {
            // No word ends within the token.
            self.begin_behind(with, view, at, (length, state), ended);
        }
        let ends = (2..8).contains(&length) && ends_words(bytes, at + length);
        let walks = lexicon.disguised.may_begin_plainly(word, length, next)
            && (!ends || lexicon.disguised.gate.last_token(word, length));
        if walks {
            self.begin_walk(with, view, at, ended);
        }
        walks
    }

    /// Starts machines with the token at `at`, if they may start there. `token`: see [`Scan::start_at`].
    fn start_token(&mut self, with: &With<'_>, view: &View, at: usize, token: u8, ended: bool) {
        let bytes = view.bytes();
        let flags = with.engine.head(bytes, at);
        let near = self.nears(view.base().0 + at as u64);
        if flags & Heads::STARTS != 0 && Self::may_start(with, bytes, at, token, near) {
            self.start_free(with, view, at, token, ended);
        }
    }

    /// Starts the machines with the token at `at` that may start there by what stands before it.
    #[inline]
    fn start_free(&mut self, with: &With<'_>, view: &View, at: usize, token: u8, ended: bool) {
        let bytes = view.bytes();
        let free = is_free(bytes, at);
        if free || with.engine.bytes[usize::from(bytes[at])] & byte::START_INSIDE != 0 {
            self.start_at(with, view, at, (free, token), ended);
        }
    }

    /// Whether some machine starts with the byte at `at` whose context is among `near`.
    fn may_start(with: &With<'_>, bytes: &[u8], at: usize, token: u8, near: u16) -> bool {
        match bytes.get(at..) {
            Some(&[first, second, ..]) => {
                let wanted = with.engine.heads.nears(first, second, usize::from(token));
                wanted & near != 0 || wanted == !0
            }
            _ => true,
        }
    }

    /// The contexts so near before `at` that they may be those of a match that begins there: a bit for each.
    fn nears(&self, at: u64) -> u16 {
        if !self.near(at, 0) {
            return 0;
        }
        let near = |&last: &u64| last > 0 && at.saturating_sub(last - 1) <= CONTEXT as u64;
        self.contexts.iter().rev().fold(0, |bits, last| bits << 1 | u16::from(near(last)))
    }

    /// A byte that is looked at wherever it stands.
    #[inline]
    fn special(&mut self, with: &With<'_>, view: &View, at: usize, byte: u8, ended: bool) {
        let Engine { bytes: table, heads, .. } = with.engine;
        let flags = table[usize::from(byte)];
        if flags == 0 {
            return;
        }
        let bytes = view.bytes();
        let before = at.checked_sub(1).map_or(b' ', |before| bytes[before]);
        let beyond = with.engine.head(bytes, at);
        let sign = flags & byte::SIGN != 0 && beyond & Heads::OPEN != 0 || flags & byte::DISGUISE != 0;
        // A digit or letter within a token starts few machines, one that begins it starts none here.
        let alnum = byte.is_ascii_alphanumeric();
        let starts = !alnum || flags & byte::START_INSIDE != 0 && before.is_ascii_alphanumeric();
        let starts = starts
            && flags & byte::START != 0
            && (beyond & Heads::PLAIN != 0
                || beyond & Heads::CONTEXT != 0
                    && Self::may_start(with, bytes, at, 0, self.nears(view.base().0 + at as u64)));
        let inner =
            beyond & Heads::INNER != 0 && (before >= 0x80 || heads.of(before, byte) & Heads::RUN != 0);
        if sign || starts || inner {
            self.tell_special(with, view, at, byte, beyond, ended);
        }
    }

    /// Tells what may begin at a byte that is looked at wherever it stands.
    #[inline(never)]
    fn tell_special(&mut self, with: &With<'_>, view: &View, at: usize, byte: u8, beyond: u8, ended: bool) {
        step();
        let Engine { lexicon, bytes: table, .. } = with.engine;
        let bytes = view.bytes();
        let flags = table[usize::from(byte)];
        let alnum = byte.is_ascii_alphanumeric();
        if !alnum {
            if flags & byte::SIGN != 0 && beyond & Heads::OPEN != 0 {
                self.begin(with, view, &lexicon.bound, at, ended);
            }
            if flags & byte::DISGUISE != 0 && lexicon.disguised.may_begin_sign(bytes, at, ended) {
                self.begin_walk(with, view, at, ended);
            }
        }
        // Machines that start at tokens have been started there.
        let inside = alnum && at > 0 && bytes[at - 1].is_ascii_alphanumeric() && !after_escape(bytes, at);
        let near = || self.near(view.base().0 + at as u64, 0);
        if flags & byte::START != 0
            && (!alnum || inside && flags & byte::START_INSIDE != 0)
            && (beyond & Heads::PLAIN != 0 || beyond & Heads::CONTEXT != 0 && near())
        {
            self.start_at(with, view, at, (!inside, 0), ended);
        }
        if flags & byte::INNER != 0 && beyond & Heads::INNER != 0 {
            self.start_before(with, view, at, byte, ended);
        }
    }

    /// A letter or digit, at which a word may begin that asks for no boundary.
    fn inside(&mut self, with: &With<'_>, view: &View, at: usize, ended: bool) {
        let words = &with.engine.lexicon.inside;
        let bytes = view.bytes();
        let known = if ended { 8 } else { bytes.len() - at };
        if words.gate.open_within(eight(bytes, at), known) {
            self.begin(with, view, words, at, ended);
        }
    }

    /// Runs from `at` as far as some word goes.
    #[inline(never)]
    pub(super) fn begin(&mut self, with: &With<'_>, view: &View, words: &Words, at: usize, ended: bool) {
        let inside = std::ptr::eq(words, &raw const with.engine.lexicon.inside);
        let bytes = view.bytes();
        if bytes[at] >= 0x80 && !inside && !begins(bytes, at) {
            return;
        }
        let start = view.base().0 + at as u64;
        let mut run = Run { start, state: Trie::TOP, inside, space: false, waits: 0 };
        if self.run_on(with, view, &mut run, at, ended) {
            self.runs.push(run);
        }
    }

    /// Runs from behind the token at `at`, from its state in the tree, as far as some word goes.
    pub(super) fn begin_behind(
        &mut self,
        with: &With<'_>,
        view: &View,
        at: usize,
        (length, state): (usize, State),
        ended: bool,
    ) {
        let words = &with.engine.lexicon.bound;
        let mut run = Run { start: view.base().0 + at as u64, state, inside: false, space: false, waits: 0 };
        if words.trie.is_end(state) {
            self.hits(with, view, words, &mut run, at + length, false, ended);
        }
        if self.run_on(with, view, &mut run, at + length, ended) {
            self.runs.push(run);
        }
    }

    /// Runs the words that waited at the view's end.
    fn resume_runs(&mut self, with: &With<'_>, view: &View, from: usize, ended: bool) {
        if self.runs.is_empty() {
            return;
        }
        // None begins meanwhile.
        let mut kept = 0;
        for index in 0..self.runs.len() {
            let Some(&(mut run)) = self.runs.get(index) else { break };
            if self.run_on(with, view, &mut run, from, ended)
                && let Some(place) = self.runs.get_mut(kept)
            {
                *place = run;
                kept += 1;
            }
        }
        self.runs.truncate(kept);
    }

    /// Reads a word from `at` to the view's end. False if none goes on.
    fn run_on(&mut self, with: &With<'_>, view: &View, run: &mut Run, at: usize, ended: bool) -> bool {
        let lexicon = &with.engine.lexicon;
        let words = if run.inside { &lexicon.inside } else { &lexicon.bound };
        let bytes = view.bytes();
        let mut at = at;
        loop {
            let next = bytes.get(at).copied();
            if run.waits != 0 && (next.is_some() || ended) {
                run.waits = 0;
                if boundary(bytes, at) {
                    self.hits(with, view, words, run, at, true, ended);
                }
            }
            let Some(byte) = next else { break };
            step();
            at += 1;
            let space = is_space(byte);
            if space && run.space {
                continue;
            }
            run.space = space;
            let Some(state) =
                words.trie.step(run.state, if space { b' ' } else { byte.to_ascii_lowercase() })
            else {
                return false;
            };
            run.state = state;
            if words.trie.is_end(state) {
                self.hits(with, view, words, run, at, false, ended);
            }
        }
        !ended && (run.waits != 0 || words.trie.beyond(run.state) != 0)
    }

    /// The words that end before `end` and ask for a boundary or not.
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "the parts of a scan that are lent out")]
    fn hits(
        &mut self,
        with: &With<'_>,
        view: &View,
        words: &Words,
        run: &mut Run,
        end: usize,
        bounded: bool,
        ended: bool,
    ) {
        for &word in words.trie.ends(run.state) {
            let Some(word) = words.found(word) else { continue };
            if word.right != bounded {
                run.waits |= if word.right { word.traits() } else { 0 };
                continue;
            }
            match word.meaning {
                Meaning::Keyword(rule) => {
                    let place = (run.start, view.base().0 + end as u64);
                    self.asleep.keyword(&mut self.waiting, (with, view), rule, place);
                }
                Meaning::Context(machines) => {
                    let end = view.base().0 + end as u64;
                    self.context = self.context.max(Some(end));
                    let mut machines = machines;
                    while let Some(last) = self.contexts.get_mut(machines.trailing_zeros() as usize) {
                        *last = (*last).max(end + 1);
                        machines &= machines - 1;
                    }
                }
                Meaning::Literal(machine) => {
                    let own = with.engine.patterns.machines.get(usize::from(machine));
                    if own.is_some_and(|own| own.goes_on_with(view.bytes(), end)) {
                        self.start(with, view, machine, run.start, ended);
                    }
                }
            }
        }
    }

    /// Walks from `at` as far as some disguised word goes.
    #[inline(never)]
    pub(super) fn begin_walk(&mut self, with: &With<'_>, view: &View, at: usize, ended: bool) {
        step();
        let mut hit = hit(&mut self.waiting, &mut self.asleep, with, view);
        let disguised = &with.engine.lexicon.disguised;
        let walk = disguised.begin(view.bytes(), at, view.base().0 + at as u64, ended, &mut hit);
        if let Some(walk) = walk {
            self.walks.push(walk);
        }
    }

    /// Walks from the two different Chinese characters at `at`, `pair` their bytes.
    pub(super) fn begin_pair_walk(
        &mut self,
        with: &With<'_>,
        view: &View,
        (at, pair): (usize, u64),
        ended: bool,
    ) {
        step();
        let mut hit = hit(&mut self.waiting, &mut self.asleep, with, view);
        let start = view.base().0 + at as u64;
        let disguised = &with.engine.lexicon.disguised;
        self.walks.extend(disguised.begin_pair(view.bytes(), (at, start, pair), ended, &mut hit));
    }

    /// Goes on with the walks that waited at the view's end.
    fn resume_walks(&mut self, with: &With<'_>, view: &View, from: usize, ended: bool) {
        if self.walks.is_empty() {
            return;
        }
        let mut hit = hit(&mut self.waiting, &mut self.asleep, with, view);
        let disguised = &with.engine.lexicon.disguised;
        self.walks.retain(|walk| disguised.go_on(walk, view.bytes(), from, ended, &mut hit));
    }

    /// Whether a context word stands so near before `at` that it may be one for a match that begins up to `back` before.
    pub(super) fn near(&self, at: u64, back: usize) -> bool {
        self.context.is_some_and(|context| at.saturating_sub(context) <= (CONTEXT + back) as u64)
    }

    /// The same of the contexts of one machine; one that needs none is always near.
    pub(super) fn near_of(&self, machine: &Machine, at: u64, back: usize) -> bool {
        let context = self.contexts.get(usize::from(machine.near)).copied().unwrap_or(0);
        !machine.contextual || context > 0 && at.saturating_sub(context - 1) <= (CONTEXT + back) as u64
    }

    /// How far the text is decided; reports and forgets what lies before.
    fn settle(&mut self, with: &With<'_>, found: &mut Vec<Finding>) {
        let (base, end) = (self.view.base().0, self.view.end().0);
        let trie = |run: &Run| {
            let lexicon = &with.engine.lexicon;
            if run.inside { &lexicon.inside.trie } else { &lexicon.bound.trie }
        };
        let holds = |run: &Run| (run.waits | trie(run).beyond(run.state)) & HOLDS != 0;
        let (asked, needed) = if self.quiet { (end, end) } else { self.asked() };
        let mut held = end.min(asked);
        for run in &self.runs {
            held = if run.start < held && holds(run) { run.start } else { held };
        }
        held = self.walks.iter().fold(held, |held, walk| held.min(walk.start));
        held = self.threads.iter().fold(held, |held, thread| held.min(thread.start));
        let known = base + self.held_runs(with, (held - base) as usize) as u64;
        let held = self.report(with, known, false, found);
        let text = if held == end { self.fold.seen() } else { self.view.text_start(FoldPos(held)) };
        let text = self.fold.pending().map_or(text, |pending| pending.min(text));
        // A word that has slept and is woken may wait for its exceptions, long after what stands before it was settled.
        self.settled = self.settled.max(text);
        self.asleep.settle(held);
        self.view.trim(FoldPos(needed.min(held).saturating_sub(KEEP.max(with.engine.criteria.keep() + 8))));
    }
}

/// Takes in the disguised words that are found, if their rules count.
fn hit<'a>(
    waiting: &'a mut Vec<Found>,
    asleep: &'a mut Asleep,
    with: &'a With<'_>,
    view: &'a View,
) -> impl FnMut(RuleId, u64, usize) + 'a {
    move |rule, start, end| {
        asleep.keyword(waiting, (with, view), rule, (start, view.base().0 + end as u64));
    }
}

/// Whether a token that begins at `at` begins a word: no letter of another script stands before it.
#[inline]
fn is_free(bytes: &[u8], at: usize) -> bool {
    at == 0 || bytes[at - 1] < 0x80 || !char_before(bytes, at).is_some_and(is_word)
}

/// The places of the bits that are set, the lowest first.
#[inline]
pub(super) fn ones(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (mask != 0).then(|| mask.trailing_zeros() as usize);
        mask &= mask.wrapping_sub(1);
        bit
    })
}
