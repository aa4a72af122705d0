//! What policies say to clients: where to complain, and what follows for who is blocked again and again.

use super::check::Check;
use super::file::File;
use crate::audit::Keep;
use crate::diag::{Diagnostic, Step, Time};
use crate::limits::EACH;
use crate::policy::{
    AbuseSettings, Climber, Complaints, Grade, LadderSettings, ReviewSettings, SessionSettings,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest time that a ladder counts or lasts.
const LONG: Time = Time(Duration::from_hours(24 * 366));

impl Check<'_> {
    /// Of everybody's policy and of each tenant's.
    pub(super) fn for_clients(&mut self, file: &File) {
        let open = file.tenants.is_empty() && !(self.is_gone)(&[], "tenant");
        let place = |key: &'static str| -> Vec<Step<'_>> { vec!["policy".into(), key.into()] };
        self.complaints(&place("complaints"), file.policy.complaints.as_ref());
        self.ladder(&place("ladder"), file.policy.ladder.as_ref(), open);
        self.sessions(&place("sessions"), file.policy.sessions.as_ref(), file);
        self.abuse(&place("abuse"), file.policy.abuse.as_ref());
        self.review(&place("review"), file.policy.review.as_ref(), file);
        self.regions(&place("residency"), &file.policy.residency);
        let own = &file.complaints;
        if !(1..=365).contains(&own.answered_within_days) {
            self.range(&["complaints".into(), "answered_within_days".into()], "1", "365");
        }
        for (key, rate) in [("per_minute", own.per_minute), ("per_minute_in_all", own.per_minute_in_all)] {
            if !(1..=100_000).contains(&rate) {
                self.range(&["complaints".into(), key.into()], "1", "100000");
            }
        }
        for (n, tenant) in file.tenants.iter().enumerate() {
            let place = |key: &'static str| -> Vec<Step<'_>> {
                vec!["tenant".into(), n.into(), "policy".into(), key.into()]
            };
            self.complaints(&place("complaints"), tenant.policy.complaints.as_ref());
            self.ladder(&place("ladder"), tenant.policy.ladder.as_ref(), false);
            self.sessions(&place("sessions"), tenant.policy.sessions.as_ref(), file);
            self.abuse(&place("abuse"), tenant.policy.abuse.as_ref());
            self.review(&place("review"), tenant.policy.review.as_ref(), file);
            self.regions(&place("residency"), &tenant.policy.residency);
        }
    }

    /// Where to complain: a place that a client can go to.
    fn complaints(&mut self, place: &[Step<'_>], complaints: Option<&Complaints>) {
        let Some(complaints) = complaints else { return };
        let url = &complaints.url;
        let good =
            ["https://", "mailto:"].iter().any(|scheme| url.len() > scheme.len() && url.starts_with(scheme));
        if !good || url.chars().any(|c| c.is_whitespace() || c.is_control()) {
            let diagnostic = Diagnostic::error("bad-url", format!("`{url}` is no place to complain")).help(
                "an `https://` or `mailto:` URL is expected, in which `{exchange}` is the exchange's id",
            );
            self.value(&below(place, "url"), diagnostic, "not such a URL");
        }
        if !(1..=365).contains(&complaints.answered_within_days) {
            self.range(&below(place, "answered_within_days"), "1", "365");
        }
    }

    /// Times that are some, and routes that are there.
    fn sessions(&mut self, place: &[Step<'_>], sessions: Option<&SessionSettings>, file: &File) {
        let Some(sessions) = sessions else { return };
        if sessions.remind > LONG {
            self.range(&below(place, "remind"), "0 s", "366 d");
        }
        if sessions.pause < Time::secs(1) || sessions.pause > LONG {
            self.range(&below(place, "pause"), "1 s", "366 d");
        }
        for (n, exit) in sessions.exit.iter().enumerate().filter(|(_, exit)| exit.trim().is_empty()) {
            let mut at = below(place, "exit");
            at.push(n.into());
            let diagnostic =
                Diagnostic::error("wrong-value", format!("`{exit}` ends nothing: it has no words"));
            self.value(&at, diagnostic, "empty");
        }
        // Without routes each upstream is one.
        let names: Vec<&str> = if file.routes.is_empty() {
            file.upstreams.iter().map(|upstream| upstream.name.as_str()).collect()
        } else {
            file.routes.iter().map(|route| route.name.as_deref().unwrap_or(&route.upstream)).collect()
        };
        let unknown = sessions.routes.iter().enumerate().filter(|(_, name)| !names.contains(&name.as_str()));
        for (n, name) in unknown.filter(|(_, name)| !self.dropped.contains(name)).collect::<Vec<_>>() {
            let mut at = below(place, "routes");
            at.push(n.into());
            let diagnostic = Diagnostic::error("unknown-route", format!("unknown route `{name}`"));
            self.value(&at, diagnostic.valid("routes", name, &names), "no route has this name");
        }
    }

    /// Numbers that can be reached, and times that are some.
    fn abuse(&mut self, place: &[Step<'_>], abuse: Option<&AbuseSettings>) {
        let Some(abuse) = abuse else { return };
        let signs = [
            ("blocked", abuse.blocked),
            ("disguises", abuse.disguises),
            ("variants", abuse.variants),
            ("alike", abuse.alike),
            ("burst", abuse.burst),
        ];
        for (key, _) in signs.into_iter().filter(|(_, least)| *least as usize > EACH) {
            self.range(&below(place, key), "0", &EACH.to_string());
        }
        if signs.iter().all(|(_, least)| *least == 0) {
            let diagnostic = Diagnostic::error("wrong-value", "no sign of abuse is looked for")
                .help("one of `blocked`, `disguises`, `variants`, `alike`, `burst` is more than 0");
            self.value(place, diagnostic, "nothing is seen");
        }
        if abuse.strikes > 1000 {
            self.range(&below(place, "strikes"), "0", "1000");
        }
        for (key, time) in [("window", abuse.window), ("fast", abuse.fast), ("again", abuse.again)] {
            if time < Time::secs(1) || time > Time::secs(7 * 86_400) {
                self.range(&below(place, key), "1 s", "7 d");
            }
        }
    }

    /// Regions as upstreams have them.
    fn regions(&mut self, place: &[Step<'_>], residency: &BTreeMap<Grade, Vec<String>>) {
        for (grade, regions) in residency {
            for (n, region) in regions.iter().enumerate().filter(|(_, region)| *region != "*") {
                let mut at = below(place, grade.as_str());
                at.push(n.into());
                self.name(&at, region);
            }
        }
    }

    /// Rules that are some, and a time in which a person can look.
    fn review(&mut self, place: &[Step<'_>], review: Option<&ReviewSettings>, file: &File) {
        let Some(review) = review else { return };
        if file.journal.texts.keep == Keep::None {
            let message = "no bodies are kept, so no held answer can be let pass";
            let diagnostic = Diagnostic::warning("no-texts", message)
                .help("`keep = \"found\"` in `[journal.texts]` keeps them, sealed");
            self.value(place, diagnostic, "what it holds is lost");
        }
        if review.rules.is_empty() {
            let diagnostic = Diagnostic::error("wrong-value", "a review of nothing")
                .help("`rules` names the rules whose findings a person reviews: `[\"harm/*\"]`");
            self.value(place, diagnostic, "no rules");
        }
        if review.within < Time::secs(60) || review.within > LONG {
            self.range(&below(place, "within"), "1 min", "366 d");
        }
    }

    /// Steps that follow one on another, for times that are some.
    fn ladder(&mut self, place: &[Step<'_>], ladder: Option<&LadderSettings>, open: bool) {
        let Some(ladder) = ladder else { return };
        if open && ladder.of == Climber::Key {
            let message = "no key is configured: whoever is suspended would be everybody";
            let diagnostic = Diagnostic::error("conflict", message)
                .help("make keys with `sluicegate key new`, or count by the user that a request names: `of = \"user\"`");
            self.value(place, diagnostic, "of whose key?");
        }
        let steps = [("warn", ladder.warn), ("limit", ladder.limit), ("suspend", ladder.suspend)];
        let mut before = ("", 0);
        for (key, from) in steps {
            if from > 1000 {
                self.range(&below(place, key), "0", "1000");
            } else if from > 0 && from < before.1 {
                let (lower, least) = before;
                let message = format!("`{key}` ({from}) comes before `{lower}` ({least})");
                let diagnostic = Diagnostic::error("conflict", message).help("a step is left out with 0");
                self.value(&below(place, key), diagnostic, "the steps go up");
            }
            if from > 0 {
                before = (key, from);
            }
        }
        if before.1 == 0 {
            let diagnostic = Diagnostic::error("wrong-value", "a ladder without steps")
                .help("one of `warn`, `limit`, `suspend` is more than 0");
            self.value(place, diagnostic, "nothing follows");
        }
        let second = Time::secs(1);
        for (key, time) in
            [("window", ladder.window), ("pace", ladder.pace), ("limited_for", ladder.limited_for)]
        {
            if time < second || time > LONG {
                self.range(&below(place, key), "1 s", "366 d");
            }
        }
        if ladder.suspended_for > LONG {
            self.range(&below(place, "suspended_for"), "0 s", "366 d");
        }
    }
}

fn below<'s>(place: &[Step<'s>], key: &'s str) -> Vec<Step<'s>> {
    place.iter().copied().chain([key.into()]).collect()
}
