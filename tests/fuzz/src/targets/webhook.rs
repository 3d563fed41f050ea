//! Addresses of webhooks.

use std::net::IpAddr;

use factline_tracker::webhooks::address::Permitted;

use crate::Target;

pub(crate) const TARGET: Target = Target {
    name: "webhook",
    most_bytes: 16 << 10,
    seeds,
    memory_of_byte: 0,
    read,
};

/// Reads the input as an address. One that is accepted comes back unchanged when it is read again,
/// and is not that of the machine itself or of a private network.
fn read(input: &[u8]) {
    let strict = Permitted {
        http: false,
        private: false,
    };
    let text = std::str::from_utf8(input).unwrap_or_default();
    let Ok(url) = strict.read(text) else { return };
    assert_eq!(url.scheme(), "https");
    assert_eq!(strict.read(url.as_str()).as_ref(), Ok(&url));
    let host = url.host_str().unwrap_or_default();
    if let Ok(IpAddr::V4(address)) = host.parse() {
        assert!(!address.is_loopback() && !address.is_private() && !address.is_link_local());
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "https://example.com:8443/hooks/1?tenant=7",
        "https://1.1.1.1/",
        "https://[2606:4700::1111]/hook",
        "https://0x7f.1/hook",
    ];
    // Longer when it is written again.
    let quoted = format!("https://example.com/{}", "\"".repeat(1500));
    let texts = texts.map(str::to_owned).into_iter().chain([quoted]);
    texts.map(String::into_bytes).collect()
}
