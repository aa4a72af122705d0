//! Whether a manifest holds: its form, its assertions, the signature over its claim, the signer's certificate, and what binds it to the file. Each
//! answer has C2PA's own code (specification 2.3, section 15.2).
//!
//! Of a store with several manifests the last is the one that counts; those that it was made from are not looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use aws_lc_rs::digest::{self, Algorithm as Digest, SHA256, SHA384, SHA512};

use super::algorithm::Algorithm;
use super::cbor::Value;
use super::certificate::{Anchors, Signer};
use super::claim::{SIGN1, X5CHAIN, to_sign};
use super::credential::Credential;
use super::docx::Spans;
use super::jumbf::Super;
use super::{Carrier, Found, composed, kept};
use crate::diag::moment;
use crate::provenance::export::FileForm;

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// C2PA's code for it.
    pub code: &'static str,
    /// Whether it speaks against the manifest.
    pub is_fault: bool,
    /// What it is, for people; empty where the code says it.
    pub said: String,
}

/// Whether the signer is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Nobody has told whom to trust.
    Unasked,
    /// Its certificate leads to one that is trusted.
    Trusted,
    /// It does not.
    Untrusted,
}

/// What a manifest tells, and how far it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// All answers, in the order of the questions.
    pub findings: Vec<Finding>,
    /// The manifest's name.
    pub manifest: String,
    /// The program that made the claim.
    pub generator: String,
    /// The subject of the certificate that signed; empty, where none can be read.
    pub signer: String,
    /// Who issued it.
    pub issuer: String,
    /// The kind of the signature, as COSE names it.
    pub algorithm: &'static str,
    /// Whether the signer is known.
    pub trust: Trust,
    /// How the content came to be, an IPTC address, as the first action has it.
    pub source_type: Option<String>,
    /// Which program made it, and when, as that action has it.
    pub agent: Option<String>,
    /// When, as it is written there.
    pub when: Option<String>,
    /// How many manifests the store has beside this one.
    pub others: usize,
    certificate: Option<Vec<u8>>,
}

impl Report {
    /// Whether nothing speaks against it.
    pub fn holds(&self) -> bool {
        !self.findings.iter().any(|finding| finding.is_fault)
    }

    /// Whether it was signed with this credential's key, and what was signed is whole. The file may have changed since.
    pub fn is_signed_by(&self, credential: &Credential) -> bool {
        let signed = self.findings.iter().any(|finding| finding.code == "claimSignature.validated");
        let certificate = self.certificate.as_ref().and_then(|der| Signer::read(der).ok());
        signed && certificate.is_some_and(|certificate| credential.is_of(&certificate))
    }
}

/// Where something speaks against a manifest, and nothing more can be asked.
type Step<T> = Result<T, (&'static str, String)>;

fn fault<T>(code: &'static str, said: impl Into<String>) -> Step<T> {
    Err((code, said.into()))
}

struct Manifest<'b> {
    whole: Super<'b>,
    claim: Value,
    /// The claim as it was signed.
    bytes: &'b [u8],
    others: usize,
}

/// Looks at a file and its manifest, at this time in milliseconds since 1970.
pub fn verify(
    carrier: Carrier,
    file: &[u8],
    found: &Found,
    anchors: Option<&Anchors>,
    now_ms: u64,
) -> Report {
    let mut report = Report {
        findings: Vec::new(),
        manifest: String::new(),
        generator: String::new(),
        signer: String::new(),
        issuer: String::new(),
        algorithm: "",
        trust: Trust::Unasked,
        source_type: None,
        agent: None,
        when: None,
        others: 0,
        certificate: None,
    };
    if let Err((code, said)) = look(&mut report, carrier, file, found, anchors, now_ms) {
        report.bad(code, said);
    }
    report
}

fn look(
    report: &mut Report,
    carrier: Carrier,
    file: &[u8],
    found: &Found,
    anchors: Option<&Anchors>,
    now_ms: u64,
) -> Step<()> {
    let manifest = read(&found.store)?;
    report.others = manifest.others;
    manifest.whole.label.clone_into(&mut report.manifest);
    report.generator = generator(&manifest.claim);
    report.signature(&manifest, anchors, now_ms)?;
    let assertions = report.assertions(&manifest)?;
    let is_action = |one: &&Super<'_>| matches!(name(one.label), "c2pa.actions.v2" | "c2pa.actions");
    if let Some(actions) = assertions.iter().find(is_action) {
        report.first_action(actions);
    }
    let is_binding = |one: &&Super<'_>| {
        name(one.label).starts_with("c2pa.hash.") && name(one.label) != "c2pa.hash.multi-asset"
    };
    let mut bindings = assertions.iter().filter(is_binding);
    match (bindings.next(), bindings.next()) {
        (None, _) => fault("claim.hardBindings.missing", "nothing binds it to the file"),
        (Some(_), Some(_)) => fault("assertion.multipleHardBindings", ""),
        (Some(one), None) => report.binding(&manifest, one, carrier, file, found),
    }
}

/// A label without the number of its repetition.
fn name(label: &str) -> &str {
    label.split_once("__").map_or(label, |(name, _)| name)
}

fn read(store: &[u8]) -> Step<Manifest<'_>> {
    let Some((whole, rest)) = Super::read(store) else {
        return fault("general.error", "it is no manifest store");
    };
    if whole.kind != *b"c2pa"
        || whole.label != "c2pa"
        || !whole.is_of_superboxes()
        || !whole.is_sound()
        || !rest.is_empty()
    {
        return fault("general.error", "it is no manifest store");
    }
    let mut manifests = whole.superboxes().unwrap_or_default();
    let Some(last) = manifests.pop() else { return fault("claim.missing", "the store has no manifest") };
    if last.kind != *b"c2ma" {
        return fault("general.error", "its last manifest is an update of another, which is not read here");
    }
    let parts = last.superboxes().unwrap_or_default();
    let mut claims = parts.iter().filter(|one| one.kind == *b"c2cl");
    let claim = match (claims.next(), claims.next()) {
        (None, _) => return fault("claim.missing", ""),
        (Some(_), Some(_)) => return fault("claim.multiple", ""),
        (Some(claim), None) => claim,
    };
    // What nothing binds is not let pass: only parts that C2PA knows, and each once.
    let is_known = |one: &Super<'_>| matches!(&one.kind, b"c2cl" | b"c2as" | b"c2cs" | b"c2vc" | b"c2db");
    let mut kinds = BTreeSet::new();
    if !last.is_of_superboxes() || !parts.iter().all(|one| is_known(one) && kinds.insert(one.kind)) {
        return fault("general.error", "the manifest has a part that nothing binds");
    }
    let bytes = claim.only(*b"cbor").unwrap_or_default();
    match Value::decode(bytes) {
        Some(value @ Value::Map(_)) => {
            let version =
                if value.get("created_assertions").is_some() { "c2pa.claim.v2" } else { "c2pa.claim" };
            if claim.label != version {
                return fault("claim.malformed", format!("its box is not called `{version}`"));
            }
            Ok(Manifest { whole: last, claim: value, bytes, others: manifests.len() })
        }
        Some(_) | None => fault("claim.malformed", "the claim is no map in CBOR"),
    }
}

/// Name and version of the program that made the claim.
fn generator(claim: &Value) -> String {
    let info = claim.get("claim_generator_info");
    let info = info.and_then(|info| info.as_list().map_or(Some(info), <[Value]>::first));
    let part = |name: &str| info.and_then(|info| info.get(name)).and_then(Value::as_text);
    match (part("name"), part("version")) {
        (Some(name), Some(version)) => format!("{name} {version}"),
        (Some(name), None) => name.to_owned(),
        (None, _) => claim.get("claim_generator").and_then(Value::as_text).unwrap_or_default().to_owned(),
    }
}

impl Report {
    fn good(&mut self, code: &'static str) {
        self.findings.push(Finding { code, is_fault: false, said: String::new() });
    }

    fn bad(&mut self, code: &'static str, said: impl Into<String>) {
        self.findings.push(Finding { code, is_fault: true, said: said.into() });
    }

    fn signature(&mut self, manifest: &Manifest<'_>, anchors: Option<&Anchors>, now_ms: u64) -> Step<()> {
        let named = manifest.claim.get("signature").and_then(Value::as_text).unwrap_or_default();
        // The claim names the whole way, and with it the manifest.
        let whole = format!("self#jumbf=/c2pa/{}/c2pa.signature", manifest.whole.label);
        if named != whole && named != "self#jumbf=c2pa.signature" {
            return fault("claimSignature.missing", "the claim names a signature of another manifest");
        }
        let Some(message) = manifest.whole.labelled("c2pa.signature").filter(|one| one.kind == *b"c2cs")
        else {
            return fault("claimSignature.missing", "");
        };
        let message = message.only(*b"cbor").and_then(Value::decode);
        let message = match message {
            Some(Value::Tag(SIGN1, inner)) => Some(*inner),
            other => other,
        };
        let parts = message.as_ref().and_then(Value::as_list);
        let Some(
            [Value::Bytes(protected), unprotected @ Value::Map(_), Value::Null, Value::Bytes(signature)],
        ) = parts
        else {
            return fault("claimSignature.mismatch", "the signature is no COSE message of one signer");
        };
        let headers = Value::decode(protected).unwrap_or(Value::Null);
        let Some(algorithm) = headers.find(|key| *key == Value::Number(1)).and_then(Algorithm::of) else {
            return fault("algorithm.unsupported", "the kind of the signature is not known here");
        };
        self.algorithm = algorithm.name();
        let is_chain = |key: &Value| *key == Value::Number(X5CHAIN) || key.as_text() == Some("x5chain");
        let chain: Vec<Vec<u8>> = match headers.find(is_chain).or_else(|| unprotected.find(is_chain)) {
            Some(Value::Bytes(one)) => vec![one.clone()],
            Some(Value::List(all)) => all.iter().filter_map(Value::as_bytes).map(<[u8]>::to_vec).collect(),
            _ => Vec::new(),
        };
        let Some((first, between)) = chain.split_first() else {
            return fault("signingCredential.invalid", "the signature names no certificate");
        };
        let signer = match Signer::read(first) {
            Ok(signer) => signer,
            Err(wrong) => {
                return fault("signingCredential.invalid", format!("the signer's certificate: {wrong}"));
            }
        };
        (self.signer, self.issuer) = (signer.subject(), signer.issuer());
        self.certificate = Some(first.clone());
        if !algorithm.holds(signer.key().0, &to_sign(protected, manifest.bytes), signature) {
            return fault("claimSignature.mismatch", "the claim is not what was signed");
        }
        self.good("claimSignature.validated");
        let validity = signer.validity();
        if validity.holds_at(now_ms) {
            self.good("claimSignature.insideValidity");
        } else {
            let until = moment::day(validity.until_ms);
            self.bad(
                "claimSignature.outsideValidity",
                format!("the signer's certificate is good until {until}"),
            );
        }
        if let Err(wrong) = signer.fault() {
            self.bad("signingCredential.invalid", format!("the signer's certificate: {wrong}"));
        } else if let Some(anchors) = anchors {
            match signer.leads(between, anchors, now_ms) {
                Ok(()) => {
                    self.trust = Trust::Trusted;
                    self.good("signingCredential.trusted");
                }
                Err(wrong) => {
                    self.trust = Trust::Untrusted;
                    self.bad("signingCredential.untrusted", wrong);
                }
            }
        }
        Ok(())
    }

    /// The assertions that the claim names, each as it was when it was signed.
    fn assertions<'b>(&mut self, manifest: &Manifest<'b>) -> Step<Vec<Super<'b>>> {
        let Some(store) = manifest.whole.labelled("c2pa.assertions").filter(|one| one.kind == *b"c2as")
        else {
            return fault("claim.malformed", "it has no assertions");
        };
        let lists = ["created_assertions", "gathered_assertions", "assertions"];
        let references = lists.iter().filter_map(|list| manifest.claim.get(list)?.as_list()).flatten();
        let whole = manifest.claim.get("alg").and_then(Value::as_text);
        let (mut found, mut named) = (Vec::new(), BTreeSet::new());
        let all = store.superboxes().unwrap_or_default();
        // Of two with one label neither can be meant.
        let mut known: BTreeMap<&str, Option<&Super<'_>>> = BTreeMap::new();
        for one in &all {
            known.entry(one.label).and_modify(|twice| *twice = None).or_insert(Some(one));
        }
        let prefixes = [
            "self#jumbf=c2pa.assertions/".to_owned(),
            format!("self#jumbf=/c2pa/{}/c2pa.assertions/", manifest.whole.label),
        ];
        for reference in references {
            let url = reference.get("url").and_then(Value::as_text).unwrap_or_default();
            let label = prefixes.iter().find_map(|prefix| url.strip_prefix(prefix.as_str()));
            let Some(assertion) = label.and_then(|label| known.get(label).copied()?) else {
                return fault("assertion.missing", format!("`{url}` is not in it"));
            };
            let hash = reference.get("hash").and_then(Value::as_bytes).unwrap_or_default();
            let by = reference.get("alg").and_then(Value::as_text).or(whole);
            let Some(by) = digest_of(by) else {
                return fault("algorithm.unsupported", "a hash that is none of SHA-256, SHA-384 and SHA-512");
            };
            if digest::digest(by, assertion.hashed).as_ref() != hash {
                return fault(
                    "assertion.hashedURI.mismatch",
                    format!("`{}` is not what was signed", assertion.label),
                );
            }
            if !named.insert(assertion.label) {
                return fault("claim.malformed", format!("`{}` is named twice", assertion.label));
            }
            found.push(*assertion);
        }
        if let Some(more) = all.iter().find(|one| !named.contains(one.label)) {
            return fault("assertion.undeclared", format!("`{}` is not named by the claim", more.label));
        }
        self.good("assertion.hashedURI.match");
        Ok(found)
    }

    fn first_action(&mut self, actions: &Super<'_>) {
        let actions = actions.content(*b"cbor").and_then(Value::decode);
        let list = actions.as_ref().and_then(|actions| actions.get("actions")).and_then(Value::as_list);
        let Some(first) = list.and_then(<[Value]>::first) else { return };
        let text = |value: &Value| match value {
            Value::Tag(_, inner) => inner.as_text().map(str::to_owned),
            value => value.as_text().map(str::to_owned),
        };
        self.source_type = first.get("digitalSourceType").and_then(text);
        self.when = first.get("when").and_then(text);
        let agent = first.get("softwareAgent");
        self.agent = agent.and_then(|agent| text(agent).or_else(|| agent.get("name").and_then(text)));
    }

    fn binding(
        &mut self,
        manifest: &Manifest<'_>,
        assertion: &Super<'_>,
        carrier: Carrier,
        file: &[u8],
        found: &Found,
    ) -> Step<()> {
        let hash = assertion.content(*b"cbor").and_then(Value::decode);
        let whole = manifest.claim.get("alg").and_then(Value::as_text);
        match (name(assertion.label), hash) {
            ("c2pa.hash.data", Some(hash @ Value::Map(_))) => self.data(&hash, whole, carrier, file, found),
            ("c2pa.hash.data", _) => fault("assertion.dataHash.malformed", ""),
            ("c2pa.hash.collection.data", Some(hash @ Value::Map(_))) => self.collection(&hash, whole, file),
            ("c2pa.hash.collection.data", _) => fault("assertion.collectionHash.malformed", ""),
            (other, _) => {
                fault("general.error", format!("`{other}` binds it to the file, which is not known here"))
            }
        }
    }

    fn data(
        &mut self,
        hash: &Value,
        whole: Option<&str>,
        carrier: Carrier,
        file: &[u8],
        found: &Found,
    ) -> Step<()> {
        let malformed = "assertion.dataHash.malformed";
        let mut exclusions = Vec::new();
        for one in hash.get("exclusions").and_then(Value::as_list).unwrap_or_default() {
            let number = |name: &str| usize::try_from(one.get(name)?.as_number()?).ok();
            let range = number("start").zip(number("length"));
            let range = range.and_then(|(start, length)| Some(start..start.checked_add(length)?));
            let Some(range) = range else { return fault(malformed, "what it leaves out is no range") };
            exclusions.push(range);
        }
        let Some(by) = digest_of(hash.get("alg").and_then(Value::as_text).or(whole)) else {
            return fault("algorithm.unsupported", "a hash that is none of SHA-256, SHA-384 and SHA-512");
        };
        // What is left out ends behind the text's end, where the text has become shorter.
        let Some(mut left) = kept(file, &exclusions) else {
            return fault("assertion.dataHash.mismatch", "the content is not the one that was signed");
        };
        if is_composed(carrier, file, found) {
            // Ends of what is left out within a character: the text has moved.
            let Some(nfc) = composed(&left) else {
                return fault("assertion.dataHash.mismatch", "the content is not the one that was signed");
            };
            left = nfc;
        }
        let expected = hash.get("hash").and_then(Value::as_bytes).unwrap_or_default();
        if digest::digest(by, &left).as_ref() != expected {
            return fault("assertion.dataHash.mismatch", "the content is not the one that was signed");
        }
        if exclusions.iter().ne(found.range.iter()) {
            let own = found.range.as_ref().map_or(0, Range::len);
            let all: usize = exclusions.iter().map(Range::len).sum();
            let more = all.saturating_sub(own);
            return fault(
                "assertion.dataHash.additionalExclusionsPresent",
                format!("{more} bytes beside the manifest are bound by nothing"),
            );
        }
        self.good("assertion.dataHash.match");
        Ok(())
    }

    fn collection(&mut self, hash: &Value, whole: Option<&str>, file: &[u8]) -> Step<()> {
        let malformed = "assertion.collectionHash.malformed";
        let Some(by) = digest_of(hash.get("alg").and_then(Value::as_text).or(whole)) else {
            return fault("algorithm.unsupported", "a hash that is none of SHA-256, SHA-384 and SHA-512");
        };
        let (Some(Value::Map(uris)), Some(directory)) =
            (hash.get("uris"), hash.get("zip_central_directory_hash").and_then(Value::as_bytes))
        else {
            return fault(malformed, "it binds an archive in a form that is not known here");
        };
        let Ok(spans) = Spans::of(file) else {
            return fault(malformed, "the file is no archive of which the files can be told");
        };
        if digest::digest(by, &spans.hashed(file)).as_ref() != directory {
            return fault(
                "assertion.collectionHash.mismatch",
                "the archive's directory is not the one that was signed",
            );
        }
        let bare = |name: &str| name.trim_end_matches('/').replace('\\', "/");
        let folders = spans.files.iter().filter(|(name, _)| name.ends_with('/'));
        let folders: BTreeSet<String> = folders.map(|(name, _)| bare(name)).collect();
        let mut spans: BTreeMap<String, Range<usize>> =
            spans.files.into_iter().map(|(name, span)| (bare(&name), span)).collect();
        for (uri, value) in uris {
            let Some(uri) = uri.as_text().map(bare) else { return fault(malformed, "") };
            let Some(span) = spans.remove(&uri) else {
                return fault(
                    "assertion.collectionHash.incorrectFileCount",
                    format!("`{uri}` is not in the archive"),
                );
            };
            let bytes = file.get(span.clone()).unwrap_or_default();
            if Some(digest::digest(by, bytes).as_ref()) != value.get("hash").and_then(Value::as_bytes) {
                return fault(
                    "assertion.collectionHash.mismatch",
                    format!("`{uri}` is not the one that was signed"),
                );
            }
        }
        // A folder's own entry holds nothing, and its name stands in the directory.
        let is_folder = |name: &str| folders.contains(name);
        if let Some(more) = spans.keys().find(|name| !is_folder(name)) {
            return fault(
                "assertion.collectionHash.incorrectFileCount",
                format!("`{more}` is bound by nothing"),
            );
        }
        self.good("assertion.collectionHash.match");
        Ok(())
    }
}

/// Whether the hash is over the text in NFC: that of a wrapper, not of a file as it lies.
fn is_composed(carrier: Carrier, file: &[u8], found: &Found) -> bool {
    let can = matches!(carrier, Carrier::Text | Carrier::Labelled(FileForm::Markdown));
    let range = found.range.as_ref().filter(|_| can);
    range.is_some_and(|range| {
        file.get(range.clone()).is_some_and(|own| own.starts_with("\u{feff}".as_bytes()))
    })
}

/// By what a hash of this name is made; without one, SHA-256 as all do.
fn digest_of(name: Option<&str>) -> Option<&'static Digest> {
    match name {
        None | Some("sha256") => Some(&SHA256),
        Some("sha384") => Some(&SHA384),
        Some("sha512") => Some(&SHA512),
        Some(_) => None,
    }
}
