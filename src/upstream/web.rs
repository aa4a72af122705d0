//! What the gateway asks beside its upstreams shares: one place each, reached over HTTP without proxies and redirects, and answers of a bounded size.

use std::net::IpAddr;
use std::time::Duration;

/// Connections of which none may take longer than `connect`, and no answer longer than `whole`. A credential or a signature is for the place that
/// was named, so nothing leads elsewhere.
pub(super) fn client(
    tls: rustls::ClientConfig,
    connect: Duration,
    whole: Duration,
) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(connect)
        .timeout(whole)
        .user_agent(concat!("sluicegate/", env!("CARGO_PKG_VERSION")))
}

/// The body of an answer, as far as it has no more than `most` bytes, and whether there is more of it.
///
/// # Errors
/// It breaks off, or does not come in time.
pub(super) async fn body(
    answer: &mut reqwest::Response,
    most: usize,
) -> Result<(Vec<u8>, bool), reqwest::Error> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        if body.len() + piece.len() > most {
            return Ok((body, true));
        }
        body.extend_from_slice(&piece);
    }
    Ok((body, false))
}

/// What is wrong with the path of a `file://` address. What has a meaning in other addresses would be taken in two ways.
pub(super) fn path_fault(path: &str) -> Option<&'static str> {
    path.contains(['%', '?', '#']).then_some("the path of a file stands as it is, without `%`, `?` and `#`")
}

/// Whether a host, without brackets, is this machine: by its name, or as an address of the loopback.
pub(super) fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.to_canonical().is_loopback())
}
