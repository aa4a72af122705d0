//! Where a judge may be: which addresses its host may have when it is looked up.
//!
//! Whoever answers for a name decides where texts and the credential go. So a public name may lead to public addresses only, a name of one's own
//! network anywhere but to link-local addresses (where clouds keep their metadata), and a configuration that lists networks to these alone.
//! The address that was looked at is the one that is connected to.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A network: `10.0.0.0/8`, `fd00::/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Whether an address is in it.
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = 32 - u32::from(self.bits);
                own.to_bits().checked_shr(shift) == other.to_bits().checked_shr(shift)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = 128 - u32::from(self.bits);
                own.to_bits().checked_shr(shift) == other.to_bits().checked_shr(shift)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a network; expected one such as `10.0.0.0/8` or `fd00::/8`");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse::<IpAddr>().map_err(|_| wrong())?.to_canonical();
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        if bits > most { Err(wrong()) } else { Ok(Self { address, bits }) }
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        format!("{}/{}", network.address, network.bits)
    }
}

/// Which addresses are connected to.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    listed: Vec<Network>,
    /// Whether the host is of a network of one's own, by its name or address.
    near: bool,
}

impl Rule {
    /// Of a host, without brackets.
    pub(super) fn new(host: &str, listed: &[Network]) -> Self {
        Self { listed: listed.to_vec(), near: is_near(host) }
    }

    /// Whether it may be connected to.
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if !self.listed.is_empty() {
            return self.listed.iter().any(|network| network.holds(address));
        }
        if self.near { !is_link_local(address) } else { is_public(address) }
    }
}

/// Whether a host is of a network of one's own: its address, or a name that no public host has.
fn is_near(host: &str) -> bool {
    if let Ok(address) = host.parse::<IpAddr>() {
        return !is_public(address.to_canonical());
    }
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let ends = [".localhost", ".internal", ".local", ".lan", ".home.arpa", ".svc", ".intranet"];
    !host.contains('.') || ends.iter().any(|end| host.ends_with(end))
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// Whether an address is of the internet (IANA's registries of special addresses).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_broadcast()
                || ip.is_documentation()
                || ip.is_multicast()
                || a == 0
                || a >= 240
                || (a == 100 && b & 0xc0 == 64)
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && b & 0xfe == 18))
        }
        IpAddr::V6(ip) => {
            // Those that lead to IPv4 addresses (RFC 6052, RFC 3056) are asked for these.
            let parts = ip.segments();
            if parts[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
                return is_public(IpAddr::V4(in_v6(ip, 6)));
            }
            if parts[0] == 0x2002 {
                return is_public(IpAddr::V4(in_v6(ip, 1)));
            }
            parts[0] & 0xe000 == 0x2000 && !(parts[0] == 0x2001 && parts[1] == 0xdb8)
        }
    }
}

/// The IPv4 address that stands in two parts of one of IPv6.
fn in_v6(ip: Ipv6Addr, at: usize) -> std::net::Ipv4Addr {
    let part = |n: usize| ip.segments().get(n).copied().unwrap_or_default();
    std::net::Ipv4Addr::from_bits(u32::from(part(at)) << 16 | u32::from(part(at + 1)))
}

/// Looks names up and gives the addresses that are allowed.
#[derive(Debug, Clone)]
pub(super) struct Resolver(pub(super) Arc<Rule>);

/// None of a host's addresses is allowed.
#[derive(Debug, thiserror::Error)]
#[error("none of its addresses is allowed")]
pub(super) struct NotAllowed;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let rule = Arc::clone(&self.0);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|address| rule.allows(address.ip())).collect();
            if allowed.is_empty() {
                return Err(NotAllowed.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(host: &str, listed: &[&str], address: &str) -> bool {
        let listed: Vec<Network> = listed.iter().map(|text| text.parse().expect("a network")).collect();
        Rule::new(host, &listed).allows(address.parse().expect("an address"))
    }

    #[test]
    fn names_lead_only_where_they_may() {
        for (host, listed, address, wanted) in [
            ("api.openai.com", &[][..], "104.18.7.192", true),
            ("api.openai.com", &[], "127.0.0.1", false),
            ("api.openai.com", &[], "169.254.169.254", false),
            ("api.openai.com", &[], "10.1.2.3", false),
            ("api.openai.com", &[], "::ffff:10.1.2.3", false),
            ("api.openai.com", &[], "::1", false),
            ("api.openai.com", &[], "fd00::1", false),
            ("api.openai.com", &[], "64:ff9b::a01:203", false),
            ("api.openai.com", &[], "2002:7f00:1::", false),
            ("api.openai.com", &[], "2606:4700::1", true),
            ("api.openai.com", &[], "0.0.0.0", false),
            ("guard.svc", &[], "10.1.2.3", true),
            ("guard", &[], "127.0.0.1", true),
            ("guard", &[], "169.254.169.254", false),
            ("127.0.0.1", &[], "127.0.0.1", true),
            ("guard", &["10.0.0.0/8"], "10.1.2.3", true),
            ("guard", &["10.0.0.0/8"], "::ffff:10.1.2.3", true),
            ("guard", &["10.0.0.0/8"], "11.1.2.3", false),
            ("api.example.com", &["0.0.0.0/0"], "127.0.0.1", true),
            ("api.example.com", &["fd00::/8"], "fd00::1", true),
            ("api.example.com", &["192.0.2.7"], "192.0.2.7", true),
            ("api.example.com", &["192.0.2.7"], "192.0.2.8", false),
        ] {
            assert_eq!(allows(host, listed, address), wanted, "{host} {listed:?} {address}");
        }
        for wrong in ["10.0.0.0/33", "10.0.0/8", "fd00::/129", "example.com", "", "10.0.0.0/x"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
