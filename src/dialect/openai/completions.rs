//! OpenAI's legacy completions, which most local servers still speak.

use std::sync::LazyLock;

use super::super::field::{
    Field, delta, id, logprob_tokens, logprob_tree, logprobs, opaque, other, scalar, text, tokens, tree, word,
};
use super::super::shape::Shape;
use super::super::{Ask, ExchangeError, Memo, Operation, Reply, Spot, quoted};
use super::{FRAMING, cut_choices, data_of};

pub(super) const OPERATION: Operation = Operation {
    name: "completions",
    method: "POST",
    path: "/v1/completions",
    request: || &REQUEST,
    answer: || &ANSWER,
    event: |_, _| &EVENT,
    framing: FRAMING,
    binary_answer: false,
};

static REQUEST: LazyLock<Shape> = LazyLock::new(|| Shape::new(&[REQUEST_FIELDS]));
static ANSWER: LazyLock<Shape> = LazyLock::new(|| Shape::new(&[&[text("choices[].text")], COMMON_FIELDS]));
static EVENT: LazyLock<Shape> =
    LazyLock::new(|| Shape::new(&[&[delta("choices[]{index}.text")], COMMON_FIELDS]));

const REQUEST_FIELDS: &[Field] = &[
    id("model"),
    text("prompt"),
    text("prompt[]"),
    tokens("prompt[][]"),
    tokens("prompt_token_ids[]"),
    text("suffix"),
    other("stop"),
    other("stop[]"),
    other("user"),
    tree("logit_bias"),
    scalar("best_of"),
    scalar("echo"),
    scalar("frequency_penalty"),
    scalar("logprobs"),
    scalar("max_tokens"),
    scalar("n"),
    scalar("presence_penalty"),
    opaque("seed", "a random number"),
    scalar("stream"),
    scalar("stream_options.include_usage"),
    scalar("stream_options.include_obfuscation"),
    scalar("temperature"),
    scalar("top_p"),
];

const COMMON_FIELDS: &[Field] = &[
    // vLLM, SGLang, llama.cpp.
    tokens("prompt_token_ids[]"),
    tokens("choices[].prompt_token_ids[]"),
    tokens("choices[].token_ids[]"),
    tokens("tokens[]"),
    scalar("usage.completion_tokens_details.text_tokens"),
    scalar("usage.prompt_tokens_details.image_tokens"),
    scalar("usage.prompt_tokens_details.text_tokens"),
    id("id"),
    word("object"),
    id("model"),
    scalar("created"),
    id("system_fingerprint"),
    word("choices[].finish_reason"),
    scalar("choices[].index"),
    logprobs("choices[]{index}.logprobs"),
    logprob_tokens("choices[]{index}.logprobs.tokens[]"),
    logprob_tree("choices[].logprobs.top_logprobs[]"),
    // llama.cpp and others give them as chat completions do.
    logprob_tokens("choices[]{index}.logprobs.content[].token"),
    logprob_tokens("choices[]{index}.logprobs.content[].top_logprobs[#].token"),
    scalar("choices[].logprobs.content[].logprob"),
    scalar("choices[].logprobs.content[].bytes"),
    scalar("choices[].logprobs.content[].top_logprobs[].logprob"),
    scalar("choices[].logprobs.content[].top_logprobs[].bytes"),
    scalar("choices[].logprobs.token_logprobs[]"),
    scalar("choices[].logprobs.text_offset[]"),
    scalar("usage.prompt_tokens"),
    scalar("usage.completion_tokens"),
    scalar("usage.total_tokens"),
    scalar("usage.prompt_tokens_details.cached_tokens"),
    scalar("usage.prompt_tokens_details.audio_tokens"),
    scalar("usage.prompt_tokens_details.cache_write_tokens"),
    scalar("usage.completion_tokens_details.reasoning_tokens"),
    scalar("usage.completion_tokens_details.audio_tokens"),
    scalar("usage.completion_tokens_details.accepted_prediction_tokens"),
    scalar("usage.completion_tokens_details.rejected_prediction_tokens"),
    other("error.message"),
    id("error.type"),
    id("error.code"),
    other("error.param"),
];

/// An answer that refuses.
pub(super) fn refusal(ask: &Ask, error: &ExchangeError) -> Reply {
    let (model, text) = (quoted(&ask.model), quoted(&error.message));
    let finish = quoted(error.finish("stop", "content_filter"));
    if ask.stream {
        let mut body = String::new();
        for index in 0..ask.choices {
            body.push_str(&frame("", &model, 0, u64::from(index), &text, &finish, Some(error)));
        }
        body.push_str("data: [DONE]\n\n");
        return Reply { status: 200, content_type: "text/event-stream", body: body.into_bytes() };
    }
    let choices: Vec<String> = (0..ask.choices)
        .map(|i| format!(r#"{{"index":{i},"text":{text},"logprobs":null,"finish_reason":{finish}}}"#))
        .collect();
    let body = format!(
        r#"{{"id":"cmpl-sluicegate","object":"text_completion","created":0,"model":{model},"choices":[{}],"usage":{{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}{}}}"#,
        choices.join(","),
        error.member(),
    );
    Reply { status: 200, content_type: "application/json", body: body.into_bytes() }
}

/// The frames that end a running stream.
pub(super) fn cut(ask: &Ask, memo: &Memo, error: &ExchangeError) -> Vec<u8> {
    cut_choices(ask, memo, |model, index, _| {
        frame(&memo.id, model, memo.created, index, r#""""#, r#""content_filter""#, Some(error))
    })
}

/// An event that goes on in a choice's text.
pub(super) fn more(ask: &Ask, memo: &Memo, spot: &Spot, words: &str) -> String {
    let model = quoted(if memo.model.is_empty() { &ask.model } else { &memo.model });
    data_of(&frame(&memo.id, &model, memo.created, spot.text, &quoted(words), "null", None))
}

fn frame(
    id: &str,
    model: &str,
    created: u64,
    index: u64,
    text: &str,
    finish: &str,
    why: Option<&ExchangeError>,
) -> String {
    let id = quoted(if id.is_empty() { "cmpl-sluicegate" } else { id });
    let why = why.map(|error| format!(",{}", error.reason())).unwrap_or_default();
    format!(
        "data: {{\"id\":{id},\"object\":\"text_completion\",\"created\":{created},\"model\":{model},\"choices\":[{{\"index\":{index},\"text\":{text},\"logprobs\":null,\"finish_reason\":{finish}}}]{why}}}\n\n"
    )
}
