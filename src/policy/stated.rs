//! From what is written about states to what is meant: of a pack, of a rule, and of lists that are not as far as their rule.

use super::draft::{At, Term};
use super::file::{ListUrlFile, RuleFile};
use super::files::Files;
use super::state::{RuleState, Share};
use crate::diag::Diagnostic;

/// Between a rule's id and the name of a list of its that has a state of its own: `harm/gambling:slang.txt`.
pub(super) const OF_LIST: char = ':';

/// A list with a state of its own.
pub(super) struct Stated {
    /// Its file's name.
    pub(super) name: String,
    pub(super) state: RuleState,
    pub(super) terms: Vec<Term>,
    /// The key under which it stands, and its place there.
    pub(super) place: (&'static str, usize),
}

/// What `state` and `share` mean together. Calls `wrong` with the key and what is wrong with it.
pub(super) fn stated(
    state: Option<&str>,
    share: Option<f64>,
    wrong: &mut dyn FnMut(&'static str, Diagnostic),
) -> Option<RuleState> {
    let right = |share: f64| Share::new(share);
    if let Some(share) = share.filter(|share| right(*share).is_none()) {
        let range = format!("expected `share` from 0 to 1, found {share}");
        wrong("share", Diagnostic::error("wrong-value", range));
    }
    match (state, share) {
        (Some("canary"), Some(share)) => Some(right(share).map_or(RuleState::Shadow, RuleState::Canary)),
        (Some("canary"), None) => {
            let missing = Diagnostic::error("missing", "a canary has no `share`");
            wrong(
                "state",
                missing.help("write for example `share = 0.05`: in force for that part of the exchanges"),
            );
            None
        }
        (Some(name), share) => {
            let state = RuleState::from_name(name);
            if state.is_none() {
                let unknown = Diagnostic::error("unknown-name", format!("unknown state `{name}`"));
                wrong("state", unknown.valid("valid", name, &RuleState::NAMES));
            } else if share.is_some() {
                let only = format!("only a canary has a `share`, and the state is `{name}`");
                wrong("share", Diagnostic::error("conflict", only));
            }
            state
        }
        (None, Some(_)) => {
            let only = Diagnostic::error("conflict", "only a canary has a `share`, and there is no `state`");
            wrong("share", only.help("write `state = \"canary\"`"));
            None
        }
        (None, None) => None,
    }
}

impl At<'_> {
    /// The state that is written at `path` of this entry.
    pub(super) fn state(
        &mut self,
        path: &[&str],
        state: Option<&str>,
        share: Option<f64>,
    ) -> Option<RuleState> {
        let mut wrong = Vec::new();
        let state = stated(state, share, &mut |key, diagnostic| wrong.push((key, diagnostic)));
        for (key, diagnostic) in wrong {
            let whole: Vec<&str> = path.iter().copied().chain([key]).collect();
            let diagnostic = self.here(&whole, diagnostic);
            self.found.push(diagnostic);
        }
        state
    }

    /// How far a rule has come: as it says, or as its pack does.
    pub(super) fn rule_state(&mut self, id: &str, rule: &RuleFile, of_pack: RuleState) -> RuleState {
        let own = self.state(&[], rule.state.as_deref(), rule.share);
        match own {
            Some(state) if rule.always && state != RuleState::Enforce => {
                let state = state.as_str();
                self.wrong(
                    &["state"],
                    "always",
                    format!("rule `{id}` is `always` in force and cannot be in `{state}`"),
                );
                RuleState::Enforce
            }
            Some(state) => state,
            None if rule.always => RuleState::Enforce,
            None => of_pack,
        }
    }

    /// The rule's lists that are written with a state of their own.
    pub(super) fn stated_lists(&mut self, rule: &RuleFile, folder: &str, files: &Files) -> Vec<Stated> {
        let mut lists = Vec::new();
        for (n, list) in rule.stated_lists.iter().enumerate() {
            let number = n.to_string();
            let path = ["list", &number];
            let state = self.state(&path, list.state.as_deref(), list.share).unwrap_or_default();
            let state = self.list_state(rule.always, &path, state);
            let terms = self.list(&["list", &number, "file"], &list.file, folder, files);
            if rule.lists.contains(&list.file) {
                let twice = format!("the list `{}` stands among `lists` too", list.file);
                self.wrong(&["list", &number, "file"], "duplicate", twice);
            }
            lists.push(Stated { name: list.file.clone(), state, terms, place: ("list", n) });
        }
        lists
    }

    /// The same of one of its lists from URLs, without the terms.
    pub(super) fn stated_list_url(
        &mut self,
        always: bool,
        (n, list): (usize, &ListUrlFile),
    ) -> Option<Stated> {
        let number = n.to_string();
        let path = ["list_url", &number];
        let state = self.state(&path, list.state.as_deref(), list.share)?;
        let state = self.list_state(always, &path, state);
        let name = list.url.rsplit('/').next().unwrap_or_default().to_owned();
        Some(Stated { name, state, terms: Vec::new(), place: ("list_url", n) })
    }

    /// The lists of a rule that is always in force are.
    fn list_state(&mut self, always: bool, path: &[&str], state: RuleState) -> RuleState {
        if !always || state == RuleState::Enforce {
            return state;
        }
        let whole: Vec<&str> = path.iter().copied().chain(["state"]).collect();
        let what = format!("the rule is `always` in force, and its list cannot be in `{}`", state.as_str());
        self.wrong(&whole, "always", what);
        RuleState::Enforce
    }

    /// Lists with states of their own are called by the names of their files, so no two are called alike.
    pub(super) fn apart(&mut self, lists: &[Stated]) {
        for (n, list) in lists.iter().enumerate() {
            if lists.iter().take(n).any(|other| other.name == list.name) {
                let twice =
                    format!("two lists of the rule are called `{}` and have states of their own", list.name);
                let (key, place) = list.place;
                self.wrong(&[key, &place.to_string()], "duplicate", twice);
            }
        }
    }
}
