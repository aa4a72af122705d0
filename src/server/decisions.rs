//! What operators do with the entries of a book, over the operations listener: see them, and decide one, on record with who and why.

use http::StatusCode;
use serde_json::Value;

use super::book::{Book, Entry};
use crate::audit::safe;
use crate::diag::moment::now_ms;

/// Why something is not done.
pub(super) type No = (StatusCode, String);

/// The most characters of who decides and why: a record has no more.
const MOST: usize = 200;

/// Those that are open, by deadline; with `decided_too`, all that are known.
pub(super) fn list<E: Entry>(book: &Book<E>, decided_too: bool) -> Value {
    let now = now_ms();
    book.list(decided_too).iter().map(|one| told(one, now)).collect()
}

/// One of them.
pub(super) fn show<E: Entry>(book: &Book<E>, id: &str) -> Result<Value, No> {
    known(book, id).map(|one| told(&one, now_ms()))
}

/// The entry of this id.
pub(super) fn known<E: Entry>(book: &Book<E>, id: &str) -> Result<E, No> {
    book.get(id).ok_or_else(|| (StatusCode::NOT_FOUND, format!("no {} of this id", E::EVENT)))
}

/// Who decides and why, as records have it.
pub(super) fn who_and_why(by: &str, why: &str) -> Result<(String, String), No> {
    let refused = |message: String| Err((StatusCode::BAD_REQUEST, message));
    // What nobody sees is no reason.
    if [by, why].into_iter().any(|text| !text.chars().any(char::is_alphanumeric)) {
        return refused("`by` says who decides, `why` why".to_owned());
    }
    if [by, why].into_iter().any(|text| text.chars().count() > MOST) {
        return refused(format!("`by` and `why` have at most {MOST} characters"));
    }
    Ok((safe(by).into_owned(), safe(why).into_owned()))
}

fn told<E: Entry>(one: &E, now: u64) -> Value {
    let mut value = serde_json::to_value(one).unwrap_or_default();
    value["overdue"] = one.is_overdue(now).into();
    value
}
