//! Notices of the policy's profile, told to the client's program with each answer of a model, so that it can show them: text that the gateway
//! wrote into an answer would be taken for the model's.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::policy::{Notice, When};
use crate::text::percent_encoded;

/// A notice: when it is to be shown, its language, and its text as RFC 8187 writes what is not ASCII.
pub const NOTICE: HeaderName = HeaderName::from_static("x-sluicegate-notice");

/// Names the notices of answers, one a field. What an upstream may say of its own does not pass for this gateway's.
pub(super) fn name_notices(headers: &mut HeaderMap, notices: &[Notice]) {
    headers.remove(NOTICE);
    for notice in notices {
        let when = match notice.when {
            When::First => "first",
            When::Every => "every",
            // It stands in the block itself.
            When::Blocked => continue,
        };
        // All of it is ASCII.
        if let Ok(value) = HeaderValue::from_str(&field(when, notice)) {
            headers.append(NOTICE, value);
        }
    }
}

fn field(when: &str, notice: &Notice) -> String {
    let mut out = format!("{when}; lang=");
    out.extend(notice.lang.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-'));
    out.push_str("; text*=UTF-8''");
    out.push_str(&written(&notice.text));
    out
}

/// A text as RFC 8187 writes it.
pub(super) fn written(text: &str) -> String {
    percent_encoded(text, b"-._~")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::percent_decoded;

    #[test]
    fn a_notice_is_a_field_that_any_text_fits_in() {
        for text in ["判断は医師が行います。", "Not advice; \"returns\" are\r\nnot guaranteed.", ""]
        {
            let notice = Notice { when: When::Every, lang: "ja\r\n".into(), text: text.into() };
            let field = field("every", &notice);
            assert!(
                HeaderValue::from_str(&field).is_ok() && field.starts_with("every; lang=ja; text*="),
                "{field}"
            );
            let (_, written) = field.rsplit_once('\'').unwrap_or_default();
            assert_eq!(percent_decoded(written), text.as_bytes());
        }
    }
}
