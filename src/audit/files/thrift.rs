//! Thrift's compact protocol, as far as the metadata of Parquet files needs it written.
//!
//! Source: `doc/specs/thrift-compact-protocol.md` of Apache Thrift.

/// What a field or an element of a list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    I32 = 5,
    I64 = 6,
    Binary = 8,
    List = 9,
    Struct = 12,
}

/// Bytes of a struct in the making. Fields have to come in order of their numbers.
#[derive(Debug, Default)]
pub(super) struct Writer {
    out: Vec<u8>,
    last: i16,
}

impl Writer {
    fn head(&mut self, field: i16, kind: u8) {
        let delta = field - self.last;
        if (1..=15).contains(&delta) {
            self.out.push((delta.unsigned_abs() as u8) << 4 | kind);
        } else {
            self.out.push(kind);
            self.varint(zigzag(i64::from(field)));
        }
        self.last = field;
    }

    fn varint(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.out.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.out.push(n as u8);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    pub(super) fn flag(&mut self, field: i16, yes: bool) {
        self.head(field, if yes { 1 } else { 2 });
    }

    pub(super) fn i32(&mut self, field: i16, n: i32) {
        self.head(field, Type::I32 as u8);
        self.varint(zigzag(i64::from(n)));
    }

    pub(super) fn i64(&mut self, field: i16, n: i64) {
        self.head(field, Type::I64 as u8);
        self.varint(zigzag(n));
    }

    pub(super) fn binary(&mut self, field: i16, bytes: &[u8]) {
        self.head(field, Type::Binary as u8);
        self.bytes(bytes);
    }

    /// A struct in a field.
    pub(super) fn inner(&mut self, field: i16, write: impl FnOnce(&mut Self)) {
        self.head(field, Type::Struct as u8);
        self.open(write);
    }

    /// A list of structs.
    pub(super) fn structs<T>(&mut self, field: i16, items: &[T], write: impl Fn(&mut Self, &T)) {
        self.list(field, Type::Struct, items.len());
        items.iter().for_each(|item| self.open(|inner| write(inner, item)));
    }

    /// A list of whole numbers.
    pub(super) fn i32s(&mut self, field: i16, items: &[i32]) {
        self.list(field, Type::I32, items.len());
        items.iter().for_each(|n| self.varint(zigzag(i64::from(*n))));
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, field: i16, items: &[&str]) {
        self.list(field, Type::Binary, items.len());
        items.iter().for_each(|text| self.bytes(text.as_bytes()));
    }

    fn list(&mut self, field: i16, kind: Type, len: usize) {
        self.head(field, Type::List as u8);
        if len < 15 {
            self.out.push((len as u8) << 4 | kind as u8);
        } else {
            self.out.push(0xf0 | kind as u8);
            self.varint(len as u64);
        }
    }

    /// What stands between the beginning of a struct and its end.
    fn open(&mut self, write: impl FnOnce(&mut Self)) {
        let last = std::mem::take(&mut self.last);
        write(self);
        self.out.push(0);
        self.last = last;
    }

    /// The bytes of a struct that stands alone.
    pub(super) fn alone(write: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut writer = Self::default();
        writer.open(write);
        writer.out
    }
}

fn zigzag(n: i64) -> u64 {
    (n << 1 ^ n >> 63).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lists_and_structs() {
        let bytes = Writer::alone(|w| {
            w.i32(1, -1);
            w.i64(3, 300);
            w.binary(20, b"ab");
            w.inner(21, |inner| inner.flag(1, true));
            w.i32s(22, &[0; 15]);
            w.flag(23, false);
        });
        let mut wanted = vec![0x15, 1, 0x26, 0xd8, 4, 8, 40, 2, b'a', b'b', 0x1c, 0x11, 0, 0x19, 0xf5, 15];
        wanted.extend([0; 15]);
        wanted.extend([0x12, 0]);
        assert_eq!(bytes, wanted);
    }
}
