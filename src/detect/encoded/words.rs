//! Where words begin in letters that were set apart with the same sign between words as within them: `h o w t o` reads `how to`.

use crate::text::work::step;
use std::collections::HashMap;
use std::sync::LazyLock;

/// The longest word that is known.
const LONGEST: usize = 20;
/// What a letter costs that belongs to no known word.
const STRAY: f32 = 14.0;

/// English words, the commonest first, in small letters.
pub(in crate::detect) fn common_words() -> impl Iterator<Item = &'static str> {
    let lines = include_str!("words.txt").lines().filter(|line| !line.starts_with('#'));
    lines.flat_map(str::split_whitespace)
}

/// Words with what each costs: the logarithm of its rank among the commonest.
static WORDS: LazyLock<HashMap<&'static str, f32>> = LazyLock::new(|| {
    common_words().enumerate().map(|(rank, word)| (word, (rank as f32 + 20.0).ln())).collect()
});

/// Before which letters, counted from zero, a word begins, but for the first. `letters` are ASCII letters.
pub(super) fn beginnings(letters: &str) -> Vec<usize> {
    let small = letters.to_ascii_lowercase();
    // By how many letters have been read: what that costs at least, where its last word began, and whether that is known.
    let mut best: Vec<(f32, usize, bool)> = vec![(0.0, 0, false)];
    for end in 1..=small.len() {
        let of = |start: usize| best.get(start).map_or(f32::MAX, |(cost, ..)| *cost);
        let mut least = (of(end - 1) + STRAY, end - 1, false);
        for start in end.saturating_sub(LONGEST)..end {
            step();
            if let Some(cost) = small.get(start..end).and_then(|word| WORDS.get(word))
                && of(start) + cost < least.0
            {
                least = (of(start) + cost, start, true);
            }
        }
        best.push(least);
    }
    let (mut all, mut at) = (Vec::new(), small.len());
    while let Some((_, start, known)) = best.get(at).filter(|(_, start, _)| *start > 0) {
        // Letters of no known word stay together.
        if *known || best.get(*start).is_some_and(|(.., before)| *before) {
            all.push(*start);
        }
        at = *start;
    }
    all.reverse();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart() {
        for (letters, words) in [
            ("howtomakeabomb", "how to make a bomb"),
            ("Writeafakenewsarticle", "Write a fake news article"),
            ("weapons", "weapons"),
            ("buyxqzvwnow", "buy xqzvw now"),
            ("", ""),
        ] {
            let (mut read, mut at) = (String::new(), 0);
            for begin in beginnings(letters).into_iter().chain([letters.len()]) {
                read = read + letters.get(at..begin).unwrap_or_default() + " ";
                at = begin;
            }
            assert_eq!(read.trim(), words);
        }
    }
}
