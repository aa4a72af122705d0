//! OpenAI chat completions, as the official SDKs 2 and 3 and compatible servers speak them.

use std::sync::LazyLock;

use super::super::field::{
    Field, arguments, arguments_delta, below, delta, id, logprob_tokens, logprobs, opaque, other, parts,
    reasoning, reasoning_delta, reasoning_parts, scalar, text, tokens, tool, tool_delta, tool_parts,
    tool_tree, tree, unscanned, word,
};
use super::super::shape::Shape;
use super::super::{Ask, ExchangeError, Memo, Operation, Reply, Spot, quoted};
use super::{FRAMING, MEDIA_FIELDS, SEALED_FIELDS, cut_choices, data_of};
use crate::text::json::Tape;

pub(super) const OPERATION: Operation = Operation {
    name: "chat.completions",
    method: "POST",
    path: "/v1/chat/completions",
    request: || &REQUEST,
    answer: || &ANSWER,
    event: |_, _| &EVENT,
    framing: FRAMING,
    binary_answer: false,
};

static REQUEST: LazyLock<Shape> = LazyLock::new(|| {
    Shape::new(&[
        &below(&["messages[].content[]", "messages[].content", "messages[].images[]"], MEDIA_FIELDS),
        &below(&["messages[]"], SEALED_FIELDS),
        REQUEST_FIELDS,
        &below(&["messages[#]"], THOUGHTS),
    ])
});
static ANSWER: LazyLock<Shape> = LazyLock::new(|| {
    Shape::new(&[
        &below(&["choices[].message.content[]", "choices[].message.images[]"], MEDIA_FIELDS),
        &below(&["choices[].message"], SEALED_FIELDS),
        ANSWER_FIELDS,
        COMMON_ANSWER_FIELDS,
        &below(&["choices[]{index}.message"], THOUGHTS),
    ])
});
static EVENT: LazyLock<Shape> = LazyLock::new(|| {
    Shape::new(&[
        &below(&["choices[].delta.content[]", "choices[].delta.images[]"], MEDIA_FIELDS),
        &below(&["choices[].delta"], SEALED_FIELDS),
        &below(&["choices[].delta"], THOUGHTS),
        // In place of the rows above: here they come in pieces.
        EVENT_FIELDS,
        COMMON_ANSWER_FIELDS,
    ])
    .joined("choices[]{index}.delta.content", "choices[]{index}.delta.content[].text")
});

/// Reasoning as compatible servers give it: OpenRouter's details, Copilot's text. What is not text of it goes back to the server unread.
const THOUGHTS: &[Field] = &[
    reasoning("reasoning_text"),
    reasoning_parts("reasoning_details[].text"),
    reasoning_parts("reasoning_details[].summary"),
    word("reasoning_details[].type"),
    word("reasoning_details[].format"),
    id("reasoning_details[].id"),
    scalar("reasoning_details[].index"),
];

const REQUEST_FIELDS: &[Field] = &[
    tokens("prompt_token_ids[]"),
    tree("access_programs"),
    id("audio.voice.id"),
    tree("background_options"),
    tree("image"),
    parts("messages[].content[]"),
    tree("messages[].content[].prompt_cache_breakpoint"),
    tree("moderation"),
    tree("prediction.content[].prompt_cache_breakpoint"),
    tree("prompt_cache_options"),
    id("model"),
    word("messages[].role"),
    text("messages[].content"),
    parts("messages[#].content[].text"),
    parts("messages[#].content[].refusal"),
    word("messages[].content[].type"),
    unscanned("messages[].images[]", "image"),
    other("messages[].content[].file.filename"),
    other("messages[].name"),
    text("messages[].refusal"),
    reasoning("messages[].reasoning_content"),
    reasoning("messages[].reasoning"),
    unscanned("messages[].audio.id", "audio"),
    id("messages[].tool_call_id"),
    id("messages[].tool_calls[].id"),
    word("messages[].tool_calls[].type"),
    tool("messages[].tool_calls[].function.name"),
    arguments("messages[].tool_calls[].function.arguments"),
    tool("messages[].tool_calls[].custom.name"),
    tool("messages[].tool_calls[].custom.input"),
    tool("messages[].function_call.name"),
    arguments("messages[].function_call.arguments"),
    word("tools[].type"),
    tool("tools[].function.name"),
    tool("tools[].function.description"),
    tool_tree("tools[].function.parameters"),
    scalar("tools[].function.strict"),
    tool("tools[].custom.name"),
    tool("tools[].custom.description"),
    tool_tree("tools[].custom.format"),
    tool("functions[].name"),
    tool("functions[].description"),
    tool_tree("functions[].parameters"),
    word("tool_choice"),
    tool_tree("tool_choice"),
    tool_tree("function_call"),
    word("response_format.type"),
    other("response_format.json_schema.name"),
    other("response_format.json_schema.description"),
    tree("response_format.json_schema.schema"),
    scalar("response_format.json_schema.strict"),
    word("prediction.type"),
    text("prediction.content"),
    tool_parts("prediction.content[].text"),
    word("prediction.content[].type"),
    tree("metadata"),
    other("stop"),
    other("stop[]"),
    other("user"),
    other("safety_identifier"),
    other("prompt_cache_key"),
    word("prompt_cache_retention"),
    word("modalities[]"),
    word("audio.format"),
    id("audio.voice"),
    word("reasoning_effort"),
    word("service_tier"),
    word("verbosity"),
    word("web_search_options.search_context_size"),
    tree("web_search_options.user_location"),
    tree("logit_bias"),
    scalar("temperature"),
    scalar("top_p"),
    scalar("n"),
    scalar("stream"),
    scalar("stream_options.include_usage"),
    scalar("stream_options.include_obfuscation"),
    scalar("max_tokens"),
    scalar("max_completion_tokens"),
    scalar("presence_penalty"),
    scalar("frequency_penalty"),
    scalar("logprobs"),
    scalar("top_logprobs"),
    opaque("seed", "a random number"),
    scalar("store"),
    scalar("parallel_tool_calls"),
];

const COMMON_ANSWER_FIELDS: &[Field] = &[
    // What compatible servers add, each whole in its event: Azure, OpenRouter, vLLM, SGLang, llama.cpp, Groq, Perplexity.
    tokens("prompt_token_ids[]"),
    tokens("choices[].prompt_token_ids[]"),
    tokens("choices[].token_ids[]"),
    tokens("tokens[]"),
    tree("choices[].content_filter_results"),
    tree("prompt_filter_results[]"),
    id("provider"),
    word("choices[].native_finish_reason"),
    tree("choices[].stop_reason"),
    tree("choices[].matched_stop"),
    tree("timings"),
    tree("x_groq"),
    tree("citations[]"),
    tree("search_results[]"),
    tree("usage"),
    tree("moderation"),
    tree("metadata"),
    scalar("usage.completion_tokens_details.text_tokens"),
    scalar("usage.prompt_tokens_details.cache_write_tokens"),
    scalar("usage.prompt_tokens_details.image_tokens"),
    scalar("usage.prompt_tokens_details.text_tokens"),
    id("id"),
    word("object"),
    id("model"),
    scalar("created"),
    id("system_fingerprint"),
    word("service_tier"),
    scalar("usage.prompt_tokens"),
    scalar("usage.completion_tokens"),
    scalar("usage.total_tokens"),
    scalar("usage.prompt_tokens_details.cached_tokens"),
    scalar("usage.prompt_tokens_details.audio_tokens"),
    scalar("usage.completion_tokens_details.reasoning_tokens"),
    scalar("usage.completion_tokens_details.audio_tokens"),
    scalar("usage.completion_tokens_details.accepted_prediction_tokens"),
    scalar("usage.completion_tokens_details.rejected_prediction_tokens"),
    word("choices[].finish_reason"),
    scalar("choices[].index"),
    logprobs("choices[]{index}.logprobs"),
    logprob_tokens("choices[]{index}.logprobs.content[].token"),
    logprob_tokens("choices[]{index}.logprobs.content[].top_logprobs[#].token"),
    logprob_tokens("choices[]{index}.logprobs.refusal[].token"),
    logprob_tokens("choices[]{index}.logprobs.refusal[].top_logprobs[#].token"),
    scalar("choices[].logprobs.content[].logprob"),
    scalar("choices[].logprobs.content[].bytes"),
    scalar("choices[].logprobs.content[].top_logprobs[].logprob"),
    scalar("choices[].logprobs.content[].top_logprobs[].bytes"),
    scalar("choices[].logprobs.refusal[].logprob"),
    scalar("choices[].logprobs.refusal[].bytes"),
    scalar("choices[].logprobs.refusal[].top_logprobs[].logprob"),
    scalar("choices[].logprobs.refusal[].top_logprobs[].bytes"),
    other("error.message"),
    id("error.type"),
    id("error.code"),
    other("error.param"),
];

const ANSWER_FIELDS: &[Field] = &[
    word("choices[].message.role"),
    text("choices[].message.content"),
    parts("choices[#].message.content[].text"),
    word("choices[].message.content[].type"),
    text("choices[].message.refusal"),
    reasoning("choices[].message.reasoning_content"),
    reasoning("choices[].message.reasoning"),
    id("choices[].message.tool_calls[].id"),
    word("choices[].message.tool_calls[].type"),
    tool("choices[].message.tool_calls[].function.name"),
    arguments("choices[].message.tool_calls[].function.arguments"),
    tool("choices[].message.tool_calls[].custom.name"),
    tool("choices[].message.tool_calls[].custom.input"),
    tool("choices[].message.function_call.name"),
    arguments("choices[].message.function_call.arguments"),
    id("choices[].message.audio.id"),
    unscanned("choices[].message.audio.data", "audio"),
    unscanned("choices[].message.images[]", "image"),
    text("choices[].message.audio.transcript"),
    scalar("choices[].message.audio.expires_at"),
    word("choices[].message.annotations[].type"),
    other("choices[].message.annotations[].url_citation.title"),
    other("choices[].message.annotations[].url_citation.url"),
    scalar("choices[].message.annotations[].url_citation.start_index"),
    scalar("choices[].message.annotations[].url_citation.end_index"),
];

const EVENT_FIELDS: &[Field] = &[
    id("obfuscation"),
    word("choices[].delta.role"),
    delta("choices[]{index}.delta.content"),
    // In parts, which clients append to what came as a string.
    delta("choices[]{index}.delta.content[].text"),
    word("choices[].delta.content[].type"),
    scalar("choices[].delta.content[].index"),
    delta("choices[]{index}.delta.refusal"),
    reasoning_delta("choices[]{index}.delta.reasoning_content"),
    reasoning_delta("choices[]{index}.delta.reasoning"),
    reasoning_delta("choices[]{index}.delta.reasoning_text"),
    reasoning_delta("choices[]{index}.delta.reasoning_details[]{index}.text"),
    reasoning_delta("choices[]{index}.delta.reasoning_details[]{index}.summary"),
    scalar("choices[].delta.tool_calls[].index"),
    id("choices[].delta.tool_calls[].id"),
    word("choices[].delta.tool_calls[].type"),
    tool_delta("choices[]{index}.delta.tool_calls[]{index|#}.function.name"),
    arguments_delta("choices[]{index}.delta.tool_calls[]{index|#}.function.arguments"),
    tool_delta("choices[]{index}.delta.tool_calls[]{index|#}.custom.name"),
    tool_delta("choices[]{index}.delta.tool_calls[]{index|#}.custom.input"),
    tool_delta("choices[]{index}.delta.function_call.name"),
    arguments_delta("choices[]{index}.delta.function_call.arguments"),
    id("choices[].delta.audio.id"),
    unscanned("choices[].delta.audio.data", "audio"),
    unscanned("choices[].delta.images[]", "image"),
    delta("choices[]{index}.delta.audio.transcript"),
    scalar("choices[].delta.audio.expires_at"),
];

/// Remembers what an ending needs.
pub(super) fn observe(src: &[u8], tape: &Tape, memo: &mut Memo) {
    if memo.id.is_empty() {
        memo.id = tape.str_at(src, &["id"]).unwrap_or_default().into_owned();
        memo.model = tape.str_at(src, &["model"]).unwrap_or_default().into_owned();
        memo.created = tape.u64_at(src, &["created"]).unwrap_or(0);
    }
    let Some(choices) = tape.find(src, &["choices"]) else { return };
    for choice in tape.elements(choices) {
        let index = tape.get(src, choice, "index").and_then(|n| tape.u64_of(src, n)).unwrap_or(0);
        let finish = tape.get(src, choice, "finish_reason");
        memo.choice(index, finish.is_some_and(|at| super::choices::says_why(tape, at)));
    }
}

/// An answer that refuses.
pub(super) fn refusal(ask: &Ask, error: &ExchangeError) -> Reply {
    let (model, text) = (quoted(&ask.model), quoted(&error.message));
    let finish = quoted(error.finish("stop", "content_filter"));
    if ask.stream {
        let said = format!(r#"{{"role":"assistant","content":{text}}}"#);
        let mut body = String::new();
        for index in 0..u64::from(ask.choices) {
            body.push_str(&frame("", &model, 0, index, &said, "null", None));
        }
        for index in 0..u64::from(ask.choices) {
            body.push_str(&frame("", &model, 0, index, "{}", &finish, Some(error)));
        }
        body.push_str("data: [DONE]\n\n");
        return Reply { status: 200, content_type: "text/event-stream", body: body.into_bytes() };
    }
    let choices: Vec<String> = (0..ask.choices)
        .map(|i| {
            format!(
                r#"{{"index":{i},"message":{{"role":"assistant","content":{text},"refusal":null}},"logprobs":null,"finish_reason":{finish}}}"#
            )
        })
        .collect();
    let body = format!(
        r#"{{"id":"chatcmpl-sluicegate","object":"chat.completion","created":0,"model":{model},"choices":[{}],"usage":{{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}{}}}"#,
        choices.join(","),
        error.member(),
    );
    Reply { status: 200, content_type: "application/json", body: body.into_bytes() }
}

/// The frames that end a running stream.
pub(super) fn cut(ask: &Ask, memo: &Memo, error: &ExchangeError) -> Vec<u8> {
    cut_choices(ask, memo, |model, index, begun| {
        let delta = if begun { "{}" } else { r#"{"role":"assistant","content":""}"# };
        frame(&memo.id, model, memo.created, index, delta, r#""content_filter""#, Some(error))
    })
}

/// An event that goes on in a choice's text.
pub(super) fn more(ask: &Ask, memo: &Memo, spot: &Spot, words: &str) -> String {
    let model = quoted(if memo.model.is_empty() { &ask.model } else { &memo.model });
    let delta = format!(r#"{{"content":{}}}"#, quoted(words));
    let frame = frame(&memo.id, &model, memo.created, spot.text, &delta, "null", None);
    data_of(&frame)
}

fn frame(
    id: &str,
    model: &str,
    created: u64,
    index: u64,
    delta: &str,
    finish: &str,
    why: Option<&ExchangeError>,
) -> String {
    let id = quoted(if id.is_empty() { "chatcmpl-sluicegate" } else { id });
    let why = why.map(|error| format!(",{}", error.reason())).unwrap_or_default();
    format!(
        "data: {{\"id\":{id},\"object\":\"chat.completion.chunk\",\"created\":{created},\"model\":{model},\"choices\":[{{\"index\":{index},\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{finish}}}]{why}}}\n\n"
    )
}
