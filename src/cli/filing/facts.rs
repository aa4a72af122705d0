//! What is known of a gateway from its configuration, its policy and an assessment: each fact with what was found and how far it is there.

use crate::config::Settings;
use crate::policy::{Library, Policy, PolicySettings, Profile};
use serde::Serialize;
use serde_json::Value;

/// How far something is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// Nothing of it.
    Missing,
    /// Somebody has to bring it.
    Operator,
    /// A part.
    Partly,
    /// A profile says it, and nothing applies it yet.
    Stated,
    /// All of it.
    There,
}

impl Status {
    pub(super) const ALL: [Self; 5] =
        [Self::There, Self::Stated, Self::Partly, Self::Operator, Self::Missing];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Operator => "operator",
            Self::Partly => "partly",
            Self::Stated => "stated",
            Self::There => "there",
        }
    }
}

/// One fact.
pub(super) type Fact = (Status, String);

/// Where facts come from.
pub(super) struct Facts<'f> {
    pub(super) settings: Option<&'f Settings>,
    pub(super) policy_settings: &'f PolicySettings,
    pub(super) library: &'f Library,
    pub(super) policy: &'f Policy,
    /// An assessment's report.
    pub(super) assess: Option<&'f Value>,
}

impl Facts<'_> {
    fn profile(&self) -> Option<&Profile> {
        self.library.profile(&self.policy_settings.profile)
    }

    /// The fact of this name; nothing for a name that no fact has.
    pub(super) fn fact(&self, name: &str) -> Option<Fact> {
        if let Some(pack) = name.strip_prefix("pack:") {
            return Some(self.pack(pack));
        }
        Some(match name {
            "program" => (Status::There, format!("sluicegate {}", env!("CARGO_PKG_VERSION"))),
            "profile" => self.profile().map_or_else(
                || (Status::Missing, format!("`{}` is no profile of packs", self.policy_settings.profile)),
                |profile| {
                    let tier = profile.tier.map_or("no tier", |tier| tier.as_str());
                    (Status::There, format!("profile `{}` ({tier}): {}", profile.name, profile.title))
                },
            ),
            "policy" => (Status::There, format!("version {}", self.policy.version())),
            "rules" => {
                let (rules, based) = (self.policy.in_force().count(), self.based());
                (Status::There, format!("{rules} rules in force, {based} with a legal basis"))
            }
            "examples" => {
                let counts = self.policy.in_force().map(|(_, rule)| rule.counts);
                let (good, bad) = counts.fold((0, 0), |(a, b), c| (a + c.examples, b + c.counter_examples));
                (Status::There, format!("{good} examples and {bad} counter-examples, tried at each load"))
            }
            "contents" => {
                let contents = self.library.contents();
                (
                    Status::There,
                    format!("{} packs and lists, each with the hash of its content", contents.len()),
                )
            }
            "obligations" => {
                let all = self.library.obligations().len();
                (Status::There, format!("{all} obligations by article: `sluicegate obligations`"))
            }
            "rollback" => (Status::There, "`sluicegate policy rollback`, at once".to_owned()),
            "records" => self.records(),
            "keys" => self.keys(),
            "routes" => self.routes(),
            "approval" => self.approval(),
            "complaints" => self.policy_settings.complaints.as_ref().map_or_else(
                || match self.settings.map(|settings| &settings.complaints).filter(|own| own.enabled) {
                    Some(own) => {
                        let days = own.answered_within_days;
                        (Status::There, format!("`POST /complaints`, answered within {days} days"))
                    }
                    None => missing("no `[policy.complaints]`, and `[complaints]` is not enabled"),
                },
                |one| {
                    (Status::There, format!("{}, answered within {} days", one.url, one.answered_within_days))
                },
            ),
            "ladder" => self.policy_settings.ladder.as_ref().map_or_else(
                || missing("no `[policy.ladder]`"),
                |ladder| {
                    let [warn, limit, suspend] = [ladder.warn, ladder.limit, ladder.suspend];
                    (
                        Status::There,
                        format!("from {warn} blocks warned, {limit} limited, {suspend} suspended"),
                    )
                },
            ),
            "sessions" => self.policy_settings.sessions.as_ref().map_or_else(
                || missing("no `[policy.sessions]`"),
                |one| {
                    (
                        Status::There,
                        format!("a reminder after {}, {} words that end it", one.remind, one.exit.len()),
                    )
                },
            ),
            "labels" => self.profile().and_then(|profile| profile.labels.as_ref()).map_or_else(
                || missing("the profile states no labels"),
                |labels| {
                    (
                        Status::There,
                        format!(
                            "`{}`, signed metadata: {}, marks: {}",
                            labels.mode.as_str(),
                            labels.metadata,
                            labels.mark.as_str()
                        ),
                    )
                },
            ),
            "notices" => {
                let notices = self.profile().map_or(0, |profile| profile.notices.len());
                let said = format!(
                    "{notices} notices: a header of each answer carries them, the application shows them"
                );
                if notices > 0 { (Status::Partly, said) } else { missing("the profile states no notice") }
            }
            "retention" => self.profile().and_then(|profile| profile.retention.as_ref()).map_or_else(
                || missing("the profile states no retention"),
                |kept| {
                    (
                        Status::There,
                        format!(
                            "{} days: `sluicegate audit purge` removes nothing younger; bodies of exchanges, where they are kept, are gone after {} days",
                            kept.records_days, kept.content_days
                        ),
                    )
                },
            ),
            "residency" => {
                let grades = self.profile().map_or(0, |profile| profile.residency.len());
                let said = format!("{grades} grades of data: a prompt goes to no upstream in another region");
                if grades > 0 { (Status::There, said) } else { missing("the profile states no residency") }
            }
            "demands" => self.demands(),
            "budget" => self.profile().and_then(|profile| profile.budget).map_or_else(
                || missing("the profile states no budget"),
                |budget| {
                    (
                        Status::There,
                        format!(
                            "at most {} of benign texts touched, {} blocked",
                            budget.found, budget.blocked
                        ),
                    )
                },
            ),
            "benign" => self.assess.and_then(|report| report.get("benign")).map_or_else(
                || missing("no assessment with `--benign`"),
                |benign| {
                    (
                        Status::There,
                        format!(
                            "{} benign texts in the assessment",
                            benign.get("texts").unwrap_or(&Value::Null)
                        ),
                    )
                },
            ),
            "assess" => self.assessed(),
            _ => return None,
        })
    }

    fn based(&self) -> usize {
        self.policy.in_force().filter(|(_, rule)| !rule.basis.is_empty()).count()
    }

    fn pack(&self, pack: &str) -> Fact {
        let of = format!("{pack}/");
        let rules = self.policy.in_force().filter(|(_, rule)| rule.id.starts_with(&of)).count();
        if rules == 0 {
            return missing(&format!("no rule of the pack `{pack}` is in force"));
        }
        (Status::There, format!("{rules} rules of the pack `{pack}`"))
    }

    fn records(&self) -> Fact {
        let Some(settings) = self.settings else {
            return (Status::Partly, "a record of every exchange; no configuration was given".to_owned());
        };
        let dir = settings.journal.dir.as_ref().map_or_else(String::new, |dir| dir.display().to_string());
        (Status::There, format!("a record of every exchange, durable before its answer, in {dir}"))
    }

    fn keys(&self) -> Fact {
        let tenants = self.settings.map_or(0, |settings| settings.tenants.len());
        if tenants == 0 {
            return missing("no tenant has a key");
        }
        (Status::There, format!("{tenants} tenants with keys"))
    }

    fn routes(&self) -> Fact {
        let routes = self.settings.map_or(&[][..], |settings| &settings.routes);
        let named = routes.iter().filter(|route| route.purpose.is_some()).count();
        let said = format!("{named} of {} routes say what they are for (`[route.use]`)", routes.len());
        match named {
            0 => missing(&said),
            _ if named == routes.len() => (Status::There, said),
            _ => (Status::Partly, said),
        }
    }

    fn approval(&self) -> Fact {
        let Some(approval) = &self.policy_settings.approval else { return missing("no `[policy.approval]`") };
        let content = self.settings.and_then(|settings| settings.policy_content_now().ok());
        let approvals = content.and_then(|content| self.settings?.approvals(&content));
        let said = format!("{} of {} people have to sign", approval.required, approval.approvers.len());
        match approvals {
            Some(approvals) if approvals.is_enough() => {
                let names: Vec<&str> = approvals.signed.iter().map(|one| one.approver.as_str()).collect();
                (Status::There, format!("{said}: {} approved {}", names.join(", "), approvals.policy))
            }
            _ => (Status::Partly, format!("{said}; this policy is not approved")),
        }
    }

    fn demands(&self) -> Fact {
        let unmet = self.policy.unmet();
        if unmet.is_empty() {
            return (Status::There, "all demands of the profile that can be checked are met".to_owned());
        }
        let lacking: Vec<&str> = unmet.iter().map(|one| one.lacking.as_str()).collect();
        (
            Status::Partly,
            format!("{} demands of the profile are not met: {}", unmet.len(), lacking.join("; ")),
        )
    }

    /// The report is of this policy, of banks that are not samples, and its figures are met.
    fn assessed(&self) -> Fact {
        let Some(report) = self.assess else { return missing("no report of `sluicegate assess` was given") };
        let of = report.pointer("/policy/version").and_then(Value::as_str).unwrap_or("-");
        let figures = report.get("figures").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let met =
            figures.iter().filter(|one| one.get("status").is_some_and(|status| status == "met")).count();
        let mut said = vec![format!("{met} of {} figures are met", figures.len())];
        if of != self.policy.version() {
            said.push(format!("it is of another policy, {of}"));
        }
        if report.get("samples") == Some(&Value::Bool(true)) {
            said.push("its banks are samples".to_owned());
        }
        if report.get("gate").is_some() {
            said.push("it is of a profile's gate, not of the banks that the standard asks for".to_owned());
        }
        let whole = said.len() == 1 && met == figures.len() && met > 0;
        (if whole { Status::There } else { Status::Partly }, said.join(", "))
    }
}

fn missing(why: &str) -> Fact {
    (Status::Missing, why.to_owned())
}
