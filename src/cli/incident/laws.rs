//! Under which law an incident is reported, and by when.

use crate::cli::moment::written;
use crate::diag::{Diagnostic, SourceFile, read_toml};
use crate::policy::Sure;
use serde::{Deserialize, Serialize};

const HOUR_MS: u64 = 3_600_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "law")]
    laws: Vec<Law>,
}

/// A law.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Law {
    pub(super) id: String,
    jurisdiction: String,
    title: String,
    article: String,
    authority: String,
    sure: Sure,
    #[serde(rename = "term")]
    terms: Vec<Term>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Term {
    hours: u64,
    of: String,
}

/// What a bundle says of its law.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Due {
    pub(super) law: String,
    pub(super) jurisdiction: String,
    pub(super) title: String,
    pub(super) article: String,
    pub(super) authority: String,
    /// How sure the source is: `official`, `secondary`, `draft`.
    pub(super) sure: String,
    /// Since when the terms count.
    pub(super) aware: String,
    pub(super) terms: Vec<DueTerm>,
}

/// By when, of what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DueTerm {
    pub(super) of: String,
    pub(super) hours: u64,
    pub(super) until: String,
}

/// All laws that are known.
pub(super) fn all() -> Result<Vec<Law>, Vec<Diagnostic>> {
    let mut read = read_toml::<File>(&SourceFile::new("laws.toml", include_str!("laws.toml")));
    match read.value.take() {
        Some(file) if read.diagnostics.is_empty() => Ok(file.laws),
        _ => Err(read.diagnostics),
    }
}

/// The law of this id, with terms that count from a moment in milliseconds since 1970.
pub(super) fn due(id: &str, aware_ms: u64) -> Result<Due, Vec<Diagnostic>> {
    let laws = all()?;
    let Some(law) = laws.iter().find(|law| law.id == id) else {
        let ids: Vec<&str> = laws.iter().map(|law| law.id.as_str()).collect();
        let unknown = Diagnostic::error("unknown-law", format!("no terms are known of a law `{id}`"));
        let other = "another law, a case's number or an authority go into `--reference`";
        return Err(vec![unknown.valid("laws", id, &ids).help(other)]);
    };
    let term = |term: &Term| DueTerm {
        of: term.of.clone(),
        hours: term.hours,
        until: written(aware_ms.saturating_add(term.hours * HOUR_MS)),
    };
    Ok(Due {
        law: law.id.clone(),
        jurisdiction: law.jurisdiction.clone(),
        title: law.title.clone(),
        article: law.article.clone(),
        authority: law.authority.clone(),
        sure: law.sure.as_str().to_owned(),
        aware: written(aware_ms),
        terms: law.terms.iter().map(term).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_count_from_the_moment() {
        let due = due("us-ca-sb-53", 0).expect("a law");
        let until: Vec<&str> = due.terms.iter().map(|term| term.until.as_str()).collect();
        assert!(
            until[0].starts_with("1970-01-02T00:00:00") && until[1].starts_with("1970-01-16T00:00:00"),
            "{until:?}"
        );
        for law in all().expect("the file is sound") {
            assert!(law.terms.is_sorted_by_key(|term| term.hours) && !law.terms.is_empty(), "{}", law.id);
        }
    }

    #[test]
    fn others_are_not_guessed() {
        let found = due("eu-ai-act-37", 0).expect_err("unknown");
        assert!(found[0].help.iter().any(|help| help.contains("eu-ai-act-73")), "{found:?}");
    }
}
