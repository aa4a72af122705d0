//! From rows and phrases to lessons: what each text is, by class.

use super::phrases::{Kind, Phrase, make};
use super::recipe::{PhraseFile, Recipe, SourceOf};
use crate::cli::bank::signs;
use crate::detect::classify::{LANES, Lesson, Reading, kin};
use crate::text::fold::fold_literal;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// The source of sentences of harmless texts, where sources are told.
pub(super) const SENTENCES: &str = "sentences";

/// What to learn from.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) lessons: Vec<Lesson>,
    /// By lesson: where it is from.
    pub(super) sources: Vec<Origin>,
    /// Rows by source and licence.
    pub(super) rows: BTreeMap<(String, String), usize>,
    /// Texts made of phrases.
    pub(super) made: usize,
    /// Files that may be missing and are.
    pub(super) missing: Vec<String>,
}

/// Where a lesson is from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    pub(super) source: String,
    /// Whether it was kept from training.
    pub(super) unseen: bool,
}

/// The classes by name.
struct Classes<'r>(&'r [String]);

impl Classes<'_> {
    fn place(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|class| class == name)
    }

    fn set(&self, targets: &mut [i8; LANES], name: &str, value: i8) {
        if let Some(place) = self.place(name) {
            targets[place] = value;
        }
    }

    /// All classes with the same.
    fn all(&self, value: i8) -> [i8; LANES] {
        let mut targets = [-1; LANES];
        targets.iter_mut().take(self.0.len()).for_each(|target| *target = value);
        targets
    }

    /// The first class, and one more of a category, or what is not known of the others.
    fn yes(&self, category: Option<&str>) -> [i8; LANES] {
        let mut targets = self.all(if category.is_some() { 0 } else { -1 });
        targets[0] = 1;
        if let Some(category) = category {
            self.set(&mut targets, category, 1);
        }
        targets
    }
}

/// Gathers what a recipe asks for.
pub(super) fn gather(
    recipe: &Recipe,
    files: &[PhraseFile],
    data: &Path,
    leave_out: &[String],
) -> Result<Gathered, String> {
    let classes = Classes(&recipe.classes);
    let mut out = Gathered::default();
    for source in &recipe.sources {
        let named = source.one.keys().chain(source.zero.keys()).chain(source.categories.values());
        if let Some(unknown) = named.into_iter().find(|name| classes.place(name).is_none()) {
            return Err(format!("source `{}`: there is no class `{unknown}`", source.name));
        }
    }
    let mut by_file: BTreeMap<&str, Vec<&SourceOf>> = BTreeMap::new();
    for source in &recipe.sources {
        by_file.entry(&source.file).or_default().push(source);
    }
    let mut seen = HashSet::new();
    for (name, sources) in by_file {
        let path = data.join(name);
        let Some(text) = text_of(&path, sources.iter().all(|source| source.optional))? else {
            out.missing.push(name.to_owned());
            continue;
        };
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let row: Value = serde_json::from_str(line)
                .map_err(|why| format!("{}:{}: {why}", path.display(), number + 1))?;
            row_of(&row, &sources, &classes, recipe, leave_out, &mut seen, &mut out);
        }
    }
    let made = make(files, recipe.per_line.max(1)).map_err(|why| why.to_string())?;
    for phrase in made {
        phrase_of(&phrase, &classes, recipe, leave_out, &mut out);
    }
    Ok(out)
}

/// What a file of a recipe holds; none where it may be missing and is.
pub(super) fn text_of(path: &Path, optional: bool) -> Result<Option<String>, String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(_) if optional && !path.exists() => Ok(None),
        Err(why) => Err(format!("cannot read `{}`: {why}", path.display())),
    }
}

fn row_of(
    row: &Value,
    sources: &[&SourceOf],
    classes: &Classes<'_>,
    recipe: &Recipe,
    leave_out: &[String],
    seen: &mut HashSet<(String, String)>,
    out: &mut Gathered,
) {
    let field = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
    let (name, licence, label) =
        (field("source"), field("licence"), row.get("label").and_then(Value::as_i64) == Some(1));
    if licence.contains("evaluation only") {
        return;
    }
    // The one whose name says most of the row's.
    let fits = sources.iter().filter(|source| name.starts_with(&source.name));
    let Some(source) = fits.max_by_key(|source| source.name.len()) else { return };
    let text = field(&source.text);
    let folded = folded(text);
    if folded.trim().is_empty() || !seen.insert((name.to_owned(), folded.clone())) {
        return;
    }
    let share = if label { source.share } else { source.share_of_zero.unwrap_or(source.share) };
    if !taken(&folded, share) {
        return;
    }
    let categories =
        row.get("categories").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let category = categories.into_iter().find_map(|category| source.categories.get(category));
    let mut targets = if label { classes.yes(category.map(String::as_str)) } else { classes.all(0) };
    for (class, value) in if label { &source.one } else { &source.zero } {
        classes.set(&mut targets, class, *value);
    }
    let unseen = source.measure_only || leave_out.iter().any(|left| name.starts_with(left.as_str()));
    *out.rows.entry((name.to_owned(), licence.to_owned())).or_default() += 1;
    let weight = if unseen { 0.0 } else { source.weight };
    let benign = source.benign && !label;
    let none = targets.iter().all(|target| *target <= 0);
    let kin = kin(&folded);
    if none && recipe.sentences > 0.0 && weight > 0.0 {
        // Sentences of what is harmless are harmless alone.
        for sentence in sentences(&folded) {
            let lesson = Lesson {
                text: sentence,
                targets,
                weight: weight * recipe.sentences * 0.5,
                benign: false,
                kin,
            };
            out.lessons.push(lesson);
            out.sources.push(Origin { source: SENTENCES.to_owned(), unseen: false });
        }
    }
    as_it_sounds(&folded, targets, weight, recipe, out);
    out.lessons.push(Lesson { text: folded, targets, weight, benign, kin });
    out.sources.push(Origin { source: name.to_owned(), unseen });
}

/// The same text as it sounds, where it is among the share that is learned so. Such texts set no threshold: hardly anybody writes so.
fn as_it_sounds(folded: &str, targets: [i8; LANES], weight: f32, recipe: &Recipe, out: &mut Gathered) {
    let heard = signs::sounds(folded);
    let share = recipe.sounds_of_zero.filter(|_| targets[0] == 0).unwrap_or(recipe.sounds);
    if weight == 0.0 || heard == folded || !taken(&heard, share) {
        return;
    }
    // Half of what is Chinese with words of two characters written together, as people do.
    let joins = !folded.is_ascii() && taken(folded, 0.5);
    let text = if joins {
        let words: Vec<&str> = heard.split(' ').collect();
        words.chunks(2).map(<[&str]>::concat).collect::<Vec<_>>().join(" ")
    } else {
        heard
    };
    let source = if folded.is_ascii() { "as it sounds, en" } else { "as it sounds, zh" };
    out.lessons.push(Lesson { text, targets, weight, benign: false, kin: kin(folded) });
    out.sources.push(Origin { source: source.to_owned(), unseen: false });
}

fn phrase_of(
    phrase: &Phrase,
    classes: &Classes<'_>,
    recipe: &Recipe,
    leave_out: &[String],
    out: &mut Gathered,
) {
    let text = folded(&phrase.text);
    let harm = recipe.classes.first().is_some_and(|class| class == "harm");
    let category = phrase.category.as_deref().map(str::to_lowercase);
    let mut targets = match (harm, phrase.kind) {
        (true, Kind::Act) if phrase.label => classes.yes(category.as_deref()),
        (true, Kind::Act) => classes.all(0),
        // What orders an assistant is harmful or not: nobody said.
        (true, Kind::Order | Kind::ToolOrder) => return,
        (false, Kind::Act) => {
            if !taken(&text, recipe.share_of_others) {
                return;
            }
            let mut targets = classes.all(0);
            classes.set(&mut targets, "indirect", -1);
            targets
        }
        (false, Kind::Order) => {
            let mut targets = classes.all(0);
            classes.set(&mut targets, "indirect", -1);
            if phrase.label {
                targets[0] = 1;
                classes.set(&mut targets, "indirect", 1);
                classes.set(&mut targets, "jailbreak", -1);
                classes.set(&mut targets, "leak", i8::from(category.as_deref() == Some("prompt_leak")));
            }
            targets
        }
        (false, Kind::ToolOrder) => {
            let mut targets = classes.all(0);
            if phrase.label {
                targets[0] = -1;
                classes.set(&mut targets, "indirect", 1);
            }
            targets
        }
    };
    targets.iter_mut().skip(classes.0.len()).for_each(|target| *target = -1);
    let source = format!("phrases {}", phrase.lang);
    let unseen = leave_out.iter().any(|left| source.starts_with(left.as_str()));
    let weight = if unseen { 0.0 } else { recipe.phrase_weight };
    out.made += 1;
    as_it_sounds(&text, targets, weight, recipe, out);
    // They set no threshold: they are nearer to harm than what people ask day by day.
    out.lessons.push(Lesson { kin: kin(&text), text, targets, weight, benign: false });
    out.sources.push(Origin { source, unseen });
}

/// The text as models see it.
fn folded(text: &str) -> String {
    String::from_utf8(fold_literal(text)).unwrap_or_default()
}

/// Whether a text is among the share that is taken: by its own content.
fn taken(text: &str, share: f32) -> bool {
    let hash = text.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    (((hash >> 33) % 1000) as f32) < share * 1000.0
}

/// The units of a text that has more than one.
fn sentences(text: &str) -> Vec<String> {
    let mut reading = Reading::new(&[]);
    let mut units: Vec<_> = reading.push(text.as_bytes()).collect();
    units.extend(reading.finish());
    if units.len() < 2 {
        return Vec::new();
    }
    let range = |unit: &crate::detect::classify::Unit| unit.start as usize..unit.end as usize;
    units.iter().filter_map(|unit| text.get(range(unit))).map(str::to_owned).collect()
}
