//! Traditional Chinese characters, and Japanese ones, as the simplified ones that they are forms of.
//!
//! A character folds only where it has one simplified form and is not written in simplified Chinese itself: `萬` is `万`, but
//! `乾` and `著` stay. Both forms are three bytes long, so that the view's map to the original stays as it is.
//!
//! Nothing is searched: a bit says whether a character folds, and how many bits stand before it says to which one.

use super::fold_data::SIMPLIFIED;

/// The characters that the bits speak of.
const FIRST: u32 = 0x3400;
const END: u32 = 0xA000;
const WORDS: usize = ((END - FIRST) / 64) as usize;
/// Bytes of a character and the one that it folds to.
const PAIR: usize = 6;
const PAIRS: usize = SIMPLIFIED.len() / PAIR;

struct Table {
    /// By character: whether it folds.
    folds: [u64; WORDS],
    /// How many characters before these 64 fold.
    before: [u16; WORDS],
    to: [u16; PAIRS],
}

static TABLE: Table = table();

const fn table() -> Table {
    let bytes = SIMPLIFIED.as_bytes();
    let mut table = Table { folds: [0; WORDS], before: [0; WORDS], to: [0; PAIRS] };
    let mut pair = 0;
    while pair < PAIRS {
        let place = (code(bytes, pair * PAIR) - FIRST) as usize;
        table.folds[place / 64] |= 1 << (place % 64);
        table.to[pair] = code(bytes, pair * PAIR + 3) as u16;
        pair += 1;
    }
    let (mut word, mut count) = (0, 0);
    while word < WORDS {
        table.before[word] = count;
        count += table.folds[word].count_ones() as u16;
        word += 1;
    }
    table
}

const fn code(bytes: &[u8], at: usize) -> u32 {
    (bytes[at] as u32 & 0x0F) << 12 | (bytes[at + 1] as u32 & 0x3F) << 6 | (bytes[at + 2] as u32 & 0x3F)
}

/// The simplified form of a character that is another one.
pub fn simplified(c: char) -> Option<char> {
    let code = u32::from(c);
    if !(FIRST..END).contains(&code) {
        return None;
    }
    let (word, bit) = ((code - FIRST) as usize / 64, code % 64);
    let folds = TABLE.folds.get(word)?;
    if folds >> bit & 1 == 0 {
        return None;
    }
    let rank = usize::from(*TABLE.before.get(word)?) + (folds & ((1 << bit) - 1)).count_ones() as usize;
    TABLE.to.get(rank).and_then(|&to| char::from_u32(u32::from(to)))
}

/// Whether the character folds that begins with the byte `first`, 0xE4 to 0xE9, before `second` and `third`: one bit.
#[inline]
pub(super) fn folds(first: u8, second: u8, third: u8) -> u64 {
    let word = (usize::from(first & 0x0F) << 6 | usize::from(second & 0x3F)) - (FIRST / 64) as usize;
    TABLE.folds.get(word).map_or(0, |bits| bits >> (third & 0x3F) & 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_every_pair() {
        let chars: Vec<char> = SIMPLIFIED.chars().collect();
        assert_eq!(chars.len(), PAIRS * 2, "every character has three bytes");
        for (at, pair) in chars.chunks_exact(2).enumerate() {
            let (from, to) = (pair[0], pair[1]);
            assert_eq!(simplified(from), Some(to), "{from}");
            assert_eq!(simplified(to), None, "{to} is what {from} folds to");
            assert!(at == 0 || chars[2 * at - 2] < from, "{from} is out of order");
        }
        assert_eq!((0..=char::MAX as u32).filter_map(char::from_u32).filter_map(simplified).count(), PAIRS);
    }

    #[test]
    fn bytes_say_what_characters_say() {
        for c in '\u{4000}'..'\u{A000}' {
            let mut bytes = [0; 4];
            c.encode_utf8(&mut bytes);
            assert_eq!(folds(bytes[0], bytes[1], bytes[2]) == 1, simplified(c).is_some(), "{c}");
        }
    }

    #[test]
    fn what_simplified_writing_uses_itself_stays() {
        for c in "乾著后里面只干发台云系松准制御表谷丑斗几了借藉徵覆像沈".chars() {
            assert_eq!(simplified(c), None, "{c}");
        }
        for (from, to) in "萬万與与東东體体髮发發发後后於于臺台裡里裏里為为爲为羣群峯峰気气験验売卖槍枪彈弹"
            .chars()
            .collect::<Vec<_>>()
            .chunks_exact(2)
            .map(|p| (p[0], p[1]))
        {
            assert_eq!(simplified(from), Some(to), "{from}");
        }
    }
}
