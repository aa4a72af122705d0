//! Text that cannot be printed by accident.

use std::fmt;

/// A text of an exchange, or a secret, inside a type that is printed: `Debug` and `Display` give its length only.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Quiet<T>(pub T);

impl<T: AsRef<[u8]>> fmt::Display for Quiet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes>", self.0.as_ref().len())
    }
}

impl<T: AsRef<[u8]>> fmt::Debug for Quiet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Quiet;

    #[test]
    fn only_the_length_is_printed() {
        let said =
            format!("{} {:?} {:?}", Quiet("alex@example.org"), Quiet(b"key"), Some(Quiet(String::new())));
        assert_eq!(said, "<16 bytes> <3 bytes> Some(<0 bytes>)");
    }
}
