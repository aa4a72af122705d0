//! What of an answer people read: where words of the gateway's own may stand beside the model's.
//!
//! A dialect tells of each event, in order, which strings go on in which text and where a text is over. What is added to a text is added to
//! every string that repeats it.

/// What an event or a whole answer says of a text that people read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cue {
    /// A string of the event goes on in a text, or is the whole of one.
    Piece {
        /// Where the text is.
        spot: Spot,
        /// The string, in the tape.
        node: usize,
        /// The provider has signed it, so it stays: words of the gateway's own stand beside it, in an object of their own.
        signed: bool,
    },
    /// A string that repeats a text, whole.
    Again {
        /// The text.
        text: u64,
        /// The string, in the tape.
        node: usize,
    },
    /// A part of the only text is closed with this event; what comes next tells whether the text goes on in another.
    Pause {
        /// The part.
        part: u64,
    },
    /// The only text goes on in another part, or may do so.
    GoesOn,
    /// The text is over: with its last string in this event or, where this one has none, before it.
    End {
        /// The text.
        text: u64,
    },
    /// The answer is over, and clients read no further than this event; if not `certain`, only where all choices that were asked for have ended.
    Over {
        /// Whether nothing comes behind it.
        certain: bool,
    },
}

/// Where a text is in an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spot {
    /// Which text: that of a choice, a message, a part.
    pub text: u64,
    /// The block or part in which it goes on.
    pub part: u64,
    /// The id of the item that holds it, where items have one.
    pub item: String,
}

impl Spot {
    /// The spot of a choice's only text.
    pub fn of(text: u64) -> Self {
        Self { text, ..Self::default() }
    }
}
