//! Words as a tree of their letters: walked from where a word may begin, byte by byte.
//!
//! Bytes that no word branches in stand beside each other (a radix tree, Morrison 1968), so that a hundred thousand words
//! take a few megabytes and are built in some tens of milliseconds. A walk is a [`State`] of eight bytes; it knows which words end
//! in it and whether longer ones go on from it.

use super::gate::{CHINESE, LOWER, chinese_pair, eight, head};

/// Words by their bytes. What a word means is the caller's: words are numbered in the order given.
#[derive(Debug, Default)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    /// The byte that leads to each node from the one above.
    labels: Vec<u8>,
    /// The bytes of all nodes that nothing branches in.
    stems: Vec<u8>,
    /// Numbers of words, those of one node beside each other.
    ends: Vec<u32>,
    /// By first byte: the node, 0 for none.
    roots: Vec<u32>,
    /// For nodes with many children: by label which child it is, counted from one.
    tables: Vec<[u8; 256]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Node {
    stem: u32,
    /// Children stand beside each other in `nodes`, in the order of their labels.
    children: u32,
    ends: u32,
    /// Its place among the tables, counted from one; 0 for none.
    table: u32,
    stem_len: u16,
    branches: u16,
    ended: u16,
    /// What the words that end here or further on have in common is the union of their traits.
    traits: u8,
    /// The same without those that end here.
    beyond: u8,
    /// A space leads on from the end of the stem.
    space: bool,
}

/// Nodes with more children have a table.
const MANY: u16 = 6;

/// A place in the tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    node: u32,
    /// How much of the node's stem has been walked.
    stem: u16,
}

/// A word given to the tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'w> {
    /// At least one byte and at most 65,535.
    pub(super) bytes: &'w [u8],
    /// What the caller wants to know of the words that go on from a state: at least one bit.
    pub(super) traits: u8,
}

impl Trie {
    /// The tree of all entries.
    pub(super) fn build(entries: &[Entry<'_>]) -> Self {
        let mut order: Vec<u32> = (0..entries.len() as u32).collect();
        order.sort_unstable_by_key(|&number| (entries[number as usize].bytes, number));
        let mut trie = Self { roots: vec![0; 256], ..Self::default() };
        let bytes = |place: usize| order.get(place).map_or(&[][..], |&number| entries[number as usize].bytes);
        // The node at the top stands for no word; each node's words are a range of `order`.
        let mut ranges = vec![(0, order.len(), 0)];
        trie.nodes.push(Node::default());
        trie.labels.push(0);
        let mut at = 0;
        while let Some(&(from, to, depth)) = ranges.get(at) {
            let first = bytes(from);
            // Words are in order: what the first and the last share, all share. A word that ends stands first.
            let same = first.iter().zip(bytes(to.max(1) - 1)).take_while(|(a, b)| a == b).count();
            let stem = if at == 0 { 0 } else { same - depth };
            let depth = depth + stem;
            let ended = (from..to).take_while(|&place| bytes(place).len() == depth).count();
            let mut node = Node {
                stem: trie.stems.len() as u32,
                stem_len: stem as u16,
                ends: trie.ends.len() as u32,
                ended: ended as u16,
                children: trie.nodes.len() as u32,
                ..Node::default()
            };
            trie.stems.extend_from_slice(first.get(depth - stem..depth).unwrap_or_default());
            trie.ends.extend_from_slice(order.get(from..from + ended).unwrap_or_default());
            let mut child = from + ended;
            while child < to {
                let label = bytes(child)[depth];
                node.space |= label == b' ';
                let next = child
                    + order
                        .get(child..to)
                        .unwrap_or_default()
                        .partition_point(|&number| entries[number as usize].bytes[depth] <= label);
                if at == 0 {
                    trie.roots[usize::from(label)] = trie.nodes.len() as u32;
                }
                trie.nodes.push(Node::default());
                trie.labels.push(label);
                ranges.push((child, next, depth + 1));
                node.branches += 1;
                child = next;
            }
            trie.nodes[at] = node;
            at += 1;
        }
        trie.gather(entries);
        trie.tell_children();
        trie
    }

    /// A table for each node that has many children, but not so many that none has a number.
    fn tell_children(&mut self) {
        for node in self.nodes.iter_mut().skip(1).filter(|node| (MANY + 1..=255).contains(&node.branches)) {
            let mut table = [0; 256];
            let labels = self.labels.iter().skip(node.children as usize).take(usize::from(node.branches));
            for (child, &label) in (1..).zip(labels) {
                table[usize::from(label)] = child;
            }
            self.tables.push(table);
            node.table = self.tables.len() as u32;
        }
        self.tables.shrink_to_fit();
    }

    /// Traits from the leaves up: a child stands after its parent.
    fn gather(&mut self, entries: &[Entry<'_>]) {
        for at in (0..self.nodes.len()).rev() {
            let node = self.nodes[at];
            let children = node.children as usize..node.children as usize + usize::from(node.branches);
            let beyond = self.nodes[children].iter().fold(0, |traits, child| traits | child.traits);
            let ends = node.ends as usize..node.ends as usize + usize::from(node.ended);
            let own = self.ends[ends].iter().fold(0, |traits, &word| traits | entries[word as usize].traits);
            self.nodes[at].beyond = beyond;
            self.nodes[at].traits = beyond | own;
        }
    }

    /// Whether there is no word.
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.len() <= 1
    }

    /// How many nodes there are.
    pub(super) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Before the first byte.
    pub(super) const TOP: State = State { node: 0, stem: 0 };

    /// The state after the first byte of a word.
    #[inline]
    pub(super) fn first(&self, byte: u8) -> Option<State> {
        let node = self.roots.get(usize::from(byte)).copied().filter(|&node| node > 0)?;
        Some(State { node, stem: 0 })
    }

    /// The state after one more byte.
    #[inline]
    pub(super) fn step(&self, state: State, byte: u8) -> Option<State> {
        let node = self.nodes.get(state.node as usize)?;
        if state.stem < node.stem_len {
            let next = *self.stems.get(node.stem as usize + usize::from(state.stem))?;
            return (next == byte).then_some(State { node: state.node, stem: state.stem + 1 });
        }
        if state.node == 0 {
            return self.first(byte);
        }
        if let Some(table) = (node.table as usize).checked_sub(1).and_then(|at| self.tables.get(at)) {
            let child = u32::from(table[usize::from(byte)]).checked_sub(1)?;
            return Some(State { node: node.children + child, stem: 0 });
        }
        let children = node.children as usize;
        let labels = self.labels.get(children..children + usize::from(node.branches))?;
        let child = labels.iter().position(|&label| label == byte)?;
        Some(State { node: (children + child) as u32, stem: 0 })
    }

    /// The state after all bytes of a character.
    #[inline]
    pub(super) fn step_char(&self, state: State, c: char) -> Option<State> {
        if c.is_ascii() {
            return self.step(state, c as u8);
        }
        c.encode_utf8(&mut [0; 4]).bytes().try_fold(state, |state, byte| self.step(state, byte))
    }

    /// The words that end in this state.
    #[inline]
    pub(super) fn ends(&self, state: State) -> &[u32] {
        match self.nodes.get(state.node as usize) {
            Some(node) if node.ended > 0 && state.stem == node.stem_len => {
                let ends = node.ends as usize;
                self.ends.get(ends..ends + usize::from(node.ended)).unwrap_or_default()
            }
            _ => &[],
        }
    }

    /// The traits of the words that go through this state or end in it.
    #[inline]
    pub(super) fn within(&self, state: State) -> u8 {
        self.nodes.get(state.node as usize).map_or(0, |node| node.traits)
    }

    /// The traits of the words that are longer than what has been walked; 0 where there are none.
    #[inline]
    pub(super) fn beyond(&self, state: State) -> u8 {
        self.nodes
            .get(state.node as usize)
            .map_or(0, |node| if state.stem < node.stem_len { node.traits } else { node.beyond })
    }

    /// Whether a space leads on from this state.
    #[inline]
    pub(super) fn has_space(&self, state: State) -> bool {
        self.nodes.get(state.node as usize).is_some_and(|node| {
            let next = self.stems.get(node.stem as usize + usize::from(state.stem));
            if state.stem < node.stem_len { next == Some(&b' ') } else { node.space }
        })
    }

    /// Whether some word ends in this state.
    #[inline]
    pub(super) fn is_end(&self, state: State) -> bool {
        self.nodes.get(state.node as usize).is_some_and(|node| node.ended > 0 && state.stem == node.stem_len)
    }

    /// Calls `tell` for what the first `most` bytes of words are; for shorter words with all of them.
    pub(super) fn each_first(&self, most: usize, tell: &mut impl FnMut(&[u8])) {
        self.each_first_from(Self::TOP, &mut Vec::new(), most, tell);
    }

    fn each_first_from(&self, state: State, bytes: &mut Vec<u8>, most: usize, tell: &mut impl FnMut(&[u8])) {
        if bytes.len() == most || self.is_end(state) {
            tell(bytes);
        }
        if bytes.len() == most {
            return;
        }
        for &label in self.labels(state) {
            if let Some(next) = self.step(state, label) {
                bytes.push(label);
                self.each_first_from(next, bytes, most, tell);
                bytes.pop();
            }
        }
    }

    /// The bytes that lead on from this state.
    pub(super) fn labels(&self, state: State) -> &[u8] {
        let Some(node) = self.nodes.get(state.node as usize) else { return &[] };
        let (list, from, count) = if state.stem < node.stem_len {
            (&self.stems, node.stem as usize + usize::from(state.stem), 1)
        } else {
            (&self.labels, node.children as usize, usize::from(node.branches))
        };
        list.get(from..from + count).unwrap_or_default()
    }
}

/// Where tokens of less than eight letters and digits lead from the top of a tree: a table with open places (Knuth 6.4).
#[derive(Debug, Default)]
pub(super) struct Behind {
    /// The token's bytes, zeros behind it, and the state after it; zero for none.
    places: Vec<(u64, State)>,
    shift: u32,
}

impl Behind {
    /// Of the tokens with which these words begin.
    pub(super) fn new(words: &[Entry<'_>], trie: &Trie) -> Self {
        let token = |word: &Entry<'_>| {
            let length = word.bytes.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            let token = word.bytes.get(..length).filter(|_| (1..8).contains(&length))?;
            let state = token.iter().try_fold(Trie::TOP, |state, &byte| trie.step(state, byte))?;
            Some((eight(token, 0), state))
        };
        Self::of(words.iter().filter_map(token).collect())
    }

    /// Of the two different Chinese characters with which these words begin; to the top where `passes` says that it is not so of the first
    /// one, or where they stand so in none of the tree.
    pub(super) fn pairs<'w>(
        words: impl Iterator<Item = &'w [u8]>,
        trie: &Trie,
        passes: impl Fn(State) -> bool,
    ) -> Self {
        let walk = |bytes: &[u8], state| bytes.iter().try_fold(state, |state, &byte| trie.step(state, byte));
        let pair = |word: &[u8]| {
            let pair = chinese_pair(word)?;
            let first = walk(word.get(..CHINESE)?, Trie::TOP)?;
            let second = walk(word.get(CHINESE..2 * CHINESE)?, first);
            Some((pair, second.filter(|_| passes(first)).unwrap_or(Trie::TOP)))
        };
        Self::of(words.filter_map(pair).collect())
    }

    fn of(mut tokens: Vec<(u64, State)>) -> Self {
        tokens.sort_unstable_by_key(|&(token, _)| token);
        tokens.dedup();
        let size = (2 * tokens.len()).next_power_of_two().max(2);
        let mut behind = Self { places: vec![(0, Trie::TOP); size], shift: 64 - size.trailing_zeros() };
        for (token, state) in tokens {
            let from = behind.place(token);
            let free = (from..size).chain(0..from).find(|&place| behind.places[place].0 == 0);
            if let Some(place) = free.and_then(|place| behind.places.get_mut(place)) {
                *place = (token, state);
            }
        }
        behind
    }

    #[inline]
    fn place(&self, token: u64) -> usize {
        (token.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }

    /// The state after the token of `length` bytes with which these eight begin, upper case or lower, if a word begins so.
    #[inline]
    pub(super) fn behind(&self, word: u64, length: usize) -> Option<State> {
        self.state(head(word | LOWER, length))
    }

    /// The state after these bytes, zeros behind them, if a word begins so.
    #[inline]
    pub(super) fn state(&self, token: u64) -> Option<State> {
        let (before, from) = self.places.split_at_checked(self.place(token))?;
        let found = from.iter().chain(before).take_while(|place| place.0 != 0);
        found.into_iter().find(|place| place.0 == token).map(|place| place.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn walks_as_the_words_do(words in proptest::collection::vec("[abé]{1,5}|[a-i]{1,2}", 1..24), text in "[abé]{0,6}|[a-j]{1,2}") {
            let entries: Vec<Entry<'_>> =
                words.iter().map(|word| Entry { bytes: word.as_bytes(), traits: 1 << (word.len() % 8) }).collect();
            let trie = Trie::build(&entries);
            let state = text.bytes().try_fold(Trie::TOP, |state, byte| trie.step(state, byte));
            let begins: Vec<&String> = words.iter().filter(|word| word.starts_with(&text)).collect();
            prop_assert_eq!(state.is_some(), !begins.is_empty());
            if let Some(state) = state {
                let mut ends: Vec<&str> = trie.ends(state).iter().map(|&word| words[word as usize].as_str()).collect();
                ends.sort_unstable();
                let expected = words.iter().filter(|word| !text.is_empty() && **word == text).count();
                prop_assert_eq!(ends, vec![text.as_str(); expected]);
                let longer = begins.iter().filter(|word| word.len() > text.len());
                prop_assert_eq!(trie.beyond(state), longer.clone().fold(0, |traits, word| traits | 1 << (word.len() % 8)));
                let mut labels: Vec<u8> = longer.filter_map(|word| word.as_bytes().get(text.len()).copied()).collect();
                labels.sort_unstable();
                labels.dedup();
                prop_assert_eq!(trie.labels(state), labels);
                let token = text.bytes().take_while(u8::is_ascii_alphanumeric).count();
                if (1..8).contains(&token) {
                    let behind = Behind::new(&entries, &trie).behind(eight(text.to_uppercase().as_bytes(), 0), token);
                    let begins = |word: &&String| word.bytes().take_while(u8::is_ascii_alphanumeric).eq(text.bytes().take(token));
                    let state = text.bytes().take(token).try_fold(Trie::TOP, |state, byte| trie.step(state, byte));
                    prop_assert_eq!(behind, state.filter(|_| words.iter().any(|word| begins(&word))));
                }
            }
        }
    }
}
