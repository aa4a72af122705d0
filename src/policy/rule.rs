//! Rules and policies as the exchange sees them: compiled, immutable.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::{BlockAs, Threshold, Unmet, Unscanned};
use crate::detect::{CompileError, Engine, RuleId, RuleSet, RuleSpec};

/// What follows from a finding, in order of strength.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing.
    #[default]
    Allow,
    /// It is recorded.
    Flag,
    /// The rule's marker stands in its place.
    Mask,
    /// The rule's replacement stands in its place.
    Replace,
    /// The exchange ends.
    Block,
}

impl Action {
    /// All actions, in order of strength.
    pub const ALL: [Self; 5] = [Self::Allow, Self::Flag, Self::Mask, Self::Replace, Self::Block];

    /// The word in rules, records and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Flag => "flag",
            Self::Mask => "mask",
            Self::Replace => "replace",
            Self::Block => "block",
        }
    }

    /// The action of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.as_str() == name)
    }
}

/// Which text a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// What goes to the model.
    Prompt,
    /// What the model says.
    Output,
    /// Tool calls, their arguments and results, on either side.
    Tool,
    /// An answer's text of which nobody knows whether the model says it or gives it to a tool. A rule does to it what is stronger.
    OutputOrTool,
}

impl Direction {
    /// The directions that rules name.
    pub const ALL: [Self; 3] = [Self::Prompt, Self::Output, Self::Tool];

    /// The word in rules, records and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Output | Self::OutputOrTool => "output",
            Self::Tool => "tool",
        }
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth a note.
    Low,
    /// Worth a look.
    #[default]
    Medium,
    /// Worth a call.
    High,
    /// Worth waking somebody.
    Critical,
}

impl Severity {
    /// All severities, in order.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word in rules and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What a rule does in each direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Actions {
    /// To prompts.
    pub prompt: Action,
    /// To answers.
    pub output: Action,
    /// To tool calls and results.
    pub tool: Action,
}

impl Actions {
    /// The same in every direction.
    pub fn all(action: Action) -> Self {
        Self { prompt: action, output: action, tool: action }
    }

    /// Whether some direction has a weaker action here than there.
    pub fn is_weaker_than(&self, other: &Self) -> bool {
        self.prompt < other.prompt || self.output < other.output || self.tool < other.tool
    }

    /// The action in one direction.
    pub fn get(&self, direction: Direction) -> Action {
        match direction {
            Direction::Prompt => self.prompt,
            Direction::Output => self.output,
            Direction::Tool => self.tool,
            Direction::OutputOrTool => self.output.max(self.tool),
        }
    }
}

/// What a policy makes of a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// What it does.
    pub actions: Actions,
    /// The least score of what is reported.
    pub threshold: Threshold,
}

impl Choice {
    /// Whether it does less than another one in some direction, or reports less.
    pub fn is_weaker_than(&self, other: &Self) -> bool {
        self.actions.is_weaker_than(&other.actions) || self.threshold.score() > other.threshold.score()
    }
}

/// A law, standard or decision that a rule rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Basis {
    /// The instrument, such as `GDPR`.
    pub law: String,
    /// The article or section.
    pub article: String,
    /// Where to read it.
    pub link: String,
}

/// A rule without what it looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Unique name, `pack/rule`.
    pub id: String,
    /// What it finds, for people.
    pub title: String,
    /// Category code.
    pub category: String,
    /// How bad a finding is.
    pub severity: Severity,
    /// What it does.
    pub actions: Actions,
    /// The least score of what is reported.
    pub threshold: Threshold,
    /// What stands in the place of masked text, such as `[EMAIL]`.
    pub marker: Arc<str>,
    /// What stands in the place of replaced text.
    pub replacement: Option<Arc<str>>,
    /// What it rests on.
    pub basis: Vec<Basis>,
    /// What a blocked client is told instead of the standard sentence.
    pub message: Option<String>,
    /// Whether it looks at what prompts hide by encoding it.
    pub encoded: bool,
    /// Whether no profile and no configuration can make its actions weaker.
    pub always: bool,
    /// How much it has of what.
    pub counts: Counts,
}

/// How much a rule has of what, for reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Different keywords, lists included.
    pub terms: usize,
    /// Patterns.
    pub patterns: usize,
    /// Words of groups.
    pub groups: usize,
    /// Examples.
    pub examples: usize,
    /// Counter-examples.
    pub counter_examples: usize,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            id: String::new(),
            title: String::new(),
            category: String::new(),
            severity: Severity::default(),
            actions: Actions::default(),
            threshold: Threshold::default(),
            marker: Arc::default(),
            replacement: None,
            basis: Vec::new(),
            message: None,
            encoded: true,
            always: false,
            counts: Counts::default(),
        }
    }
}

impl Rule {
    /// What its pack says that is to be made of it.
    pub fn choice(&self) -> Choice {
        Choice { actions: self.actions, threshold: self.threshold }
    }
}

/// What an exchange runs under. Compiled and immutable.
#[derive(Debug)]
pub struct Policy {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) engine: Arc<Engine>,
    /// Rules of the engine; shared by all policies over it.
    pub(super) rules: Arc<[Rule]>,
    /// What this policy does with each rule, by rule number.
    pub(super) choices: Vec<Choice>,
    pub(super) sets: [RuleSet; 4],
    /// Of the rules in a direction those that look at encoded text.
    pub(super) encoded: [RuleSet; 4],
    pub(super) unscanned: Unscanned,
    pub(super) block_as: BlockAs,
    /// What its profile demands and is not there.
    pub(super) unmet: Vec<Unmet>,
}

static NO_RULE: std::sync::LazyLock<Rule> = std::sync::LazyLock::new(Rule::default);

impl Policy {
    /// A policy over rules that an engine holds. `choices` says what it makes of each.
    pub fn new(
        name: String,
        version: String,
        engine: Arc<Engine>,
        rules: Arc<[Rule]>,
        choices: Vec<Choice>,
        unscanned: Unscanned,
        block_as: BlockAs,
    ) -> Self {
        let set = |direction, encoded: bool| {
            let mut set = RuleSet::empty();
            let looks = |rule: usize| !encoded || rules.get(rule).is_some_and(|rule| rule.encoded);
            let counts = |choice: &Choice| choice.actions.get(direction) > Action::Allow;
            let all = choices.iter().enumerate().filter(|(_, choice)| counts(choice));
            for (rule, choice) in all.filter(|&(rule, _)| looks(rule)) {
                set.insert(RuleId(rule as u32));
                if choice.threshold != Threshold::default() {
                    set.set_threshold(RuleId(rule as u32), choice.threshold.score());
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
        Self { name, version, engine, rules, choices, sets, encoded, unscanned, block_as, unmet: Vec::new() }
    }

    /// A policy of these rules alone, each with its own actions: for tests and for scanning with one rule.
    pub fn from_rules(rules: Vec<(Rule, RuleSpec)>) -> Result<Self, Vec<CompileError>> {
        let (rules, specs): (Vec<Rule>, Vec<RuleSpec>) = rules.into_iter().unzip();
        let engine = Arc::new(Engine::compile(&specs)?);
        let choices = rules.iter().map(Rule::choice).collect();
        Ok(Self::new(
            "rules".into(),
            String::new(),
            engine,
            rules.into(),
            choices,
            Unscanned::default(),
            BlockAs::default(),
        ))
    }

    /// The same policy with other choices.
    #[must_use]
    pub fn with(mut self, unscanned: Unscanned, block_as: BlockAs) -> Self {
        self.unscanned = unscanned;
        self.block_as = block_as;
        self
    }

    /// What its profile demands of the operator and is not there.
    pub fn unmet(&self) -> &[Unmet] {
        &self.unmet
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Hash of its content, in hex.
    pub fn version(&self) -> &str {
        &self.version
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

    /// A rule by number. Numbers come from this policy's engine, so there is one; an empty rule stands for none.
    pub fn rule(&self, id: RuleId) -> &Rule {
        self.rules.get(id.0 as usize).unwrap_or(&NO_RULE)
    }

    /// All rules of the engine.
    pub fn all_rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What this policy does with a rule.
    pub fn action(&self, id: RuleId, direction: Direction) -> Action {
        self.choices.get(id.0 as usize).map_or(Action::Allow, |choice| choice.actions.get(direction))
    }

    /// The least score of a rule's findings that this policy reports.
    pub fn threshold(&self, id: RuleId) -> f32 {
        self.choices.get(id.0 as usize).map_or(0.0, |choice| choice.threshold.score())
    }

    /// The strongest action of a rule, by its number, in any direction.
    pub fn strongest(&self, rule: usize) -> Action {
        let all = Direction::ALL.map(|direction| self.action(RuleId(rule as u32), direction));
        all.into_iter().max().unwrap_or_default()
    }

    /// The rules that do something in some direction, with their numbers.
    pub fn in_force(&self) -> impl Iterator<Item = (usize, &Rule)> {
        self.rules.iter().enumerate().filter(|(n, _)| self.strongest(*n) > Action::Allow)
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

    /// What stands in the place of text that the rule masks or replaces.
    pub fn edit_text(&self, id: RuleId, direction: Direction) -> Option<&Arc<str>> {
        let rule = self.rule(id);
        match self.action(id, direction) {
            Action::Mask => Some(&rule.marker),
            Action::Replace => Some(rule.replacement.as_ref().unwrap_or(&rule.marker)),
            Action::Allow | Action::Flag | Action::Block => None,
        }
    }

    /// What happens to what cannot be read.
    pub fn unscanned(&self) -> Unscanned {
        self.unscanned
    }

    /// How a block looks to the client.
    pub fn block_as(&self) -> BlockAs {
        self.block_as
    }
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
