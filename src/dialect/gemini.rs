//! Gemini's generateContent and its relatives, under `/v1`, `/v1beta` and `/v1alpha`; SDKs write camel case, the API also reads snake case.

use std::sync::LazyLock;

use super::field::{
    Field, below, delta, id, logprob_tokens, logprobs, opaque, other, parts, scalar, tool_delta, tool_parts,
    tool_tree, tree, unscanned, word,
};
use super::shape::Shape;
use super::usage::{Counts, Usage};
use super::{
    Ask, Cue, Dialect, Ends, ErrorKind, ExchangeError, Framing, Memo, Operation, Reply, Spot, Stage, Why,
    finished, is_error, part_of, quoted,
};
use crate::text::json::{Kind, Tape};

/// Gemini's APIs.
#[derive(Debug)]
pub struct Gemini;

const fn operation(name: &'static str, method: &'static str, path: &'static str) -> Operation {
    Operation {
        name,
        method,
        path,
        request: || &REQUEST,
        answer: || &ANSWER,
        event: |_, _| &EVENT,
        framing: Framing::JsonArray,
        binary_answer: false,
    }
}

macro_rules! versions {
    ($($version:literal),*) => {
        &[$(
            operation("generateContent", "POST", concat!("/", $version, "/models/{model}:generateContent")),
            operation("streamGenerateContent", "POST", concat!("/", $version, "/models/{model}:streamGenerateContent")),
            operation("countTokens", "POST", concat!("/", $version, "/models/{model}:countTokens")),
            operation("embedContent", "POST", concat!("/", $version, "/models/{model}:embedContent")),
            operation("batchEmbedContents", "POST", concat!("/", $version, "/models/{model}:batchEmbedContents")),
        )*
            operation("models", "GET", "/v1beta/models"),
            operation("models.retrieve", "GET", "/v1beta/models/{model}"),
            operation("models", "GET", "/v1alpha/models"),
            operation("models.retrieve", "GET", "/v1alpha/models/{model}"),
        ]
    };
}

static OPERATIONS: &[Operation] = versions!("v1beta", "v1", "v1alpha");

static REQUEST: LazyLock<Shape> =
    LazyLock::new(|| Shape::new(&[REQUEST_FIELDS, &below(PARTS, PART_FIELDS), &below(PARTS, CODE_FIELDS)]));
/// SDKs join the parts of a candidate to one text, thoughts apart.
static ANSWER: LazyLock<Shape> = LazyLock::new(|| {
    Shape::new(&[
        &[parts("candidates[#].content.parts[]{thought}.text"), tree("candidates[]")],
        ANSWER_FIELDS,
        &below(ANSWER_PARTS, PART_FIELDS),
        &below(ANSWER_PARTS, CODE_FIELDS),
    ])
});
/// Parts of a stream have no index: texts of one candidate are one, thoughts another.
static EVENT: LazyLock<Shape> = LazyLock::new(|| {
    Shape::new(&[
        &[delta("candidates[]{index}.content.parts[]{thought}.text")],
        ANSWER_FIELDS,
        &below(ANSWER_PARTS, PART_FIELDS),
        EVENT_FIELDS,
    ])
});

/// Where parts stand in requests. `countTokens` and the embedding calls wrap the same things.
const PARTS: &[&str] = &[
    "contents.parts[]",
    "contents.parts",
    "contents[].parts",
    "content.parts",
    "systemInstruction.parts",
    "system_instruction.parts",
    "contents[].parts[]",
    "content.parts[]",
    "requests[].content.parts[]",
    "systemInstruction.parts[]",
    "system_instruction.parts[]",
    "generateContentRequest.contents[].parts[]",
    "generateContentRequest.systemInstruction.parts[]",
    "generateContentRequest.system_instruction.parts[]",
    "generate_content_request.contents[].parts[]",
    "generate_content_request.systemInstruction.parts[]",
    "generate_content_request.system_instruction.parts[]",
];

const ANSWER_PARTS: &[&str] = &["candidates[].content.parts[]", "automaticFunctionCallingHistory[].parts[]"];

/// A part, but for its text: in the two spellings that the API reads.
const PART_FIELDS: &[Field] = &[
    scalar("thought"),
    opaque("thoughtSignature", "signed by the provider"),
    opaque("thought_signature", "signed by the provider"),
    unscanned("inlineData.data", "image"),
    unscanned("inline_data.data", "image"),
    word("inlineData.mimeType"),
    word("inlineData.mime_type"),
    word("inline_data.mimeType"),
    word("inline_data.mime_type"),
    unscanned("fileData.fileUri", "file"),
    unscanned("fileData.file_uri", "file"),
    unscanned("file_data.fileUri", "file"),
    unscanned("file_data.file_uri", "file"),
    tool_tree("functionCall"),
    tool_tree("function_call"),
    id("functionCall.id"),
    id("function_call.id"),
    tool_tree("functionResponse"),
    tool_tree("function_response"),
    unscanned("functionResponse.parts[].inlineData.data", "image"),
    unscanned("functionResponse.parts[].inline_data.data", "image"),
    unscanned("function_response.parts[].inlineData.data", "image"),
    unscanned("function_response.parts[].inline_data.data", "image"),
    unscanned("functionResponse.parts[].fileData.fileUri", "file"),
    unscanned("functionResponse.parts[].fileData.file_uri", "file"),
    unscanned("functionResponse.parts[].file_data.fileUri", "file"),
    unscanned("functionResponse.parts[].file_data.file_uri", "file"),
    unscanned("function_response.parts[].fileData.fileUri", "file"),
    unscanned("function_response.parts[].fileData.file_uri", "file"),
    unscanned("function_response.parts[].file_data.fileUri", "file"),
    unscanned("function_response.parts[].file_data.file_uri", "file"),
    tool_tree("toolCall"),
    tool_tree("toolResponse"),
    tree("partMetadata"),
    tree("audioMetadata"),
    tree("documentMetadata"),
    tree("speechMetadata"),
    tree("spreadsheetMetadata"),
    tree("videoMetadata"),
    tree("mediaResolution"),
    word("mediaProcessing"),
    other("inlineData.displayName"),
    other("fileData.displayName"),
    word("fileData.mimeType"),
];

/// What runs and what came of it, whole.
const CODE_FIELDS: &[Field] = &[
    tool_tree("executableCode"),
    tool_tree("executable_code"),
    tool_tree("codeExecutionResult"),
    tool_tree("code_execution_result"),
];

/// What an event may hold a piece of. No tree stands over what nobody knows below a candidate: a new field may come in pieces.
const EVENT_FIELDS: &[Field] = &[
    // Arguments of a call may come in pieces, told apart by their JSON path.
    tool_delta("candidates[]{index}.content.parts[].functionCall.partialArgs[]{jsonPath}.stringValue"),
    tool_parts("candidates[]{index}.content.parts[].executableCode.code"),
    word("candidates[].content.parts[].executableCode.language"),
    id("candidates[].content.parts[].executableCode.id"),
    tool_parts("candidates[]{index}.content.parts[].codeExecutionResult.output"),
    word("candidates[].content.parts[].codeExecutionResult.outcome"),
    id("candidates[].content.parts[].codeExecutionResult.id"),
    parts("candidates[]{index}.content.parts[].audioTranscription.text"),
    parts("candidates[]{index}.content.parts[].audioTranscription.words[].word"),
    other("candidates[].content.parts[].audioTranscription.words[].startOffset"),
    other("candidates[].content.parts[].audioTranscription.words[].endOffset"),
    other("candidates[].content.parts[].audioTranscription.speakerLabel"),
    other("candidates[].content.parts[].audioTranscription.startOffset"),
    other("candidates[].content.parts[].audioTranscription.endOffset"),
    word("candidates[].content.parts[].audioTranscription.languageCode"),
    scalar("candidates[].content.parts[].audioTranscription.finished"),
];

const REQUEST_FIELDS: &[Field] = &[
    scalar("audioTrackExtraction"),
    scalar("autoTruncate"),
    opaque("continuationToken", "made by the provider"),
    scalar("documentOcr"),
    word("mimeType"),
    id("model"),
    tree("contents"),
    word("contents[].role"),
    tree("contents[].parts[]"),
    parts("contents[#].parts[].text"),
    tree("content"),
    parts("content.parts[].text"),
    tree("requests[]"),
    parts("requests[#].content.parts[].text"),
    tree("generateContentRequest"),
    tree("generate_content_request"),
    parts("generateContentRequest.contents[#].parts[].text"),
    parts("generate_content_request.contents[#].parts[].text"),
    tree("systemInstruction"),
    parts("systemInstruction.parts[].text"),
    tree("system_instruction"),
    parts("system_instruction.parts[].text"),
    tool_tree("tools[]"),
    tool_tree("toolConfig"),
    tool_tree("tool_config"),
    tree("generationConfig"),
    tree("generation_config"),
    other("generationConfig.stopSequences[]"),
    scalar("generationConfig.temperature"),
    scalar("generationConfig.maxOutputTokens"),
    scalar("generationConfig.topP"),
    scalar("generationConfig.topK"),
    scalar("generationConfig.candidateCount"),
    opaque("generationConfig.seed", "a random number"),
    tree("safetySettings[]"),
    tree("safety_settings[]"),
    tree("labels"),
    tree("modelArmorConfig"),
    id("cachedContent"),
    id("cached_content"),
    word("serviceTier"),
    word("taskType"),
    word("task_type"),
    other("title"),
    scalar("store"),
    scalar("outputDimensionality"),
    tree("embedContentConfig"),
    tree("instances[]"),
    unscanned("instances[].image.bytesBase64Encoded", "image"),
    unscanned("instances[].image.gcsUri", "image"),
    unscanned("instances[].video.bytesBase64Encoded", "video"),
    unscanned("instances[].video.gcsUri", "video"),
    tree("parameters"),
];

const ANSWER_FIELDS: &[Field] = &[
    opaque("candidates[].continuationToken", "made by the provider"),
    scalar("candidates[].index"),
    scalar("candidates[].tokenCount"),
    logprobs("candidates[].avgLogprobs"),
    logprobs("candidates[].logprobsResult"),
    logprob_tokens("candidates[].logprobsResult.chosenCandidates[].token"),
    scalar("candidates[].logprobsResult.chosenCandidates[].tokenId"),
    scalar("candidates[].logprobsResult.chosenCandidates[].logProbability"),
    logprob_tokens("candidates[].logprobsResult.topCandidates[].candidates[#].token"),
    scalar("candidates[].logprobsResult.topCandidates[].candidates[].tokenId"),
    scalar("candidates[].logprobsResult.topCandidates[].candidates[].logProbability"),
    scalar("candidates[].logprobsResult.logProbabilitySum"),
    // Each whole in its event.
    tree("candidates[].citationMetadata"),
    tree("candidates[].groundingAttributions[]"),
    tree("candidates[].groundingMetadata"),
    tree("candidates[].urlContextMetadata"),
    tree("candidates[].url_context_metadata"),
    word("candidates[].finishReason"),
    other("candidates[].finishMessage"),
    word("candidates[].content.role"),
    opaque(
        "candidates[].groundingMetadata.searchEntryPoint.sdkBlob",
        "packed search results of the provider",
    ),
    tree("candidates[].safetyRatings[]"),
    word("candidates[].safetyRatings[].category"),
    word("candidates[].safetyRatings[].probability"),
    tree("promptFeedback"),
    tree("usageMetadata"),
    scalar("usageMetadata.promptTokenCount"),
    scalar("usageMetadata.candidatesTokenCount"),
    scalar("usageMetadata.totalTokenCount"),
    tree("automaticFunctionCallingHistory[]"),
    tree("modelStatus"),
    tree("parsed"),
    tree("sdkHttpResponse"),
    id("modelVersion"),
    id("responseId"),
    other("createTime"),
    scalar("totalTokens"),
    scalar("cachedContentTokenCount"),
    tree("promptTokensDetails[]"),
    tree("cacheTokensDetails[]"),
    tree("embedding"),
    scalar("embedding.values[]"),
    tree("embeddings[]"),
    scalar("embeddings[].values[]"),
    scalar("truncated"),
    tree("metadata"),
    tree("models[]"),
    id("name"),
    id("baseModelId"),
    id("version"),
    other("displayName"),
    other("description"),
    scalar("inputTokenLimit"),
    scalar("outputTokenLimit"),
    word("supportedGenerationMethods[]"),
    scalar("temperature"),
    scalar("maxTemperature"),
    scalar("topP"),
    scalar("topK"),
    scalar("thinking"),
    other("nextPageToken"),
    tree("error"),
    word("error.status"),
    tree("tunedModelInfo"),
    tree("endpoints[]"),
    tree("labels"),
    tree("checkpoints[]"),
    id("defaultCheckpointId"),
    word("supportedActions[]"),
    tree("predictions[]"),
    unscanned("predictions[].bytesBase64Encoded", "image"),
];

impl Dialect for Gemini {
    fn name(&self) -> &'static str {
        "gemini"
    }

    fn operations(&self) -> &'static [Operation] {
        OPERATIONS
    }

    fn ask(&self, op: &Operation, src: &[u8], tape: &Tape, query: Option<&str>, model: Option<&str>) -> Ask {
        let config = ["generationConfig", "generation_config"].iter().find_map(|c| tape.find(src, &[c]));
        let field = |names: [&str; 2]| names.iter().find_map(|n| tape.get(src, config?, n));
        let structured = field(["responseMimeType", "response_mime_type"])
            .is_some_and(|v| tape.text(src, v).ends_with("json"));
        let choices =
            field(["candidateCount", "candidate_count"]).and_then(|v| tape.u64_of(src, v)).unwrap_or(1);
        let sse = query.is_some_and(|q| q.split('&').any(|p| p == "alt=sse"));
        Ask {
            user: String::new(),
            model: model.unwrap_or_default().to_owned(),
            stream: op.name == "streamGenerateContent",
            structured,
            framing: Some(if sse { Framing::Sse } else { Framing::JsonArray }),
            choices: u32::try_from(choices).unwrap_or(1).clamp(1, 128),
            ..Ask::default()
        }
    }

    fn token_limits(&self) -> &'static [&'static [&'static str]] {
        &[
            &["generationConfig", "maxOutputTokens"],
            &["generationConfig", "max_output_tokens"],
            &["generation_config", "maxOutputTokens"],
            &["generation_config", "max_output_tokens"],
        ]
    }

    // Thoughts and what tools put into the prompt are counted apart.
    fn usage(&self, _: &Operation, src: &[u8], tape: &Tape) -> Usage {
        let Some(counts) = Counts::at(src, tape, &[&["usageMetadata"]]) else { return Usage::default() };
        Usage {
            input: counts.sum(&["promptTokenCount", "toolUsePromptTokenCount"]),
            output: counts.sum(&["candidatesTokenCount", "thoughtsTokenCount"]),
            cached: counts.of(&[&["cachedContentTokenCount"]]),
            reasoning: counts.of(&[&["thoughtsTokenCount"]]),
            ..Usage::default()
        }
    }

    fn observe(&self, _: &Operation, src: &[u8], tape: &Tape, memo: &mut Memo) {
        if memo.id.is_empty() {
            memo.id = tape.str_at(src, &["responseId"]).unwrap_or_default().into_owned();
            memo.model = tape.str_at(src, &["modelVersion"]).unwrap_or_default().into_owned();
        }
    }

    fn stage(&self, _: &Operation, src: &[u8], tape: &Tape) -> Stage {
        let refused = tape.find(src, &["promptFeedback", "blockReason"]).is_some();
        let over = refused
            || is_error(src, tape)
            || finished(src, tape, "candidates", "finishReason") != Ends::Nothing;
        if over { Stage::Signed } else { Stage::Open }
    }

    fn cues(&self, _: &Operation, src: &[u8], tape: &Tape, cues: &mut Vec<Cue>) {
        spoken(src, tape, false, cues);
    }

    fn text_of(&self, _: &Operation, parts: [u64; 4]) -> Option<u64> {
        let [candidate, thought, ..] = parts;
        (thought == 0).then_some(candidate)
    }

    fn skips_comments(&self) -> bool {
        // Its SDK for Python takes every line that is no data for a part of an error's JSON.
        false
    }

    fn whole_cues(&self, _: &Operation, src: &[u8], tape: &Tape, cues: &mut Vec<Cue>) {
        spoken(src, tape, true, cues);
    }

    fn more(
        &self,
        _: &Operation,
        ask: &Ask,
        memo: &Memo,
        spot: &Spot,
        words: &str,
    ) -> (&'static str, String) {
        let model = quoted(if memo.model.is_empty() { &ask.model } else { &memo.model });
        let id =
            if memo.id.is_empty() { String::new() } else { format!(r#","responseId":{}"#, quoted(&memo.id)) };
        let content = format!(r#"{{"parts":[{{"text":{}}}],"role":"model"}}"#, quoted(words));
        let index = spot.text;
        let data = format!(
            r#"{{"candidates":[{{"content":{content},"index":{index}}}],"modelVersion":{model}{id}}}"#
        );
        ("", data)
    }

    fn has_words(&self, op: &Operation) -> bool {
        matches!(op.name, "generateContent" | "streamGenerateContent")
    }

    fn tells_end(&self, op: &Operation) -> bool {
        op.name == "streamGenerateContent"
    }

    fn ends(&self, _: &Operation, src: &[u8], tape: &Tape) -> Ends {
        finished(src, tape, "candidates", "finishReason")
    }

    fn error_body(&self, error: &ExchangeError) -> Vec<u8> {
        error_object(error).into_bytes()
    }

    fn refusal(&self, op: &Operation, ask: &Ask, error: &ExchangeError) -> Reply {
        let why = quoted(&error.message);
        let body = match op.name {
            // Calls without a model's words have no refusal: the error says it.
            name if !name.to_ascii_lowercase().ends_with("generatecontent") => {
                let body = error_object(error).into_bytes();
                return Reply { status: error.status(), content_type: "application/json", body };
            }
            _ if error.kind.is_answer() => format!(
                r#"{{"candidates":[{{"content":{{"role":"model","parts":[{{"text":{why}}}]}},"finishReason":"STOP","index":0}}],"usageMetadata":{{"promptTokenCount":0,"totalTokenCount":0}},"modelVersion":{}{}}}"#,
                quoted(&ask.model),
                error.member(),
            ),
            _ => format!(
                r#"{{"promptFeedback":{{"blockReason":"PROHIBITED_CONTENT","blockReasonMessage":{why}}},"candidates":[],"usageMetadata":{{"promptTokenCount":0,"totalTokenCount":0}},"modelVersion":{}{}}}"#,
                quoted(&ask.model),
                error.member(),
            ),
        };
        match (ask.stream, ask.framing) {
            (true, Some(Framing::Sse)) => Reply {
                status: 200,
                content_type: "text/event-stream",
                body: format!("data: {body}\r\n\r\n").into_bytes(),
            },
            (true, _) => Reply {
                status: 200,
                content_type: "application/json",
                body: format!("[{body}]").into_bytes(),
            },
            (false, _) => Reply { status: 200, content_type: "application/json", body: body.into_bytes() },
        }
    }

    fn cut(&self, _: &Operation, ask: &Ask, memo: &Memo, why: Why<'_>) -> Vec<u8> {
        let element = match why {
            Why::Policy(error) => {
                let candidates: Vec<String> = (0..ask.choices)
                    .map(|i| {
                        format!(
                            r#"{{"content":{{"role":"model","parts":[]}},"finishReason":"SAFETY","finishMessage":{},"index":{i}}}"#,
                            quoted(&error.message)
                        )
                    })
                    .collect();
                let model = quoted(if memo.model.is_empty() { &ask.model } else { &memo.model });
                format!(
                    r#"{{"candidates":[{}],"modelVersion":{model}{}}}"#,
                    candidates.join(","),
                    error.member()
                )
            }
            Why::Failure(error) => error_object(error),
        };
        match ask.framing {
            Some(Framing::Sse) | None => format!("data: {element}\r\n\r\n").into_bytes(),
            // The array must be closed for what was released to be JSON.
            Some(Framing::JsonArray | Framing::Ndjson) => {
                format!("{}{element}]", if memo.started { ",\r\n" } else { "[" }).into_bytes()
            }
        }
    }
}

/// What candidates say, thoughts left out. A text that stands beside a signature is signed.
fn spoken(src: &[u8], tape: &Tape, whole: bool, cues: &mut Vec<Cue>) {
    let Some(list) = tape.find(src, &["candidates"]) else { return };
    let has = |object: usize, names: [&str; 2]| names.iter().find_map(|name| tape.get(src, object, name));
    for candidate in tape.elements(list) {
        let text = part_of(src, tape, candidate, "index");
        let parts = tape.get(src, candidate, "content").and_then(|content| tape.get(src, content, "parts"));
        for part in parts.into_iter().flat_map(|parts| tape.elements(parts)) {
            let thought = tape.get(src, part, "thought").is_some_and(|at| tape.text(src, at) == "true");
            let node = tape.get(src, part, "text").filter(|_| !thought);
            let signed = has(part, ["thoughtSignature", "thought_signature"]).is_some();
            cues.extend(node.map(|node| Cue::Piece { spot: Spot::of(text), node, signed }));
        }
        let reason = has(candidate, ["finishReason", "finish_reason"]).and_then(|at| tape.node(at));
        if whole || reason.is_some_and(|node| node.kind == Kind::String) {
            cues.push(Cue::End { text });
            cues.push(Cue::Over { certain: false });
        }
    }
}

/// Google's error object (google.rpc.Status).
fn error_object(error: &ExchangeError) -> String {
    let status = match error.kind {
        ErrorKind::Unauthorized => "UNAUTHENTICATED",
        ErrorKind::Forbidden | ErrorKind::Suspended | ErrorKind::Residency => "PERMISSION_DENIED",
        ErrorKind::NotFound | ErrorKind::MethodNotAllowed => "NOT_FOUND",
        ErrorKind::RateLimited => "RESOURCE_EXHAUSTED",
        ErrorKind::BadRequest
        | ErrorKind::TooLarge
        | ErrorKind::TooManyFields
        | ErrorKind::UnsupportedMedia
        | ErrorKind::Blocked
        | ErrorKind::Unscanned => "INVALID_ARGUMENT",
        ErrorKind::RequestTimeout | ErrorKind::UpstreamTimeout => "DEADLINE_EXCEEDED",
        ErrorKind::UpstreamUnreachable | ErrorKind::RecordUnavailable | ErrorKind::ShuttingDown => {
            "UNAVAILABLE"
        }
        ErrorKind::Reminder | ErrorKind::SessionEnded => "OK",
        ErrorKind::UpstreamGarbage | ErrorKind::Loop | ErrorKind::Internal => "INTERNAL",
    };
    let metadata = error.details.as_ref().map_or_else(String::new, |d| format!(r#","metadata":{}"#, d.map()));
    format!(
        r#"{{"error":{{"code":{},"message":{},"status":"{status}","details":[{{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"{}","domain":"sluicegate"{metadata}}}]}}}}"#,
        error.status(),
        quoted(&error.message),
        error.kind.code(),
    )
}
