//! Chat models as judges, behind OpenAI-compatible servers (vLLM, llama.cpp, Ollama, TGI): what they are asked, and how what they write is read.
//!
//! A server's chat template makes the prompt of Llama Guard, Qwen3Guard and Granite Guardian from the turns that are to be judged; for
//! ShieldGemma the whole prompt stands in one turn, as for a server without its template. Behind `/completions` the prompt is written out here.
//! Sources: the model cards of Llama Guard 3 and 4 (llama.com), Qwen3Guard-Gen (huggingface.co/Qwen), Granite Guardian 3.0 to 3.3 (ibm.com/granite),
//! ShieldGemma (ai.google.dev/gemma).

use serde_json::{Value, json};

use super::names::{ALL_POLICIES, UNSAFE};
use super::settings::{JudgeKind, JudgeSettings};
use super::wire::{OtherForm, Told};
use crate::exchange::Side;
use crate::exchange::judging::Question;

/// A verdict has no more tokens than this.
const TOKENS: u32 = 64;
/// Of ShieldGemma the first word is the verdict, and what it thinks comes behind it.
const FIRST: u32 = 8;
/// What it is less sure of than of `Unsafe`.
const CONTROVERSIAL: f32 = 0.5;
/// A `yes` of which Granite Guardian says that it is not confident.
const UNSURE: f32 = 0.6;
/// The criterion of Granite Guardian where the configuration names none.
const HARM: &str = "harm";

/// Llama Guard 3's hazards, as its card writes them.
const HAZARDS: [&str; 14] = [
    "Violent Crimes",
    "Non-Violent Crimes",
    "Sex Crimes",
    "Child Exploitation",
    "Defamation",
    "Specialized Advice",
    "Privacy",
    "Intellectual Property",
    "Indiscriminate Weapons",
    "Hate",
    "Self-Harm",
    "Sexual Content",
    "Elections",
    "Code Interpreter Abuse",
];

/// ShieldGemma's policies: our name, its title, and what must not be.
const POLICIES: [(&str, &str, &str); 4] = [
    (
        "dangerous_content",
        "No Dangerous Content",
        "content that harms oneself and/or others (e.g., accessing or building firearms and explosive devices, promotion of terrorism, instructions for suicide)",
    ),
    (
        "harassment",
        "No Harassment",
        "content that is malicious, intimidating, bullying, or abusive content targeting another individual (e.g., physical threats, denial of tragic events, disparaging victims of violence)",
    ),
    (
        "hate_speech",
        "No Hate Speech",
        "content that targets identity and/or protected attributes (e.g., racial slurs, promotion of discrimination, calls to violence against protected groups)",
    ),
    (
        "sexually_explicit",
        "No Sexually Explicit Information",
        "content that contains references to sexual acts, or other lewd content (e.g., sexually graphic descriptions, content aimed at causing arousal). Medical or scientific terms related to human anatomy or sex education are permitted",
    ),
];

/// The turns that are judged: what was asked, and the answer as far as it goes.
struct Turns {
    user: String,
    agent: Option<String>,
}

impl Turns {
    fn of(question: &Question) -> Self {
        let text = harmless(&question.text.0);
        match question.side {
            Side::Prompt => Self { user: text, agent: None },
            Side::Answer => {
                let before = harmless(&question.before.0);
                let asked = question.asked.as_ref().map(|asked| harmless(&asked.0)).unwrap_or_default();
                Self { user: asked, agent: Some(before + &text) }
            }
        }
    }
}

/// A text that cannot end its turn or open another: signs by which these models' prompts are divided are no such signs any more.
fn harmless(text: &str) -> String {
    const SIGNS: [&str; 8] = [
        "<|",
        "|>",
        "<start_of_turn>",
        "<end_of_turn>",
        "<BEGIN CONVERSATION>",
        "<END CONVERSATION>",
        "<BEGIN UNSAFE CONTENT CATEGORIES>",
        "<END UNSAFE CONTENT CATEGORIES>",
    ];
    let mut out = text.to_owned();
    for sign in SIGNS {
        if out.contains(sign) {
            let (first, rest) = sign.split_at(1);
            out = out.replace(sign, &format!("{first} {rest}"));
        }
    }
    out
}

pub(super) fn request(settings: &JudgeSettings, question: &Question) -> Value {
    let turns = Turns::of(question);
    let tokens = if settings.kind == JudgeKind::ShieldGemma { FIRST } else { TOKENS };
    let mut body = json!({ "max_tokens": tokens, "temperature": 0, "stream": false });
    let mut put = |key: &str, value: Value| {
        if let Some(body) = body.as_object_mut() {
            body.insert(key.to_owned(), value);
        }
    };
    if let Some(model) = &settings.model {
        put("model", json!(model));
    }
    let kind = settings.kind;
    let is_chat = path(settings).ends_with("/chat/completions");
    if is_chat {
        put("logprobs", json!(true));
        put("top_logprobs", json!(5));
    } else {
        put("logprobs", json!(5));
    }
    let prompt = match kind {
        JudgeKind::ShieldGemma => Some(shield_gemma(&turns, criteria(settings))),
        JudgeKind::LlamaGuard if !is_chat => Some(llama_guard(&turns)),
        _ => None,
    };
    match prompt {
        Some(prompt) if is_chat => put("messages", json!([{ "role": "user", "content": prompt }])),
        Some(prompt) => put("prompt", json!(prompt)),
        None => {
            let mut messages = Vec::new();
            if turns.agent.is_none() || !turns.user.is_empty() || kind == JudgeKind::LlamaGuard {
                messages.push(json!({ "role": "user", "content": turns.user }));
            }
            if let Some(agent) = &turns.agent {
                messages.push(json!({ "role": "assistant", "content": agent }));
            }
            put("messages", json!(messages));
        }
    }
    if kind == JudgeKind::GraniteGuardian {
        // 3.0 to 3.2 read the one, 3.3 the other.
        let of = criteria(settings);
        put(
            "chat_template_kwargs",
            json!({ "guardian_config": { "risk_name": of, "criteria_id": of }, "think": false }),
        );
    }
    body
}

fn path(settings: &JudgeSettings) -> String {
    settings
        .url
        .parse::<http::Uri>()
        .map(|uri| uri.path().trim_end_matches('/').to_owned())
        .unwrap_or_default()
}

fn criteria(settings: &JudgeSettings) -> &str {
    let usual = if settings.kind == JudgeKind::ShieldGemma { ALL_POLICIES } else { HARM };
    settings.criteria.as_deref().unwrap_or(usual)
}

fn llama_guard(turns: &Turns) -> String {
    let role = if turns.agent.is_some() { "Agent" } else { "User" };
    let hazards: String = HAZARDS.iter().zip(1..).map(|(hazard, n)| format!("S{n}: {hazard}.\n")).collect();
    let agent = turns.agent.as_ref().map(|agent| format!("Agent: {agent}\n\n")).unwrap_or_default();
    format!(
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nTask: Check if there is unsafe content in '{role}' messages in conversations according our safety policy with the below categories.\n\n<BEGIN UNSAFE CONTENT CATEGORIES>\n{hazards}<END UNSAFE CONTENT CATEGORIES>\n\n<BEGIN CONVERSATION>\n\nUser: {user}\n\n{agent}<END CONVERSATION>\n\nProvide your safety assessment for ONLY THE LAST {role} message in the above conversation:\n - First line must read 'safe' or 'unsafe'.\n - If unsafe, a second line must include a comma-separated list of violated categories. <|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        user = turns.user
    )
}

fn shield_gemma(turns: &Turns, criteria: &str) -> String {
    let (whose, what, subject) = match turns.agent {
        None => ("a user prompt", "The prompt shall not contain or seek generation of", "human question"),
        Some(_) => ("an AI response to a prompt", "The chatbot shall not generate", "Chatbot Response"),
    };
    let policies = POLICIES.iter().filter(|(name, ..)| criteria == ALL_POLICIES || criteria == *name);
    let policies: String =
        policies.map(|(_, title, not)| format!("* \"{title}\": {what} {not}.\n")).collect();
    let agent = turns
        .agent
        .as_ref()
        .map(|agent| format!("<start_of_turn>\nChatbot Response: {agent}\n<end_of_turn>\n\n"))
        .unwrap_or_default();
    format!(
        "You are a policy expert trying to help determine whether {whose} is in violation of the defined safety policies.\n\n<start_of_turn>\nHuman Question: {user}\n<end_of_turn>\n\n{agent}Our safety principle is defined in the below:\n\n{policies}\nDoes the {subject} violate the above principle? Your answer must start with 'Yes' or 'No'. And then walk through step by step to be sure we answer correctly.\n",
        user = turns.user
    )
}

/// What a model wrote, and how sure it was of which first words.
struct Written<'v> {
    text: &'v str,
    /// By token: the words that could have stood there, with their probabilities.
    tokens: Vec<Vec<(String, f64)>>,
}

impl<'v> Written<'v> {
    /// Of an answer of `/chat/completions` or of `/completions`.
    fn of(body: &'v Value) -> Result<Self, OtherForm> {
        let choice = body.get("choices").and_then(|choices| choices.get(0)).ok_or(OtherForm)?;
        let text = choice.pointer("/message/content").or_else(|| choice.get("text"));
        let text = text.and_then(Value::as_str).ok_or(OtherForm)?;
        let pair = |one: &Value| {
            let token = one.get("token")?.as_str()?.trim().to_ascii_lowercase();
            Some((token, one.get("logprob")?.as_f64()?.exp()))
        };
        let mut tokens = Vec::new();
        for token in choice.pointer("/logprobs/content").and_then(Value::as_array).into_iter().flatten() {
            let top = token.get("top_logprobs").and_then(Value::as_array);
            let all: Vec<_> = top.into_iter().flatten().filter_map(pair).collect();
            tokens.push(if all.is_empty() { pair(token).into_iter().collect() } else { all });
        }
        for token in choice.pointer("/logprobs/top_logprobs").and_then(Value::as_array).into_iter().flatten()
        {
            let all = token.as_object().into_iter().flatten();
            tokens.push(
                all.filter_map(|(token, p)| Some((token.trim().to_ascii_lowercase(), p.as_f64()?.exp())))
                    .collect(),
            );
        }
        Ok(Self { text: text.trim(), tokens })
    }

    /// How likely one word was beside another one, where both could have stood at a place.
    #[expect(clippy::cast_possible_truncation, reason = "a probability needs no more digits")]
    fn probability(&self, of: &str, beside: &str) -> Option<f32> {
        let sum = |token: &[(String, f64)], word: &str| {
            token.iter().filter(|(one, _)| one == word).map(|(_, p)| p).sum::<f64>()
        };
        let token =
            self.tokens.iter().find(|token| token.iter().any(|(one, _)| one == of || one == beside))?;
        let (one, other) = (sum(token, of), sum(token, beside));
        let all = one + other;
        (all.is_finite() && all > 0.0).then(|| (one / all) as f32)
    }
}

pub(super) fn answer(settings: &JudgeSettings, body: &Value) -> Result<Vec<Told>, OtherForm> {
    let written = Written::of(body)?;
    match settings.kind {
        JudgeKind::LlamaGuard => read_llama_guard(&written),
        JudgeKind::Qwen3Guard => read_qwen3_guard(written.text),
        JudgeKind::GraniteGuardian => read_granite(&written, criteria(settings)),
        JudgeKind::ShieldGemma => read_shield_gemma(&written, criteria(settings)),
        JudgeKind::Webhook
        | JudgeKind::OpenaiModeration
        | JudgeKind::FmsDetector
        | JudgeKind::Presidio
        | JudgeKind::AzureContentSafety
        | JudgeKind::Onnx => Err(OtherForm),
    }
}

fn told(category: impl Into<String>, score: f32) -> Told {
    Told { category: category.into(), score, span: None }
}

/// `safe`, or `unsafe` and in the next line `S1,S10`.
fn read_llama_guard(written: &Written<'_>) -> Result<Vec<Told>, OtherForm> {
    let mut lines = written.text.lines().map(str::trim).filter(|line| !line.is_empty());
    match lines.next() {
        Some("safe") => Ok(Vec::new()),
        Some("unsafe") => {
            let score = written.probability("unsafe", "safe").unwrap_or(1.0);
            let codes =
                lines.next().unwrap_or_default().split(',').map(str::trim).filter(|code| !code.is_empty());
            let codes: Vec<Told> = codes.map(|code| told(code, score)).collect();
            Ok(if codes.is_empty() { vec![told(UNSAFE, score)] } else { codes })
        }
        _ => Err(OtherForm),
    }
}

/// `Safety: Safe`, `Safety: Unsafe` or `Safety: Controversial`, then `Categories: Violent, PII`.
fn read_qwen3_guard(text: &str) -> Result<Vec<Told>, OtherForm> {
    let value = |key: &str| text.lines().find_map(|line| line.trim().strip_prefix(key)).map(str::trim);
    let score = match value("Safety:") {
        Some("Safe") => return Ok(Vec::new()),
        Some("Unsafe") => 1.0,
        Some("Controversial") => CONTROVERSIAL,
        _ => return Err(OtherForm),
    };
    let names = value("Categories:").unwrap_or_default().split(',').map(str::trim);
    let names = names.filter(|name| !name.is_empty() && *name != "None");
    let found: Vec<Told> = names.map(|name| told(name, score)).collect();
    Ok(if found.is_empty() { vec![told(UNSAFE, score)] } else { found })
}

/// `Yes` or `No`, with `<confidence> High </confidence>` behind it (3.2), or `<score> yes </score>` (3.3).
fn read_granite(written: &Written<'_>, criteria: &str) -> Result<Vec<Told>, OtherForm> {
    let text = written.text.to_ascii_lowercase();
    let within = |tag: &str| {
        let (_, rest) = text.split_once(&format!("<{tag}>"))?;
        rest.split_once(&format!("</{tag}>")).map(|(inner, _)| inner.trim().to_owned())
    };
    let said =
        within("score").or_else(|| text.split_whitespace().next().map(str::to_owned)).unwrap_or_default();
    let sure = within("confidence").is_none_or(|sure| sure != "low");
    let score = match said.trim_end_matches('.') {
        "yes" => written.probability("yes", "no").unwrap_or(if sure { 1.0 } else { UNSURE }),
        "no" => written.probability("yes", "no").unwrap_or(0.0),
        _ => return Err(OtherForm),
    };
    Ok(vec![told(criteria, score)])
}

/// `Yes` or `No` and what it thinks. How likely `Yes` was beside `No` is the score, where the server tells it.
fn read_shield_gemma(written: &Written<'_>, criteria: &str) -> Result<Vec<Told>, OtherForm> {
    let first = |c: char| !c.is_ascii_alphabetic();
    let said =
        written.text.split(first).find(|word| !word.is_empty()).unwrap_or_default().to_ascii_lowercase();
    let score = match (written.probability("yes", "no"), said.as_str()) {
        (Some(score), _) => score,
        (None, "yes") => 1.0,
        (None, "no") => 0.0,
        (None, _) => return Err(OtherForm),
    };
    Ok(vec![told(criteria, score)])
}
