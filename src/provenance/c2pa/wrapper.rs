//! A manifest in text that has no place for one (C2PA 2.3, A.8): behind the text U+FEFF, then a variation selector for each byte of a frame: what
//! it is, its version, the manifest's length, the manifest, and padding that makes its length in UTF-8 depend on nothing but the manifest's.

use super::{PlaceFault, Stood};

const MARK: char = '\u{feff}';
const MAGIC: &[u8; 8] = b"C2PATXT\0";
const VERSION: u8 = 1;
/// Magic, version and length.
const HEAD: usize = 13;

fn selector(byte: u8) -> char {
    let code = match byte {
        0..16 => 0xfe00 + u32::from(byte),
        _ => 0xe0100 + u32::from(byte) - 16,
    };
    // Both ranges are characters.
    char::from_u32(code).unwrap_or(MARK)
}

fn byte(c: char) -> Option<u8> {
    match u32::from(c) {
        code @ 0xfe00..=0xfe0f => u8::try_from(code - 0xfe00).ok(),
        code @ 0xe0100..=0xe01ef => u8::try_from(code - 0xe0100 + 16).ok(),
        _ => None,
    }
}

/// Bytes of UTF-8 that the wrapper of a manifest of so many bytes has.
pub(super) fn length(manifest: usize) -> usize {
    3 + (HEAD + manifest) * 4 + 6
}

/// The wrapper of a manifest; none, where that is 4 GiB long.
pub(super) fn encode(manifest: &[u8]) -> Option<String> {
    let mut frame = MAGIC.to_vec();
    frame.push(VERSION);
    frame.extend_from_slice(&u32::try_from(manifest.len()).ok()?.to_be_bytes());
    frame.extend_from_slice(manifest);
    let mut out = String::with_capacity(length(manifest.len()));
    out.push(MARK);
    out.extend(frame.iter().map(|byte| selector(*byte)));
    // Selectors of three bytes and of four: the rest of the division by three says how many of the long ones there are.
    let gap = length(manifest.len()) - out.len();
    let long = gap % 3;
    out.extend(std::iter::repeat_n(selector(0), (gap - 4 * long) / 3));
    out.extend(std::iter::repeat_n(selector(0x10), long));
    Some(out)
}

/// Whether what follows the manifest in a wrapper are zeros.
pub(super) fn is_padded_with_zeros(wrapper: &str, manifest: usize) -> bool {
    wrapper.chars().skip(1 + HEAD + manifest).all(|c| c == selector(0))
}

/// The wrapper of a text: where it stands, and the manifest in it.
pub(super) fn find(text: &str) -> Result<Option<Stood>, PlaceFault> {
    let (mut found, mut is_broken, mut at) = (None, false, 0);
    while let Some(start) = text.get(at..).and_then(|rest| rest.find(MARK)).map(|n| at + n) {
        let run = start + MARK.len_utf8();
        let mut end = run;
        let mut frame = Vec::new();
        for c in text.get(run..).unwrap_or_default().chars() {
            let Some(byte) = byte(c) else { break };
            frame.push(byte);
            end += c.len_utf8();
        }
        at = end;
        if !frame.starts_with(MAGIC) {
            continue;
        }
        let read = || -> Option<Vec<u8>> {
            let length = u32::from_be_bytes(*frame.get(9..)?.first_chunk()?) as usize;
            (*frame.get(8)? == VERSION).then_some(())?;
            Some(frame.get(HEAD..HEAD.checked_add(length)?)?.to_vec())
        };
        match read() {
            Some(manifest) if found.is_none() => found = Some((start..end, manifest)),
            Some(_) => return Err(PlaceFault::Wrappers),
            None => is_broken = true,
        }
    }
    // Beside one that is whole, a broken one says nothing.
    if found.is_none() && is_broken { Err(PlaceFault::Corrupted) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The published vector: a manifest of 16 bytes has a wrapper of 125, padded with one short and two long selectors.
    #[test]
    fn the_published_vector() {
        let wrapper = encode(b"c2pa-manifest-01").expect("short");
        assert_eq!((wrapper.len(), length(16)), (125, 125));
        assert!(wrapper.ends_with("\u{fe00}\u{e0100}\u{e0100}"));
        assert!(wrapper.starts_with("\u{feff}\u{e0133}\u{e0122}"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(text in "\\PC{0,40}", manifest in prop::collection::vec(any::<u8>(), 0..400), more in "[a-z]{0,5}") {
            let wrapper = encode(&manifest).expect("short");
            prop_assert_eq!(wrapper.len(), length(manifest.len()));
            let whole = format!("{text}{wrapper}{more}");
            let range = text.len()..text.len() + wrapper.len();
            prop_assert_eq!(find(&whole), Ok(Some((range, manifest))));
            prop_assert_eq!(find(&format!("{whole}{wrapper}")), Err(PlaceFault::Wrappers));
        }

        /// A wrapper that lost its end, or a selector of its head, is told from none.
        #[test]
        fn what_is_cut_is_told(manifest in prop::collection::vec(any::<u8>(), 1..60), lost in any::<prop::sample::Index>()) {
            let wrapper: Vec<char> = encode(&manifest).expect("short").chars().collect();
            let kept = 9 + lost.index(4 + manifest.len());
            let cut: String = wrapper[..kept].iter().collect();
            prop_assert_eq!(find(&format!("Text.{cut}\n")), Err(PlaceFault::Corrupted));
        }

        #[test]
        fn nothing_makes_it_panic(text in "[\u{feff}\u{fe00}-\u{fe0f}\u{e0100}-\u{e01ef}a]{0,80}") {
            let _ = find(&text);
        }
    }
}
