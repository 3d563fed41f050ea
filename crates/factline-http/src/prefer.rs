//! The preference `wait` (RFC 7240, section 4.3): the time for which a client is willing to wait
//! for a response that says how a request ended.
//!
//! Preferences are optional, so nothing here is an error: a server ignores what it cannot read.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The request header with the preferences of a client.
pub const PREFER: HeaderName = HeaderName::from_static("prefer");

/// The response header with the preferences that the server has followed.
pub const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Returns the time that a client is willing to wait. Of several values the first one counts, as
/// the RFC requires.
pub fn wait(request: &HeaderMap) -> Option<Duration> {
    let values = request.get_all(PREFER).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).find_map(seconds)
}

/// Reads one preference. Parameters after a semicolon do not change the meaning of this one.
fn seconds(preference: &str) -> Option<Duration> {
    let preference = preference.split(';').next()?;
    let (name, value) = preference.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("wait") {
        return None;
    }
    let value = value.trim().trim_matches('"');
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    // More seconds than fit into a number are as many as the server permits.
    digits.then(|| Duration::from_secs(value.parse().unwrap_or(u64::from(u32::MAX))))
}

/// Returns the value of [`PREFERENCE_APPLIED`] for a wait of this time at most.
pub fn applied(wait: Duration) -> HeaderValue {
    let text = format!("wait={}", wait.as_secs());
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("wait=0"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(values: &[&str]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(PREFER, value.parse().unwrap());
        }
        wait(&headers).map(|wait| wait.as_secs())
    }

    #[test]
    fn wait_is_found_among_other_preferences() {
        for (values, expected) in [
            (&["wait=10"][..], Some(10)),
            (&["respond-async, WAIT = 5"], Some(5)),
            (&["respond-async", "wait=\"7\"; foo=\"bar\""], Some(7)),
            (&["wait=1, wait=2"], Some(1)),
            (&["wait=0"], Some(0)),
            (&["wait=99999999999999999999999"], Some(4_294_967_295)),
            (&["wait=-1"], None),
            (&["wait=1.5"], None),
            (&["wait="], None),
            (&["wait"], None),
            (&["return=minimal"], None),
            (&[], None),
        ] {
            assert_eq!(read(values), expected, "{values:?}");
        }
        assert_eq!(applied(Duration::from_millis(2_500)), "wait=2");
    }

    proptest! {
        #[test]
        fn any_header_is_read_or_ignored(values in prop::collection::vec(any::<Vec<u8>>(), 0..5)) {
            let mut headers = HeaderMap::new();
            for value in values {
                if let Ok(value) = HeaderValue::from_bytes(&value) {
                    headers.append(PREFER, value);
                }
            }
            let _ = wait(&headers);
        }
    }
}
