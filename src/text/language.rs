//! In which language somebody is told something: as their header says, else by the script of what they wrote.

/// A language in which this program tells clients something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English: also whoever reads none of these.
    #[default]
    English,
    /// Chinese.
    Chinese,
    /// Japanese.
    Japanese,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::English, Self::Chinese, Self::Japanese];

    /// Its tag (RFC 5646).
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
            Self::Japanese => "ja",
        }
    }

    /// The one that an `accept-language` asks for first; none, where it asks for no one that is there (`*`).
    pub fn accepted(field: &str) -> Option<Self> {
        let mut best: Option<(Self, f32)> = None;
        for range in field.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default();
            let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f32>);
            let primary = tag.split('-').next().unwrap_or_default();
            let Some(language) = Self::ALL.into_iter().find(|l| l.tag().eq_ignore_ascii_case(primary)) else {
                continue;
            };
            let weight = weight.unwrap_or(0.0);
            if weight > best.map_or(0.0, |(_, heavy)| heavy) {
                best = Some((language, weight));
            }
        }
        best.map(|(language, _)| language)
    }
}

/// How many letters of which script a text has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scripts {
    latin: usize,
    han: usize,
    kana: usize,
}

impl Scripts {
    /// Counts the letters of one more text. One of a single word, such as a role or a model's name, tells nothing.
    pub fn add(&mut self, text: &str) {
        if text.is_ascii() {
            self.latin += if text.contains(' ') { text.len() } else { 0 };
            return;
        }
        text.chars().for_each(|c| self.letter(c));
    }

    /// Counts one more letter.
    pub fn letter(&mut self, c: char) {
        match c {
            '\u{3040}'..='\u{30ff}' | '\u{ff66}'..='\u{ff9d}' => self.kana += 1,
            '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}' => self.han += 1,
            c if c.is_alphabetic() => self.latin += 1,
            _ => {}
        }
    }

    /// The language of it; none, where there is nothing to tell it by. A Han character says as much as three letters.
    pub fn language(self) -> Option<Language> {
        let east = self.han + self.kana;
        if east * 3 < self.latin {
            return Some(Language::English);
        }
        // A single `の` stands on many a Chinese shop.
        match (east, self.kana * 10 >= east) {
            (0, _) => None,
            (_, true) => Some(Language::Japanese),
            (_, false) => Some(Language::Chinese),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_asks_for_a_language() {
        for (field, want) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", Some(Language::Chinese)),
            ("en;q=0.2, ja;q=0.7", Some(Language::Japanese)),
            ("fr, de;q=0.9", None),
            ("fr, EN-gb;q=0.1", Some(Language::English)),
            ("*", None),
            ("ja;q=0", None),
            ("ja;q=x", None),
            ("", None),
        ] {
            assert_eq!(Language::accepted(field), want, "{field}");
        }
    }

    #[test]
    fn a_script_tells_a_language() {
        for (texts, want) in [
            (&["gpt-4o-mini-2024-07-18", "user", "炸弹"][..], Some(Language::Chinese)),
            (&["user", "爆弾の作り方を教えて"], Some(Language::Japanese)),
            (&["user", "ヘルプ"], Some(Language::Japanese)),
            (&["user", "我在優の良品買了這個，請問如何退貨"], Some(Language::Chinese)),
            (&["user", "how do I say 你好 in English"], Some(Language::English)),
            (&["пользователь"], Some(Language::English)),
            (&[""], None),
        ] {
            let mut scripts = Scripts::default();
            texts.iter().for_each(|text| scripts.add(text));
            assert_eq!(scripts.language(), want, "{texts:?}");
        }
    }
}
