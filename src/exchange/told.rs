//! What a client is told when the policy ends its exchange: a sentence in its language, and the same for its program.

use super::reader::{MAX_CHANNELS, Side, Stop};
use super::{Client, Terms};
use crate::dialect::{Details, ErrorKind, ExchangeError};
use crate::policy::{Complaints, Rule};
use crate::text::Language;

/// What the client is told when `stop` ends an exchange.
pub(crate) fn refuse(stop: &Stop, terms: &Terms, side: Side) -> ExchangeError {
    let what = match side {
        Side::Prompt => "request",
        Side::Answer => "answer",
    };
    let Terms { policy, client, .. } = terms;
    let language = client.language.unwrap_or_default();
    match stop {
        Stop::Blocked(rule) => {
            let rule = policy.rule(*rule);
            let message = rule.message.clone().unwrap_or_else(|| blocked(rule, side, language));
            let mut details = Details::default();
            details.text("code", ErrorKind::Blocked.code());
            details.text("side", what);
            details.text("rule", versioned(rule));
            details.text("category", &rule.category);
            details.texts("classes", rule.classes.to_vec());
            let basis = rule.basis.iter().map(|basis| format!("{}, {}", basis.law, basis.article));
            details.texts("basis", basis.collect());
            told(ErrorKind::Blocked, message, details, client, policy.complaints())
        }
        Stop::Unscanned(kind) => {
            let mut details = Details::default();
            details.text("code", ErrorKind::Unscanned.code());
            details.text("side", what);
            details.text("content", *kind);
            told(ErrorKind::Unscanned, unscanned(kind, side, language), details, client, policy.complaints())
        }
        Stop::Halted => ExchangeError::new(
            ErrorKind::TooLarge,
            format!("the {what} takes longer to read than this gateway gives it (`limits.scan`)"),
        ),
        Stop::TooManyChannels => ExchangeError::new(
            ErrorKind::UpstreamGarbage,
            format!("the {what} goes on in more separate texts than {MAX_CHANNELS}"),
        ),
    }
}

/// An error by which a program's decision is told: that it was one, its number, and where to object.
fn told(
    kind: ErrorKind,
    mut message: String,
    mut details: Details,
    client: &Client,
    complaints: Option<&Complaints>,
) -> ExchangeError {
    let language = client.language.unwrap_or_default();
    details.yes("automated");
    details.text("language", language.tag());
    let exchange = client.exchange.map(|id| id.to_string());
    if let Some(exchange) = &exchange {
        details.text("exchange", exchange);
    }
    if let (Some(complaints), Some(exchange)) = (complaints, exchange) {
        let url = complaints.url.replace("{exchange}", &exchange);
        details.text("complaint_id", &exchange);
        message.push_str(&objection(&url, &exchange, complaints.answered_within_days, language));
        details.text("complaint_url", url);
        details.number("complaint_answered_within_days", u64::from(complaints.answered_within_days));
    }
    ExchangeError { details: Some(Box::new(details)), ..ExchangeError::new(kind, message) }
}

/// A rule by its name and the content of its pack: `privacy/email@` and sixteen digits.
fn versioned(rule: &Rule) -> String {
    let version: String = rule.version.chars().take(16).collect();
    if version.is_empty() { rule.id.clone() } else { format!("{}@{version}", rule.id) }
}

fn blocked(rule: &Rule, side: Side, language: Language) -> String {
    let (id, title) = (&rule.id, &rule.title);
    // Rules have English titles; what class they belong to is known in Chinese too.
    let zh = rule.zh.as_deref().unwrap_or(title);
    match (language, side) {
        (Language::English, Side::Prompt) => {
            format!("the request was blocked by the content policy: rule `{id}` ({title})")
        }
        (Language::English, Side::Answer) => {
            format!("the answer was blocked by the content policy: rule `{id}` ({title})")
        }
        (Language::Chinese, Side::Prompt) => format!("请求已被内容策略拦截：规则 `{id}`（{zh}）"),
        (Language::Chinese, Side::Answer) => format!("回答已被内容策略拦截：规则 `{id}`（{zh}）"),
        (Language::Japanese, Side::Prompt) => {
            format!("リクエストはコンテンツポリシーにより遮断されました：ルール `{id}`（{title}）")
        }
        (Language::Japanese, Side::Answer) => {
            format!("回答はコンテンツポリシーにより遮断されました：ルール `{id}`（{title}）")
        }
    }
}

fn unscanned(kind: &str, side: Side, language: Language) -> String {
    match (language, side) {
        (Language::English, Side::Prompt) => format!(
            "the request holds content that this gateway does not read ({kind}), and the policy lets nothing pass unread"
        ),
        (Language::English, Side::Answer) => format!(
            "the answer holds content that this gateway does not read ({kind}), and the policy lets nothing pass unread"
        ),
        (Language::Chinese, Side::Prompt) => {
            format!("请求中有本网关不读取的内容（{kind}），而策略不允许未经读取的内容通过")
        }
        (Language::Chinese, Side::Answer) => {
            format!("回答中有本网关不读取的内容（{kind}），而策略不允许未经读取的内容通过")
        }
        (Language::Japanese, Side::Prompt) => format!(
            "リクエストにはこのゲートウェイが読み取らない内容（{kind}）があり、ポリシーは未読の内容を通しません"
        ),
        (Language::Japanese, Side::Answer) => {
            format!(
                "回答にはこのゲートウェイが読み取らない内容（{kind}）があり、ポリシーは未読の内容を通しません"
            )
        }
    }
}

fn objection(url: &str, exchange: &str, days: u16, language: Language) -> String {
    match language {
        Language::English => format!(
            "; a program decided this: to object, go to {url} and name {exchange}, answered within {days} days"
        ),
        Language::Chinese => {
            format!("。此决定由程序自动作出；如有异议，请凭编号 {exchange} 通过 {url} 投诉，{days} 日内答复")
        }
        Language::Japanese => format!(
            "。この判断はプログラムが自動で行いました。異議は番号 {exchange} を添えて {url} へお申し出ください（{days} 日以内に回答します）"
        ),
    }
}
