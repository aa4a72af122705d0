//! `POST /v1/moderations`, answered by the gateway itself: what its models and the caller's rules say of each text, in OpenAI's form.
//!
//! OpenAI's categories are told from ours; `CATEGORIES` says how. A category is flagged where its score reaches what one in a thousand harmless
//! texts does and the whole that of one in a hundred, or where a rule of the policy found something of it.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::detect::classify::{self, Model, Reading, Scores};
use crate::detect::{Scan, TextKind};
use crate::dialect::{ErrorKind, ExchangeError};
use crate::policy::{Direction, Policy};
use crate::text::fold::View;

/// What the answer names as its model, with the version of the model of harm behind it.
const MODEL: &str = "sluicegate-harm";
/// The most texts of one request.
const MOST: usize = 4096;

/// OpenAI's categories: classes of the model of harm, of which the highest counts; whether all have to be there; codes of our taxonomy.
type Told = (&'static str, &'static [&'static str], bool, &'static [&'static str]);

/// What each is told by. `violence/graphic` and the three kinds of self-harm are not told apart by the model.
const CATEGORIES: &[Told] = &[
    ("harassment", &["harassment", "insult"], false, &["HARASSMENT", "INSULT", "DEFAMATION"]),
    ("harassment/threatening", &["harassment", "violence"], true, &[]),
    ("hate", &["hate"], false, &["HATE", "HATE_*"]),
    ("hate/threatening", &["hate", "violence"], true, &[]),
    (
        "illicit",
        &["drugs", "fraud", "crime", "malware"],
        false,
        &["DRUGS", "FRAUD", "CRIME", "MALWARE", "GAMBLING"],
    ),
    ("illicit/violent", &["weapons", "extremism"], false, &["WEAPONS", "EXTREMISM"]),
    ("self-harm", &["self_harm"], false, &["SELF_HARM"]),
    ("self-harm/instructions", &["self_harm"], false, &[]),
    ("self-harm/intent", &["self_harm"], false, &[]),
    ("sexual", &["sexual", "sexual_crime"], false, &["SEXUAL", "SEXUAL_CRIME"]),
    ("sexual/minors", &["minors"], false, &["MINORS"]),
    ("violence", &["violence"], false, &["VIOLENCE"]),
    ("violence/graphic", &["violence"], false, &[]),
];

/// The answer to a request's body.
///
/// # Errors
/// The body is not one of OpenAI's forms, or holds something other than text.
pub fn moderate(policy: &Policy, id: &str, body: &[u8]) -> Result<Vec<u8>, ExchangeError> {
    let body: Value = serde_json::from_slice(body).map_err(|_| wrong("the body is not JSON"))?;
    let texts = inputs(body.get("input").ok_or_else(|| wrong("`input` is missing"))?)?;
    let Some(model) = classify::model("harm") else {
        return Err(ExchangeError::new(ErrorKind::Internal, "the model of harm is not there"));
    };
    let results: Vec<Value> = texts.iter().map(|texts| result(policy, model, texts)).collect();
    let named = format!("{MODEL}-{}", model.head().version);
    let answer = json!({ "id": format!("modr-{id}"), "model": named, "results": results });
    Ok(answer.to_string().into_bytes())
}

fn wrong(why: &str) -> ExchangeError {
    ExchangeError::new(ErrorKind::BadRequest, why)
}

/// The texts to judge: for each result those that it is about.
fn inputs(input: &Value) -> Result<Vec<Vec<&str>>, ExchangeError> {
    let expected =
        "`input`: expected a text, an array of texts, or an array of `{\"type\": \"text\", \"text\": ..}`";
    match input {
        Value::String(text) => Ok(vec![vec![text]]),
        Value::Array(all) if all.is_empty() => Err(wrong("`input` is empty")),
        Value::Array(all) if all.len() > MOST => Err(wrong(&format!("`input` has more than {MOST} texts"))),
        Value::Array(all) if all.iter().all(Value::is_string) => {
            Ok(all.iter().filter_map(Value::as_str).map(|text| vec![text]).collect())
        }
        // Parts of one message.
        Value::Array(all) => {
            let mut texts = Vec::with_capacity(all.len());
            for part in all {
                match (part.get("type").and_then(Value::as_str), part.get("text").and_then(Value::as_str)) {
                    (Some("text"), Some(text)) => texts.push(text),
                    (Some("image_url"), _) => {
                        return Err(wrong("images are not judged by this gateway: send text"));
                    }
                    _ => return Err(wrong(expected)),
                }
            }
            Ok(vec![texts])
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Err(wrong(expected)),
    }
}

fn result(policy: &Policy, model: &Arc<Model>, texts: &[&str]) -> Value {
    let mut scores = [0.0_f64; CATEGORIES.len()];
    let mut flags = [false; CATEGORIES.len()];
    let mut flagged = false;
    for text in texts {
        let judged = judge(model, text);
        // A kind counts where the whole is not too sure of the contrary: each kind for itself would be wrong now and then.
        let whole = judged.of.first().copied().unwrap_or_default();
        let suspect =
            model.calibration(judged.tongue).one_in_hundred.first().is_some_and(|least| whole >= *least);
        let reached = |class: &str| {
            let place = model.classes().iter().position(|own| own == class)?;
            let least = model.calibration(judged.tongue).one_in_thousand.get(place).copied()?;
            let score = judged.of.get(place).copied()?;
            Some((f64::from(score), suspect && least < 1.0 && score >= least))
        };
        let found = found(policy, text);
        for ((told, score), flag) in CATEGORIES.iter().zip(&mut scores).zip(&mut flags) {
            let (_, classes, all, codes) = told;
            let each: Vec<(f64, bool)> = classes.iter().filter_map(|class| reached(class)).collect();
            let own = if *all {
                each.iter().map(|one| one.0).reduce(f64::min)
            } else {
                each.iter().map(|one| one.0).reduce(f64::max)
            };
            *score = score.max(own.unwrap_or_default());
            let by_model = if *all {
                !each.is_empty() && each.iter().all(|one| one.1)
            } else {
                each.iter().any(|one| one.1)
            };
            let by_rule = found.iter().any(|category| codes.iter().any(|code| is_called(category, code)));
            if by_rule {
                *score = 1.0;
            }
            *flag |= by_model || by_rule;
        }
        flagged |= model.classes().first().and_then(|class| reached(class)).is_some_and(|one| one.1);
    }
    let flagged = flagged || flags.contains(&true);
    let by_name = |values: &dyn Fn(usize) -> Value| -> Map<String, Value> {
        CATEGORIES.iter().enumerate().map(|(n, told)| (told.0.to_owned(), values(n))).collect()
    };
    json!({
        "flagged": flagged,
        "categories": by_name(&|n| json!(flags.get(n))),
        "category_scores": by_name(&|n| json!(scores.get(n))),
        "category_applied_input_types": by_name(&|_| json!(["text"])),
    })
}

/// Whether a category's code is the one that is meant; `HATE_*` means all that begin so.
fn is_called(category: &str, code: &str) -> bool {
    code.strip_suffix('*').map_or(category == code, |start| category.starts_with(start))
}

fn judge(model: &Arc<Model>, text: &str) -> Scores {
    let mut reading = Reading::new(std::slice::from_ref(model));
    let view = View::of(TextKind::Plain, text);
    reading.push(view.bytes()).for_each(drop);
    reading.finish().for_each(drop);
    let scores = reading.scores().next().map(|(_, scores)| scores);
    scores.unwrap_or_else(|| model.scores(&classify::Sums::default(), false))
}

/// The categories of what the policy's rules find in a prompt.
fn found<'p>(policy: &'p Policy, text: &str) -> Vec<&'p str> {
    let (engine, rules) = (policy.engine(), policy.rules(Direction::Prompt));
    let (mut scan, mut found) = (Scan::new(TextKind::Plain), Vec::new());
    scan.push(engine, rules, text, &mut found);
    scan.finish(engine, rules, &mut found);
    // No judge is asked: whoever asks is told what this gateway itself makes of a text.
    found.retain(|finding| policy.counts_unjudged(finding));
    found.iter().map(|finding| policy.rule(finding.rule).category.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(input: &Value) -> Result<Value, String> {
        let policy = Policy::from_rules(Vec::new()).expect("no rules compile");
        let body = json!({ "input": input, "model": "omni-moderation-latest" }).to_string();
        let answer = moderate(&policy, "1", body.as_bytes()).map_err(|error| error.message)?;
        Ok(serde_json::from_slice(&answer).expect("JSON"))
    }

    #[test]
    fn each_text_gets_a_result_and_parts_of_a_message_one() {
        let harm = "write ransomware that encrypts all files and demands ransom from the victims";
        let answer = asked(&json!(["what is the capital of peru?", harm])).expect("an answer");
        let flagged: Vec<_> = (0..2).map(|n| answer["results"][n]["flagged"].clone()).collect();
        assert_eq!(flagged, [json!(false), json!(true)], "{answer:#}");
        assert_eq!(answer["results"][1]["categories"]["illicit"], json!(true), "{answer:#}");
        let parts = json!([{"type": "text", "text": "hello there, friend"}, {"type": "text", "text": harm}]);
        let answer = asked(&parts).expect("an answer");
        assert_eq!(answer["results"].as_array().map(Vec::len), Some(1));
        assert_eq!(answer["results"][0]["flagged"], json!(true));
        let scores = answer["results"][0]["category_scores"].as_object().expect("scores");
        assert_eq!(scores.len(), CATEGORIES.len());
        assert!(
            scores.values().all(|score| score.as_f64().is_some_and(|score| (0.0..=1.0).contains(&score)))
        );
    }

    #[test]
    fn what_is_no_text_is_said() {
        for (input, why) in [
            (json!(7), "expected a text"),
            (json!([]), "is empty"),
            (
                json!([{"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}]),
                "images are not judged",
            ),
            (json!([{"type": "text"}]), "expected a text"),
        ] {
            let said = asked(&input).expect_err("no answer");
            assert!(said.contains(why), "{input}: {said}");
        }
    }

    #[test]
    fn rules_flag_their_categories() {
        use crate::detect::{Keyword, RuleSpec};
        use crate::policy::{Action, Actions, Rule};
        let rule = Rule {
            id: "t/hate".into(),
            category: "HATE_SEX".into(),
            actions: Actions::all(Action::Block),
            ..Rule::default()
        };
        let keywords = vec![Keyword { text: "zorgles".into(), whole_word: true }];
        let policy =
            Policy::from_rules(vec![(rule, RuleSpec { keywords, ..RuleSpec::default() })]).expect("compiles");
        let answer = moderate(&policy, "1", br#"{"input":"the zorgles of the town"}"#).expect("an answer");
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        assert_eq!(answer["results"][0]["categories"]["hate"], json!(true));
        assert_eq!(answer["results"][0]["categories"]["violence"], json!(false));
        assert_eq!(answer["results"][0]["flagged"], json!(true));
    }
}
