//! Rules as policies see them: what each is called, does and rests on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::{Grade, JudgeSpec, RuleState, Threshold};
use crate::detect::{ModelSpec, RuleId, Unsupported};

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
    /// A part of it stays, and stars stand in the place of the rest.
    Partial,
    /// The model gets a stand-in of the same form, and what it says of that the client gets with the value again. In what a model says of
    /// its own: the rule's marker stands in its place.
    Pseudonymise,
    /// Its keyed hash stands in its place, with its category.
    Hash,
    /// The rule's marker stands in its place.
    Mask,
    /// The rule's replacement stands in its place.
    Replace,
    /// The exchange ends.
    Block,
}

impl Action {
    /// All actions, in order of strength.
    pub const ALL: [Self; 8] = [
        Self::Allow,
        Self::Flag,
        Self::Partial,
        Self::Pseudonymise,
        Self::Hash,
        Self::Mask,
        Self::Replace,
        Self::Block,
    ];

    /// The word in rules, records and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Flag => "flag",
            Self::Partial => "partial",
            Self::Pseudonymise => "pseudonymise",
            Self::Hash => "hash",
            Self::Mask => "mask",
            Self::Replace => "replace",
            Self::Block => "block",
        }
    }

    /// The action of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.as_str() == name)
    }

    /// Whether the text is written anew.
    pub fn rewrites(self) -> bool {
        match self {
            Self::Partial | Self::Pseudonymise | Self::Hash | Self::Mask | Self::Replace => true,
            Self::Allow | Self::Flag | Self::Block => false,
        }
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
    /// Whether it does it yet, or still.
    pub state: RuleState,
}

impl Choice {
    /// Whether the rule does something in some direction, once it is in force.
    pub fn is_on(&self) -> bool {
        Direction::ALL.into_iter().any(|direction| self.actions.get(direction) > Action::Allow)
    }

    /// Whether it does less than another one in some direction or state, or reports less.
    pub fn is_weaker_than(&self, other: &Self) -> bool {
        self.actions.is_weaker_than(&other.actions)
            || self.threshold.score() > other.threshold.score()
            || self.state < other.state
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
    /// Whether a value that was pseudonymised may come back in the answer.
    pub restore: bool,
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
    /// How far it has come, as its pack says.
    pub state: RuleState,
    /// The rule of which it is a list with a state of its own. It has everything else from there, and is never further than it.
    pub list_of: Option<RuleId>,
    /// How much it has of what.
    pub counts: Counts,
    /// Hash of what its pack says, in hex.
    pub version: Arc<str>,
    /// What its category is called elsewhere: scheme and code, such as `tc260 A.1.a`.
    pub classes: Arc<[String]>,
    /// What its category is called in Chinese.
    pub zh: Option<Arc<str>>,
    /// How closely what it finds is guarded, where that is data.
    pub grade: Option<Grade>,
    /// What it asks a model.
    pub model: Option<ModelSpec>,
    /// What it asks a judge that is called.
    pub judge: Option<Arc<JudgeSpec>>,
    /// What of an answer it looks for that the request does not bear.
    pub grounding: Option<Unsupported>,
    /// Whether what it finds is told only behind where it begins: passages of documents and statements.
    pub told_behind: bool,
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
            restore: true,
            replacement: None,
            basis: Vec::new(),
            message: None,
            encoded: true,
            always: false,
            state: RuleState::default(),
            list_of: None,
            counts: Counts::default(),
            version: Arc::default(),
            classes: Arc::default(),
            zh: None,
            grade: None,
            model: None,
            judge: None,
            grounding: None,
            told_behind: false,
        }
    }
}

impl Rule {
    /// What its pack says that is to be made of it.
    pub fn choice(&self) -> Choice {
        Choice { actions: self.actions, threshold: self.threshold, state: self.state }
    }
}
