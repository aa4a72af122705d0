//! The closed table of endpoints: method and path to dialect and operation. What is not in it is an unknown endpoint.

use std::borrow::Cow;
use std::sync::LazyLock;

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
    let mut other_method = false;
    for version in ["", "/v1"] {
        let candidate =
            if version.is_empty() { Cow::Borrowed(bare) } else { Cow::Owned(format!("{version}{bare}")) };
        let mut best: Option<(&Endpoint, &str)> = None;
        for endpoint in TABLE.iter() {
            let Some(bound) = endpoint.form.matches(&candidate) else { continue };
            if endpoint.operation.method != method {
                other_method = true;
            } else if best.is_none() || (anthropic && endpoint.dialect.name() == "anthropic") {
                best = Some((endpoint, bound));
            }
        }
        if let Some((endpoint, bound)) = best {
            return Ok(Matched {
                dialect: endpoint.dialect,
                operation: endpoint.operation,
                model: (endpoint.form.placeholder == "model").then(|| bound.to_owned()),
                path: candidate.into_owned(),
            });
        }
    }
    Err(other_method)
}

/// A row of the table.
struct Endpoint {
    dialect: &'static dyn Dialect,
    operation: &'static Operation,
    form: Form,
}

static TABLE: LazyLock<Vec<Endpoint>> = LazyLock::new(|| {
    let operations = |&dialect: &&'static dyn Dialect| {
        dialect.operations().iter().map(move |operation| Endpoint {
            dialect,
            operation,
            form: Form::of(operation.path),
        })
    };
    DIALECTS.iter().flat_map(operations).collect()
});

/// A path with at most one placeholder, in its parts.
struct Form {
    before: &'static str,
    /// Empty without one.
    placeholder: &'static str,
    after: &'static str,
}

impl Form {
    fn of(pattern: &'static str) -> Self {
        let (before, rest) = pattern.split_once('{').unwrap_or((pattern, ""));
        let (placeholder, after) = rest.split_once('}').unwrap_or_default();
        Self { before, placeholder, after }
    }

    /// Whether `path` has this form, and what its placeholder stands for; nothing where it has none.
    fn matches<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix(self.before)?;
        if self.placeholder.is_empty() {
            return rest.is_empty().then_some("");
        }
        let bound = rest.strip_suffix(self.after)?;
        let one_segment = !bound.is_empty()
            && !bound.contains('/')
            && (self.after.starts_with(':') || !bound.contains(':'));
        one_segment.then_some(bound)
    }
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
        let (model, verb) = (Form::of("/v1/models/{model}"), Form::of("/v1/models/{model}:generateContent"));
        assert_eq!(verb.matches("/v1/models/g-1:generateContent"), Some("g-1"));
        assert_eq!(model.matches("/v1/models/g-1:generateContent"), None);
        assert_eq!(model.matches("/v1/models/a/b"), None);
    }
}
