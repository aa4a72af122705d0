//! C2PA manifests of files: what is written, what stays, what is refused, and what a reader is told.

use super::{program, text};
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Output;

/// A folder with an authority, a signer and a configuration that names them.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self::good_until(2099)
    }

    fn good_until(year: i32) -> Self {
        let place = Self { folder: tempfile::tempdir().expect("a folder") };
        let params = |name: &str| {
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::CommonName, name);
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(year, 1, 1);
            params
        };
        let key = KeyPair::generate().expect("a key");
        let mut root = params("Test root");
        root.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root_pem = root.self_signed(&key).expect("a certificate").pem();
        let issuer = Issuer::new(root, key);
        let key = KeyPair::generate().expect("a key");
        let mut signer = params("Test signer");
        signer.is_ca = IsCa::ExplicitNoCa;
        signer.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        signer.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection];
        signer.use_authority_key_identifier_extension = true;
        let leaf = signer.signed_by(&key, &issuer).expect("a certificate").pem();
        place.put("root.pem", &root_pem);
        place.put("chain.pem", &format!("{leaf}{root_pem}"));
        place.put("key.pem", &key.serialize_pem());
        let secret = fs::Permissions::from_mode(0o600);
        fs::set_permissions(place.path("key.pem"), secret).expect("permissions");
        place.configure("[labels.c2pa]\nchain = \"chain.pem\"\nkey = \"key.pem\"\n");
        place
    }

    fn configure(&self, labels: &str) {
        let upstream = "[[upstream]]\nname = \"demonstration\"\ndialects = [\"openai\"]\nbase_url = \"demonstration:\"\n";
        self.put("gateway.toml", &format!("schema = 1\n{labels}\n{upstream}"));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).expect("write");
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_default()
    }

    fn run(&self, verb: &[&str], arguments: &[&str]) -> Output {
        let mut command = program(verb);
        command.args(arguments).args(["--config", "gateway.toml", "--state", "state"]);
        command.current_dir(self.folder.path()).output().expect("the program starts")
    }

    /// Labels without a word, or what was said.
    fn label(&self, arguments: &[&str]) -> Result<(), String> {
        let output = self.run(&["label"], arguments);
        if output.status.success() && output.stderr.is_empty() { Ok(()) } else { Err(text(&output.stderr)) }
    }

    /// Exit code and answer of the check of a manifest.
    fn verify(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.run(&["label", "verify", "--c2pa"], arguments);
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    }
}

#[test]
fn manifests_are_written_once_and_hold() {
    let place = Place::new();
    place.put("a.md", "# Title\n\nText.\n");
    place.put("a.txt", "Text.\n");
    place.put("a.html", "<html><head></head><body>Text.</body></html>");
    place.put("a.json", "{\"said\": \"Text.\"}");
    let files = ["a.md", "a.txt", "a.html", "a.json"];
    let all = || {
        [&files[..], &["a.json.c2pa"]].concat().into_iter().map(|file| place.read(file)).collect::<Vec<_>>()
    };
    let arguments = [&["--c2pa"], &files[..]].concat();
    assert_eq!(place.label(&arguments), Ok(()));
    let before = all();
    assert_eq!(place.label(&arguments), Ok(()));
    assert!(before == all(), "a second run changes something");
    for file in files {
        let (code, said) = place.verify(&["--trust", "root.pem", file]);
        assert_eq!(code, Some(0), "{file}: {said}");
        for want in [
            "the manifest holds",
            "signed by CN=Test signer (ES256)",
            "which leads to one that is trusted",
            "made by Sluicegate at",
            "trainedAlgorithmicMedia",
        ] {
            assert!(said.contains(want), "{want} is not in {said}");
        }
        assert!(place.verify(&[file]).1.contains("not checked against a trust list"));
        let (code, said) = place.verify(&["--format", "json", file]);
        let said: Value = serde_json::from_str(&said).expect("JSON");
        assert_eq!(
            (code, said["holds"].as_bool(), said["trust"].as_str()),
            (Some(0), Some(true), Some("unasked"))
        );
        assert_eq!(said["beside"].as_bool(), Some(file == "a.json"));
    }
    // The label itself holds as before; a text without a form has none.
    for file in ["a.md", "a.html", "a.json"] {
        assert_eq!(place.run(&["label", "verify"], &[file]).status.code(), Some(0), "{file}");
        assert_eq!(text(&place.read(file)).matches("ReservedCode2").count(), 1, "{file}");
    }
    // What has changed no longer holds, and is written anew.
    for file in files {
        let changed = text(&place.read(file)).replace("Text.", "Texts.");
        place.put(file, &changed);
        let (code, said) = place.verify(&[file]);
        assert!(code == Some(1) && said.contains("does NOT hold"), "{file}: {said}");
        assert!(said.contains("assertion.dataHash.mismatch"), "{file}: {said}");
        assert_eq!(place.label(&["--c2pa", file]), Ok(()), "{file}");
        assert_eq!(place.verify(&["--trust", "root.pem", file]).0, Some(0), "{file}");
    }
}

/// What people read is put in first, so that it is bound too, and once.
#[test]
fn the_label_that_people_read_is_within_what_is_signed() {
    let place = Place::new();
    for file in ["a.md", "a.txt", "a.html", "a.json"] {
        place.put(file, if file == "a.json" { "{\"said\": \"Text.\"}" } else { "<p>Text.</p>\n" });
        let arguments = ["--c2pa", "--visible=Made by a model", file];
        // Of JSON it is told that people do not read it.
        let done = place.label(&arguments);
        assert!(done.is_ok() || file == "a.json", "{file}: {done:?}");
        let before = place.read(file);
        let _ = place.label(&arguments);
        assert!(before == place.read(file), "{file} changes when it is labelled twice");
        let shown = text(&before).matches("Made by a model").count();
        assert_eq!(shown, usize::from(file != "a.json"), "{file}");
        assert_eq!(place.verify(&["--trust", "root.pem", file]).0, Some(0), "{file}");
    }
}

#[test]
fn a_manifest_may_lie_beside_the_file() {
    let place = Place::new();
    place.put("a.md", "# Title\n");
    assert_eq!(place.label(&["--c2pa", "--beside", "a.md"]), Ok(()));
    assert!(!text(&place.read("a.md")).contains("C2PA") && !place.read("a.md.c2pa").is_empty());
    assert_eq!(place.verify(&["--trust", "root.pem", "a.md"]).0, Some(0));
    // It stays where it is.
    assert_eq!(place.label(&["--c2pa", "a.md"]), Ok(()));
    assert!(!text(&place.read("a.md")).contains("C2PA"));
    let output = place.run(&["label"], &["--beside", "a.md"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn wrappers_of_text_are_told_apart() {
    let place = Place::new();
    place.configure("[labels.c2pa]\nchain = \"chain.pem\"\nkey = \"key.pem\"\nmarkdown = \"wrapper\"\n");
    place.put("a.md", "Text.\n");
    assert_eq!(place.label(&["--c2pa", "a.md"]), Ok(()));
    let whole = text(&place.read("a.md"));
    let (said, wrapper) = whole.split_once('\u{feff}').expect("a wrapper");
    let told = |content: String| {
        place.put("b.md", &content);
        let (code, said) = place.verify(&["--format", "json", "b.md"]);
        let code_of = |said: &Value| said["status"][0]["code"].as_str().map(str::to_owned);
        (code, serde_json::from_str(&said).ok().as_ref().and_then(code_of))
    };
    let wrapped = |code: &str| (Some(1), Some(format!("manifest.text.{code}")));
    assert_eq!(told(format!("{whole}\u{feff}{wrapper}")), wrapped("multipleWrappers"));
    let cut: String = wrapper.chars().take(500).collect();
    assert_eq!(told(format!("{said}\u{feff}{cut}")), wrapped("corruptedWrapper"));
    assert_eq!(told(said.to_owned()), (Some(2), None));
    // Neither is written over.
    let error = place.label(&["--c2pa", "b.md"]);
    assert_eq!(error, Ok(()), "one without a wrapper gets one");
    place.put("b.md", &format!("{whole}\u{feff}{wrapper}"));
    assert!(place.label(&["--c2pa", "b.md"]).is_err_and(|said| said.contains("more than one C2PA wrapper")));
}

#[test]
fn what_others_have_signed_stays() {
    let (place, other) = (Place::new(), Place::new());
    place.put("a.md", "# Title\n");
    assert_eq!(place.label(&["--c2pa", "a.md"]), Ok(()));
    fs::copy(place.path("a.md"), other.path("a.md")).expect("a copy");
    let before = other.read("a.md");
    let refused = other.label(&["--c2pa", "a.md"]);
    assert!(
        refused.as_ref().is_err_and(|said| said.contains("it has a C2PA manifest of CN=Test signer")),
        "{refused:?}"
    );
    // Another gateway's label would be written into it, and make it void.
    let refused = other.label(&["a.md"]);
    assert!(refused.as_ref().is_err_and(|said| said.contains("would no longer hold")), "{refused:?}");
    assert!(before == other.read("a.md"));
    // One's own label that stands there already is no reason.
    assert_eq!(place.label(&["a.md"]), Ok(()));
    let (code, said) = other.verify(&["--trust", "root.pem", "a.md"]);
    assert!(code == Some(1) && said.contains("signingCredential.untrusted"), "{said}");
}

/// Who has made a file and who spreads it each find their part, and a second labelling by the first leaves the other's.
#[test]
fn each_key_finds_the_part_that_it_has_signed() {
    let (maker, other) = (Place::new(), Place::new());
    maker.configure("[labels]\nproducer = \"maker.example\"\n");
    other.configure("[labels]\nproducer = \"other.example\"\n");
    maker.put("a.md", "# Title\n\nPay 1.5\n");
    assert_eq!(maker.label(&["a.md"]), Ok(()));
    fs::copy(maker.path("a.md"), other.path("a.md")).expect("a copy");
    assert_eq!(other.label(&["a.md"]), Ok(()));
    fs::copy(other.path("a.md"), maker.path("a.md")).expect("a copy");
    let both = maker.read("a.md");
    assert_eq!(maker.label(&["a.md"]), Ok(()));
    assert!(maker.read("a.md") == both, "{}", text(&maker.read("a.md")));
    for (place, role) in [(&maker, "producer maker.example"), (&other, "propagator other.example")] {
        let output = place.run(&["label", "verify"], &["a.md"]);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(output.status.success() && said.contains("\nits letters and digits are those that were signed; signs, layout and comments are not compared"), "{said}");
        assert!(
            said.starts_with("signed by")
                && said.contains(role)
                && said.contains("not checked with this key"),
            "{said}"
        );
    }
    // The other's part is kept where the text is another.
    maker.put("a.md", &text(&both).replace("Title", "Another"));
    assert_eq!(maker.label(&["a.md"]), Ok(()));
    assert!(text(&maker.read("a.md")).contains("ContentPropagator: \"other.example\""));
    assert_eq!(maker.run(&["label", "verify"], &["a.md"]).status.code(), Some(0));
}

#[test]
fn a_statement_moves_no_cursor() {
    let place = Place::new();
    place.put("a.txt", "hi");
    place.put("a.md", "hi");
    assert_eq!(place.label(&["a.md"]), Ok(()));
    place.put("s.json", r#"{"v":1,"exchange":"x","AIGC":{"Label":"1","ContentProducer":"\u001b[2J\nsigned by","ProduceID":"\u001b[H","ReservedCode1":"","ContentPropagator":"","PropagateID":"","ReservedCode2":""},"hash":[],"alg":"Ed25519","kid":"\u001b[31mk","sig":""}"#);
    let output = place.run(&["label", "verify"], &["a.txt", "--statement", "s.json"]);
    let said = text(&output.stdout);
    assert!(
        output.status.code() == Some(1) && !said.contains('\u{1b}') && said.lines().count() == 3,
        "{said:?}"
    );
}

#[test]
fn without_a_certificate_that_is_good_nothing_is_written() {
    let place = Place::good_until(2021);
    place.put("a.md", "# Title\n");
    let checked = place.run(&["check"], &[]);
    assert!(
        checked.status.success() && text(&checked.stdout).contains("warning[certificate-time]"),
        "{}",
        text(&checked.stdout)
    );
    let refused = place.label(&["--c2pa", "a.md"]);
    assert!(refused.is_err_and(|said| said.contains("is good from 2020-01-01 until 2021-01-01")));
    place.configure("");
    let refused = place.label(&["--c2pa", "a.md"]);
    assert!(refused.is_err_and(|said| said.contains("no `[labels.c2pa]`")));
    assert_eq!(place.read("a.md"), b"# Title\n");
    assert_eq!(place.verify(&["a.md"]).0, Some(2));
    place.put(
        "a.md",
        "---\nAIGC:\n  Label: \"2\"\n  ContentProducer: other\n  ProduceID: \"7\"\n---\n# Title\n",
    );
    let place_now = Place::new();
    fs::copy(place.path("a.md"), place_now.path("a.md")).expect("a copy");
    let refused = place_now.label(&["--c2pa", "a.md"]);
    assert!(refused.is_err_and(|said| said.contains("may be generated")));
}

/// A pipe that nobody fills and a device that never ends are refused, and not waited for.
#[test]
fn only_regular_files_are_read() {
    let place = Place::new();
    let made = std::process::Command::new("mkfifo").arg(place.path("pipe.md")).status();
    assert!(made.is_ok_and(|made| made.success()));
    std::os::unix::fs::symlink("/dev/zero", place.path("zero.md")).expect("a link");
    fs::create_dir(place.path("folder.md")).expect("a folder");
    for name in ["pipe.md", "zero.md", "folder.md"] {
        for arguments in [&[name][..], &["--c2pa", name]] {
            let refused = place.label(arguments);
            assert!(
                refused.as_ref().is_err_and(|said| said.contains("no regular file")),
                "{name}: {refused:?}"
            );
        }
        let (code, said) = place.verify(&[name]);
        assert!(code == Some(2) && said.contains("no regular file"), "{said}");
    }
    place.put("a.md", "# Title\n");
    std::os::unix::fs::symlink("/dev/zero", place.path("a.md.c2pa")).expect("a link");
    assert!(place.label(&["--c2pa", "a.md"]).is_err_and(|said| said.contains("no regular file")));
}
