//! What can go wrong with a provider, played on request: a prompt that says `scene die` gets an answer that breaks off.

use std::time::Duration;

use crate::dialect::{Dialect, ErrorKind, ExchangeError};

/// How the demonstration plays its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scene {
    /// As it should be.
    Plain,
    /// `scene status 429`: an error of that status.
    Status(u16),
    /// `scene error`: an error event in the middle of the stream.
    Error,
    /// `scene die`: the connection breaks off in the middle.
    Die,
    /// `scene no end`: the stream's last event never comes.
    NoEnd,
    /// `scene garbage`: an event in the middle cannot be read.
    Garbage,
    /// `scene slow`: a long pause between two pieces.
    Slow,
}

/// Between two pieces of a stream.
const PAUSE: Duration = Duration::from_millis(8);
const SLOW: Duration = Duration::from_millis(400);

impl Scene {
    /// The scene that a prompt asks for.
    pub(super) fn of(prompt: &str) -> Self {
        let Some((_, scene)) = prompt.split_once("scene ") else { return Self::Plain };
        let named = |name: &str| scene.strip_prefix(name);
        if let Some(status) = named("status ").and_then(|s| s.get(..3)).and_then(|s| s.parse().ok()) {
            return Self::Status(status);
        }
        let all = [
            ("error", Self::Error),
            ("die", Self::Die),
            ("no end", Self::NoEnd),
            ("garbage", Self::Garbage),
            ("slow", Self::Slow),
        ];
        all.into_iter().find(|(name, _)| named(name).is_some()).map_or(Self::Plain, |(_, scene)| scene)
    }

    /// The pause between two pieces.
    pub(super) fn pause(self) -> Duration {
        if self == Self::Slow { SLOW } else { PAUSE }
    }

    /// Plays a stream's pieces; says whether they end with a broken connection.
    pub(super) fn play(self, dialect: &str, pieces: &mut Vec<String>) -> bool {
        let half = pieces.len() / 2;
        match self {
            Self::Plain | Self::Status(_) | Self::Slow => {}
            Self::NoEnd => {
                pieces.pop();
            }
            Self::Die => pieces.truncate(half),
            Self::Garbage => {
                let (before, after) = around(dialect);
                pieces.insert(half, format!("{before}{{\"id\": oops{after}"));
            }
            Self::Error => {
                pieces.truncate(half);
                let (before, after) = around(dialect);
                let error = match dialect {
                    "anthropic" => {
                        r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#
                    }
                    "gemini" => r#"{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}"#,
                    "ollama" => r#"{"error":"overloaded"}"#,
                    _ => {
                        r#"{"error":{"message":"overloaded","type":"server_error","param":null,"code":null}}"#
                    }
                };
                let name = if dialect == "anthropic" { "event: error\n" } else { "" };
                pieces.push(format!("{name}{before}{error}{after}"));
            }
        }
        self == Self::Die
    }
}

/// What stands around an event's data.
fn around(dialect: &str) -> (&'static str, &'static str) {
    if dialect == "ollama" { ("", "\n") } else { ("data: ", "\n\n") }
}

/// An error of this status in the dialect's own form.
pub(super) fn error(dialect: &dyn Dialect, status: u16) -> String {
    let kind = match status {
        401 => ErrorKind::Unauthorized,
        403 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound,
        429 => ErrorKind::RateLimited,
        500.. => ErrorKind::Internal,
        _ => ErrorKind::BadRequest,
    };
    let body = dialect.error_body(&ExchangeError::new(kind, "the demonstration plays an error"));
    String::from_utf8(body).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenes_are_named_in_the_prompt() {
        for (prompt, want) in [
            ("hello", Scene::Plain),
            ("scene status 429 please", Scene::Status(429)),
            ("scene status x", Scene::Plain),
            ("play scene die", Scene::Die),
            ("scene no end", Scene::NoEnd),
        ] {
            assert_eq!(Scene::of(prompt), want, "{prompt}");
        }
    }
}
