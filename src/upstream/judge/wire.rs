//! How each kind of judge is asked, and how its answer is read: bytes in, bytes out, nothing waits here.
//!
//! What each file speaks of was read in: OpenAI's reference of `POST /v1/moderations`; the detector API of
//! <https://github.com/foundation-model-stack/fms-guardrails-orchestrator> (`docs/api/openapi_detector_api.yaml`); Presidio's `api-docs.yml`;
//! Azure's reference of `text:analyze` (2024-09-01). Chat models are in [`chat`](super::chat).

use std::ops::Range;

use serde_json::{Value, json};

use super::chat;
use super::settings::{JudgeKind, JudgeSettings};
use crate::exchange::Side;
use crate::exchange::judging::Question;

/// The version of the webhook's contract.
const CONTRACT: u32 = 1;
/// Azure's severities go from 0 to this.
const MOST_SEVERE: f64 = 6.0;
/// More findings are not read of one answer.
const MOST: usize = 1000;

/// Something that a judge says, as it says it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    /// What it calls it.
    pub(super) category: String,
    /// 0 to 1.
    pub(super) score: f32,
    /// Where, in bytes of the text.
    pub(super) span: Option<Range<usize>>,
}

/// An answer that is none: it has another form than that of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OtherForm;

/// What is posted.
pub(super) fn request(settings: &JudgeSettings, question: &Question) -> Value {
    let text = question.text.0.as_str();
    match settings.kind {
        JudgeKind::Webhook => json!({
            "version": CONTRACT,
            "side": if question.side == Side::Prompt { "prompt" } else { "answer" },
            "direction": question.direction.as_str(),
            "text": text,
            "before": question.before.0,
            "asked": question.asked.as_ref().map(|asked| asked.0.as_str()),
        }),
        JudgeKind::OpenaiModeration => {
            let model = settings.model.as_deref().unwrap_or("omni-moderation-latest");
            json!({ "model": model, "input": text })
        }
        // By which what it says is remembered.
        JudgeKind::Onnx => json!({ "text": text }),
        JudgeKind::FmsDetector => json!({ "contents": [text], "detector_params": {} }),
        JudgeKind::Presidio => {
            json!({ "text": text, "language": settings.language.as_deref().unwrap_or("en") })
        }
        JudgeKind::AzureContentSafety => {
            json!({ "text": text, "categories": ["Hate", "SelfHarm", "Sexual", "Violence"], "outputType": "FourSeverityLevels" })
        }
        JudgeKind::LlamaGuard
        | JudgeKind::Qwen3Guard
        | JudgeKind::GraniteGuardian
        | JudgeKind::ShieldGemma => chat::request(settings, question),
    }
}

/// What the answer says.
pub(super) fn answer(settings: &JudgeSettings, text: &str, body: &Value) -> Result<Vec<Told>, OtherForm> {
    let told = match settings.kind {
        JudgeKind::Webhook => webhook(text, body),
        JudgeKind::OpenaiModeration => openai(body),
        JudgeKind::FmsDetector => fms(text, body),
        JudgeKind::Presidio => presidio(text, body),
        JudgeKind::AzureContentSafety => azure(body),
        // It says nothing in JSON.
        JudgeKind::Onnx => Err(OtherForm),
        JudgeKind::LlamaGuard
        | JudgeKind::Qwen3Guard
        | JudgeKind::GraniteGuardian
        | JudgeKind::ShieldGemma => chat::answer(settings, body),
    }?;
    if told.len() > MOST { Err(OtherForm) } else { Ok(told) }
}

/// A number from 0 to 1.
#[expect(clippy::cast_possible_truncation, reason = "a score needs no more digits")]
pub(super) fn score(value: &Value) -> Result<f32, OtherForm> {
    let score = value.as_f64().ok_or(OtherForm)?;
    if (0.0..=1.0).contains(&score) { Ok(score as f32) } else { Err(OtherForm) }
}

fn word<'v>(value: &'v Value, key: &str) -> Result<&'v str, OtherForm> {
    value.get(key).and_then(Value::as_str).ok_or(OtherForm)
}

fn list(value: &Value) -> Result<&Vec<Value>, OtherForm> {
    value.as_array().ok_or(OtherForm)
}

/// From places in characters, as these services count them, to places in bytes. What does not lie in the text is none.
fn span(text: &str, start: &Value, end: &Value) -> Result<Range<usize>, OtherForm> {
    let place = |value: &Value| value.as_u64().and_then(|n| usize::try_from(n).ok()).ok_or(OtherForm);
    let (start, end) = (place(start)?, place(end)?);
    let mut places = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let from = places.nth(start).ok_or(OtherForm)?;
    let after = end.checked_sub(start).ok_or(OtherForm)?;
    let to = match after.checked_sub(1) {
        Some(more) => places.nth(more).ok_or(OtherForm)?,
        None => from,
    };
    Ok(from..to)
}

/// `{"findings": [{"category": "..", "score": 0.9, "start": 0, "end": 4}]}`, of which `start` and `end` may lack together.
fn webhook(text: &str, body: &Value) -> Result<Vec<Told>, OtherForm> {
    let findings = list(body.get("findings").ok_or(OtherForm)?)?;
    let one = |finding: &Value| {
        let span = match (finding.get("start"), finding.get("end")) {
            (Some(start), Some(end)) => Some(span(text, start, end)?),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(OtherForm),
        };
        let score = score(finding.get("score").ok_or(OtherForm)?)?;
        Ok(Told { category: word(finding, "category")?.to_owned(), score, span })
    };
    findings.iter().map(one).collect()
}

/// `{"results": [{"flagged": true, "categories": {..}, "category_scores": {"hate": 0.9}}]}`: one result for one input.
fn openai(body: &Value) -> Result<Vec<Told>, OtherForm> {
    let results = list(body.get("results").ok_or(OtherForm)?)?;
    let [result] = results.as_slice() else { return Err(OtherForm) };
    let scores = result.get("category_scores").and_then(Value::as_object).ok_or(OtherForm)?;
    let one = |(category, value): (&String, &Value)| {
        Ok(Told { category: category.clone(), score: score(value)?, span: None })
    };
    // Categories that a model does not know have no score.
    scores.iter().filter(|(_, value)| !value.is_null()).map(one).collect()
}

/// `[[{"start": 14, "end": 26, "detection": "EmailAddress", "detection_type": "pii", "score": 0.8}]]`: a list for each of the contents. What
/// is found has two names, and either may be what a rule looks for.
fn fms(text: &str, body: &Value) -> Result<Vec<Told>, OtherForm> {
    let [found] = list(body)?.as_slice() else { return Err(OtherForm) };
    let mut out = Vec::new();
    for one in list(found)? {
        let span = span(text, one.get("start").ok_or(OtherForm)?, one.get("end").ok_or(OtherForm)?)?;
        let score = score(one.get("score").ok_or(OtherForm)?)?;
        let (detection, of_type) = (word(one, "detection")?, word(one, "detection_type")?);
        out.push(Told { category: detection.to_owned(), score, span: Some(span.clone()) });
        if of_type != detection {
            out.push(Told { category: of_type.to_owned(), score, span: Some(span) });
        }
    }
    Ok(out)
}

/// `[{"entity_type": "PERSON", "start": 0, "end": 10, "score": 0.85, ..}]`
fn presidio(text: &str, body: &Value) -> Result<Vec<Told>, OtherForm> {
    let one = |found: &Value| {
        let span = span(text, found.get("start").ok_or(OtherForm)?, found.get("end").ok_or(OtherForm)?)?;
        let score = score(found.get("score").ok_or(OtherForm)?)?;
        Ok(Told { category: word(found, "entity_type")?.to_owned(), score, span: Some(span) })
    };
    list(body)?.iter().map(one).collect()
}

/// `{"blocklistsMatch": [..], "categoriesAnalysis": [{"category": "Hate", "severity": 2}]}`: severities are 0, 2, 4, 6, and a score is a sixth of
/// each. A match of a blocklist is as bad as can be.
#[expect(clippy::cast_possible_truncation, reason = "a sixth needs no more digits")]
fn azure(body: &Value) -> Result<Vec<Told>, OtherForm> {
    let analysis = list(body.get("categoriesAnalysis").ok_or(OtherForm)?)?;
    let one = |of: &Value| {
        let severity = of
            .get("severity")
            .and_then(Value::as_f64)
            .filter(|s| (0.0..=7.0).contains(s))
            .ok_or(OtherForm)?;
        let score = (severity / MOST_SEVERE).min(1.0) as f32;
        Ok(Told { category: word(of, "category")?.to_owned(), score, span: None })
    };
    let mut out: Vec<Told> = analysis.iter().map(one).collect::<Result<_, _>>()?;
    for matched in body.get("blocklistsMatch").and_then(Value::as_array).into_iter().flatten() {
        out.push(Told {
            category: format!("blocklist/{}", word(matched, "blocklistName")?),
            score: 1.0,
            span: None,
        });
    }
    Ok(out)
}
