//! Reads an answer sentence by sentence and tells what the context does not bear.

use super::sentence::Sentences;
use super::words::{Form, Word, words};
use super::{Context, Unsupported};

/// So many words that say something make a statement.
const LEAST: usize = 5;

/// Something that the context does not bear.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Claim {
    /// What it is.
    pub kind: Unsupported,
    /// First byte in the answer.
    pub start: u64,
    /// One past the last.
    pub end: u64,
    /// How sure it is that it is not borne, 0 to 1.
    pub score: f32,
}

/// An answer on its way through. What it finds does not depend on how the answer was cut.
#[derive(Clone, Debug, Default)]
pub struct Checker(Sentences);

impl Checker {
    /// Reads on.
    pub fn push(&mut self, context: &Context, text: &str, out: &mut Vec<Claim>) {
        self.0.push(text, |sentence, start| judge(context, sentence, start, out));
    }

    /// The answer is over.
    pub fn finish(&mut self, context: &Context, out: &mut Vec<Claim>) {
        self.0.finish(|sentence, start| judge(context, sentence, start, out));
    }

    /// How much memory it takes, in bytes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.0.heap()
    }

    /// Where what is not judged yet begins.
    pub fn open(&self) -> u64 {
        self.0.open()
    }
}

/// How much of some words the context bears.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weighed {
    /// Words that say something.
    said: usize,
    /// Of these, those that are new.
    new: usize,
    pairs: usize,
    new_pairs: usize,
    /// Whether a name or a number is new.
    names: bool,
}

impl Weighed {
    pub(super) fn of(context: &Context, words: &[Word]) -> Option<Self> {
        let said = words.iter().filter(|word| word.form != Form::Common).count();
        let new = words.iter().filter(|word| context.lacks(word)).count();
        let new_pairs = words.windows(2).filter(|two| match two {
            [one, two] => !context.has_pair(one.hash, two.hash),
            _ => false,
        });
        let names = words
            .iter()
            .any(|word| matches!(word.form, Form::Capital | Form::Number) && !context.has(word.hash));
        let pairs = words.len().saturating_sub(1);
        (said > 0).then(|| Self { said, new, pairs, new_pairs: new_pairs.count(), names })
    }

    /// 0: all of it stands in the context, in its order; 1: none of it does.
    pub(super) fn score(self) -> f32 {
        let share = |part: usize, whole: usize| if whole == 0 { 0.0 } else { part as f32 / whole as f32 };
        0.6 * share(self.new, self.said)
            + 0.25 * share(self.new_pairs, self.pairs)
            + 0.15 * f32::from(u8::from(self.names))
    }
}

fn judge(context: &Context, sentence: &str, start: u64, out: &mut Vec<Claim>) {
    let first = out.len();
    let mut claim = |kind, from: usize, to: usize, score| {
        out.push(Claim { kind, start: start + from as u64, end: start + to as u64, score });
    };
    let (all, links) = words(sentence);
    for (from, to) in links {
        if !context.has_link(sentence.get(from..to).unwrap_or_default()) {
            claim(Unsupported::Link, from, to, 1.0);
        }
    }
    let begins = all.first().map(|word| word.start);
    for word in &all {
        // The numbers of a list count it.
        let counts = Some(word.start) == begins
            && sentence.get(word.end..).is_some_and(|rest| rest.starts_with(['.', ')', ':', '、']));
        if word.form == Form::Number && word.digits > 1 && !counts && !context.has(word.hash) {
            claim(Unsupported::Number, word.start, word.end, 0.9);
        }
    }
    let mut name: Option<(usize, usize)> = None;
    let capitals = all.iter().filter(|word| word.form == Form::Capital).count();
    // In a title, and where all nouns are written so, a capital letter tells no name.
    let titled = capitals * 2 > all.len() && all.len() > 3;
    for (n, word) in all.iter().enumerate() {
        let is_name = word.form == Form::Capital && n > 0 && !titled && word.end - word.start > 1;
        match &mut name {
            Some((_, end))
                if is_name && context.lacks(word) && sentence.get(*end..word.start) == Some(" ") =>
            {
                *end = word.end;
            }
            known => {
                if let Some((from, to)) = known.take() {
                    claim(Unsupported::Name, from, to, 0.8);
                }
                *known = (is_name && context.lacks(word)).then_some((word.start, word.end));
            }
        }
    }
    if let Some((from, to)) = name {
        claim(Unsupported::Name, from, to, 0.8);
    }
    // Questions, and what the speaker says of himself and to the other, state nothing.
    let talks = sentence.trim_end().ends_with(['?', '？', '!', '！'])
        || all.iter().any(|word| is_talk(sentence.get(word.start..word.end).unwrap_or_default()));
    let weighed = Weighed::of(context, &all).filter(|weighed| weighed.said >= LEAST && !talks);
    if let Some(weighed) = weighed {
        let (from, to) = (all.first().map_or(0, |w| w.start), all.last().map_or(0, |w| w.end));
        claim(Unsupported::Statement, from, to, weighed.score());
    }
    if let Some(claims) = out.get_mut(first..) {
        claims.sort_by_key(|claim| (claim.start, claim.end));
    }
}

/// Words by which somebody speaks of himself or to the other.
fn is_talk(word: &str) -> bool {
    ["i", "me", "my", "you", "your", "we", "let", "please", "sorry"]
        .iter()
        .any(|talk| word.eq_ignore_ascii_case(talk))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PASSAGE: &str = "The bridge over the Tamar was opened in 1859 by Prince Albert. It is 665 metres long and was designed by Brunel. \
        See https://bridge.example/history for more. 这座桥长六百六十五米，由布鲁内尔设计。";

    fn claims(text: &str) -> Vec<(Unsupported, String)> {
        let mut context = Context::default();
        context.add(PASSAGE);
        let (mut checker, mut out) = (Checker::default(), Vec::new());
        checker.push(&context, text, &mut out);
        checker.finish(&context, &mut out);
        let told = out.iter().filter(|claim| claim.kind != Unsupported::Statement || claim.score >= 0.65);
        told.map(|claim| {
            (claim.kind, text.get(claim.start as usize..claim.end as usize).unwrap_or_default().to_owned())
        })
        .collect()
    }

    #[test]
    fn what_the_passage_does_not_bear_is_told() {
        use Unsupported::{Link, Name, Number, Statement};
        for (text, expected) in [
            ("The bridge was opened in 1859 by Prince Albert.", vec![]),
            ("Brunel designed the bridge; it is 665 metres long.", vec![]),
            ("The bridge was opened in 1861 by Prince Albert.", vec![(Number, "1861")]),
            ("It was opened by Queen Victoria in 1859.", vec![(Name, "Queen Victoria")]),
            (
                "It is described at https://other.example/bridge.",
                vec![(Link, "https://other.example/bridge")],
            ),
            ("It is described at https://bridge.example/history.", vec![]),
            (
                "Thousands of workers died from cholera while digging its foundations.",
                vec![(Statement, "Thousands of workers died from cholera while digging its foundations")],
            ),
            ("I hope this helps, and you can ask me anything else about engineering!", vec![]),
            ("Would a longer tunnel have cost more money than this?", vec![]),
            ("1. The bridge was opened in 1859.\n2. It is 665 metres long.", vec![]),
            ("```\nlet total = 4711 * 99;\n```\nIt is 665 metres long.", vec![]),
            ("这座桥由布鲁内尔设计。", vec![]),
            ("```x = 1``` is code. It was opened in 1861.", vec![(Number, "1861")]),
            ("It is long. ```\nIt was opened in 1861.", vec![(Number, "1861")]),
        ] {
            let expected: Vec<_> =
                expected.into_iter().map(|(kind, text): (_, &str)| (kind, text.to_owned())).collect();
            assert_eq!(claims(text), expected, "{text}");
        }
        // A sentence that is too long is not cut within a number.
        let long = format!("{}665 metres long.", "and so it was that the bridge stood, ".repeat(56));
        assert!(claims(&long).iter().all(|(kind, _)| *kind != Number), "{:?}", claims(&long));
        assert!(!claims("这座桥的建造花费了工人们二十年时间，无数人因此失去生命。").is_empty());
    }

    proptest! {
        /// However an answer is cut, the same is found.
        #[test]
        fn cuts_change_nothing(
            pieces in proptest::collection::vec(proptest::sample::select(&[
                "The bridge", " was opened", " in 1861", ". ", "Victoria", " Queen", "! ", "https://x.example/a", "\n", "```\n", "。", "长桥", "3.5", " é",
            ][..]), 0..30),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let text = pieces.concat();
            let mut context = Context::default();
            context.add(PASSAGE);
            let (mut whole, mut expected) = (Checker::default(), Vec::new());
            whole.push(&context, &text, &mut expected);
            whole.finish(&context, &mut expected);
            let letters: Vec<char> = text.chars().collect();
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(letters.len() + 1)).chain([0, letters.len()]).collect();
            at.sort_unstable();
            let (mut checker, mut found) = (Checker::default(), Vec::new());
            for piece in at.windows(2) {
                let piece: String = letters[piece[0]..piece[1]].iter().collect();
                let open = checker.open();
                let known = found.len();
                checker.push(&context, &piece, &mut found);
                prop_assert!(found[known..].iter().all(|claim| claim.start >= open), "nothing is found in what was let go");
            }
            checker.finish(&context, &mut found);
            prop_assert_eq!(found, expected);
        }
    }
}
