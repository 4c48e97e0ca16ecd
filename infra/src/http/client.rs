//! Who a request comes from: the peer of the connection, or, where that is a proxy that we trust, whom the proxy names.
//!
//! Only hops that trusted proxies wrote are believed: `X-Forwarded-For` is read from the right, and the first address that is no trusted
//! proxy is the client. What stands left of it, a client may have made up.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use http::HeaderMap;

/// A network of addresses, as `10.0.0.0/8`, `fd00::/8` or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Its first bits; IPv4 addresses are mapped into IPv6.
    bits: u128,
    /// How many of them count.
    prefix: u32,
}

/// Why a text names no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address or network (like 10.0.0.0/8)")]
pub struct BadNetwork(String);

fn bits_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let bad = || BadNetwork(text.to_owned());
        let (address, prefix) = text.trim().split_once('/').map_or((text.trim(), None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix: u32 = prefix.map_or(Ok(most), |prefix| prefix.parse().map_err(|_| bad()))?;
        if prefix > most {
            return Err(bad());
        }
        Ok(Self { bits: bits_of(address), prefix: prefix + 128 - most })
    }
}

impl Network {
    /// Whether the address is of the network.
    pub fn holds(&self, address: IpAddr) -> bool {
        let shift = 128 - self.prefix;
        shift == 128 || (bits_of(address) >> shift) == (self.bits >> shift)
    }
}

/// The client's address.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.holds(address));
    let mut client = plain(peer);
    let hops = headers.get_all("x-forwarded-for").iter().rev();
    for hop in hops.flat_map(|value| value.to_str().unwrap_or_default().rsplit(',')) {
        if !is_trusted(client) {
            break;
        }
        // A hop that is no address was not written by a proxy that knows its client: whoever sent it is the client.
        let Some(address) = hop_address(hop.trim()) else { break };
        client = address;
    }
    client
}

/// Whether the peer is a proxy whose headers are believed.
pub(super) fn trusts(peer: IpAddr, trusted: &[Network]) -> bool {
    trusted.iter().any(|network| network.holds(peer))
}

/// An address, also with a port, also in brackets.
fn hop_address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(text, |(address, _)| address);
    bare.parse().ok().or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip())).map(plain)
}

/// IPv4 as IPv4, also where it came mapped into IPv6.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// What limits count as one client: an IPv4 address, or the /64 that one subscriber gets.
pub(super) fn limit_key(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(_) => bits_of(address),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(peer: &str, forwarded: &[&str], trusted: &[&str], expected: &str) {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let trusted: Vec<Network> = trusted.iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(client_address(peer.parse().unwrap(), &headers, &trusted), expected.parse::<IpAddr>().unwrap(), "{peer} {forwarded:?}");
    }

    #[test]
    fn only_trusted_hops_are_believed() {
        check("1.1.1.1", &["9.9.9.9"], &[], "1.1.1.1");
        check("10.0.0.1", &["9.9.9.9"], &["10.0.0.0/8"], "9.9.9.9");
        check("10.0.0.1", &["6.6.6.6, 9.9.9.9"], &["10.0.0.0/8"], "9.9.9.9");
        check("10.0.0.1", &["6.6.6.6, 9.9.9.9, 10.2.0.1"], &["10.0.0.0/8"], "9.9.9.9");
        check("10.0.0.1", &["6.6.6.6", "9.9.9.9"], &["10.0.0.0/8"], "9.9.9.9");
        check("10.0.0.1", &["6.6.6.6, rubbish"], &["10.0.0.0/8"], "10.0.0.1");
        check("10.0.0.1", &[], &["10.0.0.0/8"], "10.0.0.1");
        check("::ffff:10.0.0.1", &["[2001:db8::1]:443"], &["10.0.0.1"], "2001:db8::1");
        check("fd00::1", &["9.9.9.9:1234"], &["fd00::/8"], "9.9.9.9");
        check("10.0.0.1", &["10.0.0.2"], &["10.0.0.0/8"], "10.0.0.2");
    }

    #[test]
    fn networks_are_checked() {
        for text in ["", "10.0.0.0/33", "a.b", "10.0.0.0/x", "::/129"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
        assert!("0.0.0.0/0".parse::<Network>().unwrap().holds("8.8.8.8".parse().unwrap()));
        assert!(!"0.0.0.0/0".parse::<Network>().unwrap().holds("::1".parse().unwrap()));
        assert!("::/0".parse::<Network>().unwrap().holds("8.8.8.8".parse().unwrap()));
    }
}
