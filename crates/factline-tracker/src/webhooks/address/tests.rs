//! Addresses that are permitted, and those that are not.

use super::*;

const STRICT: Permitted = Permitted {
    http: false,
    private: false,
};

#[test]
fn public_addresses_are_permitted_and_others_are_not() {
    for text in [
        "1.1.1.1",
        "100.63.255.255",
        "172.32.0.1",
        "192.0.1.1",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450::1",
        "::ffff:1.1.1.1",
        "64:ff9b::101:101",
    ] {
        assert!(is_public(text.parse().unwrap()), "{text}");
    }
    for text in [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ] {
        assert!(!is_public(text.parse().unwrap()), "{text}");
    }
}

#[test]
fn addresses_are_refused_by_their_text() {
    let refused = |text: &str| STRICT.read(text).unwrap_err();
    for text in ["", "hook", "/hook", "https://", "https://[::1"] {
        assert_eq!(refused(text), Refused::NoUrl, "{text}");
    }
    let long = format!("https://example.com/{}", "x".repeat(MAX_LENGTH));
    assert_eq!(refused(&long), Refused::NoUrl);
    // Each of these characters is written as three.
    let longer = format!("https://example.com/{}", "\"".repeat(MAX_LENGTH / 2));
    assert_eq!(refused(&longer), Refused::NoUrl);
    for text in [
        "http://example.com",
        "ftp://example.com",
        "file:///etc/passwd",
        "data:,x",
    ] {
        assert_eq!(refused(text), Refused::Scheme, "{text}");
    }
    for text in [
        "https://ada@example.com",
        "https://:key@example.com",
        "https://example.com/#a",
    ] {
        assert_eq!(refused(text), Refused::Parts, "{text}");
    }
    // Other ways to write an address that is not public.
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:7f00:1]",
        "169.254.169.254",
    ] {
        assert_eq!(
            refused(&format!("https://{host}/hook")),
            Refused::NotPublic,
            "{host}"
        );
    }
    assert!(STRICT.read("https://example.com:8443/hook?x=1").is_ok());
    assert!(STRICT.read("https://1.1.1.1/").is_ok());
}

#[test]
fn options_permit_more() {
    let http = Permitted {
        http: true,
        ..STRICT
    };
    assert!(http.read("http://example.com").is_ok());
    assert_eq!(
        http.read("http://127.0.0.1").unwrap_err(),
        Refused::NotPublic
    );
    let private = Permitted {
        private: true,
        ..STRICT
    };
    assert!(private.read("https://10.0.0.1").is_ok());
}

#[tokio::test]
async fn names_of_private_addresses_are_refused_when_they_are_resolved() {
    let url = STRICT.read("https://localhost/hook").unwrap();
    assert_eq!(STRICT.check(&url).await, Err(Refused::NotPublic));
    let private = Permitted {
        private: true,
        ..STRICT
    };
    assert_eq!(private.check(&url).await, Ok(()));
}
