//! The sampler's mark: of two words that mean the same an upstream is asked to prefer one, a coin of the epoch's key says which. The mark is in the
//! choice of words, so it outlives what takes invisible characters away (Zhao et al., "Provable Robust Watermarking for AI-Generated Text",
//! 2023, of whose green list this is a kind).
//!
//! ```text
//! "logit_bias": {"..": 2, "..": -2, ..}      the members of 150 pairs at most, each by the number that the upstream's tokenizer has for it
//!   several | various      the coin says: various      -2 | +2
//!   began | started        the coin says: began        +2 | -2
//! ```
//!
//! The lists of pairs are the gateway's own, so a text is read without a tokenizer: how often each word of a pair stands in it, whether these
//! counts lean as the coins do, and how likely that is for coins that know nothing of the text. Where that is
//! small it is exact.
//!
//! Not handled: words at a sentence's beginning beyond the few that are listed, other languages than English and Chinese. Who sees many answers can
//! learn the coins, and forge.

mod bias;
#[cfg(test)]
mod laws;
mod lists;
mod read;
mod settings;
mod vocabulary;

pub use bias::{Biased, MOST_PAIRS};
pub use lists::{List, Pair};
pub use read::{FALSE_ALARM, Sampled, SamplerVerdict, read};
pub use settings::{SamplerSettings, Strength};
pub use vocabulary::{LARGEST, Vocabulary, VocabularyError};
