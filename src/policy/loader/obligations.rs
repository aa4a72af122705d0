//! Obligations on their way from files to what they mean: what they name is looked up.

use std::sync::Arc;

use super::super::Sure;
use super::super::draft::At;
use super::super::obligation::{Control, ControlFile, Obligation, ObligationFile, ObligationsFile, State};
use super::{Loader, Named, is_called};
use crate::diag::{Diagnostic, Places, SourceFile, read_toml};

impl Loader<'_> {
    pub(super) fn obligations(&mut self) {
        let files = self.files;
        for (path, file) in files {
            let Some(pack) = path.strip_suffix("/obligations.toml") else { continue };
            let read = read_toml::<ObligationsFile>(file);
            self.found.extend(read.diagnostics);
            let Some(written) = read.value else { continue };
            for (n, instrument) in written.instruments.iter().enumerate() {
                let before = written.instruments.get(..n).unwrap_or_default();
                let found = &mut self.found;
                let mut at =
                    At { file, places: &read.places, table: "instrument", place: n, clean: true, found };
                if before.iter().any(|other| other.id == instrument.id) {
                    at.wrong(&["id"], "duplicate", format!("instrument `{}` is there twice", instrument.id));
                }
                if instrument.sure == Sure::Official && instrument.written_against.is_none() {
                    let none = format!(
                        "`{}` is said to be read in the official text, of which no date is named",
                        instrument.id
                    );
                    at.wrong(&["sure"], "missing", none);
                }
                if instrument.expires.is_some_and(|end| end <= instrument.effective) {
                    let wrong = format!("`{}` expires before it is effective", instrument.id);
                    at.wrong(&["expires"], "wrong-date", wrong);
                }
            }
            for (place, obligation) in written.obligations.iter().enumerate() {
                self.obligation(pack, &written, obligation, (file, &read.places, place));
            }
        }
    }

    fn obligation(
        &mut self,
        pack: &str,
        written: &ObligationsFile,
        obligation: &ObligationFile,
        (file, places, place): (&Arc<SourceFile>, &Places, usize),
    ) {
        let mut controls = Vec::new();
        for (n, control) in obligation.controls.iter().enumerate() {
            controls.extend(self.control(control, (file, places, place, n)));
        }
        let known = self.obligations.iter().any(|other| other.id == obligation.id);
        let found = &mut self.found;
        let mut at = At { file, places, table: "obligation", place, clean: true, found };
        let id = &obligation.id;
        if known {
            at.wrong(&["id"], "duplicate", format!("obligation `{id}` is there twice"));
        }
        let instruments = &written.instruments;
        let Some(instrument) = instruments.iter().find(|one| one.id == obligation.instrument) else {
            let ids: Vec<&str> = instruments.iter().map(|one| one.id.as_str()).collect();
            at.unknown(&["instrument"], "instrument", &obligation.instrument, &ids, true);
            return;
        };
        let effective = obligation.effective.unwrap_or(instrument.effective);
        let expires = obligation.expires.or(instrument.expires);
        if expires.is_some_and(|end| end <= effective) {
            at.wrong(&["expires"], "wrong-date", format!("obligation `{id}` expires before it is effective"));
        }
        match obligation.state {
            State::Enforced | State::Partly => {
                if !obligation.controls.iter().any(|control| control.person.is_none()) {
                    let none = format!(
                        "obligation `{id}` is said to be met, but no control of the gateway is named"
                    );
                    at.wrong(&["state"], "missing", none);
                }
                if obligation.tests.is_empty() {
                    let none =
                        format!("obligation `{id}` is said to be met, but has no `tests` that show it");
                    at.wrong(&["state"], "missing", none);
                }
            }
            State::Stated | State::Operator | State::Open => {}
        }
        self.obligations.push(Obligation {
            id: id.clone(),
            pack: pack.to_owned(),
            jurisdiction: instrument.jurisdiction.clone(),
            instrument: instrument.id.clone(),
            title: instrument.title.clone(),
            article: obligation.article.clone(),
            summary: obligation.summary.clone(),
            effective,
            expires,
            applies_if: obligation.applies_if.clone(),
            state: obligation.state,
            controls,
            tests: obligation.tests.clone(),
            evidence: obligation.evidence.clone(),
            written_against: instrument.written_against,
            sure: obligation.sure.unwrap_or(instrument.sure),
            note: obligation.note.clone().or_else(|| instrument.note.clone()),
            link: instrument.link.clone(),
        });
    }

    /// A control with what it names.
    fn control(
        &mut self,
        written: &ControlFile,
        (file, places, place, n): (&Arc<SourceFile>, &Places, usize, usize),
    ) -> Option<Control> {
        let number = n.to_string();
        let rules = written.rule.as_deref().map(|name| self.called(name)).unwrap_or_default();
        let drafts = &self.drafts;
        let found = &mut self.found;
        let mut at = At { file, places, table: "obligation", place, clean: true, found };
        let mut controls = Vec::new();
        if let Some(name) = &written.rule {
            if rules.is_empty() {
                let ids: Vec<&str> = drafts.iter().map(|draft| draft.rule.id.as_str()).collect();
                at.unknown(&["controls", &number, "rule"], "rule", name, &ids, false);
            }
            let ids = rules.iter().filter_map(|n| drafts.get(*n)).map(|draft| draft.rule.id.clone());
            controls.push(Control::Rules { named: name.clone(), ids: ids.collect() });
        }
        if let Some(name) = &written.slot {
            let slots: Vec<&str> = self.slots.iter().map(|slot| slot.id.as_str()).collect();
            let ids: Vec<String> =
                slots.iter().filter(|id| is_called(id, name)).map(|id| (*id).to_owned()).collect();
            if ids.is_empty() {
                at.unknown(&["controls", &number, "slot"], "slot", name, &slots, false);
            }
            controls.push(Control::Rules { named: name.clone(), ids });
        }
        if let Some(name) = &written.profile {
            if !self.profiles.contains_key(name) {
                let names: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
                at.unknown(&["controls", &number, "profile"], "profile", name, &names, true);
            }
            controls.push(Control::Profile(name.clone()));
        }
        if let Some(name) = &written.setting {
            let unknown = Diagnostic::error("unknown-name", format!("unknown setting `{name}`"));
            let diagnostic = at.here(&["controls", &number, "setting"], unknown);
            self.settings.push(Named { name: name.clone(), diagnostic });
            controls.push(Control::Setting(name.clone()));
        }
        controls.extend(written.command.clone().map(Control::Command));
        controls.extend(written.person.clone().map(Control::Person));
        if controls.len() > 1 {
            at.wrong(&["controls", &number], "conflict", "a control is one thing: write a `{ .. }` for each");
        }
        controls.pop()
    }
}
