//! Where a request comes from, as budgets count it. Decides nothing about it.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// One customer of an internet provider: an IPv4 address, or an IPv6 network of 64 bits (B1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Address(IpAddr);

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        Self(match ip.to_canonical() {
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
            v4 => v4,
        })
    }
}

/// The other end of the connection: put into each request's extensions when it is accepted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Who sent a request: the nearest address that is not a trusted proxy's. What an untrusted peer
/// claims in `X-Forwarded-For` counts for nothing.
pub(crate) fn sender(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Address {
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|network| network.contains(ip));
    let mut nearest = peer.to_canonical();
    let forwarded = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    for claimed in forwarded.collect::<Vec<_>>().into_iter().rev() {
        if !is_trusted(&nearest) {
            break;
        }
        let Ok(ip) = claimed.trim().parse::<IpAddr>() else {
            break;
        };
        nearest = ip.to_canonical();
    }
    nearest.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_by(peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        sender(peer.parse().unwrap(), &headers, &trusted).0.to_string()
    }

    #[test]
    fn b1_forwarded_addresses_count_only_from_trusted_proxies() {
        assert_eq!(sent_by("1.2.3.4", &["5.6.7.8"]), "1.2.3.4");
        assert_eq!(sent_by("10.0.0.1", &["5.6.7.8"]), "5.6.7.8");
        assert_eq!(sent_by("::ffff:10.0.0.1", &["5.6.7.8"]), "5.6.7.8");
        assert_eq!(sent_by("10.0.0.1", &["9.9.9.9, 5.6.7.8", "10.0.0.2"]), "5.6.7.8");
        assert_eq!(sent_by("10.0.0.1", &["9.9.9.9, nonsense"]), "10.0.0.1");
        assert_eq!(sent_by("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn b1_an_ipv6_customer_is_a_64() {
        assert_eq!(sent_by("2001:db8:1:2:3:4:5:6", &[]), "2001:db8:1:2::");
        assert_eq!(sent_by("::ffff:1.2.3.4", &[]), "1.2.3.4");
    }
}
