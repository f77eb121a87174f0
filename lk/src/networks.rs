//! Lists of addresses and networks, and who is really calling when proxies stand in between.

use std::net::IpAddr;

/// A text that is no list of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address like 185.59.216.65 or network like 10.0.0.0/8")]
pub struct BadNetwork(pub String);

/// Addresses and networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<Network>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix: u32,
}

/// The address as a number whose highest bits come first, and how many bits it has. IPv4 written as IPv6 is IPv4.
fn bits(address: IpAddr) -> (u128, u32) {
    match address.to_canonical() {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

impl Network {
    fn parse(text: &str) -> Option<Network> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let (_, width) = bits(address);
        let prefix = match prefix {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok()?,
            Some(_) => return None,
            None => width,
        };
        (prefix <= width).then_some(Network { address, prefix })
    }

    fn contains(self, address: IpAddr) -> bool {
        let ((ours, our_width), (theirs, their_width)) = (bits(self.address), bits(address));
        let differing = ours ^ theirs;
        our_width == their_width && differing.leading_zeros() >= self.prefix
    }
}

impl Networks {
    /// Reads a comma list; an empty text is an empty list.
    ///
    /// # Errors
    /// [`BadNetwork`] names the first entry that can't be read.
    pub fn parse(list: &str) -> Result<Networks, BadNetwork> {
        list.split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .map(|entry| Network::parse(entry).ok_or_else(|| BadNetwork(entry.to_owned())))
            .collect::<Result<_, _>>()
            .map(Networks)
    }

    /// Nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the address is in one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// Who is calling: the peer, or, if the peer is one of these (trusted) proxies, the last address in
    /// `X-Forwarded-For` that is none of them. What stands further left was written by that caller and proves nothing;
    /// an entry that can't be read ends the search.
    #[must_use]
    pub fn caller<'a>(
        &self,
        peer: IpAddr,
        forwarded: impl DoubleEndedIterator<Item = &'a str>,
    ) -> IpAddr {
        let mut caller = peer.to_canonical();
        for entry in forwarded.rev().flat_map(|line| line.rsplit(',')) {
            if !self.contains(caller) {
                break;
            }
            match read_forwarded(entry.trim()) {
                Some(address) => caller = address.to_canonical(),
                None => break,
            }
        }
        caller
    }
}

/// An entry of `X-Forwarded-For`; some proxies add the port.
fn read_forwarded(entry: &str) -> Option<IpAddr> {
    if let Ok(address) = entry.parse() {
        return Some(address);
    }
    entry
        .parse::<std::net::SocketAddr>()
        .ok()
        .map(|with_port| with_port.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_and_networks_are_told_apart() {
        let list = Networks::parse("185.59.216.65, 10.0.0.0/8 ,2001:db8::/32").unwrap();
        for inside in [
            "185.59.216.65",
            "::ffff:185.59.216.65",
            "10.255.0.1",
            "2001:db8:1::1",
        ] {
            assert!(list.contains(ip(inside)), "{inside}");
        }
        for outside in ["185.59.216.66", "11.0.0.1", "2001:db9::1", "::1"] {
            assert!(!list.contains(ip(outside)), "{outside}");
        }
        assert!(Networks::parse(" , ").unwrap().is_empty());
        assert!(
            Networks::parse("0.0.0.0/0")
                .unwrap()
                .contains(ip("1.2.3.4"))
        );
        assert!(!Networks::parse("0.0.0.0/0").unwrap().contains(ip("::1")));
        for bad in [
            "x",
            "1.2.3",
            "1.2.3.4/33",
            "1.2.3.4/-1",
            "1.2.3.4/+1",
            "::/129",
            "1.2.3.4/",
        ] {
            assert_eq!(
                Networks::parse(bad),
                Err(BadNetwork(bad.to_owned())),
                "{bad}"
            );
        }
    }

    #[test]
    fn only_a_trusted_proxy_says_who_is_calling() {
        let trusted = Networks::parse("127.0.0.1,10.0.0.0/8").unwrap();
        let caller = |peer: &str, lines: &[&str]| trusted.caller(ip(peer), lines.iter().copied());
        // Nobody else is believed.
        assert_eq!(caller("9.9.9.9", &["185.59.216.65"]), ip("9.9.9.9"));
        assert_eq!(caller("127.0.0.1", &[]), ip("127.0.0.1"));
        assert_eq!(caller("127.0.0.1", &["185.59.216.65"]), ip("185.59.216.65"));
        assert_eq!(
            caller("::ffff:127.0.0.1", &["185.59.216.65"]),
            ip("185.59.216.65")
        );
        // The caller's own claim stands left of what the proxy added.
        assert_eq!(
            caller("127.0.0.1", &["185.59.216.65, 9.9.9.9"]),
            ip("9.9.9.9")
        );
        assert_eq!(
            caller("127.0.0.1", &["185.59.216.65", "9.9.9.9, 10.1.1.1"]),
            ip("9.9.9.9")
        );
        assert_eq!(caller("127.0.0.1", &["9.9.9.9:4711"]), ip("9.9.9.9"));
        assert_eq!(
            caller("127.0.0.1", &["[2001:db8::1]:4711"]),
            ip("2001:db8::1")
        );
        // What can't be read ends the search at the proxy.
        assert_eq!(
            caller("127.0.0.1", &["185.59.216.65, unknown"]),
            ip("127.0.0.1")
        );
        assert_eq!(caller("127.0.0.1", &["185.59.216.65, "]), ip("127.0.0.1"));
    }
}
