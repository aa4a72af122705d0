//! What was found against what is known to be there.
//!
//! A span is found if a finding of its type overlaps it; a finding is right if it overlaps a span of its type, wrong if it overlaps none
//! and its type is one that the text was labelled for. Findings of one type that overlap are one. A character is leaked
//! if it lies in a span and no finding of any labelled type covers it: what goes under another name is gone too.

use super::labelled::{Gold, Sample};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Something that was found, in code points.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hit {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: String,
    pub(super) score: f32,
}

/// One text's result.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) file: usize,
    pub(super) id: String,
    pub(super) lang: String,
    pub(super) kind: String,
    pub(super) spans: Vec<Gold>,
    pub(super) hits: Vec<Hit>,
    /// A whole text's label, and whether anything was found in it.
    pub(super) whole: Option<(bool, bool)>,
}

/// Counts of one group.
#[derive(Debug, Default, Clone, Serialize)]
pub(super) struct Count {
    /// How many are known to be there, found, and found from their first to their last character.
    pub(super) spans: usize,
    pub(super) found: usize,
    pub(super) exact: usize,
    /// Findings that overlap a span of their type, and that overlap none.
    pub(super) right: usize,
    pub(super) wrong: usize,
    /// Characters of spans, and those that nothing covers.
    pub(super) characters: usize,
    pub(super) leaked: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) precision: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recall: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) leak: Option<f64>,
    /// The leak where each type is reported only above the score at which clean texts have half a finding a megabyte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) leak_quiet: Option<f64>,
    #[serde(skip)]
    leaked_quiet: usize,
}

impl Count {
    /// Works out the shares.
    pub(super) fn finish(&mut self, quiet: bool) {
        let share = |part: usize, of: usize| (of > 0).then(|| part as f64 / of as f64);
        self.precision = share(self.right, self.right + self.wrong);
        self.recall = share(self.found, self.spans);
        self.leak = share(self.leaked, self.characters);
        self.leak_quiet = quiet.then(|| share(self.leaked_quiet, self.characters)).flatten();
    }

    fn span(&mut self, row: &Row, gold: &Gold, floors: &Floors) {
        let overlaps = |hit: &&Hit| hit.start < gold.end && gold.start < hit.end;
        let same = |hit: &&Hit| overlaps(hit) && hit.kind == gold.kind;
        let exact = |hit: &Hit| hit.start == gold.start && hit.end == gold.end;
        self.spans += 1;
        self.found += usize::from(row.hits.iter().any(|hit| same(&hit)));
        self.exact += usize::from(row.hits.iter().filter(same).any(exact));
        let covered = |at: usize, hit: &Hit| hit.start <= at && at < hit.end;
        let leaked = |counts: &dyn Fn(&Hit) -> bool| {
            let near: Vec<&Hit> = row.hits.iter().filter(overlaps).filter(|hit| counts(hit)).collect();
            (gold.start..gold.end).filter(|&at| !near.iter().any(|hit| covered(at, hit))).count()
        };
        self.characters += gold.end - gold.start;
        self.leaked += leaked(&|_| true);
        self.leaked_quiet += leaked(&|hit| floors.get(&hit.kind).is_none_or(|floor| hit.score > *floor));
    }

    fn hit(&mut self, row: &Row, hit: &Hit) {
        let right = row
            .spans
            .iter()
            .any(|gold| gold.kind == hit.kind && hit.start < gold.end && gold.start < hit.end);
        *(if right { &mut self.right } else { &mut self.wrong }) += 1;
    }
}

/// By type, the score that a finding has to exceed.
pub(super) type Floors = BTreeMap<String, f32>;

/// What is known of a text against what was found in it. Findings of types that it was not labelled for are left out.
pub(super) fn row(file: usize, text: &Sample, found: Vec<Hit>) -> Row {
    let types = text.types();
    let whole = text.label.filter(|_| text.spans.is_empty()).map(|label| (label != 0, !found.is_empty()));
    let hits = joined(found.into_iter().filter(|hit| types.contains(hit.kind.as_str())).collect());
    let kind = if text.form.is_empty() { text.kind.clone() } else { format!("{} {}", text.kind, text.form) };
    let id = text.id.to_string();
    Row { file, id, lang: text.lang.clone(), kind, spans: text.spans.clone(), hits, whole }
}

/// Findings of one type that overlap, as one with the better score.
fn joined(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_by(|a, b| (&a.kind, a.start, a.end).cmp(&(&b.kind, b.start, b.end)));
    let mut out: Vec<Hit> = Vec::with_capacity(hits.len());
    for hit in hits {
        match out.last_mut().filter(|last| last.kind == hit.kind && hit.start < last.end) {
            Some(last) => {
                last.end = last.end.max(hit.end);
                last.score = last.score.max(hit.score);
            }
            None => out.push(hit),
        }
    }
    out
}

/// Counts by whatever a span or finding of a text belongs to.
pub(super) fn by<'r>(
    rows: &'r [Row],
    floors: &Floors,
    key: impl Fn(&'r Row, &'r str) -> Vec<String>,
) -> BTreeMap<String, Count> {
    let mut out: BTreeMap<String, Count> = BTreeMap::new();
    for row in rows {
        for gold in &row.spans {
            for name in key(row, &gold.kind) {
                out.entry(name).or_default().span(row, gold, floors);
            }
        }
        for hit in &row.hits {
            for name in key(row, &hit.kind) {
                out.entry(name).or_default().hit(row, hit);
            }
        }
    }
    out
}

/// Texts that are labelled as a whole.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Whole {
    /// Those with something in them, and in how many of these something was found.
    pub(super) texts: usize,
    pub(super) found: usize,
    /// Those with nothing, and in how many something was found all the same.
    pub(super) clean: usize,
    pub(super) wrong: usize,
}

impl Whole {
    pub(super) fn of(rows: &[Row]) -> Self {
        let mut out = Self::default();
        for (holds, found) in rows.iter().filter_map(|row| row.whole) {
            let (texts, hits) =
                if holds { (&mut out.texts, &mut out.found) } else { (&mut out.clean, &mut out.wrong) };
            *texts += 1;
            *hits += usize::from(found);
        }
        out
    }
}

/// Texts in which nothing should be found.
#[derive(Debug, Default, Clone, Serialize)]
pub(super) struct Clean {
    pub(super) texts: usize,
    pub(super) bytes: u64,
    /// Texts in which something was found that is more than noted.
    pub(super) flagged: usize,
    /// By type: the scores of what was found.
    #[serde(skip)]
    pub(super) scores: BTreeMap<String, Vec<f32>>,
    /// By type: findings a million bytes.
    pub(super) per_mb: BTreeMap<String, f64>,
}

impl Clean {
    pub(super) fn note(&mut self, bytes: usize, flagged: bool, found: Vec<Hit>) {
        self.texts += 1;
        self.bytes += bytes as u64;
        self.flagged += usize::from(flagged);
        for hit in joined(found) {
            self.scores.entry(hit.kind).or_default().push(hit.score);
        }
    }

    pub(super) fn finish(&mut self) {
        let million = self.bytes as f64 / 1e6;
        let of = |scores: &Vec<f32>| if million > 0.0 { scores.len() as f64 / million } else { 0.0 };
        self.per_mb = self.scores.iter().map(|(kind, scores)| (kind.clone(), of(scores))).collect();
    }
}

/// By type, the score that leaves half a finding a million bytes of clean text.
pub(super) fn floors(clean: &[Clean]) -> Floors {
    let bytes: u64 = clean.iter().map(|one| one.bytes).sum();
    let allowed = (bytes / 2_000_000) as usize;
    let kinds: BTreeSet<&String> = clean.iter().flat_map(|one| one.scores.keys()).collect();
    let floor = |kind: &&String| {
        let mut scores: Vec<f32> =
            clean.iter().filter_map(|one| one.scores.get(*kind)).flatten().copied().collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        scores.get(allowed).map(|score| ((*kind).clone(), *score))
    };
    kinds.iter().filter_map(floor).collect()
}
