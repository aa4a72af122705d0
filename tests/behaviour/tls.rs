//! Upstreams behind TLS: only a certificate that is valid, for this host, and signed by a known root is spoken to.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::fake::whole;
use super::{Gateway, Wishes, answer, chat};

pub(super) type Issuer = CertifiedIssuer<'static, KeyPair>;

pub(super) fn issuer() -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "a root of our own");
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a root")
}

/// What a server needs that has a certificate for this host, valid in these years.
pub(super) fn certified(issuer: Option<&Issuer>, host: &str, years: (i32, i32)) -> Arc<ServerConfig> {
    let mut params = CertificateParams::new(vec![host.to_owned()]).expect("parameters");
    (params.not_before, params.not_after) = (date_time_ymd(years.0, 1, 1), date_time_ymd(years.1, 1, 1));
    let key = KeyPair::generate().expect("a key");
    let certificate = match issuer {
        Some(issuer) => params.signed_by(&key, issuer),
        None => params.self_signed(&key),
    };
    let chain = vec![CertificateDer::from(certificate.expect("a certificate").der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions");
    Arc::new(config.with_no_client_auth().with_single_cert(chain, key).expect("a configuration"))
}

/// An upstream with such a certificate; answers `hello maskme` to everything.
fn serve(issuer: Option<&Issuer>, host: &str, years: (i32, i32)) -> SocketAddr {
    let config = certified(issuer, host, years);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let config = Arc::clone(&config);
            std::thread::spawn(move || reply(config, socket));
        }
    });
    address
}

/// Refused handshakes end here with an error, which is the gateway's to tell.
fn reply(config: Arc<ServerConfig>, socket: TcpStream) -> Option<()> {
    let mut stream = StreamOwned::new(ServerConnection::new(config).ok()?, socket);
    let (mut got, mut space) = (Vec::new(), [0; 4096]);
    while !got.ends_with(b"}") {
        let read = stream.read(&mut space).ok().filter(|&read| read > 0)?;
        got.extend_from_slice(&space[..read]);
    }
    let body = answer("hello maskme");
    stream.write_all(&whole("200 OK", "content-type: application/json\r\n", body.as_bytes())).ok()?;
    stream.conn.send_close_notify();
    stream.flush().ok()
}

#[test]
fn certificates_are_checked() {
    let (ours, other) = (issuer(), issuer());
    let dir = tempfile::tempdir().expect("a folder");
    let roots = dir.path().join("roots.pem");
    std::fs::write(&roots, ours.pem()).expect("a file");
    let good = (2020, 2090);
    let cases = [
        ("a root of our own", serve(Some(&ours), "localhost", good), Some(&roots), true),
        ("no such root here", serve(Some(&ours), "localhost", good), None, false),
        ("another root", serve(Some(&other), "localhost", good), Some(&roots), false),
        ("no root", serve(None, "localhost", good), Some(&roots), false),
        ("expired", serve(Some(&ours), "localhost", (2020, 2021)), Some(&roots), false),
        ("not yet valid", serve(Some(&ours), "localhost", (2080, 2090)), Some(&roots), false),
        ("another host", serve(Some(&ours), "api.example", good), Some(&roots), false),
    ];
    for (what, address, roots, accepted) in cases {
        let wishes = Wishes {
            base_url: Some(format!("https://localhost:{}", address.port())),
            extra_roots: roots.cloned(),
            ..Wishes::default()
        };
        let gateway = Gateway::new(None, &wishes);
        let got = gateway.post("/v1/chat/completions", &chat("hello", false));
        if accepted {
            assert_eq!(got.status, 200, "{what}: {got:?}");
            assert!(got.body.contains("hello [MASKED]"), "{what}: {got:?}");
            continue;
        }
        assert_eq!(got.status, 502, "{what}: {got:?}");
        assert!(got.body.contains("shows a certificate that is not accepted"), "{what}: {got:?}");
        let end = gateway.only_end();
        assert_eq!((&end["status"], &end["error"]), (&502.into(), &"upstream_unreachable".into()), "{what}");
    }
}
