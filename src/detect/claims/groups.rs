//! Words and short phrases that say the same, of `filters/claims`: what is meant by a file is told at its beginning.
//!
//! They are read once, when the first file of statements is, and take some hundred KiB.

use crate::detect::Flaw;
use crate::detect::grounding::{hash, stem};
use crate::diag::nearest;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

/// A group of words that say the same, by number.
pub(super) type Group = u16;

/// A map by what is a hash already.
pub(super) type ByHash<T> = HashMap<u64, T, BuildHasherDefault<AsItIs>>;

/// The hash of what is a hash already. What stands in such a map comes from files that the operator trusts.
#[derive(Debug, Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        // The groups' keys are small numbers.
        self.0 = hash.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The groups of a word.
pub(super) type Of = SmallVec<[Group; 4]>;

/// The files that ship.
const FILES: [&str; 2] =
    [include_str!("../../../filters/claims/en.groups"), include_str!("../../../filters/claims/zh.groups")];

/// The group of words that say nothing of their own.
pub(super) const LIGHT: Group = 0;
/// The group of words that deny or doubt what stands beside them, or ask.
pub(super) const DENIAL: Group = 1;

/// So many words may stand in the gap of a phrase.
const GAP: usize = 3;

static GROUPS: LazyLock<Groups> = LazyLock::new(|| {
    let phrases = Vec::with_capacity(FILES.iter().map(|file| file.matches(',').count()).sum());
    let others = vec![Other::default(), Other::default()];
    let mut groups = Groups { phrases, others, ..Groups::default() };
    for file in FILES {
        let read = groups.read(file);
        debug_assert!(read.is_ok(), "{read:?}");
    }
    groups.arrange();
    groups
});

/// What stands against a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Against {
    /// Who says the one does not say the other.
    Contrary,
    /// Not the one is the other.
    Complement,
    /// The same with the roles turned round.
    Converse,
}

/// What is known of a group beside its words.
#[derive(Clone, Debug, Default)]
struct Other {
    against: Option<(Group, Against)>,
    sort: Sort,
}

/// What the words of a group speak of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sort {
    /// Somebody or something.
    #[default]
    Thing,
    /// What is done.
    Verb,
    /// How something is, and how much of it there is.
    Property,
}

impl Sort {
    /// The headings, and what stands under them.
    const HEADINGS: [(&str, Self); 3] =
        [("things", Self::Thing), ("verbs", Self::Verb), ("properties", Self::Property)];

    /// What stands under a heading.
    fn headed(heading: &str) -> Option<Self> {
        Self::HEADINGS.into_iter().find(|(name, _)| *name == heading).map(|(_, sort)| sort)
    }
}

/// What is said of a heading that is none.
fn unknown(heading: &str) -> String {
    let names = Sort::HEADINGS.map(|(name, _)| name);
    let near = nearest(heading, &names).map(|near| format!(", did you mean `@{near}`?")).unwrap_or_default();
    format!("unknown heading `@{heading}`{near} expected `@things`, `@verbs` or `@properties`")
}

/// The word of a line of groups that has a sign within it which means something elsewhere: `cure,heal><harm`, `-the`.
fn strayed(line: &str) -> Option<&str> {
    let body = ["- ", "! ", "= "].iter().find_map(|sign| line.strip_prefix(sign)).unwrap_or(line);
    let two = [" >< ", " <> ", " ~ "].iter().find_map(|sign| body.split_once(sign));
    let sides = two.map_or([body, ""], |(one, other)| [one, other]);
    let mut words = sides.into_iter().flat_map(|side| side.split(',')).map(str::trim);
    words.find(|word| word.contains(['<', '>', '~', '@', '=', '!', '#']) || word.starts_with('-'))
}

/// A phrase.
#[derive(Clone, Debug, PartialEq)]
struct Phrase {
    first: u64,
    /// The words behind it.
    rest: Box<[u64]>,
    /// Behind so many words of the rest others may stand.
    gap: Option<u8>,
    of: Of,
}

/// All groups.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// By their first words, of one word the longest first.
    phrases: Vec<Phrase>,
    /// Where those of a first word begin, and how many there are.
    firsts: ByHash<(u32, u32)>,
    /// Words of scripts without spaces, by their hash.
    dense: ByHash<Of>,
    /// How many characters the words have that begin with one: a bit for each number.
    lengths: HashMap<char, u16>,
    others: Vec<Other>,
}

/// A phrase that was found: its groups, how many words it has before its gap, and where the words behind it stand.
pub(super) struct Match<'g> {
    pub(super) of: &'g Of,
    pub(super) front: usize,
    pub(super) back: std::ops::Range<usize>,
}

/// The groups that ship.
pub(super) fn groups() -> &'static Groups {
    &GROUPS
}

/// What a lower-case English word is compared by: its stem, without the doubled letter that an ending brings (`stopped`, `stop`).
pub(super) fn root(lower: &str) -> u64 {
    let mut root = stem(lower);
    if lower.ends_with("ly") {
        root = stem(root);
    }
    // `stay` and `stays`.
    if ["ay", "ey", "oy", "uy"].iter().any(|end| root.ends_with(end)) {
        root = root.get(..root.len() - 1).unwrap_or(root);
    }
    let mut back = root.bytes().rev();
    let twice = back.next().filter(|last| Some(*last) == back.next() && last.is_ascii_alphabetic());
    if twice.is_some() && root.len() > 3 {
        root = root.get(..root.len() - 1).unwrap_or(root);
    }
    hash(root)
}

impl Groups {
    /// Reads a file. A heading that is none, and signs that stand where they mean nothing, are flaws: what follows would be read as something
    /// else.
    fn read(&mut self, file: &str) -> Result<(), Flaw> {
        let mut sort = Sort::Thing;
        let lines = (1..).zip(file.lines().map(str::trim));
        for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let flaw = |what: String| Flaw { line: number, what };
            if let Some(heading) = line.strip_prefix('@') {
                sort = Sort::headed(heading).ok_or_else(|| flaw(unknown(heading)))?;
                continue;
            }
            if let Some(word) = strayed(line) {
                return Err(flaw(format!("expected words and phrases, found `{word}`")));
            }
            if let Some(words) = line.strip_prefix("- ") {
                self.add(words, Some(LIGHT));
            } else if let Some(words) = line.strip_prefix("! ") {
                self.add(words, Some(DENIAL));
            } else if let Some(words) = line.strip_prefix("= ") {
                self.add(words, None);
            } else {
                let signs =
                    [(" >< ", Against::Contrary), (" <> ", Against::Complement), (" ~ ", Against::Converse)];
                let two = signs.iter().find_map(|(sign, kind)| Some((line.split_once(sign)?, *kind)));
                let first = self.others.len() as Group;
                let against = |group| two.map(|(_, kind)| (group, kind));
                self.others.push(Other { against: against(first + 1), sort });
                match two {
                    Some(((one, other), _)) => {
                        self.others.push(Other { against: against(first), sort });
                        self.add(one, Some(first));
                        self.add(other, Some(first + 1));
                    }
                    None => self.add(line, Some(first)),
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, words: &str, group: Option<Group>) {
        for word in words.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            if word.is_ascii() {
                self.phrases.extend(phrase(word, group));
            } else if let (Some(of), Some(group)) = (self.word(word), group)
                && !of.contains(&group)
            {
                of.push(group);
            }
        }
    }

    /// Puts phrases that are the same together, and all in order.
    fn arrange(&mut self) {
        let length = |one: &Phrase| std::cmp::Reverse(one.rest.len());
        self.phrases.sort_by(|one, other| {
            let key = |one: &Phrase| (one.first, length(one), std::cmp::Reverse(one.gap));
            key(one).cmp(&key(other)).then_with(|| one.rest.cmp(&other.rest))
        });
        self.phrases.dedup_by(|again, kept| {
            let same = (again.first, again.gap) == (kept.first, kept.gap) && again.rest == kept.rest;
            if same {
                let more: Of = again.of.iter().copied().filter(|group| !kept.of.contains(group)).collect();
                kept.of.extend(more);
            }
            same
        });
        self.phrases.shrink_to_fit();
        let mut start = 0;
        for of_one in self.phrases.chunk_by(|one, other| one.first == other.first) {
            let count = of_one.len() as u32;
            self.firsts.extend(of_one.first().map(|one| (one.first, (start, count))));
            start += count;
        }
    }

    /// The groups of a word of a script without spaces.
    fn word(&mut self, word: &str) -> Option<&mut Of> {
        let length = word.chars().count();
        let first = word.chars().next()?;
        *self.lengths.entry(first).or_default() |= 1_u16.checked_shl(length as u32)?;
        Some(self.dense.entry(hash(word)).or_default())
    }

    /// The longest phrase that the words of these keys begin with.
    pub(super) fn phrase_at(&self, keys: &[u64]) -> Option<Match<'_>> {
        let (first, keys) = keys.split_first()?;
        let (start, count) = *self.firsts.get(first)?;
        let phrases = self.phrases.get(start as usize..(start + count) as usize)?;
        phrases.iter().find_map(|phrase| {
            let cut = phrase.gap.map_or(phrase.rest.len(), usize::from);
            let (front, back) = phrase.rest.split_at_checked(cut)?;
            let behind = keys.strip_prefix(front)?;
            let front = front.len() + 1;
            if back.is_empty() {
                return Some(Match { of: &phrase.of, front, back: 0..0 });
            }
            let gap = (1..=GAP).find(|gap| behind.get(*gap..).is_some_and(|rest| rest.starts_with(back)))?;
            Some(Match { of: &phrase.of, front, back: front + gap..front + gap + back.len() })
        })
    }

    /// The longest word that a stretch without spaces begins with: its bytes and its groups.
    pub(super) fn word_at(&self, run: &str) -> Option<(usize, &Of)> {
        let lengths = *self.lengths.get(&run.chars().next()?)?;
        let mut ends: SmallVec<[usize; 8]> = SmallVec::new();
        let longest = 15_u32.saturating_sub(lengths.leading_zeros()) as usize;
        ends.extend(run.char_indices().map(|(at, c)| at + c.len_utf8()).take(longest));
        let mut each = ends.iter().enumerate().rev().filter(|(at, _)| lengths >> (at + 1) & 1 == 1);
        each.find_map(|(_, end)| Some((*end, self.dense.get(&hash(run.get(..*end)?))?)))
    }

    /// Whether a word of this key denies.
    pub(super) fn is_denial(&self, key: u64) -> bool {
        self.phrase_at(&[key]).is_some_and(|found| found.of.contains(&DENIAL))
    }

    /// What stands against a group.
    pub(super) fn against(&self, group: Group) -> Option<(Group, Against)> {
        self.others.get(usize::from(group))?.against
    }

    /// Whether one of these groups is of a sort.
    pub(super) fn is(&self, of: &Of, sort: Sort) -> bool {
        of.iter().any(|group| {
            self.others.get(usize::from(*group)).is_some_and(|one| one.sort == sort && *group > DENIAL)
        })
    }
}

/// A phrase of words with spaces, and its group.
fn phrase(text: &str, group: Option<Group>) -> Option<Phrase> {
    let (before, after) = text.split_once(" .. ").map_or((text, None), |(a, b)| (a, Some(b)));
    let front = roots(before);
    let (first, rest) = front.split_first()?;
    let gap = after.map(|_| rest.len() as u8);
    let rest = rest.iter().copied().chain(after.map(roots).unwrap_or_default()).collect();
    Some(Phrase { first: *first, rest, gap, of: group.into_iter().collect() })
}

/// The keys of a phrase's words.
fn roots(text: &str) -> Vec<u64> {
    super::terms::tokens(text).iter().map(|token| token.key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A word that stands on both sides of a line would deny itself.
    #[test]
    fn no_word_is_its_own_opposite() {
        let groups = groups();
        let own = |of: &Of| {
            of.iter().copied().filter_map(|group| groups.against(group)).find(|(other, _)| of.contains(other))
        };
        let mut wrong = Vec::new();
        for word in FILES.iter().flat_map(|file| file.lines()).filter(|line| !line.starts_with('#')) {
            for word in word.split([',', '>', '<', '~']).map(str::trim).filter(|word| !word.is_empty()) {
                let of = if word.is_ascii() {
                    groups.phrase_at(&roots(word)).map(|found| found.of)
                } else {
                    groups.word_at(word).map(|(_, of)| of)
                };
                wrong.extend(of.and_then(own).map(|_| word));
            }
        }
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    /// A misspelt heading would have all that follows read as what stood above it.
    #[test]
    fn headings_and_signs_are_read_or_told() {
        for file in FILES {
            assert_eq!(Groups::default().read(file), Ok(()));
            assert!(
                file.contains("\n@verbs\n")
                    && file.contains("\n@properties\n")
                    && file.contains("\n@things\n")
            );
        }
        let said = |file: &str| Groups::default().read(file).expect_err("it is wrong").to_string();
        assert_eq!(
            said("# words\n@verbs\ncure, heal\n@propertys\nbig"),
            "line 4: unknown heading `@propertys`, did you mean `@properties`? expected `@things`, `@verbs` or `@properties`"
        );
        for heading in ["@Verbs", "@ verbs", "@", "@verb", "@nouns"] {
            assert!(said(heading).starts_with("line 1: unknown heading"), "{heading}");
        }
        for (line, word) in [
            ("cure,heal><harm", "heal><harm"),
            ("-the, of", "-the"),
            ("a >< b >< c", "b >< c"),
            ("a ~b", "a ~b"),
            ("!not", "!not"),
        ] {
            assert_eq!(said(line), format!("line 1: expected words and phrases, found `{word}`"));
        }
    }

    #[test]
    fn words_are_found_with_their_endings_and_phrases_with_their_gaps() {
        let groups = groups();
        let of =
            |text: &str| groups.phrase_at(&roots(text)).map(|found| found.of.to_vec()).unwrap_or_default();
        let shares = |one: &str, other: &str| of(one).iter().any(|group| of(other).contains(group));
        for (one, other) in [
            ("cures", "getting rid of"),
            ("stopped", "stops"),
            ("stays", "remained"),
            ("protects people against", "prevent"),
            ("quickly", "fast"),
            ("led to", "causing"),
        ] {
            assert!(shares(one, other), "{one}, {other}");
        }
        assert!(!shares("increase", "reduce") && !shares("garlic", "onion"));
        assert_eq!(groups.word_at("预防流感").map(|(length, _)| length), Some("预防".len()));
        assert!(groups.word_at("犇").is_none());
    }
}
