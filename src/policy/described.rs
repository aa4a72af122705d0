//! What a rule is: for who has nothing but its id, as a record names it.

use serde::Serialize;

use super::explain::BasisOf;
use super::{Direction, Policy, RuleState};
use crate::detect::RuleId;

/// What a rule is, for who has nothing but its id, from a record.
#[derive(Debug, Serialize)]
pub struct Described {
    /// The rule's id.
    pub rule: String,
    /// What it finds.
    pub title: String,
    /// Its category.
    pub category: String,
    /// How bad that is.
    pub severity: &'static str,
    /// How far it has come in this policy.
    pub state: RuleState,
    /// Whether no policy can make it weaker.
    pub always: bool,
    /// What the policy does, or would do once it is in force, by direction.
    pub actions: Vec<(&'static str, &'static str)>,
    /// The judge that it asks, which is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judge: Option<String>,
    /// The laws it rests on.
    pub basis: Vec<BasisOf>,
}

/// Describes the rule of this id, whatever its state: what is retired stays known.
pub fn describe(policy: &Policy, id: &str) -> Option<Described> {
    let (n, rule) = policy.all_rules().iter().enumerate().find(|(_, rule)| rule.id == id)?;
    let number = RuleId(n as u32);
    let action = |direction: Direction| policy.action_in_force(number, direction).as_str();
    Some(Described {
        rule: rule.id.clone(),
        title: rule.title.clone(),
        category: rule.category.clone(),
        severity: rule.severity.as_str(),
        state: policy.state(number),
        always: rule.always,
        actions: Direction::ALL.map(|direction| (direction.as_str(), action(direction))).into(),
        judge: rule.judge.as_ref().map(|spec| spec.judge.to_string()),
        basis: rule.basis.iter().map(BasisOf::from).collect(),
    })
}
