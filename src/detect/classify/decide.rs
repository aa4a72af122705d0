//! Rules that ask a model: at the end of each unit, and of the text, what is surer than their thresholds is found.

use super::model::Model;
use super::reading::{Reading, Scores, Unit};
use super::shipped;
use crate::detect::conditions::thousandths;
use crate::detect::judge::Found;
use crate::detect::tagger;
use crate::detect::{Brought, CompileError, Finding, Place, RuleId, RuleSet, RuleSpec};
use crate::text::TextPos;
use crate::text::fold::{FoldPos, View};
use smallvec::SmallVec;
use std::sync::Arc;

/// What a rule asks a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelSpec {
    /// The model's name.
    pub model: String,
    /// The model, where it is one that the operator brings.
    pub brought: Option<Brought>,
    /// The class; without one the model's verdict as a whole.
    pub class: Option<String>,
    /// Whether a sentence is held until it is judged, where the rule blocks; one that the rule would rewrite always is.
    pub strict: bool,
    /// How many harmless texts there are, as the model knows them, to one that reaches the rule's threshold where it says none: from
    /// [`COMMON`](Self::COMMON) to [`RARE`](Self::RARE). Without it [`RARE`](Self::RARE).
    pub one_in: Option<u16>,
    /// After how many characters of a sentence that has not ended it is judged as far as it has come, and again after as many: from
    /// [`SHORTEST`](Self::SHORTEST) to [`LONGEST`](Self::LONGEST). Without it, when it ends.
    pub every: Option<u32>,
}

impl ModelSpec {
    /// The fewest characters after which a sentence is judged that has not ended.
    pub const SHORTEST: u32 = 50;
    /// The most: no sentence is longer, since it ends after 64 words.
    pub const LONGEST: u32 = 2000;
    /// The most harmless texts that may reach a rule's threshold: one in so many.
    pub const COMMON: u16 = 100;
    /// The fewest: one in so many.
    pub const RARE: u16 = 1000;
}

/// The models that rules ask, and which rules do.
#[derive(Debug, Default)]
pub(in crate::detect) struct Judges {
    models: Vec<Arc<Model>>,
    rules: Vec<Judge>,
}

#[derive(Clone, Copy, Debug)]
struct Judge {
    rule: RuleId,
    model: usize,
    class: usize,
    /// Where between one in a hundred, 0, and one in a thousand, 1, its threshold lies by the logarithm of how many.
    rare: f32,
    /// After how many characters each it judges a unit that has not ended.
    every: Option<u32>,
}

/// What models make of one channel, for the rules that count there.
#[derive(Clone, Debug)]
pub(in crate::detect) struct Judged {
    reading: Reading,
    /// The rules, each with the place of its model in the reading.
    rules: SmallVec<[Judge; 4]>,
    /// Rules that have found something.
    found: SmallVec<[RuleId; 4]>,
    /// Those that have found something in the unit that has not ended.
    early: SmallVec<[RuleId; 4]>,
    /// Where the unit began that has not ended.
    open: Option<(u64, TextPos)>,
    /// The last unit that has ended.
    last: Option<(u64, u64, TextPos, TextPos)>,
    /// Whether text is held for some rule.
    holds: bool,
}

/// What models make of one channel, if any rule that counts there asks one.
#[derive(Clone, Debug, Default)]
pub(in crate::detect) enum Judging {
    /// Nothing has come yet.
    #[default]
    Unasked,
    /// No rule asks a model.
    No,
    /// Some do.
    By(Box<Judged>),
}

impl Judging {
    /// Reads what the view has from `from` on.
    pub(in crate::detect) fn read(
        &mut self,
        (judges, rules): (&Judges, &RuleSet),
        view: &View,
        from: usize,
        ended: bool,
        waiting: &mut Vec<Found>,
    ) {
        if matches!(self, Self::Unasked) {
            *self = judges.start(rules).map_or(Self::No, Self::By);
        }
        if let Self::By(judged) = self {
            judged.read(rules, view, from, ended, waiting);
        }
    }

    /// Whether no rule asks a model.
    pub(in crate::detect) fn is_none(&self) -> bool {
        matches!(self, Self::No)
    }

    /// From where on text is held until it is judged, in the folded text.
    pub(in crate::detect) fn held(&self) -> Option<u64> {
        match self {
            Self::Unasked | Self::No => None,
            Self::By(judged) => judged.held(),
        }
    }

    /// What the models say of the text so far.
    pub(in crate::detect) fn reading(&self) -> Option<&Reading> {
        match self {
            Self::Unasked | Self::No => None,
            Self::By(judged) => Some(&judged.reading),
        }
    }
}

impl Judges {
    pub(in crate::detect) fn compile(specs: &[RuleSpec], errors: &mut Vec<CompileError>) -> Self {
        let mut judges = Self::default();
        for (rule, spec) in specs.iter().enumerate() {
            let Some(asked) = spec.model.as_ref().filter(|asked| !asked.finds_places()) else { continue };
            let mut wrong = |reason| errors.push(CompileError { rule, place: Place::Model, reason });
            let own = asked.brought.as_ref().and_then(Brought::judge);
            let Some(model) = own.or_else(|| shipped::model(&asked.model)) else {
                let known = [shipped::names(), tagger::names()].concat();
                wrong(unknown("model", &asked.model, &known));
                continue;
            };
            let class = match &asked.class {
                None => Some(0),
                Some(name) => model.classes().iter().position(|class| class == name),
            };
            let Some(class) = class else {
                let name = asked.class.as_deref().unwrap_or_default();
                let classes: Vec<&str> = model.classes().iter().map(String::as_str).collect();
                wrong(unknown("class of the model", name, &classes));
                continue;
            };
            let known = judges.models.iter().position(|known| Arc::ptr_eq(known, model));
            let place = known.unwrap_or_else(|| {
                judges.models.push(Arc::clone(model));
                judges.models.len() - 1
            });
            let one_in = asked.one_in.unwrap_or(ModelSpec::RARE).clamp(ModelSpec::COMMON, ModelSpec::RARE);
            let rare = (f32::from(one_in) / f32::from(ModelSpec::COMMON)).log10();
            let every = asked.every.map(|every| every.clamp(ModelSpec::SHORTEST, ModelSpec::LONGEST));
            judges.rules.push(Judge { rule: RuleId(rule as u32), model: place, class, rare, every });
        }
        judges
    }

    /// Whether a rule asks a model.
    pub(in crate::detect) fn asks(&self, rule: RuleId) -> bool {
        self.rules.iter().any(|judge| judge.rule == rule)
    }

    /// Unpacks the weights of the models that these rules ask, so that no text waits for it.
    pub(in crate::detect) fn warm(&self, rules: &RuleSet) {
        for judge in self.rules.iter().filter(|judge| rules.contains(judge.rule)) {
            self.models.get(judge.model).map(|model| model.rows());
        }
    }

    /// A channel's state for these rules; none, where none of them asks a model.
    fn start(&self, rules: &RuleSet) -> Option<Box<Judged>> {
        let mut counting: SmallVec<[Judge; 4]> =
            self.rules.iter().filter(|judge| rules.contains(judge.rule)).copied().collect();
        if counting.is_empty() {
            return None;
        }
        let used = |place: &usize| counting.iter().any(|judge| judge.model == *place);
        let places: Vec<usize> = (0..self.models.len()).filter(used).collect();
        let models: Vec<Arc<Model>> =
            places.iter().filter_map(|place| self.models.get(*place)).map(Arc::clone).collect();
        for judge in &mut counting {
            judge.model = places.iter().position(|place| *place == judge.model).unwrap_or_default();
        }
        let mut every: SmallVec<[u32; 2]> = counting.iter().filter_map(|judge| judge.every).collect();
        every.sort_unstable();
        every.dedup();
        Some(Box::new(Judged {
            reading: Reading::judging(&models, every),
            holds: counting.iter().any(|judge| rules.holds(judge.rule)),
            rules: counting,
            found: SmallVec::new(),
            early: SmallVec::new(),
            open: None,
            last: None,
        }))
    }
}

/// The score so far from one to the other, by their logits.
fn between(from: f32, to: f32, far: f32) -> f32 {
    let logit = |score: f32| {
        let score = score.clamp(0.001, 0.999);
        (score / (1.0 - score)).ln()
    };
    let at = logit(from) + (logit(to) - logit(from)) * far;
    1.0 / (1.0 + (-at).exp())
}

fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    match crate::diag::nearest(name, known) {
        Some(near) => format!("unknown {what} `{name}`; did you mean `{near}`?"),
        None => format!("unknown {what} `{name}`; there are {}", known.join(", ")),
    }
}

impl Judged {
    /// Reads what the view has from `from` on.
    fn read(&mut self, rules: &RuleSet, view: &View, from: usize, ended: bool, waiting: &mut Vec<Found>) {
        let mut units: SmallVec<[Unit; 4]> = SmallVec::new();
        units.extend(self.reading.push(view.bytes().get(from..).unwrap_or_default()));
        if ended {
            units.extend(self.reading.finish());
        }
        for unit in units {
            let start = match self.open {
                Some((fold, text)) if fold == unit.start => text,
                Some(_) | None => view.text_start(FoldPos(unit.start)),
            };
            let place = (unit.start, unit.end, start, view.text_end(FoldPos(unit.end)));
            let has_ended = unit.every.is_empty();
            if has_ended {
                self.last = Some(place);
            } else {
                self.open = Some((unit.start, start));
            }
            for at in 0..self.rules.len() {
                let Some(judge) = self.rules.get(at).copied() else { continue };
                let early = self.early.contains(&judge.rule);
                // What is told once of a sentence is told; where all of it is to go, it is told again when it has ended.
                let counts = match judge.every {
                    _ if has_ended => !early || rules.holds(judge.rule),
                    Some(every) => !early && unit.every.contains(&every),
                    None => false,
                };
                if counts
                    && let Some(scores) = unit.scores.get(judge.model)
                    && self.judge(rules, judge, *scores, place, waiting)
                    && !has_ended
                {
                    self.early.push(judge.rule);
                }
            }
            if has_ended {
                self.early.clear();
            }
        }
        self.open = match (self.reading.open(), self.open) {
            (Some(fold), Some((known, text))) if known == fold => Some((known, text)),
            (Some(fold), _) => Some((fold, view.text_start(FoldPos(fold)))),
            (None, _) => None,
        };
        if let Some(place) = self.last.filter(|_| ended) {
            // What the whole says, and no part of it did.
            let whole: SmallVec<[Scores; 2]> = self.reading.scores().map(|(_, scores)| scores).collect();
            for at in 0..self.rules.len() {
                let Some(judge) = self.rules.get(at).copied() else { continue };
                if let Some(scores) = whole.get(judge.model).filter(|_| !self.found.contains(&judge.rule)) {
                    self.judge(rules, judge, *scores, place, waiting);
                }
            }
        }
    }

    /// Whether a rule finds something by these scores.
    fn judge(
        &mut self,
        rules: &RuleSet,
        judge: Judge,
        scores: Scores,
        (from, to, start, end): (u64, u64, TextPos, TextPos),
        waiting: &mut Vec<Found>,
    ) -> bool {
        let score = scores.of.get(judge.class).copied().unwrap_or_default();
        let least = match rules.threshold(judge.rule) {
            0 => self.usual(judge, scores),
            least => least,
        };
        let finds = thousandths(score) >= least.max(1);
        if finds {
            if !self.found.contains(&judge.rule) {
                self.found.push(judge.rule);
            }
            waiting.push(Found::judged(from, to, Finding { rule: judge.rule, start, end, score, of: 0 }));
        }
        finds
    }

    /// The threshold of a rule that says none, in thousandths.
    fn usual(&self, judge: Judge, scores: Scores) -> i32 {
        let model = self.reading.scores().nth(judge.model).map(|(model, _)| model);
        let calibration = model.map(|model| model.calibration(scores.tongue));
        let of = |known: &[f32]| known.get(judge.class).copied();
        // A score of one is never reached: there is nothing to go by.
        let least = calibration.and_then(|own| of(&own.one_in_thousand)).filter(|least| *least < 1.0);
        let common = calibration.and_then(|own| of(&own.one_in_hundred)).filter(|_| judge.rare < 1.0);
        least.map_or(i32::MAX, |least| {
            thousandths(common.map_or(least, |common| between(common, least, judge.rare)))
        })
    }

    /// From where on text is held until it is judged, in the folded text: from the unit that has not ended, or from the last one, of which
    /// the text's end may still say more.
    fn held(&self) -> Option<u64> {
        let open = self.open.map(|(fold, _)| fold);
        open.or(self.last.map(|(fold, ..)| fold)).filter(|_| self.holds)
    }
}
