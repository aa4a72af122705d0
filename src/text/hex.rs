//! Bytes in hexadecimal digits, and back.

/// The digits of the bytes, in lower case. Made in one piece: of a secret no other copy stays behind.
pub fn encode(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from_digit(u32::from(n), 16).unwrap_or('0');
    let mut out = String::with_capacity(2 * bytes.len());
    out.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
    out
}

/// So many bytes of twice as many digits, in either case; nothing for anything else.
pub fn array<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_bytes().as_chunks();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut out = [0; N];
    for (byte, pair) in out.iter_mut().zip(pairs) {
        *byte = value(*pair)?;
    }
    Some(out)
}

/// As many bytes as there are pairs of digits, in either case; nothing for anything else.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks();
    rest.is_empty().then(|| pairs.iter().map(|pair| value(*pair)).collect())?
}

fn value(pair: [u8; 2]) -> Option<u8> {
    let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
    Some((high? << 4 | low?) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes: [u8; 7]) {
            let text = encode(&bytes);
            prop_assert_eq!(array(&text), Some(bytes));
            prop_assert_eq!(decode(&text.to_uppercase()), Some(bytes.to_vec()));
            prop_assert_eq!(array::<6>(&text), None);
        }
    }

    #[test]
    fn what_is_no_digit_is_refused() {
        for text in ["0", "0g", "+f", "é", "0x", " 0"] {
            assert_eq!((decode(text), array::<1>(text)), (None, None), "{text}");
        }
        assert_eq!(decode(""), Some(Vec::new()));
    }
}
