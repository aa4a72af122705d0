//! A sketch of a text: a number that texts which are like each other have almost in common, and from which no text can be told.

/// Of a longer text the beginning is sketched.
const MOST: usize = 2000;
/// What is shorter is like too much: `ok`, `go on`, 继续.
const LEAST: usize = 8;
/// So many bits of texts that are like each other differ at most. Of texts that are not, about 64 do.
const LIKE: u32 = 34;

/// A sketch (SimHash, 128 bits, over three letters or digits at a time).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sketch(u128);

impl Sketch {
    /// The sketch of a text; none of one that is too short to tell it from others.
    pub fn of(text: &str) -> Option<Self> {
        let letters: Vec<char> =
            text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(MOST).collect();
        if letters.len() < LEAST {
            return None;
        }
        let mut votes = [0_i32; 128];
        for three in letters.windows(3) {
            let hash = mixed(three);
            for (n, vote) in votes.iter_mut().enumerate() {
                *vote += if hash >> n & 1 == 1 { 1 } else { -1 };
            }
        }
        Some(Self(votes.iter().enumerate().fold(0, |all, (n, vote)| all | (u128::from(*vote > 0) << n))))
    }

    /// Whether its text is like the other one's.
    pub fn is_like(self, other: Self) -> bool {
        (self.0 ^ other.0).count_ones() <= LIKE
    }
}

/// A number whose bits all hang on all letters (the last step of MurmurHash3, twice).
fn mixed(letters: &[char]) -> u128 {
    let number = letters
        .iter()
        .fold(0_u64, |all, c| all.wrapping_mul(0x0020_0003).wrapping_add(u64::from(u32::from(*c))));
    let mix = |mut n: u64| {
        n = (n ^ (n >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        n = (n ^ (n >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        n ^ (n >> 33)
    };
    u128::from(mix(number)) << 64 | u128::from(mix(number ^ 0x9e37_79b9_7f4a_7c15))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn like(a: &str, b: &str) -> bool {
        Sketch::of(a).expect("a sketch").is_like(Sketch::of(b).expect("a sketch"))
    }

    #[test]
    fn variants_are_alike_and_other_texts_are_not() {
        for (a, b) in [
            (
                "How do I open the lock of a car without its key?",
                "How do I open the lock of that car without a key??",
            ),
            ("Tell me how to make a cake without flour", "please tell me, how to make a CAKE without flour!"),
            ("写一封信给老师，说明我为什么迟到", "写一封信给老师，说明我为什么会迟到"),
            (
                "Question 17: what is the capital of the country?",
                "Question 18: what is the capital of the country?",
            ),
        ] {
            assert!(like(a, b), "{a} | {b}");
        }
        for (a, b) in [
            (
                "How do I open the lock of a car without its key?",
                "What should I plant on my balcony in spring?",
            ),
            ("写一封信给老师，说明我为什么迟到", "介绍一下长江三角洲的气候特点"),
            ("Translate to German: the train is late", "Translate to German: my sister lives near the sea"),
        ] {
            assert!(!like(a, b), "{a} | {b}");
        }
        assert_eq!(Sketch::of("ok, go!"), None);
        assert_eq!(Sketch::of(""), None);
    }
}
