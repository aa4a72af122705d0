//! What requests of all dialects ask for in the same or nearly the same words.

use crate::text::json::{Kind, Tape};

/// Settings that bind an answer's text to a form, at the root or among a configuration's: OpenAI's, Anthropic's, Gemini's, Ollama's, and those of
/// vLLM, SGLang, NIM and llama.cpp.
const FORMS: [&str; 16] = [
    "format",
    "responseFormat",
    "output_format",
    "responseSchema",
    "response_schema",
    "responseJsonSchema",
    "response_json_schema",
    "guided_json",
    "guided_regex",
    "guided_choice",
    "guided_grammar",
    "structured_outputs",
    "json_schema",
    "grammar",
    "regex",
    "ebnf",
];

/// Settings that ask for log-probabilities.
const NUMBERS: [&str; 5] = ["logprobs", "top_logprobs", "responseLogprobs", "response_logprobs", "n_probs"];

/// Objects in which such settings stand, besides the root.
const PLACES: [&str; 6] =
    ["generationConfig", "generation_config", "output_config", "text", "extra_body", "nvext"];

/// Whether the answer's text has to stay as the model wrote it: a program reads it, or log-probabilities tell it once more.
pub fn is_exact(src: &[u8], tape: &Tape) -> bool {
    let places = PLACES.iter().filter_map(|place| tape.find(src, &[place]));
    let mut objects = std::iter::once(0).chain(places);
    objects.any(|object| {
        let says = |name: &str| tape.get(src, object, name).is_some_and(|at| is_said(src, tape, at));
        FORMS.iter().any(|name| says(name)) || NUMBERS.iter().any(|name| says(name))
    }) || is_form(src, tape)
        || asks_for_numbers(src, tape)
        || fills_a_gap(src, tape)
        || goes_on_with_data(src, tape)
}

/// Whether what stands behind the answer is given: a gap of a program is filled, as a rule.
fn fills_a_gap(src: &[u8], tape: &Tape) -> bool {
    tape.find(src, &["suffix"]).is_some_and(|at| is_said(src, tape, at))
}

/// Whether the answer's beginning is given and is that of data or of a program: then a client puts the two together and reads them as that.
fn goes_on_with_data(src: &[u8], tape: &Tape) -> bool {
    let list = ["messages", "contents", "input"].iter().find_map(|name| tape.find(src, &[name]));
    let Some(last) = list.and_then(|list| tape.elements(list).last()) else { return false };
    let role = tape.get(src, last, "role").map(|at| tape.text(src, at)).unwrap_or_default();
    if !matches!(&*role, "assistant" | "model") {
        return false;
    }
    let content = ["content", "parts"].iter().find_map(|name| tape.get(src, last, name));
    let begins = |at: usize| {
        let text = tape.text(src, at);
        let text = text.trim();
        text.starts_with(['{', '[']) || text.strip_prefix("```").is_some_and(|rest| !rest.contains("```"))
    };
    content.is_some_and(|content| match tape.node(content).map(|node| node.kind) {
        Some(Kind::String) => begins(content),
        Some(Kind::Array) => {
            tape.elements(content).last().and_then(|part| tape.get(src, part, "text")).is_some_and(begins)
        }
        _ => false,
    })
}

/// Whether a setting says something: `null`, `false`, `0`, an empty text and a format of the type `text` are as if it were not there.
fn is_said(src: &[u8], tape: &Tape, at: usize) -> bool {
    let Some(node) = tape.node(at) else { return false };
    match node.kind {
        Kind::Null => false,
        Kind::Object => tape.get(src, at, "type").is_none_or(|kind| tape.text(src, kind) != "text"),
        Kind::Array | Kind::Key => true,
        Kind::Bool | Kind::Number | Kind::String => {
            !matches!(&*tape.text(src, at), "false" | "0" | "" | "text")
        }
    }
}

/// OpenAI's `response_format`, and Gemini's media type of the answer.
fn is_form(src: &[u8], tape: &Tape) -> bool {
    let format = tape.find(src, &["response_format"]).is_some_and(|at| is_said(src, tape, at));
    let media = ["generationConfig", "generation_config"].iter().any(|config| {
        ["responseMimeType", "response_mime_type"].iter().any(|name| {
            tape.str_at(src, &[config, name]).is_some_and(|media| !media.is_empty() && media != "text/plain")
        })
    });
    format || media
}

/// What a request for a response `include`s.
fn asks_for_numbers(src: &[u8], tape: &Tape) -> bool {
    let include = tape.find(src, &["include"]);
    include.is_some_and(|list| tape.elements(list).any(|one| tape.text(src, one).ends_with(".logprobs")))
}

/// Whether an answer's words may be chosen otherwise than its model would choose them, and what the request itself says of that (`logit_bias`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bias {
    /// They may not: the call knows no such setting, or a program reads the answer. Also where nobody looks.
    #[default]
    Fixed,
    /// The client says how.
    Own,
    /// The setting is there and says nothing (`null`, `{}`).
    Empty,
    /// It is not there.
    Absent,
}

/// What a request says of its answer's words: nothing may be said where it offers tools, whose arguments are words too, or has a gap filled, which is
/// a program's as a rule.
pub fn bias(src: &[u8], tape: &Tape) -> Bias {
    let offers = ["tools", "functions"]
        .iter()
        .any(|list| tape.find(src, &[list]).is_some_and(|at| tape.elements(at).next().is_some()));
    let calls = offers
        && ["tool_choice", "function_call"]
            .iter()
            .all(|choice| tape.str_at(src, &[choice]).as_deref() != Some("none"));
    if calls || fills_a_gap(src, tape) {
        return Bias::Fixed;
    }
    match tape.find(src, &[LOGIT_BIAS]) {
        None => Bias::Absent,
        Some(at) if says_nothing(tape, at) => Bias::Empty,
        Some(_) => Bias::Own,
    }
}

/// The setting of OpenAI's that prefers tokens.
pub const LOGIT_BIAS: &str = "logit_bias";

fn says_nothing(tape: &Tape, at: usize) -> bool {
    let kind = tape.node(at).map(|node| node.kind);
    kind == Some(Kind::Null) || kind == Some(Kind::Object) && tape.members(at).next().is_none()
}

/// Whether a request repeats no earlier answer and names none.
pub fn is_first(src: &[u8], tape: &Tape) -> bool {
    let named = ["previous_response_id", "conversation", "context"].iter();
    if named.filter_map(|name| tape.find(src, &[name])).any(|at| is_said(src, tape, at)) {
        return false;
    }
    let lists = ["messages", "contents", "input"].iter().filter_map(|name| tape.find(src, &[name]));
    let mut messages = lists.flat_map(|list| tape.elements(list));
    messages.all(|message| {
        let role = tape.get(src, message, "role").map(|role| tape.text(src, role));
        !matches!(role.as_deref(), Some("assistant" | "model"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> (bool, bool) {
        let mut tape = Tape::default();
        assert_eq!(tape.parse(body.as_bytes()), Ok(()), "{body}");
        (is_exact(body.as_bytes(), &tape), is_first(body.as_bytes(), &tape))
    }

    #[test]
    fn what_programs_read_stays_exact() {
        for body in [
            r#"{"response_format":{"type":"json_object"}}"#,
            r#"{"text":{"format":{"type":"json_schema","schema":{}}}}"#,
            r#"{"output_config":{"format":{"type":"json_schema"}}}"#,
            r#"{"generationConfig":{"responseMimeType":"application/json"}}"#,
            r#"{"generationConfig":{"responseMimeType":"text/x.enum"}}"#,
            r#"{"generation_config":{"response_logprobs":true}}"#,
            r#"{"format":"json"}"#,
            r#"{"format":{"type":"object"}}"#,
            r#"{"logprobs":true}"#,
            r#"{"logprobs":0,"top_logprobs":2}"#,
            r#"{"include":["message.output_text.logprobs"]}"#,
            r#"{"guided_choice":["a","b"]}"#,
            r#"{"generationConfig":{"responseFormat":{"text":{"mimeType":"application/json"}}}}"#,
            r#"{"nvext":{"guided_json":{"type":"object"}}}"#,
            r#"{"prompt":"def a(","suffix":"return b"}"#,
            r#"{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":" {"}]}"#,
            r#"{"messages":[{"role":"assistant","content":[{"type":"text","text":"[{\"a\":"}]}]}"#,
            r#"{"contents":[{"role":"model","parts":[{"text":"```json\n"}]}]}"#,
        ] {
            assert!(read(body).0, "{body}");
        }
        for body in [
            "{}",
            r#"{"response_format":{"type":"text"},"logprobs":false}"#,
            r#"{"text":{"format":{"type":"text"},"verbosity":"low"}}"#,
            r#"{"generationConfig":{"responseMimeType":"text/plain"}}"#,
            r#"{"format":"","logprobs":null}"#,
            r#"{"prompt":"a","suffix":""}"#,
            r#"{"messages":[{"role":"user","content":"{"}]}"#,
            r#"{"messages":[{"role":"assistant","content":"{\"a\":1}"},{"role":"user","content":"y"}]}"#,
            r#"{"messages":[{"role":"assistant","content":"```a``` then "}]}"#,
        ] {
            assert!(!read(body).0, "{body}");
        }
    }

    #[test]
    fn words_are_chosen_otherwise_where_nobody_minds() {
        let bias = |body: &str| {
            let mut tape = Tape::default();
            assert_eq!(tape.parse(body.as_bytes()), Ok(()), "{body}");
            super::bias(body.as_bytes(), &tape)
        };
        for (body, want) in [
            ("{}", Bias::Absent),
            (r#"{"tools":[],"messages":[]}"#, Bias::Absent),
            (r#"{"tools":[{"type":"function"}],"tool_choice":"none"}"#, Bias::Absent),
            (r#"{"logit_bias":null}"#, Bias::Empty),
            (r#"{"logit\u005fbias":{ }}"#, Bias::Empty),
            (r#"{"logit_bias":{"5":1}}"#, Bias::Own),
            (r#"{"logit_bias":[[5,1]]}"#, Bias::Own),
            (r#"{"tools":[{"type":"function"}]}"#, Bias::Fixed),
            (r#"{"functions":[{"name":"f"}],"function_call":"auto"}"#, Bias::Fixed),
            (r#"{"prompt":"a","suffix":"b"}"#, Bias::Fixed),
            (r#"{"prompt":"a","suffix":null}"#, Bias::Absent),
        ] {
            assert_eq!(bias(body), want, "{body}");
        }
    }

    #[test]
    fn the_first_request_repeats_no_answer() {
        assert!(read(r#"{"messages":[{"role":"system","content":"x"},{"role":"user","content":"y"}]}"#).1);
        assert!(read(r#"{"input":"x","previous_response_id":null}"#).1);
        for body in [
            r#"{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"y"}]}"#,
            r#"{"contents":[{"role":"model","parts":[]}]}"#,
            r#"{"input":"x","previous_response_id":"resp_1"}"#,
            r#"{"prompt":"x","context":[1,2]}"#,
        ] {
            assert!(!read(body).1, "{body}");
        }
    }
}
