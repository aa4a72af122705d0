//! Blocks of one answer, which readers append to each other: what a model splits over two of them is read alone and joined.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::*;
use super::sample::{STREAMS, answering, pieces, run};

/// What both rules and readers know, and pieces around it.
const PIECES: &[&str] =
    &["glass orchard", "glass", " orch", "ard", " ", "jo@corp.example", "jo@", "corp", ".example", "b"];

/// How an API writes the blocks of an answer: the stream of one, and all of them whole.
struct Blocks {
    wire: usize,
    begin: fn(u64) -> Vec<Value>,
    piece: fn(u64, &str) -> Value,
    end: fn(u64, &str) -> Vec<Value>,
    /// Where a piece's event has its text.
    place: &'static str,
    index: &'static str,
    whole: fn(&[String]) -> Value,
    text: &'static str,
    /// What may come between two blocks.
    between: fn(u64) -> Vec<Value>,
    last: &'static str,
}

const ANTHROPIC: Blocks = Blocks {
    wire: 0,
    begin: |n| {
        vec![
            json!({"type": "content_block_start", "index": n, "content_block": {"type": "text", "text": ""}}),
        ]
    },
    piece: |n, text| json!({"type": "content_block_delta", "index": n, "delta": {"type": "text_delta", "text": text}}),
    end: |n, _| vec![json!({"type": "content_block_stop", "index": n})],
    place: "/delta/text",
    index: "/index",
    whole: |texts| {
        let blocks = texts.iter().map(|text| json!({"type": "text", "text": text}));
        json!({"type": "message", "role": "assistant", "content": blocks.collect::<Vec<_>>(), "stop_reason": "end_turn"})
    },
    text: "/content/N/text",
    between: |n| {
        let call = json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}});
        vec![
            json!({"type": "content_block_start", "index": n, "content_block": call}),
            json!({"type": "content_block_delta", "index": n, "delta": {"type": "input_json_delta", "partial_json": "{}"}}),
            json!({"type": "content_block_stop", "index": n}),
        ]
    },
    last: r#"{"type":"message_stop"}"#,
};

const PARTS: Blocks = Blocks {
    wire: 1,
    begin: |n| {
        let part = json!({"type": "output_text", "text": "", "annotations": []});
        vec![
            json!({"type": "response.content_part.added", "output_index": 0, "content_index": n, "part": part}),
        ]
    },
    piece: |n, text| json!({"type": "response.output_text.delta", "output_index": 0, "content_index": n, "delta": text}),
    end: |n, text| {
        let part = json!({"type": "output_text", "text": text, "annotations": []});
        vec![
            json!({"type": "response.output_text.done", "output_index": 0, "content_index": n, "text": text}),
            json!({"type": "response.content_part.done", "output_index": 0, "content_index": n, "part": part}),
        ]
    },
    place: "/delta",
    index: "/content_index",
    whole: |texts| {
        let parts = texts.iter().map(|text| json!({"type": "output_text", "text": text, "annotations": []}));
        json!({"object": "response", "output": [{"type": "message", "content": parts.collect::<Vec<_>>()}]})
    },
    text: "/output/0/content/N/text",
    between: |_| Vec::new(),
    last: r#"{"type":"response.completed","response":{}}"#,
};

const ITEMS: Blocks = Blocks {
    begin: |n| {
        let item = json!({"type": "message", "content": []});
        vec![json!({"type": "response.output_item.added", "output_index": n, "item": item})]
    },
    piece: |n, text| json!({"type": "response.output_text.delta", "output_index": n, "content_index": 0, "delta": text}),
    end: |n, text| {
        let part = json!({"type": "output_text", "text": text, "annotations": []});
        let item = json!({"type": "message", "content": [part]});
        vec![
            json!({"type": "response.output_text.done", "output_index": n, "content_index": 0, "text": text}),
            json!({"type": "response.output_item.done", "output_index": n, "item": item}),
        ]
    },
    index: "/output_index",
    whole: |texts| {
        let part = |text: &String| json!({"type": "output_text", "text": text});
        let items = texts.iter().map(|text| json!({"type": "message", "content": [part(text)]}));
        json!({"object": "response", "output": items.collect::<Vec<_>>()})
    },
    text: "/output/N/content/0/text",
    between: |n| {
        let item = json!({"type": "web_search_call", "id": "w", "status": "in_progress"});
        vec![
            json!({"type": "response.output_item.added", "output_index": n, "item": item}),
            json!({"type": "response.output_item.done", "output_index": n, "item": item}),
        ]
    },
    ..PARTS
};

const ALL: [&Blocks; 3] = [&ANTHROPIC, &PARTS, &ITEMS];

impl Blocks {
    /// The events of an answer that says these texts, cut in pieces; in each gap something else may stand.
    fn events(&self, texts: &[String], length: usize, gaps: bool) -> (Vec<String>, Vec<u64>) {
        let (mut out, mut indices, mut n) = (Vec::new(), Vec::new(), 0);
        for text in texts {
            out.extend((self.begin)(n));
            out.extend(pieces(text, length).iter().map(|piece| (self.piece)(n, piece)));
            out.extend((self.end)(n, text));
            indices.push(n);
            n += 1;
            if gaps {
                out.extend((self.between)(n));
                n += 1;
            }
        }
        let mut last = self.last.to_owned();
        if self.wire == 1 {
            last = json!({"type": "response.completed", "response": (self.whole)(texts)}).to_string();
        }
        let last = std::iter::once(last);
        (out.iter().map(Value::to_string).chain(last).collect(), indices)
    }

    /// What a client reads of each block in what it was sent.
    fn read(&self, sent: &[String], indices: &[u64]) -> Vec<String> {
        let all = sent.concat();
        let events: Vec<Value> =
            all.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect();
        let of = |index: u64| {
            let pieces = events.iter().filter(|event| event.pointer(self.index) == Some(&json!(index)));
            pieces.filter_map(|event| event.pointer(self.place)?.as_str()).collect()
        };
        let said: Vec<String> = indices.iter().map(|&index| of(index)).collect();
        // What repeats it says the same.
        for event in &events {
            let kind = event["type"].as_str().unwrap_or_default();
            if kind == "response.completed" {
                let texts = (0..said.len()).map(|n| self.text.replace('N', &n.to_string()));
                let texts = texts.map(|place| event["response"].pointer(&place).and_then(Value::as_str));
                assert_eq!(texts.map(Option::unwrap_or_default).collect::<Vec<_>>(), said, "{event}");
            } else if kind.ends_with(".done") {
                let at = indices.iter().position(|n| event.pointer(self.index) == Some(&json!(n)));
                let text =
                    ["/text", "/part/text", "/item/content/0/text"].iter().find_map(|at| event.pointer(at));
                if let (Some(at), Some(text)) = (at, text) {
                    assert_eq!(text.as_str(), said.get(at).map(String::as_str), "{event}");
                }
            }
        }
        said
    }

    fn read_whole(&self, texts: &[String]) -> Vec<String> {
        let (path, request, ..) = STREAMS[self.wire];
        let request = if request.contains("max_tokens") {
            r#"{"model":"m","max_tokens":1,"messages":[]}"#
        } else {
            r#"{"model":"m","input":"x"}"#
        };
        let mut answering = answering(path, request, "application/json");
        let mut out = Vec::new();
        let body = (self.whole)(texts).to_string();
        assert_eq!(answering.feed(body.as_bytes(), &mut out), Flow::More, "{body}");
        assert_eq!(answering.finish(Ended::Complete, &mut out), Flow::More, "{body}");
        let body: Value = serde_json::from_slice(&out.concat()).unwrap_or_else(|e| panic!("{e}"));
        let at = |n: usize| body.pointer(&self.text.replace('N', &n.to_string())).cloned();
        (0..texts.len())
            .map(|n| at(n).and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default())
            .collect()
    }
}

fn secret(text: &str) -> bool {
    text.contains("glass orchard") || text.contains("jo@corp.example")
}

proptest! {
    #![proptest_config(crate::text::cases::cases(192))]

    /// Promises 1 and 2: nothing of a match leaves, in one block or over several, as a stream and whole, and both say the same; what holds
    /// no match comes out as it went in, and the last event leaves nothing behind.
    #[test]
    fn what_is_split_over_blocks_never_arrives(
        n in 0..ALL.len(),
        texts in proptest::collection::vec(proptest::collection::vec(proptest::sample::select(PIECES), 0..5), 1..4),
        length in 1usize..9,
        gaps in any::<bool>(),
    ) {
        let blocks = ALL[n];
        let texts: Vec<String> = texts.iter().map(|pieces| pieces.concat()).collect();
        let (events, indices) = blocks.events(&texts, length, gaps);
        let (path, request, media, _) = STREAMS[blocks.wire];
        let mut answering = answering(path, request, media);
        let sent = run(&mut answering, &events);
        prop_assert_eq!(sent.last().map(String::as_str), Some(""));
        let streamed = blocks.read(&sent, &indices);
        prop_assert!(!secret(&streamed.concat()), "{:?}", streamed);
        prop_assert_eq!(&streamed, &blocks.read_whole(&texts));
        if streamed == texts {
            let all: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
            prop_assert_eq!(sent.concat(), all);
        }
    }
}

/// One marker stands for what is split, in the block in which it begins.
#[test]
fn a_split_match_has_one_marker() {
    for blocks in ALL {
        for gaps in [false, true] {
            let texts = ["to jo@co", "rp.exam", "ple, a gla", "ss orchard."].map(str::to_owned);
            let (events, indices) = blocks.events(&texts, 3, gaps);
            let (path, request, media, _) = STREAMS[blocks.wire];
            let sent = run(&mut answering(path, request, media), &events);
            assert_eq!(blocks.read(&sent, &indices), ["to [MAIL]", "", ", a [PHRASE]", "."], "{path}");
            assert_eq!(blocks.read_whole(&texts), ["to [MAIL]", "", ", a [PHRASE]", "."], "{path}");
        }
    }
}

/// What blocks is found over two of them, before the second leaves.
#[test]
fn a_split_match_blocks() {
    for blocks in ALL {
        let (events, _) = blocks.events(&["a quince".to_owned(), " jam".to_owned()], 4, false);
        let (path, request, media, _) = STREAMS[blocks.wire];
        let mut answering = answering(path, request, media);
        let mut out = Vec::new();
        let cut = events
            .iter()
            .any(|event| answering.feed(format!("data: {event}\n\n").as_bytes(), &mut out) != Flow::More);
        let sent = String::from_utf8(out.concat()).unwrap_or_default();
        assert!(cut && !sent.contains("jam") && !sent.contains("quin"), "{path}: {sent}");
    }
}

/// What the gateway itself says at the end of what it cuts repeats no more than the client got.
#[test]
fn a_cut_repeats_nothing_of_a_split_match() {
    for blocks in ALL {
        let (events, _) =
            blocks.events(&["to jo@co", "rp.example. Then", " a quince jam."].map(str::to_owned), 4, false);
        let (path, request, media, _) = STREAMS[blocks.wire];
        let mut answering = answering(path, request, media);
        let mut out = Vec::new();
        let cut = events
            .iter()
            .any(|event| answering.feed(format!("data: {event}\n\n").as_bytes(), &mut out) != Flow::More);
        let sent = String::from_utf8(out.concat()).unwrap_or_default();
        assert!(
            cut && !sent.contains("jo@co") && !sent.contains("rp.exa") && !sent.contains("jam"),
            "{sent}"
        );
    }
}

/// A stream that says each block at once, without deltas, is read alike.
#[test]
fn blocks_without_deltas_are_joined() {
    let texts = ["to jo@co", "rp.example, a gla", "ss orchard."].map(str::to_owned);
    for blocks in [&PARTS, &ITEMS] {
        let (path, request, media, _) = STREAMS[blocks.wire];
        let (events, _) = blocks.events(&texts, 3, false);
        let events: Vec<String> = events.into_iter().filter(|event| !event.contains(".delta")).collect();
        let sent = run(&mut answering(path, request, media), &events).concat();
        assert!(!sent.contains("jo@") && !sent.contains("gla") && !sent.contains("orchard"), "{sent}");
        let last = vec![events.last().cloned().unwrap_or_default()];
        let sent = run(&mut answering(path, request, media), &last).concat();
        assert!(!sent.contains("jo@") && !sent.contains("gla") && !sent.contains("orchard"), "{sent}");
    }
}

/// The first words of a message and the deltas of its block are one text.
#[test]
fn a_messages_first_words_and_its_deltas_are_one_text() {
    let start = |text: &str| json!({"type": "message_start", "message": {"content": [{"type": "text", "text": text}]}});
    let (path, request, media, _) = STREAMS[0];
    let events = [start("a gla").to_string(), (ANTHROPIC.piece)(0, "ss orchard.").to_string()];
    let sent = run(&mut answering(path, request, media), &events).concat();
    assert!(sent.contains("a [PHRASE]") && !sent.contains("gla") && !sent.contains("orchard"), "{sent}");
}

/// Blocks that take turns are texts of their own.
#[test]
fn blocks_that_take_turns_are_read_alone() {
    for blocks in [&PARTS, &ITEMS] {
        let say = |n, text: &str| (blocks.piece)(n, text).to_string();
        let events = [say(0, "a glass"), say(1, "to jo@corp"), say(0, " orchard. "), say(1, ".example. ")];
        let (path, request, media, _) = STREAMS[blocks.wire];
        let sent = run(&mut answering(path, request, media), &events);
        assert_eq!(blocks.read(&sent, &[0, 1]), ["a [PHRASE]. ", "to [MAIL]. "], "{path}");
    }
}
