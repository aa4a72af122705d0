//! What begins with characters that are not ASCII.
//!
//! Most of them are Chinese characters before another one: nothing is between the two, and neither stands for a letter, so that a table of
//! pairs tells, without a branch on the text, at which few a word may begin. The others are told one by one.

use super::Engine;
use super::engine::byte;
use super::gate::{CHINESE, HEADS, char_len, eight};
use super::pattern::begins;
use super::scan::{Scan, With, ones};
use crate::text::fold::{View, is_chinese};

impl Scan {
    /// At these bytes of the block at `base` characters begin that are not ASCII, pairs of Chinese ones with which words may begin, and
    /// Chinese ones that may be words.
    #[inline(never)]
    pub(super) fn wides(
        &mut self,
        with: &With<'_>,
        view: &View,
        base: usize,
        (others, pairs, ones_too): (u64, u64, u64),
        ended: bool,
    ) {
        let Engine { lexicon, starts_wide, .. } = with.engine;
        for bit in ones(pairs | ones_too) {
            if pairs >> bit & 1 == 1 || lexicon.any.single(eight(view.bytes(), base + bit), CHINESE) {
                self.chinese_pair(with, view, base + bit, ended);
            }
        }
        for bit in ones(others) {
            let word = eight(view.bytes(), base + bit);
            let may = if is_chinese(word as u8) {
                lexicon.any.chinese_before_others(word)
            } else {
                lexicon.any.wide_first(word & HEADS[char_len(word as u8)])
            };
            if *starts_wide || may {
                self.tell_wide(with, view, base + bit, ended);
            }
        }
    }

    /// Tells what may begin with two different Chinese characters.
    #[inline(never)]
    fn chinese_pair(&mut self, with: &With<'_>, view: &View, at: usize, ended: bool) {
        let lexicon = &with.engine.lexicon;
        let bytes = view.bytes();
        let word = eight(bytes, at);
        let pair = word & HEADS[2 * CHINESE];
        let gate = &lexicon.bound.gate;
        if gate.single(word, CHINESE) {
            self.begin(with, view, &lexicon.bound, at, ended);
        } else if let Some(state) = lexicon.bound.first_pairs.state(pair) {
            self.begin_behind(with, view, at, (2 * CHINESE, state), ended);
        }
        if lexicon.disguised.may_begin_pair(bytes, at, pair) {
            self.begin_pair_walk(with, view, (at, pair), ended);
        }
    }

    /// Tells what may begin with a character that is not ASCII.
    #[inline(never)]
    pub(super) fn tell_wide(&mut self, with: &With<'_>, view: &View, at: usize, ended: bool) {
        let Engine { lexicon, bytes: table, starts_wide, .. } = with.engine;
        let bytes = view.bytes();
        let word = eight(bytes, at);
        let one = char_len(bytes[at]);
        if *starts_wide && table[usize::from(bytes[at])] & byte::START != 0 {
            self.start_at(with, view, at, (begins(bytes, at), 0), ended);
        }
        if !lexicon.any.wide_first(word & HEADS[one]) {
            return;
        }
        let second = bytes.get(at + one).copied();
        let two = second.map_or(0, char_len);
        let open = second.is_none() && !ended;
        let may = open || lexicon.any.disguised_pair(bytes, at, word, one, two);
        if may && (open || lexicon.bound.gate.pair(bytes, at, word, one, two)) {
            self.begin(with, view, &lexicon.bound, at, ended);
        }
        if !lexicon.disguised.is_empty()
            && (open || lexicon.disguised.may_begin_wide(bytes, at, word, one, two))
        {
            self.begin_walk(with, view, at, ended);
        }
        if may
            && !is_chinese(bytes[at])
            && !lexicon.inside.trie.is_empty()
            && (open || lexicon.inside.gate.pair(bytes, at, word, one, two))
        {
            self.begin(with, view, &lexicon.inside, at, ended);
        }
    }
}
