//! Lists of words that come from elsewhere: where they are, and by what they prove to be what they say.
//!
//! Nothing is fetched here. Whoever loads a library puts the copies that it has among the files, under [`ListUrl::path`].

use std::sync::Arc;
use std::time::Duration;

use super::file::{ListUrlFile, RulesFile};
use super::files::{Files, hash};
use crate::diag::{Diagnostic, Places, SourceFile, Span, Step, read_toml};
use crate::text::hex;

/// How often a list is asked for where the rule does not say.
const EVERY: Duration = Duration::from_hours(1);
const OFTEN: Duration = Duration::from_secs(1);
const SELDOM: Duration = Duration::from_hours(24 * 31);

/// A list that comes from a URL.
#[derive(Clone, Debug)]
pub struct ListUrl {
    /// Where it is.
    pub url: String,
    /// The host, in lower case.
    pub host: String,
    /// What proves it.
    pub proof: Proof,
    /// How often it is asked for.
    pub every: Duration,
    /// Where the rule names it.
    place: (Arc<SourceFile>, Span),
}

/// What proves that a list is the one that is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Its SHA-256: this content and no other.
    Sha256([u8; 32]),
    /// The public key of an Ed25519 signature that lies beside it, under the same URL with `.sig` behind.
    Ed25519([u8; 32]),
}

impl ListUrl {
    /// Under which name its copy stands among the files of a library. Another proof is another list.
    pub fn path(&self) -> String {
        format!("list_url/{}", hash(&[&self.url, &format!("{:?}", self.proof)]))
    }

    /// Where the signature is, if there has to be one.
    pub fn signature(&self) -> Option<String> {
        match self.proof {
            Proof::Sha256(_) => None,
            Proof::Ed25519(_) => Some(format!("{}.sig", self.url)),
        }
    }

    /// Whether this is the list; `signature` is the 64 bytes or their 128 hexadecimal digits.
    pub fn verify(&self, content: &[u8], signature: &[u8]) -> Result<(), &'static str> {
        match self.proof {
            Proof::Sha256(want) => {
                let found = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, content);
                if found.as_ref() == want {
                    Ok(())
                } else {
                    Err("its SHA-256 is not the one that the rule names")
                }
            }
            Proof::Ed25519(key) => {
                let key = aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ED25519, key);
                let digits =
                    std::str::from_utf8(signature).ok().and_then(|text| hex::array::<64>(text.trim()));
                let signature = digits.as_ref().map_or(signature, |bytes| bytes.as_slice());
                key.verify(content, signature).map_err(|_| "its signature is not one of the rule's key")
            }
        }
    }

    /// Says where the rule names it.
    #[must_use]
    pub fn at(&self, diagnostic: Diagnostic) -> Diagnostic {
        diagnostic.at(&self.place.0, self.place.1, "")
    }
}

/// The lists from URLs that the rules of these files name, each once. What is wrong with one of them is said when the files are loaded.
pub fn wanted(files: &Files) -> Vec<ListUrl> {
    let mut all: Vec<ListUrl> = Vec::new();
    // Most files have none, and need not be read for it.
    let rules =
        files.iter().filter(|(path, file)| path.contains("/rules/") && file.text().contains("list_url"));
    for (_, file) in rules {
        let read = read_toml::<RulesFile>(file);
        for (place, rule) in read.value.iter().flat_map(|rules| &rules.rules).enumerate() {
            for n in 0..rule.list_urls.len() {
                let found =
                    rule.list_urls.get(n).and_then(|list| list_url(list, file, &read.places, place, n).ok());
                all.extend(found.filter(|found| all.iter().all(|known| known.path() != found.path())));
            }
        }
    }
    all
}

/// The list that stands at this place of a file, or the key that is wrong and why.
pub(super) fn list_url(
    list: &ListUrlFile,
    file: &Arc<SourceFile>,
    places: &Places,
    rule: usize,
    n: usize,
) -> Result<ListUrl, (&'static str, String)> {
    let host = host(&list.url).map_err(|why| ("url", why))?;
    let proof = match (&list.sha256, &list.public_key) {
        (Some(_), Some(_)) => {
            return Err(("public_key", "a list has a `sha256` or a `public_key`, not both".to_owned()));
        }
        (None, None) => {
            let message =
                "a list from a URL needs a proof: `sha256` of its content, or the `public_key` that signs it";
            return Err(("url", message.to_owned()));
        }
        (Some(text), None) => Proof::Sha256(digits(text).map_err(|why| ("sha256", why))?),
        (None, Some(text)) => Proof::Ed25519(digits(text).map_err(|why| ("public_key", why))?),
    };
    let every = list.every.map_or(EVERY, crate::diag::Time::get);
    if !(OFTEN..=SELDOM).contains(&every) {
        return Err(("every", "`every` is outside of 1 s to 31 d".to_owned()));
    }
    let path: [Step<'_>; 5] = ["rule".into(), rule.into(), "list_url".into(), n.into(), "url".into()];
    let span = places.value(&path).unwrap_or_default();
    Ok(ListUrl { url: list.url.clone(), host, proof, every, place: (Arc::clone(file), span) })
}

fn digits(text: &str) -> Result<[u8; 32], String> {
    hex::array(text)
        .ok_or_else(|| format!("expected 64 hexadecimal digits, found {} characters", text.chars().count()))
}

/// The host of a URL, in lower case.
fn host(url: &str) -> Result<String, String> {
    if url.contains('@') {
        // Not repeated: what stands before the @ may be a password.
        return Err("a list's URL holds no user and no password".to_owned());
    }
    if url.contains(['?', '#']) {
        return Err("a list's URL has no query and no fragment".to_owned());
    }
    let uri: http::Uri = url.parse().map_err(|error| format!("`{url}` is not a URL: {error}"))?;
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let here = bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match uri.scheme_str() {
        _ if host.is_empty() => Err(format!("`{url}` names no host")),
        Some("https") => Ok(host),
        // In clear text only to this machine.
        Some("http") if here => Ok(host),
        _ => Err(format!("`{url}` is not `https://`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

    fn list(proof: Proof) -> ListUrl {
        let place = (SourceFile::new("a", ""), Span::default());
        ListUrl { url: "https://a.test/l.txt".into(), host: "a.test".into(), proof, every: EVERY, place }
    }

    #[test]
    fn a_list_is_what_its_proof_says() {
        let content = b"one\ntwo\n";
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, content);
        let pinned = list(Proof::Sha256(digest.as_ref().try_into().expect("32 bytes")));
        assert_eq!(pinned.verify(content, b""), Ok(()));
        assert!(pinned.verify(b"one\ntwo", b"").is_err());

        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key");
        let signed = list(Proof::Ed25519(pair.public_key().as_ref().try_into().expect("32 bytes")));
        let signature = pair.sign(content);
        let hex = hex::encode(signature.as_ref());
        assert_eq!(signed.verify(content, signature.as_ref()), Ok(()));
        assert_eq!(signed.verify(content, format!("{hex}\n").as_bytes()), Ok(()));
        for (content, signature) in [
            (&b"one\n"[..], signature.as_ref()),
            (content, &[0; 64]),
            (content, b""),
            (content, &hex.as_bytes()[1..]),
        ] {
            assert!(signed.verify(content, signature).is_err());
        }
        assert_ne!(pinned.path(), signed.path());
    }

    #[test]
    fn where_a_list_may_be() {
        for (url, want) in [
            ("https://Lists.Example/a.txt", Ok("lists.example")),
            ("https://lists.example:8443/a.txt", Ok("lists.example")),
            ("http://127.0.0.1:80/a.txt", Ok("127.0.0.1")),
            ("http://lists.example/a.txt", Err("is not `https://`")),
            ("http://127.0.0.1.evil.example/a.txt", Err("is not `https://`")),
            ("ftp://lists.example/a", Err("is not `https://`")),
            ("https://a:b@lists.example/a", Err("no user and no password")),
            ("https://lists.example/a?key=b", Err("no query")),
            ("/a.txt", Err("names no host")),
        ] {
            match (host(url), want) {
                (Ok(found), Ok(want)) => assert_eq!(found, want, "{url}"),
                (Err(found), Err(want)) => assert!(found.contains(want), "{url}: {found}"),
                (found, want) => panic!("{url}: {found:?}, not {want:?}"),
            }
        }
    }
}
