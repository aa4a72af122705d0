//! Statements ready to be compared with sentences.

use super::file::{Claims, Statement, Verdict};
use crate::detect::grounding::{Form, Word, words};
use crate::text::fold::fold_literal;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::fmt;

/// The words that say something that a statement needs: two characters of a script without spaces are one.
const LEAST: usize = 3;
/// How much a name, a number and two characters weigh beside a word.
const NAME: f32 = 1.5;
const PAIR_OF_CHARACTERS: f32 = 0.6;
/// The least share of the statement's weight that stands in a sentence which says it.
const COVERED: f32 = 0.6;
/// The same of a statement of few words.
const FEW: usize = 4;
const COVERED_OF_FEW: f32 = 0.85;
/// The least share of the sentence's words that are the statement's.
const OF_SENTENCE: f32 = 0.3;

/// What has the form of a denial and denies nothing.
const NO_DENIALS: &[&str] = &[
    "no doubt",
    "not only",
    "no wonder",
    "without any",
    "without doubt",
    "不仅",
    "不容",
    "不错",
    "不但",
    "不断",
    "未来",
    "不要错过",
    "不同",
];
/// Words that deny, doubt or ask for what stands beside them, lower case.
const DENIALS: &[&str] = &[
    "not",
    "no",
    "never",
    "cannot",
    "without",
    "false",
    "falsely",
    "myth",
    "untrue",
    "incorrect",
    "wrong",
    "debunked",
    "hoax",
    "rumor",
    "rumour",
    "fake",
    "nor",
    "neither",
    "unproven",
    "misconception",
    "misconceptions",
    "myths",
    "rumors",
    "rumours",
    "hardly",
    "fail",
    "fails",
    "failed",
    "nobody",
    "nothing",
    "none",
    "refuted",
    "disproved",
    "disproven",
    "disputed",
    "dispute",
    "lie",
    "lied",
    "lies",
    "whether",
    "if",
    "doesnt",
    "dont",
    "cant",
    "isnt",
    "contrary",
    "unlikely",
    "doubt",
];
/// The same in Chinese and Japanese, wherever they stand.
const WIDE_DENIALS: &[&str] = &[
    "不",
    "没",
    "未",
    "并非",
    "无法",
    "谣言",
    "谣传",
    "虚假",
    "错误",
    "误解",
    "误区",
    "否认",
    "辟谣",
    "不实",
    "假的",
    "是否",
    "吗",
    "ない",
    "ません",
    "デマ",
];

/// A statement's words.
#[derive(Clone, Debug)]
struct Weighed {
    words: Vec<(u64, f32)>,
    numbers: SmallVec<[u64; 2]>,
    /// Its neighbours among them.
    pairs: Vec<(u64, u64)>,
    weight: f32,
    denied: bool,
}

/// Statements by their words.
pub struct Known {
    statements: Vec<Statement>,
    weighed: Vec<Weighed>,
    by_word: HashMap<u64, SmallVec<[u32; 2]>>,
}

impl fmt::Debug for Known {
    /// What tells one from another: policies are compared by it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Known").field(&self.statements).finish()
    }
}

/// The text of a statement as texts are folded that are held against it.
fn folded(text: &str) -> String {
    String::from_utf8(fold_literal(text)).unwrap_or_default()
}

fn says(word: &Word) -> bool {
    word.form != Form::Common
}

/// Whether a sentence denies or doubts something. How often makes no difference: `No, it does not` denies once.
fn denies(text: &str) -> bool {
    let mut text = text.to_lowercase();
    for harmless in NO_DENIALS {
        text = text.replace(harmless, "");
    }
    let (words, _) = words(&text);
    let word = |word: &Word| text.get(word.start..word.end).unwrap_or_default().to_lowercase();
    let is_denial = |word: &str| DENIALS.contains(&word) || word.ends_with("n't") || word.ends_with("n’t");
    words.iter().any(|one| is_denial(&word(one))) || WIDE_DENIALS.iter().any(|denial| text.contains(denial))
}

/// What is wrong with a statement that cannot be told from other sentences.
pub(super) fn too_little(claim: &str) -> Option<String> {
    let text = folded(claim);
    let (all, _) = words(&text);
    let count = all.iter().filter(|word| says(word)).count();
    let what = format!("a statement needs {LEAST} words that say something, and has {count}");
    if claim.chars().any(char::is_control) {
        return Some("a statement is one line, without control characters".to_owned());
    }
    if claim.contains(['?', '？']) {
        return Some("a question states nothing".to_owned());
    }
    (count < LEAST).then_some(what)
}

impl Known {
    /// The statements of a file.
    pub fn new(claims: &Claims) -> Self {
        let statements = claims.statements().to_vec();
        let texts: Vec<String> = statements.iter().map(|one| folded(&one.claim)).collect();
        let all: Vec<Vec<Word>> = texts.iter().map(|text| words(text).0).collect();
        let mut by_word: HashMap<u64, SmallVec<[u32; 2]>> = HashMap::new();
        for (words, number) in all.iter().zip(0..) {
            for word in words.iter().filter(|word| says(word)) {
                let of = by_word.entry(word.hash).or_default();
                if of.last() != Some(&number) {
                    of.push(number);
                }
            }
        }
        let many = statements.len().max(1) as f32;
        let weigh = |(words, text): (&Vec<Word>, &String)| {
            let mut own: Vec<(u64, f32)> = Vec::new();
            for word in words.iter().filter(|word| says(word)) {
                let of = by_word.get(&word.hash).map_or(1, SmallVec::len) as f32;
                let is_pair =
                    text.get(word.start..).is_some_and(|rest| rest.chars().next() >= Some('\u{2e80}'));
                let kind = match word.form {
                    Form::Capital | Form::Number => NAME,
                    Form::Word if is_pair => PAIR_OF_CHARACTERS,
                    Form::Word | Form::Common => 1.0,
                };
                if own.iter().all(|(known, _)| *known != word.hash) {
                    own.push((word.hash, kind * (1.0 + (many / of).ln() * 0.25)));
                }
            }
            let said: Vec<u64> = words.iter().filter(|word| says(word)).map(|word| word.hash).collect();
            let numbers = words.iter().filter(|word| word.form == Form::Number).map(|word| word.hash);
            Weighed {
                weight: own.iter().map(|(_, weight)| weight).sum(),
                words: own,
                numbers: numbers.collect(),
                pairs: said.windows(2).filter_map(|two| Some((*two.first()?, *two.get(1)?))).collect(),
                denied: denies(text),
            }
        };
        let weighed = all.iter().zip(&texts).map(weigh).collect();
        Self { statements, weighed, by_word }
    }

    /// The statements, by number.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Which statement that is not true a sentence of folded text says, how surely, 0 to 1, and from where to where.
    pub(super) fn said(&self, sentence: &str) -> Option<(u32, f32, std::ops::Range<usize>)> {
        // A question asserts nothing.
        if sentence.contains(['?', '？']) {
            return None;
        }
        let (all, _) = words(sentence);
        let own: Vec<&Word> = all.iter().filter(|word| says(word)).collect();
        let mut near: HashMap<u32, u32> = HashMap::new();
        for number in own.iter().filter_map(|word| self.by_word.get(&word.hash)).flatten() {
            *near.entry(*number).or_default() += 1;
        }
        let likely: Vec<u32> =
            near.into_iter().filter(|(_, count)| *count >= 2).map(|(number, _)| number).collect();
        if likely.is_empty() {
            return None;
        }
        let denied = denies(sentence);
        // Who does what to whom may stand the other way round.
        let by = sentence.contains(" by ") || sentence.contains('被');
        let mut best: Option<(u32, f32)> = None;
        for number in likely {
            let Some(weighed) = self.weighed.get(number as usize) else { continue };
            if let Some(score) = weighed.score(&own, by).filter(|_| weighed.denied == denied)
                && best.is_none_or(|(known, of_it)| score.total_cmp(&of_it).then(known.cmp(&number)).is_gt())
            {
                best = Some((number, score));
            }
        }
        let (number, score) = best?;
        let statement = self.statements.get(number as usize).filter(|one| one.verdict != Verdict::True)?;
        debug_assert!(!statement.claim.is_empty(), "it has words");
        Some((number, score, all.first()?.start..all.last()?.end))
    }
}

impl Weighed {
    /// How much of it a sentence of these words says; nothing if it is too little, or if a number is another.
    /// `by`: the sentence may be in the passive voice.
    fn score(&self, own: &[&Word], by: bool) -> Option<f32> {
        let has = |hash: u64| own.iter().any(|word| word.hash == hash);
        if !self.numbers.iter().all(|number| has(*number)) {
            return None;
        }
        let covered: f32 = self.words.iter().filter(|(hash, _)| has(*hash)).map(|(_, weight)| weight).sum();
        let covered = covered / self.weight.max(f32::MIN_POSITIVE);
        let shared = own.iter().filter(|word| self.words.iter().any(|(hash, _)| *hash == word.hash)).count();
        let of_sentence = shared as f32 / own.len().max(1) as f32;
        let least = if self.words.len() <= FEW { COVERED_OF_FEW } else { COVERED };
        if covered < least || of_sentence < OF_SENTENCE {
            return None;
        }
        // Neighbours that stand near each other, in their order.
        let place = |hash: u64| own.iter().position(|word| word.hash == hash);
        let kept = self.pairs.iter().filter(|(one, two)| {
            let (one, two) = (place(*one), place(*two));
            one.zip(two).is_some_and(|(one, two)| one < two && two - one <= 3)
        });
        let order = if self.pairs.is_empty() { 1.0 } else { kept.count() as f32 / self.pairs.len() as f32 };
        if order == 0.0 && !by {
            return None;
        }
        Some(0.75 * covered + 0.25 * order)
    }
}
