//! OpenAI's APIs, as its official SDKs and compatible servers speak them: chat completions, responses, legacy completions, embeddings,
//! moderations, models.

mod chat;
mod choices;
mod completions;
mod responses;
mod simple;

use super::field::{Field, media, opaque, unscanned, word};
use super::usage::{Counts, Usage};
use super::{
    Ask, Cue, Dialect, Ends, ExchangeError, Framing, Memo, Operation, Reply, Spot, Stage, Why, finished,
    is_error, quoted,
};
use crate::text::json::Tape;

/// All of OpenAI's APIs.
#[derive(Debug)]
pub struct OpenAi;

static OPERATIONS: &[Operation] = &[
    chat::OPERATION,
    responses::CREATE,
    responses::RETRIEVE,
    responses::DELETE,
    responses::CANCEL,
    responses::INPUT_ITEMS,
    completions::OPERATION,
    simple::EMBEDDINGS,
    simple::MODERATIONS,
    simple::MODELS,
    simple::MODEL,
];

impl Dialect for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn operations(&self) -> &'static [Operation] {
        OPERATIONS
    }

    fn ask(&self, op: &Operation, src: &[u8], tape: &Tape, query: Option<&str>, model: Option<&str>) -> Ask {
        // A stored response is asked for as a stream in the query.
        let in_query = query.is_some_and(|q| q.split('&').any(|p| p == "stream=true"));
        let format = tape
            .str_at(src, &["response_format", "type"])
            .or_else(|| tape.str_at(src, &["text", "format", "type"]));
        let named = tape.str_at(src, &["model"]);
        Ask {
            user: user(src, tape),
            model: named.as_deref().or(model).unwrap_or_default().to_owned(),
            stream: tape.bool_at(src, &["stream"]).unwrap_or(in_query && op.method == "GET"),
            structured: format.is_some_and(|f| f != "text"),
            framing: Some(op.framing),
            choices: tape.u64_at(src, &["n"]).and_then(|n| u32::try_from(n).ok()).unwrap_or(1).clamp(1, 128),
            ..Ask::default()
        }
    }

    fn token_limits(&self) -> &'static [&'static [&'static str]] {
        &[&["max_tokens"], &["max_completion_tokens"], &["max_output_tokens"]]
    }

    fn usage(&self, op: &Operation, src: &[u8], tape: &Tape) -> Usage {
        // What is fetched or cancelled took its tokens when it was made.
        if op.method != "POST" || op.name == responses::CANCEL.name {
            return Usage::default();
        }
        // Groq's streams have it where nobody else does.
        let places: [&[&str]; 3] = [&["usage"], &["response", "usage"], &["x_groq", "usage"]];
        let Some(counts) = Counts::at(src, tape, &places) else { return Usage::default() };
        Usage {
            input: counts.of(&[&["prompt_tokens"], &["input_tokens"]]),
            output: counts.of(&[&["completion_tokens"], &["output_tokens"]]),
            cached: counts.of(&[
                &["prompt_tokens_details", "cached_tokens"],
                &["input_tokens_details", "cached_tokens"],
                // DeepSeek.
                &["prompt_cache_hit_tokens"],
            ]),
            cache_written: counts.of(&[
                &["prompt_tokens_details", "cache_write_tokens"],
                &["input_tokens_details", "cache_write_tokens"],
            ]),
            reasoning: counts.of(&[
                &["completion_tokens_details", "reasoning_tokens"],
                &["output_tokens_details", "reasoning_tokens"],
            ]),
        }
    }

    fn observe(&self, op: &Operation, src: &[u8], tape: &Tape, memo: &mut Memo) {
        if is_responses(op) { responses::observe(src, tape, memo) } else { chat::observe(src, tape, memo) }
    }

    fn is_end_sign(&self, data: &[u8]) -> bool {
        data.trim_ascii() == b"[DONE]"
    }

    fn stage(&self, op: &Operation, src: &[u8], tape: &Tape) -> Stage {
        if is_responses(op) {
            return responses::stage(src, tape);
        }
        if is_error(src, tape) {
            Stage::Signed
        } else if finished(src, tape, "choices", "finish_reason") == Ends::Nothing {
            Stage::Open
        } else {
            Stage::Finished
        }
    }

    fn is_failure(&self, op: &Operation, src: &[u8], tape: &Tape) -> bool {
        is_error(src, tape) || is_responses(op) && responses::is_failure(src, tape)
    }

    fn has_words(&self, op: &Operation) -> bool {
        op.method == "POST" && matches!(op.name, "chat.completions" | "completions" | "responses")
    }

    fn takes_bias(&self, op: &Operation) -> bool {
        matches!(op.name, "chat.completions" | "completions")
    }

    fn cues(&self, op: &Operation, src: &[u8], tape: &Tape, cues: &mut Vec<Cue>) {
        if self.is_end_sign(src) {
            return cues.push(Cue::Over { certain: true });
        }
        match op.name {
            "chat.completions" => choices::cues(src, tape, "delta", cues),
            "completions" => choices::cues(src, tape, "text", cues),
            _ => responses::cues(src, tape, cues),
        }
    }

    fn whole_cues(&self, op: &Operation, src: &[u8], tape: &Tape, cues: &mut Vec<Cue>) {
        match op.name {
            "chat.completions" => choices::cues(src, tape, "message", cues),
            "completions" => choices::cues(src, tape, "text", cues),
            _ => responses::whole_cues(src, tape, &["output"], cues),
        }
    }

    fn more(
        &self,
        op: &Operation,
        ask: &Ask,
        memo: &Memo,
        spot: &Spot,
        words: &str,
    ) -> (&'static str, String) {
        match op.name {
            "chat.completions" => ("", chat::more(ask, memo, spot, words)),
            "completions" => ("", completions::more(ask, memo, spot, words)),
            _ => responses::more(memo, spot, words),
        }
    }

    fn text_of(&self, op: &Operation, parts: [u64; 4]) -> Option<u64> {
        let [text, part, ..] = parts;
        Some(if is_responses(op) { responses::text_of_part(text, part) } else { text })
    }

    fn numbered(&self, op: &Operation, src: &[u8], tape: &Tape) -> Option<usize> {
        if is_responses(op) { tape.find(src, &["sequence_number"]) } else { None }
    }

    fn tells_end(&self, op: &Operation) -> bool {
        is_responses(op) || matches!(op.name, "chat.completions" | "completions")
    }

    fn ends(&self, op: &Operation, src: &[u8], tape: &Tape) -> Ends {
        if !is_responses(op) {
            return finished(src, tape, "choices", "finish_reason");
        }
        responses::ends(src, tape)
    }

    fn error_body(&self, error: &ExchangeError) -> Vec<u8> {
        error_object(error).into_bytes()
    }

    fn refusal(&self, op: &Operation, ask: &Ask, error: &ExchangeError) -> Reply {
        if is_responses(op) {
            return responses::refusal(ask, error);
        }
        match op.name {
            "completions" => completions::refusal(ask, error),
            "chat.completions" => chat::refusal(ask, error),
            // Calls without a model's words have no refusal: the error says it.
            _ => Reply {
                status: error.status(),
                content_type: "application/json",
                body: self.error_body(error),
            },
        }
    }

    fn cut(&self, op: &Operation, ask: &Ask, memo: &Memo, why: Why<'_>) -> Vec<u8> {
        if is_responses(op) {
            return responses::cut(ask, memo, why);
        }
        match why {
            Why::Policy(error) if op.name == "completions" => completions::cut(ask, memo, error),
            Why::Policy(error) => chat::cut(ask, memo, error),
            Why::Failure(error) => format!("data: {}\n\n", error_object(error)).into_bytes(),
        }
    }
}

/// What the parts of a message hold that is no text, as OpenAI and compatible servers (vLLM, SGLang, Qwen, Mistral, OpenRouter, LiteLLM)
/// spell it: encoded, or named by a URL or the id of a file.
const MEDIA_FIELDS: &[Field] = &[
    unscanned("image_url", "image"),
    unscanned("image_url.url", "image"),
    unscanned("image_url.file_id", "image"),
    word("image_url.detail"),
    unscanned("input_image", "image"),
    unscanned("input_image.image_url", "image"),
    unscanned("image", "image"),
    unscanned("image[]", "image"),
    unscanned("image.data", "image"),
    unscanned("image.url", "image"),
    unscanned("image_embeds", "image"),
    unscanned("image_embeds.*", "image"),
    unscanned("video_url", "video"),
    unscanned("video_url.url", "video"),
    unscanned("video", "video"),
    unscanned("video[]", "video"),
    unscanned("video.data", "video"),
    unscanned("video.url", "video"),
    unscanned("input_video", "video"),
    unscanned("input_video.data", "video"),
    unscanned("input_video.url", "video"),
    unscanned("audio_url", "audio"),
    unscanned("audio_url.url", "audio"),
    unscanned("audio", "audio"),
    unscanned("audio.data", "audio"),
    unscanned("audio.url", "audio"),
    unscanned("input_audio", "audio"),
    unscanned("input_audio.data", "audio"),
    unscanned("input_audio.url", "audio"),
    word("input_audio.format"),
    unscanned("document_url", "file"),
    unscanned("document_url.url", "file"),
    unscanned("file_url", "file"),
    unscanned("file_url.url", "file"),
    unscanned("file_data", "file"),
    unscanned("file_id", "file"),
    unscanned("file.file_data", "file"),
    unscanned("file.file_id", "file"),
    unscanned("file.file_url", "file"),
    unscanned("file.url", "file"),
    media("source.data", "image"),
    unscanned("source.url", "image"),
    unscanned("source.file_id", "file"),
];

/// What compatible servers (OpenRouter, LiteLLM, Gemini's and Copilot's of this API) add to a message of which the provider keeps the key.
const SEALED_FIELDS: &[Field] = &[
    opaque("reasoning_details[].data", "encrypted by the provider"),
    opaque("reasoning_details[].signature", "signed by the provider"),
    opaque("thinking_blocks[].data", "encrypted by the provider"),
    opaque("thinking_blocks[].signature", "signed by the provider"),
    opaque("reasoning_opaque", "encrypted by the provider"),
    opaque("reasoning_signature", "signed by the provider"),
    opaque("extra_content.google.thought_signature", "signed by the provider"),
    opaque("tool_calls[].extra_content.google.thought_signature", "signed by the provider"),
    opaque("provider_specific_fields.thought_signatures[]", "signed by the provider"),
    opaque("tool_calls[].provider_specific_fields.thought_signature", "signed by the provider"),
    opaque("tool_calls[].function.provider_specific_fields.thought_signature", "signed by the provider"),
];

fn is_responses(op: &Operation) -> bool {
    op.name.starts_with("responses")
}

/// The frames that end each choice that has not ended, and the stream: `frame` makes one from the model's name in JSON, the choice's index
/// and whether it has begun.
fn cut_choices(ask: &Ask, memo: &Memo, frame: impl Fn(&str, u64, bool) -> String) -> Vec<u8> {
    let model = quoted(if memo.model.is_empty() { &ask.model } else { &memo.model });
    let ends = memo.unended(ask.choices).into_iter().map(|(index, begun)| frame(&model, index, begun));
    ends.chain(["data: [DONE]\n\n".to_owned()]).collect::<String>().into_bytes()
}

/// The data of a frame of these APIs.
fn data_of(frame: &str) -> String {
    frame.trim_end().strip_prefix("data: ").unwrap_or_default().to_owned()
}

/// OpenAI's error object; shared by all of its APIs.
fn error_object(error: &ExchangeError) -> String {
    let kind = match error.status() {
        400..=428 => "invalid_request_error",
        429 => "rate_limit_error",
        _ => "server_error",
    };
    format!(
        r#"{{"error":{{"message":{},"type":"{kind}","param":null,"code":"{}"{}}}}}"#,
        quoted(&error.message),
        error.kind.code(),
        error.member(),
    )
}

/// The framing of all of OpenAI's streams.
const FRAMING: Framing = Framing::Sse;

/// The tables of the typed events of the responses API.
pub(super) fn event_shapes() -> Vec<&'static super::Shape> {
    responses::event_shapes()
}

/// The user that a request names: `safety_identifier`, which took the place of `user` (OpenAI, 2025).
fn user(src: &[u8], tape: &Tape) -> String {
    let named = ["safety_identifier", "user"].into_iter().find_map(|name| tape.str_at(src, &[name]));
    named.unwrap_or_default().into_owned()
}
