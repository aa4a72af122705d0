//! The rows of the responses API: requests, whole answers, events.

use super::super::super::field::{
    Field, TOKEN_LOGPROBS, arguments, arguments_delta, below, blocks, id, logprobs, near_parts, opaque,
    other, parts, reasoning, reasoning_delta, scalar, text, tool, tool_delta, tool_parts, tool_tree, tree,
    unscanned, word,
};

/// Where answers and events repeat parts of requests.
pub(super) const ANSWER_PARTS: &[&str] = &[
    "output[]",
    "output[].content[]",
    "output[].output[]",
    "output[].output",
    "instructions[].content[]",
    "instructions[].output[]",
    "instructions[].output",
    "prompt.variables.*",
    "data[].content[]",
    "data[].output[]",
    "data[].output",
];
pub(super) const EVENT_PARTS: &[&str] = &[
    "part",
    "item",
    "item.content[]",
    "item.output[]",
    "item.output",
    "response.output[]",
    "response.output[].content[]",
    "response.output[].output[]",
    "response.output[].output",
    "response.instructions[].content[]",
    "response.instructions[].output[]",
    "response.instructions[].output",
    "response.prompt.variables.*",
];
pub(super) const REQUEST_PARTS: &[&str] = &[
    "input[]",
    "input[].content[]",
    "input[].content",
    "input[].output[]",
    "input[].output",
    "prompt.variables.*",
    "tools[].input_image_mask",
];

/// What a part holds that is no text.
pub(super) const PART_FIELDS: &[Field] = &[
    unscanned("image_url", "image"),
    unscanned("image_url.url", "image"),
    unscanned("file_id", "file"),
    unscanned("file_url", "file"),
    unscanned("file_data", "file"),
    unscanned("input_audio.data", "audio"),
    word("input_audio.format"),
    unscanned("video_url", "video"),
    unscanned("video_url.url", "video"),
];

/// What a request says and its response repeats.
pub(super) const SETTINGS: &[Field] = &[
    tree("access_programs"),
    tree("image"),
    id("model"),
    text("instructions"),
    tree("instructions[]"),
    tool_tree("tools[]"),
    tool_tree("tool_choice"),
    tree("metadata"),
    tree("prompt"),
    tree("text"),
    tree("conversation"),
    tree("context_management[]"),
    tree("moderation"),
    tree("prompt_cache_options"),
    tree("reasoning"),
    word("truncation"),
    word("service_tier"),
    word("prompt_cache_retention"),
    id("previous_response_id"),
    other("user"),
    other("safety_identifier"),
    other("prompt_cache_key"),
    scalar("background"),
    scalar("frequency_penalty"),
    scalar("max_output_tokens"),
    scalar("max_tool_calls"),
    scalar("parallel_tool_calls"),
    scalar("presence_penalty"),
    scalar("store"),
    scalar("temperature"),
    scalar("top_logprobs"),
    scalar("top_p"),
];

pub(super) const REQUEST_FIELDS: &[Field] = &[
    tree("background_options"),
    text("input"),
    tree("input[]"),
    word("input[].type"),
    word("input[].role"),
    word("input[].status"),
    id("input[].id"),
    id("input[].call_id"),
    text("input[].content"),
    parts("input[#].content[].text"),
    parts("input[#].content[].refusal"),
    word("input[].content[].type"),
    word("input[].content[].detail"),
    other("input[].content[].filename"),
    arguments("input[].arguments"),
    tool("input[].name"),
    tool("input[].input"),
    tool_tree("input[].output"),
    unscanned("input[].result", "image"),
    unscanned("input[].outputs[].url", "image"),
    unscanned("tools[].container.file_ids[]", "file"),
    unscanned("tools[].environment.file_ids[]", "file"),
    unscanned("tools[].environment.skills[].source.data", "file"),
    opaque("input[].encrypted_content", "encrypted by the provider"),
    reasoning("input[].summary[].text"),
    word("input[].summary[].type"),
    word("text.format.type"),
    word("text.verbosity"),
    word("include[]"),
    scalar("stream"),
    scalar("stream_options.include_obfuscation"),
];

/// What a response says, as an answer and in events, beside its output. Each value whole.
pub(super) const RESPONSE_COMMON: &[Field] = &[
    id("id"),
    word("object"),
    word("status"),
    scalar("created_at"),
    scalar("completed_at"),
    text("output_text"),
    tree("billing"),
    tree("content_filters"),
    tree("error"),
    tree("incomplete_details"),
    word("incomplete_details.reason"),
    tree("input_transformations[]"),
    tree("prompt_cache_diagnostics"),
    tree("tool_usage"),
    tree("usage"),
];

/// A response, and the lists that its relatives answer with.
pub(super) const RESPONSE_FIELDS: &[Field] = &[
    scalar("deleted"),
    tree("output[]"),
    word("output[].type"),
    word("output[].status"),
    word("output[].role"),
    word("output[].phase"),
    id("output[].id"),
    id("output[].call_id"),
    blocks("output[].content[].text"),
    blocks("output[].content[].refusal"),
    word("output[].content[].type"),
    tree("output[].content[].annotations[]"),
    word("output[].content[].annotations[].type"),
    reasoning("output[].summary[].text"),
    word("output[].summary[].type"),
    arguments("output[].arguments"),
    tool("output[].name"),
    tool("output[].input"),
    unscanned("output[].result", "image"),
    unscanned("output[].outputs[].url", "image"),
    opaque("output[].encrypted_content", "encrypted by the provider"),
    tree("data[]"),
    logprobs("data[#].content[].logprobs"),
    unscanned("data[].result", "image"),
    unscanned("data[].outputs[].url", "image"),
    opaque("data[].encrypted_content", "encrypted by the provider"),
    id("first_id"),
    id("last_id"),
    scalar("has_more"),
];

pub(super) const STDOUT: &str = "{output_index,command_index}.delta.stdout";
pub(super) const STDERR: &str = "{output_index,command_index}.delta.stderr";

/// What an item or part may hold when it is added, and goes on in deltas. An item's position in its list is what the deltas call by an
/// index.
pub(super) const ITEM_FIELDS: &[Field] = &[
    blocks("{output_index,content_index}.part.refusal"),
    blocks("{output_index,content_index}.part.transcript"),
    blocks("{output_index}.item.content[content_index].refusal"),
    blocks("{output_index}.item.content[content_index].transcript"),
    reasoning_delta("{output_index}.item.summary[summary_index].text"),
    arguments_delta("{output_index}.item.arguments"),
    tool_delta("{output_index}.item.input"),
    tool_delta("{output_index}.item.code"),
    tool_delta("{output_index}.item.operation.diff"),
    tool_delta("{output_index}.item.action.commands[command_index]"),
    tool_delta("{output_index}.item.output[command_index].stdout"),
    tool_delta("{output_index}.item.output[command_index].stderr"),
    tool_delta("{output_index,command_index}.command"),
];

/// What events hold beside a `delta`. No tree stands over what nobody knows: a new field may come in pieces.
pub(super) const EVENT_FIELDS: &[Field] = &[
    other("annotation"),
    other("background"),
    tool("command"),
    scalar("command_index"),
    // Of what is printed by a command; a `delta` that is a string has its row in the tables above.
    tool_delta(STDOUT),
    tool_delta(STDERR),
    tool_parts("{output_index}.output[#].stdout"),
    tool_parts("{output_index}.output[#].stderr"),
    tree("output[].outcome"),
    id("output[].created_by"),
    word("output_format"),
    word("quality"),
    word("size"),
    word("status"),
    tree("moderation"),
    word("type"),
    scalar("sequence_number"),
    scalar("output_index"),
    scalar("content_index"),
    scalar("summary_index"),
    scalar("annotation_index"),
    scalar("partial_image_index"),
    id("item_id"),
    id("obfuscation"),
    unscanned("partial_image_b64", "image"),
    text("text"),
    text("refusal"),
    arguments("arguments"),
    tool("input"),
    tool("code"),
    tool("diff"),
    tool("name"),
    tool("result"),
    other("message"),
    other("param"),
    tree("error"),
];

/// Where an event repeats an item, a part of one, or an annotation.
pub(super) const ITEMS: &[&str] = &["item", "response.output[]"];
pub(super) const ITEM_PARTS: &[&str] = &["part", "item.content[]", "response.output[].content[]"];
pub(super) const ANNOTATIONS: &[&str] = &[
    "annotation",
    "part.annotations[]",
    "item.content[].annotations[]",
    "response.output[].content[].annotations[]",
];

/// An item as an event repeats it, whatever its kind.
pub(super) const WHOLE_ITEM: &[Field] = &[
    word("type"),
    word("status"),
    word("role"),
    word("phase"),
    word("execution"),
    word("quality"),
    word("size"),
    word("output_format"),
    other("background"),
    id("id"),
    id("call_id"),
    id("approval_request_id"),
    id("container_id"),
    id("created_by"),
    id("fingerprint"),
    scalar("approve"),
    scalar("async"),
    scalar("max_output_length"),
    opaque("encrypted_content", "encrypted by the provider"),
    unscanned("result", "image"),
    unscanned("outputs[].url", "image"),
    arguments("arguments"),
    tool("name"),
    tool("namespace"),
    tool("server_label"),
    tool("input"),
    tool("code"),
    tool("output"),
    other("error"),
    other("reason"),
    other("revised_prompt"),
    tool("queries[]"),
    reasoning("summary[].text"),
    word("summary[].type"),
    // Each whole in its event.
    tool_tree("action"),
    tool_tree("actions[]"),
    tool_tree("arguments.**"),
    tool_tree("operation"),
    tool_tree("output.**"),
    tool_tree("outputs[]"),
    tool_tree("results[]"),
    tool_tree("tools[]"),
    tree("acknowledged_safety_checks[]"),
    tree("caller"),
    tree("environment"),
    tree("error.**"),
    tree("metadata"),
    tree("pending_safety_checks[]"),
    tree("svg_usage"),
];

/// A part of an item as an event repeats it.
pub(super) const WHOLE_PART: &[Field] = &[word("type"), text("text"), text("refusal"), text("transcript")];

/// What a text is marked with.
pub(super) const ANNOTATION: &[Field] = &[
    word("type"),
    id("container_id"),
    id("file_id"),
    other("filename"),
    other("title"),
    other("url"),
    scalar("index"),
    scalar("start_index"),
    scalar("end_index"),
];

/// What an event holds that is like no other: nobody knows whether its texts come in pieces.
pub(super) const ANY_EVENT: &[Field] = &[
    word("type"),
    scalar("sequence_number"),
    scalar("output_index"),
    scalar("content_index"),
    scalar("summary_index"),
    scalar("command_index"),
    id("item_id"),
    id("obfuscation"),
    tree("error"),
];

/// The rows of every event that is known.
pub(super) fn event_rows() -> Vec<Field> {
    [
        below(ITEMS, WHOLE_ITEM),
        below(ITEM_PARTS, WHOLE_PART),
        below(ITEM_PARTS, TOKEN_LOGPROBS),
        below(&["{output_index,content_index}"], TOKEN_LOGPROBS),
        below(&["response"], SETTINGS),
        below(&["response"], RESPONSE_COMMON),
        below(&["response.output[].content[]"], &[near_parts("text"), near_parts("refusal")]),
        below(ANNOTATIONS, ANNOTATION),
        EVENT_FIELDS.to_vec(),
        below(EVENT_PARTS, PART_FIELDS),
    ]
    .concat()
}
