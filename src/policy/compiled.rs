//! Policies as the exchange sees them: compiled, immutable.
//!
//! Rules differ in how far they have come into force. One policy is therefore a few variants of the same: which one an exchange has is
//! known when it is admitted, from its id. A variant reads with an engine that knows no rule which does not act in it, so that such a rule
//! holds nothing back; those that only watch are read beside it ([`Policy::shadow`]).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::annotate::may_doubt;
use super::{
    AbuseSettings, Action, Annotate, BlockAs, Bucket, Choice, Complaints, Density, Direction, LEAST,
    Labelled, LadderSettings, Notice, Residencies, ReviewSettings, Rule, RuleState, SessionSettings,
    Threshold, Unmet, Unscanned,
};
use crate::detect::{CompileError, Engine, Finding, RuleId, RuleSet, RuleSpec};

/// At most so many different shares of canaries: each takes an engine.
pub(super) const MOST_SHARES: usize = 8;

/// What an exchange runs under. Compiled and immutable.
#[derive(Debug)]
pub struct Policy {
    parts: Parts,
    packs: Arc<str>,
    /// Which of the rules it is over.
    over: Over,
    engine: Arc<Engine>,
    sets: [RuleSet; 4],
    /// Of the rules in a direction those that look at encoded text.
    encoded: [RuleSet; 4],
    /// Of the rules in a direction those that ask a judge.
    judged: [Box<[RuleId]>; 4],
    /// Whether some rule only flags what it doubts in answers.
    doubts: bool,
    /// Whether some rule makes something of what it finds in requests, and in answers.
    makes: [bool; 2],
    /// Its rules in shadow, if there are any.
    shadow: Option<Arc<Policy>>,
    /// The policies of exchanges with a bucket before the one that is named, in order; all others have this one.
    canaries: Vec<(Bucket, Arc<Policy>)>,
}

/// What all variants of a policy have in common.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub(super) name: Arc<str>,
    /// Hash of its content, in hex.
    pub(super) version: Arc<str>,
    /// Rules of the engine; shared by all policies over it.
    pub(super) rules: Arc<[Rule]>,
    /// What this policy does with each rule, by rule number.
    pub(super) choices: Arc<[Choice]>,
    pub(super) unscanned: Unscanned,
    pub(super) client: ForClients,
    /// What its profile demands and is not there.
    pub(super) unmet: Vec<Unmet>,
}

/// What a policy says of clients: how they are told, what follows for them, where their data may go. Its content is part of a policy's
/// version.
#[derive(Clone, Debug, Default)]
pub(super) struct ForClients {
    pub(super) block_as: BlockAs,
    /// In which form they are told of doubts.
    pub(super) annotate: Annotate,
    pub(super) complaints: Option<Arc<Complaints>>,
    pub(super) ladder: Option<Arc<LadderSettings>>,
    pub(super) sessions: Option<Arc<SessionSettings>>,
    pub(super) abuse: Option<Arc<AbuseSettings>>,
    pub(super) review: Option<Arc<ReviewSettings>>,
    pub(super) residency: Arc<Residencies>,
    pub(super) notices: Arc<[Notice]>,
    /// How its profile has generated text labelled, and under whose law.
    pub(super) labels: Option<Arc<Labelled>>,
    /// Days for which its profile lets bodies be kept.
    pub(super) content_days: Option<u32>,
    /// How closely marks stand in answers.
    pub(super) mark: Density,
    /// Whether prints of answers are kept.
    pub(super) prints: bool,
    /// Whether upstreams are asked for the sampler's mark.
    pub(super) sampler_mark: bool,
}

/// Which rules a policy is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    /// Those that act on exchanges with this bucket.
    Acting(Bucket),
    /// Those that watch them.
    Watching(Bucket),
    /// All, whatever their state.
    All,
}

impl Over {
    fn takes(self, state: RuleState) -> bool {
        match self {
            Self::Acting(bucket) => state.acts(bucket),
            Self::Watching(bucket) => state.watches(bucket),
            Self::All => true,
        }
    }
}

/// Digits of the hash of a pack's content that are told.
pub const PACK_DIGITS: usize = 16;

fn packs(parts: &Parts) -> Arc<str> {
    let on = numbered(&parts.choices).filter(|(_, choice)| choice.is_on());
    let packs: BTreeSet<(&str, &str)> = on
        .map(|(rule, _)| rule_of(&parts.rules, rule))
        .filter_map(|rule| Some((rule.id.rsplit_once('/')?.0, &*rule.version)))
        .collect();
    let named = packs.into_iter().filter(|(_, version)| !version.is_empty());
    let named =
        named.map(|(pack, version)| format!("{pack}@{}", version.get(..PACK_DIGITS).unwrap_or(version)));
    named.collect::<Vec<_>>().join(" ").into()
}

static NO_RULE: std::sync::LazyLock<Rule> = std::sync::LazyLock::new(Rule::default);

impl Policy {
    /// A policy and its variants. `engine` gives one that knows all rules but these, which are in order.
    pub(super) fn new<E>(
        parts: Parts,
        engine: &impl Fn(&[RuleId]) -> Result<Arc<Engine>, E>,
    ) -> Result<Self, E> {
        let shares = shares(&parts.choices);
        let mut canaries = Vec::with_capacity(shares.len());
        // Of two shares, the smaller one's exchanges are among those of the larger one.
        let mut from = Bucket::FIRST;
        for end in shares {
            canaries.push((end, Arc::new(Self::acting(parts.clone(), from, engine)?)));
            from = end;
        }
        Ok(Self { canaries, ..Self::acting(parts, from.min(Bucket::LAST), engine)? })
    }

    fn acting<E>(
        parts: Parts,
        bucket: Bucket,
        engine: &impl Fn(&[RuleId]) -> Result<Arc<Engine>, E>,
    ) -> Result<Self, E> {
        let idle: Vec<RuleId> = numbered(&parts.choices)
            .filter(|(_, choice)| !choice.state.acts(bucket))
            .map(|(rule, _)| rule)
            .collect();
        let watched = |choice: &Choice| choice.state.watches(bucket) && choice.is_on();
        let shadow = parts.choices.iter().any(watched).then(|| {
            let parts = Parts { unscanned: Unscanned::Allow, ..parts.clone() };
            Ok(Arc::new(Self::over(parts, Over::Watching(bucket), engine(&[])?)))
        });
        let shadow = shadow.transpose()?;
        Ok(Self { shadow, ..Self::over(parts, Over::Acting(bucket), engine(&idle)?) })
    }

    fn over(parts: Parts, over: Over, engine: Arc<Engine>) -> Self {
        let set = |direction, encoded: bool| {
            let mut set = RuleSet::empty();
            let looks = |rule: RuleId| !encoded || rule_of(&parts.rules, rule).encoded;
            for (rule, choice) in numbered(&parts.choices) {
                let counts = over.takes(choice.state) && choice.actions.get(direction) > Action::Allow;
                if counts && looks(rule) {
                    set.insert(rule);
                    if waits(rule_of(&parts.rules, rule), choice.actions.get(direction)) {
                        set.hold(rule);
                    }
                    // Of what a judge is asked about its own model finds all that is not surely harmless.
                    let band = rule_of(&parts.rules, rule).judge.as_ref().and_then(|judge| judge.band);
                    if let Some((lower, _)) = band {
                        set.set_threshold(rule, lower);
                    } else if choice.threshold != Threshold::default() {
                        set.set_threshold(rule, choice.threshold.score());
                    }
                }
            }
            set
        };
        let [prompt, output, tool] = Direction::ALL;
        let all = [prompt, output, tool, Direction::OutputOrTool];
        let sets = all.map(|direction| set(direction, false));
        let encoded = all.map(|direction| match direction {
            Direction::Prompt | Direction::Tool => set(direction, true),
            Direction::Output | Direction::OutputOrTool => RuleSet::empty(),
        });
        sets.iter().for_each(|set| engine.warm(set));
        let judged = sets.each_ref().map(|set| {
            set.iter().filter(|rule| rule_of(&parts.rules, *rule).judge.is_some()).collect::<Box<[RuleId]>>()
        });
        let doubts = numbered(&parts.choices).any(|(rule, choice)| {
            let flags = over.takes(choice.state) && choice.actions.output == Action::Flag;
            flags && may_doubt(rule_of(&parts.rules, rule), rule, &engine)
        });
        let makes = |directions: [Direction; 2]| {
            let in_force = parts.choices.iter().filter(|choice| over.takes(choice.state));
            in_force
                .flat_map(|choice| directions.map(|direction| choice.actions.get(direction)))
                .any(|action| matches!(action, Action::Partial | Action::Pseudonymise | Action::Hash))
        };
        let makes =
            [makes([Direction::Prompt, Direction::Tool]), makes([Direction::Output, Direction::Tool])];
        let packs = packs(&parts);
        Self {
            parts,
            packs,
            over,
            engine,
            sets,
            encoded,
            judged,
            doubts,
            makes,
            shadow: None,
            canaries: Vec::new(),
        }
    }

    /// A policy of these rules alone, each with its own actions: for tests and for scanning with one rule.
    pub fn from_rules(rules: Vec<(Rule, RuleSpec)>) -> Result<Self, Vec<CompileError>> {
        let (rules, specs): (Vec<Rule>, Vec<RuleSpec>) = rules.into_iter().unzip();
        let parts = Parts {
            name: "rules".into(),
            version: "".into(),
            choices: rules.iter().map(Rule::choice).collect(),
            rules: rules.into(),
            unscanned: Unscanned::default(),
            client: ForClients::default(),
            unmet: Vec::new(),
        };
        Self::new(parts, &|idle| Ok(Arc::new(Engine::compile(&without(&specs, idle))?)))
    }

    /// The same policy with answers reviewed.
    #[cfg(test)]
    pub(crate) fn reviewed(mut self, review: ReviewSettings) -> Self {
        self.parts.client.review = Some(Arc::new(review));
        self
    }

    /// The same policy with other choices.
    #[must_use]
    pub fn with(mut self, unscanned: Unscanned, block_as: BlockAs) -> Self {
        (self.parts.unscanned, self.parts.client.block_as) = (unscanned, block_as);
        let variants = std::mem::take(&mut self.canaries);
        let with = |variant| {
            Arc::into_inner(variant).map(|variant: Self| Arc::new(variant.with(unscanned, block_as)))
        };
        self.canaries =
            variants.into_iter().filter_map(|(end, variant)| Some((end, with(variant)?))).collect();
        self
    }

    /// The same rules, each as if it were in force. `engine` knows all of them.
    pub(super) fn in_all_states(&self, engine: &Arc<Engine>) -> Self {
        Self::over(self.parts.clone(), Over::All, Arc::clone(engine))
    }

    /// The same rules, of which none does more than to record: for texts that are only to be judged.
    #[must_use]
    pub fn recording(&self) -> Self {
        let weak = |choice: &Choice| {
            let super::Actions { prompt, output, tool } = choice.actions;
            let least = |action: Action| action.min(Action::Flag);
            Choice {
                actions: super::Actions { prompt: least(prompt), output: least(output), tool: least(tool) },
                ..*choice
            }
        };
        let choices = self.parts.choices.iter().map(weak).collect();
        let parts = Parts { choices, unscanned: Unscanned::Flag, ..self.parts.clone() };
        Self::over(parts, self.over, Arc::clone(&self.engine))
    }

    /// The variant that an exchange of this id runs under, all its life.
    pub fn of_exchange(self: Arc<Self>, id: impl AsRef<[u8]>) -> Arc<Self> {
        if self.canaries.is_empty() {
            return self;
        }
        let bucket = Bucket::of(id.as_ref());
        let variant = self.canaries.iter().find(|(end, _)| bucket < *end);
        Arc::clone(variant.map_or(&self, |(_, variant)| variant))
    }

    /// The rules in shadow, as a policy that is read beside this one and has no say.
    pub fn shadow(&self) -> Option<&Arc<Self>> {
        self.shadow.as_ref()
    }

    /// Whether it is one of rules in shadow.
    pub fn is_shadow(&self) -> bool {
        matches!(self.over, Over::Watching(_))
    }

    /// How its profile has generated text labelled.
    pub fn labels(&self) -> Option<&Arc<Labelled>> {
        self.parts.client.labels.as_ref()
    }

    /// Days for which its profile lets bodies of exchanges be kept at most; none where it does not say.
    pub fn content_days(&self) -> Option<u32> {
        self.parts.client.content_days
    }

    /// In which form clients are told of doubts about an answer; never of one that no rule can doubt.
    pub fn annotate(&self) -> Annotate {
        if self.doubts { self.parts.client.annotate } else { Annotate::None }
    }

    /// Whether rules in force may find something doubtful in answers.
    pub fn doubts(&self) -> bool {
        self.doubts
    }

    /// The same policy with clients told of doubts in another form.
    #[must_use]
    pub fn annotating(mut self, annotate: Annotate) -> Self {
        self.parts.client.annotate = annotate;
        self
    }

    /// How closely marks stand in answers.
    pub fn mark(&self) -> Density {
        self.parts.client.mark
    }

    /// The same policy with marks in answers.
    #[must_use]
    pub fn marking(mut self, mark: Density) -> Self {
        self.parts.client.mark = mark;
        self
    }

    /// Whether prints of answers are kept, by which they are known again without marks.
    pub fn prints(&self) -> bool {
        self.parts.client.prints
    }

    /// The same policy with prints of answers kept, or not.
    #[must_use]
    pub fn printing(mut self, prints: bool) -> Self {
        self.parts.client.prints = prints;
        self
    }

    /// Whether upstreams that can be are asked for the sampler's mark.
    pub fn sampler_mark(&self) -> bool {
        self.parts.client.sampler_mark
    }

    /// The same policy with the sampler's mark asked for, or not.
    #[must_use]
    pub fn sampler_marking(mut self, sampler_mark: bool) -> Self {
        self.parts.client.sampler_mark = sampler_mark;
        self
    }

    /// What its profile has clients show.
    pub fn notices(&self) -> &[Notice] {
        &self.parts.client.notices
    }

    /// What its profile demands of the operator and is not there.
    pub fn unmet(&self) -> &[Unmet] {
        &self.parts.unmet
    }

    pub(super) fn set_unmet(&mut self, unmet: Vec<Unmet>) {
        self.parts.unmet = unmet;
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.parts.name
    }

    /// The packs whose rules it has on, each with the first digits of the hash of its content: `law/cn@1a2b3c4d5e6f7a8b privacy@..`.
    pub fn packs(&self) -> &Arc<str> {
        &self.packs
    }

    /// Hash of its content, in hex.
    pub fn version(&self) -> &str {
        &self.parts.version
    }

    /// The engine that it shares with others.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// The rules that count in a direction.
    pub fn rules(&self, direction: Direction) -> &RuleSet {
        of_direction(&self.sets, direction)
    }

    /// Of these the rules that count in what a prompt hides by encoding it: none for what a model answers.
    pub fn encoded_rules(&self, direction: Direction) -> &RuleSet {
        of_direction(&self.encoded, direction)
    }

    /// The rules in a direction that ask a judge, in order.
    pub fn judged(&self, direction: Direction) -> &[RuleId] {
        let [prompt, output, tool, output_or_tool] = &self.judged;
        match direction {
            Direction::Prompt => prompt,
            Direction::Output => output,
            Direction::Tool => tool,
            Direction::OutputOrTool => output_or_tool,
        }
    }

    /// Whether some rule asks a judge, in shadow or not.
    pub fn asks_judges(&self) -> bool {
        self.judged.iter().any(|rules| !rules.is_empty())
            || self.shadow.as_ref().is_some_and(|shadow| shadow.asks_judges())
    }

    /// Whether what a rule's own model found counts where no judge is asked: what a judge would have been asked about counts from the rule's
    /// threshold on.
    pub fn counts_unjudged(&self, finding: &Finding) -> bool {
        let spec = self.rule(finding.rule).judge.as_ref();
        let uncertain = spec.is_some_and(|spec| spec.is_uncertain(finding.score));
        !uncertain || finding.score >= self.judged_from(finding.rule)
    }

    /// The rules in force or in shadow that ask a judge, with its name, in order.
    pub fn rules_with_judges(&self) -> Vec<(&str, &str)> {
        let ask = |rule: &RuleId| {
            let rule = self.rule(*rule);
            rule.judge.as_ref().map(|spec| (rule.id.as_str(), &*spec.judge))
        };
        let own = self.judged.iter().flatten().filter_map(ask);
        let shadow = self.shadow.iter().flat_map(|shadow| shadow.rules_with_judges());
        let mut all: Vec<(&str, &str)> = own.chain(shadow).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The least score of a judge that counts for the rule.
    pub fn judged_from(&self, id: RuleId) -> f32 {
        let threshold = self.threshold(id);
        if threshold > 0.0 { threshold } else { LEAST }
    }

    /// Whether some rule makes something of the values that it finds in requests: stand-ins, hashes, a part.
    pub fn makes_of_prompts(&self) -> bool {
        self.makes[0]
    }

    /// As [`Policy::makes_of_prompts`], of what it finds in answers.
    pub fn makes_of_answers(&self) -> bool {
        self.makes[1]
    }

    /// A rule by number. Numbers come from this policy's engine, so there is one; an empty rule stands for none.
    pub fn rule(&self, id: RuleId) -> &Rule {
        rule_of(&self.parts.rules, id)
    }

    /// All rules of the engine.
    pub fn all_rules(&self) -> &[Rule] {
        &self.parts.rules
    }

    /// What this policy does with a rule.
    pub fn action(&self, id: RuleId, direction: Direction) -> Action {
        let choice = self.choice(id).filter(|choice| self.over.takes(choice.state));
        choice.map_or(Action::Allow, |choice| choice.actions.get(direction))
    }

    /// What it would do with a rule that is in force.
    pub fn action_in_force(&self, id: RuleId, direction: Direction) -> Action {
        self.choice(id).map_or(Action::Allow, |choice| choice.actions.get(direction))
    }

    fn choice(&self, id: RuleId) -> Option<&Choice> {
        self.parts.choices.get(id.0 as usize)
    }

    /// How far a rule has come in this policy.
    pub fn state(&self, id: RuleId) -> RuleState {
        self.choice(id).map(|choice| choice.state).unwrap_or_default()
    }

    /// The least score of a rule's findings that this policy reports.
    pub fn threshold(&self, id: RuleId) -> f32 {
        self.choice(id).map_or(0.0, |choice| choice.threshold.score())
    }

    /// Whether a rule, by its number, does something in some direction and state other than the last.
    pub fn in_use(&self, rule: usize) -> bool {
        self.parts.choices.get(rule).is_some_and(|choice| {
            choice.is_on() && !matches!(choice.state, RuleState::Retired | RuleState::Draft)
        })
    }

    /// The strongest action of a rule, by its number, in any direction.
    pub fn strongest(&self, rule: usize) -> Action {
        let all = Direction::ALL.map(|direction| self.action(RuleId(rule as u32), direction));
        all.into_iter().max().unwrap_or_default()
    }

    /// The rules that do something in some direction, with their numbers.
    pub fn in_force(&self) -> impl Iterator<Item = (usize, &Rule)> {
        self.parts.rules.iter().enumerate().filter(|(n, _)| self.strongest(*n) > Action::Allow)
    }

    /// The rules that this policy asks for and that are not in force for everybody, with their states.
    pub fn not_in_force(&self) -> impl Iterator<Item = (&Rule, RuleState)> {
        let choices = self.parts.rules.iter().zip(&*self.parts.choices);
        let unlike = choices.filter(|(_, choice)| choice.state != RuleState::Enforce && choice.is_on());
        unlike.map(|(rule, choice)| (rule, choice.state))
    }

    /// The rules that this policy asks for by their states, in the order of the words' list. The gateway's own is not among them.
    pub fn by_state(&self) -> Vec<(&'static str, Vec<&str>)> {
        let choices = self.parts.rules.iter().zip(&*self.parts.choices);
        let asked: Vec<_> =
            choices.filter(|(rule, choice)| choice.is_on() && rule.category != "CANARY").collect();
        let of = |name| {
            let of_it = asked.iter().filter(|(_, choice)| choice.state.as_str() == name);
            (name, of_it.map(|(rule, _)| rule.id.as_str()).collect())
        };
        RuleState::NAMES.map(of).into()
    }

    /// The direction under which what a rule found is on record.
    pub fn named(&self, id: RuleId, direction: Direction) -> Direction {
        match direction {
            Direction::Prompt | Direction::Output | Direction::Tool => direction,
            Direction::OutputOrTool
                if self.action(id, Direction::Tool) > self.action(id, Direction::Output) =>
            {
                Direction::Tool
            }
            Direction::OutputOrTool => Direction::Output,
        }
    }

    /// What stands in the place of text that the rule masks or replaces; of what is made of the value itself, where there is nothing to
    /// make it with, the marker.
    pub fn edit_text(&self, id: RuleId, direction: Direction) -> Option<&Arc<str>> {
        let rule = self.rule(id);
        match self.action(id, direction) {
            Action::Partial | Action::Pseudonymise | Action::Hash | Action::Mask => Some(&rule.marker),
            Action::Replace => Some(rule.replacement.as_ref().unwrap_or(&rule.marker)),
            Action::Allow | Action::Flag | Action::Block => None,
        }
    }

    /// What happens to what cannot be read.
    pub fn unscanned(&self) -> Unscanned {
        self.parts.unscanned
    }

    /// Reminders of who talks for long, and words that end it.
    pub fn sessions(&self) -> Option<&SessionSettings> {
        self.parts.client.sessions.as_deref()
    }

    /// What follows for who is blocked again and again.
    pub fn ladder(&self) -> Option<&LadderSettings> {
        self.parts.client.ladder.as_deref()
    }

    /// How exchanges that probe are told.
    pub fn abuse(&self) -> Option<&AbuseSettings> {
        self.parts.client.abuse.as_deref()
    }

    /// Answers that a person reviews.
    pub fn review(&self) -> Option<&ReviewSettings> {
        self.parts.client.review.as_deref()
    }

    /// Whether a person looks at what this rule finds in answers.
    pub fn reviews(&self, rule: RuleId) -> bool {
        self.review().is_some_and(|review| review.counts(&self.rule(rule).id))
    }

    /// Where data of which grade may go.
    pub fn residency(&self) -> &Residencies {
        &self.parts.client.residency
    }

    /// Where to object to what a policy decides.
    pub fn complaints(&self) -> Option<&Complaints> {
        self.parts.client.complaints.as_deref()
    }

    /// How a block looks to the client.
    pub fn block_as(&self) -> BlockAs {
        self.parts.client.block_as
    }
}

/// Whether text waits until it is judged, by a model, against its request or against documents: what is rewritten cannot have left, and what
/// is blocked need not have.
fn waits(rule: &Rule, action: Action) -> bool {
    if rule.grounding.is_some() || rule.told_behind {
        return action > Action::Flag;
    }
    rule.model.as_ref().is_some_and(|model| match action {
        Action::Partial | Action::Pseudonymise | Action::Hash | Action::Mask | Action::Replace => true,
        Action::Block => model.strict,
        Action::Allow | Action::Flag => false,
    })
}

/// The same rules, of which these look for nothing.
pub(super) fn without(specs: &[RuleSpec], idle: &[RuleId]) -> Vec<RuleSpec> {
    let is_idle = |n: usize| idle.binary_search(&RuleId(n as u32)).is_ok();
    let of = |(n, spec): (usize, &RuleSpec)| if is_idle(n) { RuleSpec::default() } else { spec.clone() };
    specs.iter().enumerate().map(of).collect()
}

/// Where the shares of canaries end, in order.
pub(super) fn shares(choices: &[Choice]) -> Vec<Bucket> {
    let share = |choice: &Choice| match choice.state {
        RuleState::Canary(share) if choice.is_on() => Some(share.end()),
        RuleState::Canary(_)
        | RuleState::Retired
        | RuleState::Draft
        | RuleState::Shadow
        | RuleState::Enforce => None,
    };
    let mut shares: Vec<Bucket> = choices.iter().filter_map(share).collect();
    shares.sort_unstable();
    shares.dedup();
    // A share of nothing takes no exchange.
    shares.retain(|end| *end > Bucket::FIRST);
    shares
}

fn numbered(choices: &[Choice]) -> impl Iterator<Item = (RuleId, &Choice)> {
    choices.iter().enumerate().map(|(n, choice)| (RuleId(n as u32), choice))
}

fn rule_of(rules: &[Rule], id: RuleId) -> &Rule {
    rules.get(id.0 as usize).unwrap_or(&NO_RULE)
}

fn of_direction(sets: &[RuleSet; 4], direction: Direction) -> &RuleSet {
    let [prompt, output, tool, output_or_tool] = sets;
    match direction {
        Direction::Prompt => prompt,
        Direction::Output => output,
        Direction::Tool => tool,
        Direction::OutputOrTool => output_or_tool,
    }
}
