//! Keys and tokens.

use super::{passed, raised};

pub(super) fn entropy(text: &[u8]) -> Option<f32> {
    random_looking(text, 3.0)
}

pub(super) fn entropy_high(text: &[u8]) -> Option<f32> {
    random_looking(text, 4.0)
}

/// Letters and digits, at least that many bits a character by their own frequencies, and nothing that documentation
/// puts where a secret belongs. Sixteen different characters have 4 bits, so short secrets need the lower bound.
fn random_looking(text: &[u8], bits: f64) -> Option<f32> {
    let letters = text.iter().any(u8::is_ascii_alphabetic);
    let digits = text.iter().any(u8::is_ascii_digit);
    passed(letters && digits && shannon(text) >= bits && !is_placeholder(text))
}

/// A digit among whatever else the expression allows: a number plate, not a word in capitals.
pub(super) fn has_digit(text: &[u8]) -> Option<f32> {
    text.iter().any(u8::is_ascii_digit).then_some(0.9)
}

/// Not a placeholder: `ghp_xxxx...` and `AKIAXXXX...` have fewer than 2.5 bits a character, drawn ones more. Unlike
/// [`entropy`] it asks for no digit, which one key of AWS in thirty lacks.
pub(super) fn token(text: &[u8]) -> Option<f32> {
    let repeats = |run: &[u8]| run.iter().all(|byte| Some(byte) == run.first());
    passed(shannon(text) >= 2.5 && !text.windows(8).any(repeats))
}

/// A value that stands without quotes: as [`entropy`], and letters and digits alternate as names in code do not.
pub(super) fn token_bare(text: &[u8]) -> Option<f32> {
    random_looking(text, 3.0).filter(|_| alternations(text) >= 4)
}

/// What people choose: letters with digits in the middle, in both cases, or with a sign among them; no path, no member
/// of something, no placeholder.
pub(super) fn password(text: &[u8]) -> Option<f32> {
    const SIGNS: &[u8] = b"!@#$%^&*+?~";
    const NOT_FIRST: &[u8] = b"/.-$%<{[(*";
    let any = |is: fn(&u8) -> bool| text.iter().any(is);
    let cases = any(u8::is_ascii_lowercase) && any(u8::is_ascii_uppercase);
    let signs = |text: &[u8]| text.iter().any(|byte| SIGNS.contains(byte));
    let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
    let chosen = if any(u8::is_ascii_digit) {
        cases || alternations(text) >= 2 || signs(text)
    } else {
        cases && signs(inner)
    };
    // Text that repeats `pwd=` asks at every word: the dearer a question, the later it comes.
    let path = || text.first().is_some_and(|first| NOT_FIRST.contains(first));
    let member =
        || text.windows(3).any(|w| w[1] == b'.' && w[0].is_ascii_alphabetic() && w[2].is_ascii_alphabetic());
    let named = || text.windows(4).any(|part| part.eq_ignore_ascii_case(b"pass"));
    let typed = || any(u8::is_ascii_alphabetic) && !is_placeholder(text) && shannon(text) >= 2.0;
    passed(chosen && !path() && !member() && !named() && typed())
}

/// How often a digit follows a letter or a letter a digit.
fn alternations(text: &[u8]) -> usize {
    let turns = |pair: &&[u8]| {
        (pair[0].is_ascii_digit() && pair[1].is_ascii_alphabetic())
            || (pair[0].is_ascii_alphabetic() && pair[1].is_ascii_digit())
    };
    text.windows(2).filter(turns).count()
}

fn shannon(text: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for &byte in text {
        counts[usize::from(byte)] += 1;
    }
    let length = text.len() as f64;
    counts
        .iter()
        .filter(|&&count| count > 0)
        .map(|&count| f64::from(count) / length)
        .map(|p| -p * p.log2())
        .sum()
}

/// What stands for a secret in examples.
fn is_placeholder(text: &[u8]) -> bool {
    const WORDS: [&[u8]; 12] = [
        b"example",
        b"placeholder",
        b"changeme",
        b"your_",
        b"your-",
        b"yourkey",
        b"xxxx",
        b"****",
        b"dummy",
        b"<",
        b"${",
        b"{{",
    ];
    let holds = |word: &[u8]| text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    let rises = |run: &[u8]| run.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1));
    WORDS.iter().any(|word| holds(word)) || text.windows(9).any(rises)
}

/// `prefix_` and 36 characters of which the last six are the CRC-32 of the thirty before, in base 62.
pub(super) fn github_token(text: &[u8]) -> Option<f32> {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let at = text.iter().position(|&byte| byte == b'_')?;
    let (body, check) = text.get(at + 1..)?.split_at_checked(30)?;
    let stated = check.iter().try_fold(0_u64, |stated, byte| {
        Some(stated * 62 + DIGITS.iter().position(|digit| digit == byte)? as u64)
    })?;
    Some(raised(check.len() == 6 && stated == u64::from(crc32(body))))
}

/// CRC-32 as in ISO 3309, bit by bit: tokens are rare and short.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ (0xEDB8_8320 & 0_u32.wrapping_sub(crc & 1));
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), |crc, _| step(crc)))
}

/// The head of a token is at most this long here; the rest is not looked at.
const JWT_HEAD: usize = 384;

pub(super) fn jwt(text: &[u8]) -> Option<f32> {
    let mut parts = text.split(|&byte| byte == b'.');
    let (head, body, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    let mut decoded = [0; JWT_HEAD];
    let length = base64url(head, &mut decoded)?;
    let json = decoded.get(..length)?;
    passed(json.starts_with(b"{") && json.windows(5).any(|part| part == b"\"alg\"") && body.len() > 3)
}

/// Decodes as much as fits; returns how much.
fn base64url(text: &[u8], out: &mut [u8]) -> Option<usize> {
    let (mut bits, mut held, mut length) = (0_u32, 0, 0);
    for &byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' | b'+' => 62,
            b'_' | b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xFFFF;
        held += 6;
        if held >= 8 {
            held -= 8;
            let Some(slot) = out.get_mut(length) else { break };
            *slot = (bits >> held & 0xFF) as u8;
            length += 1;
        }
    }
    Some(length)
}
