//! What is put together for prints is what clients read, in every dialect.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::*;
use super::marks::{WIRES, Wire, pieces, policy, stream_of};
use crate::audit::Receipt;
use crate::dialect::route;

fn delivered(wire: &Wire, prints: bool, media: &str, bytes: &[u8], piece: usize) -> Option<Delivered> {
    let (mut path, mut request) = (wire.path.to_owned(), wire.request.to_owned());
    if media == "application/json" {
        path = path.replace(":streamGenerateContent", ":generateContent");
        request = request.replace("\"stream\":true", "\"stream\":false");
        if wire.name == "ollama" {
            request = request.replacen('{', "{\"stream\":false,", 1);
        }
    }
    let matched = route("POST", &path, wire.name == "anthropic").unwrap_or_else(|_| panic!("{}", wire.name));
    let terms = Terms { prints, ..Terms::new(policy(), ExchangeLimits::default()) };
    let judged = Received::new(matched, terms).judge(None, true, request.clone().into());
    let mut answering = judged.unwrap_or_else(|e| panic!("{}: {e}", wire.name)).admit(Receipt::forged());
    answering.head(200, Some(media)).unwrap_or_else(|e| panic!("{}: {e}", wire.name));
    let mut out = Vec::new();
    for part in bytes.chunks(piece.max(1)) {
        answering.feed(part, &mut out);
    }
    answering.finish(Ended::Complete, &mut out);
    let delivered = answering.delivered();
    assert!(delivered.as_ref().is_none_or(|delivered| delivered.asked.0 == request), "{}", wire.name);
    delivered
}

fn text(delivered: Option<Delivered>) -> String {
    delivered.expect("prints are kept").texts.into_iter().map(|text| text.0).collect()
}

proptest! {
    #![proptest_config(crate::text::cases::cases(32))]

    /// The text as it left, after redaction, however the stream was cut and also where it came whole; nothing where nobody wants it.
    #[test]
    fn what_is_delivered_is_put_together(pieces in pieces(), piece in 1usize..400) {
        let plain: String = pieces.concat().replace("geheim", "[GONE]");
        for wire in &WIRES {
            let bytes = stream_of(wire, &pieces);
            prop_assert_eq!(text(delivered(wire, true, wire.media, &bytes, piece)), plain.clone(), "{}", wire.name);
            let whole = (wire.whole)(&pieces.concat()).to_string();
            let got = delivered(wire, true, "application/json", whole.as_bytes(), piece);
            prop_assert_eq!(text(got), plain.clone(), "{} whole", wire.name);
            prop_assert_eq!(delivered(wire, false, wire.media, &bytes, piece), None);
        }
    }
}

/// What a model thinks, what it calls, and what a stream says once more is not what it delivered; of two choices both are.
#[test]
fn only_what_is_said_counts_and_once() {
    let chat = &WIRES[0];
    let events = [
        json!({"id": "c", "choices": [{"index": 0, "delta": {"reasoning_content": "thoughts"}}]}),
        json!({"id": "c", "choices": [{"index": 0, "delta": {"content": "one "}}, {"index": 1, "delta": {"content": "two "}}]}),
        json!({"id": "c", "choices": [{"index": 0, "delta": {"content": "three"}}]}),
        json!({"id": "c", "choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "t", "type": "function", "function": {"name": "f", "arguments": "{\"a\":\"argument\"}"}}]}}]}),
    ];
    let bytes = events.iter().map(|event| (chat.frame)(event)).collect::<String>() + chat.end;
    let got = delivered(chat, true, chat.media, bytes.as_bytes(), 50).expect("prints are kept");
    let texts: Vec<&str> = got.texts.iter().map(|text| text.0.as_str()).collect();
    assert_eq!(texts, ["one three", "two "]);

    let responses = &WIRES[2];
    let item = json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hello there"}]});
    let events: Vec<Value> = vec![
        json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "hello "}),
        json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "there"}),
        json!({"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "hello there"}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
        json!({"type": "response.completed", "response": {"id": "r", "status": "completed", "output": [item]}}),
    ];
    let bytes: String = events.iter().map(|event| (responses.frame)(event)).collect();
    assert_eq!(text(delivered(responses, true, responses.media, bytes.as_bytes(), 50)), "hello there");
}
