//! CBOR (RFC 8949), as much of it as claims, assertions and COSE have. What is written has definite lengths and the shortest heads; what is read
//! may also be written in pieces of unknown length.

/// The deepest nesting that is read: claims need eight.
const DEEPEST: usize = 32;

/// A data item.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// A whole number from 0 on.
    Number(u64),
    /// A negative number: `-1 - n`.
    Negative(u64),
    Bytes(Vec<u8>),
    Text(String),
    List(Vec<Value>),
    /// Pairs in their order; the same key may not stand twice.
    Map(Vec<(Value, Value)>),
    Tag(u64, Box<Value>),
    Bool(bool),
    Null,
    /// Another simple value or a floating-point number, which nothing here reads: its first byte's low bits and what follows.
    Other(u8, u64),
}

impl Value {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A map with these names, in this order.
    pub(super) fn map<'k>(pairs: impl IntoIterator<Item = (&'k str, Value)>) -> Self {
        Self::Map(pairs.into_iter().map(|(key, value)| (Self::text(key), value)).collect())
    }

    /// What a map has under a name.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.find(|key| matches!(key, Self::Text(text) if text == name))
    }

    /// What a map has under a key.
    pub(super) fn find(&self, is: impl Fn(&Value) -> bool) -> Option<&Value> {
        let Self::Map(pairs) = self else { return None };
        pairs.iter().find(|(key, _)| is(key)).map(|(_, value)| value)
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(super) fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    pub(super) fn as_number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Number(number) => head(out, 0, *number),
            Self::Negative(number) => head(out, 1, *number),
            Self::Bytes(bytes) => {
                head(out, 2, bytes.len() as u64);
                out.extend_from_slice(bytes);
            }
            Self::Text(text) => {
                head(out, 3, text.len() as u64);
                out.extend_from_slice(text.as_bytes());
            }
            Self::List(list) => {
                head(out, 4, list.len() as u64);
                list.iter().for_each(|value| value.write(out));
            }
            Self::Map(pairs) => {
                head(out, 5, pairs.len() as u64);
                for (key, value) in pairs {
                    key.write(out);
                    value.write(out);
                }
            }
            Self::Tag(tag, value) => {
                head(out, 6, *tag);
                value.write(out);
            }
            Self::Bool(value) => out.push(0xf4 + u8::from(*value)),
            Self::Null => out.push(0xf6),
            Self::Other(kind, value) => {
                out.push(0xe0 | kind);
                let width = match kind {
                    24 => 1,
                    25 => 2,
                    26 => 4,
                    27 => 8,
                    _ => 0,
                };
                out.extend_from_slice(value.to_be_bytes().get(8 - width..).unwrap_or_default());
            }
        }
    }

    /// The one item that these bytes are; nothing, where they are no item or more than one.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader { rest: bytes };
        let value = reader.item(0)?;
        reader.rest.is_empty().then_some(value)
    }
}

fn head(out: &mut Vec<u8>, major: u8, number: u64) {
    let bytes = number.to_be_bytes();
    let (kind, width) = match number {
        // Below 24 the number is the kind.
        0..24 => (bytes[7], 0),
        24..0x100 => (24, 1),
        0x100..0x1_0000 => (25, 2),
        0x1_0000..0x1_0000_0000 => (26, 4),
        _ => (27, 8),
    };
    out.push(major << 5 | kind);
    out.extend_from_slice(bytes.get(8 - width..).unwrap_or_default());
}

struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    /// Major type, kind and number; no number for a length that is not told.
    fn head(&mut self) -> Option<(u8, u8, Option<u64>)> {
        let [first] = *self.take(1)? else { return None };
        let (major, kind) = (first >> 5, first & 0x1f);
        let width = match kind {
            0..24 => return Some((major, kind, Some(u64::from(kind)))),
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            31 => return Some((major, kind, None)),
            _ => return None,
        };
        let number = self.take(width)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        Some((major, kind, Some(number)))
    }

    /// Whether the sign that ends what has no length comes next; it is taken.
    fn ends(&mut self) -> bool {
        let is_end = self.rest.first() == Some(&0xff);
        if is_end {
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        is_end
    }

    fn item(&mut self, depth: usize) -> Option<Value> {
        if depth > DEEPEST {
            return None;
        }
        let (major, kind, number) = self.head()?;
        Some(match major {
            0 => Value::Number(number?),
            1 => Value::Negative(number?),
            2 => Value::Bytes(self.string(2, number)?),
            3 => Value::Text(String::from_utf8(self.string(3, number)?).ok()?),
            4 => {
                let mut list = Vec::new();
                let mut left = number;
                while self.goes_on(&mut left)? {
                    list.push(self.item(depth + 1)?);
                }
                Value::List(list)
            }
            5 => {
                let mut pairs: Vec<(Value, Value)> = Vec::new();
                let mut left = number;
                while self.goes_on(&mut left)? {
                    let key = self.item(depth + 1)?;
                    pairs.push((key, self.item(depth + 1)?));
                }
                // A key that stands twice would be read one way here and another way elsewhere.
                let mut keys: Vec<Vec<u8>> = pairs.iter().map(|(key, _)| key.encode()).collect();
                keys.sort_unstable();
                if keys.windows(2).any(|two| two.first() == two.last()) {
                    return None;
                }
                Value::Map(pairs)
            }
            6 => Value::Tag(number?, Box::new(self.item(depth + 1)?)),
            _ => match (kind, number) {
                (20, _) => Value::Bool(false),
                (21, _) => Value::Bool(true),
                (22, _) => Value::Null,
                (_, Some(number)) => Value::Other(kind, if kind < 24 { 0 } else { number }),
                (_, None) => return None,
            },
        })
    }

    /// Whether one more item follows. A length that was told cannot be larger than what is left, each item being a byte at least.
    fn goes_on(&mut self, left: &mut Option<u64>) -> Option<bool> {
        match left {
            None => Some(!self.ends()),
            Some(0) => Some(false),
            Some(left) => {
                if usize::try_from(*left).ok()? > self.rest.len() {
                    return None;
                }
                *left -= 1;
                Some(true)
            }
        }
    }

    fn string(&mut self, major: u8, length: Option<u64>) -> Option<Vec<u8>> {
        if let Some(length) = length {
            return Some(self.take(usize::try_from(length).ok()?)?.to_vec());
        }
        let mut out = Vec::new();
        while !self.ends() {
            let (same, _, length) = self.head()?;
            if same != major {
                return None;
            }
            out.extend_from_slice(self.take(usize::try_from(length?).ok()?)?);
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::hex;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<u64>().prop_map(Value::Number),
            (0u64..70_000).prop_map(Value::Number),
            any::<u64>().prop_map(Value::Negative),
            prop::collection::vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
            ".{0,30}".prop_map(Value::Text),
            any::<bool>().prop_map(Value::Bool),
            Just(Value::Null),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
                prop::collection::btree_map(".{0,6}", inner.clone(), 0..6).prop_map(|map| {
                    Value::Map(map.into_iter().map(|(k, v)| (Value::Text(k), v)).collect())
                }),
                (any::<u64>(), inner).prop_map(|(tag, value)| Value::Tag(tag, Box::new(value))),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in value()) {
            prop_assert_eq!(Value::decode(&value.encode()), Some(value));
        }

        #[test]
        fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Value::decode(&bytes);
        }

        #[test]
        fn what_is_cut_is_no_item(value in value(), cut in any::<prop::sample::Index>()) {
            let bytes = value.encode();
            prop_assert_eq!(Value::decode(&bytes[..cut.index(bytes.len())]), None);
        }
    }

    /// Examples of RFC 8949, Appendix A.
    #[test]
    fn examples_of_the_standard() {
        let read = |digits: &str| Value::decode(&hex::decode(digits).expect("digits"));
        assert_eq!(read("1903e8"), Some(Value::Number(1000)));
        assert_eq!(read("3903e7"), Some(Value::Negative(999)));
        assert_eq!(read("5f42010243030405ff"), Some(Value::Bytes(vec![1, 2, 3, 4, 5])));
        assert_eq!(read("7f657374726561646d696e67ff"), Some(Value::text("streaming")));
        assert_eq!(read("9fff"), Some(Value::List(Vec::new())));
        assert_eq!(
            read("bf6346756ef563416d7421ff").as_ref().and_then(|map| map.get("Amt")),
            Some(&Value::Negative(1))
        );
        assert_eq!(read("c11a514b67b0"), Some(Value::Tag(1, Box::new(Value::Number(1_363_896_240)))));
        assert_eq!(
            read("fb3ff199999999999a").map(|v| hex::encode(&v.encode())).as_deref(),
            Some("fb3ff199999999999a")
        );
        // Twice the same key, a reserved kind, a length beyond the end, more than one item, nested without end.
        for digits in ["a2616101616102", "1c", "5affffffff00", "9b7fffffffffffffff", "0000", "ff", "5f6161ff"]
        {
            assert_eq!(read(digits), None, "{digits}");
        }
        assert_eq!(Value::decode(&vec![0x81; 100_000]), None);
    }
}
