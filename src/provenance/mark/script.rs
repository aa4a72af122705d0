//! Scripts, as far as marks have to tell them apart.

/// What a character is to the place of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    /// A letter of a script that parts words by spaces and joins no letters: Latin, Greek, Cyrillic, Armenian, Hebrew, Georgian, Hangul.
    Spaced,
    /// A Han character without compatibility forms.
    Han,
    /// Kana.
    Kana,
    /// A sign above or below a letter.
    Mark,
    /// Anything else.
    Other,
}

impl Script {
    pub(super) fn of(c: char) -> Self {
        match c {
            'a'..='z' | 'A'..='Z' => Self::Spaced,
            '\0'..='\u{bf}' | '×' | '÷' => Self::Other,
            '\u{300}'..='\u{36f}' => Self::Mark,
            '\u{c0}'..='\u{24f}'
            | '\u{370}'..='\u{52f}'
            | '\u{531}'..='\u{587}'
            | '\u{10d0}'..='\u{10ff}'
            | '\u{1e00}'..='\u{1fff}'
                if c.is_alphabetic() =>
            {
                Self::Spaced
            }
            '\u{5d0}'..='\u{5ea}' | '\u{ac00}'..='\u{d7a3}' => Self::Spaced,
            '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{30fc}' => Self::Kana,
            '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{323af}' => Self::Han,
            _ => Self::Other,
        }
    }
}

/// Wide signs behind which a clause begins.
pub(super) fn is_clause_end(c: char) -> bool {
    matches!(c, '，' | '。' | '！' | '？' | '；' | '：' | '、')
}

/// Characters behind which a Chinese or Japanese word seldom goes on.
pub(super) fn is_particle(c: char) -> bool {
    matches!(
        c,
        '的' | '了'
            | '是'
            | '在'
            | '和'
            | '与'
            | '及'
            | '或'
            | '也'
            | '都'
            | '就'
            | '而'
            | '但'
            | '并'
            | '从'
            | '把'
            | '被'
            | '让'
            | '使'
            | '为'
            | '以'
            | '到'
            | '将'
            | '会'
            | '们'
            | '着'
            | 'は'
            | 'が'
            | 'を'
            | 'に'
            | 'で'
            | 'と'
            | 'も'
            | 'の'
            | 'へ'
    )
}

/// Numerals, and what stands right before one.
pub(super) fn is_numeral(c: char) -> bool {
    matches!(
        c,
        '〇' | '零'
            | '一'
            | '二'
            | '三'
            | '四'
            | '五'
            | '六'
            | '七'
            | '八'
            | '九'
            | '十'
            | '百'
            | '千'
            | '万'
            | '萬'
            | '亿'
            | '億'
            | '兆'
            | '两'
            | '兩'
            | '几'
            | '幾'
            | '半'
            | '第'
            | '壹'
            | '贰'
            | '叁'
            | '肆'
            | '伍'
            | '陆'
            | '柒'
            | '捌'
            | '玖'
            | '拾'
            | '佰'
            | '仟'
    )
}

/// Whether a word begins as a month's name does.
pub(super) fn is_month(start: [u8; 3]) -> bool {
    const MONTHS: [&[u8; 3]; 12] =
        [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
    MONTHS.contains(&&start)
}
