//! What a character may be in a disguised word: a letter, a sign that stands for one, or what stands between two.

use super::pattern::is_word;

/// What a character may be between or instead of letters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Between {
    Space,
    Line,
    /// Stands between letters that touch it: `bo-mb`.
    Sign {
        marked: bool,
    },
    /// Stands between letters of which none touches another: `b,o,m,b`.
    Mark {
        marked: bool,
    },
    No,
}

pub(super) fn between(c: char) -> Between {
    match c {
        ' ' | '\t' => Between::Space,
        '\n' | '\r' | '\u{b}' | '\u{c}' => Between::Line,
        '.' | '!' => Between::Sign { marked: true },
        '-' | '_' | '*' | '~' | '|' | '+' | '^' | '\'' | '`' | '#' | '@' | '$' | '=' | '%' | '&' => {
            Between::Sign { marked: false }
        }
        ',' | ':' | ';' | '?' => Between::Mark { marked: true },
        '/' | '\\' | '"' | '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '、' => {
            Between::Mark { marked: false }
        }
        '。' | '！' | '？' | '，' | '；' | '：' | '…' => Between::No,
        // The long vowel of Japanese counts as a letter.
        'ー' => Between::Sign { marked: false },
        _ if c.is_ascii() || is_letter(c) => Between::No,
        // Bullets, dots, arrows, emoji and all other signs.
        _ => Between::Sign { marked: false },
    }
}

/// The letters that a sign or digit stands for.
pub(super) fn leet(c: char) -> &'static str {
    match c {
        '0' => "o",
        '1' | '!' | '|' => "il",
        '2' => "z",
        '3' => "e",
        '4' | '@' => "a",
        '5' | '$' => "s",
        '6' => "gb",
        '7' | '+' => "t",
        '8' => "b",
        '9' => "g",
        '(' | '<' => "c",
        // Signs that are not ASCII, and letters of other scripts that no fold takes for Latin ones.
        '∆' | 'λ' => "a",
        '฿' | '₿' => "b",
        '¢' | '©' => "c",
        '€' | 'э' => "e",
        '£' => "l",
        'и' | 'п' | 'π' => "n",
        '○' | '●' | '◯' | '⭕' | 'θ' => "o",
        '®' | 'я' => "r",
        '§' => "s",
        '†' => "t",
        'ц' | '∪' => "u",
        '∨' | '√' => "v",
        '×' | '✕' | '✖' | '❌' => "x",
        '¥' | 'ч' => "y",
        _ => "",
    }
}

/// Signs that are not ASCII, with the letters that they stand for. Letters of other scripts begin no word: every word of such a text
/// would have to be looked at.
pub(super) fn wide_signs() -> Vec<(char, &'static str)> {
    let wide = ('\u{80}'..'\u{2FFF}').map(|c| (c, leet(c)));
    wide.filter(|&(c, letters)| !letters.is_empty() && !is_letter(c)).collect()
}

/// Letters and digits, Chinese ones first.
#[inline]
pub(super) fn is_letter(c: char) -> bool {
    match c {
        '\u{4E00}'..='\u{9FFF}' => true,
        '\0'..='\u{7F}' => c.is_ascii_alphanumeric(),
        // Marks of sentences and quotes.
        '\u{2010}'..='\u{206F}' | '\u{3001}'..='\u{3003}' => false,
        _ => c.is_alphanumeric(),
    }
}

/// Letters of scripts without spaces.
pub(super) fn is_wide(c: char) -> bool {
    !c.is_ascii() && is_letter(c) && !is_word(c)
}

/// Signs that stand for any letter but the first.
pub(super) fn is_wild(c: char) -> bool {
    matches!(c, '*' | '#')
}
