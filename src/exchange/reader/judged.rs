//! What rules want to know of judges that are called: questions that arise while texts are read, and what follows from the answers.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::super::judging::{Answers, EDGE, Opinion, Question, Said, Want, Watch};
use super::{Reader, Side, Stop};
use crate::detect::{Finding, RuleId};
use crate::dialect::Role;
use crate::policy::{Action, Direction};
use crate::telemetry::Quiet;
use crate::text::TextPos;

/// How the record and the client call a text that was to be judged and was not.
const UNJUDGED: &str = "unjudged text";

/// So many bytes of a text that is settled are kept, for who asks about its sentences.
const SENTENCE: u64 = 8 << 10;

/// What is found since a judge did not say, by the rule's own model.
const BY_MODEL: u32 = u32::MAX;

/// The questions of one side of an exchange.
#[derive(Debug, Default)]
pub(super) struct Judging {
    /// What has been said already, of a prompt.
    answers: Arc<Answers>,
    /// What the answer answers.
    asked: Option<Arc<str>>,
    next: u32,
    new: Vec<Question>,
    open: BTreeMap<u32, Open>,
    /// What judges call what was found: findings name it by its place, counted from one.
    called: Vec<Arc<str>>,
    /// How many questions are open for which everything waits.
    loose: usize,
}

/// A question whose answer is awaited.
#[derive(Debug)]
struct Open {
    place: Place,
    /// Where the text begins and ends in the text that is on record.
    span: Range<u64>,
    strict: bool,
    judge: Arc<str>,
    wants: Vec<Want>,
}

/// Which text it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) direction: Direction,
    pub(super) role: Role,
    /// Its number on record.
    pub(super) number: u32,
    /// The channel, of a text that goes on.
    pub(super) channel: Option<usize>,
}

/// What rules ask of one text of a stream.
#[derive(Debug)]
pub(super) struct JudgedChannel {
    watch: Watch,
    /// Starts of what is asked about and waited for, by question.
    waits: Vec<(u32, u64)>,
    /// Whether a rule that asks always has text wait.
    strict: bool,
}

/// What a rule's own model found and is not sure of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    rule: RuleId,
    score: f32,
    start: u64,
    end: u64,
}

impl JudgedChannel {
    /// Up to where the channel's text need not wait for judges.
    pub(super) fn settled(&self) -> u64 {
        let open = self.waits.iter().map(|(_, start)| *start).min().unwrap_or(u64::MAX);
        if self.strict { open.min(self.watch.start()) } else { open }
    }
}

/// Whether judges are asked about texts of this role: what people, models and tools say.
fn is_judged(role: Role) -> bool {
    match role {
        Role::Message | Role::Reasoning | Role::Tool => true,
        Role::Logprobs | Role::Other => false,
    }
}

impl Reader {
    /// From here on judges are asked; `answers` are what they have said already, `asked` what the answer answers.
    pub fn ask_judges(&mut self, answers: &Arc<Answers>, asked: Option<&Arc<str>>) {
        if self.policy.asks_judges() {
            let judging =
                Judging { answers: Arc::clone(answers), asked: asked.cloned(), ..Judging::default() };
            self.judging = Some(Box::new(judging));
        }
        if let Some(shadow) = &mut self.shadow {
            shadow.ask_judges(answers, asked);
        }
    }

    /// Whether judges are asked about texts of this kind.
    pub(super) fn asks(&self, role: Role, direction: Direction) -> bool {
        self.judging.is_some() && is_judged(role) && !self.policy.judged(direction).is_empty()
    }

    /// The questions that have arisen since this was last called.
    pub fn questions(&mut self) -> Vec<Question> {
        let mut out =
            self.judging.as_mut().map(|judging| std::mem::take(&mut judging.new)).unwrap_or_default();
        if let Some(shadow) = &mut self.shadow {
            out.extend(shadow.questions().into_iter().map(|question| Question { shadow: true, ..question }));
        }
        out
    }

    /// Whether answers are awaited.
    pub fn awaits_judges(&self) -> bool {
        self.judging.as_ref().is_some_and(|judging| !judging.open.is_empty())
            || self.shadow.as_ref().is_some_and(|shadow| shadow.awaits_judges())
    }

    /// Whether nothing leaves before answers have come.
    pub fn waits_for_judges(&self) -> bool {
        self.judging.as_ref().is_some_and(|judging| judging.loose > 0)
    }

    /// What follows from what a judge says.
    ///
    /// # Errors
    /// The exchange ends.
    pub fn answered(&mut self, number: u32, shadow: bool, opinion: &Opinion) -> Result<(), Stop> {
        if shadow {
            self.shadow(|shadow| drop(shadow.answered(number, false, opinion)));
            return Ok(());
        }
        let Some(open) = self.judging.as_mut().and_then(|judging| judging.open.remove(&number)) else {
            return Ok(());
        };
        let mut found = Vec::new();
        self.opinion(&open.judge, &open.wants, opinion, &open.span, open.place, &mut found);
        // What is said of an answer comes too late for rewriting it: a policy that has its rule do so ends it.
        let fixed = std::mem::replace(&mut self.fixed, true);
        for finding in found {
            let Place { direction, role, number, .. } = open.place;
            drop(self.note(&finding, None, direction, role, number));
        }
        self.fixed = fixed;
        match open.place.channel.and_then(|index| self.channels.get_mut(index)) {
            Some(channel) => {
                if let Some(judged) = &mut channel.judged {
                    judged.waits.retain(|(waiting, _)| *waiting != number);
                }
                channel.settle_up();
            }
            None if open.strict => {
                if let Some(judging) = &mut self.judging {
                    judging.loose = judging.loose.saturating_sub(1);
                }
            }
            None => {}
        }
        match self.stop.take() {
            Some(stop) => Err(stop),
            None => Ok(()),
        }
    }

    /// Takes out of what was found what the rules' own models are not sure of: a judge is to be asked.
    pub(super) fn uncertain(
        &self,
        role: Role,
        direction: Direction,
        found: &mut Vec<Finding>,
    ) -> Vec<Candidate> {
        let mut out = Vec::new();
        if !self.asks(role, direction) {
            return out;
        }
        found.retain(|finding| {
            let uncertain = self.is_uncertain(finding);
            if uncertain {
                let &Finding { rule, score, start, end, .. } = finding;
                out.push(Candidate { rule, score, start: start.0, end: end.0 });
            }
            !uncertain
        });
        out
    }

    /// Whether a judge is to say what this is: the rule's own model is not sure.
    fn is_uncertain(&self, finding: &Finding) -> bool {
        let spec = self.policy.rule(finding.rule).judge.as_ref();
        finding.of == 0 && spec.is_some_and(|spec| spec.is_uncertain(finding.score))
    }

    /// Whether nothing is found of this before a judge has said something.
    pub(super) fn waits_for_judge(&self, role: Role, direction: Direction, finding: &Finding) -> bool {
        self.asks(role, direction) && self.is_uncertain(finding)
    }

    /// Asks about a text that stands as a whole. What is known of it already is found at once.
    pub(super) fn judge_whole(
        &mut self,
        text: &str,
        place: Place,
        at: u64,
        candidates: &[Candidate],
        found: &mut Vec<Finding>,
    ) {
        if !self.asks(place.role, place.direction) {
            return;
        }
        let mut watch = Watch::new(self.side);
        let mut passages = watch.push(text);
        passages.extend(watch.finish());
        for passage in passages {
            self.ask(&watch, passage, place, at, candidates, found);
        }
        if self.side == Side::Answer {
            for candidate in candidates {
                self.ask_about(&watch, candidate, place, at);
            }
        }
    }

    /// Asks the judges of rules that ask always about a passage, and of a prompt also those of models that are not sure of it.
    fn ask(
        &mut self,
        watch: &Watch,
        passage: Range<u64>,
        place: Place,
        at: u64,
        candidates: &[Candidate],
        found: &mut Vec<Finding>,
    ) {
        let mut by_judge: BTreeMap<Arc<str>, Vec<Want>> = BTreeMap::new();
        for &rule in self.policy.judged(place.direction) {
            let Some(spec) = self.policy.rule(rule).judge.clone() else { continue };
            let within =
                |one: &&Candidate| one.rule == rule && one.start < passage.end && passage.start < one.end;
            let cheap = candidates.iter().filter(within).map(|one| one.score).reduce(f32::max);
            let asks = match spec.band {
                None => true,
                Some(_) => self.side == Side::Prompt && cheap.is_some(),
            };
            if asks {
                let judge = Arc::clone(&spec.judge);
                by_judge.entry(judge).or_default().push(self.want(rule, &spec, cheap));
            }
        }
        for (judge, wants) in by_judge {
            let strict = wants.iter().any(|want| want.spec.strict);
            if self.side == Side::Prompt {
                self.ask_of_prompt(watch, passage.clone(), place, (judge, wants), found);
            } else {
                self.open(watch, passage.clone(), place, at, (judge, wants), strict);
            }
        }
    }

    /// Asks about what a rule's own model is not sure of.
    fn ask_about(&mut self, watch: &Watch, candidate: &Candidate, place: Place, at: u64) {
        let Some(spec) = self.policy.rule(candidate.rule).judge.clone() else { return };
        let want = self.want(candidate.rule, &spec, Some(candidate.score));
        let asked = (Arc::clone(&spec.judge), vec![want]);
        self.open(watch, candidate.start..candidate.end, place, at, asked, spec.strict);
    }

    fn want(&self, rule: RuleId, spec: &Arc<crate::policy::JudgeSpec>, cheap: Option<f32>) -> Want {
        let least = self.policy.judged_from(rule);
        let category = self.policy.rule(rule).category.as_str().into();
        Want { rule, category, spec: Arc::clone(spec), cheap, least }
    }

    fn question(
        &self,
        watch: &Watch,
        span: &Range<u64>,
        direction: Direction,
        (judge, wants): (Arc<str>, Vec<Want>),
    ) -> Question {
        let judging = self.judging.as_deref();
        Question {
            number: judging.map_or(0, |judging| judging.next),
            shadow: false,
            judge,
            side: self.side,
            direction,
            text: Quiet(watch.text(span).into()),
            before: Quiet(if self.side == Side::Answer { watch.before(span.start) } else { "" }.into()),
            edges: [
                Quiet(watch.text(&(span.start.saturating_sub(EDGE as u64)..span.start)).into()),
                Quiet(watch.text(&(span.end..span.end.saturating_add(EDGE as u64))).into()),
            ],
            asked: judging.and_then(|judging| judging.asked.as_deref()).map(|asked| Quiet(asked.to_owned())),
            wants,
        }
    }

    /// A prompt's texts are asked about once, whatever wants to know and however often they stand there.
    fn ask_of_prompt(
        &mut self,
        watch: &Watch,
        span: Range<u64>,
        place: Place,
        asked: (Arc<str>, Vec<Want>),
        found: &mut Vec<Finding>,
    ) {
        let question = self.question(watch, &span, place.direction, asked);
        let Some(judging) = &mut self.judging else { return };
        if let Some(opinion) = judging.answers.of(&question).cloned() {
            let mut more = Vec::new();
            self.opinion(&question.judge, &question.wants, &opinion, &span, place, &mut more);
            found.append(&mut more);
            return;
        }
        let same = |other: &&mut Question| {
            other.judge == question.judge
                && other.direction == question.direction
                && other.text.0 == question.text.0
        };
        if let Some(other) = judging.new.iter_mut().find(same) {
            let new =
                question.wants.into_iter().filter(|want| other.wants.iter().all(|w| w.rule != want.rule));
            other.wants.extend(new.collect::<Vec<_>>());
        } else {
            judging.next += 1;
            judging.new.push(question);
        }
    }

    /// An answer's texts are asked about one by one, and what is said of them comes later.
    fn open(
        &mut self,
        watch: &Watch,
        span: Range<u64>,
        place: Place,
        at: u64,
        asked: (Arc<str>, Vec<Want>),
        strict: bool,
    ) {
        let question = self.question(watch, &span, place.direction, asked);
        let Some(judging) = &mut self.judging else { return };
        judging.next += 1;
        let open = Open {
            place,
            span: span.start + at..span.end + at,
            strict,
            judge: Arc::clone(&question.judge),
            wants: question.wants.clone(),
        };
        judging.open.insert(question.number, open);
        if strict && place.channel.is_none() {
            judging.loose += 1;
        }
        let number = question.number;
        judging.new.push(question);
        let channel = place.channel.and_then(|index| self.channels.get_mut(index));
        if let Some(judged) = channel.filter(|_| strict).and_then(|channel| channel.judged.as_mut()) {
            judged.waits.push((number, span.start));
        }
    }

    /// What is found since a judge says so, or since it does not say and the rules' own models do.
    fn opinion(
        &mut self,
        judge: &str,
        wants: &[Want],
        opinion: &Opinion,
        span: &Range<u64>,
        place: Place,
        found: &mut Vec<Finding>,
    ) {
        match opinion {
            Opinion::Said(said) => {
                for want in wants {
                    self.said(want, said, span, found);
                }
            }
            Opinion::Failed { why, open } => {
                *self.coverage.unjudged.entry(format!("{judge}: {why}")).or_default() += 1;
                for want in wants {
                    let acts = self.policy.action(want.rule, place.direction) > Action::Flag;
                    if acts && !open && !self.policy.is_shadow() {
                        *self.coverage.unscanned.entry(UNJUDGED).or_default() += 1;
                        self.strongest = self.strongest.max(Action::Block);
                        self.stop.get_or_insert(Stop::Unscanned(UNJUDGED));
                    } else if let (Some(true), Some(score)) = (want.leans(), want.cheap) {
                        found.push(finding(want.rule, span.clone(), score, BY_MODEL));
                    }
                }
            }
        }
    }

    fn said(&mut self, want: &Want, said: &[Said], span: &Range<u64>, found: &mut Vec<Finding>) {
        let Some(judging) = &mut self.judging else { return };
        let length = span.end - span.start;
        let mut whole: Option<(f32, u32)> = None;
        for one in said {
            let Some(label) = want.label(one) else { continue };
            let of = judging.called.iter().position(|known| **known == *label).unwrap_or_else(|| {
                judging.called.push(label.into());
                judging.called.len() - 1
            });
            let of = of as u32 + 1;
            match &one.span {
                Some(part) => {
                    let (start, end) = ((part.start as u64).min(length), (part.end as u64).min(length));
                    if start < end {
                        let part = span.start + start..span.start + end;
                        found.push(finding(want.rule, part, one.score, of));
                    }
                }
                None if whole.is_none_or(|(score, _)| one.score > score) => whole = Some((one.score, of)),
                None => {}
            }
        }
        if let Some((score, of)) = whole {
            found.push(finding(want.rule, span.clone(), score, of));
        }
    }

    /// What a judge calls what a finding names by this number; none where no judge found it.
    pub(super) fn called(&self, of: u32) -> Option<Arc<str>> {
        let at = (of as usize).checked_sub(1)?;
        self.judging.as_ref()?.called.get(at).cloned()
    }

    /// What rules ask of a text that goes on; none where none does.
    pub(super) fn judged_channel(&self, role: Role, direction: Direction) -> Option<Box<JudgedChannel>> {
        if !self.asks(role, direction) {
            return None;
        }
        let mut specs = self.policy.judged(direction).iter().filter_map(|rule| {
            let waits = self.policy.action(*rule, direction) > Action::Flag;
            self.policy.rule(*rule).judge.as_ref().map(|spec| (spec, waits))
        });
        let strict = specs.any(|(spec, waits)| spec.strict && spec.band.is_none() && waits);
        Some(Box::new(JudgedChannel { watch: Watch::new(self.side), waits: Vec::new(), strict }))
    }

    /// Reads a channel's text for passages that end; with no text, what was read ends here.
    pub(super) fn judge_channel(&mut self, index: usize, text: Option<&str>) {
        let Some(channel) = self.channels.get_mut(index) else { return };
        let Some(mut judged) = channel.judged.take() else { return };
        let place = channel.place(index);
        let passages = match text {
            Some(text) => judged.watch.push(text),
            None => judged.watch.finish().into_iter().collect(),
        };
        let watch = (!passages.is_empty()).then(|| judged.watch.clone());
        channel.judged = Some(judged);
        for (passage, watch) in passages.into_iter().zip(watch.iter().cycle()) {
            self.ask(watch, passage, place, 0, &[], &mut Vec::new());
        }
        if let Some(channel) = self.channels.get_mut(index) {
            let settled = channel.settled;
            if let Some(judged) = &mut channel.judged {
                judged.watch.trim(settled.saturating_sub(SENTENCE));
            }
            // Who reads on tells how far it is decided.
            if text.is_none() {
                channel.settle_up();
            }
        }
    }

    /// Takes out of what was found in a channel what the rules' own models are not sure of, and asks about it.
    pub(super) fn ask_uncertain(&mut self, index: usize, found: &mut Vec<Finding>) {
        let Some(channel) = self.channels.get(index).filter(|_| !found.is_empty()) else { return };
        let (role, direction, base) = (channel.role, channel.direction, channel.base);
        let candidates = self.uncertain(role, direction, found);
        let Some(channel) = self.channels.get(index).filter(|_| !candidates.is_empty()) else { return };
        let place = channel.place(index);
        let Some(judged) = &channel.judged else { return };
        let watch = judged.watch.clone();
        for one in &candidates {
            let one = Candidate { start: one.start + base, end: one.end + base, ..*one };
            self.ask_about(&watch, &one, place, 0);
        }
    }
}

fn finding(rule: RuleId, span: Range<u64>, score: f32, of: u32) -> Finding {
    Finding { rule, start: TextPos(span.start), end: TextPos(span.end), score, of }
}
