//! From labelled texts to lessons: tokens and the labels that they may have.

use super::super::dice::Dice;
use super::super::lessons::text_of;
use super::made::{Made, NoSlot, one};
use super::recipe::{Recipe, Slots, SourceOf};
use crate::detect::tagger::{Cutter, Example, Lexicon, NOTHING, Token, Units, is_common};
use crate::text::fold::{FoldPos, TextKind, View};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;
use std::path::Path;

/// A text with what is known of it.
#[derive(Debug, Clone)]
pub(super) struct Lesson {
    /// Where it is from: file and source.
    pub(super) source: String,
    pub(super) text: String,
    /// What stands in it, in bytes, by type.
    pub(super) spans: Vec<(Range<usize>, usize)>,
    /// Types that were looked for.
    pub(super) labelled: BTreeSet<usize>,
    pub(super) weight: f32,
    /// Whether it is kept for the figures: as one of the held ones of its source, or since its source was left out.
    pub(super) held: bool,
    pub(super) left_out: bool,
    /// Not judged: made, a copy, or labelled by nobody.
    pub(super) extra: bool,
    /// Labelled by nobody.
    pub(super) unlabelled: bool,
}

/// Rows by source and licence.
pub(super) type Rows = BTreeMap<(String, String), usize>;

/// Reads the sources.
pub(super) fn gather(
    recipe: &Recipe,
    slots: &Slots<'_>,
    data: &Path,
    leave_out: &[String],
    missing: &mut Vec<String>,
) -> Result<(Vec<Lesson>, Rows), String> {
    let mut by_file: BTreeMap<&str, Vec<&SourceOf>> = BTreeMap::new();
    for source in &recipe.sources {
        by_file.entry(&source.file).or_default().push(source);
    }
    let (mut lessons, mut rows, mut seen) = (Vec::new(), Rows::new(), HashSet::new());
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    for (name, sources) in by_file {
        let path = data.join(name);
        let Some(text) = text_of(&path, sources.iter().all(|source| source.optional))? else {
            missing.push(name.to_owned());
            continue;
        };
        let rows_of = match path.extension().and_then(|kind| kind.to_str()) {
            Some("iob2") => iob2(&text, &sources),
            Some("json") => dialogues(&text, &sources).map_err(|why| format!("{}: {why}", path.display()))?,
            _ => jsonl(&text, &path)?,
        };
        for row in rows_of {
            let own = row.get("source").and_then(Value::as_str).unwrap_or_default();
            let licence = row.get("licence").and_then(Value::as_str).unwrap_or_default();
            let fits = sources.iter().filter(|source| own.starts_with(&source.name));
            let Some(source) = fits.max_by_key(|source| source.name.len()) else { continue };
            let Some(mut lesson) = lesson(recipe, source, &row) else { continue };
            if !seen.insert(lesson.text.clone()) || share(&lesson.text, 7) >= source.share {
                continue;
            }
            lesson.source = format!("{name} {own}");
            // What may only be measured on is never learned from, whatever the recipe says.
            let only = source.measure_only || licence.contains("evaluation only");
            lesson.left_out = only || leave_out.iter().any(|left| lesson.source.starts_with(left.as_str()));
            lesson.held = lesson.left_out || share(&lesson.text, 3) * (recipe.held as f32) < 1.0;
            if only {
                lesson.weight = 0.0;
            } else {
                *rows.entry((lesson.source.clone(), licence.to_owned())).or_default() += 1;
            }
            if lesson.left_out {
                lesson.weight = 0.0;
            }
            let lang = row.get("lang").and_then(Value::as_str).unwrap_or_default();
            for _ in 0..if lesson.weight > 0.0 { source.swapped } else { 0 } {
                let copy = swapped(recipe, slots, lang, &lesson, &mut dice).map_err(|why| why.to_string())?;
                lessons.extend(copy);
            }
            lessons.push(lesson);
        }
    }
    Ok((lessons, rows))
}

/// Rows of a file of JSON lines.
fn jsonl(text: &str, path: &Path) -> Result<Vec<Value>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let row = |(number, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|why| format!("{}:{}: {why}", path.display(), number + 1))
    };
    lines.map(row).collect()
}

/// Rows of a file in the form of Universal NER: a token a line with its tag, before each sentence its text.
fn iob2(text: &str, sources: &[&SourceOf]) -> Vec<Value> {
    let source = sources.first();
    let said = |of: fn(&SourceOf) -> &String| source.map(|source| of(source).as_str()).unwrap_or_default();
    let mut out = Vec::new();
    for sentence in text.split("\n\n") {
        let Some(text) = sentence.lines().find_map(|line| line.strip_prefix("# text = ")) else { continue };
        let (mut at, mut spans) = (0, Vec::<(usize, usize, &str)>::new());
        for line in sentence.lines().filter(|line| !line.starts_with('#')) {
            let mut parts = line.split('\t').skip(1);
            let (Some(token), Some(tag)) = (parts.next(), parts.next()) else { continue };
            let Some(found) = text.get(at..).and_then(|rest| rest.find(token)) else { continue };
            let (start, end) = (at + found, at + found + token.len());
            at = end;
            match (tag.split_once('-'), spans.last_mut()) {
                (Some(("I", kind)), Some(last)) if last.2 == kind => last.1 = end,
                (Some((_, kind)), _) => spans.push((start, end, kind)),
                (None, _) => {}
            }
        }
        let points = |byte: usize| text.get(..byte).unwrap_or_default().chars().count();
        let span = |(start, end, kind): &(usize, usize, &str)| {
            let kind = match *kind {
                "PER" => "PERSON",
                "ORG" => "ORGANIZATION",
                "LOC" => "LOCATION",
                _ => return None,
            };
            Some(serde_json::json!({"start": points(*start), "end": points(*end), "type": kind}))
        };
        out.push(serde_json::json!({
            "text": text, "spans": spans.iter().filter_map(span).collect::<Vec<_>>(), "source": said(|one| &one.name),
            "licence": said(|one| &one.licence), "lang": said(|one| &one.lang),
        }));
    }
    out
}

/// What attributes of dialogues have persons for their values, and which ones only persons have.
const PERSONS: [&str; 13] = [
    "主演",
    "导演",
    "编剧",
    "制片人",
    "歌曲原唱",
    "专辑歌手",
    "谱曲",
    "填词",
    "编曲",
    "制作人",
    "配音",
    "演唱者",
    "作者",
];
const OF_PERSONS: [&str; 8] =
    ["职业", "国籍", "出生日期", "出生地", "毕业院校", "代表作品", "主要成就", "身高"];

/// Rows of dialogues in the form of KdConv: what is said, and what is known of what it is about. Persons are told by their attributes.
fn dialogues(text: &str, sources: &[&SourceOf]) -> Result<Vec<Value>, serde_json::Error> {
    let source = sources.first();
    let said = |of: fn(&SourceOf) -> &String| source.map(|source| of(source).as_str()).unwrap_or_default();
    let all: Vec<Value> = serde_json::from_str(text)?;
    let of =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let list =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let (mut texts, mut persons) = (BTreeSet::new(), BTreeSet::new());
    for message in all.iter().flat_map(|one| list(one, "messages")) {
        texts.insert(of(&message, "message"));
        for attribute in list(&message, "attrs") {
            let (name, value, about) =
                (of(&attribute, "attrname"), of(&attribute, "attrvalue"), of(&attribute, "name"));
            if OF_PERSONS.contains(&name.as_str()) {
                persons.insert(about.split('（').next().unwrap_or_default().to_owned());
            }
            if PERSONS.contains(&name.as_str()) {
                persons.extend(
                    value.split(['、', '，', ',', '/', ' ', '；', '等']).map(|one| one.trim().to_owned()),
                );
            }
            if name == "Information" {
                texts.insert(value);
            }
        }
    }
    persons.retain(|name| {
        (2..=12).contains(&name.chars().count()) && !name.contains(['乐', '队', '组', '《', '(', '（', '?'])
    });
    let mut names: Vec<&String> = persons.iter().collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    let row = |text: &String| {
        let mut spans: Vec<(usize, usize)> = Vec::new();
        for name in &names {
            for (start, found) in text.match_indices(name.as_str()) {
                let end = start + found.len();
                if spans.iter().all(|(from, to)| end <= *from || *to <= start) {
                    spans.push((start, end));
                }
            }
        }
        let points = |byte: usize| text.get(..byte).unwrap_or_default().chars().count();
        let span = |&(start, end): &(usize, usize)| serde_json::json!({"start": points(start), "end": points(end), "type": "PERSON"});
        serde_json::json!({
            "text": text, "spans": spans.iter().map(span).collect::<Vec<_>>(), "source": said(|one| &one.name),
            "licence": said(|one| &one.licence), "lang": said(|one| &one.lang),
        })
    };
    Ok(texts.iter().filter(|text| !text.is_empty()).map(row).collect())
}

fn lesson(recipe: &Recipe, source: &SourceOf, row: &Value) -> Option<Lesson> {
    let text = row.get("text").and_then(Value::as_str)?;
    let named =
        |names: &mut dyn Iterator<Item = &str>| names.filter_map(|name| recipe.labelled(name)).collect();
    let labelled: BTreeSet<usize> = match row.get("labelled").and_then(Value::as_array) {
        Some(types) if source.labelled.is_empty() => named(&mut types.iter().filter_map(Value::as_str)),
        _ => named(&mut source.labelled.iter().map(String::as_str)),
    };
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let spans = row.get("spans").and_then(Value::as_array).into_iter().flatten().filter_map(|span| {
        let kind = recipe.labelled(span.get("type")?.as_str()?)?;
        let place = |name| places.get(usize::try_from(span.get(name)?.as_u64()?).ok()?).copied();
        Some((place("start")?..place("end")?, kind))
    });
    let mut spans: Vec<(Range<usize>, usize)> = spans.collect();
    spans.sort_by_key(|(range, _)| range.start);
    Some(Lesson {
        source: String::new(),
        text: text.to_owned(),
        spans,
        labelled,
        weight: source.weight,
        held: false,
        left_out: false,
        extra: source.unlabelled,
        unlabelled: source.unlabelled,
    })
}

/// The same text with other persons in it, if it has any.
fn swapped(
    recipe: &Recipe,
    slots: &Slots<'_>,
    lang: &str,
    lesson: &Lesson,
    dice: &mut Dice,
) -> Result<Option<Lesson>, NoSlot> {
    let Some(person) =
        recipe.slot("person").filter(|person| lesson.spans.iter().any(|(_, kind)| kind == person))
    else {
        return Ok(None);
    };
    let mut made = Made::default();
    let mut at = 0;
    for (range, kind) in &lesson.spans {
        let (Some(before), Some(own)) = (lesson.text.get(at..range.start), lesson.text.get(range.clone()))
        else {
            return Ok(None);
        };
        made.text.push_str(before);
        let start = made.text.len();
        // A whole name for a whole name, a part for a part.
        let words = own.split_whitespace().count();
        let ascii = own.is_ascii();
        let slot = match words {
            _ if *kind != person => None,
            1 if lang == "zh" || lang == "ja" || lang == "ko" => Some("person"),
            1 => Some(if dice.below(2) == 0 { "given" } else { "surname" }),
            2..=4 => Some("person"),
            _ => None,
        };
        let foreign = (lang == "zh" || lang == "ja" || lang == "ko") && (ascii || own.contains(['·', '・']));
        match slot.filter(|_| !foreign) {
            None => made.text.push_str(own),
            Some(slot) => {
                let name = one(recipe, slots, lang, slot, dice)?;
                let lower = ascii && !own.bytes().any(|byte| byte.is_ascii_uppercase());
                let upper = own.len() > 3
                    && own.chars().all(|c| !c.is_lowercase())
                    && own.chars().any(char::is_uppercase);
                made.text.push_str(&match () {
                    () if lower => name.to_lowercase(),
                    () if upper => name.to_uppercase(),
                    () => name,
                });
            }
        }
        made.spans.push((start..made.text.len(), *kind));
        at = range.end;
    }
    made.text.push_str(lesson.text.get(at..).unwrap_or_default());
    Ok(Some(Lesson { text: made.text, spans: made.spans, extra: true, ..lesson.clone() }))
}

/// A number from 0 to 1 of a text's own.
pub(super) fn share(text: &str, which: u64) -> f32 {
    let hash = text.bytes().fold(0xCBF2_9CE4_8422_2325_u64 ^ which, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    ((hash >> 40) % 10_000) as f32 / 10_000.0
}

/// The units of a text as lessons are learned.
pub(super) fn examples(lesson: &Lesson, types: usize, lexicon: &Lexicon) -> Vec<Example> {
    let view = View::of(TextKind::Plain, &lesson.text);
    let mut taken = Taken { lesson, view: &view, types, lexicon, out: Vec::new() };
    let mut cutter = Cutter::default();
    cutter.push(view.bytes(), &mut taken);
    cutter.finish(&mut taken);
    taken.out
}

struct Taken<'l> {
    lesson: &'l Lesson,
    view: &'l View,
    types: usize,
    lexicon: &'l Lexicon,
    out: Vec<Example>,
}

impl Units for Taken<'_> {
    fn unit(&mut self, tokens: &mut [Token], before: &[Token]) {
        let all = (1_u32 << (1 + 2 * self.types)) - 1;
        // Of what nobody looked for every label is possible.
        let open = self.lesson.labelled.iter().fold(all, |bits, kind| bits & !(0b11 << (1 + 2 * kind)));
        let mut last = None;
        let allowed = tokens.iter().map(|token| {
            let start = self.view.text_start(FoldPos(token.start)).0 as usize;
            let end = self.view.text_end(FoldPos(token.end)).0 as usize;
            let within =
                self.lesson.spans.iter().position(|(range, _)| start < range.end && range.start < end);
            let label = within.map(|at| {
                let kind = self.lesson.spans[at].1;
                if last == Some(at) { 2 + 2 * kind } else { 1 + 2 * kind }
            });
            last = within;
            label.map_or(open, |label| 1 << label) as u16
        });
        let mut allowed: Vec<u16> = allowed.collect();
        if self.lesson.unlabelled {
            self.lexicon.tell(tokens);
            // What stands in a span is known.
            for (at, bits) in allowed.iter_mut().enumerate().filter(|(_, bits)| u32::from(**bits) & open != 0)
            {
                *bits = if is_common(tokens, at) { 1 << NOTHING } else { all as u16 };
            }
        }
        debug_assert!(
            allowed.iter().all(|bits| *bits != 0 && open >> NOTHING & 1 == 1),
            "some label is possible"
        );
        self.out.push(Example::new(tokens, before, self.lexicon, allowed, self.lesson.weight));
    }
}
