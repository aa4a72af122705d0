//! W3C trace context: one request's place in a trace that began elsewhere.

use std::fmt;

/// A `traceparent` field, version 00.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    trace: u128,
    parent: u64,
    flags: u8,
}

impl TraceParent {
    /// Reads the field. `None` for one that the recommendation calls invalid: it is then dropped, not passed on.
    ///
    /// Versions above 00 may be longer; what is known of them is read (section 3.2.4 of the recommendation).
    pub fn parse(field: &str) -> Option<Self> {
        let mut parts = field.split('-');
        let version = hex(parts.next()?, 2)?;
        let trace = hex(parts.next()?, 32)?;
        let parent = hex(parts.next()?, 16)? as u64;
        let flags = hex(parts.next()?, 2)? as u8;
        let known = version == 0 && parts.next().is_none() || (1..0xff).contains(&version);
        (known && trace != 0 && parent != 0).then_some(Self { trace, parent, flags })
    }

    /// The same trace with a span of our own as the parent of what follows. `None` when the system gives no random bytes.
    pub fn child(self) -> Option<Self> {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).ok()?;
        Some(Self { parent: u64::from_le_bytes(bytes).max(1), ..self })
    }
}

/// A number of exactly so many lower-case hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let sound = text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    sound.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Only the sampled flag has a meaning that is known to be passed on.
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.parent, self.flags & 1)
    }
}

#[cfg(test)]
mod tests {
    use super::TraceParent;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_trace_goes_on_under_a_span_of_our_own() {
        let parent = TraceParent::parse(GOOD).expect("a sound field");
        assert_eq!(parent.to_string(), GOOD);
        let child = parent.child().expect("random bytes");
        assert_eq!((child.trace, child.flags), (parent.trace, parent.flags));
        assert_ne!(child.parent, parent.parent);
        assert_eq!(TraceParent::parse(&child.to_string()), Some(child));
    }

    #[test]
    fn what_the_recommendation_calls_invalid_is_dropped() {
        for bad in [
            "",
            "00",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceParent::parse(bad), None, "{bad}");
        }
        assert!(TraceParent::parse(&GOOD.replacen("00", "cc", 1)).is_some());
    }
}
