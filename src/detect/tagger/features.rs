//! What the tagger sees of a token: hashes of it, of its neighbours and of what is known of them.

use super::token::{Kind, NOTHING, Token, shape};

/// The most features of a token.
pub const MOST_FEATURES: usize = 48;

/// A unit with what stands before it.
#[derive(Clone, Copy)]
pub struct Unit<'t> {
    tokens: &'t [Token],
    before: &'t [Token],
    /// How the unit's letters are written as a whole: lower case, capitals, each word with a capital, or as usual.
    manner: u32,
}

impl<'t> Unit<'t> {
    /// Of tokens that know what the lexicon says.
    pub fn new(tokens: &'t [Token], before: &'t [Token]) -> Self {
        let count =
            |want: u8| tokens.iter().filter(|token| token.kind == Kind::Word && token.shape == want).count();
        let (lower, upper, title) = (count(shape::LOWER), count(shape::UPPER), count(shape::TITLE));
        let manner = match () {
            () if lower + upper + title < 2 => 0,
            () if title + upper == 0 => 1,
            () if upper > lower + title => 2,
            () if title > 2 * lower => 3,
            () => 4,
        };
        Self { tokens, before, manner }
    }

    #[inline]
    fn at(&self, at: usize, by: isize) -> &'t Token {
        let stands = match at.checked_add_signed(by) {
            Some(place) => self.tokens.get(place),
            None => {
                self.before.len().checked_sub(by.unsigned_abs() - at).and_then(|back| self.before.get(back))
            }
        };
        stands.unwrap_or(&NOTHING)
    }

    /// The features of the token at `at`, none twice.
    #[inline]
    pub fn features(&self, at: usize, out: &mut Vec<u32>) {
        let t = self.at(at, 0);
        let (a, b) = (self.at(at, -1), self.at(at, 1));
        let (aa, bb) = (self.at(at, -2), self.at(at, 2));
        let mut put = |kind: u32, one: u32, other: u32| out.push(mix(kind, one, other));
        let gaps = u32::from(t.gap as u8) | u32::from(b.gap as u8) << 2;
        let shapes = u32::from(a.shape) | u32::from(t.shape) << 8 | u32::from(b.shape) << 16;
        let known = |token: &Token| u32::from(token.known);
        // Of Chinese and kana the kinds are what shapes are of words.
        let kinds = |token: &Token| u32::from(token.kind as u8);
        put(1, t.word, 0);
        put(2, a.word, 0);
        put(3, b.word, 0);
        put(4, aa.word, 0);
        put(5, bb.word, 0);
        put(6, a.word, t.word);
        put(7, t.word, b.word);
        put(8, a.word, b.word);
        put(9, known(t) | known(a) << 16, gaps | kinds(t) << 8);
        put(10, known(t) | known(b) << 16, gaps | kinds(t) << 8);
        put(11, known(a) | known(b) << 16, known(t) | gaps << 16);
        put(12, a.word, known(t) | u32::from(t.shape) << 16);
        put(13, b.word, known(t) | u32::from(t.shape) << 16);
        if t.kind.is_letter() {
            put(14, aa.word, a.word);
            put(15, b.word, bb.word);
            put(16, a.word ^ aa.word.rotate_left(9), t.word);
            put(17, a.word ^ b.word.rotate_left(9), t.word);
            put(18, t.word ^ b.word.rotate_left(9), bb.word);
            let far = kinds(aa) | kinds(a) << 3 | kinds(t) << 6 | kinds(b) << 9 | kinds(bb) << 12;
            put(19, far, gaps);
            let (aaa, bbb) = (self.at(at, -3), self.at(at, 3));
            put(22, aaa.word, 0);
            put(23, bbb.word, 0);
            let (ca, ct, cb, cbb) = (class(a), class(t), class(b), class(bb));
            put(20, ct, ca << 8 | cb << 16 | cbb << 24);
            put(21, ct, ca << 8 | cb << 16);
            put(24, ct, cb << 8 | cbb << 16);
            put(25, ct, ca << 8 | class(aa) << 16);
            put(26, ct | ca << 8 | cb << 16, class(aa));
            put(44, a.word, ct | cb << 8);
            put(45, b.word, ct | ca << 8);
            put(46, ct | cb << 8 | cbb << 16, class(bbb));
            put(47, a.word, ct | cb << 8 | cbb << 16);
            put(27, bb.word, bbb.word);
            put(28, aaa.word, aa.word);
        } else {
            put(30, shapes, gaps);
            put(31, u32::from(t.shape) | self.manner << 8, known(t));
            put(32, shapes, known(t));
            let far = u32::from(aa.shape) | u32::from(bb.shape) << 8;
            put(33, shapes, far);
            put(34, known(t) | known(aa) << 16, known(a) | gaps << 16);
            put(35, known(t) | known(bb) << 16, known(b) | gaps << 16);
            put(36, aa.word, a.word);
            put(37, b.word, bb.word);
            put(38, aa.word, u32::from(t.shape) | known(t) << 8);
            if t.kind == Kind::Word {
                let [p2, p3, s2, s3, s4] = t.affixes;
                put(39, p2, 0);
                put(40, p3, u32::from(t.shape));
                put(41, s2, u32::from(t.shape));
                put(42, s3, 0);
                put(43, s4, u32::from(t.shape));
            }
        }
    }
}

/// What is known of a character, in eight bits.
#[inline]
fn class(token: &Token) -> u32 {
    use super::lexicon::trait_of as of;
    if token.kind != Kind::Han {
        return 0xF0 | u32::from(token.kind as u8);
    }
    let has = |traits: u16| u32::from(token.known & traits != 0);
    let surname = has(of::HAN_SURNAME) + has(of::SURNAME) * has(of::HAN_SURNAME);
    let given = has(of::HAN_GIVEN) + has(of::TITLE);
    let other = match () {
        () if token.known & of::COMMON != 0 => 1,
        () if token.known & (of::HAN_ORGANISATION | of::HAN_TITLE) != 0 => 2,
        () if token.known & of::HAN_PLACE != 0 => 3,
        () if token.known & (of::GIVEN | of::JAPANESE_SURNAME | of::JAPANESE_GIVEN) != 0 => 4,
        () => 0,
    };
    surname + 3 * given + 9 * (u32::from(token.seat) + 4 * other)
}

#[inline]
fn mix(kind: u32, one: u32, other: u32) -> u32 {
    let h = (one.wrapping_mul(0x9E37_79B1) ^ other.wrapping_mul(0x85EB_CA6B).rotate_left(15))
        .wrapping_add(kind.wrapping_mul(0xC2B2_AE35));
    let h = (h ^ h >> 15).wrapping_mul(0x2C1B_3C6D);
    h ^ h >> 13
}
