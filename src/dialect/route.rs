//! The closed table of endpoints: method and path to dialect and operation. What is not in it is an unknown endpoint.

use super::{DIALECTS, Dialect, Operation};

/// A request's place in the table.
#[derive(Clone, Debug)]
pub struct Matched {
    /// The dialect that the endpoint speaks.
    pub dialect: &'static dyn Dialect,
    /// The call.
    pub operation: &'static Operation,
    /// The canonical path, with the model or id filled in.
    pub path: String,
    /// The model where the path names it.
    pub model: Option<String>,
}

/// Prefixes that model servers and gateways put before an API's own paths; the call means the same without them.
const PREFIXES: [&str; 4] = ["/openai", "/anthropic", "/gemini", "/ollama"];

/// Looks a call up. `path` is the parsed path, without query, already free of dot segments and escapes. A trailing slash, a missing
/// `/v1` and the prefix of a model server are the same call (`/openai/v1/chat/completions/`). `anthropic` tells that the request
/// carries an `anthropic-version` header: `/v1/models` is OpenAI's listing and Anthropic's.
///
/// Returns the match, or whether the path exists under another method.
pub fn route(method: &str, path: &str, anthropic: bool) -> Result<Matched, bool> {
    let trimmed = path.strip_suffix('/').filter(|p| !p.is_empty()).unwrap_or(path);
    let bare = PREFIXES
        .iter()
        .find_map(|p| trimmed.strip_prefix(p).filter(|rest| rest.starts_with('/')))
        .unwrap_or(trimmed);
    let with_version = format!("/v1{bare}");
    let mut other_method = false;
    for candidate in [bare, with_version.as_str()] {
        let mut best = None;
        for dialect in DIALECTS {
            for operation in dialect.operations() {
                let Some(bound) = matches(operation.path, candidate) else { continue };
                if operation.method != method {
                    other_method = true;
                    continue;
                }
                let found = Matched {
                    dialect: *dialect,
                    operation,
                    path: candidate.to_owned(),
                    model: operation.path.contains("{model}").then(|| bound.to_owned()),
                };
                if best.is_none() || (anthropic && dialect.name() == "anthropic") {
                    best = Some(found);
                }
            }
        }
        if let Some(found) = best {
            return Ok(found);
        }
    }
    Err(other_method)
}

/// Whether `path` has the form of `pattern`, and what its one placeholder stands for; nothing where it has none.
fn matches<'p>(pattern: &str, path: &'p str) -> Option<&'p str> {
    let Some((before, rest)) = pattern.split_once('{') else { return (pattern == path).then_some("") };
    let (_, after) = rest.split_once('}')?;
    let bound = path.strip_prefix(before)?.strip_suffix(after)?;
    let one_segment =
        !bound.is_empty() && !bound.contains('/') && (after.starts_with(':') || !bound.contains(':'));
    one_segment.then_some(bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_the_same_call() {
        for path in [
            "/v1/chat/completions",
            "/chat/completions",
            "/openai/v1/chat/completions",
            "/v1/chat/completions/",
        ] {
            let found = route("POST", path, false);
            assert_eq!(found.map(|m| m.path), Ok("/v1/chat/completions".into()), "{path}");
        }
        assert_eq!(route("GET", "/v1/chat/completions", false).map(|m| m.path), Err(true));
        assert_eq!(route("POST", "/v1/v1/chat/completions", false).map(|m| m.path), Err(false));
        assert_eq!(route("POST", "/V1/chat/completions", false).map(|m| m.path), Err(false));
    }

    #[test]
    fn a_placeholder_is_one_segment() {
        assert_eq!(
            matches("/v1/models/{model}:generateContent", "/v1/models/g-1:generateContent"),
            Some("g-1")
        );
        assert_eq!(matches("/v1/models/{model}", "/v1/models/g-1:generateContent"), None);
        assert_eq!(matches("/v1/models/{model}", "/v1/models/a/b"), None);
    }
}
