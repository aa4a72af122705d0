//! Benign texts: how many of them rules touch, against the profile's budget.

use super::figures::{Bound, Figure, Share, Status};
use super::output::found;
use super::report::Benign;
use super::required::asked;
use super::short;
use crate::cli::texts::{self, Texts};
use crate::diag::Diagnostic;
use crate::policy::{Budget, Library, Policy};
use std::collections::BTreeMap;
use std::path::Path;

/// The share of benign texts that rules touch.
pub(super) fn measure(
    path: &Path,
    policy: &Policy,
    library: &Library,
    profile: &str,
) -> anyhow::Result<Result<Benign, Diagnostic>> {
    let (name, file) = match texts::open(path) {
        Ok(opened) => opened,
        Err(diagnostic) => return Ok(Err(diagnostic)),
    };
    let mut lines = Texts::new(name.clone(), file);
    let (mut count, mut touched, mut blocked, mut by_rule) = (0, 0, 0, BTreeMap::new());
    while let Some(text) = lines.next()? {
        let text = match text {
            Ok(text) => text,
            Err(diagnostic) => return Ok(Err(diagnostic)),
        };
        let found = found(policy, text.direction, &text.content);
        count += 1;
        blocked += usize::from(found.blocked);
        let rules = found.all();
        touched += usize::from(!rules.is_empty());
        for rule in rules {
            *by_rule.entry(rule).or_insert(0) += 1;
        }
    }
    let budget = library.profile(profile).and_then(|profile| profile.budget);
    Ok(Ok(benign(&short(&name), count, (touched, blocked), budget, by_rule)))
}

/// Benign texts: in how many something is found, and how many are blocked.
pub(super) fn benign(
    file: &str,
    texts: usize,
    (found, blocked): (usize, usize),
    budget: Option<Budget>,
    rules: BTreeMap<String, usize>,
) -> Benign {
    let limit = |most: Option<f64>, what: &str| {
        let text = most.map_or_else(
            || "the profile has no budget".to_owned(),
            |most| format!("the profile's budget: {what} in at most {} % of benign texts", most * 100.0),
        );
        asked(&text, Bound::AtMost(most.unwrap_or(1.0)), 1, "profile")
    };
    let against = |figure: Figure, most: Option<f64>| match most {
        Some(_) => figure,
        None => Figure { status: Status::NotAsked, ..figure },
    };
    let mut rules: Vec<(String, usize)> = rules.into_iter().collect();
    rules.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Benign {
        file: file.to_owned(),
        texts,
        found: against(
            Figure::new(
                "benign_found",
                "benign texts in which something is found",
                Share::new(found, texts),
                limit(budget.map(|b| b.found), "something is found"),
            ),
            budget.map(|b| b.found),
        ),
        blocked: against(
            Figure::new(
                "benign_blocked",
                "benign texts that are blocked",
                Share::new(blocked, texts),
                limit(budget.map(|b| b.blocked), "something is blocked"),
            ),
            budget.map(|b| b.blocked),
        ),
        rules,
    }
}
