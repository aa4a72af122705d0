//! What signs manifests: a chain of certificates and the key of the first.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair as _, RSA_PSS_SHA256, RsaKeyPair,
};
use der::asn1::ObjectIdentifier;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;

use super::algorithm::Algorithm;
use super::certificate::{Anchors, CertificateFault, Signer, Validity, certificates};

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");

/// Why nothing can be signed with a chain and a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// The chain's file cannot be used.
    #[error("{0}")]
    Chain(String),
    /// The first certificate is none that may sign.
    #[error("its first certificate, `{subject}`, cannot sign manifests: {fault}")]
    Profile {
        /// Its subject.
        subject: String,
        /// What is wrong.
        fault: CertificateFault,
    },
    /// One is not issued by the next.
    #[error("certificate {number}, `{subject}`, is not issued by the next one, `{next}`, but by `{issuer}`")]
    Order {
        /// Which, from 1.
        number: usize,
        /// Its subject.
        subject: String,
        /// Who issued it.
        issuer: String,
        /// The next one's subject.
        next: String,
    },
    /// The signatures from the first to the last do not hold.
    #[error("its first certificate does not lead to its last: {0}")]
    Broken(String),
    /// No key in PEM.
    #[error("no private key in PEM stands in it; one with a passphrase cannot be read")]
    NoKey,
    /// A kind of key that does not sign here.
    #[error(
        "the first certificate's key is of a kind that does not sign here: P-256, P-384, Ed25519 and RSA of 2048 bits and more do"
    )]
    Kind,
    /// Another key.
    #[error("it is not the key of the first certificate, `{0}`")]
    Other(String),
}

enum Key {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

/// A chain that can sign.
pub struct Chain(Vec<Signer>);

/// A chain and its key.
pub struct Credential {
    chain: Chain,
    key: Key,
    algorithm: Algorithm,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential")
    }
}

impl Chain {
    /// Reads a PEM file: the signer's certificate first, then each one's issuer. The last may be the authority's own, which manifests leave out.
    ///
    /// # Errors
    /// It cannot be read, or the first certificate is none that C2PA allows. That it has run out is none: see [`Chain::validity`].
    pub fn read(pem: &[u8]) -> Result<Self, CredentialError> {
        let found = certificates(pem).map_err(CredentialError::Chain)?;
        let mut chain = Vec::new();
        for (n, der) in found.iter().enumerate() {
            chain.push(
                Signer::read(der)
                    .map_err(|fault| CredentialError::Chain(format!("certificate {}: {fault}", n + 1)))?,
            );
        }
        for (n, two) in chain.windows(2).enumerate() {
            let [one, next] = two else { continue };
            if !one.is_issued_by(next) {
                let (subject, issuer) = (one.subject(), one.issuer());
                return Err(CredentialError::Order { number: n + 1, subject, issuer, next: next.subject() });
            }
        }
        let chain = Self(chain);
        let leaf = chain.leaf();
        leaf.fault().map_err(|fault| CredentialError::Profile { subject: leaf.subject(), fault })?;
        if let [_, between @ .., last] = chain.0.as_slice() {
            // Whether it has run out is another question: what is asked here held in the hour in which the first began.
            let at = leaf.validity().from_ms;
            let between: Vec<Vec<u8>> = between.iter().map(|one| one.der.clone()).collect();
            leaf.leads(&between, &Anchors::of(&last.der), at).map_err(CredentialError::Broken)?;
        }
        Ok(chain)
    }

    fn leaf(&self) -> &Signer {
        &self.0[0]
    }

    /// When the first certificate is good.
    pub fn validity(&self) -> Validity {
        self.leaf().validity()
    }

    /// Whose the first certificate is.
    pub fn subject(&self) -> String {
        self.leaf().subject()
    }

    /// The key of the first certificate, from PEM.
    ///
    /// # Errors
    /// It is none, another one, or of a kind that does not sign here.
    pub fn with_key(self, pem: &[u8]) -> Result<Credential, CredentialError> {
        let der = PrivateKeyDer::from_pem_slice(pem).map_err(|_| CredentialError::NoKey)?;
        let (bits, kind, curve) = self.leaf().key();
        let other = || CredentialError::Other(self.subject());
        let (key, algorithm) = match (kind, curve) {
            (EC, Some(P256)) => (ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING, &der), Algorithm::Es256),
            (EC, Some(P384)) => (ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING, &der), Algorithm::Es384),
            (ED25519, _) => {
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_der());
                (pair.ok().map(Key::Ed25519), Algorithm::EdDsa)
            }
            (RSA | RSA_PSS, _) => (rsa(&der), Algorithm::Ps256),
            _ => return Err(CredentialError::Kind),
        };
        let key = key.ok_or_else(other)?;
        let public = match &key {
            Key::Ecdsa(pair) => pair.public_key().as_ref(),
            Key::Ed25519(pair) => pair.public_key().as_ref(),
            Key::Rsa(pair) => pair.public_key().as_ref(),
        };
        if public != bits {
            return Err(other());
        }
        Ok(Credential { chain: self, key, algorithm })
    }
}

fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm, der: &PrivateKeyDer<'_>) -> Option<Key> {
    let pair = match der {
        PrivateKeyDer::Pkcs8(der) => EcdsaKeyPair::from_pkcs8(algorithm, der.secret_pkcs8_der()),
        der => EcdsaKeyPair::from_private_key_der(algorithm, der.secret_der()),
    };
    pair.ok().map(Key::Ecdsa)
}

fn rsa(der: &PrivateKeyDer<'_>) -> Option<Key> {
    let pair = match der {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        der => RsaKeyPair::from_der(der.secret_der()),
    };
    pair.ok().map(Key::Rsa)
}

impl Credential {
    /// The chain.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The certificates that go into a manifest: all but an authority's own at the end.
    pub(super) fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        let kept = self.chain.0.iter().enumerate().filter(|(n, one)| *n == 0 || !one.is_self_signed());
        kept.map(|(_, one)| one.der.as_slice())
    }

    /// Whether a certificate has this one's key.
    pub(super) fn is_of(&self, certificate: &Signer) -> bool {
        self.chain.leaf().key() == certificate.key()
    }

    /// A signature; none, where there is no chance to be had.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let chance = SystemRandom::new();
        Some(match &self.key {
            Key::Ecdsa(pair) => pair.sign(&chance, message).ok()?.as_ref().to_vec(),
            Key::Ed25519(pair) => pair.try_sign(message).ok()?.as_ref().to_vec(),
            Key::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PSS_SHA256, &chance, message, &mut signature).ok()?;
                signature
            }
        })
    }
}
