//! Banks of questions: what is to be refused, what is not, and what content is judged by. Read from JSON lines, drawn from by a seed.

use crate::cli::dice::Dice;
use crate::diag::{Diagnostic, nearest};
use crate::policy::Taxonomy;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// The scheme whose types banks are sorted by.
pub(in crate::cli) const SCHEME: &str = "tc260";

/// Topics of questions that are not to be refused (GB/T 45654: system, belief, image, culture, customs, ethnicity, geography, history, heroes;
/// sex, age, occupation, health).
pub(in crate::cli) const TOPICS: [(&str, &str); 13] = [
    ("system", "political system"),
    ("belief", "belief"),
    ("image", "image of the country"),
    ("culture", "culture"),
    ("customs", "customs"),
    ("ethnicity", "ethnic groups"),
    ("geography", "geography"),
    ("history", "history"),
    ("heroes", "heroes and martyrs"),
    ("sex", "sex"),
    ("age", "age"),
    ("occupation", "occupation"),
    ("health", "health"),
];

/// Ways in which attacks hide what they ask for, or talk a model into it.
pub(in crate::cli) const FAMILIES: [(&str, &str); 12] = [
    ("role-play", "a part to play"),
    ("override", "orders to forget the orders"),
    ("indirect", "orders in what a tool returned"),
    ("dilution", "much that is harmless around it"),
    ("turns", "over ten turns"),
    ("split", "letters and words set apart"),
    ("base64", "Base64"),
    ("url", "URL escapes"),
    ("unicode", "invisible, wide and turned characters"),
    ("look-alike", "characters that look alike (形近)"),
    ("pinyin", "sounds (拼音)"),
    ("split-characters", "characters taken apart (拆字)"),
];

/// The banks that ship: a few questions of each type, written for this project, to see how an assessment looks.
pub(in crate::cli) const SAMPLES: [(&str, &str); 3] = [
    ("filters/banks/sample-en.jsonl", include_str!("../../../filters/banks/sample-en.jsonl")),
    ("filters/banks/sample-zh.jsonl", include_str!("../../../filters/banks/sample-zh.jsonl")),
    ("filters/banks/sample-attacks.jsonl", include_str!("../../../filters/banks/sample-attacks.jsonl")),
];

/// The banks of scenarios that profiles name as their gates: what is to be refused there and what is not, prompts and answers.
pub(in crate::cli) const GATES: [(&str, &str); 5] = [
    ("companion", include_str!("../../../filters/banks/companion.jsonl")),
    ("finance", include_str!("../../../filters/banks/finance.jsonl")),
    ("government", include_str!("../../../filters/banks/government.jsonl")),
    ("medical", include_str!("../../../filters/banks/medical.jsonl")),
    ("minors", include_str!("../../../filters/banks/minors.jsonl")),
];

const LINE: &str =
    r#"a line is `{"id": .., "text": "..", "category": "..", "expect": "refuse" or "answer"}`"#;

/// What a question is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::cli) enum Kind {
    /// It is to be refused.
    Refuse,
    /// It is not.
    Answer,
    /// It is to be refused, and hides that.
    Attack,
    /// The answer, if there is one, is to be lawful.
    Content,
}

impl Kind {
    pub(in crate::cli) const ALL: [Self; 4] = [Self::Refuse, Self::Answer, Self::Attack, Self::Content];

    pub(in crate::cli) fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Answer => "answer",
            Self::Attack => "attack",
            Self::Content => "content",
        }
    }

    pub(in crate::cli) fn title(self) -> &'static str {
        match self {
            Self::Refuse => "questions to refuse",
            Self::Answer => "questions not to refuse",
            Self::Attack => "attacks to refuse",
            Self::Content => "questions whose answers are judged",
        }
    }
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Question {
    pub(in crate::cli) id: String,
    pub(in crate::cli) text: String,
    /// A type's code, or a topic; of attacks their family.
    pub(in crate::cli) category: String,
    pub(in crate::cli) kind: Kind,
    /// What was said before: the user's, the model's, and so on.
    pub(in crate::cli) before: Vec<String>,
    /// Whether it is what a model answers: no model is asked, and the rules decide.
    pub(in crate::cli) is_answer: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: Value,
    text: String,
    category: String,
    #[serde(default)]
    expect: Option<String>,
    #[serde(default)]
    family: Option<String>,
    #[serde(default)]
    before: Vec<String>,
    #[serde(default)]
    direction: Option<String>,
    /// For people.
    #[serde(default, rename = "note")]
    _note: Option<String>,
}

/// All questions, by kind.
#[derive(Debug, Default)]
pub(in crate::cli) struct Banks {
    pub(in crate::cli) questions: Vec<Question>,
    places: HashMap<String, String>,
    /// What is asked, and where.
    asked: HashMap<String, String>,
}

impl Banks {
    /// Takes in a file's lines; every mistake is said.
    pub(in crate::cli) fn read(&mut self, name: &str, text: &str, taxonomy: &Taxonomy) -> Vec<Diagnostic> {
        let mut wrong = Vec::new();
        for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let place = format!("{name}:{}", n + 1);
            match self.question(line, &place, taxonomy) {
                Ok(question) => self.questions.push(question),
                Err(diagnostic) => wrong.push(diagnostic),
            }
        }
        wrong
    }

    fn question(&mut self, line: &str, place: &str, taxonomy: &Taxonomy) -> Result<Question, Diagnostic> {
        let bad = |what: String| Diagnostic::error("bad-line", format!("{place}: {what}"));
        let read: Line = serde_json::from_str(line).map_err(|error| {
            // Serde's message may quote a value, and values are texts of the bank; its first words name what was expected.
            let said = error.to_string();
            let said = said.split(" at line ").next().unwrap_or_default();
            let said = match said.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next()) {
                Some(field) => {
                    let known = ["id", "text", "category", "expect", "family", "before", "direction", "note"];
                    let hint =
                        nearest(field, &known).map_or(String::new(), |n| format!("; did you mean `{n}`?"));
                    format!("unknown field `{field}`{hint}")
                }
                None if said.starts_with("invalid type") => {
                    format!("expected {}", said.rsplit_once("expected ").map_or("something else", |(_, e)| e))
                }
                None => said.to_owned(),
            };
            bad(format!("column {}: {said}; {LINE}", error.column().max(1)))
        })?;
        let id = match &read.id {
            Value::String(id) => id.clone(),
            Value::Number(id) => id.to_string(),
            other => {
                return Err(bad(format!("expected a string or a number in `id`, found {}", kind(other))));
            }
        };
        let kind = match read.expect.as_deref() {
            None => Kind::Content,
            Some("refuse") => Kind::Refuse,
            Some("answer") => Kind::Answer,
            Some(other) => {
                let hint = nearest(other, &["refuse", "answer"])
                    .map_or(String::new(), |n| format!("; did you mean `{n}`?"));
                return Err(bad(format!("expected `refuse` or `answer` in `expect`, found `{other}`{hint}")));
            }
        };
        let is_answer = match read.direction.as_deref() {
            None | Some("prompt") => false,
            Some("output") if read.family.is_none() && read.before.is_empty() => true,
            Some("output") => {
                return Err(bad("what a model answers has no `family` and no `before`".to_owned()));
            }
            Some(other) => {
                return Err(bad(format!("expected `prompt` or `output` in `direction`, found `{other}`")));
            }
        };
        if read.text.trim().is_empty() {
            return Err(bad("`text` is empty".to_owned()));
        }
        if !read.before.len().is_multiple_of(2) {
            let found = read.before.len();
            return Err(bad(format!(
                "expected what the user and the model said in turn in `before`, found {found} texts"
            )));
        }
        let mut category = category(&read.category, kind, taxonomy).map_err(bad)?;
        let kind = match read.family {
            None => kind,
            Some(family) => {
                let names = FAMILIES.map(|(name, _)| name);
                if !names.contains(&family.as_str()) {
                    let hint =
                        nearest(&family, &names).map_or(String::new(), |n| format!("; did you mean `{n}`?"));
                    return Err(bad(format!(
                        "unknown family `{family}` of attacks; valid: {}{hint}",
                        names.join(", ")
                    )));
                }
                if kind != Kind::Refuse {
                    return Err(bad("an attack is to be refused: expected `refuse` in `expect`".to_owned()));
                }
                category = family;
                Kind::Attack
            }
        };
        if let Some(first) = self.places.insert(id.clone(), place.to_owned()) {
            return Err(bad(format!("the id `{id}` is there already, at {first}")));
        }
        // A bank is as large as it has questions, not as it has lines.
        let asked = format!("{:?}", (&read.text, &read.before, is_answer, kind));
        if let Some(first) = self.asked.insert(asked, place.to_owned()) {
            return Err(bad(format!("the same is asked already, at {first}")));
        }
        Ok(Question { id, text: read.text, category, kind, before: read.before, is_answer })
    }

    /// The questions of a kind.
    pub(in crate::cli) fn of(&self, kind: Kind) -> impl Iterator<Item = &Question> {
        self.questions.iter().filter(move |question| question.kind == kind)
    }

    /// How many there are of each category. Output that was sampled elsewhere is no question, and makes no bank larger.
    pub(in crate::cli) fn sizes(&self, kind: Kind) -> BTreeMap<&str, usize> {
        let mut out = BTreeMap::new();
        for question in self.of(kind).filter(|one| kind != Kind::Content || !one.is_answer) {
            *out.entry(question.category.as_str()).or_default() += 1;
        }
        out
    }

    /// So many questions of a kind, the same for the same seed: round by round one of each category, so that none is left out while there is room.
    pub(in crate::cli) fn draw(&self, kind: Kind, most: usize, seed: u64) -> Vec<&Question> {
        let mut categories: BTreeMap<&str, Vec<&Question>> = BTreeMap::new();
        for question in self.of(kind) {
            categories.entry(question.category.as_str()).or_default().push(question);
        }
        let mut dice = Dice::new(seed ^ (kind as u64 + 1).wrapping_mul(0x9e37_79b9));
        for questions in categories.values_mut() {
            // The order of the file must not matter.
            questions.sort_by(|a, b| a.id.cmp(&b.id));
            for n in (1..questions.len()).rev() {
                questions.swap(n, dice.below(n as u64 + 1) as usize);
            }
        }
        let mut out = Vec::new();
        while out.len() < most && categories.values().any(|questions| !questions.is_empty()) {
            for questions in categories.values_mut() {
                if out.len() < most {
                    out.extend(questions.pop());
                }
            }
        }
        out
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A type's code or a topic, from itself or from a category of ours that belongs to one.
fn category(name: &str, kind: Kind, taxonomy: &Taxonomy) -> Result<String, String> {
    let types: Vec<&str> = taxonomy.of_scheme(SCHEME).map(|one| one.code.as_str()).collect();
    let topics = TOPICS.map(|(topic, _)| topic);
    let valid: Vec<&str> = match kind {
        Kind::Answer => topics.iter().chain(&types).copied().collect(),
        Kind::Refuse | Kind::Attack | Kind::Content => types,
    };
    if let Some(known) = valid.iter().find(|known| **known == name) {
        return Ok((*known).to_owned());
    }
    if let Some(code) = taxonomy.codes(name, SCHEME).next() {
        return Ok(code.to_owned());
    }
    let hint = nearest(name, &valid).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    let what = if kind == Kind::Answer {
        format!("a topic ({})", topics.join(", "))
    } else {
        "a type such as `A.1.a`, or a category of the taxonomy".into()
    };
    Err(format!("unknown category `{name}`; expected {what}{hint}"))
}

/// What somebody decided on an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::cli) enum Judgement {
    /// The model refused.
    Refused,
    /// It did not.
    Answered,
    /// It is as it should be.
    Pass,
    /// It is not.
    Fail,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JudgementLine {
    id: Value,
    verdict: String,
    #[serde(default, rename = "by")]
    _by: Option<String>,
    #[serde(default, rename = "note")]
    _note: Option<String>,
}

/// Reads `{"id", "verdict"}` lines. An id may have one verdict of each pair.
pub(in crate::cli) fn judgements(
    name: &str,
    text: &str,
    banks: &Banks,
) -> Result<Vec<(String, Judgement)>, Vec<Diagnostic>> {
    let (mut out, mut wrong) = (Vec::new(), Vec::new());
    let mut given: HashMap<(String, bool), usize> = HashMap::new();
    for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let bad = |what: String| Diagnostic::error("bad-line", format!("{name}:{}: {what}", n + 1));
        let read: JudgementLine = match serde_json::from_str(line) {
            Ok(read) => read,
            Err(error) => {
                let said = error.to_string();
                let said = said.split(" at line ").next().unwrap_or_default().to_owned();
                wrong.push(bad(format!("{said}; a line is `{{\"id\": .., \"verdict\": \"..\"}}`")));
                continue;
            }
        };
        let id = match read.id {
            Value::String(id) => id,
            other => other.to_string(),
        };
        if !banks.questions.iter().any(|question| question.id == id) {
            let ids: Vec<&str> = banks.questions.iter().map(|question| question.id.as_str()).collect();
            let hint = nearest(&id, &ids).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            wrong.push(bad(format!("no question has the id `{id}`{hint}")));
            continue;
        }
        let all = [
            ("refused", Judgement::Refused),
            ("answered", Judgement::Answered),
            ("pass", Judgement::Pass),
            ("fail", Judgement::Fail),
        ];
        if let Some((_, judgement)) = all.iter().find(|(word, _)| *word == read.verdict) {
            // Whether it refused, and whether it is as it should be, are two questions.
            let pair = matches!(judgement, Judgement::Pass | Judgement::Fail);
            match given.insert((id.clone(), pair), n + 1) {
                None => out.push((id, *judgement)),
                Some(before) => {
                    let words = if pair { "`pass` or `fail`" } else { "`refused` or `answered`" };
                    wrong.push(bad(format!("the question `{id}` is {words} already, at {name}:{before}")));
                }
            }
        } else {
            let words = all.map(|(word, _)| word);
            let hint = nearest(&read.verdict, &words)
                .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            wrong.push(bad(format!(
                "expected `refused`, `answered`, `pass` or `fail` in `verdict`, found `{}`{hint}",
                read.verdict
            )));
        }
    }
    if wrong.is_empty() { Ok(out) } else { Err(wrong) }
}
