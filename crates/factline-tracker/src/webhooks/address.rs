//! Addresses to which the tracker may send.
//!
//! Anyone who can register a webhook chooses where the tracker sends requests. So it connects only
//! to public addresses. Names are resolved for each connection, and only addresses that were
//! checked are connected to: a name that changes its address in between is not followed.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Maximum length of an address.
pub(crate) const MAX_LENGTH: usize = 2048;

/// The addresses that are permitted.
#[derive(Debug, Clone, Copy)]
pub struct Permitted {
    /// Set if addresses need no encryption.
    pub http: bool,
    /// Set if addresses that are not public are permitted.
    pub private: bool,
}

/// The reason why an address is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not a URL.
    #[error("is not a URL of at most {MAX_LENGTH} characters")]
    NoUrl,
    /// Its scheme is not permitted.
    #[error("must begin with https://")]
    Scheme,
    /// It has a user, a password or a fragment.
    #[error("must have no user, no password and no fragment")]
    Parts,
    /// Its host has no address that is permitted. Whether it has others is not said, because that
    /// would tell what a private network contains.
    #[error("has a host without a public address")]
    NotPublic,
}

impl Permitted {
    /// Reads an address. Its host is not resolved.
    pub fn read(self, text: &str) -> Result<Url, Refused> {
        if text.len() > MAX_LENGTH {
            return Err(Refused::NoUrl);
        }
        let url: Url = text.parse().map_err(|_| Refused::NoUrl)?;
        // A character that is not permitted in a URL has become three or more.
        if url.as_str().len() > MAX_LENGTH {
            return Err(Refused::NoUrl);
        }
        match url.scheme() {
            "https" => {}
            "http" if self.http => {}
            _ => return Err(Refused::Scheme),
        }
        let has_user = !url.username().is_empty() || url.password().is_some();
        if has_user || url.fragment().is_some() {
            return Err(Refused::Parts);
        }
        self.check_literal(&url)?;
        Ok(url)
    }

    /// Checks a host that is an address itself, which no client resolves.
    pub(super) fn check_literal(self, url: &Url) -> Result<(), Refused> {
        match literal(url) {
            Some(address) if !self.permits(address) => Err(Refused::NotPublic),
            _ => Ok(()),
        }
    }

    /// Checks that the host has an address that is permitted.
    pub(super) async fn check(self, url: &Url) -> Result<(), Refused> {
        if literal(url).is_some() {
            return self.check_literal(url);
        }
        let host = url.host_str().ok_or(Refused::NoUrl)?;
        self.resolve(host).await.map(drop)
    }

    /// Returns the addresses of a host that are permitted.
    async fn resolve(self, host: &str) -> Result<Vec<SocketAddr>, Refused> {
        let found = tokio::net::lookup_host((host, 0)).await;
        let found = found.map_err(|_| Refused::NotPublic)?;
        let permitted: Vec<_> = found.filter(|found| self.permits(found.ip())).collect();
        if permitted.is_empty() {
            return Err(Refused::NotPublic);
        }
        Ok(permitted)
    }

    fn permits(self, address: IpAddr) -> bool {
        self.private || is_public(address)
    }
}

/// Resolves the hosts of the client, so that it connects to permitted addresses only.
impl Resolve for Permitted {
    fn resolve(&self, name: Name) -> Resolving {
        let permitted = *self;
        Box::pin(async move {
            let found = permitted.resolve(name.as_str()).await;
            let found = found.map_err(|refused| Box::new(refused) as Box<dyn Error + Send + Sync>);
            Ok(Box::new(found?.into_iter()) as Addrs)
        })
    }
}

/// Returns the address that a host is itself.
fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    host.parse().ok()
}

/// Returns whether an address is one of the public Internet, by the special-purpose registries of
/// IANA.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_local = matches!(
        (a, b),
        (0 | 10 | 127, _) | (169, 254) | (172, 16..=31) | (192, 168)
    );
    let is_shared = matches!((a, b), (100, 64..=127) | (198, 18..=19));
    // Protocols, documentation, relays of 6to4.
    let is_special = matches!(
        (a, b, c),
        (192, 0, 0 | 2) | (198, 51, 100) | (203, 0, 113) | (192, 88, 99)
    );
    // Multicast and reserved.
    let is_no_host = a >= 224;
    !(is_local || is_shared || is_special || is_no_host)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    let segments = address.segments();
    match segments {
        // Translated to the IPv4 address in the last 32 bits.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let bits = (u32::from(high) << 16) | u32::from(low);
            is_public_v4(Ipv4Addr::from_bits(bits))
        }
        // Protocols and tunnels, documentation, 6to4, documentation.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // All others that are public are in 2000::/3.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests;
