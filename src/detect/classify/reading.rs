//! What models make of one channel's text: sums of the unit that is being read, of the last one and of the whole text, and what was judged.
//!
//! A unit is judged when it ends: alone, and together with the one before it, so that what is asked for in two sentences is seen. When the
//! text ends, the whole of it is judged as well. The score of a text is the highest of these, where parts have to be surer than the whole
//! ([`Calibration::part`](super::Calibration)): a long text has many.

use super::common;
use super::features::{Features, Group, Padded, Script, Sink, runs_of};
use super::model::{LANES, Model, Sums, Tongue};
use smallvec::SmallVec;
use std::sync::Arc;

/// So many features are looked up together.
const BATCH: usize = 256;
/// The class that counts in what tools return.
const INDIRECT: &str = "indirect";
/// What is shorter than this many words, or twice as many letters of other scripts, is not judged: there is nothing to tell by.
const LEAST: u32 = 1;

/// A text on its way through models.
#[derive(Clone, Debug)]
pub struct Reading {
    features: Features,
    taken: Taken,
}

/// What models have taken in of a text.
#[derive(Clone, Debug)]
struct Taken {
    words: Vec<u32>,
    runs: Vec<u32>,
    tracks: Vec<Track>,
    /// Where the unit began.
    start: u64,
    done: Vec<Unit>,
    /// After how many characters each of a unit it is judged before it ends.
    every: SmallVec<[u32; 2]>,
    /// How many characters of it were judged so.
    judged: u32,
}

/// A unit that has ended, in the folded text, with what each model makes of it.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Its first byte.
    pub start: u64,
    /// The byte behind it.
    pub end: u64,
    /// By model: the scores of its classes.
    pub scores: Vec<Scores>,
    /// Of one that has not ended: after how many characters each it is judged now. Empty: it has ended.
    pub every: SmallVec<[u32; 2]>,
}

/// The calibrated scores of a model's classes, 0 to 1.
#[derive(Clone, Copy, Debug)]
pub struct Scores {
    /// By class.
    pub of: [f32; LANES],
    /// The language by which they are calibrated.
    pub tongue: Tongue,
}

#[derive(Clone, Debug)]
struct Track {
    model: Arc<Model>,
    unit: Sums,
    last: Sums,
    whole: Sums,
    units: u32,
    /// The highest scores of parts so far.
    best: [f32; LANES],
}

impl Reading {
    /// The beginning of a text.
    pub fn new(models: &[Arc<Model>]) -> Self {
        Self::judging(models, SmallVec::new())
    }

    /// The same, with each unit also judged after so many characters of it, and again after as many.
    pub fn judging(models: &[Arc<Model>], every: SmallVec<[u32; 2]>) -> Self {
        let track = |model: &Arc<Model>| Track {
            model: Arc::clone(model),
            unit: Sums::default(),
            last: Sums::default(),
            whole: Sums::default(),
            units: 0,
            best: [0.0; LANES],
        };
        let tracks = models.iter().map(track).collect();
        let taken = Taken {
            words: Vec::with_capacity(BATCH),
            runs: Vec::with_capacity(BATCH),
            tracks,
            start: 0,
            done: Vec::new(),
            every,
            judged: 0,
        };
        let first = taken.every.iter().min().copied();
        Self { features: first.map_or_else(Features::default, Features::telling), taken }
    }

    /// Reads on in folded text, which ends with a whole character. Gives the units that ended.
    pub fn push(&mut self, folded: &[u8]) -> impl Iterator<Item = Unit> + '_ {
        self.features.push(folded, &mut self.taken);
        self.taken.done.drain(..)
    }

    /// The text ends. Gives the last unit, if one was open.
    pub fn finish(&mut self) -> impl Iterator<Item = Unit> + '_ {
        self.features.finish(&mut self.taken);
        self.taken.done.drain(..)
    }

    /// Where the unit began that has not ended.
    pub fn open(&self) -> Option<u64> {
        self.features.pending().or_else(|| self.features.is_open().then_some(self.taken.start))
    }

    /// By model the sums of the whole text, which is over.
    #[cfg(test)]
    pub(super) fn whole(&self) -> impl Iterator<Item = (&Model, &Sums)> {
        self.taken.tracks.iter().map(|track| (&*track.model, &track.whole))
    }

    /// How much memory it takes, in bytes.
    pub fn bytes(&self) -> usize {
        let Taken { words, runs, tracks, done, .. } = &self.taken;
        size_of::<Self>()
            + (words.capacity() + runs.capacity()) * size_of::<u32>()
            + tracks.capacity() * size_of::<Track>()
            + done.capacity() * size_of::<Unit>()
    }

    /// What the models say, by name: `harm`, and `harm/fraud` for a class. In what a tool returns, an order to an assistant counts as an
    /// injection wherever it comes from.
    pub fn named(&self, tool: bool) -> Vec<(String, f32)> {
        let mut out = Vec::new();
        for (model, scores) in self.scores() {
            let own: Vec<(&str, f32)> = model.classes().iter().map(String::as_str).zip(scores.of).collect();
            let verdict = own.first().map_or(0.0, |first| first.1);
            let indirect = own.iter().find(|(class, _)| *class == INDIRECT).map_or(0.0, |one| one.1);
            out.push((model.name().to_owned(), if tool { verdict.max(indirect) } else { verdict }));
            out.extend(
                own.iter().skip(1).map(|(class, score)| (format!("{}/{class}", model.name()), *score)),
            );
        }
        out
    }

    /// The models, each with the scores of the text so far: of all of it, and of the parts that have ended.
    pub fn scores(&self) -> impl Iterator<Item = (&Model, Scores)> {
        self.taken.tracks.iter().map(|track| (&*track.model, track.scores()))
    }
}

impl Taken {
    fn look_up(&mut self, group: Group) {
        let hashes = match group {
            Group::Words => &mut self.words,
            Group::Runs => &mut self.runs,
        };
        for track in &mut self.tracks {
            track.unit.take(track.model.rows(), group, hashes);
        }
        hashes.clear();
    }
}

impl Sink for Taken {
    #[inline]
    fn feature(&mut self, group: Group, hash: u32) {
        let hashes = match group {
            Group::Words => &mut self.words,
            Group::Runs => &mut self.runs,
        };
        hashes.push(hash);
        if hashes.len() == BATCH {
            self.look_up(group);
        }
    }

    #[inline]
    fn runs(&mut self, word: &Padded, padded: usize) {
        match common::find(word, padded) {
            Some((place, runs)) => {
                self.tracks.iter_mut().for_each(|one| one.unit.take_word(one.model.rows(), place, runs));
            }
            None => runs_of(word, padded, |hash| self.feature(Group::Runs, hash)),
        }
    }

    fn letter(&mut self, script: Script) {
        self.tracks.iter_mut().for_each(|track| track.unit.letter(script));
    }

    fn begin(&mut self, start: u64) {
        (self.start, self.judged) = (start, 0);
    }

    fn unit(&mut self, end: u64) {
        self.look_up(Group::Words);
        self.look_up(Group::Runs);
        let scores = self.tracks.iter_mut().map(Track::unit).collect();
        self.done.push(Unit { start: self.start, end, scores, every: SmallVec::new() });
    }

    fn grown(&mut self, characters: u32, end: u64) -> u32 {
        self.look_up(Group::Words);
        self.look_up(Group::Runs);
        let before = std::mem::replace(&mut self.judged, characters);
        let every = self.every.iter().copied().filter(|every| before / every < characters / every).collect();
        let scores = self.tracks.iter().map(Track::so_far).collect();
        self.done.push(Unit { start: self.start, end, scores, every });
        let next = self.every.iter().map(|every| (characters / every + 1) * every);
        next.min().unwrap_or(u32::MAX)
    }
}

impl Track {
    /// The unit has ended.
    fn unit(&mut self) -> Scores {
        let unit = std::mem::take(&mut self.unit);
        let mut scores = self.part(&unit);
        if self.units > 0 {
            self.last.add(&unit);
            let both = self.part(&self.last);
            scores.of.iter_mut().zip(both.of).for_each(|(score, both)| *score = score.max(both));
        }
        self.best.iter_mut().zip(scores.of).for_each(|(best, score)| *best = best.max(score));
        self.whole.add(&unit);
        self.last = unit;
        self.units = self.units.saturating_add(1);
        scores
    }

    /// The unit as far as it has come.
    fn so_far(&self) -> Scores {
        let mut scores = self.part(&self.unit);
        if self.units > 0 {
            let mut both = self.last.clone();
            both.add(&self.unit);
            let both = self.part(&both);
            scores.of.iter_mut().zip(both.of).for_each(|(score, both)| *score = score.max(both));
        }
        scores
    }

    fn part(&self, sums: &Sums) -> Scores {
        self.model.scores(sums, true)
    }

    fn scores(&self) -> Scores {
        let mut scores = self.model.scores(&self.whole, false);
        if self.units > 1 {
            scores.of.iter_mut().zip(self.best).for_each(|(score, best)| *score = score.max(best));
        }
        scores
    }
}

impl Model {
    /// The calibrated scores of a stretch of text. `part`: whether it is a part of a longer one.
    pub fn scores(&self, sums: &Sums, part: bool) -> Scores {
        let tongue = sums.tongue();
        let mut of = [0.0; LANES];
        if sums.size() >= LEAST {
            let calibration = self.calibration(tongue);
            let logits = self.logits(sums);
            let known = logits.iter().zip(&calibration.curves).zip(&calibration.part);
            for (score, ((logit, [factor, summand]), less)) in of.iter_mut().zip(known) {
                let logit = if part { logit - less } else { *logit };
                *score = 1.0 / (1.0 + (-(factor * logit + summand)).exp());
            }
        }
        Scores { of, tongue }
    }
}
