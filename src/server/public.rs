//! What the endpoints say that are not an API of a model's: JSON that nobody keeps, and errors of one form.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::body::AnswerBody;

/// An answer of this media type, which no cache keeps.
pub(super) fn answer(status: StatusCode, media: &'static str, body: String) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::whole(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// JSON.
pub(super) fn told(status: StatusCode, body: &Value) -> Response<AnswerBody> {
    answer(status, "application/json", format!("{body}\n"))
}

/// An error: a word for programs and a sentence for people.
pub(super) fn error(status: StatusCode, code: &str, message: &str) -> Response<AnswerBody> {
    told(status, &json!({"error": {"code": code, "message": message}}))
}
