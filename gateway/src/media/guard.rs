//! Which addresses may be asked for a file. Whoever writes a complaint chooses them, so nothing inside the city's own
//! network may be reached by one (server-side request forgery).

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

/// The hosts and networks that may be asked although they are private. All public ones may be.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    hosts: Vec<String>,
    networks: Vec<(IpAddr, u8)>,
}

/// A host that may not be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forbidden;

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the file's address is a private one")
    }
}

impl std::error::Error for Forbidden {}

impl Guard {
    /// Reads the exceptions.
    ///
    /// # Errors
    /// The entry that cannot be read.
    pub fn new(entries: &[String]) -> Result<Self, String> {
        let mut guard = Self::default();
        for entry in entries {
            let (address, length) = match entry.split_once('/') {
                Some((address, length)) => (address, Some(length)),
                None => (entry.as_str(), None),
            };
            let bits = |ip: IpAddr| if ip.is_ipv4() { 32 } else { 128 };
            match (address.trim_matches(['[', ']']).parse::<IpAddr>(), length.map(str::parse::<u8>)) {
                (Ok(ip), None) => guard.networks.push((ip, bits(ip))),
                (Ok(ip), Some(Ok(length))) if length <= bits(ip) => guard.networks.push((ip, length)),
                (Err(_), None) if Url::parse(&format!("http://{entry}/")).is_ok() && !entry.is_empty() => {
                    guard.hosts.push(entry.to_ascii_lowercase());
                }
                _ => return Err(entry.clone()),
            }
        }
        Ok(guard)
    }

    /// Checks a host that is written as an address: no resolver is asked for those. The parser has already turned
    /// decimal, octal and hexadecimal forms into the usual one.
    ///
    /// # Errors
    /// [`Forbidden`].
    pub fn check(&self, url: &Url) -> Result<(), Forbidden> {
        let host = url.host_str().unwrap_or_default();
        match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(ip) if !self.allows(ip) => Err(Forbidden),
            _ => Ok(()),
        }
    }

    fn allows(&self, ip: IpAddr) -> bool {
        public(ip) || self.networks.iter().any(|network| within(ip, *network))
    }

    fn allows_host(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.hosts.contains(&host)
    }
}

/// Resolves names and leaves out what may not be asked: the connection is made to exactly the addresses that were
/// looked at.
#[derive(Clone, Debug)]
pub(super) struct GuardedResolver(pub(super) Arc<Guard>);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = Arc::clone(&self.0);
        Box::pin(async move {
            let host = name.as_str();
            let free = guard.allows_host(host);
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            if found.is_empty() {
                return Err(io::Error::from(io::ErrorKind::NotFound).into());
            }
            let allowed: Vec<_> =
                found.into_iter().filter(|address| free || guard.allows(address.ip())).collect();
            if allowed.is_empty() {
                return Err(Forbidden.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether an error means that the resolver found nothing that may be asked.
pub(super) fn forbids(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<Forbidden>() {
            return true;
        }
        next = error.source();
    }
    false
}

fn within(ip: IpAddr, (network, length): (IpAddr, u8)) -> bool {
    let same = |a: u128, b: u128, bits: u32| {
        let drop = bits.saturating_sub(u32::from(length));
        a.checked_shr(drop).unwrap_or(0) == b.checked_shr(drop).unwrap_or(0)
    };
    match (ip, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(u32::from(a).into(), u32::from(b).into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.into(), b.into(), 128),
        _ => false,
    }
}

/// Whether an address is on the public internet (IANA's registries of special-purpose addresses).
fn public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => public_v4(ip),
        IpAddr::V6(ip) => public_v6(ip),
    }
}

fn public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b));
    !special
}

fn public_v6(ip: Ipv6Addr) -> bool {
    let s = ip.segments();
    let inner = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        // IPv4 in the clothes of IPv6: mapped, NAT64, 6to4
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inner(high, low),
        [0x2002, high, low, ..] => inner(high, low),
        // Teredo and other protocol assignments, documentation
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        // what is not global unicast is loopback, local, multicast or reserved
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::{Guard, public, within};

    #[test]
    fn only_public_addresses_are_asked() {
        let private = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for address in private {
            assert!(!public(address.parse().unwrap()), "{address}");
        }
        for address in ["1.1.1.1", "103.10.66.1", "2606:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"] {
            assert!(public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn exceptions_are_hosts_addresses_and_networks() {
        let entries = ["files.jakarta.go.id", "10.1.0.0/16", "fd00::/8", "127.0.0.1"];
        let guard = Guard::new(&entries.map(str::to_owned)).unwrap();
        assert!(guard.allows_host("Files.Jakarta.go.id."));
        for (address, allowed) in [
            ("10.1.2.3", true),
            ("10.2.0.1", false),
            ("fd12::1", true),
            ("127.0.0.1", true),
            ("127.0.0.2", false),
        ] {
            assert_eq!(guard.allows(address.parse().unwrap()), allowed, "{address}");
        }
        for wrong in ["10.0.0.0/33", "10.0.0.0/", "a b", "", "host/8"] {
            assert_eq!(Guard::new(&[wrong.to_owned()]).unwrap_err(), wrong);
        }
        assert!(within("8.8.8.8".parse().unwrap(), ("0.0.0.0".parse().unwrap(), 0)));
    }
}
