//! The kinds of signatures that C2PA allows, with the numbers that COSE has for them (RFC 9053, RFC 8230).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, UnparsedPublicKey,
    VerificationAlgorithm,
};

use super::cbor::Value;

/// A kind of signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
}

impl Algorithm {
    const ALL: [Self; 7] =
        [Self::Es256, Self::Es384, Self::Es512, Self::EdDsa, Self::Ps256, Self::Ps384, Self::Ps512];

    /// `-1 - n` of its number.
    fn negative(self) -> u64 {
        match self {
            Self::Es256 => 6,
            Self::EdDsa => 7,
            Self::Es384 => 34,
            Self::Es512 => 35,
            Self::Ps256 => 36,
            Self::Ps384 => 37,
            Self::Ps512 => 38,
        }
    }

    /// Its number in COSE.
    pub(super) fn number(self) -> Value {
        Value::Negative(self.negative())
    }

    /// That of a number.
    pub(super) fn of(number: &Value) -> Option<Self> {
        Self::ALL.into_iter().find(|one| *number == one.number())
    }

    /// Its name in the tables of COSE.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
        }
    }

    /// Whether a public key, as the bits in a certificate, has signed this.
    pub(super) fn holds(self, key: &[u8], signed: &[u8], signature: &[u8]) -> bool {
        let verification: &'static dyn VerificationAlgorithm = match self {
            Self::Es256 => &ECDSA_P256_SHA256_FIXED,
            Self::Es384 => &ECDSA_P384_SHA384_FIXED,
            Self::Es512 => &ECDSA_P521_SHA512_FIXED,
            Self::EdDsa => &ED25519,
            Self::Ps256 => &RSA_PSS_2048_8192_SHA256,
            Self::Ps384 => &RSA_PSS_2048_8192_SHA384,
            Self::Ps512 => &RSA_PSS_2048_8192_SHA512,
        };
        UnparsedPublicKey::new(verification, key).verify(signed, signature).is_ok()
    }
}
