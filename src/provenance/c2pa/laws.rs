//! What holds of every file, every manifest and every change to either.

use std::fmt::Write as _;
use std::sync::LazyLock;

use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SignatureAlgorithm,
};

use super::*;
use crate::provenance::Aigc;

/// A time within the certificates of the document that c2pa-rs has signed.
const NOVEMBER: u64 = 1_796_000_000_000;
/// A time within all certificates of these tests.
const NOW: u64 = 1_790_000_000_000;

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

fn authority() -> Authority {
    let key = KeyPair::generate().expect("a key");
    let mut params = params("Test root");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = false;
    let pem = params.self_signed(&key).expect("a certificate").pem();
    Authority { issuer: Issuer::new(params, key), pem }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2027, 12, 31);
    params.use_authority_key_identifier_extension = true;
    params
}

/// What a signer's certificate has, as C2PA asks for it.
fn signer() -> CertificateParams {
    let mut params = params("Test signer");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection];
    params
}

fn issue(params: &CertificateParams, of: &Authority, with: &'static SignatureAlgorithm) -> (String, String) {
    let key = KeyPair::generate_for(with).expect("a key");
    let pem = params.signed_by(&key, &of.issuer).expect("a certificate").pem();
    (format!("{pem}{}", of.pem), key.serialize_pem())
}

fn credential_of(with: &'static SignatureAlgorithm) -> (Credential, Anchors) {
    let authority = authority();
    let (chain, key) = issue(&signer(), &authority, with);
    let chain = Chain::read(chain.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    let credential = chain.with_key(key.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    let der = certificate::certificates(authority.pem.as_bytes()).expect("a certificate");
    (credential, Anchors::of(&der[0]))
}

static ES256: LazyLock<(Credential, Anchors)> =
    LazyLock::new(|| credential_of(&rcgen::PKCS_ECDSA_P256_SHA256));

fn claim() -> Claim {
    Claim::new("Sluicegate", NOW, None).expect("chance")
}

fn written(carrier: Carrier, file: &[u8], put: Put) -> Written {
    carrier.write(file, put, &claim(), &ES256.0).unwrap_or_else(|error| panic!("{carrier:?}: {error}"))
}

/// What is said of a file; nothing, where no manifest is found.
fn asked(carrier: Carrier, written: &Written) -> Result<Option<Report>, PlaceFault> {
    let found = carrier.find(&written.file, written.beside.clone())?;
    Ok(found.map(|found| verify(carrier, &written.file, &found, Some(&ES256.1), NOW)))
}

fn codes(report: &Report) -> Vec<&'static str> {
    report.findings.iter().map(|finding| finding.code).collect()
}

fn faults(report: &Report) -> String {
    let mut out = String::new();
    for finding in report.findings.iter().filter(|finding| finding.is_fault) {
        let _ = write!(out, "{} ({}) ", finding.code, finding.said);
    }
    out
}

const MARKDOWN: Carrier = Carrier::Labelled(FileForm::Markdown);

fn files() -> Vec<(Carrier, Put, Vec<u8>)> {
    let block = Aigc::first("gw.example/journal", "0123456789");
    let labelled =
        |form: FileForm, file: &[u8]| form.write(file, &block).unwrap_or_else(|error| panic!("{error}"));
    let mut all = vec![
        (Carrier::Text, Put::Inside, b"Canberra is the capital.\n".to_vec()),
        (Carrier::Text, Put::Inside, Vec::new()),
        (Carrier::Text, Put::Beside, "堪培拉是首都。".into()),
        // Not in NFC, with a byte order mark, and with a selector of its own behind a sign.
        (Carrier::Text, Put::Inside, "\u{feff}e\u{301}tude \u{2764}\u{fe0f}".into()),
        (MARKDOWN, Put::Inside, labelled(FileForm::Markdown, b"# Title\n\nText.\n")),
        (MARKDOWN, Put::InComment, labelled(FileForm::Markdown, b"# Title\r\n\r\nText.\r\n")),
        (MARKDOWN, Put::InComment, b"no line break".to_vec()),
        (MARKDOWN, Put::Beside, labelled(FileForm::Markdown, b"# Title\n\nText.\n")),
    ];
    for html in
        ["<!DOCTYPE html>\n<html><head>\n<title>x</title></head><body>y</body></html>", "<p>no head</p>"]
    {
        all.push((Carrier::Labelled(FileForm::Html), Put::Inside, labelled(FileForm::Html, html.as_bytes())));
        all.push((Carrier::Labelled(FileForm::Html), Put::Inside, html.as_bytes().to_vec()));
    }
    all.push((Carrier::Labelled(FileForm::Json), Put::Inside, labelled(FileForm::Json, b"{\"a\":1}")));
    for (form, file) in [
        (FileForm::Docx, crate::provenance::export::docx_of_tests()),
        (FileForm::Pdf, crate::provenance::export::pdf_of_tests()),
    ] {
        all.push((Carrier::Labelled(form), Put::Inside, labelled(form, &file)));
        all.push((Carrier::Labelled(form), Put::Beside, labelled(form, &file)));
    }
    all
}

#[test]
fn what_is_written_holds() {
    for (carrier, put, file) in files() {
        let written = written(carrier, &file, put);
        let report = asked(carrier, &written).expect("found").expect("one");
        assert!(report.holds(), "{carrier:?} {put:?}: {}", faults(&report));
        assert_eq!(report.trust, Trust::Trusted);
        assert_eq!(report.source_type.as_deref(), Some(SOURCE_TYPE));
        assert_eq!(report.agent.as_deref(), Some("Sluicegate"));
        assert!(report.is_signed_by(&ES256.0), "{carrier:?}");
        // The block beside it is still one, and says of the content what it said.
        if let Carrier::Labelled(form) = carrier {
            assert_eq!(form.read(&written.file), form.read(&file), "{carrier:?}");
            assert_eq!(form.hash(&written.file), form.hash(&file), "{carrier:?}");
        }
        // Taken out, the file is what it was; a PDF keeps its update.
        let found = carrier.find(&written.file, written.beside.clone()).expect("found").expect("one");
        let bare = carrier.without(&written.file, &found).expect("a file");
        if !matches!(carrier, Carrier::Labelled(FileForm::Pdf)) {
            assert_eq!(bare, file, "{carrier:?} {put:?}");
        }
        // In its place comes the next.
        let again = super::Carrier::write(carrier, &bare, put, &claim(), &ES256.0).expect("written");
        let report = asked(carrier, &again).expect("found").expect("one");
        assert!(report.holds(), "{carrier:?} {put:?} again: {}", faults(&report));
    }
}

#[test]
fn all_kinds_of_keys_sign() {
    for (with, name) in [
        (&rcgen::PKCS_ECDSA_P256_SHA256, "ES256"),
        (&rcgen::PKCS_ECDSA_P384_SHA384, "ES384"),
        (&rcgen::PKCS_ED25519, "EdDSA"),
        (&rcgen::PKCS_RSA_SHA256, "PS256"),
    ] {
        let (credential, anchors) = credential_of(with);
        let written = Carrier::Text.write(b"Text.", Put::Inside, &claim(), &credential).expect("written");
        let found = Carrier::Text.find(&written.file, None).expect("found").expect("one");
        let report = verify(Carrier::Text, &written.file, &found, Some(&anchors), NOW);
        assert!(report.holds(), "{name}: {}", faults(&report));
        assert_eq!((report.algorithm, report.trust), (name, Trust::Trusted));
        // Another authority's is not known, and without one nobody asks.
        let report = verify(Carrier::Text, &written.file, &found, Some(&ES256.1), NOW);
        assert_eq!(report.trust, Trust::Untrusted);
        assert!(codes(&report).contains(&"signingCredential.untrusted") && !report.holds());
        assert!(!report.is_signed_by(&ES256.0) && report.is_signed_by(&credential));
        let report = verify(Carrier::Text, &written.file, &found, None, NOW);
        assert!(report.holds() && report.trust == Trust::Unasked);
        // What has run out is told.
        let late = verify(Carrier::Text, &written.file, &found, None, NOW + 900 * 86_400_000);
        assert!(codes(&late).contains(&"claimSignature.outsideValidity") && !late.holds());
    }
}

/// Each byte of a file with its manifest in it: of the content every change is found, and none anywhere makes a panic.
#[test]
fn every_changed_byte_of_the_content_is_found() {
    for (carrier, put, file) in files() {
        let written = written(carrier, &file, put);
        let found = carrier.find(&written.file, written.beside.clone()).expect("found").expect("one");
        for at in 0..written.file.len() {
            let own = found.range.as_ref().is_some_and(|range| range.contains(&at));
            // Of a long manifest some bytes do.
            if own && at % 97 != 0 {
                continue;
            }
            for change in [0x01, 0x80] {
                let mut changed = written.clone();
                changed.file[at] ^= change;
                let same = |file: &[u8]| composed(file);
                if put == Put::Inside
                    && same(&changed.file).is_some_and(|now| Some(now) == same(&written.file))
                {
                    // U+0341 is another way to write U+0301, and no other content.
                    continue;
                }
                let told = asked(carrier, &changed);
                if !own {
                    let holds = told.as_ref().is_ok_and(|told| told.as_ref().is_some_and(Report::holds));
                    assert!(!holds, "{carrier:?} {put:?}: byte {at} of {}", changed.file.len());
                }
            }
        }
    }
}

/// A document that c2pa-rs 0.91.3 has signed (`Builder.sign` of c2pa-python 0.38.1, at the end of November 2026). Each file and the directory are
/// bound, but for the manifest itself.
#[test]
fn a_document_of_another_program_is_read() {
    let carrier = Carrier::Labelled(FileForm::Docx);
    let file: &[u8] = include_bytes!("fixtures/c2pa-rs.docx");
    let told = |file: &[u8]| {
        carrier.find(file, None).map(|found| found.map(|found| verify(carrier, file, &found, None, NOVEMBER)))
    };
    let report = told(file).expect("read").expect("one");
    assert!(report.holds(), "{}", faults(&report));
    assert_eq!((report.signer.as_str(), report.algorithm), ("CN=es256,O=Example", "ES256"));
    assert!(codes(&report).contains(&"assertion.collectionHash.match") && !report.is_signed_by(&ES256.0));
    let spans = docx::Spans::of(file).expect("an archive");
    let mut bound: Vec<usize> = spans.files.iter().flat_map(|(_, range)| range.clone()).collect();
    let directory = file.len() - spans.hashed(file).len() - 4;
    bound.extend(directory..file.len());
    let missed = bound.into_iter().filter(|at| {
        let mut changed = file.to_vec();
        changed[*at] ^= 0x01;
        told(&changed).is_ok_and(|told| told.is_some_and(|report| report.holds()))
    });
    // The manifest's checksum in the directory, and the head of its folder, which is named by nothing.
    let folder = spans.files.iter().find(|(name, _)| name == "META-INF/").map_or(0, |(_, range)| range.len());
    assert!(missed.count() <= 4 + folder);
}

#[test]
fn wrappers_are_told_apart() {
    let written = written(Carrier::Text, b"Text.", Put::Inside);
    let text = String::from_utf8(written.file.clone()).expect("text");
    let told = |text: String| {
        let file = Written { file: text.into_bytes(), beside: None };
        asked(Carrier::Text, &file).map(|report| report.map(|report| faults(&report)))
    };
    assert_eq!(told(text.clone()), Ok(Some(String::new())));
    // Stripped: no manifest. Cut: corrupted. Twice: multiple. Moved or copied to another text: another content.
    assert_eq!(told("Text.".into()), Ok(None));
    let wrapper = text.strip_prefix("Text.").unwrap_or_default();
    assert_eq!(told(format!("{text}{wrapper}")), Err(PlaceFault::Wrappers));
    let cut: String = text.chars().take(900).collect();
    assert_eq!(told(cut), Err(PlaceFault::Corrupted));
    assert_eq!(PlaceFault::Corrupted.code(), Some("manifest.text.corruptedWrapper"));
    assert_eq!(PlaceFault::Wrappers.code(), Some("manifest.text.multipleWrappers"));
    for other in
        [format!("Texts{wrapper}"), format!("Text{wrapper}."), format!("Text. {wrapper}"), format!("{text} ")]
    {
        let faults = told(other.clone()).expect("read").expect("one");
        assert!(faults.contains("assertion.dataHash.mismatch"), "{}: {faults}", other.len());
    }
    // A byte order mark that is taken away in front of the selectors leaves none.
    assert_eq!(told(text.replace('\u{feff}', "")), Ok(None));
}

/// What another normal form changes is no other content.
#[test]
fn text_may_come_back_in_another_normal_form() {
    let written = written(Carrier::Text, "étude".as_bytes(), Put::Inside);
    let text = String::from_utf8(written.file).expect("text");
    let decomposed = text.replacen('é', "e\u{301}", 1);
    let found = Carrier::Text.find(decomposed.as_bytes(), None).expect("found").expect("one");
    let report = verify(Carrier::Text, decomposed.as_bytes(), &found, None, NOW);
    // The place that was left out is told in bytes of the text as it was, so the wrapper no longer stands there.
    assert!(faults(&report).contains("assertion.dataHash"), "{}", faults(&report));
}

fn fault_of(change: impl FnOnce(&mut CertificateParams)) -> CertificateFault {
    let mut params = signer();
    change(&mut params);
    let (chain, _) = issue(&params, &authority(), &rcgen::PKCS_ECDSA_P256_SHA256);
    match Chain::read(chain.as_bytes()) {
        Err(CredentialError::Profile { fault, .. }) => fault,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it is allowed"),
    }
}

#[test]
fn certificates_that_may_not_sign_are_refused() {
    assert_eq!(fault_of(|params| params.key_usages.clear()), CertificateFault::KeyUsage);
    assert_eq!(fault_of(|params| params.extended_key_usages.clear()), CertificateFault::Purpose);
    assert_eq!(
        fault_of(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
        CertificateFault::Purpose
    );
    assert_eq!(
        fault_of(|params| params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth)),
        CertificateFault::OtherPurpose("serverAuth")
    );
    assert_eq!(
        fault_of(|params| params.extended_key_usages.push(ExtendedKeyUsagePurpose::Any)),
        CertificateFault::OtherPurpose("anyExtendedKeyUsage")
    );
    assert_eq!(
        fault_of(|params| params.extended_key_usages.push(ExtendedKeyUsagePurpose::TimeStamping)),
        CertificateFault::OtherPurpose("timeStamping")
    );
    assert_eq!(
        fault_of(|params| params.use_authority_key_identifier_extension = false),
        CertificateFault::Issuer
    );
    assert_eq!(
        fault_of(|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0))),
        CertificateFault::Authority
    );
    // The purpose that C2PA has made for this, and the one of documents.
    for purpose in [&[1, 3, 6, 1, 4, 1, 62558, 2, 1][..], &[1, 3, 6, 1, 5, 5, 7, 3, 36]] {
        let mut params = signer();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(purpose.to_vec())];
        let (chain, key) = issue(&params, &authority(), &rcgen::PKCS_ECDSA_P256_SHA256);
        let chain = Chain::read(chain.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        assert!(chain.with_key(key.as_bytes()).is_ok());
    }
    let mut params = signer();
    params
        .custom_extensions
        .push(CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0]));
    let (chain, _) = issue(&params, &authority(), &rcgen::PKCS_ECDSA_P256_SHA256);
    let read = Chain::read(chain.as_bytes()).map(|chain| chain.subject());
    assert_eq!(read.as_deref(), Ok("CN=Test signer"));
}

#[test]
fn chains_and_keys_that_do_not_fit_are_refused() {
    let (one, other) = (authority(), authority());
    let (chain, key) = issue(&signer(), &one, &rcgen::PKCS_ECDSA_P256_SHA256);
    let read = |pem: &str| Chain::read(pem.as_bytes()).map(|chain| chain.subject());
    assert_eq!(read(&chain).as_deref(), Ok("CN=Test signer"));
    assert!(matches!(read(""), Err(CredentialError::Chain(_))));
    assert!(matches!(
        read("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        Err(CredentialError::Chain(_))
    ));
    // The authority's first.
    let end = chain.find("-----END CERTIFICATE-----\n").map_or(0, |at| at + 26);
    let leaf = chain.get(..end).unwrap_or_default();
    let turned = format!("{}{}", one.pem, leaf);
    assert!(matches!(read(&turned), Err(CredentialError::Order { number: 1, .. })), "{:?}", read(&turned));
    // An authority of the same name with another key.
    let foreign = format!("{}{}", leaf, other.pem);
    assert!(matches!(read(&foreign), Err(CredentialError::Broken(_))), "{:?}", read(&foreign));
    assert!(matches!(
        read(&one.pem),
        Err(CredentialError::Profile { fault: CertificateFault::SelfSigned, .. })
    ));
    let with =
        |key: &str| Chain::read(chain.as_bytes()).expect("a chain").with_key(key.as_bytes()).map(|_| ());
    assert_eq!(with(&key), Ok(()));
    assert_eq!(with("no key"), Err(CredentialError::NoKey));
    let (_, another) = issue(&signer(), &one, &rcgen::PKCS_ECDSA_P256_SHA256);
    let (_, of_another_kind) = issue(&signer(), &one, &rcgen::PKCS_ED25519);
    for key in [&another, &of_another_kind] {
        assert_eq!(with(key), Err(CredentialError::Other("CN=Test signer".into())));
    }
}

proptest! {
    /// Whatever stands in a text, its manifest holds, and the text comes back.
    #[test]
    fn of_every_text(text in "\\PC{0,60}(\r?\n)?", put in prop_oneof![Just(Put::Inside), Just(Put::InComment), Just(Put::Beside)]) {
        let carrier = if put == Put::InComment { MARKDOWN } else { Carrier::Text };
        let written = carrier.write(text.as_bytes(), put, &claim(), &ES256.0).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let found = carrier.find(&written.file, written.beside.clone()).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let found = found.ok_or_else(|| TestCaseError::fail("none"))?;
        let report = verify(carrier, &written.file, &found, Some(&ES256.1), NOW);
        prop_assert!(report.holds(), "{}", faults(&report));
        prop_assert_eq!(carrier.without(&written.file, &found).ok(), Some(text.into_bytes()));
    }

    /// Whatever becomes of a manifest, nothing panics, and what was signed cannot be changed.
    #[test]
    fn of_every_manifest(at in any::<prop::sample::Index>(), with in prop::collection::vec(any::<u8>(), 0..20), lost in 0usize..20) {
        static STORE: LazyLock<Written> = LazyLock::new(|| written(Carrier::Text, b"Text.", Put::Beside));
        let mut store = STORE.beside.clone().expect("one beside");
        let was = store.clone();
        let from = at.index(store.len());
        let to = (from + lost).min(store.len());
        store.splice(from..to, with);
        let found = Found { store: store.clone(), range: None, is_beside: true };
        let report = verify(Carrier::Text, b"Text.", &found, Some(&ES256.1), NOW);
        prop_assert!(!report.holds() || store == was, "{:?}", report);
    }
}

/// No byte of a manifest store may be another: its names are bound by no hash, and checked by their form.
#[test]
fn no_byte_of_a_store_may_change() {
    let carrier = Carrier::Labelled(FileForm::Json);
    let written = written(carrier, b"{\"a\":1}", Put::Beside);
    let store = written.beside.clone().expect("a store");
    let holds = |store: Vec<u8>| {
        let changed = Written { file: written.file.clone(), beside: Some(store) };
        matches!(asked(carrier, &changed), Ok(Some(report)) if report.holds())
    };
    assert!(holds(store.clone()));
    for at in 0..store.len() {
        for mask in [0x01, 0x04, 0x10, 0x80] {
            let mut changed = store.clone();
            changed[at] ^= mask;
            assert!(
                !holds(changed),
                "byte {at}, bit {mask:#x}: {:?}",
                String::from_utf8_lossy(&store[at.saturating_sub(8)..store.len().min(at + 8)])
            );
        }
    }
}
