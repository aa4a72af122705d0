//! Credentials of upstreams, sinks and anchors: where they come from and which are refused.

use super::check::Check;
use super::{Environment, Purpose};
use crate::diag::{Diagnostic, Step, is_plain, loose_mode};
use crate::upstream::{Credential, CredentialSettings, UpstreamSettings};
use secrecy::SecretString;
use std::path::Path;
use zeroize::Zeroizing;

/// The credential of the upstream with this number; mistakes go to `check`.
pub(super) fn resolve(
    check: &mut Check<'_>,
    number: usize,
    upstream: &UpstreamSettings,
    purpose: Purpose,
    environment: Environment<'_>,
) -> Credential {
    let Some(settings) = &upstream.credential else { return Credential::None };
    resolve_at(check, ["upstream".into(), number.into(), "credential".into()], settings, purpose, environment)
}

/// The credential of the one with this number in a table of sinks or anchors, where it is sent in one way only.
pub(super) fn resolve_token(
    check: &mut Check<'_>,
    (table, number): (&'static str, usize),
    settings: Option<&CredentialSettings>,
    purpose: Purpose,
    environment: Environment<'_>,
) -> Credential {
    let Some(settings) = settings else { return Credential::None };
    let place: [Step<'_>; 3] = [table.into(), number.into(), "credential".into()];
    let whom = if table == "anchor" { "an anchor" } else { "a sink" };
    let [a, b, c] = place;
    let no_use = [("passthrough", settings.passthrough), ("header", settings.header.is_some())];
    for (key, _) in no_use.into_iter().filter(|(_, is_there)| *is_there) {
        let diagnostic = Diagnostic::error("conflict", format!("`{key}` says nothing to {whom}"))
            .help("one of `env = \"NAME\"`, `file = \"PATH\"`");
        check.key(&[a, b, c, key.into()], diagnostic, "of upstreams alone");
    }
    if settings.passthrough {
        return Credential::None;
    }
    resolve_at(check, place, settings, purpose, environment)
}

/// The credential of the judge with this number.
pub(super) fn resolve_judge(
    check: &mut Check<'_>,
    number: usize,
    settings: Option<&CredentialSettings>,
    purpose: Purpose,
    environment: Environment<'_>,
) -> Credential {
    let Some(settings) = settings else { return Credential::None };
    let place: [Step<'_>; 3] = ["judge".into(), number.into(), "credential".into()];
    if settings.passthrough {
        let [a, b, c] = place;
        let diagnostic = Diagnostic::error("conflict", "`passthrough` says nothing to a judge")
            .help("one of `env = \"NAME\"`, `file = \"PATH\"`");
        check.key(&[a, b, c, "passthrough".into()], diagnostic, "of upstreams alone");
        return Credential::None;
    }
    // Judges come with a reload.
    let purpose = if purpose == Purpose::Reload { Purpose::Serve } else { purpose };
    resolve_at(check, place, settings, purpose, environment)
}

fn resolve_at(
    check: &mut Check<'_>,
    place: [Step<'_>; 3],
    settings: &CredentialSettings,
    purpose: Purpose,
    environment: Environment<'_>,
) -> Credential {
    let [a, b, c] = place;
    let CredentialSettings { env, file, passthrough, header } = settings;
    match (env, file, passthrough) {
        (Some(name), None, false) => {
            let path = [a, b, c, "env".into()];
            if !is_variable(name) {
                check.value(
                    &path,
                    Diagnostic::error("wrong-value", "`env` takes the name of an environment variable")
                        .help("letters, digits and `_`, for example `env = \"OPENAI_API_KEY\"`")
                        .help("a credential itself never stands in the file"),
                    "not a variable's name",
                );
                return Credential::None;
            }
            let Some(value) = environment(name).map(Zeroizing::new) else {
                check.value(
                    &path,
                    absent(purpose, format!("environment variable `{name}` is not set"), PASSTHROUGH),
                    "not set here",
                );
                return Credential::None;
            };
            judge(check, &path, &format!("environment variable `{name}`"), &value, header.as_deref())
        }
        (None, Some(file), false) => {
            let path = [a, b, c, "file".into()];
            match read(file) {
                Ok(value) => {
                    judge(check, &path, &format!("file `{}`", file.display()), &value, header.as_deref())
                }
                Err(problem) => {
                    let diagnostic = match problem {
                        Problem::Absent(error) => absent(
                            purpose,
                            format!("cannot read credential file `{}`: {error}", file.display()),
                            PASSTHROUGH,
                        ),
                        Problem::Loose(mode) => Diagnostic::error(
                            "loose-secret",
                            format!(
                                "credential file `{}` may be read by others (mode {mode:o})",
                                file.display()
                            ),
                        )
                        .help(format!("run `chmod 600 {}`", file.display())),
                    };
                    check.value(&path, diagnostic, "this file");
                    Credential::None
                }
            }
        }
        (None, None, true) => Credential::Passthrough,
        (None, None, false) => {
            check.value(
                &place,
                Diagnostic::error("missing-key", "`credential` says no source")
                    .help("one of `env = \"NAME\"`, `file = \"PATH\"`, `passthrough = true`")
                    .help("leave `credential` out where the upstream needs none"),
                "no source",
            );
            Credential::None
        }
        _ => {
            check.value(
                &place,
                Diagnostic::error("conflict", "`credential` says more than one source")
                    .help("keep one of `env`, `file`, `passthrough`"),
                "more than one",
            );
            Credential::None
        }
    }
}

/// What else there is where a credential is not there.
const PASSTHROUGH: &str =
    "set it, or write `credential = { passthrough = true }` to pass on the client's own";

pub(super) fn absent(purpose: Purpose, message: String, help: &'static str) -> Diagnostic {
    match purpose {
        Purpose::Check | Purpose::Reload => {
            Diagnostic::warning("absent-secret", message).help("`serve` will refuse to start")
        }
        Purpose::Serve => Diagnostic::error("absent-secret", message).help(help),
    }
}

/// A variable's name, and not a pasted credential (those have lower case and dashes).
pub(super) fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 100
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// No credential has so many bytes.
const LARGEST: u64 = 1 << 20;

enum Problem {
    Absent(std::io::Error),
    Loose(u32),
}

fn read(path: &Path) -> Result<Zeroizing<String>, Problem> {
    if let Some(mode) = loose_mode(path).map_err(Problem::Absent)? {
        return Err(Problem::Loose(mode));
    }
    is_plain(path, LARGEST)
        .and_then(|()| std::fs::read_to_string(path))
        .map(Zeroizing::new)
        .map_err(Problem::Absent)
}

/// Takes a value that can be a credential. The message never holds the value.
fn judge(
    check: &mut Check<'_>,
    path: &[Step<'_>],
    what: &str,
    value: &str,
    header: Option<&str>,
) -> Credential {
    let value = value.trim();
    let fault = if value.is_empty() {
        Some("is empty")
    } else if is_example(value) {
        Some("holds an example, not a credential")
    } else if value.chars().any(|c| c.is_control() || c == ' ' || !c.is_ascii()) {
        Some("holds characters that a header field cannot carry")
    } else {
        None
    };
    if let Some(fault) = fault {
        let diagnostic = Diagnostic::error("bad-secret", format!("{what} {fault}"));
        check.value(path, diagnostic, "the credential comes from here");
        return Credential::None;
    }
    Credential::Secret { header: header.map(str::to_ascii_lowercase), value: SecretString::from(value) }
}

/// Whether this is what documentation writes where a credential should stand.
fn is_example(value: &str) -> bool {
    const WHOLE: [&str; 16] = [
        "secret", "password", "test", "dummy", "todo", "none", "null", "key", "token", "apikey", "api_key",
        "api-key", "sk-1234", "123456", "admin", "default",
    ];
    const PART: [&str; 9] =
        ["changeme", "change-me", "change_me", "example", "placeholder", "your-", "your_", "xxxx", "..."];
    let value = value.to_lowercase();
    let one_character = value.chars().skip(1).all(|c| value.starts_with(c));
    WHOLE.contains(&value.as_str())
        || PART.iter().any(|part| value.contains(part))
        || (value.starts_with('<') && value.ends_with('>'))
        || (value.starts_with("${") && value.ends_with('}'))
        || one_character
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_known() {
        for text in [
            "changeme",
            "sk-...",
            "sk-xxxxxxxx",
            "<your key>",
            "your-api-key",
            "EXAMPLE",
            "********",
            "${KEY}",
            "sk-1234",
        ] {
            assert!(is_example(text), "{text}");
        }
        for text in ["sk-proj-8Gh2kQ0vT1", "a8f2", "AIzaSyD3k2Lm9"] {
            assert!(!is_example(text), "{text}");
        }
    }
}
