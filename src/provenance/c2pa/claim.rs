//! What a manifest says, and how it is signed.

use super::Binding;
use super::cbor::Value;
use super::credential::Credential;
use super::jumbf::{content_box, superbox};
use super::sha256;
use crate::diag::moment;

/// The IPTC's name for what a model has made.
pub const SOURCE_TYPE: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";
/// The header of COSE that holds certificates (RFC 9360).
pub(super) const X5CHAIN: u64 = 33;
/// The tag of a message with one signature (RFC 9052).
pub(super) const SIGN1: u64 = 18;
/// What stands around a JUMBF box of CBOR.
const CBOR: [u8; 4] = *b"cbor";

/// What a manifest says of a file: that a model has made it. Numbers and time are those of when this was made, so that it can be written several
/// times until its length is known.
#[derive(Clone, Debug)]
pub struct Claim {
    manifest: String,
    instance: String,
    when: String,
    agent: String,
    aigc: Option<String>,
}

/// A number from chance as RFC 9562 writes one of version 4.
fn uuid() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = crate::text::hex::encode(&bytes);
    let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default();
    Some(format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)))
}

/// The names of a manifest and of what it is about.
fn numbers() -> Option<(String, String)> {
    Some((format!("urn:c2pa:{}", uuid()?), format!("xmp:iid:{}", uuid()?)))
}

impl Claim {
    /// A claim that `agent` has made the content, at this time in milliseconds since 1970; with the seven fields of GB 45438-2025 as JSON, where
    /// the file has no other place for them. None, where there is no chance to be had.
    pub fn new(agent: &str, ms: u64, aigc: Option<String>) -> Option<Self> {
        let (manifest, instance) = numbers()?;
        Some(Self { manifest, instance, when: moment::written(ms), agent: agent.to_owned(), aigc })
    }

    /// The same with other numbers.
    pub(super) fn again(&self) -> Option<Self> {
        let (manifest, instance) = numbers()?;
        Some(Self { manifest, instance, ..self.clone() })
    }

    /// The manifest store of a file that is bound so.
    pub(super) fn store(&self, binding: &Binding, credential: &Credential) -> Option<Vec<u8>> {
        let label = |name: &str| format!("self#jumbf=c2pa.assertions/{name}");
        let (mut boxes, mut references) = (Vec::new(), Vec::new());
        let mut assert = |name: &str, kind: [u8; 4], content: &[u8]| -> Option<()> {
            let assertion = superbox(kind, name, &[content_box(kind, content)?])?;
            // The hash is over what stands in the box, without its own head.
            let hash = Value::Bytes(sha256(assertion.get(8..)?).to_vec());
            references.push(Value::map([("url", Value::text(label(name))), ("hash", hash)]));
            boxes.push(assertion);
            Some(())
        };
        assert("c2pa.actions.v2", CBOR, &self.actions().encode())?;
        if let Some(aigc) = &self.aigc {
            assert("sluicegate.aigc", *b"json", aigc.as_bytes())?;
        }
        assert("c2pa.hash.data", CBOR, &bound(binding).encode())?;
        let generator =
            [("name", Value::text("Sluicegate")), ("version", Value::text(env!("CARGO_PKG_VERSION")))];
        let claim = Value::map([
            ("instanceID", Value::text(self.instance.as_str())),
            ("claim_generator_info", Value::map(generator)),
            ("signature", Value::text(format!("self#jumbf=/c2pa/{}/c2pa.signature", self.manifest))),
            ("created_assertions", Value::List(references)),
            ("alg", Value::text("sha256")),
        ])
        .encode();
        let signature = signed(&claim, credential)?;
        let manifest = superbox(
            *b"c2ma",
            &self.manifest,
            &[
                superbox(*b"c2as", "c2pa.assertions", &boxes)?,
                superbox(*b"c2cl", "c2pa.claim.v2", &[content_box(CBOR, &claim)?])?,
                superbox(*b"c2cs", "c2pa.signature", &[content_box(CBOR, &signature)?])?,
            ],
        )?;
        superbox(*b"c2pa", "c2pa", &[manifest])
    }

    fn actions(&self) -> Value {
        let created = Value::map([
            ("action", Value::text("c2pa.created")),
            ("when", Value::Tag(0, Box::new(Value::text(self.when.as_str())))),
            ("softwareAgent", Value::map([("name", Value::text(self.agent.as_str()))])),
            ("digitalSourceType", Value::text(SOURCE_TYPE)),
        ]);
        Value::map([("actions", Value::List(vec![created]))])
    }
}

fn bound(binding: &Binding) -> Value {
    let number = |n: usize| Value::Number(n as u64);
    let excluded = |range: &std::ops::Range<usize>| {
        Value::map([("start", number(range.start)), ("length", number(range.len()))])
    };
    let list = (!binding.exclusions.is_empty())
        .then(|| ("exclusions", Value::List(binding.exclusions.iter().map(excluded).collect())));
    let rest = [
        ("alg", Value::text("sha256")),
        ("hash", Value::Bytes(binding.hash.to_vec())),
        ("pad", Value::Bytes(Vec::new())),
    ];
    Value::map(list.into_iter().chain(rest))
}

/// What a signature of COSE is over, of a message that stands elsewhere.
pub(super) fn to_sign(protected: &[u8], claim: &[u8]) -> Vec<u8> {
    let parts = vec![
        Value::text("Signature1"),
        Value::Bytes(protected.to_vec()),
        Value::Bytes(Vec::new()),
        Value::Bytes(claim.to_vec()),
    ];
    Value::List(parts).encode()
}

fn signed(claim: &[u8], credential: &Credential) -> Option<Vec<u8>> {
    let mut certificates: Vec<Value> =
        credential.certificates().map(|der| Value::Bytes(der.to_vec())).collect();
    // One alone stands without a list.
    let chain = if certificates.len() == 1 { certificates.pop()? } else { Value::List(certificates) };
    let headers = vec![(Value::Number(1), credential.algorithm().number()), (Value::Number(X5CHAIN), chain)];
    let protected = Value::Map(headers).encode();
    let signature = credential.sign(&to_sign(&protected, claim))?;
    let parts = vec![Value::Bytes(protected), Value::Map(Vec::new()), Value::Null, Value::Bytes(signature)];
    Some(Value::Tag(SIGN1, Box::new(Value::List(parts))).encode())
}
