//! What is known of an answer whose prints are kept: which exchange it was, when, and whose.

/// An answer on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrintRecord {
    /// The exchange's id.
    pub exchange: [u8; 16],
    /// When it began, in milliseconds since 1970.
    pub time_ms: u64,
    /// Whose it was, see [`super::PrintKeys::subject`].
    pub subject: [u8; 16],
}

/// Bytes of a record in a file.
pub(super) const BYTES: usize = 16 + 8 + 16;

impl PrintRecord {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.exchange);
        out.extend_from_slice(&self.time_ms.to_le_bytes());
        out.extend_from_slice(&self.subject);
    }

    pub(super) fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (exchange, rest) = bytes.split_first_chunk()?;
        let (time, rest) = rest.split_first_chunk()?;
        let (subject, rest) = rest.split_first_chunk()?;
        Some((Self { exchange: *exchange, time_ms: u64::from_le_bytes(*time), subject: *subject }, rest))
    }
}

/// A number of four bytes.
pub(super) fn take_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number), rest))
}

/// A number of eight bytes.
pub(super) fn take_u64(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u64::from_le_bytes(*number), rest))
}

/// A name behind its length of four bytes.
pub(super) fn take_name(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = take_u32(bytes)?;
    let (name, rest) = rest.split_at_checked(length as usize)?;
    Some((std::str::from_utf8(name).ok()?, rest))
}

pub(super) fn write_name(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&(name.len() as u32).to_le_bytes());
    out.extend_from_slice(name.as_bytes());
}
