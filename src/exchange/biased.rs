//! A request with the sampler's mark: one member more, and every other byte as it was.

use crate::dialect::{Bias, LOGIT_BIAS};
use crate::text::json::{Kind, Tape};

/// The body with `object` as its `logit_bias`; none where it may have none, or is no JSON object.
pub fn with_bias(body: &[u8], bias: Bias, object: &str) -> Option<Vec<u8>> {
    let (at, end, text) = match bias {
        Bias::Fixed | Bias::Own => return None,
        Bias::Absent => {
            // What was read is JSON: its last sign ends its root.
            let end = body.trim_ascii_end().strip_suffix(b"}")?.len();
            let before = body.get(..end)?.trim_ascii_end();
            let comma = if before.ends_with(b"{") && before.trim_ascii_start().len() == 1 { "" } else { "," };
            (end, end, format!("{comma}\"{LOGIT_BIAS}\":{object}"))
        }
        Bias::Empty => {
            let mut tape = Tape::default();
            tape.parse(body).ok()?;
            let node = tape.node(tape.find(body, &[LOGIT_BIAS])?)?;
            let is_nothing = matches!(node.kind, Kind::Null | Kind::Object);
            is_nothing.then(|| (node.start as usize, node.end as usize, object.to_owned()))?
        }
    };
    let mut out = Vec::with_capacity(body.len() + text.len());
    out.extend_from_slice(body.get(..at)?);
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(body.get(end..)?);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_member_is_added_and_no_other_byte_changes() {
        for (body, bias, want) in [
            ("{\"a\": \"}\" } \n", Bias::Absent, "{\"a\": \"}\" ,\"logit_bias\":{\"5\":2}} \n"),
            (" { } ", Bias::Absent, " { \"logit_bias\":{\"5\":2}} "),
            ("{\"a\":{}}", Bias::Absent, "{\"a\":{},\"logit_bias\":{\"5\":2}}"),
            ("{\"logit_bias\": null ,\"a\":1}", Bias::Empty, "{\"logit_bias\": {\"5\":2} ,\"a\":1}"),
            ("{\"a\":1,\"logit\\u005fbias\":{ }}", Bias::Empty, "{\"a\":1,\"logit\\u005fbias\":{\"5\":2}}"),
        ] {
            let got = with_bias(body.as_bytes(), bias, r#"{"5":2}"#).expect("a body");
            assert_eq!(String::from_utf8_lossy(&got), want);
            let read: serde_json::Value = serde_json::from_slice(&got).expect("JSON");
            assert_eq!(read["logit_bias"]["5"], 2);
        }
        for (body, bias) in [
            ("{}", Bias::Fixed),
            ("{}", Bias::Own),
            ("[1]", Bias::Absent),
            ("{", Bias::Empty),
            ("", Bias::Absent),
        ] {
            assert_eq!(with_bias(body.as_bytes(), bias, "{}"), None);
        }
    }
}
