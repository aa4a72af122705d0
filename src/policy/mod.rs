//! Packs, rules and profiles: load, compile, decide, swap.

mod abuse;
mod annotate;
pub mod approval;
mod brought;
mod compiled;
mod conditions;
mod coverage;
mod date;
mod density;
mod described;
mod draft;
mod embedded;
pub mod explain;
mod file;
pub mod files;
mod folds;
mod judged;
mod ladder;
mod library;
mod lints;
mod list_form;
mod list_head;
mod list_url;
mod loader;
mod looked_for;
mod mistake;
mod named_files;
mod obligation;
mod passed_over;
mod profile;
mod region;
mod residency;
mod review;
mod rule;
mod sessions;
mod settings;
mod state;
mod stated;
mod taxonomy;
#[cfg(test)]
mod tests;

pub use abuse::{AbuseSettings, Sign};
pub use annotate::{Annotate, Doubt};
pub use approval::{APPROVAL, ApprovalSettings, Approvals, Approved, Signer};
pub use brought::BroughtModel;
pub use compiled::{PACK_DIGITS, Policy};
pub use coverage::{Brought, Coverage, Row};
pub use date::Date;
pub use density::Density;
pub use file::{Applies, Source, Sure};
pub use files::Files;
pub use judged::{ANYTHING, JudgeSpec, LEAST};
pub use ladder::{Climber, LadderSettings, Standing};
pub use library::{Content, Library, MEASURE, Unmet};
pub use list_head::ListHead;
pub use list_url::{ListUrl, Proof, wanted as wanted_lists};
pub use loader::{OwnRegion, Pack, Slot, slot_file};
pub use mistake::{Mistake, Setting};
pub use obligation::{AppliesIf, Audience, Control, Obligation, Role, State};
pub use passed_over::passed_over;
pub use profile::{
    Budget, Checked, Demand, Demands, Gate, LabelMode, Labelled, Labels, Notice, Profile, Retention, Tier,
    When,
};
pub use region::{
    EVERYWHERE, RegionOf, is_known as is_known_region, is_of_cloud, is_same as is_same_region,
    unknown as unknown_region,
};
pub use residency::{Grade, Named as NamedRegions, Residencies, Residency};
pub use review::ReviewSettings;
pub use rule::{Action, Actions, Basis, Choice, Counts, Direction, Rule, Severity};
pub use sessions::{RemindIn, SessionSettings};
pub use settings::{BlockAs, Complaints, PolicyChange, PolicySettings, Threshold, Unscanned};
pub use state::{Bucket, RuleState, Share};
pub use taxonomy::{Category, Scheme, Taxonomy, Type};

/// A term that stands in no text but the canary's: every policy masks it, so that the gateway can see that it is in the path.
pub const CANARY: &str = "sluicegate-canary-q7x4v9k2m8t3";
/// What stands in its place.
pub const CANARY_MARKER: &str = "[CANARY]";

/// The rule that every policy has beside its own.
pub fn canary_rule() -> (Rule, crate::detect::RuleSpec) {
    let rule = Rule {
        id: "sluicegate/canary".into(),
        title: "the gateway's own canary".into(),
        category: "CANARY".into(),
        actions: Actions::all(Action::Mask),
        marker: CANARY_MARKER.into(),
        ..Rule::default()
    };
    let keyword = crate::detect::Keyword { text: CANARY.into(), whole_word: true };
    (rule, crate::detect::RuleSpec { keywords: vec![keyword], ..crate::detect::RuleSpec::default() })
}

/// What to say to whoever wants to make a rule weaker that nobody can.
fn always(rule: &Rule) -> crate::diag::Diagnostic {
    let message = format!("rule `{}` is in force in every policy with its pack", rule.id);
    let diagnostic = crate::diag::Diagnostic::error("always", message);
    match rule.basis.first() {
        Some(Basis { law, article, .. }) => diagnostic.help(format!("it rests on {law}, {article}")),
        None => diagnostic,
    }
}
