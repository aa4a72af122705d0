//! What a client is told when the policy ends its exchange: a sentence in its language, and the same for its program.

use super::reader::{MAX_CHANNELS, Side, Stop};
use super::record::VERSION;
use super::{Client, Terms};
use crate::dialect::{Details, ErrorKind, ExchangeError};
use crate::policy::{Complaints, Grade, NamedRegions, Notice, Policy, Rule, Standing, When};
use crate::text::Language;

/// Below it the gateway says what a review came to, by GET.
pub const REVIEWS: &str = "/reviews";
/// Where the gateway itself takes complaints, by POST.
pub const COMPLAINTS: &str = "/complaints";

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
            let message = rule.message.clone().or_else(|| noticed(policy, language));
            let mut message = message.unwrap_or_else(|| blocked(rule, side, language));
            let mut details = Details::default();
            let review = policy
                .review()
                .filter(|review| side == Side::Answer && !client.no_review && review.counts(&rule.id));
            if let (Some(review), Some(exchange)) = (review, client.exchange) {
                let place = format!("{REVIEWS}/{exchange}");
                message.push_str(&reviewed(&place, language));
                details.text("review", place);
                details.number("review_within_seconds", review.within.get().as_secs());
            }
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

/// What the profile has for blocked answers, in this language.
fn noticed(policy: &Policy, language: Language) -> Option<String> {
    let is_meant = |notice: &&Notice| notice.when == When::Blocked && notice.lang == language.tag();
    policy.notices().iter().find(is_meant).map(|notice| notice.text.clone())
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
    let at = complaints.map(|own| (own.url.as_str(), own.answered_within_days));
    let at = at.or_else(|| client.complaints.map(|days| (COMPLAINTS, days)));
    if let (Some((url, days)), Some(exchange)) = (at, exchange) {
        let url = url.replace("{exchange}", &exchange);
        if client.complaints.is_some() {
            details.text("complaint_endpoint", COMPLAINTS);
        }
        details.text("complaint_id", &exchange);
        message.push_str(&objection(&url, &exchange, days, language));
        details.text("complaint_url", url);
        details.number("complaint_answered_within_days", u64::from(days));
    }
    ExchangeError { details: Some(Box::new(details)), ..ExchangeError::new(kind, message) }
}

/// What is told of a block, with how who asks stands after it, where something follows.
pub(crate) fn warn(
    error: &ExchangeError,
    standing: Standing,
    blocks: usize,
    next: Option<(Standing, u32)>,
    client: &Client,
) -> ExchangeError {
    let mut error = error.clone();
    let details = error.details.get_or_insert_default();
    details.text("standing", standing.as_str());
    details.number("blocks", blocks as u64);
    if let Some((next, from)) = next {
        details.text("next_standing", next.as_str());
        details.number("next_standing_at", u64::from(from));
    }
    if standing != Standing::Good {
        error.message.push_str(&warning(standing, blocks, next, client.language.unwrap_or_default()));
    }
    error
}

/// What is told to who was blocked too often. `seconds`: after how many an exchange may pass, where that is known.
pub(crate) fn shut_out(standing: Standing, seconds: Option<u64>, terms: &Terms) -> ExchangeError {
    let Terms { policy, client, .. } = terms;
    let kind = if standing == Standing::Suspended { ErrorKind::Suspended } else { ErrorKind::RateLimited };
    let mut details = Details::default();
    details.text("code", kind.code());
    details.text("standing", standing.as_str());
    if let Some(seconds) = seconds {
        details.number("seconds", seconds);
    }
    let message = closed(standing, seconds, client.language.unwrap_or_default());
    told(kind, message, details, client, policy.complaints())
}

/// What is told of a request whose data may not go where the upstream stands. `rules` found the data; without any the route says its grade.
pub(crate) fn resides(grade: Grade, region: Option<&str>, rules: &[&Rule], terms: &Terms) -> ExchangeError {
    let Terms { policy, client, .. } = terms;
    let regions = policy.residency().regions(grade).unwrap_or_default();
    let mut details = Details::default();
    details.text("code", ErrorKind::Residency.code());
    details.text("side", "request");
    details.text("grade", grade.as_str());
    details.text("region", region.unwrap_or("-"));
    details.texts("allowed_regions", regions.to_vec());
    details.texts("rules", rules.iter().map(|rule| versioned(rule)).collect());
    let mut categories: Vec<String> = rules.iter().map(|rule| rule.category.clone()).collect();
    categories.dedup();
    details.texts("categories", categories);
    let message = kept_in(grade, region, regions, client.language.unwrap_or_default());
    told(ErrorKind::Residency, message, details, client, policy.complaints())
}

/// What the gateway answers in the model's place: a reminder after so many seconds without a break, or that the session is over.
pub(crate) fn own_answer(after: Option<u64>, client: &Client) -> ExchangeError {
    let kind = if after.is_some() { ErrorKind::Reminder } else { ErrorKind::SessionEnded };
    let mut details = Details::default();
    details.text("code", kind.code());
    if let Some(seconds) = after {
        details.number("seconds_without_break", seconds);
    }
    let message = match (after, client.language.unwrap_or_default()) {
        (Some(seconds), language) => reminder(seconds / 60, language),
        (None, Language::English) => "This conversation has ended. Take care.".to_owned(),
        (None, Language::Chinese) => "本次对话已结束，请保重。".to_owned(),
        (None, Language::Japanese) => "会話を終了しました。お元気で。".to_owned(),
    };
    told(kind, message, details, client, None)
}

fn reminder(minutes: u64, language: Language) -> String {
    match language {
        Language::English => format!(
            "You have been talking for {minutes} minutes without a break. This is an AI, not a person. Please take a break; to go on, send your message again."
        ),
        Language::Chinese => format!(
            "您已连续使用 {minutes} 分钟。与您对话的是人工智能，不是真人。请适当休息；如需继续，请再次发送您的消息。"
        ),
        Language::Japanese => format!(
            "休憩なしで {minutes} 分間ご利用中です。お話し相手は AI であり、人ではありません。休憩をお取りください。続けるには、もう一度メッセージを送信してください。"
        ),
    }
}

/// A rule by its name and the content of its pack: `privacy/email@` and sixteen digits.
fn versioned(rule: &Rule) -> String {
    let version: String = rule.version.chars().take(VERSION).collect();
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

fn reviewed(place: &str, language: Language) -> String {
    match language {
        Language::English => format!("; a person reviews it: `GET {place}` tells what becomes of it"),
        Language::Chinese => format!("；将由人工复核，结果可通过 `GET {place}` 查询"),
        Language::Japanese => format!("。担当者が確認します。結果は `GET {place}` で照会できます"),
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

fn warning(standing: Standing, blocks: usize, next: Option<(Standing, u32)>, language: Language) -> String {
    match language {
        Language::English => {
            let then = next.map(|(next, from)| format!("; from {from} on: {}", next.as_str()));
            format!(
                "; {blocks} prompts were blocked lately: {}{}",
                standing.as_str(),
                then.unwrap_or_default()
            )
        }
        Language::Chinese => {
            let then = next.map(|(next, from)| format!("，达到 {from} 次：{}", chinese(next)));
            format!("；近期已有 {blocks} 次请求被拦截：{}{}", chinese(standing), then.unwrap_or_default())
        }
        Language::Japanese => {
            let then = next.map(|(next, from)| format!("、{from} 件から：{}", japanese(next)));
            format!(
                "。最近 {blocks} 件のリクエストが遮断されました：{}{}",
                japanese(standing),
                then.unwrap_or_default()
            )
        }
    }
}

fn chinese(standing: Standing) -> &'static str {
    match standing {
        Standing::Good => "正常",
        Standing::Warned => "警告",
        Standing::Limited => "限制使用",
        Standing::Suspended => "暂停使用",
    }
}

fn japanese(standing: Standing) -> &'static str {
    match standing {
        Standing::Good => "通常",
        Standing::Warned => "警告",
        Standing::Limited => "利用制限",
        Standing::Suspended => "利用停止",
    }
}

fn closed(standing: Standing, seconds: Option<u64>, language: Language) -> String {
    let suspended = standing == Standing::Suspended;
    match (language, seconds) {
        (Language::English, Some(n)) if suspended => {
            format!("suspended for {n} s after too many blocked prompts")
        }
        (Language::English, None) => "suspended after too many blocked prompts until it is lifted".to_owned(),
        (Language::English, Some(n)) => format!("limited after too many blocked prompts: again in {n} s"),
        (Language::Chinese, Some(n)) if suspended => format!("因多次请求被拦截，已暂停使用，剩余 {n} 秒"),
        (Language::Chinese, None) => "因多次请求被拦截，已暂停使用，直至解除".to_owned(),
        (Language::Chinese, Some(n)) => format!("因多次请求被拦截，使用受限，请在 {n} 秒后重试"),
        (Language::Japanese, Some(n)) if suspended => {
            format!("遮断されたリクエストが多いため、利用を停止しています（残り {n} 秒）")
        }
        (Language::Japanese, None) => {
            "遮断されたリクエストが多いため、解除されるまで利用を停止しています".to_owned()
        }
        (Language::Japanese, Some(n)) => {
            format!("遮断されたリクエストが多いため、利用を制限しています。{n} 秒後に再度お試しください")
        }
    }
}

fn kept_in(grade: Grade, region: Option<&str>, regions: &[String], language: Language) -> String {
    let (grade, regions) = (grade.as_str(), NamedRegions(regions));
    match (language, region) {
        (Language::English, Some(region)) => format!(
            "the request was blocked: data of the grade `{grade}` may not go to the region `{region}` (allowed: {regions})"
        ),
        (Language::English, None) => format!(
            "the request was blocked: data of the grade `{grade}` may not go where nobody says in which region it is (allowed: {regions})"
        ),
        (Language::Chinese, Some(region)) => {
            format!("请求已被拦截：`{grade}` 级数据不得传输至地区 `{region}`（允许：{regions}）")
        }
        (Language::Chinese, None) => {
            format!("请求已被拦截：`{grade}` 级数据不得传输至未声明地区的上游（允许：{regions}）")
        }
        (Language::Japanese, Some(region)) => format!(
            "リクエストは遮断されました：区分 `{grade}` のデータは地域 `{region}` へ送信できません（許可：{regions}）"
        ),
        (Language::Japanese, None) => format!(
            "リクエストは遮断されました：区分 `{grade}` のデータは地域の示されていない上流へ送信できません（許可：{regions}）"
        ),
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
