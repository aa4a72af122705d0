//! Who stands for a list that the operator brings: lines of its head that say so.
//!
//! ```text
//! # source: the regulator's letter of May
//! # author: alice
//! # reviewer: bob
//! # expires: 2027-01-31
//! ```
//!
//! Where it counts and in which direction says the slot that it is for.

use std::sync::Arc;

use serde::Serialize;

use super::Date;
use crate::diag::{Diagnostic, SourceFile};

/// What the head of a list says of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ListHead {
    /// Where its terms come from.
    pub source: Option<String>,
    /// Who wrote it.
    pub author: Option<String>,
    /// Who else has read it.
    pub reviewer: Option<String>,
    /// The first day on which it is to be looked at again.
    pub expires: Option<Date>,
}

impl ListHead {
    /// The head of a file: its comments before the first term. What is no date is told.
    pub(super) fn of(file: &Arc<SourceFile>, found: &mut Vec<Diagnostic>) -> Self {
        let mut head = Self::default();
        for (start, line) in file.each_line() {
            let text = line.trim();
            if text.is_empty() {
                continue;
            }
            let Some(comment) = text.strip_prefix('#') else { break };
            let Some((key, value)) = comment.split_once(':') else { continue };
            let value = value.trim();
            let said = || Some(value.to_owned()).filter(|value| !value.is_empty());
            match key.trim().to_ascii_lowercase().as_str() {
                "source" => head.source = said(),
                "author" => head.author = said(),
                "reviewer" => head.reviewer = said(),
                "expires" => match value.parse() {
                    Ok(day) => head.expires = Some(day),
                    Err(why) => {
                        let wrong = Diagnostic::warning("wrong-date", format!("`expires` of a list: {why}"));
                        found.push(wrong.at(file, start..start + line.trim_end().len(), ""));
                    }
                },
                _ => {}
            }
        }
        head
    }

    /// What it does not say. Nobody reviews a list of their own.
    pub fn lacks(&self) -> Vec<&'static str> {
        let own = self.reviewer.is_some() && self.reviewer == self.author;
        let all = [
            ("source", self.source.is_some()),
            ("author", self.author.is_some()),
            ("reviewer", self.reviewer.is_some() && !own),
            ("expires", self.expires.is_some()),
        ];
        all.into_iter().filter(|(_, there)| !there).map(|(key, _)| key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> (ListHead, usize) {
        let mut found = Vec::new();
        (ListHead::of(&SourceFile::new("l.txt", text), &mut found), found.len())
    }

    #[test]
    fn a_head_says_who_stands_for_the_list() {
        let (all, wrong) = head(
            "# names\n#Source: letter 7\n\n# author: alice\n# reviewer:  bob \n# expires: 2027-01-31\nterm\n# source: no\n",
        );
        assert_eq!(
            (all.source.as_deref(), all.reviewer.as_deref(), wrong),
            (Some("letter 7"), Some("bob"), 0)
        );
        assert_eq!(
            (all.expires.map(|day| day.to_string()).as_deref(), all.lacks()),
            (Some("2027-01-31"), vec![])
        );
        let (marked, _) = head("\u{feff}# source: letter 7\nterm\n");
        assert_eq!(marked.source.as_deref(), Some("letter 7"));
        // Who wrote it has not reviewed it; what stands behind a term is no head.
        let (own, _) = head("# author: alice\n# reviewer: alice\nterm\n# source: x\n");
        assert_eq!(own.lacks(), ["source", "reviewer", "expires"]);
        let (none, wrong) = head("# expires: soon\n# a comment: of another kind\n");
        assert_eq!((none.lacks().len(), wrong), (4, 1));
    }
}
