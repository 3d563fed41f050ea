//! The hint in the `Location` of a 202: where the command stands, opaque to clients.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::observation::Place;

/// Reads base64url of `topic/partition@offset`; none if it is anything else.
pub fn read(text: &str) -> Option<Place> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let place = String::from_utf8(bytes).ok()?;
    let (rest, offset) = place.rsplit_once('@')?;
    let (topic, partition) = rest.rsplit_once('/')?;
    let offset: i64 = offset.parse().ok()?;
    // The end behind the place must still be a number.
    (0..i64::MAX).contains(&offset).then_some(Place {
        topic: topic.to_owned(),
        partition: partition.parse().ok()?,
        offset,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_and_nonsense_is_not() {
        let hint = |text: &str| read(&URL_SAFE_NO_PAD.encode(text));
        let place = Place {
            topic: "a/b.commands".into(),
            partition: 3,
            offset: 17,
        };
        assert_eq!(hint("a/b.commands/3@17"), Some(place));
        for text in ["", "a", "a/3", "a@17", "a/x@17", "a/3@x", "a/3@-1"] {
            assert_eq!(hint(text), None, "{text}");
        }
        assert_eq!(hint(&format!("a/3@{}", i64::MAX)), None);
        assert_eq!(read("***"), None);
    }
}
