//! A manifest in a comment of Markdown (C2PA 2.3, A.9): one line between two delimiters, the manifest as a `data:` URL. It stands last, so that
//! front matter stays first; the line break before it belongs to it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::{PlaceFault, Stood};

const BEGIN: &str = "-----BEGIN C2PA MANIFEST-----";
const END: &str = "-----END C2PA MANIFEST-----";
const DATA: &str = "data:application/c2pa;base64,";

/// The block of a manifest, with the line break before it.
pub(super) fn encode(manifest: &[u8], line: &str) -> String {
    format!("{line}<!-- {BEGIN} {DATA}{} {END} -->", BASE64_STANDARD.encode(manifest))
}

/// Bytes of it, for a manifest of so many bytes.
pub(super) fn length(manifest: usize, line: &str) -> usize {
    encode(&[], line).len() + manifest.div_ceil(3) * 4
}

/// The block of a text: where it stands, and the manifest in it.
pub(super) fn find(text: &str) -> Result<Option<Stood>, PlaceFault> {
    let all = |delimiter: &str| text.match_indices(delimiter).map(|(at, _)| at).collect::<Vec<_>>();
    let (begins, ends) = (all(BEGIN), all(END));
    let (begin, end) = match (begins.as_slice(), ends.as_slice()) {
        // One of the two alone is no block.
        ([], _) | (_, []) => return Ok(None),
        ([begin], [end]) if begin < end => (*begin, *end),
        ([_], [_]) => return Ok(None),
        _ => return Err(PlaceFault::References),
    };
    let said = text.get(begin + BEGIN.len()..end).unwrap_or_default().trim();
    if said.is_empty() {
        return Err(PlaceFault::NoReference);
    }
    let Some(data) = said.strip_prefix(DATA) else { return Err(PlaceFault::Elsewhere(said.to_owned())) };
    let manifest = BASE64_STANDARD.decode(data).map_err(|_| PlaceFault::Base64)?;
    // The comment around it: in the last line, with the break before it; in the first, with the break behind it; in front matter, its lines alone.
    let (before, after) =
        (text.get(..begin).unwrap_or_default(), text.get(end + END.len()..).unwrap_or_default());
    let open = before.strip_suffix(' ').unwrap_or(before);
    let start = open.strip_suffix("<!--").map_or(begin, str::len);
    let close = after.strip_prefix(" -->").map_or(after, |rest| rest);
    let stop = text.len() - close.len();
    let range = if close.is_empty() {
        let line = text.get(..start).unwrap_or_default();
        let line = line.strip_suffix('\n').map_or(line, |line| line.strip_suffix('\r').unwrap_or(line));
        line.len()..stop
    } else {
        let line = if close.starts_with("\r\n") { 2 } else { usize::from(close.starts_with('\n')) };
        start..stop + line
    };
    Ok(Some((range, manifest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(text in "[a-z \n<>!-]{0,40}", manifest in prop::collection::vec(any::<u8>(), 0..200), crlf in any::<bool>()) {
            let line = if crlf { "\r\n" } else { "\n" };
            let block = encode(&manifest, line);
            prop_assert_eq!(block.len(), length(manifest.len(), line));
            let whole = format!("{text}{block}");
            // An unfinished line break of the text would be taken for the block's.
            prop_assume!(!text.ends_with('\r'));
            prop_assert_eq!(find(&whole), Ok(Some((text.len()..whole.len(), manifest))));
            prop_assert_eq!(find(&format!("{whole}{block}")), Err(PlaceFault::References));
        }

        #[test]
        fn nothing_makes_it_panic(parts in prop::collection::vec(prop_oneof![Just(BEGIN), Just(END), Just(DATA), Just("\n"), Just("<!--"), Just("é"), Just("-->")], 0..12)) {
            let _ = find(&parts.concat());
        }
    }

    /// As other programs write it: first, or in front matter.
    #[test]
    fn other_places_are_read() {
        let first = format!("<!-- {BEGIN} {DATA}AQID {END} -->\n# Title\n");
        let end = first.find('#').expect("a title");
        assert_eq!(find(&first), Ok(Some((0..end, vec![1, 2, 3]))));
        let front = format!("---\n{BEGIN}\n{DATA}AQID\n{END}\ntitle: x\n---\n");
        assert_eq!(find(&front), Ok(Some((4..front.find("title").expect("a key"), vec![1, 2, 3]))));
        assert_eq!(
            find(&format!("{BEGIN} https://x/y.c2pa {END}")),
            Err(PlaceFault::Elsewhere("https://x/y.c2pa".into()))
        );
        assert_eq!(find(&format!("{BEGIN}  {END}")), Err(PlaceFault::NoReference));
        assert_eq!(find(&format!("{BEGIN} {DATA}A {END}")), Err(PlaceFault::Base64));
        assert_eq!(find(&format!("{END} {BEGIN}")), Ok(None));
    }
}
