//! Folding: the view of a text on which rules match, with the way back to the original.
//!
//! Each character is folded for itself, so that a text may arrive in pieces of any size and the folded view never
//! changes behind its end. Folding takes away what disguises a word and leaves what makes it: compatibility forms
//! (`ｂ`, `𝐛`, `①`, `ﬁ`) become the plain character, accents and other combining marks, invisible and directional
//! characters and control characters go, white space becomes a space, digits of all scripts become ASCII digits, letters that look
//! Latin become Latin (also `🅱`, `🇧` and `ʙ`), and traditional Chinese becomes simplified. `B\u{301}о\u{200b}ｍb` folds to `Bomb`.
//!
//! The view keeps the case of ASCII letters (readers lower it with a table); all other letters are lower case.
//! Escapes are read as the characters they name: `\uXXXX` in plain text, all of JSON's in JSON source. Text that was escaped again and
//! again has more backslashes before a `uXXXX`: up to [`BACKSLASHES`] belong to it. A surrogate
//! pair joins, whether it comes as escapes or as the private characters that stand for lone surrogates, also when a
//! piece ends between its halves.
//!
//! Directional controls go and the letters stay in the order in which they were written: it is what programs and models read. What an
//! override shows backwards is a matter of reading backwards, not of folding.
//!
//! Not handled: conjoining Hangul jamo are not composed, and of what is escaped twice only `uXXXX` is read.

use super::TextPos;
use super::chinese::simplified;
use super::fold_table::{FOLDS_TO_ITSELF, fold_char, full_width};
use super::plain::plain;

/// What kind of text a channel carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TextKind {
    /// Text for people; only `\uXXXX` is read as the character it names.
    #[default]
    Plain,
    /// JSON source, as tool-call arguments are: every JSON escape is read as the character it names.
    Json,
}

/// A byte offset in the folded view, counted from the channel's first byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FoldPos(pub u64);

/// The private characters from here on stand for lone UTF-16 surrogates: `LONE + unit`.
const LONE: u32 = 0x10_0000;
/// What a surrogate without its other half is read as.
const BROKEN: u32 = 0xFFFD;
const SURROGATES: std::ops::Range<u32> = 0xD800..0xE000;
const HIGH: std::ops::Range<u32> = 0xD800..0xDC00;
const LOW: std::ops::Range<u32> = 0xDC00..0xE000;
/// The most backslashes before a `uXXXX` that are read with it: text that was put into JSON four times has eight.
const BACKSLASHES: u8 = 8;
/// `uXXXX`.
const UNIT: usize = 5;

/// The folded end of a channel's text: what the rules still need to look at.
#[derive(Clone, Debug, Default)]
pub struct View {
    base: u64,
    bytes: Vec<u8>,
    runs: Vec<Run>,
    /// The characters that folded to others, in order, where somebody asks for them.
    originals: Option<Vec<Original>>,
}

/// A character that folded to something else than itself.
#[derive(Clone, Copy, Debug)]
struct Original {
    fold: u64,
    /// Bytes of its folded form.
    len: u8,
    c: char,
}

/// A stretch of the view that maps to the original alike.
#[derive(Clone, Copy, Debug)]
struct Run {
    fold: u64,
    text: u64,
    /// Zero: byte for byte, until the next run. Else the length of the one original character (or escape) that the
    /// stretch came from.
    block: u32,
}

/// Folds one channel's text into a [`View`].
#[derive(Clone, Debug)]
pub struct Fold {
    kind: TextKind,
    seen: u64,
    escape: Escape,
    high: Option<High>,
}

/// An escape of which only the beginning has come.
#[derive(Clone, Copy, Debug, Default)]
struct Escape {
    start: u64,
    /// The backslashes with which it begins; none outside of one.
    slashes: u8,
    /// How much of `uXXXX` has come.
    len: u8,
    bytes: [u8; UNIT],
}

/// A high surrogate whose other half has not come.
#[derive(Clone, Copy, Debug)]
struct High {
    unit: u32,
    start: u64,
    end: u64,
}

// === impl View ===

impl View {
    /// The view of a whole text.
    pub fn of(kind: TextKind, text: &str) -> Self {
        let (mut fold, mut view) = (Fold::new(kind), Self::default());
        fold.push(text, &mut view);
        fold.finish(&mut view);
        view
    }

    /// The folded bytes held, UTF-8.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where [`View::bytes`] begins.
    pub fn base(&self) -> FoldPos {
        FoldPos(self.base)
    }

    /// Where [`View::bytes`] ends.
    pub fn end(&self) -> FoldPos {
        FoldPos(self.base + self.bytes.len() as u64)
    }

    /// The first original byte of the character that byte `at` came from; of the end, where the text stood that was
    /// folded last.
    pub fn text_start(&self, at: FoldPos) -> TextPos {
        let Some(run) = self.run(at.0) else { return TextPos(0) };
        TextPos(if run.block == 0 { run.text + (at.0 - run.fold) } else { run.text })
    }

    /// The byte after the original character that the byte before `at` came from.
    pub fn text_end(&self, at: FoldPos) -> TextPos {
        let before = at.0.saturating_sub(1);
        let Some(run) = self.run(before) else { return TextPos(0) };
        TextPos(if run.block == 0 { run.text + (at.0 - run.fold) } else { run.text + u64::from(run.block) })
    }

    /// From now on keeps what [`View::original`] needs.
    pub fn keep_originals(&mut self) {
        self.originals.get_or_insert_default();
    }

    /// The characters of which `from..to` is the folded form, if they have been kept.
    pub fn original(&self, from: FoldPos, to: FoldPos) -> String {
        let place = |at: u64| at.saturating_sub(self.base) as usize;
        let originals = self.originals.as_deref().unwrap_or_default();
        let first = originals.partition_point(|one| one.fold < from.0);
        let (mut at, mut text) = (from.0, Vec::new());
        for one in originals.iter().skip(first).take_while(|one| one.fold < to.0) {
            // What vanished before the first character does not belong to it.
            if one.fold == from.0 && one.len == 0 {
                continue;
            }
            text.extend_from_slice(self.bytes.get(place(at)..place(one.fold)).unwrap_or_default());
            text.extend_from_slice(one.c.encode_utf8(&mut [0; 4]).as_bytes());
            at = one.fold + u64::from(one.len);
        }
        text.extend_from_slice(self.bytes.get(place(at)..place(to.0)).unwrap_or_default());
        String::from_utf8(text).unwrap_or_default()
    }

    /// Forgets what stands before `at`. Runs in constant time on average, as it only moves bytes when there are many
    /// to forget.
    pub fn trim(&mut self, at: FoldPos) {
        const WORTHWHILE: usize = 512;
        let gone = at.0.saturating_sub(self.base).min(self.bytes.len() as u64) as usize;
        if gone < WORTHWHILE || gone < self.bytes.len() / 2 {
            return;
        }
        self.bytes.drain(..gone);
        self.base += gone as u64;
        let base = self.base;
        let keep = self.runs.partition_point(|run| run.fold <= base).saturating_sub(1);
        self.runs.drain(..keep);
        if let Some(originals) = &mut self.originals {
            let keep = originals.partition_point(|one| one.fold < base);
            originals.drain(..keep);
        }
    }

    fn run(&self, at: u64) -> Option<Run> {
        let next = self.runs.partition_point(|run| run.fold <= at);
        self.runs.get(next.checked_sub(1)?).copied()
    }

    /// Appends a stretch that maps byte for byte. `traditional`: Chinese characters in it fold, each to one as long.
    fn copy(&mut self, plain: &str, text: u64, traditional: bool) {
        let fold = self.end().0;
        if traditional {
            for c in plain.chars() {
                let folded = simplified(c).unwrap_or(c);
                if folded != c {
                    self.keep(c, self.end().0, folded.len_utf8());
                }
                self.bytes.extend_from_slice(folded.encode_utf8(&mut [0; 4]).as_bytes());
            }
        } else {
            self.bytes.extend_from_slice(plain.as_bytes());
        }
        self.note(fold, text);
    }

    fn note(&mut self, fold: u64, text: u64) {
        let goes_on =
            self.runs.last().is_some_and(|run| run.block == 0 && run.text + (fold - run.fold) == text);
        if !goes_on {
            self.runs.push(Run { fold, text, block: 0 });
        }
    }

    /// Notes a character that folds to another one, if somebody asks for such.
    fn keep(&mut self, c: char, fold: u64, len: usize) {
        if let Some(originals) = &mut self.originals {
            originals.push(Original { fold, len: len as u8, c });
        }
    }

    /// Appends one byte that a character of `len` bytes at `text` folds to.
    fn sign(&mut self, sign: u8, text: u64, len: u64) {
        let fold = self.end().0;
        self.bytes.push(sign);
        self.runs.push(Run { fold, text, block: len as u32 });
    }

    /// Appends the folded form of a character that stood at `text` and was `len` bytes long.
    fn push(&mut self, c: char, text: u64, len: u64) {
        let fold = self.end().0;
        fold_char(c, &mut self.bytes);
        let folded = self.end().0 - fold;
        if self.originals.is_some() {
            let written = self.bytes.len() - folded as usize;
            if self.bytes.get(written..) != Some(c.encode_utf8(&mut [0; 4]).as_bytes()) {
                self.keep(c, fold, folded as usize);
            }
        }
        if folded == len {
            self.note(fold, text);
        } else if folded > 0 {
            self.runs.push(Run { fold, text, block: len as u32 });
        }
    }
}

// === impl Fold ===

impl Fold {
    /// At the start of a channel.
    pub fn new(kind: TextKind) -> Self {
        Self { kind, seen: 0, escape: Escape::default(), high: None }
    }

    /// What kind of text it is.
    pub fn kind(&self) -> TextKind {
        self.kind
    }

    /// How much of the text has been given.
    pub fn seen(&self) -> TextPos {
        TextPos(self.seen)
    }

    /// Where the text begins that waits for its other half: a surrogate or an escape.
    pub fn pending(&self) -> Option<TextPos> {
        let escape = (self.escape.slashes > 0).then_some(self.escape.start);
        self.high.map(|high| high.start).or(escape).map(TextPos)
    }

    /// Folds the next piece onto the view's end.
    pub fn push(&mut self, piece: &str, view: &mut View) {
        let mut rest = piece;
        while let Some(first) = rest.bytes().next() {
            if (FOLDS_TO_ITSELF[usize::from(first)] || is_chinese(first)) && self.pending().is_none() {
                let (length, traditional) = plain(rest.as_bytes());
                let (plain, after) = rest.split_at(length);
                view.copy(plain, self.seen, traditional);
                self.seen += plain.len() as u64;
                rest = after;
                continue;
            }
            let mut chars = rest.chars();
            if let Some(c) = chars.next() {
                if (0x80..0xF0).contains(&first) && self.pending().is_none() {
                    // No surrogate and no escape.
                    match full_width(c).filter(|_| view.originals.is_none()) {
                        Some(sign) => view.sign(sign, self.seen, c.len_utf8() as u64),
                        None => view.push(c, self.seen, c.len_utf8() as u64),
                    }
                } else {
                    self.char(c, view);
                }
                self.seen += c.len_utf8() as u64;
            }
            rest = chars.as_str();
        }
    }

    /// Passes over a piece that nobody wants to look at.
    pub fn skip(&mut self, piece: &str) {
        self.seen += piece.len() as u64;
    }

    /// The text has ended: what waited for its other half stands for itself.
    pub fn finish(&mut self, view: &mut View) {
        self.give_up_escape(view);
        self.give_up_high(view);
    }

    fn char(&mut self, c: char, view: &mut View) {
        if self.escape.slashes > 0 {
            if self.escape_goes_on(c, view) {
                return;
            }
            self.give_up_escape(view);
        }
        if c == '\\' {
            self.escape = Escape { start: self.seen, slashes: 1, ..Escape::default() };
            return;
        }
        self.unit(u32::from(c), self.seen, c.len_utf8() as u64, view);
    }

    /// Whether `c` belongs to the escape begun.
    fn escape_goes_on(&mut self, c: char, view: &mut View) -> bool {
        let Escape { start, slashes, len, .. } = self.escape;
        match (len, c) {
            (0, '\\') if slashes < BACKSLASHES => {
                self.escape.slashes += 1;
                return true;
            }
            (0, 'u') | (1.., '0'..='9' | 'a'..='f' | 'A'..='F') => {}
            (0, _) if self.kind == TextKind::Json && slashes % 2 == 1 => {
                let Some(unit) = named(c) else { return false };
                self.escape.slashes -= 1;
                self.give_up_escape(view);
                self.unit(unit, start + u64::from(slashes) - 1, 2, view);
                return true;
            }
            _ => return false,
        }
        if let Some(slot) = self.escape.bytes.get_mut(usize::from(len)) {
            *slot = c as u8;
        }
        self.escape.len += 1;
        if usize::from(self.escape.len) == UNIT {
            let hex = self.escape.bytes.iter().skip(1);
            let unit = hex.fold(0, |unit, &digit| unit << 4 | char::from(digit).to_digit(16).unwrap_or(0));
            self.escape = Escape::default();
            self.unit(unit, start, u64::from(slashes) + UNIT as u64, view);
        }
        true
    }

    /// What began like an escape is none: of its backslashes two are one in JSON source.
    fn give_up_escape(&mut self, view: &mut View) {
        let Escape { start, mut slashes, len, bytes } = std::mem::take(&mut self.escape);
        let mut at = start;
        while slashes > 0 {
            let one = if self.kind == TextKind::Json { slashes.min(2) } else { 1 };
            self.unit(u32::from('\\'), at, u64::from(one), view);
            at += u64::from(one);
            slashes -= one;
        }
        for (index, &byte) in bytes.iter().take(usize::from(len)).enumerate() {
            self.unit(u32::from(byte), at + index as u64, 1, view);
        }
    }

    fn give_up_high(&mut self, view: &mut View) {
        if let Some(High { start, end, .. }) = self.high.take() {
            emit(BROKEN, start, end, view);
        }
    }

    /// One UTF-16 surrogate or one character, at `start` and `len` bytes long.
    fn unit(&mut self, code: u32, start: u64, len: u64, view: &mut View) {
        let unit = if SURROGATES.contains(&code.wrapping_sub(LONE)) { code - LONE } else { code };
        let end = start + len;
        if LOW.contains(&unit)
            && let Some(high) = self.high.take()
        {
            let joined = 0x1_0000 + ((high.unit - HIGH.start) << 10) + (unit - LOW.start);
            return emit(joined, high.start, end, view);
        }
        self.give_up_high(view);
        if HIGH.contains(&unit) {
            self.high = Some(High { unit, start, end });
        } else {
            emit(unit, start, end, view);
        }
    }
}

/// What a backslash and this name in JSON, but for `uXXXX`.
fn named(c: char) -> Option<u32> {
    Some(match c {
        '"' | '\\' | '/' => u32::from(c),
        'b' => 8,
        't' => 9,
        'n' => 10,
        'f' => 12,
        'r' => 13,
        _ => return None,
    })
}

/// Whether a character of three bytes begins here that folds to itself or to one as long: U+4000..=U+9FFF.
#[inline]
pub fn is_chinese(first: u8) -> bool {
    matches!(first, 0xE4..=0xE9)
}

fn emit(code: u32, start: u64, end: u64, view: &mut View) {
    view.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), start, end - start);
}

/// The folded form of a whole plain text, case of ASCII letters kept: what keywords and literals are compared in.
pub fn fold_literal(text: &str) -> Vec<u8> {
    let mut folded = Vec::with_capacity(text.len());
    for c in text.chars() {
        fold_char(c, &mut folded);
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn view(kind: TextKind, pieces: &[&str]) -> View {
        let (mut fold, mut view) = (Fold::new(kind), View::default());
        for piece in pieces {
            fold.push(piece, &mut view);
        }
        fold.finish(&mut view);
        view
    }

    fn folded(kind: TextKind, text: &str) -> String {
        String::from_utf8(view(kind, &[text]).bytes().to_vec()).expect("the view is UTF-8")
    }

    #[test]
    fn disguises_fall() {
        let cases = [
            ("plain Text, 12%", "plain Text, 12%"),
            ("ｂｏｍｂ", "bomb"),
            ("𝐛𝕠𝓶𝖇", "bomb"),
            ("B\u{301}o\u{200b}m\u{ad}b", "Bomb"),
            ("bо\u{202e}mb", "bomb"), // Cyrillic o
            ("βοmb ϹϲΣς", "bomb CcOo"),
            ("crème brûlée", "creme brulee"),
            ("ﬁne", "fine"),
            ("①②３٤५", "12345"),
            ("Straße", "Strasse"),
            ("АКІА", "AKIA"), // Cyrillic capitals keep their case
            ("a\u{a0}b\u{3000}c\u{2028}d", "a b c d"),
            ("555\u{2011}1234", "555-1234"),
            ("\u{e0062}\u{e006f}x", "x"),
            ("a\0b\u{7f}c", "abc"),
            ("身份证號", "身份证号"),
            ("製造槍枝彈藥，後來", "制造枪枝弹药,后来"),
            ("乾隆與名著", "乾隆与名著"),
            ("検査・発売", "检查・发卖"),   // Japanese forms
            ("⼠兵⻢\u{f90a}", "士兵马金"), // Kangxi and other radicals, compatibility ideographs
            ("暴カ㈠", "暴力(一)"),         // a Japanese letter
            ("ﾃﾛｶﾞ", "テ口力\u{3099}"),
            ("🇧🇴🇲🇧 🅱🅾🅼🅱 🅑🅞🅜🅑 ⒝⒪⒨⒝ 🄑🄞", "bomb bomb bomb bomb bo"),
            ("1️⃣3️⃣8️⃣ ❶❸❽ ⓵⓷ ⓿", "138 138 13 0"),
            ("ʙᴏᴍʙ ꜰᴜᴄᴋ", "bomb fuck"),
            ("Ᏼꮎꮇᏼ ꓐꓳꓟꓐ ᗷOᗰᗷ", "Bomb bomb bOmb"), // Cherokee, Lisu, Canadian
            ("հօմ ԁоɡ", "hoմ dog"),               // Armenian
            ("ʇnɔ ǝɥʇ", "tnc eht"),
            ("ɓɵᵯƀ", "bomb"),
            ("xʰ₂", "xh2"),
            ("a\u{3164}b\u{115f}c\u{2800}d\u{ffa0}e", "abc de"),
            ("ÉÀ İı ẞ ΟΔΟΣ οδος", "EA Ii SS OδOO oδoo"),
            ("b\u{489}o\u{20dd}m\u{336}b\u{20e3}", "bomb"),
            ("한국", "한국"),
        ];
        for (text, expected) in cases {
            assert_eq!(folded(TextKind::Plain, text), expected, "{text:?}");
        }
    }

    #[test]
    fn escapes_are_read() {
        use TextKind::{Json, Plain};
        let cases = [
            (Plain, r"\u0062omb", "bomb"),
            (Plain, r"\ud835\udc1bomb", "bomb"),
            (Plain, r"C:\new \u12", r"C:\new \u12"),
            (Plain, r"\\u0062", "b"),
            (Plain, r"\\\\\u0062 \\ \\n", r"b \\ \\n"),
            (Json, r"\\u0062", "b"),
            (Json, r"\\\u0062 \\ \\n \\\n", "b \\ \\n \\\n"),
            (Json, r"\\\\\\\\\\u0062", r"\\\\b"),
            (Plain, r"\\u91d1\\u8272", "金色"),
            (Json, r#"a\"b\/c\nd\te"#, "a\"b/c\nd\te"),
            (Json, r"\q\", r"\q\"),
            (Plain, r"\ud83dx", "\u{fffd}x"),
            (Plain, "\u{10d835}\u{10dc1b}omb", "bomb"),
            (Plain, "\u{10d835}\\udc1bomb", "bomb"),
            (Plain, "\u{10dc1b}", "\u{fffd}"),
        ];
        for (kind, text, expected) in cases {
            assert_eq!(folded(kind, text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_way_back_covers_whole_characters() {
        let text = "xﬁ\u{200b}é\\u0062z";
        let view = view(TextKind::Plain, &[text]);
        assert_eq!(view.bytes(), b"xfiebz");
        let spans: Vec<_> =
            (0..6).map(|at| (view.text_start(FoldPos(at)).0, view.text_end(FoldPos(at + 1)).0)).collect();
        assert_eq!(spans, [(0, 1), (1, 4), (1, 4), (7, 9), (9, 15), (15, 16)]);
    }

    #[test]
    fn the_original_is_kept_where_it_is_asked_for() {
        let text = "x\u{200b}ﬁ萬\u{200b}é\u{301}z";
        let (mut fold, mut view) = (Fold::new(TextKind::Plain), View::default());
        view.keep_originals();
        fold.push(text, &mut view);
        assert_eq!(view.bytes(), "xfi万ez".as_bytes());
        let original = |from, to| view.original(FoldPos(from), FoldPos(to));
        assert_eq!(original(0, 8), "x\u{200b}ﬁ萬\u{200b}é\u{301}z");
        assert_eq!((original(1, 6).as_str(), original(3, 6).as_str()), ("ﬁ萬", "萬"));
        assert_eq!((original(6, 7).as_str(), original(6, 8).as_str()), ("é", "é\u{301}z"));
    }

    /// Each character on its own, through the slow way, with its span.
    fn reference(text: &str) -> (Vec<u8>, Vec<(u64, u64)>) {
        let (mut bytes, mut spans) = (Vec::new(), Vec::new());
        for (at, c) in text.char_indices() {
            let mut one = Vec::new();
            crate::text::fold_table::fold_slowly(c, &mut one);
            let one = if c.is_ascii() && !c.is_ascii_control() { vec![c as u8] } else { one };
            for within in 0..one.len() {
                let whole = (at as u64, (at + c.len_utf8()) as u64);
                let exact = (at as u64 + within as u64, at as u64 + within as u64 + 1);
                spans.push(if one.len() == c.len_utf8() { exact } else { whole });
            }
            bytes.extend(one);
        }
        (bytes, spans)
    }

    fn any_text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            4 => "[ -~]{0,6}",
            2 => proptest::collection::vec(any::<char>(), 0..4).prop_map(|chars| chars.into_iter().collect()),
            2 => "[à-ÿЀ-ӿΑ-ω①-⑳Ａ-ｚ\u{200b}-\u{200f}\u{300}-\u{310}]{0,4}",
            1 => "[一-龥ぁ-ヿ가-힣]{0,4}",
            2 => r#"\\u[0-9a-fA-F]{4}|\\ud83d\\ude00|\\[nrtbf"/\\]|\\u[0-9a-f]{0,3}|\\"#,
            1 => "[\u{10d800}-\u{10dfff}]{0,3}",
        ];
        proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn folding_equals_the_slow_reference(text in any_text()) {
            let text: String = text.chars().filter(|c| *c != '\\' && !(0x10_d800..0x10_e000).contains(&u32::from(*c))).collect();
            let view = view(TextKind::Plain, &[&text]);
            let (bytes, spans) = reference(&text);
            prop_assert_eq!(view.bytes(), &bytes[..]);
            for (at, span) in spans.iter().enumerate() {
                let at = at as u64;
                prop_assert_eq!((view.text_start(FoldPos(at)).0, view.text_end(FoldPos(at + 1)).0), *span);
            }
        }

        #[test]
        fn cuts_do_not_matter(text in any_text(), json in any::<bool>()) {
            let kind = if json { TextKind::Json } else { TextKind::Plain };
            let whole = view(kind, &[&text]);
            let chars: Vec<String> = text.chars().map(String::from).collect();
            let pieces: Vec<&str> = chars.iter().map(String::as_str).collect();
            let cut = view(kind, &pieces);
            prop_assert_eq!(whole.bytes(), cut.bytes());
            for at in 0..whole.bytes().len() as u64 {
                prop_assert_eq!(whole.text_start(FoldPos(at)), cut.text_start(FoldPos(at)));
                prop_assert_eq!(whole.text_end(FoldPos(at + 1)), cut.text_end(FoldPos(at + 1)));
            }
        }

        #[test]
        fn json_escapes_mean_what_serde_says(text in any::<String>()) {
            let source = serde_json::to_string(&text).expect("a string has a JSON form");
            let inner = source.trim_start_matches('"').strip_suffix('"').unwrap_or_default();
            let plain: String = text.chars().filter(|c| !(0x10_d800..0x10_e000).contains(&u32::from(*c))).collect();
            // What looks like an escape once more is read as one once more.
            prop_assume!(plain == text && !text.starts_with('"') && !text.contains("\\u"));
            let mut expected = Vec::new();
            for c in text.chars() {
                fold_char(c, &mut expected);
            }
            let view = view(TextKind::Json, &[inner]);
            prop_assert_eq!(view.bytes(), &expected[..]);
        }
    }
}
