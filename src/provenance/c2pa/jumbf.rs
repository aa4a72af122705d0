//! JUMBF boxes (ISO 19566-5), as manifest stores have them: superboxes with a description, and boxes of content.

/// The deepest nesting that is read: store, manifest, assertions, assertion.
const DEEPEST: usize = 6;

/// What ends every type's number: `ISO/IEC 11578` numbers of JUMBF differ in the first four letters.
const TAIL: [u8; 12] = [0, 0x11, 0, 0x10, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];
/// It may be asked for, and it has a label.
const TOGGLES: u8 = 0x03;
/// The same with a box of salt.
const SALTED: u8 = 0x13;

/// A superbox as it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Super<'b> {
    /// The first four letters of its type: `c2pa`, `c2ma`, `c2as`, `cbor` ..
    pub(super) kind: [u8; 4],
    /// The last part of the way to it.
    pub(super) label: &'b str,
    /// All of it but its own head: what hashes of assertions are over.
    pub(super) hashed: &'b [u8],
    inner: &'b [u8],
}

/// A box of content: its type and its bytes.
pub(super) type Content<'b> = ([u8; 4], &'b [u8]);

/// The first box: type, content and what follows it.
fn first(bytes: &[u8]) -> Option<(Content<'_>, &[u8])> {
    let length = u32::from_be_bytes(*bytes.first_chunk()?);
    let kind = *bytes.get(4..)?.first_chunk()?;
    let (head, whole) = match length {
        // To the end of what it stands in.
        0 => (8, bytes.len()),
        1 => (16, usize::try_from(u64::from_be_bytes(*bytes.get(8..)?.first_chunk()?)).ok()?),
        length => (8, length as usize),
    };
    let content = bytes.get(head..whole)?;
    Some(((kind, content), bytes.get(whole..)?))
}

impl<'b> Super<'b> {
    /// The superbox that these bytes begin with, and what follows it.
    pub(super) fn read(bytes: &'b [u8]) -> Option<(Self, &'b [u8])> {
        let ((kind, content), rest) = first(bytes)?;
        (kind == *b"jumb").then_some(())?;
        Some((Self::of(content)?, rest))
    }

    fn of(content: &'b [u8]) -> Option<Self> {
        let ((kind, description), inner) = first(content)?;
        (kind == *b"jumd" && description.get(4..16)? == TAIL).then_some(())?;
        let kind = *description.first_chunk()?;
        let toggles = *description.get(16)?;
        let text = description.get(17..)?;
        let end = text.iter().position(|byte| *byte == 0)?;
        let behind = text.get(end + 1..)?;
        // Nothing binds a description but that of an assertion: no other form is let pass.
        let is_salted = || first(behind).is_some_and(|((kind, _), rest)| kind == *b"c2sh" && rest.is_empty());
        match toggles {
            TOGGLES => behind.is_empty().then_some(())?,
            SALTED => is_salted().then_some(())?,
            _ => return None,
        }
        let label = std::str::from_utf8(text.get(..end)?).ok()?;
        Some(Self { kind, label, hashed: content, inner })
    }

    /// The superboxes in it; nothing, where one cannot be read. `free` boxes are padding.
    pub(super) fn superboxes(&self) -> Option<Vec<Super<'b>>> {
        let mut found = Vec::new();
        for (kind, content) in self.boxes()? {
            if kind == *b"jumb" {
                found.push(Self::of(content)?);
            }
        }
        Some(found)
    }

    /// Whether there is nothing in it but superboxes and padding.
    pub(super) fn is_of_superboxes(&self) -> bool {
        self.boxes().is_some_and(|all| all.iter().all(|(kind, _)| matches!(kind, b"jumb" | b"free")))
    }

    /// The only box in it, which is one of content of this type; padding may stand beside it.
    pub(super) fn only(&self, kind: [u8; 4]) -> Option<&'b [u8]> {
        let mut all = self.boxes()?.into_iter().filter(|(kind, _)| kind != b"free");
        let (found, content) = all.next()?;
        (found == kind && all.next().is_none()).then_some(content)
    }

    /// The boxes behind the description.
    fn boxes(&self) -> Option<Vec<Content<'b>>> {
        let (mut found, mut rest) = (Vec::new(), self.inner);
        while !rest.is_empty() {
            let (one, behind) = first(rest)?;
            found.push(one);
            rest = behind;
        }
        Some(found)
    }

    /// The first box of content of this type.
    pub(super) fn content(&self, kind: [u8; 4]) -> Option<&'b [u8]> {
        self.boxes()?.into_iter().find(|(found, _)| *found == kind).map(|(_, content)| content)
    }

    /// The superbox in it with this label, where there is but one.
    pub(super) fn labelled(&self, label: &str) -> Option<Super<'b>> {
        let all = self.superboxes()?;
        let mut found = all.iter().filter(|one| one.label == label);
        found.next().filter(|_| found.next().is_none()).copied()
    }

    /// Whether all in it can be read.
    pub(super) fn is_sound(&self) -> bool {
        self.is_sound_at(0)
    }

    fn is_sound_at(&self, depth: usize) -> bool {
        depth < DEEPEST
            && self.superboxes().is_some_and(|all| all.iter().all(|one| one.is_sound_at(depth + 1)))
    }
}

/// A box; none, where it is longer than a box can be.
pub(super) fn content_box(kind: [u8; 4], content: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(content.len() + 8).ok()?;
    let mut out = length.to_be_bytes().to_vec();
    out.extend_from_slice(&kind);
    out.extend_from_slice(content);
    Some(out)
}

/// A superbox of this type and label with these boxes in it.
pub(super) fn superbox(kind: [u8; 4], label: &str, boxes: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut description = kind.to_vec();
    description.extend_from_slice(&TAIL);
    description.push(TOGGLES);
    description.extend_from_slice(label.as_bytes());
    description.push(0);
    let mut content = content_box(*b"jumd", &description)?;
    boxes.iter().for_each(|one| content.extend_from_slice(one));
    content_box(*b"jumb", &content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn store() -> Vec<u8> {
        let inner = content_box(*b"cbor", b"abc").expect("short");
        let assertion = superbox(*b"cbor", "a.b", &[inner]).expect("short");
        let twin = superbox(*b"cbor", "twin", &[]).expect("short");
        superbox(*b"c2pa", "c2pa", &[assertion, twin.clone(), twin]).expect("short")
    }

    #[test]
    fn what_is_written_is_read() {
        let store = store();
        let (read, rest) = Super::read(&store).expect("a superbox");
        assert!(rest.is_empty() && read.is_sound());
        assert_eq!((&read.kind, read.label), (b"c2pa", "c2pa"));
        assert_eq!(read.labelled("a.b").and_then(|a| a.content(*b"cbor")), Some(&b"abc"[..]));
        assert_eq!(read.labelled("a.b").map(|a| a.hashed.len()), Some(8 + 17 + 4 + 8 + 3));
        assert!(read.labelled("twin").is_none() && read.labelled("b").is_none());
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), at in 0usize..120, cut in 0usize..140) {
            let mut store = store();
            let end = (at + bytes.len()).min(store.len());
            let start = at.min(end);
            store.splice(start..end, bytes);
            store.truncate(cut);
            if let Some((read, _)) = Super::read(&store) {
                let _ = (read.is_sound(), read.labelled("a.b").map(|a| a.content(*b"cbor")));
            }
        }

        #[test]
        fn what_is_cut_is_no_store(cut in 0usize..100) {
            let store = store();
            prop_assume!(cut < store.len());
            prop_assert!(Super::read(&store[..cut]).is_none());
        }
    }
}
