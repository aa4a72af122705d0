//! Rules that ask a tagger: at the end of each unit, what is surer than their thresholds is found.

use super::model::{Reading, Tagged, Tagger};
use super::shipped;
use crate::detect::asking::Reads;
use crate::detect::classify::ModelSpec;
use crate::detect::judge::Found;
use crate::detect::{Brought, CompileError, Finding, Place, RuleId, RuleSet, RuleSpec};
use crate::text::fold::{FoldPos, View};
use smallvec::SmallVec;
use std::sync::Arc;

impl ModelSpec {
    /// Whether the model finds places in a text, as taggers do, and does not judge texts as a whole.
    pub fn finds_places(&self) -> bool {
        match &self.brought {
            Some(brought) => brought.tagger().is_some(),
            None => shipped::names().contains(&self.model.as_str()),
        }
    }
}

/// The taggers that rules ask, and which rules do.
#[derive(Debug, Default)]
pub(in crate::detect) struct Taggers {
    taggers: Vec<Arc<Tagger>>,
    rules: Vec<Asks>,
}

#[derive(Clone, Copy, Debug)]
struct Asks {
    rule: RuleId,
    tagger: usize,
    kind: usize,
}

/// What a tagger makes of one channel, for the rules that count there.
#[derive(Clone, Debug)]
pub(in crate::detect) struct Channel {
    tagger: Arc<Tagger>,
    reading: Reading,
    /// The rules and what each wants.
    rules: SmallVec<[(RuleId, usize); 4]>,
    found: Vec<Tagged>,
    /// Whether text is held for some rule.
    holds: bool,
}

impl Reads for Channel {
    fn holds(&self) -> bool {
        self.holds
    }

    fn open(&self) -> Option<u64> {
        self.reading.open()
    }
}

impl Taggers {
    pub(in crate::detect) fn compile(specs: &[RuleSpec], errors: &mut Vec<CompileError>) -> Self {
        let mut taggers = Self::default();
        for (rule, spec) in specs.iter().enumerate() {
            let Some(asked) = spec.model.as_ref().filter(|asked| asked.finds_places()) else { continue };
            let mut wrong = |reason| errors.push(CompileError { rule, place: Place::Model, reason });
            let own = asked.brought.as_ref().and_then(Brought::tagger);
            let Some(tagger) = own.or_else(|| shipped::tagger(&asked.model)) else {
                wrong(format!("the model `{}` that ships is damaged", asked.model));
                continue;
            };
            let types: Vec<&str> = tagger.types().iter().map(String::as_str).collect();
            let Some(class) = &asked.class else {
                wrong(format!("the model `{}` needs a `class`: {}", asked.model, types.join(", ")));
                continue;
            };
            let Some(kind) = types.iter().position(|one| one == class) else {
                wrong(match crate::diag::nearest(class, &types) {
                    Some(near) => format!("unknown class of the model `{class}`; did you mean `{near}`?"),
                    None => format!("unknown class of the model `{class}`; there are {}", types.join(", ")),
                });
                continue;
            };
            let known = taggers.taggers.iter().position(|known| Arc::ptr_eq(known, tagger));
            let place = known.unwrap_or_else(|| {
                taggers.taggers.push(Arc::clone(tagger));
                taggers.taggers.len() - 1
            });
            taggers.rules.push(Asks { rule: RuleId(rule as u32), tagger: place, kind });
        }
        taggers
    }

    /// Unpacks the weights of the taggers that these rules ask, so that no text waits for it.
    pub(in crate::detect) fn warm(&self, rules: &RuleSet) {
        for asks in self.rules.iter().filter(|asks| rules.contains(asks.rule)) {
            self.taggers.get(asks.tagger).map(|tagger| tagger.body());
        }
    }

    /// A channel's state for these rules.
    pub(in crate::detect) fn start(&self, rules: &RuleSet) -> Box<[Channel]> {
        let of = |(place, tagger): (usize, &Arc<Tagger>)| {
            let asking = self.rules.iter().filter(|asks| asks.tagger == place && rules.contains(asks.rule));
            let own: SmallVec<[(RuleId, usize); 4]> = asking.map(|asks| (asks.rule, asks.kind)).collect();
            (!own.is_empty()).then(|| Channel {
                tagger: Arc::clone(tagger),
                reading: Reading::default(),
                holds: own.iter().any(|(rule, _)| rules.holds(*rule)),
                rules: own,
                found: Vec::new(),
            })
        };
        self.taggers.iter().enumerate().filter_map(of).collect()
    }
}

impl Channel {
    /// Reads what the view has from `from` on.
    pub(in crate::detect) fn read(
        &mut self,
        view: &View,
        from: usize,
        ended: bool,
        waiting: &mut Vec<Found>,
    ) {
        self.reading.push(&self.tagger, view.bytes().get(from..).unwrap_or_default(), &mut self.found);
        if ended {
            self.reading.finish(&self.tagger, &mut self.found);
        }
        for one in self.found.drain(..) {
            for &(rule, _) in self.rules.iter().filter(|(_, kind)| *kind == one.kind) {
                let start = view.text_start(FoldPos(one.start));
                let end = view.text_end(FoldPos(one.end));
                let finding = Finding { rule, start, end, score: one.score, of: 0 };
                waiting.push(Found::judged(one.start, one.end, finding));
            }
        }
    }
}
