//! Why a text got its verdict, and why it got no other: for people who tune rules.
//!
//! Nothing of this is on the way of an exchange. What a rule rests on is found by trying it again without: a fold, a condition, a threshold.
//! So what an explanation says would change a finding has been tried.

use serde::Serialize;

pub use super::described::{Described, describe};
use super::rule::{Action, Direction, Rule};
use super::{Basis, Library, Policy, RuleState};
use crate::detect::{
    Conditions, Engine, Exact, Finding, Folds, Keyword, RuleId, RuleSet, RuleSpec, Shift, TextKind, scan_all,
    scan_encoded, with_encoded,
};

/// What a policy finds in a text, and what it does not report.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// The policy's name.
    pub policy: String,
    /// Its content hash.
    pub version: String,
    /// The direction in which the text was read.
    pub direction: &'static str,
    /// The strongest action.
    pub action: &'static str,
    /// What was found, in the order of the text.
    pub findings: Vec<Explained>,
    /// Rules that would have found something, and why they did not: each once.
    pub silent: Vec<Silent>,
}

/// A finding and what it rests on.
#[derive(Debug, Serialize)]
pub struct Explained {
    /// The rule's id.
    pub rule: String,
    /// What it finds.
    pub title: String,
    /// Its category.
    pub category: String,
    /// How bad that is.
    pub severity: &'static str,
    /// First byte of what was found.
    pub start: usize,
    /// The byte behind it.
    pub end: usize,
    /// As it stands in the text.
    pub text: String,
    /// As it was read: folded. Empty for what was hidden by encoding it.
    pub read_as: String,
    /// How it was hidden, the outermost coding first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<String>,
    /// Folds that changed something in it, and disguises without which it would not have been found.
    pub folds: Vec<&'static str>,
    /// How sure the rule is, 0 to 1.
    pub score: f32,
    /// The least score that the policy reports.
    pub threshold: f32,
    /// Words near by that count.
    pub around: Vec<Near>,
    /// What follows; of a rule in shadow, what would.
    pub action: &'static str,
    /// `shadow` where nothing does, since the rule is in shadow.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub state: &'static str,
    /// Who says so: the rule, or the policy (its profile or the configuration).
    pub decided_by: &'static str,
    /// The laws it rests on.
    pub basis: Vec<BasisOf>,
    /// What would change it.
    pub changes: Vec<Change>,
}

/// Words near a finding that count.
#[derive(Debug, Serialize, PartialEq)]
pub struct Near {
    /// The key of the rule: `near`, `raise`, `lower`.
    pub key: &'static str,
    /// Which of its words stand there.
    pub words: Vec<String>,
    /// What they do to the score.
    pub by: f32,
}

/// A law, as explanations write it.
#[derive(Debug, Serialize)]
pub struct BasisOf {
    /// The instrument.
    pub law: String,
    /// The article.
    pub article: String,
    /// Where to read it.
    pub link: String,
}

impl From<&Basis> for BasisOf {
    fn from(basis: &Basis) -> Self {
        let Basis { law, article, link } = basis.clone();
        Self { law, article, link }
    }
}

/// Something that would change a finding.
#[derive(Debug, Serialize)]
pub struct Change {
    /// Where it is written: `rule` or `configuration`.
    pub place: &'static str,
    /// What to write there.
    pub write: String,
    /// What follows.
    pub effect: &'static str,
}

/// A rule that would have found something.
#[derive(Debug, Serialize)]
pub struct Silent {
    /// The rule's id.
    pub rule: String,
    /// First byte of what it would have found.
    pub start: usize,
    /// The byte behind it.
    pub end: usize,
    /// As it stands in the text.
    pub text: String,
    /// Why it did not.
    pub because: &'static str,
}

/// Explains what `policy`, which is one of `library`'s, makes of a text.
pub fn explain(library: &Library, policy: &Policy, direction: Direction, text: &str) -> Explanation {
    let mut found = Vec::new();
    for policy in std::iter::once(policy).chain(policy.shadow().map(|shadow| &**shadow)) {
        let plain = scan_all(policy.engine(), policy.rules(direction), TextKind::Plain, text);
        let encoded = policy.encoded_rules(direction);
        let encoded = scan_encoded(policy.engine(), encoded, TextKind::Plain, text, &plain);
        found.extend(with_encoded(plain, encoded).map(|(finding, hidden)| (policy, finding, hidden)));
    }
    found.retain(|(policy, finding, _)| policy.counts_unjudged(finding));
    found.sort_by_key(|(_, finding, _)| (finding.start, finding.end, finding.rule));
    // Of a rule in shadow this one knows no action.
    let action = |id| policy.action(id, direction);
    let strongest = found.iter().map(|(_, finding, _)| action(finding.rule)).max().unwrap_or_default();
    let plain: Vec<Finding> = found.iter().map(|(_, finding, _)| *finding).collect();
    let explained = found.into_iter().filter_map(|(policy, finding, hidden)| {
        let spec = library.spec(finding.rule)?;
        let at = Place { policy, direction, text, spec, finding };
        Some(at.explained(hidden.map(|hidden| hidden.to_string())))
    });
    let findings = explained.collect();
    Explanation {
        policy: policy.name().to_owned(),
        version: policy.version().to_owned(),
        direction: direction.as_str(),
        action: strongest.as_str(),
        findings,
        silent: silent(library, policy, direction, text, &plain),
    }
}

/// A finding where it stands.
struct Place<'a> {
    policy: &'a Policy,
    direction: Direction,
    text: &'a str,
    spec: &'a RuleSpec,
    finding: Finding,
}

impl Place<'_> {
    fn rule(&self) -> &Rule {
        self.policy.rule(self.finding.rule)
    }

    fn matched(&self) -> &str {
        cut(self.text, &self.finding)
    }

    fn explained(&self, hidden: Option<String>) -> Explained {
        let (rule, finding) = (self.rule(), self.finding);
        let action = self.policy.action(finding.rule, self.direction);
        let from_rule = rule.actions.get(self.direction) == action;
        Explained {
            rule: rule.id.clone(),
            title: rule.title.clone(),
            category: rule.category.clone(),
            severity: rule.severity.as_str(),
            start: finding.start.0 as usize,
            end: finding.end.0 as usize,
            text: self.matched().to_owned(),
            read_as: if hidden.is_none() { read(self.matched()) } else { String::new() },
            folds: if hidden.is_none() { self.folds() } else { Vec::new() },
            score: finding.score,
            threshold: self.policy.threshold(finding.rule),
            around: self.around(),
            action: action.as_str(),
            state: if self.policy.is_shadow() { "shadow" } else { "" },
            decided_by: if from_rule { "rule" } else { "policy" },
            basis: rule.basis.iter().map(BasisOf::from).collect(),
            changes: self.changes(action, hidden.is_some()),
            hidden,
        }
    }

    /// The folds that changed something, and the disguises without which nothing is found.
    fn folds(&self) -> Vec<&'static str> {
        let (matched, all) = (self.matched(), Exact::default().fold(self.matched()));
        let mut folds = Vec::new();
        for (name, exact) in Exact::NAMES.into_iter().filter(|&(_, exact)| exact != Exact::ALL) {
            let changes = if exact == Exact::CASE {
                matched.chars().any(char::is_uppercase)
            } else {
                exact.fold(matched) != all
            };
            if changes && !self.spec.exact.has(exact) {
                folds.push(name);
            }
        }
        let Folds { separators, leet, repeats } = self.spec.folds;
        let all = self.spec.folds;
        let without = [
            ("separators", separators, Folds { separators: false, ..all }),
            ("leet", leet, Folds { leet: false, ..all }),
            ("repeats", repeats, Folds { repeats: false, ..all }),
        ];
        for (name, _, folds_left) in without.into_iter().filter(|&(_, on, _)| on) {
            let spec = RuleSpec { folds: folds_left, ..self.spec.clone() };
            if !self.is_found_by(&spec) {
                folds.push(name);
            }
        }
        folds
    }

    /// Whether the rule still finds something here when it is written so.
    fn is_found_by(&self, spec: &RuleSpec) -> bool {
        let mut rules = RuleSet::full(1);
        rules.set_threshold(RuleId(0), self.policy.threshold(self.finding.rule));
        tried(spec, &rules, self.text).iter().any(|other| overlap(other, &self.finding))
    }

    fn around(&self) -> Vec<Near> {
        let Conditions { near, raise, lower, .. } = &self.spec.conditions;
        let near = near.iter().map(|around| ("near", around, 0.0));
        let shift = |key, shift: &Option<Shift>, sign: f32| {
            shift.as_ref().map(|shift| (key, shift.around.clone(), sign * shift.by))
        };
        let shifts = [shift("raise", raise, 1.0), shift("lower", lower, -1.0)];
        let all = near.map(|(key, around, by)| (key, around.clone(), by)).chain(shifts.into_iter().flatten());
        all.filter_map(|(key, around, by)| {
            let window = read(self.window(around.within as usize));
            let words: Vec<String> =
                around.words.iter().filter(|word| window.contains(&read(word))).cloned().collect();
            (!words.is_empty()).then_some(Near { key, words, by })
        })
        .collect()
    }

    /// The text so many characters before and behind the finding.
    fn window(&self, within: usize) -> &str {
        let (start, end) = (self.finding.start.0 as usize, self.finding.end.0 as usize);
        let (before, behind) = (self.text.get(..start).unwrap_or(""), self.text.get(end..).unwrap_or(""));
        let from = before.char_indices().rev().nth(within.saturating_sub(1)).map_or(0, |(at, _)| at);
        let to = behind.char_indices().nth(within).map_or(self.text.len(), |(at, _)| end + at);
        self.text.get(from..to).unwrap_or_default()
    }

    /// What would change the finding.
    fn changes(&self, action: Action, hidden: bool) -> Vec<Change> {
        let rule = self.rule();
        let mut changes = Vec::new();
        if !hidden && let Some(write) = self.exception() {
            changes.push(Change { place: "rule", write, effect: "this is not found any more" });
        }
        if hidden {
            let write = "encoded = false".to_owned();
            changes.push(Change { place: "rule", write, effect: "encoded text is not read for this rule" });
        }
        if self.finding.score < 1.0 {
            let above = (self.finding.score * 1000.0).round() / 1000.0 + 0.001;
            let write = format!("[policy.thresholds]\n\"{}\" = {above:.3}", rule.id);
            changes.push(Change {
                place: "configuration",
                write,
                effect: "what is no surer is not reported",
            });
        }
        if rule.always {
            return changes;
        }
        if self.policy.is_shadow() {
            let write = format!("[policy.states]\n\"{}\" = \"enforce\"", rule.id);
            changes.push(Change { place: "configuration", write, effect: "what would follow does" });
        }
        if action > Action::Flag && !self.policy.is_shadow() {
            let write = format!("[policy.states]\n\"{}\" = \"shadow\"", rule.id);
            changes.push(Change {
                place: "configuration",
                write,
                effect: "it is recorded, and nothing follows",
            });
            let write = format!("[policy.actions]\n\"{}\" = \"flag\"", rule.id);
            changes.push(Change { place: "configuration", write, effect: "it is recorded and passes" });
        }
        let write = format!("[policy.actions]\n\"{}\" = \"allow\"", rule.id);
        changes.push(Change { place: "configuration", write, effect: "the rule is off" });
        changes
    }

    /// An exception that takes this finding away and leaves the rule its other ones: the word around it, or with its neighbours.
    fn exception(&self) -> Option<String> {
        let (start, end) = (self.finding.start.0 as usize, self.finding.end.0 as usize);
        let (before, behind) = (self.text.get(..start)?, self.text.get(end..)?);
        let joined = |c: char| c.is_alphanumeric();
        let space = |c: char| c == ' ';
        let word = |text: &str| text.len() - text.trim_end_matches(joined).len();
        let word_behind = |text: &str| text.len() - text.trim_start_matches(joined).len();
        // The whole word, with the word before it, with the one behind it, with both.
        let (left, right) = (start - word(before), end + word_behind(behind));
        let earlier = self.text.get(..left)?.trim_end_matches(space);
        let further = left - (self.text.get(..left)?.len() - earlier.len()) - word(earlier);
        let later = self.text.get(right..)?.trim_start_matches(space);
        let beyond = right + (self.text.get(right..)?.len() - later.len()) + word_behind(later);
        let ways = [(left, right), (left, beyond), (further, right), (further, beyond)];
        let own = self.matched();
        for phrase in ways.into_iter().filter_map(|(from, to)| self.text.get(from..to)) {
            let phrase = phrase.trim();
            if phrase == own || phrase.len() > 256 || phrase.contains(['\n', '"', '\\']) {
                continue;
            }
            let mut spec = self.spec.clone();
            spec.conditions.except.push(Keyword { text: phrase.to_owned(), whole_word: true });
            if !self.is_found_by(&spec) {
                return Some(format!("except = [\"{phrase}\"]"));
            }
        }
        None
    }
}

/// Rules that would find something if they were asked less, or asked at all.
fn silent(
    library: &Library,
    policy: &Policy,
    direction: Direction,
    text: &str,
    found: &[Finding],
) -> Vec<Silent> {
    let bare: Vec<RuleSpec> = library.specs().iter().map(without_conditions).collect();
    // What compiles with conditions does so without.
    let Ok(engine) = Engine::compile(&bare) else { return Vec::new() };
    let mut all = scan_all(&engine, &RuleSet::full(bare.len()), TextKind::Plain, text);
    all.sort_by_key(|finding| (finding.rule, finding.start));
    all.retain(|finding| !found.iter().any(|f| f.rule == finding.rule && overlap(f, finding)));
    all.dedup_by_key(|finding| finding.rule);
    let silent = all.into_iter().filter_map(|finding| {
        let because = reason(library.spec(finding.rule)?, policy, direction, text, &finding)?;
        Some(Silent {
            rule: policy.rule(finding.rule).id.clone(),
            start: finding.start.0 as usize,
            end: finding.end.0 as usize,
            text: cut(text, &finding).to_owned(),
            because,
        })
    });
    silent.collect()
}

fn reason(
    spec: &RuleSpec,
    policy: &Policy,
    direction: Direction,
    text: &str,
    finding: &Finding,
) -> Option<&'static str> {
    let action = |direction| policy.action_in_force(finding.rule, direction);
    let all = Direction::ALL.into_iter().any(|other| action(other) > Action::Allow);
    if action(direction) == Action::Allow {
        return Some(if all { "the rule is not for this direction" } else { "the policy has no such rule" });
    }
    match policy.state(finding.rule) {
        _ if policy.action(finding.rule, direction) > Action::Allow => {}
        RuleState::Draft => return Some("the rule is a draft"),
        RuleState::Retired => return Some("the rule is retired"),
        RuleState::Shadow | RuleState::Canary(_) | RuleState::Enforce => {}
    }
    let mut rules = RuleSet::full(1);
    let finds = |spec: &RuleSpec, rules: &RuleSet| {
        tried(spec, rules, text).iter().any(|other| overlap(other, finding))
    };
    if finds(spec, &rules) {
        return Some("the score is below the threshold");
    }
    rules.set_threshold(RuleId(0), policy.threshold(finding.rule));
    let all = || spec.conditions.clone();
    let without = [
        ("an exception covers it", Conditions { except: Vec::new(), except_patterns: Vec::new(), ..all() }),
        ("none of the words of `near` stands near it", Conditions { near: None, ..all() }),
        ("the groups of `when` do not stand in the text", Conditions { when: None, ..all() }),
    ];
    for (because, conditions) in without {
        if finds(&RuleSpec { conditions, ..spec.clone() }, &rules) {
            return Some(because);
        }
    }
    // Several at once; or another match of the rule takes its place.
    finds(&without_conditions(spec), &rules).then_some("several of its conditions do not hold")
}

/// The rule with nothing asked of what stands around. One that finds the words of groups finds them all.
fn without_conditions(spec: &RuleSpec) -> RuleSpec {
    let mut bare = spec.clone();
    if bare.keywords.is_empty() && bare.patterns.is_empty() {
        let Conditions { groups, when, .. } = &spec.conditions;
        let wanted = when.iter().flat_map(|when| when.all.iter().chain(&when.any));
        bare.keywords = wanted.filter_map(|&group| groups.get(group)).flatten().cloned().collect();
    }
    bare.conditions = Conditions { score: spec.conditions.score, ..Conditions::default() };
    bare
}

/// What a rule finds that is alone.
fn tried(spec: &RuleSpec, rules: &RuleSet, text: &str) -> Vec<Finding> {
    let engine = Engine::compile(std::slice::from_ref(spec));
    engine.map(|engine| scan_all(&engine, rules, TextKind::Plain, text)).unwrap_or_default()
}

fn overlap(a: &Finding, b: &Finding) -> bool {
    a.start < b.end && b.start < a.end
}

fn cut<'t>(text: &'t str, finding: &Finding) -> &'t str {
    text.get(finding.start.0 as usize..finding.end.0 as usize).unwrap_or_default()
}

/// A text as rules read it.
fn read(text: &str) -> String {
    Exact::default().fold(text).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::SourceFile;
    use crate::policy::{Files, PolicySettings};

    const PACK: &str = "name = \"p\"\nversion = \"1\"\nlicence = \"Apache-2.0\"\ntitle = \"t\"\n";
    const PROFILE: &str = "name = \"default\"\ntitle = \"t\"\npacks = [\"p\"]\n";

    fn explained(rules: &str, text: &str) -> Explanation {
        let files: Files =
            [("p/pack.toml", PACK), ("profiles/default.toml", PROFILE), ("p/rules/r.toml", rules)]
                .map(|(path, text)| (path.to_owned(), SourceFile::new(path.to_owned(), text)))
                .into();
        let library = Library::load(&files).unwrap_or_else(|found| panic!("{found:?}"));
        let settings = PolicySettings { profile: "default".into(), ..PolicySettings::default() };
        let policy = library.policy(&settings).unwrap_or_else(|found| panic!("{found:?}"));
        explain(&library, &policy, Direction::Prompt, text)
    }

    const SWEAR: &str = "[[rule]]\nid = \"swear\"\ntitle = \"a swear word\"\ncategory = \"PROFANITY\"\naction = \"block\"\n\
        keywords = [\"dang\"]\nwhole_word = false\nexcept = [\"danger\"]\nexamples = [\"dang it\"]\ncounter_examples = [\"danger\"]\n\
        [[rule.basis]]\nlaw = \"house rule\"\narticle = \"7\"\n";

    #[test]
    fn a_finding_names_its_folds_and_what_would_change_it() {
        let explained = explained(SWEAR, "well, D.@.Ń.G it");
        let [finding] = explained.findings.as_slice() else { panic!("{explained:#?}") };
        assert_eq!((finding.text.as_str(), finding.read_as.as_str()), ("D.@.Ń.G", "d.@.n.g"));
        assert_eq!(finding.folds, ["case", "marks", "separators", "leet"]);
        assert_eq!((finding.action, finding.decided_by), ("block", "rule"));
        assert_eq!(finding.basis.first().map(|b| b.article.as_str()), Some("7"));
        let writes: Vec<&str> = finding.changes.iter().map(|change| change.write.as_str()).collect();
        assert!(writes.iter().any(|w| w.contains("\"p/swear\" = \"flag\"")), "{writes:?}");
    }

    #[test]
    fn the_exception_that_it_proposes_works() {
        let text = "a dangle is no swear word";
        let first = explained(SWEAR, text);
        let write = first.findings[0].changes[0].write.clone();
        assert_eq!(write, "except = [\"dangle\"]");
        let mended = SWEAR.replace("except = [\"danger\"]", "except = [\"danger\", \"dangle\"]");
        assert!(explained(&mended, text).findings.is_empty());
    }

    #[test]
    fn a_silent_rule_says_why() {
        let because = |rules: &str, text: &str| {
            let explained = explained(rules, text);
            assert!(explained.findings.is_empty(), "{explained:#?}");
            explained.silent.first().map(|silent| (silent.text.clone(), silent.because))
        };
        let said = |text: &str, why| Some((text.to_owned(), why));
        assert_eq!(because(SWEAR, "danger"), said("dang", "an exception covers it"));
        let near = SWEAR.replace("except = [\"danger\"]", "near = { words = [\"you\"], within = 20 }");
        let near = near.replace("\"dang it\"", "\"dang you\"");
        assert_eq!(because(&near, "dang it"), said("dang", "none of the words of `near` stands near it"));
        let unsure = SWEAR.replace(
            "except =",
            "score = 0.5\nthreshold = 0.6\nraise = { words = [\"it\"], by = 0.2 }\nexcept =",
        );
        assert_eq!(because(&unsure, "dang"), said("dang", "the score is below the threshold"));
        let output =
            SWEAR.replace("action = \"block\"", "action = \"block\"\nactions = { prompt = \"allow\" }");
        assert_eq!(because(&output, "dang"), said("dang", "the rule is not for this direction"));
        let groups = "[[rule]]\nid = \"plan\"\ntitle = \"t\"\ncategory = \"C\"\naction = \"flag\"\nexamples = [\"build a bomb\"]\n\
            counter_examples = [\"bomb\"]\n[rule.groups]\nact = [\"build\"]\nthing = [\"bomb\"]\n[rule.when]\nall = [\"act\", \"thing\"]\n";
        assert_eq!(because(groups, "a bomb"), said("bomb", "the groups of `when` do not stand in the text"));
        assert_eq!(because(SWEAR, "nothing"), None);
    }

    #[test]
    fn words_near_by_are_named() {
        let unsure = SWEAR
            .replace("except =", "score = 0.5\nraise = { words = [\"it\", \"you\"], by = 0.2 }\nexcept =");
        let explained = explained(&unsure, "dang it");
        let near = Near { key: "raise", words: vec!["it".into()], by: 0.2 };
        assert_eq!(explained.findings[0].around, [near]);
        assert!((explained.findings[0].score - 0.7).abs() < 1e-6);
    }
}
