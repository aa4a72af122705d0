//! Answers of a real service: `openssl ts -reply` (OpenSSL 3.0.19) to `q.tsq`, signed once with RSA, SHA-256 and the certificate named by
//! SHA-256, once with ECDSA on P-384, SHA-384, fractions of a second and the certificate named by SHA-1; and its refusal of a broken request.

use super::*;
use proptest::prelude::*;

const DATA: &[u8] = include_bytes!("fixtures/data");
const RSA: &[u8] = include_bytes!("fixtures/rsa.tsr");
const EC: &[u8] = include_bytes!("fixtures/ec.tsr");
const REFUSED: &[u8] = include_bytes!("fixtures/refused.tsr");
/// What `openssl ts -reply -text` says of their times.
const RSA_MS: u64 = 1_795_884_810_000;
const EC_MS: u64 = 1_795_884_810_441;
const NONCE: Nonce = [0x41, 2, 3, 4, 5, 6, 7, 8];

fn roots(name: &str) -> TimestampRoots {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/audit/timestamp/fixtures").join(name);
    TimestampRoots::read(&path).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn requests_are_those_of_other_tools() {
    assert_eq!(request(&imprint(DATA), NONCE), include_bytes!("fixtures/q.tsq"));
    for _ in 0..100 {
        assert!((0x40..0x80).contains(&nonce().expect("chance")[0]));
    }
}

#[test]
fn answers_of_a_real_service_hold() {
    let of = imprint(DATA);
    let told = check(RSA, &of, Some(&NONCE), &roots("ca.pem"));
    let stamp = Timestamp { time_ms: RSA_MS, authority: "CN=rsa,O=Test".into() };
    assert_eq!(told, Ok(stamp.clone()));
    // As somebody verifies it later, without the number; and with the service's own certificate pinned.
    assert_eq!(check(RSA, &of, None, &roots("ca.pem")), Ok(stamp.clone()));
    assert_eq!(check(RSA, &of, None, &roots("rsa.pem")), Ok(stamp));
    let told = check(EC, &of, Some(&NONCE), &roots("ca.pem"));
    assert_eq!(told, Ok(Timestamp { time_ms: EC_MS, authority: "CN=ec".into() }));
}

#[test]
fn others_do_not() {
    let of = imprint(DATA);
    let ca = roots("ca.pem");
    assert_eq!(check(RSA, &imprint(b"x"), None, &ca), Err(TimestampError::Imprint));
    assert_eq!(check(RSA, &of, Some(&[0x41; 8]), &ca), Err(TimestampError::Nonce));
    assert_eq!(check(REFUSED, &of, None, &ca), Err(TimestampError::Refused(2)));
    for (answer, pinned) in [(RSA, "other.pem"), (EC, "other.pem"), (EC, "rsa.pem")] {
        let told = check(answer, &of, None, &roots(pinned));
        assert!(matches!(told, Err(TimestampError::Untrusted(_))), "{told:?}");
    }
    for cut in 0..RSA.len() {
        assert!(check(&RSA[..cut], &of, None, &ca).is_err(), "{cut}");
    }
    let missing = TimestampRoots::read(Path::new("/nowhere.pem"));
    assert!(matches!(missing, Err(TimestampError::Roots(_))));
}

#[test]
fn no_changed_byte_gives_another_time() {
    let of = imprint(DATA);
    let ca = roots("ca.pem");
    for answer in [RSA, EC] {
        let good = check(answer, &of, Some(&NONCE), &ca).expect("sound");
        for at in 0..answer.len() {
            for bit in 0..8 {
                let mut changed = answer.to_vec();
                changed[at] ^= 1 << bit;
                // Words of the service beside what is signed (its status, unsigned lists) may change; time and signer may not.
                if let Ok(found) = check(&changed, &of, Some(&NONCE), &ca) {
                    assert_eq!(found, good, "byte {at}, bit {bit}");
                }
            }
        }
    }
}

#[test]
fn times_are_read() {
    for (text, ms) in [
        ("19700101000000Z", Some(0)),
        ("20000229235959Z", Some(951_868_799_000)),
        ("20261128164213Z", Some(1_795_884_133_000)),
        ("20261128164213.1Z", Some(1_795_884_133_100)),
        ("20261128164213.12345Z", Some(1_795_884_133_123)),
        ("20261128164213", None),
        ("20261128164213.Z", None),
        ("20261328164213Z", None),
        ("2026112816421Z", None),
        ("00001128164213Z", None),
        ("2026112816421 Z", None),
    ] {
        assert_eq!(time_ms(text.as_bytes()), ms, "{text}");
    }
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0_usize..1300) {
        let of = imprint(DATA);
        let ca = roots("ca.pem");
        prop_assert!(check(&bytes, &of, None, &ca).is_err());
        // Within a real one, so that the inner pieces meet it.
        let mut spliced = RSA.to_vec();
        let end = (at + bytes.len()).min(spliced.len());
        let start = at.min(end);
        bytes.truncate(end - start);
        let same = spliced[start..end] == bytes[..];
        spliced[start..end].copy_from_slice(&bytes);
        let told = check(&spliced, &of, Some(&NONCE), &ca);
        if bytes.len() > 20 && !same && start > 60 {
            prop_assert!(told.is_err());
        }
    }
}
