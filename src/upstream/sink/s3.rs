//! Objects in a bucket of S3, or of a store that speaks its protocol: a PUT for each file.
//!
//! Requests are signed with AWS Signature Version 4, the hash of the body among what is signed. Source: "Signature Calculations for the
//! Authorization Header" in Amazon S3's API reference, whose example is a test below.

use super::{MOST_SAID, SinkAddress, SinkError, Target, network};
use crate::audit::RecordFile;
use crate::diag::moment::{now_ms, written};
use crate::text::{hex, percent_encoded};
use crate::upstream::web;
use aws_lc_rs::{digest, hmac};
use bytes::Bytes;
use std::fmt::Write as _;
use std::time::Duration;

/// As much of a refusal as is told.
const TOLD: usize = 200;

/// Who signs.
#[derive(Clone)]
struct Signer {
    id: String,
    secret: String,
    /// Of credentials that last for a time.
    session: Option<String>,
    region: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("region", &self.region).finish_non_exhaustive()
    }
}

#[derive(Debug)]
pub(super) struct S3 {
    client: reqwest::Client,
    signer: Signer,
    /// Scheme and authority.
    base: String,
    /// As it stands in the `host` header.
    host: String,
    /// What stands before a file's path, from the first slash to the last one.
    prefix: String,
}

impl S3 {
    pub(super) fn new(target: &Target) -> Result<Self, SinkError> {
        let settings = &target.settings;
        let region = settings.region.as_deref().unwrap_or("us-east-1").to_owned();
        let (bucket, folder) = (&target.address.host, target.address.path.trim_matches('/'));
        let china = if region.starts_with("cn-") { ".cn" } else { "" };
        let store = format!("s3.{region}.amazonaws.com{china}");
        let (base, mut prefix) = match &settings.endpoint {
            Some(endpoint) => (endpoint.trim_end_matches('/').to_owned(), format!("/{bucket}/")),
            // The store's certificate is good for one name below its own.
            None if bucket.contains('.') => (format!("https://{store}"), format!("/{bucket}/")),
            None => (format!("https://{bucket}.{store}"), "/".to_owned()),
        };
        if !folder.is_empty() {
            prefix.push_str(folder);
            prefix.push('/');
        }
        let host = base.split_once("://").map_or("", |(_, host)| host).to_owned();
        let secret = target
            .secret()
            .ok_or_else(|| SinkError::Settings("an object store asks for a `credential`".into()))?;
        let user = Some(target.address.user.clone()).filter(|user| !user.is_empty());
        let signer = signer(user, secret.trim(), region)?;
        let client = web::client(target.tls()?, settings.timeout.0, settings.timeout.0)
            .pool_idle_timeout(Duration::from_secs(30))
            .build()
            .map_err(|error| SinkError::Settings(error.to_string()))?;
        Ok(Self { client, signer, base, host, prefix })
    }

    pub(super) async fn put(&self, file: &RecordFile) -> Result<(), SinkError> {
        let path = encoded(&format!("{}{}", self.prefix, file.path));
        let headers = self.signer.sign("PUT", &self.host, &path, &[], &file.bytes, now_ms());
        let mut request = self.client.put(format!("{}{path}", self.base)).body(Bytes::clone(&file.bytes));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut answer = request.send().await.map_err(|error| network(&error.without_url()))?;
        let status = answer.status();
        let (said, _) =
            web::body(&mut answer, MOST_SAID).await.map_err(|error| network(&error.without_url()))?;
        if status.is_success() { Ok(()) } else { Err(SinkError::Refused(refusal(status, &said))) }
    }
}

/// What is wrong with a credential for this address.
pub(super) fn credential_fault(address: &SinkAddress, secret: &str) -> Option<String> {
    let id = Some(address.user.clone()).filter(|id| !id.is_empty());
    signer(id, secret.trim(), String::new()).err().map(|error| error.to_string())
}

/// A secret under the id that the address names, or all of it in the credential: `id:secret`, with `:token` where it lasts for a time.
fn signer(id: Option<String>, secret: &str, region: String) -> Result<Signer, SinkError> {
    if let Some(id) = id {
        return Ok(Signer { id, secret: secret.to_owned(), session: None, region });
    }
    let mut parts = secret.splitn(3, ':').map(str::to_owned);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(id), Some(secret), session) if !id.is_empty() && !secret.is_empty() => {
            Ok(Signer { id, secret, session, region })
        }
        _ => Err(SinkError::Settings(
            "the credential of an object store is `id:secret` or `id:secret:token`, or the address names the id: `s3://id@bucket/folder`"
                .into(),
        )),
    }
}

/// What the store says, without the parts that repeat the request.
fn refusal(status: reqwest::StatusCode, said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let part = |name: &str| {
        let (_, rest) = said.split_once(&format!("<{name}>"))?;
        Some(rest.split_once("</")?.0)
    };
    let told: Vec<&str> = ["Code", "Message"].into_iter().filter_map(part).collect();
    let told: String = told.join(": ").chars().filter(|c| !c.is_control()).take(TOLD).collect();
    format!("{status} {told}").trim_end().to_owned()
}

impl Signer {
    /// The headers of a request that is signed: those that are signed beside `host` and `more`, and the signature. Names are in small letters.
    fn sign(
        &self,
        method: &str,
        host: &str,
        path: &str,
        more: &[(&'static str, &str)],
        body: &[u8],
        now_ms: u64,
    ) -> Vec<(&'static str, String)> {
        let body = hex::encode(digest::digest(&digest::SHA256, body).as_ref());
        let time: String = written(now_ms).chars().filter(|c| !matches!(c, '-' | ':')).take(15).collect();
        let time = format!("{time}Z");
        let day = time.get(..8).unwrap_or_default();
        let mut headers = vec![("x-amz-content-sha256", body.clone()), ("x-amz-date", time.clone())];
        headers.extend(self.session.clone().map(|session| ("x-amz-security-token", session)));
        let mut signed: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
        signed.push(("host", host));
        signed.extend(more);
        signed.sort_unstable();
        let lines = signed.iter().fold(String::new(), |mut lines, (name, value)| {
            let _ = writeln!(lines, "{name}:{}", value.trim());
            lines
        });
        let names = signed.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let canonical = format!("{method}\n{path}\n\n{lines}\n{names}\n{body}");
        let canonical = hex::encode(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{canonical}");
        let hash = |key: &[u8], text: &str| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
        };
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [day, &self.region, "s3", "aws4_request"] {
            key = hash(&key, part);
        }
        let signature = hex::encode(&hash(&key, &to_sign));
        headers.push((
            "authorization",
            format!(
                "AWS4-HMAC-SHA256 Credential={}/{scope},SignedHeaders={names},Signature={signature}",
                self.id
            ),
        ));
        headers
    }
}

/// A path as it is signed and sent: all but letters, digits, `-`, `.`, `_`, `~` and the slashes in hexadecimal.
fn encoded(path: &str) -> String {
    percent_encoded(path, b"-._~/")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "Example: PUT Object" of Amazon S3's API reference.
    #[test]
    fn a_request_is_signed_as_the_reference_has_it() {
        let signer = signer(
            Some("AKIAIOSFODNN7EXAMPLE".into()),
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "us-east-1".into(),
        )
        .expect("a signer");
        let path = encoded("/test$file.text");
        assert_eq!(path, "/test%24file.text");
        let more = [("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")];
        let now = 1_369_353_600_000;
        let headers =
            signer.sign("PUT", "examplebucket.s3.amazonaws.com", &path, &more, b"Welcome to Amazon S3.", now);
        let value = |wanted: &str| {
            headers
                .iter()
                .find(|(name, _)| *name == wanted)
                .map(|(_, value)| value.clone())
                .unwrap_or_default()
        };
        assert_eq!(value("x-amz-date"), "20130524T000000Z");
        assert_eq!(
            value("x-amz-content-sha256"),
            "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
        );
        assert_eq!(
            value("authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
             SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,\
             Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
        );
    }

    #[test]
    fn credentials_are_read() {
        let read = |id: Option<&str>, secret: &str| {
            signer(id.map(str::to_owned), secret, "r".into()).map(|s| (s.id, s.secret, s.session)).ok()
        };
        let some = |id: &str, secret: &str, session: Option<&str>| {
            Some((id.to_owned(), secret.to_owned(), session.map(str::to_owned)))
        };
        assert_eq!(read(Some("a"), "b:c"), some("a", "b:c", None));
        assert_eq!(read(None, "a:b"), some("a", "b", None));
        assert_eq!(read(None, "a:b:c:d"), some("a", "b", Some("c:d")));
        for wrong in ["", "a", ":b", "a:"] {
            assert_eq!(read(None, wrong), None, "{wrong}");
        }
        let body =
            b"<?xml?><Error><Code>NoSuchBucket</Code><Message>There is none.</Message><Key>k</Key></Error>";
        assert_eq!(
            refusal(reqwest::StatusCode::NOT_FOUND, body),
            "404 Not Found NoSuchBucket: There is none."
        );
    }
}
