//! What programs are told of an answer: who let it out, under which number, what the text was; signed.
//!
//! What is signed is a short text that names the fields which no later hand may change, and it stands, with its signature, in `ReservedCode1`
//! too, so that a file that keeps nothing but the seven fields can be checked.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use super::Aigc;

/// The only algorithm.
const ALGORITHM: &str = "Ed25519";
/// The first line of what is signed: no checkpoint of a journal begins so.
const HEAD: &str = "sluicegate label 1";

/// Why a statement cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Not the form of one.
    #[error("not a statement: an object with `AIGC`, `hash`, `alg`, `kid` and `sig`")]
    Form,
    /// Of the seven fields one is missing or has other characters than allowed.
    #[error(
        "the seven fields of `AIGC` are not all there, or hold other characters than {}",
        super::CHARACTERS
    )]
    Fields,
    /// `ReservedCode1` is of somebody else.
    #[error("`ReservedCode1` holds no signature of a gateway")]
    Unsigned,
    /// Another algorithm.
    #[error("only Ed25519 is known")]
    Algorithm,
}

/// What is said of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The seven fields, without a signature.
    pub aigc: Aigc,
    /// Hash of the skeleton of each text of the answer.
    pub hashes: Vec<String>,
}

/// The same, signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// What is said.
    pub statement: Statement,
    /// Which key has signed: its name and number.
    pub kid: String,
    /// The signature.
    pub signature: Vec<u8>,
    /// Where it can be checked.
    pub verify: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct Written {
    v: u32,
    exchange: String,
    #[serde(rename = "AIGC")]
    aigc: Aigc,
    hash: Vec<String>,
    alg: String,
    kid: String,
    sig: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    verify: Option<String>,
}

impl Statement {
    /// What is signed.
    pub fn text(&self) -> String {
        let Aigc { label, content_producer, produce_id, .. } = &self.aigc;
        let hashes = self.hashes.join(",");
        format!(
            "{HEAD}\nLabel {label}\nContentProducer {content_producer}\nProduceID {produce_id}\nsha-256 {hashes}\n"
        )
    }

    /// The same with the signature that the key of this name has made.
    pub fn signed(mut self, kid: &str, signature: &[u8], verify: Option<&str>) -> Signed {
        let encoded = BASE64_STANDARD.encode(signature);
        self.aigc.reserved_code1 = format!("1;{kid};{};{encoded}", self.hashes.join(","));
        Signed {
            statement: self,
            kid: kid.to_owned(),
            signature: signature.to_vec(),
            verify: verify.map(str::to_owned),
        }
    }
}

impl Signed {
    /// One line of JSON in ASCII: it fits in a header field and in a comment of a stream.
    pub fn json(&self) -> String {
        let written = Written {
            v: 1,
            exchange: self.statement.aigc.produce_id.clone(),
            aigc: self.statement.aigc.clone(),
            hash: self.statement.hashes.iter().map(|hash| format!("sha-256:{hash}")).collect(),
            alg: ALGORITHM.into(),
            kid: self.kid.clone(),
            sig: BASE64_STANDARD.encode(&self.signature),
            verify: self.verify.clone(),
        };
        // All of it is text.
        let json = serde_json::to_string(&written).unwrap_or_default();
        json.chars().filter(char::is_ascii).collect()
    }

    /// Reads one.
    ///
    /// # Errors
    /// It has another form.
    pub fn parse(json: &str) -> Result<Self, StatementError> {
        let written: Written = serde_json::from_str(json).map_err(|_| StatementError::Form)?;
        if written.alg != ALGORITHM {
            return Err(StatementError::Algorithm);
        }
        let hashes = written.hash.iter().map(|hash| hash.strip_prefix("sha-256:").map(str::to_owned));
        let hashes: Option<Vec<String>> = hashes.collect();
        Ok(Self {
            statement: Statement { aigc: written.aigc, hashes: hashes.ok_or(StatementError::Form)? },
            kid: written.kid,
            signature: BASE64_STANDARD.decode(written.sig).map_err(|_| StatementError::Form)?,
            verify: written.verify,
        })
    }

    /// What the seven fields alone say.
    ///
    /// # Errors
    /// They hold no signature of a gateway.
    pub fn of_fields(aigc: &Aigc) -> Result<Self, StatementError> {
        let mut parts = aigc.reserved_code1.split(';');
        let (Some("1"), Some(kid), Some(hashes), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(StatementError::Unsigned);
        };
        let hashes = hashes.split(',').filter(|hash| !hash.is_empty()).map(str::to_owned).collect();
        Ok(Self {
            statement: Statement { aigc: aigc.clone(), hashes },
            kid: kid.to_owned(),
            signature: BASE64_STANDARD.decode(signature).map_err(|_| StatementError::Unsigned)?,
            verify: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_one_line_and_can_be_read_again() {
        let statement =
            Statement { aigc: Aigc::first("a company", "0123"), hashes: vec!["ab".into(), "cd".into()] };
        assert_eq!(
            statement.text(),
            "sluicegate label 1\nLabel 1\nContentProducer a_company\nProduceID 0123\nsha-256 ab,cd\n"
        );
        let text = statement.text();
        let signed = statement.signed("gw.example+0a0b0c0d", &[1; 64], Some("https://gw.example/v1/detect"));
        let json = signed.json();
        assert!(json.is_ascii() && !json.contains(['\n', '\r']), "{json}");
        assert_eq!(Signed::parse(&json), Ok(signed.clone()));
        let of_fields = Signed::of_fields(&signed.statement.aigc).expect("signed fields");
        assert_eq!((of_fields.statement.text(), &of_fields.signature), (text, &signed.signature));
        assert_eq!(Signed::of_fields(&Aigc::first("a", "b")), Err(StatementError::Unsigned));
        assert_eq!(Signed::parse("{}"), Err(StatementError::Form));
    }
}
