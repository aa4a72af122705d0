//! Texts made of frames and words. The same files give the same texts.

use super::super::dice::{Dice, choose};
use super::recipe::{Recipe, Slots, WordFile};
use std::ops::Range;

/// A text that was made, with what stands in it in bytes, by type.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Made {
    pub(super) text: String,
    pub(super) spans: Vec<(Range<usize>, usize)>,
}

impl Dice {
    /// One of many; the first ones more often, as names are.
    fn early<'t, T>(&mut self, of: &'t [T]) -> Option<&'t T> {
        let (a, b) = (self.below(of.len()), self.below(of.len()));
        of.get(if self.below(3) == 0 { a.min(b) } else { a })
    }
}

/// Why no texts can be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("nothing fills the slot `{slot}` in the language `{lang}`")]
pub(super) struct NoSlot {
    slot: String,
    lang: String,
}

/// How deep slots may stand in slots.
const DEEPEST: usize = 6;

/// Makes texts of all frames.
pub(super) fn make(
    recipe: &Recipe,
    files: &[WordFile],
    slots: &Slots<'_>,
) -> Result<Vec<(String, Made)>, NoSlot> {
    let mut dice = Dice(0x0123_4567_89AB_CDEF);
    let mut out = Vec::new();
    for frame in files.iter().flat_map(|file| &file.frame) {
        let lines = frame.lines.lines().map(str::trim).filter(|line| !line.is_empty());
        for (line, lang) in lines.flat_map(|line| frame.langs.iter().map(move |lang| (line, lang))) {
            for _ in 0..frame.per_line.unwrap_or(recipe.per_line) {
                let mut made = Made::default();
                fill(recipe, slots, lang, line, &mut dice, 0, &mut made)?;
                out.push((lang.clone(), made));
            }
        }
    }
    Ok(out)
}

/// Something that fills a slot.
pub(super) fn one(
    recipe: &Recipe,
    slots: &Slots<'_>,
    lang: &str,
    slot: &str,
    dice: &mut Dice,
) -> Result<String, NoSlot> {
    let mut made = Made::default();
    fill(recipe, slots, lang, &format!("{{{slot}}}"), dice, 0, &mut made)?;
    Ok(made.text)
}

fn fill(
    recipe: &Recipe,
    slots: &Slots<'_>,
    lang: &str,
    line: &str,
    dice: &mut Dice,
    depth: usize,
    out: &mut Made,
) -> Result<(), NoSlot> {
    let line = choose(line, dice);
    let mut rest = line.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        out.text.push_str(&before.replace("\\n", "\n").replace("\\t", "\t"));
        let Some((slot, after)) = after.split_once('}') else { break };
        rest = after;
        let start = out.text.len();
        let kind = recipe.slot(slot);
        let known = out.spans.len();
        let key = (lang, slot);
        if slot.starts_with('#') {
            // As many digits, the first one not zero.
            for n in 0..slot.len() {
                let digit = if n == 0 { 1 + dice.below(9) } else { dice.below(10) };
                out.text.push_str(&digit.to_string());
            }
        } else if let Some(line) = slots.lines.get(&key).and_then(|lines| lines.get(dice.below(lines.len())))
        {
            if depth < DEEPEST {
                fill(recipe, slots, lang, line, dice, depth + 1, out)?;
            }
        } else if let Some(word) = slots.words.get(&key).and_then(|words| dice.early(words)) {
            out.text.push_str(word);
        } else if let Some((base, manner)) = slot.split_once(':') {
            let word = one(recipe, slots, lang, base, dice)?;
            out.text.push_str(&in_manner(&word, manner));
        } else {
            return Err(NoSlot { slot: slot.to_owned(), lang: lang.to_owned() });
        }
        let kind = kind.or_else(|| recipe.slot(slot.split(':').next().unwrap_or_default()));
        if let Some(kind) = kind {
            // What stands in it is a part of it.
            out.spans.truncate(known);
            out.spans.push((start..out.text.len(), kind));
        }
    }
    out.text.push_str(&rest.replace("\\n", "\n").replace("\\t", "\t"));
    Ok(())
}

/// A word in capitals, in lower case, with a capital, or its first letter.
fn in_manner(word: &str, manner: &str) -> String {
    match manner {
        "upper" => word.to_uppercase(),
        "lower" => word.to_lowercase(),
        "initial" => word.chars().take(1).collect(),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_filled_and_labelled_by_the_outermost() {
        let recipe: Recipe = toml::from_str(
            "kind = \"tagger\"\nname = \"n\"\nversion = \"1\"\ntitle = \"t\"\nbits = 8\nepochs = 1\nrate = 0.1\ndecay = 0.0\nleast = 1\n\
             held = 5\nwords = []\nper_line = 3\nmade_weight = 1.0\nsource = []\n\
             types = [{ name = \"person\", labelled = \"PERSON\", slots = [\"person\", \"given\"] }]\n",
        )
        .expect("TOML");
        let file: WordFile = toml::from_str(
            "[[words]]\nlangs = [\"en\"]\nslot = \"given\"\nwords = \"Ann\"\n\
             [[words]]\nlangs = [\"en\"]\nslot = \"family\"\nwords = \"Van_Dyke\"\n\
             [[make]]\nlangs = [\"en\"]\nslot = \"person\"\nlines = \"{given} {family:upper}\"\n\
             [[frame]]\nlangs = [\"en\"]\nlines = \"Ask {person}\\\\n(now|now) {##}\"\n",
        )
        .expect("TOML");
        let files = [file];
        let slots = Slots::of(&files);
        let made = make(&recipe, &files, &slots).expect("slots");
        assert_eq!(made.len(), 3);
        for (_, made) in &made {
            assert!(made.text.starts_with("Ask Ann VAN DYKE\nnow "), "{made:?}");
            assert_eq!(made.spans, [(4..16, 0)]);
        }
        assert_eq!(make(&recipe, &files, &slots), Ok(made));
        let other: WordFile =
            toml::from_str("[[frame]]\nlangs = [\"en\"]\nlines = \"{nobody}\"\n").expect("TOML");
        assert!(make(&recipe, &[other], &slots).is_err());
    }
}
