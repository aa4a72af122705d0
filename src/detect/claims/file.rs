//! Files of statements: a line of JSON each, as people write and review them.

use crate::detect::Flaw;
use crate::diag::BYTE_ORDER_MARK;
use serde::{Deserialize, Serialize};

/// What is known of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is not so.
    False,
    /// It leaves out what matters.
    Misleading,
    /// Nothing bears it.
    Unproven,
    /// It is so: what says this is not taken for another statement that is nearly the same.
    True,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::False, Self::Misleading, Self::Unproven, Self::True];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::False => "false",
            Self::Misleading => "misleading",
            Self::Unproven => "unproven",
            Self::True => "true",
        }
    }

    /// The one of this word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

/// A statement, what is known of it, and who says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// A sentence, as somebody would say it.
    pub claim: String,
    /// What is known of it.
    pub verdict: Verdict,
    /// Where it is told what is right: an address, or the name of a text.
    pub source: String,
}

/// A file of statements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims(Vec<Statement>);

impl Claims {
    /// Reads a file's text. Empty lines and those that begin with `#` say nothing, and neither does a byte order mark before the first.
    ///
    /// # Errors
    /// Of the first line that is no statement, or one that cannot be told from other sentences.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        let each = lines(text).map(|(line, text)| {
            let statement: Statement = serde_json::from_str(text).map_err(|error| Flaw {
                line,
                what: format!(
                    "{error}; expected `{{\"claim\": \"..\", \"verdict\": \"false\", \"source\": \"..\"}}`"
                ),
            })?;
            match super::known::unfit(&statement.claim) {
                Some(what) => Err(Flaw { line, what }),
                None => Ok(statement),
            }
        });
        each.collect::<Result<_, _>>().map(Self)
    }

    /// The statements that no text is found to say, by their lines in the text of which these were read, and why.
    pub fn never_found(&self, text: &str) -> Vec<Flaw> {
        let numbered = lines(text).zip(&self.0);
        let each = numbered.filter_map(|((line, _), statement)| {
            super::known::never_found(&statement.claim).map(|what| Flaw { line, what })
        });
        each.collect()
    }

    /// The file's text.
    pub fn write(&self) -> String {
        let lines = self.0.iter().map(|one| serde_json::to_string(one).unwrap_or_default() + "\n");
        lines.collect()
    }

    /// Its statements, in order.
    pub fn statements(&self) -> &[Statement] {
        &self.0
    }

    /// Takes in a statement, in the place of one in the same words if there is one. Says what is wrong with it if no text can be
    /// found to say it, or it is too little to be told from other sentences.
    pub fn add(&mut self, statement: Statement) -> Result<bool, String> {
        let unfit = super::known::unfit(&statement.claim);
        if let Some(what) = unfit.or_else(|| super::known::never_found(&statement.claim)) {
            return Err(what);
        }
        if statement.source.trim().is_empty() {
            return Err("it has no source that tells what is right".to_owned());
        }
        let known = self.0.iter_mut().find(|known| known.claim == statement.claim);
        let again = known.is_some();
        match known {
            Some(known) => *known = statement,
            None => self.0.push(statement),
        }
        Ok(again)
    }

    /// Forgets a statement. False if there is none in these words.
    pub fn remove(&mut self, claim: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|known| known.claim != claim);
        self.0.len() < before
    }
}

/// The lines that hold statements, each with its number.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
}
