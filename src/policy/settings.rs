//! Which policy the gateway or a tenant runs under.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{
    AbuseSettings, Action, Annotate, ApprovalSettings, Demands, Density, Grade, LadderSettings,
    ReviewSettings, RuleState, SessionSettings,
};
use crate::diag::{Size, Time};

/// `[policy]`: what holds for everybody whose tenant does not say otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PolicySettings {
    /// A profile that ships with the gateway or stands in `dir`.
    pub profile: String,
    /// Packs besides those of the profile.
    pub packs: Vec<String>,
    /// A folder of packs and profiles that is used instead of the embedded one.
    pub dir: Option<PathBuf>,
    /// How often the files are looked at while the gateway runs; what has changed takes effect. Never with `"0 s"`: then SIGHUP and
    /// `sluicegate policy reload` do it.
    pub watch: Time,
    /// How many earlier policies are kept in memory to go back to.
    pub keep: usize,
    /// Hosts from which rules may have lists (`[[rule.list_url]]`).
    pub list_hosts: Vec<String>,
    /// The largest such list.
    pub list_size: Size,
    /// A file with certificates that are trusted besides the public ones when such a list is fetched.
    pub list_roots: Option<PathBuf>,
    /// What happens to what cannot be read; without it, as the profile says.
    pub unscanned: Option<Unscanned>,
    /// How a block looks to the client; without it, as the profile says.
    pub block_as: Option<BlockAs>,
    /// In which form clients are told of what is flagged in an answer as false or not borne out by its request; without it, as the profile
    /// says.
    pub annotate: Option<Annotate>,
    /// Rules that do something else than their pack says, in every direction: `"privacy/email" = "flag"`; `allow`
    /// turns a rule off. `"harm/*"` are all rules of a pack.
    pub actions: BTreeMap<String, Action>,
    /// Rules whose findings count from another score on than their pack says: `"privacy/email" = 0.8`.
    pub thresholds: BTreeMap<String, Threshold>,
    /// How far rules have come on their way into force, where that is not as their pack says: `"harm/gambling" = "shadow"`,
    /// `"harm/*" = { canary = 0.05 }`.
    pub states: BTreeMap<String, RuleState>,
    /// Lists for the slots of packs, a term a line: `"commercial/customers" = "lists/customers.txt"`.
    pub slots: BTreeMap<String, PathBuf>,
    /// How closely marks stand in answers; without it, as the profile says.
    pub mark: Option<Density>,
    /// Whether prints of answers are kept, by which they are known again without marks (`[prints]`); without it, as the profile says.
    pub prints: Option<bool>,
    /// Whether upstreams that can be (`[[upstream.sampler]]`) are asked for the sampler's mark; without it, as the profile says.
    pub sampler_mark: Option<bool>,
    /// What follows where a demand of the profile is not met; without it, as the profile says.
    pub demands: Option<Demands>,
    /// Reminders of who talks to a model for long, and words that end it; without it, none.
    pub sessions: Option<SessionSettings>,
    /// What follows for who is blocked again and again; without it, nothing.
    pub ladder: Option<LadderSettings>,
    /// How exchanges that probe are told, and what follows; without it, nothing.
    pub abuse: Option<AbuseSettings>,
    /// Answers that a person reviews; without it, none.
    pub review: Option<ReviewSettings>,
    /// To which regions prompts with data of a grade may go, in place of what the profile states: `personal = ["eu"]`. `"*"` is every region,
    /// `[]` none; a name that is not known is the `region` of an upstream or a judge.
    pub residency: BTreeMap<Grade, Vec<String>>,
    /// Where those complain whose exchange a policy blocks: who is blocked is told.
    pub complaints: Option<Complaints>,
    /// Who has to approve a policy before it runs; without it, nobody.
    pub approval: Option<ApprovalSettings>,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self {
            profile: "default".to_owned(),
            packs: Vec::new(),
            dir: None,
            watch: Time::secs(2),
            keep: 5,
            list_hosts: Vec::new(),
            list_size: Size::mib(32),
            list_roots: None,
            unscanned: None,
            block_as: None,
            annotate: None,
            actions: BTreeMap::new(),
            thresholds: BTreeMap::new(),
            states: BTreeMap::new(),
            slots: BTreeMap::new(),
            mark: None,
            prints: None,
            sampler_mark: None,
            demands: None,
            sessions: None,
            ladder: None,
            abuse: None,
            review: None,
            residency: BTreeMap::new(),
            complaints: None,
            approval: None,
        }
    }
}

impl PolicySettings {
    /// The same with a tenant's own words in place of those it gives.
    #[must_use]
    pub fn changed(&self, change: &PolicyChange) -> Self {
        Self {
            profile: change.profile.clone().unwrap_or_else(|| self.profile.clone()),
            packs: change.packs.clone().unwrap_or_else(|| self.packs.clone()),
            dir: self.dir.clone(),
            watch: self.watch,
            keep: self.keep,
            list_hosts: self.list_hosts.clone(),
            list_size: self.list_size,
            list_roots: self.list_roots.clone(),
            unscanned: change.unscanned.or(self.unscanned),
            block_as: change.block_as.or(self.block_as),
            annotate: change.annotate.or(self.annotate),
            actions: self.actions.iter().chain(&change.actions).map(|(id, a)| (id.clone(), *a)).collect(),
            thresholds: self
                .thresholds
                .iter()
                .chain(&change.thresholds)
                .map(|(id, least)| (id.clone(), *least))
                .collect(),
            states: self.states.iter().chain(&change.states).map(|(id, s)| (id.clone(), *s)).collect(),
            slots: self.slots.clone(),
            mark: change.mark.or(self.mark),
            prints: change.prints.or(self.prints),
            sampler_mark: change.sampler_mark.or(self.sampler_mark),
            demands: self.demands,
            sessions: change.sessions.clone().or_else(|| self.sessions.clone()),
            ladder: change.ladder.clone().or_else(|| self.ladder.clone()),
            abuse: change.abuse.clone().or_else(|| self.abuse.clone()),
            review: change.review.clone().or_else(|| self.review.clone()),
            residency: self.residency.iter().chain(&change.residency).map(|(g, r)| (*g, r.clone())).collect(),
            complaints: change.complaints.clone().or_else(|| self.complaints.clone()),
            approval: self.approval.clone(),
        }
    }
}

/// A tenant's `policy`: each key that is given stands in place of the one of `[policy]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyChange {
    /// A profile.
    pub profile: Option<String>,
    /// Packs besides those of the profile.
    pub packs: Option<Vec<String>>,
    /// What happens to what cannot be read.
    pub unscanned: Option<Unscanned>,
    /// How a block looks to the client.
    pub block_as: Option<BlockAs>,
    /// In which form clients are told of what is flagged in an answer as false or not borne out by its request.
    pub annotate: Option<Annotate>,
    /// How closely marks stand in answers.
    pub mark: Option<Density>,
    /// Whether prints of answers are kept.
    pub prints: Option<bool>,
    /// Whether upstreams that can be are asked for the sampler's mark.
    pub sampler_mark: Option<bool>,
    /// Rules that do something else than their pack or `[policy]` says.
    pub actions: BTreeMap<String, Action>,
    /// Rules whose findings count from another score on than their pack or `[policy]` says.
    pub thresholds: BTreeMap<String, Threshold>,
    /// Rules that are further on their way into force, or less far, than their pack or `[policy]` says.
    pub states: BTreeMap<String, RuleState>,
    /// Reminders of who talks to a model for long, and words that end it.
    pub sessions: Option<SessionSettings>,
    /// What follows for who is blocked again and again.
    pub ladder: Option<LadderSettings>,
    /// How exchanges that probe are told, and what follows.
    pub abuse: Option<AbuseSettings>,
    /// Answers that a person reviews.
    pub review: Option<ReviewSettings>,
    /// To which regions prompts with data of a grade may go.
    pub residency: BTreeMap<Grade, Vec<String>>,
    /// Where those complain whose exchange a policy blocks.
    pub complaints: Option<Complaints>,
}

/// Where those complain whose exchange a policy blocks, and when they get an answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Complaints {
    /// An `https://` or `mailto:` URL; `{exchange}` in it is the exchange's id.
    pub url: String,
    /// In how many days an answer comes.
    pub answered_within_days: u16,
}

/// The least score of what is reported, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "f32", into = "f32")]
#[schemars(extend("minimum" = 0, "maximum" = 1))]
pub struct Threshold(f32);

/// It is never not a number.
impl Eq for Threshold {}

impl Threshold {
    /// The least score.
    pub fn score(self) -> f32 {
        self.0
    }
}

impl TryFrom<f32> for Threshold {
    type Error = String;
    fn try_from(score: f32) -> Result<Self, String> {
        let fits = (0.0..=1.0).contains(&score);
        fits.then_some(Self(score)).ok_or_else(|| format!("expected a threshold from 0 to 1, found {score}"))
    }
}

impl From<Threshold> for f32 {
    fn from(threshold: Threshold) -> Self {
        threshold.0
    }
}

/// What happens to what cannot be read: an unknown endpoint, media type, encoding, an image.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Unscanned {
    /// It passes; the record says that it was not read.
    Allow,
    /// It passes and the exchange is flagged.
    Flag,
    /// It is refused.
    #[default]
    Block,
}

impl Unscanned {
    /// What it makes of an exchange.
    pub fn action(self) -> Action {
        match self {
            Self::Allow => Action::Allow,
            Self::Flag => Action::Flag,
            Self::Block => Action::Block,
        }
    }
}

/// How a block looks to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BlockAs {
    /// An error in the shape of the dialect.
    #[default]
    Error,
    /// An answer in which the model seems to refuse.
    Refusal,
}
