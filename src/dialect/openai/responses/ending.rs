//! How an answer of the responses API ends where the gateway ends it.

use super::super::super::{Ask, ExchangeError, Memo, Reply, Why, quoted};
use super::super::error_object;

fn response(
    id: &str,
    model: &str,
    created: u64,
    status: &str,
    details: &str,
    error: &str,
    output: &str,
) -> String {
    let id = quoted(if id.is_empty() { "resp_sluicegate" } else { id });
    format!(
        r#"{{"id":{id},"object":"response","created_at":{created},"status":"{status}","error":{error},"incomplete_details":{details},"instructions":null,"metadata":{{}},"model":{},"output":[{output}],"parallel_tool_calls":true,"temperature":null,"tool_choice":"auto","tools":[],"top_p":null,"usage":null}}"#,
        quoted(model)
    )
}

fn typed(kind: &str, sequence: u64, rest: &str) -> String {
    format!("event: {kind}\ndata: {{\"type\":\"{kind}\",\"sequence_number\":{sequence},{rest}}}\n\n")
}

/// An answer that refuses.
pub(in crate::dialect::openai) fn refusal(ask: &Ask, error: &ExchangeError) -> Reply {
    let message = &error.message;
    // What is no refusal is text.
    let (kind, field, more) = if error.kind.is_answer() {
        ("output_text", "text", r#","annotations":[]"#)
    } else {
        ("refusal", "refusal", "")
    };
    let part = |said: &str| format!(r#"{{"type":"{kind}","{field}":{}{more}}}"#, quoted(said));
    let part = (part(""), part(message));
    let item = |status: &str, content: &str| {
        format!(
            r#"{{"id":"msg_sluicegate","type":"message","status":"{status}","role":"assistant","content":[{content}]}}"#
        )
    };
    let whole = |status: &str, output: &str| response("", &ask.model, 0, status, "null", "null", output);
    if !ask.stream {
        let mut body = whole("completed", &item("completed", &part.1));
        // Into the object, before its last brace.
        body.truncate(body.len() - 1);
        body.push_str(&error.member());
        body.push('}');
        return Reply { status: 200, content_type: "application/json", body: body.into_bytes() };
    }
    let at = r#""item_id":"msg_sluicegate","output_index":0,"content_index":0"#;
    let body = [
        typed("response.created", 0, &format!(r#""response":{}"#, whole("in_progress", ""))),
        typed(
            "response.output_item.added",
            1,
            &format!(r#""output_index":0,"item":{}"#, item("in_progress", "")),
        ),
        typed("response.content_part.added", 2, &format!(r#"{at},"part":{}"#, part.0)),
        typed(&format!("response.{kind}.delta"), 3, &format!(r#"{at},"delta":{}"#, quoted(message))),
        typed(&format!("response.{kind}.done"), 4, &format!(r#"{at},"{field}":{}"#, quoted(message))),
        typed("response.content_part.done", 5, &format!(r#"{at},"part":{}"#, part.1)),
        typed(
            "response.output_item.done",
            6,
            &format!(r#""output_index":0,"item":{}"#, item("completed", &part.1)),
        ),
        typed(
            "response.completed",
            7,
            &format!(r#""response":{}{}"#, whole("completed", &item("completed", &part.1)), error.member()),
        ),
    ];
    Reply { status: 200, content_type: "text/event-stream", body: body.concat().into_bytes() }
}

/// The frames that end a running stream.
pub(in crate::dialect::openai) fn cut(ask: &Ask, memo: &Memo, why: Why<'_>) -> Vec<u8> {
    let model = if memo.model.is_empty() { &ask.model } else { &memo.model };
    let next = memo.sequence + 1;
    match why {
        Why::Policy(error) => {
            let details = r#"{"reason":"content_filter"}"#;
            let output = memo.said.items();
            let whole = response(&memo.id, model, memo.created, "incomplete", details, "null", &output);
            typed("response.incomplete", next, &format!(r#""response":{whole},{}"#, error.reason()))
                .into_bytes()
        }
        Why::Failure(error) if !memo.id.is_empty() => {
            let inner = format!(r#"{{"code":"server_error","message":{}}}"#, quoted(&error.message));
            let output = memo.said.items();
            let whole = response(&memo.id, model, memo.created, "failed", "null", &inner, &output);
            typed("response.failed", next, &format!(r#""response":{whole}"#)).into_bytes()
        }
        Why::Failure(error) => format!("event: error\ndata: {}\n\n", error_object(error)).into_bytes(),
    }
}
