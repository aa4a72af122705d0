//! What stands beside a text so that people see that it was generated.

use std::collections::BTreeMap;

use super::words::{interaction, wording};
use crate::policy::{LabelMode, Labelled, Notice, When};
use crate::text::{Guess, Tongue};

/// What labels and notices say, by language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelWords {
    /// What the operator or the profile has chosen.
    texts: BTreeMap<Tongue, String>,
    jurisdictions: Vec<String>,
    /// Notices for the first answer of a conversation, and for every one, each in its language.
    first: Vec<(Option<Tongue>, String)>,
    every: Vec<(Option<Tongue>, String)>,
}

impl LabelWords {
    /// The words of a profile, and those that stand in their place.
    pub fn new(profile: Option<&Labelled>, own: &BTreeMap<String, String>) -> Self {
        let mut texts = BTreeMap::new();
        let mut jurisdictions = Vec::new();
        if let Some(Labelled { labels, jurisdictions: of_profile }) = profile {
            jurisdictions.clone_from(of_profile);
            // A text that nothing tells the language of is taken for English, as all that is written so is.
            let text = labels.text.iter().map(|text| (Guess::of(text).unwrap_or_default(), text.clone()));
            texts.extend(text);
            texts.extend(by_tongue(&labels.texts));
        }
        texts.extend(by_tongue(own));
        Self { texts, jurisdictions, ..Self::default() }
    }

    /// The same with a profile's notices in the text.
    #[must_use]
    pub fn with_notices(mut self, notices: &[Notice]) -> Self {
        for notice in notices {
            let said = (Tongue::of_tag(&notice.lang), notice.text.clone());
            match notice.when {
                When::First => self.first.push(said),
                When::Every => self.every.push(said),
                When::Blocked => {}
            }
        }
        self
    }

    /// The label in a language.
    pub fn label(&self, tongue: Tongue) -> String {
        let own = self.texts.get(&tongue).map(String::as_str);
        let mut said = own.unwrap_or_else(|| wording(&self.jurisdictions, tongue)).to_owned();
        for notice in in_tongue(&self.every, tongue) {
            said.push('\n');
            said.push_str(notice);
        }
        said
    }

    /// What the first answer of a conversation begins with.
    pub fn notice(&self, tongue: Tongue) -> String {
        let own = in_tongue(&self.first, tongue);
        if own.is_empty() { interaction(tongue).to_owned() } else { own.join("\n") }
    }

    /// The language of a law, where the answer's is not known.
    pub fn home(&self) -> Tongue {
        match self.jurisdictions.first().map(String::as_str) {
            Some("cn") => Tongue::Chinese,
            Some("jp") => Tongue::Japanese,
            Some(_) | None => Tongue::English,
        }
    }
}

fn by_tongue(texts: &BTreeMap<String, String>) -> impl Iterator<Item = (Tongue, String)> {
    texts.iter().filter_map(|(tag, text)| Some((Tongue::of_tag(tag)?, text.clone())))
}

/// The notices of a language; where there are none, those of any.
fn in_tongue(notices: &[(Option<Tongue>, String)], tongue: Tongue) -> Vec<&str> {
    let of = |wanted: Option<Tongue>| -> Vec<&str> {
        let meant = |own: Option<Tongue>| wanted.is_none_or(|wanted| own == Some(wanted));
        notices.iter().filter(|(own, _)| meant(*own)).map(|(_, text)| text.as_str()).collect()
    };
    let own = of(Some(tongue));
    if own.is_empty() { of(None) } else { own }
}

/// Where in a text its label stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// Before it.
    pub before: bool,
    /// Behind its first paragraph.
    pub middle: bool,
    /// Behind it.
    pub behind: bool,
    /// In the interface: by a header and the metadata.
    pub beside: bool,
}

impl From<LabelMode> for Label {
    fn from(mode: LabelMode) -> Self {
        let at = |before, middle, behind, beside| Self { before, middle, behind, beside };
        match mode {
            LabelMode::None => at(false, false, false, false),
            LabelMode::InlinePrefix => at(true, false, false, false),
            LabelMode::InlineSuffix => at(false, false, true, false),
            LabelMode::InlineBoth => at(true, false, true, false),
            LabelMode::InlineParagraph => at(false, true, true, false),
            LabelMode::Ui => at(false, false, false, true),
            LabelMode::Both => at(false, false, true, true),
        }
    }
}

impl Label {
    /// Whether anything of it stands in the text.
    pub fn is_inline(self) -> bool {
        self.before || self.middle || self.behind
    }
}

/// Looks for the end of a text's first paragraph, piece by piece: an empty line outside of fenced code.
#[derive(Clone, Debug, Default)]
pub struct Paragraph {
    /// The line so far, without its indent, as far as a fence's beginning needs.
    line: String,
    fenced: bool,
    begun: bool,
}

impl Paragraph {
    /// The text goes on. Where in the piece the next paragraph begins, if the first is over here.
    pub fn push(&mut self, piece: &str) -> Option<usize> {
        for (at, c) in piece.char_indices() {
            if c == '\n' {
                let empty = self.line.is_empty();
                if self.line.starts_with("```") || self.line.starts_with("~~~") {
                    self.fenced = !self.fenced;
                }
                self.line.clear();
                if empty && self.begun && !self.fenced {
                    return Some(at + 1);
                }
            } else if !(self.line.is_empty() && c.is_whitespace()) {
                self.begun = true;
                if self.line.len() < 8 {
                    self.line.push(c);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_chosen_by_language() {
        let profile = Labelled {
            labels: crate::policy::Labels {
                mode: LabelMode::InlineSuffix,
                text: Some("AIによる生成。最終判断は医師が行います。".into()),
                texts: BTreeMap::new(),
                metadata: true,
                mark: crate::policy::Density::Off,
                prints: false,
                sampler_mark: false,
            },
            jurisdictions: vec!["jp".into()],
        };
        let own = BTreeMap::from([("de".to_owned(), "Von KI".to_owned())]);
        let words = LabelWords::new(Some(&profile), &own);
        assert_eq!(words.label(Tongue::Japanese), "AIによる生成。最終判断は医師が行います。");
        assert_eq!(words.label(Tongue::German), "Von KI");
        assert_eq!(words.label(Tongue::English), "AI-generated content");
        assert_eq!(words.home(), Tongue::Japanese);
        let notice = |when, lang: &str, text: &str| Notice { when, lang: lang.into(), text: text.into() };
        let words = words.with_notices(&[
            notice(When::Every, "en", "No advice."),
            notice(When::First, "ja", "AIです。"),
            notice(When::Blocked, "en", "Stopped."),
        ]);
        assert_eq!(words.label(Tongue::English), "AI-generated content\nNo advice.");
        assert_eq!(words.label(Tongue::German), "Von KI\nNo advice.");
        assert_eq!(words.notice(Tongue::Japanese), "AIです。");
    }

    #[test]
    fn a_paragraph_ends_at_an_empty_line_outside_of_code() {
        let end = |text: &'static str| Paragraph::default().push(text).map(|at| text.split_at(at));
        assert_eq!(end("one\ntwo\n\nthree"), Some(("one\ntwo\n\n", "three")));
        assert_eq!(end("\n\none\n \ntwo"), Some(("\n\none\n \n", "two")));
        assert_eq!(end("```\na\n\nb\n```\n\nc"), Some(("```\na\n\nb\n```\n\n", "c")));
        assert_eq!(end("one\ntwo"), None);
    }

    proptest! {
        /// The place of the cut changes nothing.
        #[test]
        fn cuts_change_nothing(text in "[a `\n]{0,30}", at in 0usize..30) {
            let (a, b) = text.split_at(at.min(text.len()));
            let mut paragraph = Paragraph::default();
            let cut = paragraph.push(a).or_else(|| paragraph.push(b).map(|at| at + a.len()));
            prop_assert_eq!(cut, Paragraph::default().push(&text));
        }
    }
}
