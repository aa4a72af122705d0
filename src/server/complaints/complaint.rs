//! A complaint and how it stands.

use serde::{Deserialize, Serialize};

use crate::audit::TextPlace;
use crate::server::book::{Entry, Times};

/// How a complaint stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::server) enum ComplaintState {
    /// Filed.
    Received,
    /// Somebody looks at it.
    InReview,
    /// The exchange should not have been stopped or changed.
    Upheld,
    /// It was right.
    Rejected,
    /// Who filed it does not want it decided.
    Withdrawn,
}

impl ComplaintState {
    /// All to which an operator can bring one.
    pub(super) const DECISIONS: [Self; 4] = [Self::InReview, Self::Upheld, Self::Rejected, Self::Withdrawn];

    /// As records, answers and the command line have it.
    pub(in crate::server) fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::InReview => "in_review",
            Self::Upheld => "upheld",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Whether it waits for a decision.
    pub(in crate::server) fn is_open(self) -> bool {
        matches!(self, Self::Received | Self::InReview)
    }

    /// Whether this may follow. What was decided may only be looked at again.
    pub(super) fn may_become(self, next: Self) -> bool {
        next != Self::Received && next != self && (self.is_open() || next == Self::InReview)
    }
}

/// A complaint. Times are milliseconds since 1970.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(in crate::server) struct Complaint {
    /// Its id, which only who filed it is told.
    #[serde(rename = "complaint")]
    pub(super) id: String,
    /// The exchange that it names, whether this gateway had one of that id or not.
    pub(super) exchange: String,
    pub(super) state: ComplaintState,
    pub(super) filed_ms: u64,
    /// Until when it is to be decided.
    pub(super) deadline_ms: u64,
    pub(super) changed_ms: u64,
    /// Who brought it to this state, and why; empty for who filed it.
    #[serde(default)]
    pub(super) by: String,
    #[serde(default)]
    pub(super) why: String,
    /// Keyed hash of text and contact.
    pub(super) text_hash: String,
    /// Where these stand, sealed, if they are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) texts: Option<TextPlace>,
}

impl Entry for Complaint {
    const FILE: &'static str = "complaints.jsonl";
    const WHAT: &'static str = "complaints";

    fn id(&self) -> &str {
        &self.id
    }

    fn is_open(&self) -> bool {
        self.state.is_open()
    }

    fn times(&self) -> Times {
        Times { filed: self.filed_ms, deadline: self.deadline_ms, changed: self.changed_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::book::Book;

    fn one(id: &str, state: ComplaintState, deadline_ms: u64) -> Complaint {
        Complaint {
            id: id.into(),
            exchange: "e".into(),
            state,
            filed_ms: 1,
            deadline_ms,
            changed_ms: 1,
            by: String::new(),
            why: String::new(),
            text_hash: "h".into(),
            texts: None,
        }
    }

    #[test]
    fn a_book_outlives_its_gateway_and_a_line_that_a_crash_cut_short() {
        let dir = tempfile::tempdir().expect("a folder");
        let book = Book::<Complaint>::open(dir.path()).expect("a book");
        book.put(one("a", ComplaintState::Received, 20)).expect("a disk");
        book.put(one("b", ComplaintState::Received, 10)).expect("a disk");
        book.put(one("a", ComplaintState::Upheld, 20)).expect("a disk");
        assert_eq!((book.count(10), book.count(11)), ((1, 0), (1, 1)));
        drop(book);
        let path = dir.path().join("complaints.jsonl");
        let whole = std::fs::read_to_string(&path).expect("a file");
        for cut in 0..whole.len() {
            let part = whole.get(..cut).expect("ASCII");
            std::fs::write(&path, part).expect("a file");
            let book = Book::<Complaint>::open(dir.path()).expect("what was cut short is left out");
            assert_eq!(book.list(true).len(), part.matches('\n').count().min(2), "{cut}");
        }
        std::fs::write(&path, &whole).expect("a file");
        let book = Book::<Complaint>::open(dir.path()).expect("a book");
        let states: Vec<_> = book.list(true).iter().map(|one| (one.id.clone(), one.state)).collect();
        let want = [("b", ComplaintState::Received), ("a", ComplaintState::Upheld)];
        assert_eq!(states, want.map(|(id, state)| (id.to_owned(), state)));
        assert_eq!(std::fs::read_to_string(&path).expect("a file").lines().count(), 2);
        std::fs::write(&path, "{}\n").expect("a file");
        assert!(
            Book::<Complaint>::open(dir.path())
                .is_err_and(|error| error.to_string().contains("line 1: missing field"))
        );
    }

    #[test]
    fn what_was_decided_can_be_looked_at_again_and_nothing_else() {
        use ComplaintState::{InReview, Received, Rejected, Upheld, Withdrawn};
        for (from, to, want) in [
            (Received, InReview, true),
            (Received, Upheld, true),
            (InReview, Rejected, true),
            (InReview, InReview, false),
            (InReview, Received, false),
            (Upheld, Rejected, false),
            (Upheld, InReview, true),
            (Withdrawn, Upheld, false),
        ] {
            assert_eq!(from.may_become(to), want, "{from:?} {to:?}");
        }
    }
}
