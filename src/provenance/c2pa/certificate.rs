//! Certificates that sign manifests: what C2PA asks of them (specification 2.3, section 14.5.1), and the way to one that is trusted.

use std::path::Path;
use std::time::Duration;

use der::asn1::ObjectIdentifier;
use der::{Decode as _, Encode as _};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::EndEntityCert;
use x509_cert::Certificate;
use x509_cert::certificate::Version;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage};

/// What a signing certificate may be for, as its bytes stand in a certificate: C2PA claims, documents, e-mail, and C2PA as Microsoft has it.
const PURPOSES: [&[u8]; 4] = [
    &[43, 6, 1, 4, 1, 0x83, 0xe8, 0x5e, 2, 1],
    &[43, 6, 1, 5, 5, 7, 3, 36],
    &[43, 6, 1, 5, 5, 7, 3, 4],
    &[43, 6, 1, 4, 1, 0x82, 0x37, 76, 59, 1, 9],
];
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const ANY_PURPOSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");
const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");
const OCSP_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.9");
/// RSA with SHA-2, ECDSA with SHA-2, RSASSA-PSS, Ed25519.
const SIGNED_WITH: [ObjectIdentifier; 8] = [
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13"),
    ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2"),
    ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3"),
    ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10"),
    ObjectIdentifier::new_unwrap("1.3.101.112"),
];

/// What is wrong with a certificate that is to sign manifests.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    /// No X.509 certificate.
    #[error("it cannot be read as an X.509 certificate")]
    Form,
    /// An old one.
    #[error("it is not of version 3")]
    Version,
    /// Signed with what is weak or unknown.
    #[error("it is signed with {0}, which C2PA does not allow")]
    Algorithm(String),
    /// It vouches for itself.
    #[error("it is signed by itself, and C2PA asks for one that an authority has signed")]
    SelfSigned,
    /// An authority's.
    #[error("it is an authority's, and a claim is signed with a certificate that can sign no others")]
    Authority,
    /// The extension `keyUsage` lacks what is needed.
    #[error("its key usage does not say `digitalSignature`")]
    KeyUsage,
    /// The extension `extendedKeyUsage` lacks what is needed.
    #[error(
        "its extended key usage names none of `c2pa-kp-claimSigning` (1.3.6.1.4.1.62558.2.1), `documentSigning`, `emailProtection`"
    )]
    Purpose,
    /// It is for anything, or for what a signer may not do beside.
    #[error("its extended key usage names `{0}`, which a signer's may not")]
    OtherPurpose(&'static str),
    /// The extension `authorityKeyIdentifier` is not there.
    #[error("it does not name its issuer's key (extension `authorityKeyIdentifier`)")]
    Issuer,
    /// Identifiers of version 2.
    #[error("it has a unique identifier of its issuer or subject, which C2PA does not allow")]
    Unique,
}

/// When a certificate is good, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// From then on.
    pub from_ms: u64,
    /// Until then.
    pub until_ms: u64,
}

impl Validity {
    /// Whether it is good at this time.
    pub fn holds_at(self, ms: u64) -> bool {
        (self.from_ms..=self.until_ms).contains(&ms)
    }
}

/// A certificate that can be read.
#[derive(Clone, Debug)]
pub(super) struct Signer {
    pub(super) der: Vec<u8>,
    parsed: Certificate,
}

impl Signer {
    pub(super) fn read(der: &[u8]) -> Result<Self, CertificateFault> {
        let parsed = Certificate::from_der(der).map_err(|_| CertificateFault::Form)?;
        Ok(Self { der: der.to_vec(), parsed })
    }

    pub(super) fn subject(&self) -> String {
        self.parsed.tbs_certificate.subject.to_string()
    }

    pub(super) fn issuer(&self) -> String {
        self.parsed.tbs_certificate.issuer.to_string()
    }

    /// The public key's bits, its kind, and the curve where it has one.
    pub(super) fn key(&self) -> (&[u8], ObjectIdentifier, Option<ObjectIdentifier>) {
        let info = &self.parsed.tbs_certificate.subject_public_key_info;
        let curve = info.algorithm.parameters.as_ref().and_then(|any| any.decode_as().ok());
        (info.subject_public_key.raw_bytes(), info.algorithm.oid, curve)
    }

    pub(super) fn is_issued_by(&self, other: &Self) -> bool {
        let name = |name: &x509_cert::name::Name| name.to_der().ok();
        name(&self.parsed.tbs_certificate.issuer) == name(&other.parsed.tbs_certificate.subject)
    }

    pub(super) fn is_self_signed(&self) -> bool {
        self.is_issued_by(self)
    }

    pub(super) fn validity(&self) -> Validity {
        let validity = &self.parsed.tbs_certificate.validity;
        let ms = |time: &x509_cert::time::Time| {
            u64::try_from(time.to_unix_duration().as_millis()).unwrap_or(u64::MAX)
        };
        Validity { from_ms: ms(&validity.not_before), until_ms: ms(&validity.not_after) }
    }

    fn extension<'c, T: der::Decode<'c> + der::oid::AssociatedOid>(
        &'c self,
    ) -> Result<Option<T>, CertificateFault> {
        let found = self.parsed.tbs_certificate.get::<T>().map_err(|_| CertificateFault::Form)?;
        Ok(found.map(|(_, value)| value))
    }

    /// What the profile does not allow in it, its times aside.
    pub(super) fn fault(&self) -> Result<(), CertificateFault> {
        let tbs = &self.parsed.tbs_certificate;
        if tbs.version != Version::V3 {
            return Err(CertificateFault::Version);
        }
        if tbs.issuer_unique_id.is_some() || tbs.subject_unique_id.is_some() {
            return Err(CertificateFault::Unique);
        }
        let with = self.parsed.signature_algorithm.oid;
        if !SIGNED_WITH.contains(&with) {
            return Err(CertificateFault::Algorithm(with.to_string()));
        }
        if self.is_self_signed() {
            return Err(CertificateFault::SelfSigned);
        }
        if self.extension::<BasicConstraints>()?.is_some_and(|constraints| constraints.ca) {
            return Err(CertificateFault::Authority);
        }
        let usage = self.extension::<KeyUsage>()?;
        if !usage.is_some_and(|usage| usage.digital_signature() && !usage.key_cert_sign()) {
            return Err(CertificateFault::KeyUsage);
        }
        let purposes = self.extension::<ExtendedKeyUsage>()?.map(|usage| usage.0).unwrap_or_default();
        for (other, name) in [
            (ANY_PURPOSE, "anyExtendedKeyUsage"),
            (TIME_STAMPING, "timeStamping"),
            (OCSP_SIGNING, "OCSPSigning"),
            (SERVER_AUTH, "serverAuth"),
        ] {
            if purposes.contains(&other) {
                return Err(CertificateFault::OtherPurpose(name));
            }
        }
        self.purpose()?;
        match self.extension::<AuthorityKeyIdentifier>()? {
            Some(_) => Ok(()),
            None => Err(CertificateFault::Issuer),
        }
    }

    /// The first of C2PA's purposes that it has.
    fn purpose(&self) -> Result<&'static [u8], CertificateFault> {
        let purposes = self.extension::<ExtendedKeyUsage>()?.map(|usage| usage.0).unwrap_or_default();
        let has = |bytes: &&&'static [u8]| purposes.iter().any(|purpose| purpose.as_bytes() == **bytes);
        PURPOSES.iter().find(has).copied().ok_or(CertificateFault::Purpose)
    }

    /// Whether the way from it over `between` to one of `anchors` holds at a time, and why not.
    pub(super) fn leads(&self, between: &[Vec<u8>], anchors: &Anchors, at_ms: u64) -> Result<(), String> {
        let purpose = self.purpose().map_err(|fault| fault.to_string())?;
        if anchors.0.iter().any(|anchor| anchor.as_ref() == self.der) {
            return Ok(());
        }
        let der = CertificateDer::from(self.der.as_slice());
        let told = |error: webpki::Error| error.to_string();
        let parsed = EndEntityCert::try_from(&der).map_err(told)?;
        // What cannot be an anchor leads nowhere.
        let anchors: Vec<_> =
            anchors.0.iter().filter_map(|anchor| webpki::anchor_from_trusted_cert(anchor).ok()).collect();
        let between: Vec<CertificateDer<'_>> =
            between.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
        let time = UnixTime::since_unix_epoch(Duration::from_millis(at_ms));
        // The signer's own is there; authorities between need say nothing of purposes.
        let usage = webpki::KeyUsage::required_if_present(purpose);
        parsed
            .verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &anchors, &between, time, usage, None, None)
            .map(|_| ())
            .map_err(told)
    }
}

/// Certificates that are trusted: of authorities, or of signers themselves.
#[derive(Clone, Debug)]
pub struct Anchors(Vec<CertificateDer<'static>>);

impl Anchors {
    /// Those of a PEM file.
    ///
    /// # Errors
    /// A sentence that says why none can be read.
    pub fn read(path: &Path) -> Result<Self, String> {
        Ok(Self(certificates(&std::fs::read(path).map_err(|error| error.to_string())?)?))
    }

    pub(super) fn of(der: &[u8]) -> Self {
        Self(vec![CertificateDer::from(der.to_vec())])
    }
}

/// The certificates of a PEM file, one at least.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err("no certificate in PEM stands in it".into()),
        Ok(found) => Ok(found),
        Err(error) => Err(format!("not PEM: {error}")),
    }
}
