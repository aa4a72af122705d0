//! What the digits of a JSON number say, however it is written: `4111111111111111`, `4.111111111111111e15` and `41111111111111110E-1` are
//! one number, and one card's.

/// Longest whole part that is written out. No number of a person, a card or an account is longer.
const LONGEST: i64 = 64;

/// A number's source in its parts: the digits of its whole part, of its fraction, and its exponent.
struct Parts<'s> {
    sign: &'s str,
    whole: &'s str,
    fraction: &'s str,
    exponent: Option<i64>,
}

impl<'s> Parts<'s> {
    fn of(source: &'s str) -> Option<Self> {
        let (sign, rest) = source.strip_prefix('-').map_or(("", source), |rest| ("-", rest));
        let (mantissa, exponent) = rest.split_once(['e', 'E']).map_or((rest, None), |(m, e)| (m, Some(e)));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let exponent = match exponent {
            Some(written) => Some(exponent_of(written)?),
            None => None,
        };
        (!whole.is_empty() && digits(whole) && digits(fraction)).then_some(Self {
            sign,
            whole,
            fraction,
            exponent,
        })
    }

    /// How many digits stand before the point once the exponent has moved it, and how many zeros lead the digits.
    fn point(&self) -> (i64, usize) {
        let both = self.whole.bytes().chain(self.fraction.bytes());
        let zeros = both.take_while(|&b| b == b'0').count();
        let signed = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let moved = signed(self.whole.len()).saturating_add(self.exponent.unwrap_or(0));
        (moved.saturating_sub(signed(zeros)), zeros)
    }
}

/// An exponent, no larger than any that matters: longer ones stay as large as they can be told.
fn exponent_of(written: &str) -> Option<i64> {
    let (negative, digits) = match written.as_bytes().first()? {
        b'-' => (true, written.get(1..)?),
        b'+' => (false, written.get(1..)?),
        _ => (false, written),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value = digits.bytes().fold(0i64, |n, b| n.saturating_mul(10).saturating_add(i64::from(b - b'0')));
    Some(if negative { -value } else { value })
}

/// A number with an exponent written without one: none where there is no exponent, where the source is no number, or where its whole
/// part would be longer than any number that names something.
pub fn written_out(source: &str) -> Option<String> {
    let parts = Parts::of(source)?;
    parts.exponent?;
    let (point, zeros) = parts.point();
    if point > LONGEST {
        return None;
    }
    let mut digits = parts.whole.bytes().chain(parts.fraction.bytes()).skip(zeros).map(char::from);
    let mut out = String::from(parts.sign);
    for _ in 0..point {
        out.push(digits.next().unwrap_or('0'));
    }
    if point <= 0 {
        out.push('0');
        return Some(out);
    }
    let fraction: String = digits.collect();
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(&fraction);
    }
    Some(out)
}

/// How many digits a number has before its point, wherever an exponent moves it to. More than can be written out are those that stand there.
pub fn whole_digits(source: &[u8]) -> usize {
    let bare = source.strip_prefix(b"-").unwrap_or(source);
    let standing = bare.iter().take_while(|b| b.is_ascii_digit()).count();
    if !bare.iter().any(|b| matches!(b, b'e' | b'E')) {
        return standing;
    }
    let parts = std::str::from_utf8(source).ok().and_then(Parts::of);
    match parts.map(|parts| parts.point().0) {
        Some(point) if point <= LONGEST => usize::try_from(point).unwrap_or(0),
        _ => standing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_however_it_is_written() {
        for (source, said) in [
            ("4111111111111111E0", "4111111111111111"),
            ("4111111111111111e+0", "4111111111111111"),
            ("4111111111111111e-0000", "4111111111111111"),
            ("41111111111111110e-1", "4111111111111111.0"),
            ("4.111111111111111e15", "4111111111111111"),
            ("4.1111111111111115e15", "4111111111111111.5"),
            ("0.0004111111111111111e19", "4111111111111111"),
            ("-41111111111e5", "-4111111111100000"),
            ("1e-7", "0"),
        ] {
            assert_eq!(written_out(source).as_deref(), Some(said), "{source}");
            let whole = said.trim_start_matches('-').split('.').next().map_or(0, str::len);
            assert_eq!(whole_digits(source.as_bytes()), if said == "0" { 0 } else { whole }, "{source}");
        }
        for source in
            ["4111111111111111", "1.5", "1e64", "1e999999999999999999999", "e5", "1e", "1e+", ".5e1", ""]
        {
            assert_eq!(written_out(source), None, "{source}");
        }
        assert_eq!(whole_digits(b"1e64"), 1);
        assert_eq!(whole_digits(b"12345678e999999999999999999999"), 8);
    }
}
