//! Texts made of phrases: acts in frames, each with its choices taken. The same files give the same texts.

use super::dice::{self, Dice};
use super::recipe::{Acts, Injection, PhraseFile};
use std::collections::{BTreeMap, HashSet};

/// A text that was made, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Phrase {
    pub(super) text: String,
    pub(super) lang: String,
    /// Whether it is what its task looks for.
    pub(super) label: bool,
    /// Of the taxonomy.
    pub(super) category: Option<String>,
    pub(super) kind: Kind,
}

/// Which task's phrases it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// Something harmful, or its harmless twin.
    Act,
    /// An order to an assistant, wherever it stands.
    Order,
    /// The same in what a tool returns.
    ToolOrder,
}

/// Why no texts can be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("there is no frame `{name}` in the language `{lang}`")]
pub(super) struct NoFrame {
    name: String,
    lang: String,
}

/// Makes texts, each once.
pub(super) fn make(files: &[PhraseFile], per_line: usize) -> Result<Vec<Phrase>, NoFrame> {
    let mut frames: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for frame in files.iter().flat_map(|file| &file.frame) {
        frames.entry((&frame.lang, &frame.name)).or_default().extend(lines(&frame.lines));
    }
    let mut dice = Dice(0x0123_4567);
    let mut out = Vec::new();
    for file in files {
        for acts in &file.acts {
            for line in lines(&acts.lines) {
                act(acts, line, per_line, &frames, &mut dice, &mut out)?;
            }
        }
        for orders in &file.injection {
            for line in lines(&orders.lines) {
                order(orders, line, per_line, &mut dice, &mut out);
            }
        }
    }
    let mut seen = HashSet::new();
    out.retain(|phrase| seen.insert((phrase.text.clone(), phrase.label, phrase.kind)));
    Ok(out)
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

fn act(
    acts: &Acts,
    line: &str,
    per_line: usize,
    frames: &BTreeMap<(&str, &str), Vec<&str>>,
    dice: &mut Dice,
    out: &mut Vec<Phrase>,
) -> Result<(), NoFrame> {
    let many = (per_line * (1 + choices(line).min(200) / 6)).min(per_line * 8);
    for (names, twin, many) in [(&acts.frames, false, many), (&acts.twins, true, many / 2)] {
        for _ in 0..many {
            let Some(name) = dice.one(names) else { break };
            let known = frames.get(&(acts.lang.as_str(), name.as_str()));
            let own = known.ok_or_else(|| NoFrame { name: name.clone(), lang: acts.lang.clone() })?;
            let act = choose(line, dice);
            let frame = dice.one(own).copied().unwrap_or("{}");
            let text = choose(frame, dice).replace("{ing}", &gerund(&act)).replace("{}", &act);
            out.push(Phrase {
                text,
                lang: acts.lang.clone(),
                label: acts.category.is_some() && !twin,
                category: acts.category.clone(),
                kind: Kind::Act,
            });
        }
    }
    Ok(())
}

fn order(orders: &Injection, line: &str, per_line: usize, dice: &mut Dice, out: &mut Vec<Phrase>) {
    let many = (per_line * (1 + choices(line).min(400) / 6)).min(per_line * 12);
    let kind = if orders.side.as_deref() == Some("tool") { Kind::ToolOrder } else { Kind::Order };
    for _ in 0..many {
        out.push(Phrase {
            text: choose(line, dice),
            lang: orders.lang.clone(),
            label: orders.label == 1,
            category: orders.category.clone(),
            kind,
        });
    }
}

/// How many texts a line stands for.
fn choices(line: &str) -> usize {
    let groups = line.split('(').skip(1).filter_map(|rest| rest.split(')').next());
    groups.map(|group| group.split('|').count()).fold(1_usize, usize::saturating_mul)
}

/// A line with its choices taken, and single spaces where one of them was empty.
fn choose(line: &str, dice: &mut Dice) -> String {
    dice::choose(line, dice).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The gerund of an English act: `making a cake`. Adverbs before the verb stay.
fn gerund(act: &str) -> String {
    let (verb, rest) = act.split_once(' ').map_or((act, String::new()), |(v, r)| (v, format!(" {r}")));
    if verb.ends_with("ly") && !rest.is_empty() {
        return format!("{verb} {}", gerund(rest.trim_start()));
    }
    let vowel = |letter: &u8| b"aeiou".contains(letter);
    let stem = |by: usize| verb.get(..verb.len().saturating_sub(by)).unwrap_or_default();
    let ing = match verb.as_bytes() {
        [.., b'i', b'e'] => format!("{}ying", stem(2)),
        [.., b'e', b'e'] => format!("{verb}ing"),
        [.., b'e'] => format!("{}ing", stem(1)),
        [.., a, b, c] if verb.len() <= 5 && !vowel(a) && vowel(b) && !vowel(c) && !b"wxy".contains(c) => {
            format!("{verb}{}ing", char::from(*c))
        }
        _ => format!("{verb}ing"),
    };
    format!("{ing}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gerunds_are_english() {
        for (act, want) in [
            ("make a cake", "making a cake"),
            ("rob a bank", "robbing a bank"),
            ("secretly film him", "secretly filming him"),
            ("lie", "lying"),
            ("flee", "fleeing"),
            ("play", "playing"),
        ] {
            assert_eq!(gerund(act), want);
        }
    }

    #[test]
    fn texts_are_made_of_frames_and_choices_and_always_the_same() {
        let file: PhraseFile = toml::from_str(
            "[[frame]]\nname = \"ask\"\nlang = \"en\"\nlines = \"how do i {}?\\nis {ing} hard?\"\n\
             [[acts]]\nlang = \"en\"\ncategory = \"CRIME\"\nframes = [\"ask\"]\nlines = \"rob (a bank|a shop)\"\n",
        )
        .expect("TOML");
        let made = make(std::slice::from_ref(&file), 20).expect("frames");
        let texts: HashSet<&str> = made.iter().map(|phrase| phrase.text.as_str()).collect();
        assert_eq!(
            texts,
            HashSet::from([
                "how do i rob a bank?",
                "how do i rob a shop?",
                "is robbing a bank hard?",
                "is robbing a shop hard?"
            ])
        );
        assert!(made.iter().all(|phrase| phrase.label));
        assert_eq!(make(&[file], 20), Ok(made));
    }
}
