//! The letters of a text as marks see them: what Unicode's normal forms, letter case, HTML, Markdown and white space change is left out.

use std::collections::VecDeque;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// So many letters before a mark it is bound to.
pub const CONTEXT: usize = 16;

/// The letters and digits that a character stands for: compatibility forms taken apart, in lower case, without combining marks.
///
/// ```text
/// É  e        ﬁ  f i        Σ ς  σ        ①  1        가  ᄀ ᅡ        U+200B  nothing
/// ```
pub fn letters(c: char, mut each: impl FnMut(char)) {
    match c {
        'a'..='z' | '0'..='9' | '\u{4e00}'..='\u{9fff}' => each(c),
        'A'..='Z' => each(c.to_ascii_lowercase()),
        '\0'..='\u{7f}' => {}
        // A final sigma is one by its place alone.
        _ => {
            for d in c.to_lowercase().nfkd().flat_map(char::to_lowercase) {
                if d.is_alphanumeric() && !is_combining_mark(d) {
                    each(if d == 'ς' { 'σ' } else { d });
                }
            }
        }
    }
}

/// The last [`CONTEXT`] letters.
#[derive(Clone, Debug, Default)]
pub(super) struct Context(VecDeque<char>);

impl Context {
    pub(super) fn push(&mut self, letter: char) {
        if self.0.len() == CONTEXT {
            self.0.pop_front();
        }
        self.0.push_back(letter);
    }

    /// They as bytes; none where there are fewer.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        (self.0.len() == CONTEXT).then(|| self.0.iter().collect::<String>().into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        let mut out = String::new();
        text.chars().for_each(|c| letters(c, |l| out.push(l)));
        out
    }

    #[test]
    fn normal_forms_and_case_are_the_same() {
        for text in
            ["Crème brûlée ﬁne ①②", "ΣΊΣΥΦΟΣ σίσυφος", "が ﾊﾟ ガ ー", "한국어", "İstanbul ǅ ŉ", "中文，①。Å Ω"]
        {
            let forms = [
                text.nfc().collect::<String>(),
                text.nfd().collect(),
                text.nfkc().collect(),
                text.nfkd().collect(),
                text.to_lowercase(),
            ];
            for form in forms {
                assert_eq!(folded(&form), folded(text), "{form}");
            }
        }
        assert_eq!(folded("A*b_c\u{200b}\u{fe01}\u{e0101} <9>"), "abc9");
    }
}
