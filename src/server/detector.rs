//! The public detector: `POST /v1/detect` with a text, and the page `/detect` with a form for it. No key, no account, no record: the answer
//! tells of the text that was sent and of nothing else, and neither is kept.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde_json::Value;

use super::body::AnswerBody;
use super::gateway::Gateway;
use super::long_reads;
use super::public;
use super::rates::Rates;
use crate::diag::moment::{day, now_ms};
use crate::provenance::detect::{Marks, Verdict, marks, report};
use crate::provenance::mark::DetectorSettings;
use crate::provenance::print::{PrintVerdict, Traced};
use crate::provenance::sampler::{self, Sampled, SamplerVerdict};

/// Where programs ask.
pub const DETECT: &str = "/v1/detect";
/// Where people ask.
pub const PAGE: &str = "/detect";

/// Most seconds that a text may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// The detector and who asked it how often.
#[derive(Debug)]
pub struct Detector {
    settings: DetectorSettings,
    rates: Rates,
}

impl Detector {
    /// One that nobody has asked.
    pub fn new(settings: DetectorSettings) -> Self {
        Self { settings, rates: Rates::default() }
    }

    /// Whether this is a request for it.
    pub(super) fn takes(&self, path: &str) -> bool {
        self.settings.public && (path == DETECT || path == PAGE)
    }

    /// Takes one text of an address (its hash), or says after how many seconds there is room.
    fn take(&self, address: &str, now: Instant) -> Result<(), u64> {
        self.rates.take(address, self.settings.per_minute, self.settings.per_minute_in_all, now)
    }
}

/// Answers a request for the detector.
pub(super) async fn answer(
    gateway: &Gateway,
    request: Request<Incoming>,
    address: &str,
    now: Instant,
) -> Response<AnswerBody> {
    let page = request.uri().path() == PAGE;
    let (parts, body) = request.into_parts();
    match (&parts.method, page) {
        (&Method::GET | &Method::HEAD, true) => {
            return html(StatusCode::OK, &whole_page(None, "", gateway.prints.public().is_some()));
        }
        (&Method::POST, _) => {}
        (_, page) => {
            let mut response =
                said(page, StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "send a text by POST");
            let allowed = if page { "GET, HEAD, POST" } else { "POST" };
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
            return response;
        }
    }
    let detector = &gateway.detector;
    if let Err(seconds) = detector.take(address, now) {
        let what = "too many texts in a minute: try again later";
        let mut response = said(page, StatusCode::TOO_MANY_REQUESTS, "rate_limited", what);
        response.headers_mut().insert(RETRY_AFTER, seconds.max(1).into());
        return response;
    }
    let most = detector.settings.text.get();
    let length = parts.headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    // A form and JSON may write a character in more bytes than it has.
    let room = most.saturating_mul(4).saturating_add(1024);
    let collected = tokio::time::timeout(PATIENCE, Limited::new(body, room).collect());
    let body = if length.is_some_and(|length| length > room) {
        None
    } else {
        collected.await.ok().and_then(Result::ok)
    };
    let Some(body) = body.map(http_body_util::Collected::to_bytes) else {
        return said(
            page,
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            "the text is too long, or did not arrive",
        );
    };
    let Some(text) = text_of(&parts.headers, &body) else {
        let what = "expected a text: `{\"text\": \"..\"}` as application/json, or text/plain in UTF-8";
        return said(page, StatusCode::BAD_REQUEST, "invalid_request", what);
    };
    if text.len() > most {
        return said(
            page,
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            &format!("a text has at most {most} bytes"),
        );
    }
    let prints = gateway.prints.public();
    if gateway.marks.is_none() && prints.is_none() {
        let what = "this gateway has neither keys of marks nor prints of answers";
        return said(page, StatusCode::NOT_FOUND, "not_found", what);
    }
    let found = Layers {
        mark: gateway.marks.as_ref().map(|known| marks(&known.keys, &text)),
        sampler: gateway.sampler_keys().map(|keys| sampler::read(keys, &text)),
        fingerprint: traced(gateway, &text).await,
    };
    if page {
        html(StatusCode::OK, &whole_page(Some((&found, &text)), "", prints.is_some()))
    } else {
        public::told(
            StatusCode::OK,
            &report(&text, found.mark.as_ref(), found.sampler.as_ref(), found.fingerprint.as_ref()),
        )
    }
}

/// What each layer says of a text; none where the gateway has no such layer.
struct Layers {
    mark: Option<Marks>,
    sampler: Option<Sampled>,
    fingerprint: Option<Traced>,
}

/// Looks a text up among prints of answers, beside the worker's thread: files are read.
async fn traced(gateway: &Gateway, text: &str) -> Option<Traced> {
    let shelf = gateway.prints.public()?.shelf_of();
    let text = text.to_owned();
    let traced = long_reads::away(gateway, move |_| shelf.trace(&text, now_ms())).await?;
    traced.inspect_err(|error| tracing::error!(%error, "prints cannot be looked up")).ok()
}

/// The text that a body holds: JSON, a form, or a plain text.
fn text_of(headers: &HeaderMap, body: &Bytes) -> Option<String> {
    let media = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("text/plain");
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media.as_str() {
        "application/json" => {
            let value: Value = serde_json::from_slice(body).ok()?;
            value["text"].as_str().map(str::to_owned)
        }
        "application/x-www-form-urlencoded" => {
            let form = std::str::from_utf8(body).ok()?;
            let text = form.split('&').find_map(|field| field.strip_prefix("text="))?;
            String::from_utf8(crate::text::percent_decoded(&text.replace('+', " "))).ok()
        }
        "text/plain" => String::from_utf8(body.to_vec()).ok(),
        _ => None,
    }
}

fn said(page: bool, status: StatusCode, code: &str, what: &str) -> Response<AnswerBody> {
    if page {
        return html(status, &whole_page(None, what, false));
    }
    public::error(status, code, what)
}

fn html(status: StatusCode, body: &str) -> Response<AnswerBody> {
    let mut response = public::answer(status, "text/html; charset=utf-8", body.to_owned());
    let policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1d2733;--soft:#5b6877;--line:#d8dee6;--back:#fff;--card:#f6f8fa;--good:#1a7f4b;--doubt:#9a6700;--none:#5b6877}\
@media(prefers-color-scheme:dark){:root{--ink:#e4e9ef;--soft:#9aa7b5;--line:#313b47;--back:#12171d;--card:#1a2129;--good:#4cc38a;--doubt:#e0b04b;--none:#9aa7b5}}\
*{box-sizing:border-box}body{margin:0 auto;max-width:46rem;padding:2rem 1.25rem 4rem;background:var(--back);color:var(--ink);\
font:16px/1.5 system-ui,-apple-system,'Segoe UI','Noto Sans','Noto Sans CJK SC',sans-serif}\
h1{font-size:1.5rem;margin:0 0 .25rem}p{margin:.4rem 0}.soft{color:var(--soft)}\
textarea{width:100%;min-height:12rem;font:inherit;padding:.6rem;border:1px solid var(--line);border-radius:6px;background:var(--card);color:var(--ink)}\
button{font:inherit;padding:.45rem 1.1rem;margin-top:.6rem;border:0;border-radius:6px;background:var(--ink);color:var(--back);cursor:pointer}\
.verdict{border-left:4px solid var(--none);background:var(--card);padding:.7rem 1rem;border-radius:0 6px 6px 0;margin:1.2rem 0}\
.bound{border-color:var(--good)}.edited,.carrier_only{border-color:var(--doubt)}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem;margin:.6rem 0 0}dt{color:var(--soft)}dd{margin:0}\
.bar{display:grid;grid-template-columns:repeat(10,1fr);gap:2px;height:.7rem;margin-top:.25rem}.bar i{background:var(--line)}.bar .on{background:var(--good)}";

/// The page, with what was found or what is wrong.
fn whole_page(found: Option<(&Layers, &str)>, wrong: &str, prints: bool) -> String {
    let (besides, besides_zh) = if prints {
        (" and held against the prints that it keeps of it", "，并与本服务留存的内容指纹比对")
    } else {
        ("", "")
    };
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>Did a model of ours write this?</title><style>{STYLE}</style></head><body>\n\
         <h1>Did a model of ours write this?</h1>\n\
         <p class=\"soft\">Paste a text. It is read for the marks that this gateway sets in what its models write{besides}, and is not kept.</p>\n\
         <p class=\"soft\" lang=\"zh\">粘贴一段文本，检测其中是否有本服务为模型生成内容添加的隐式标识{besides_zh}。文本不会被保存。</p>\n"
    );
    if let Some((found, text)) = found {
        found.mark.iter().for_each(|marks| verdict(marks, &mut out));
        found.sampler.iter().for_each(|sampled| of_words(sampled, &mut out));
        found.fingerprint.iter().for_each(|prints| of_prints(prints, text, &mut out));
    }
    if !wrong.is_empty() {
        let _ = writeln!(out, "<p class=\"verdict carrier_only\" role=\"alert\">{wrong}</p>");
    }
    out.push_str(
        "<form method=\"post\" action=\"/detect\" accept-charset=\"utf-8\"><label for=\"text\">Text</label>\n\
         <textarea id=\"text\" name=\"text\" required></textarea>\n<button>Look for marks</button></form>\n\
         <p class=\"soft\">Programs ask <code>POST /v1/detect</code>. A text without marks may still be a model’s: marks are lost when a text is \
         retyped, translated or rewritten.</p>\n</body></html>\n",
    );
    out
}

fn verdict(found: &Marks, out: &mut String) {
    let word = match found.verdict {
        Verdict::Bound => "Found, unchanged",
        Verdict::Edited => "Found, changed since",
        Verdict::CarrierOnly => "Marks that are not ours",
        Verdict::None => "Nothing found",
    };
    let _ = write!(
        out,
        "<section class=\"verdict {}\" role=\"status\"><strong>{word}</strong><p>{}</p><dl>",
        found.verdict.as_str(),
        found.verdict.sentence()
    );
    let mut row = |name: &str, value: &str| {
        let _ = write!(out, "<dt>{name}</dt><dd>{value}</dd>");
    };
    if found.valid > 0 {
        row("Marks", &format!("{} of {} verify", found.valid, found.reading.found.len() - found.cut));
        row("Share of the text", &format!("{:.0} %", found.covered * 100.0));
        for seen in &found.epochs {
            let until = seen.until.map_or("now".to_owned(), day);
            row(
                &format!("Key {}", seen.epoch),
                &format!("this gateway’s, in use from {} to {until}", day(seen.since.saturating_mul(1000))),
            );
        }
        row("Chance of a false alarm", &format!("below {:.0e}", found.false_alarm.max(f64::MIN_POSITIVE)));
        if let Some(tenths) = found.tenths {
            row("Where, by tenths", &bar(tenths.into_iter()));
        }
    }
    out.push_str("</dl></section>\n");
}

fn of_words(found: &Sampled, out: &mut String) {
    let (word, class) = match found.verdict {
        SamplerVerdict::Found => ("Words as our models choose them", "bound"),
        SamplerVerdict::None => ("The choice of words tells nothing", "none"),
        SamplerVerdict::Short => ("Too short to tell by its words", "none"),
    };
    let _ = write!(
        out,
        "<section class=\"verdict {class}\" role=\"status\"><strong>{word}</strong><p>{}</p><dl>",
        found.verdict.sentence()
    );
    if let Some(epoch) = found.epoch.filter(|_| found.verdict == SamplerVerdict::Found) {
        let since = day(found.since.saturating_mul(1000));
        let _ = write!(out, "<dt>Key {epoch}</dt><dd>this gateway’s, in use from {since}</dd>");
        let _ = write!(out, "<dt>Chance of a false alarm</dt><dd>below {:.0e}</dd>", found.coarse());
    }
    out.push_str("</dl></section>\n");
}

fn of_prints(found: &Traced, text: &str, out: &mut String) {
    let verdict = found.verdict();
    let (word, class) = match verdict {
        PrintVerdict::Found => ("Delivered by this gateway", "bound"),
        PrintVerdict::Lead => ("Perhaps delivered by this gateway", "edited"),
        PrintVerdict::None => ("No print is like it", "none"),
    };
    let _ = write!(
        out,
        "<section class=\"verdict {class}\" role=\"status\"><strong>{word}</strong><p>{}</p><dl>",
        verdict.sentence()
    );
    let told = found.json(text.len());
    let mut row = |name: &str, value: &str| {
        let _ = write!(out, "<dt>{name}</dt><dd>{value}</dd>");
    };
    if let Some(day) = told["delivered"].as_str() {
        row("When", day);
    }
    if let Some(share) = told["covered"].as_f64() {
        row("Share of the text", &format!("{:.0} %", share * 100.0));
    }
    if let Some(chance) = told["false_alarm"].as_f64() {
        row("Chance of a false alarm", &format!("about {chance:.0e}"));
    }
    if let Some(tenths) = told["tenths"].as_array() {
        row("Where, by tenths", &bar(tenths.iter().map(|tenth| tenth == true)));
    }
    out.push_str("</dl></section>\n");
}

/// Which tenths of a text something was found in.
fn bar(tenths: impl Iterator<Item = bool>) -> String {
    let tenths: String = tenths.map(|on| if on { "<i class=\"on\"></i>" } else { "<i></i>" }).collect();
    format!("<span class=\"bar\">{tenths}</span>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test is where time begins")]
    fn who_asks_too_often_waits() {
        let settings =
            DetectorSettings { per_minute: 3, per_minute_in_all: 5, ..DetectorSettings::default() };
        let (detector, now) = (Detector::new(settings), Instant::now());
        for _ in 0..3 {
            assert_eq!(detector.take("a", now), Ok(()));
        }
        assert_eq!(detector.take("a", now), Err(20));
        assert_eq!(detector.take("a", now + Duration::from_secs(20)), Ok(()));
        let later = now + Duration::from_secs(20);
        for _ in 0..2 {
            assert_eq!(detector.take("b", later), Ok(()));
        }
        // What is there for all is over before the address's own.
        assert!(detector.take("c", later).is_err());
    }

    #[test]
    fn the_page_runs_no_script() {
        let page = whole_page(None, "", true);
        assert!(!page.contains("<script") && !page.contains("http"));
        assert!(page.contains("<form method=\"post\" action=\"/detect\""));
    }
}
