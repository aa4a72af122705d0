//! What recipes draw: numbers that look like chance and are always the same, so that the same files give the same texts.

/// Xorshift; another generator would make other texts, and other weights.
#[derive(Debug, Clone)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// A number below this; 0 where there is none.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % (end as u64).max(1)) as usize
    }

    /// One of them, if there is any.
    pub(super) fn one<'t, T>(&mut self, of: &'t [T]) -> Option<&'t T> {
        of.get(self.below(of.len()))
    }
}

/// A line with one of each `(a|b|)` taken.
pub(super) fn choose(line: &str, dice: &mut Dice) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, group)) = rest.split_once('(') {
        out.push_str(before);
        let Some((group, after)) = group.split_once(')') else { break };
        let all: Vec<&str> = group.split('|').collect();
        out.push_str(dice.one(&all).copied().unwrap_or_default());
        rest = after;
    }
    out.push_str(rest);
    out
}
