//! Addresses of resources.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// All characters except those that RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Returns the address of a resource, such as `people/AB%2F1`: a template with the id in place of
/// `{id}`. The result can be the value of a header.
///
/// ```
/// use factline_http::resource;
///
/// assert_eq!(resource::address("people/{id}", "AB/1"), "people/AB%2F1");
/// ```
pub fn address(template: &str, id: &str) -> String {
    template.replace("{id}", &utf8_percent_encode(id, RESERVED).to_string())
}

/// Returns the id in an address of a template; none if it is not one.
///
/// ```
/// use factline_http::resource;
///
/// assert_eq!(resource::id_at("people/{id}", "people/AB%2F1").as_deref(), Some("AB/1"));
/// ```
pub fn id_at(template: &str, address: &str) -> Option<String> {
    let (before, after) = template.split_once("{id}")?;
    let segment = address.strip_prefix(before)?.strip_suffix(after)?;
    if segment.is_empty() || segment.contains('/') {
        return None;
    }
    let id = percent_decode_str(segment).decode_utf8().ok()?;
    Some(id.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_one_segment_of_the_address() {
        let uuid = "0190a6d2-7c4e-7f3a-8b1d-5e2f9c0a4b67";
        assert_eq!(address("people/{id}", uuid), format!("people/{uuid}"));
        assert_eq!(
            address("p/{id}/x", "a b?c#d%é"),
            "p/a%20b%3Fc%23d%25%C3%A9/x"
        );
        assert_eq!(address("p/{id}", "{id}"), "p/%7Bid%7D");
        assert_eq!(address("p/{id}", "A-1.b_c~"), "p/A-1.b_c~");
    }
}
