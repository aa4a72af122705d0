//! Timestamps of others (RFC 3161): a request, and whether an answer says that a checkpoint was there at a time.
//!
//! The token is a CMS signed message (RFC 5652) in DER. It is taken apart piece by piece, so that what is hashed and verified are the very bytes
//! that came, and each piece that counts is looked at: status, hash, nonce, the signer's certificate by its hash (RFC 2634, RFC 5035), the signature,
//! and the way from the certificate to one that was pinned, as it was at the time that the token tells.

use super::hash::sha256;
use super::merkle::Hash;
use aws_lc_rs::digest::{self, Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512};
use der::asn1::ObjectIdentifier;
use der::{Decode as _, Header, Reader as _, SliceReader, Tag};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use std::path::Path;
use std::time::Duration;
use webpki::{EndEntityCert, KeyUsage, aws_lc_rs as algorithms};
use x509_cert::name::Name;

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SIGNING_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12");
const SIGNING_CERTIFICATE_2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
const ID_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const ID_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const ID_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
/// `id-kp-timeStamping`, as its bytes stand in a certificate: what such a certificate has to be for.
const TIME_STAMPING: [u8; 8] = [43, 6, 1, 5, 5, 7, 3, 8];
/// The tag of `[0]` with something in it.
const ZERO: u8 = 0xa0;
/// The most bytes of an answer that is looked at.
const LONGEST: usize = 1 << 20;

/// A number from chance that an answer has to repeat.
pub type Nonce = [u8; 8];

/// Why an answer is no timestamp of what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// Not the form of RFC 3161; what could not be read.
    #[error("not a timestamp of RFC 3161 in DER: {0}")]
    Form(&'static str),
    /// The service says no.
    #[error("the service refuses, with status {0}")]
    Refused(u8),
    /// It is of something else.
    #[error("it is a timestamp of something else")]
    Imprint,
    /// It answers another request.
    #[error("it answers another request: its number is not the one that was asked with")]
    Nonce,
    /// The signature, or a piece that is signed, does not fit.
    #[error("{0}")]
    Signature(&'static str),
    /// The signer's certificate leads to none that was pinned, or may not do this.
    #[error("its signer's certificate does not lead to one that is trusted: {0}")]
    Untrusted(String),
    /// The file of pinned certificates cannot be used.
    #[error("{0}")]
    Roots(String),
}

/// A timestamp that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timestamp {
    /// The time it tells, in milliseconds since 1970.
    pub time_ms: u64,
    /// The subject of the certificate that signed.
    pub authority: String,
}

/// Certificates that were pinned: of authorities, or of the service itself.
#[derive(Clone, Debug)]
pub struct TimestampRoots(Vec<CertificateDer<'static>>);

impl TimestampRoots {
    /// Reads several PEM files; what any of them holds is trusted.
    pub fn read_all<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Result<Self, TimestampError> {
        let all: Result<Vec<Self>, TimestampError> = paths.into_iter().map(Self::read).collect();
        Ok(Self(all?.into_iter().flat_map(|roots| roots.0).collect()))
    }

    /// Reads a PEM file.
    pub fn read(path: &Path) -> Result<Self, TimestampError> {
        let said = |what: String| TimestampError::Roots(format!("{}: {what}", path.display()));
        let found: Result<Vec<_>, _> = match CertificateDer::pem_file_iter(path) {
            Ok(found) => found.collect(),
            Err(error) => return Err(said(error.to_string())),
        };
        match found {
            Ok(found) if found.is_empty() => Err(said("no certificate in it".into())),
            Ok(found) => Ok(Self(found)),
            Err(error) => Err(said(error.to_string())),
        }
    }
}

/// A nonce from chance. It is a positive number without leading zeros, so that every service repeats its very bytes.
pub fn nonce() -> std::io::Result<Nonce> {
    let mut nonce = [0; 8];
    getrandom::fill(&mut nonce).map_err(std::io::Error::other)?;
    nonce[0] = nonce[0] & 0x7f | 0x40;
    Ok(nonce)
}

/// The SHA-256 of what is to be stamped.
pub fn imprint(bytes: &[u8]) -> Hash {
    sha256(bytes)
}

/// A `TimeStampReq` for a SHA-256, with the wish for the service's certificate.
pub fn request(imprint: &Hash, nonce: Nonce) -> Vec<u8> {
    // SEQUENCE { version 1, SEQUENCE { SEQUENCE { sha256, NULL }, hash }, nonce, certReq TRUE }: 67 bytes whatever the hash.
    let mut out = vec![0x30, 0x43, 0x02, 0x01, 0x01, 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09];
    out.extend_from_slice(ID_SHA256.as_bytes());
    out.extend_from_slice(&[0x05, 0x00, 0x04, 0x20]);
    out.extend_from_slice(imprint);
    out.extend_from_slice(&[0x02, 0x08]);
    out.extend_from_slice(&nonce);
    out.extend_from_slice(&[0x01, 0x01, 0xff]);
    out
}

/// Whether a `TimeStampResp` is a timestamp of this hash by a service that leads to a pinned certificate, and answers this nonce where one is told.
pub fn check(
    answer: &[u8],
    of: &Hash,
    nonce: Option<&Nonce>,
    roots: &TimestampRoots,
) -> Result<Timestamp, TimestampError> {
    if answer.len() > LONGEST {
        return Err(TimestampError::Form("it is too long"));
    }
    let whole = only(answer).ok_or(TimestampError::Form("the answer"))?;
    let mut parts = whole.children("the answer")?;
    let status = parts.take("its status")?.children("its status")?.take("its status")?;
    match status.value {
        [0 | 1] => {}
        [other] => return Err(TimestampError::Refused(*other)),
        _ => return Err(TimestampError::Form("its status")),
    }
    let token = parts.take("its token")?;
    let signed = Signed::read(token)?;
    let info = Info::read(signed.content)?;
    if info.algorithm != ID_SHA256 || info.imprint != of {
        return Err(TimestampError::Imprint);
    }
    if nonce.is_some_and(|nonce| info.nonce != Some(nonce)) {
        return Err(TimestampError::Nonce);
    }
    let certificate = signed.verify()?;
    trusted(certificate, &signed.certificates, info.time_ms, roots)?;
    Ok(Timestamp { time_ms: info.time_ms, authority: subject(certificate).unwrap_or_default() })
}

// === Pieces of DER ===

/// A value with its tag, and both as they stand.
#[derive(Clone, Copy)]
struct Piece<'a> {
    tag: u8,
    value: &'a [u8],
    raw: &'a [u8],
}

/// What stands in a piece, from here on.
struct Children<'a>(SliceReader<'a>);

impl<'a> Children<'a> {
    fn is_empty(&self) -> bool {
        self.0.is_finished()
    }

    fn next(&mut self) -> Option<Piece<'a>> {
        let raw = self.0.tlv_bytes().ok()?;
        let mut inner = SliceReader::new(raw).ok()?;
        let tag = Header::decode(&mut inner).ok()?.tag.octet();
        Some(Piece { tag, value: inner.read_slice(inner.remaining_len()).ok()?, raw })
    }

    /// The next piece, which has to be there.
    fn take(&mut self, what: &'static str) -> Result<Piece<'a>, TimestampError> {
        self.next().ok_or(TimestampError::Form(what))
    }

    /// The next piece, where it has this tag.
    fn take_if(&mut self, tag: u8) -> Option<Piece<'a>> {
        let here = self.0.clone();
        let found = self.next().filter(|piece| piece.tag == tag);
        if found.is_none() {
            self.0 = here;
        }
        found
    }
}

impl<'a> Piece<'a> {
    fn children(&self, what: &'static str) -> Result<Children<'a>, TimestampError> {
        // `SEQUENCE`, `SET`, or `[n]` with something in it.
        let constructed = self.tag & 0x20 != 0;
        let reader = SliceReader::new(self.value).ok().filter(|_| constructed);
        reader.map(Children).ok_or(TimestampError::Form(what))
    }

    fn oid(&self, what: &'static str) -> Result<ObjectIdentifier, TimestampError> {
        let oid = ObjectIdentifier::from_bytes(self.value).ok();
        oid.filter(|_| self.is(Tag::ObjectIdentifier)).ok_or(TimestampError::Form(what))
    }

    fn is(&self, tag: Tag) -> bool {
        self.tag == tag.octet()
    }

    fn octets(&self, what: &'static str) -> Result<&'a [u8], TimestampError> {
        if self.is(Tag::OctetString) { Ok(self.value) } else { Err(TimestampError::Form(what)) }
    }
}

/// The one piece that is all of it.
fn only(bytes: &[u8]) -> Option<Piece<'_>> {
    let mut all = Children(SliceReader::new(bytes).ok()?);
    all.next().filter(|_| all.is_empty())
}

// === The signed message ===

/// A `SignedData` with one signer.
struct Signed<'a> {
    content: &'a [u8],
    certificates: Vec<&'a [u8]>,
    signer: Piece<'a>,
    digest: &'static Algorithm,
    /// The signed attributes as they stand, tagged `[0]`.
    attributes: Piece<'a>,
    signature: &'a [u8],
}

fn algorithm(piece: Piece<'_>, what: &'static str) -> Result<ObjectIdentifier, TimestampError> {
    piece.children(what)?.take(what)?.oid(what)
}

fn digest_of(oid: ObjectIdentifier) -> Option<&'static Algorithm> {
    [(ID_SHA256, &SHA256), (ID_SHA384, &SHA384), (ID_SHA512, &SHA512)]
        .into_iter()
        .find_map(|(known, digest)| (known == oid).then_some(digest))
}

impl<'a> Signed<'a> {
    fn read(token: Piece<'a>) -> Result<Self, TimestampError> {
        let form = TimestampError::Form;
        let mut parts = token.children("its token")?;
        if parts.take("its token")?.oid("its token")? != SIGNED_DATA {
            return Err(form("its token is no signed message"));
        }
        let explicit = parts.take_if(ZERO).ok_or(form("its signed message"))?;
        let mut parts =
            only(explicit.value).ok_or(form("its signed message"))?.children("its signed message")?;
        parts.take("its version")?;
        parts.take("its hashes")?;
        let mut content = parts.take("its content")?.children("its content")?;
        if content.take("its content")?.oid("its content")? != TST_INFO {
            return Err(form("its content is no timestamp"));
        }
        let explicit = content.take_if(ZERO).ok_or(form("its content"))?;
        let content = only(explicit.value).ok_or(form("its content"))?.octets("its content")?;
        let mut certificates = Vec::new();
        if let Some(set) = parts.take_if(ZERO) {
            let mut set = set.children("its certificates")?;
            while let Some(certificate) = set.next() {
                certificates.push(certificate.raw);
            }
        }
        // Lists of what was revoked.
        parts.take_if(0xa1);
        let mut signers = parts.take("its signers")?.children("its signers")?;
        let mut signer = signers.take("its signer")?.children("its signer")?;
        if !signers.is_empty() {
            return Err(form("it has more than one signer"));
        }
        signer.take("its signer's version")?;
        let name = signer.take("its signer's name")?;
        let digest = algorithm(signer.take("its hash")?, "its hash")?;
        let digest = digest_of(digest)
            .ok_or(TimestampError::Signature("its hash is none of SHA-256, SHA-384 and SHA-512"))?;
        let attributes = signer.take_if(ZERO).ok_or(form("its signed attributes"))?;
        signer.take("the kind of its signature")?;
        let signature = signer.take("its signature")?.octets("its signature")?;
        Ok(Self { content, certificates, signer: name, digest, attributes, signature })
    }

    /// The values of an attribute that is there once; none where it is not there.
    fn attribute(&self, wanted: ObjectIdentifier) -> Result<Option<Piece<'a>>, TimestampError> {
        let what = "its signed attributes";
        let mut all = self.attributes.children(what)?;
        let mut found = None;
        while !all.is_empty() {
            let mut attribute = all.take(what)?.children(what)?;
            if attribute.take(what)?.oid(what)? == wanted {
                let value = only(attribute.take(what)?.value).ok_or(TimestampError::Form(what))?;
                if found.replace(value).is_some() {
                    return Err(TimestampError::Form("an attribute stands twice"));
                }
            }
        }
        Ok(found)
    }

    /// Whether content, attributes, certificate and signature belong together; the certificate.
    fn verify(&self) -> Result<&'a [u8], TimestampError> {
        let wrong = TimestampError::Signature;
        let content_type = self.attribute(CONTENT_TYPE)?.ok_or(wrong("it does not sign what it is"))?;
        if content_type.oid("its content's kind")? != TST_INFO {
            return Err(wrong("it signs something that is no timestamp"));
        }
        let hash = self.attribute(MESSAGE_DIGEST)?.ok_or(wrong("it does not sign its content"))?;
        if hash.octets("the hash of its content")? != digest::digest(self.digest, self.content).as_ref() {
            return Err(wrong("its content is not what was signed"));
        }
        let certificate = self.certificates.iter().find(|one| self.is_signer(one));
        let certificate = certificate.ok_or(wrong("its signer's certificate is not in it"))?;
        if !self.names(certificate)? {
            return Err(wrong("it was signed with another certificate than the one in it"));
        }
        // What is signed is the set of attributes as such, not as it is tagged in the message.
        let mut attributes = self.attributes.raw.to_vec();
        if let Some(tag) = attributes.first_mut() {
            *tag = Tag::Set.octet();
        }
        let der = CertificateDer::from(*certificate);
        let parsed =
            EndEntityCert::try_from(&der).map_err(|_| TimestampError::Form("its signer's certificate"))?;
        let fits = |one: &&&dyn SignatureVerificationAlgorithm| {
            parsed.verify_signature(**one, &attributes, self.signature).is_ok()
        };
        match kinds(self.digest).iter().find(fits) {
            Some(_) => Ok(certificate),
            None => Err(wrong("its signature does not fit")),
        }
    }

    /// Whether this is the certificate that the signer is named by: issuer and number, or the key's identifier, which the certificate's hash
    /// stands in for.
    fn is_signer(&self, certificate: &[u8]) -> bool {
        if self.signer.tag != Tag::Sequence.octet() {
            return self.names(certificate).unwrap_or(false);
        }
        let same = || {
            let mut name = self.signer.children("").ok()?;
            let (issuer, serial) = (name.next()?, name.next()?);
            let (found_serial, found_issuer) = issued(certificate)?;
            Some(issuer.raw == found_issuer && serial.raw == found_serial)
        };
        same().unwrap_or(false)
    }

    /// Whether the signed attributes name this certificate by its hash.
    fn names(&self, certificate: &[u8]) -> Result<bool, TimestampError> {
        let what = "the name of its certificate";
        if let Some(value) = self.attribute(SIGNING_CERTIFICATE_2)? {
            let mut id = value.children(what)?.take(what)?.children(what)?.take(what)?.children(what)?;
            let digest = match id.take_if(Tag::Sequence.octet()) {
                Some(kind) => digest_of(algorithm(only(kind.raw).ok_or(TimestampError::Form(what))?, what)?)
                    .ok_or(TimestampError::Signature("its certificate is named by an unknown hash"))?,
                None => &SHA256,
            };
            return Ok(id.take(what)?.octets(what)? == digest::digest(digest, certificate).as_ref());
        }
        let value = self.attribute(SIGNING_CERTIFICATE)?;
        let value =
            value.ok_or(TimestampError::Signature("it does not sign which certificate is the signer's"))?;
        let mut id = value.children(what)?.take(what)?.children(what)?.take(what)?.children(what)?;
        Ok(id.take(what)?.octets(what)? == digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, certificate).as_ref())
    }
}

/// Signatures that go with a hash. Which of them it is follows from the certificate's key.
fn kinds(digest: &Algorithm) -> &'static [&'static dyn SignatureVerificationAlgorithm] {
    const fn of(
        kinds: &'static [&'static dyn SignatureVerificationAlgorithm],
    ) -> &'static [&'static dyn SignatureVerificationAlgorithm] {
        kinds
    }
    static KINDS_256: [&dyn SignatureVerificationAlgorithm; 4] = [
        algorithms::RSA_PKCS1_2048_8192_SHA256,
        algorithms::ECDSA_P256_SHA256,
        algorithms::ECDSA_P384_SHA256,
        algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    ];
    static KINDS_384: [&dyn SignatureVerificationAlgorithm; 4] = [
        algorithms::RSA_PKCS1_2048_8192_SHA384,
        algorithms::ECDSA_P256_SHA384,
        algorithms::ECDSA_P384_SHA384,
        algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    ];
    static KINDS_512: [&dyn SignatureVerificationAlgorithm; 5] = [
        algorithms::RSA_PKCS1_2048_8192_SHA512,
        algorithms::ECDSA_P256_SHA512,
        algorithms::ECDSA_P384_SHA512,
        algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
        algorithms::ED25519,
    ];
    match digest {
        d if *d == SHA256 => of(&KINDS_256),
        d if *d == SHA384 => of(&KINDS_384),
        _ => of(&KINDS_512),
    }
}

// === What is said ===

/// A `TSTInfo`.
struct Info<'a> {
    algorithm: ObjectIdentifier,
    imprint: &'a [u8],
    time_ms: u64,
    nonce: Option<&'a [u8]>,
}

impl<'a> Info<'a> {
    fn read(content: &'a [u8]) -> Result<Self, TimestampError> {
        let mut parts = only(content).ok_or(TimestampError::Form("its content"))?.children("its content")?;
        if parts.take("its version")?.value != [1] {
            return Err(TimestampError::Form("its version"));
        }
        parts.take("its policy")?;
        let mut hashed = parts.take("its hash")?.children("its hash")?;
        let algorithm = algorithm(hashed.take("its hash")?, "its hash")?;
        let imprint = hashed.take("its hash")?.octets("its hash")?;
        parts.take("its number")?;
        let time = parts.take("its time")?;
        let time_ms = time_ms(time.value).filter(|_| time.is(Tag::GeneralizedTime));
        let time_ms = time_ms.ok_or(TimestampError::Form("its time"))?;
        parts.take_if(Tag::Sequence.octet());
        parts.take_if(Tag::Boolean.octet());
        let nonce = parts.take_if(Tag::Integer.octet()).map(|nonce| nonce.value);
        Ok(Self { algorithm, imprint, time_ms, nonce })
    }
}

/// `20261128164213Z`, with fractions of a second or without, in milliseconds since 1970.
fn time_ms(text: &[u8]) -> Option<u64> {
    let text = str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (whole.len() == 14 && all_digits(whole) && all_digits(fraction)).then_some(())?;
    let number = |range: std::ops::Range<usize>| whole.get(range)?.parse::<u64>().ok();
    let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
    let (hour, minute, second) = (number(8..10)?, number(10..12)?, number(12..14)?);
    let sound = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    sound.then_some(())?;
    // Days since 1970 by the civil calendar, with years that begin in March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
    let days = days.checked_sub(719_468)?;
    let ms: u64 =
        fraction.bytes().chain(*b"000").take(3).fold(0, |ms, digit| 10 * ms + u64::from(digit - b'0'));
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + ms)
}

// === The certificate ===

/// Number and issuer of a certificate, as they stand.
fn issued(certificate: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut tbs = only(certificate)?.children("").ok()?.next()?.children("").ok()?;
    tbs.take_if(ZERO);
    let serial = tbs.next()?;
    tbs.next()?;
    Some((serial.raw, tbs.next()?.raw))
}

fn subject(certificate: &[u8]) -> Option<String> {
    let mut tbs = only(certificate)?.children("").ok()?.next()?.children("").ok()?;
    tbs.take_if(ZERO);
    // Number, kind of signature, issuer, times.
    for _ in 0..4 {
        tbs.next()?;
    }
    Some(Name::from_der(tbs.next()?.raw).ok()?.to_string())
}

/// Whether the certificate is one that was pinned, or leads to one, for timestamps, at that time.
fn trusted(
    certificate: &[u8],
    beside: &[&[u8]],
    time_ms: u64,
    roots: &TimestampRoots,
) -> Result<(), TimestampError> {
    let untrusted = |error: webpki::Error| TimestampError::Untrusted(error.to_string());
    if roots.0.iter().any(|pinned| pinned.as_ref() == certificate) {
        return Ok(());
    }
    let der = CertificateDer::from(certificate);
    let parsed = EndEntityCert::try_from(&der).map_err(untrusted)?;
    let anchors: Result<Vec<_>, _> = roots.0.iter().map(webpki::anchor_from_trusted_cert).collect();
    let between: Vec<CertificateDer<'_>> = beside.iter().map(|der| CertificateDer::from(*der)).collect();
    let time = UnixTime::since_unix_epoch(Duration::from_millis(time_ms));
    let usage = KeyUsage::required(&TIME_STAMPING);
    parsed
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors.map_err(untrusted)?,
            &between,
            time,
            usage,
            None,
            None,
        )
        .map(|_| ())
        .map_err(untrusted)
}

#[cfg(test)]
mod tests;
