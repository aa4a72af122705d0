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

/// A value right behind a name that says it is secret: drawn, or made up of rows of the keyboard as in documentation that
/// stands for drawn ones; no word, name in code or path, nothing that tells the reader to put his own there.
pub(super) fn token_named(text: &[u8]) -> Option<f32> {
    if told_to_fill(text) || !is_grouped(text) && is_name(text) {
        return None;
    }
    let letters = text.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
    let few = shannon(text) < 2.0;
    let drawn = match (letters, digits) {
        _ if few || letters + digits < text.len() * 3 / 4 => false,
        (0, digits) => digits >= 24,
        (letters, 0) => {
            let hex = text.iter().all(u8::is_ascii_hexdigit);
            letters >= 16 && is_mixed(text) || letters >= 20 && (hex || rows(text) >= 12)
        }
        _ if is_grouped(text) => true,
        _ if text.iter().all(u8::is_ascii_hexdigit) => letters + digits >= 12,
        _ => {
            alternations(text) >= 4
                || is_mixed(text)
                || letters.min(digits) >= 3 && wordy(text) * 4 < text.len()
        }
    };
    // Where it reads as words it is a name: `default_token_v2`.
    passed(drawn && (wordy(text) * 2 < text.len() || alternations(text) >= text.len() / 4))
}

/// A token that stands alone and of which nothing says what it is: no digest, no name, no group of digits.
pub(super) fn token_alone(text: &[u8]) -> Option<f32> {
    let hex = text.iter().all(u8::is_ascii_hexdigit);
    let digest = hex && matches!(text.len(), 32 | 40 | 56 | 64 | 96 | 128);
    let drawn = shannon(text) >= if hex { 3.2 } else { 4.0 } && alternations(text) >= 5;
    passed(drawn && !digest && !is_grouped(text) && !is_placeholder(text) && wordy(text) * 3 < text.len())
}

/// A token behind a short prefix of its issuer, `acme_` and what was drawn, where nothing else says what it is.
pub(super) fn token_prefixed(text: &[u8]) -> Option<f32> {
    let at = text.iter().rposition(|byte| b"_-.".contains(byte))?;
    let body = text.get(at + 1..)?;
    let hex = body.iter().all(u8::is_ascii_hexdigit);
    let all = [u8::is_ascii_lowercase, u8::is_ascii_uppercase, u8::is_ascii_digit];
    let classes = all.iter().filter(|is| body.iter().any(*is)).count();
    let turns = alternations(body);
    let drawn = if hex {
        turns >= 8 && body.len() >= 32
    } else {
        turns >= 4 && (classes == 3 || turns * 4 >= body.len())
    };
    let looks = body.len() >= 20 && drawn && shannon(body) >= 3.3 && wordy(body) * 3 < body.len();
    passed(looks && !is_placeholder(text)).map(|_| if hex { 0.5 } else { 0.8 })
}

/// Words with signs between: `sha256_digest_of_the_body`, `user-profile-page-1`, `config.settings.NAME`.
fn is_name(text: &[u8]) -> bool {
    let parts = text.split(|byte| b"_-./=".contains(byte)).filter(|part| !part.is_empty());
    let word = |part: &[u8]| alternations(part) <= 2 && !is_mixed(part) && part.len() <= 16;
    parts.clone().count() > 1 && parts.clone().filter(|part| !word(part)).count() == 0
}

/// Groups of letters and digits of the lengths of a UUID, or all of one length: `1a2b3c4d-e89b-...`, `ABC12-...`.
fn is_grouped(text: &[u8]) -> bool {
    let mut groups = text.split(|&byte| byte == b'-');
    let lengths: [usize; 5] = std::array::from_fn(|_| groups.next().map_or(0, <[u8]>::len));
    let alike = lengths.iter().filter(|&&length| length > 0).count() >= 4
        && lengths.iter().all(|&length| length == 0 || length == lengths[0]);
    (lengths == [8, 4, 4, 4, 12] || alike) && text.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

/// Upper and lower case change as they do in no name: runs of capitals and of small letters, again and again.
fn is_mixed(text: &[u8]) -> bool {
    let rises = text.windows(2).filter(|w| w[0].is_ascii_lowercase() && w[1].is_ascii_uppercase()).count();
    let falls =
        text.windows(3).filter(|w| w.iter().take(2).all(u8::is_ascii_uppercase) && w[2].is_ascii_lowercase());
    rises >= 3 && falls.count() >= 2 || rises > text.len() / 5
}

/// How many characters stand in runs of letters that read as words: four and more, with vowels where words have them, and no row
/// of the alphabet or the keyboard. A capital begins a run, capitals are one.
fn wordy(text: &[u8]) -> usize {
    let mut count = 0;
    let mut start = 0;
    let at = |place: usize| text.get(place).copied().unwrap_or_default();
    for end in 1..=text.len() {
        let (last, next, after) = (at(end - 1), at(end), at(end + 1));
        let camel = last.is_ascii_lowercase() && next.is_ascii_uppercase()
            || last.is_ascii_uppercase() && next.is_ascii_uppercase() && after.is_ascii_lowercase();
        if next.is_ascii_alphabetic() && last.is_ascii_alphabetic() && !camel {
            continue;
        }
        let run = text.get(start..end).unwrap_or_default();
        if run.len() >= 4 && run.iter().all(u8::is_ascii_alphabetic) && reads(run) {
            count += run.len();
        }
        start = end;
    }
    count
}

/// Whether a run of letters may be a word: a vowel in every four letters, few letters that are rare, no row.
fn reads(run: &[u8]) -> bool {
    let vowel = |byte: &u8| b"aeiouyAEIOUY".contains(byte);
    let rare = run.iter().filter(|byte| b"jqxzJQXZ".contains(byte)).count();
    let dry = run.windows(5).any(|part| !part.iter().any(vowel));
    run.iter().any(vowel) && !dry && rare * 5 <= run.len() && rows(run) < 4
}

/// The longest row of the alphabet, of digits or of the keyboard.
fn rows(text: &[u8]) -> usize {
    const KEYS: [&[u8]; 3] = [b"qwertyuiop", b"asdfghjkl", b"zxcvbnm"];
    let follows = |a: u8, b: u8| {
        let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
        let key = |row: &&[u8]| row.windows(2).any(|pair| pair == [a, b]);
        a.is_ascii_alphanumeric() && (b == a + 1 || a == b + 1) || KEYS.iter().any(key)
    };
    let (mut longest, mut row) = (0, 1);
    for pair in text.windows(2) {
        row = if follows(pair[0], pair[1]) { row + 1 } else { 1 };
        longest = longest.max(row);
    }
    longest
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
    let rises = |run: &[u8]| run.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1));
    told_to_fill(text) || text.windows(9).any(rises)
}

/// Words and signs that say that something else belongs here.
fn told_to_fill(text: &[u8]) -> bool {
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
    WORDS.iter().any(|word| holds(word))
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
