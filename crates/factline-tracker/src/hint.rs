//! The hint in the `Location` of a 202: the location of the command's record, opaque to clients.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::observation::RecordId;

/// Reads base64url of `topic/partition@offset`. Returns none for any other text.
pub fn read(text: &str) -> Option<RecordId> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let record_id = String::from_utf8(bytes).ok()?;
    let (rest, offset) = record_id.rsplit_once('@')?;
    let (topic, partition) = rest.rsplit_once('/')?;
    let offset: i64 = offset.parse().ok()?;
    // The offset after this one must still be a valid number.
    (0..i64::MAX).contains(&offset).then_some(RecordId {
        topic: topic.to_owned(),
        partition: partition.parse().ok()?,
        offset,
    })
}

/// Returns the text of a location, for [`read`].
pub fn write(record: &RecordId) -> String {
    let RecordId {
        topic,
        partition,
        offset,
    } = record;
    URL_SAFE_NO_PAD.encode(format!("{topic}/{partition}@{offset}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hint_reads_record_ids_and_refuses_other_text() {
        let hint = |text: &str| read(&URL_SAFE_NO_PAD.encode(text));
        let record_id = RecordId {
            topic: "a/b.commands".into(),
            partition: 3,
            offset: 17,
        };
        assert_eq!(hint("a/b.commands/3@17"), Some(record_id));
        for text in ["", "a", "a/3", "a@17", "a/x@17", "a/3@x", "a/3@-1"] {
            assert_eq!(hint(text), None, "{text}");
        }
        assert_eq!(hint(&format!("a/3@{}", i64::MAX)), None);
        assert_eq!(read("***"), None);
    }

    proptest! {
        #[test]
        fn every_hint_roundtrips(
            topic in "[a-zA-Z0-9._-]{1,40}",
            partition in 0..i32::MAX,
            offset in 0..i64::MAX,
        ) {
            let record = RecordId { topic, partition, offset };
            prop_assert_eq!(read(&write(&record)), Some(record));
        }

        #[test]
        fn any_text_is_refused_or_has_a_next_offset(text in prop_oneof![
            any::<String>(),
            any::<Vec<u8>>().prop_map(|bytes| URL_SAFE_NO_PAD.encode(bytes)),
            "[a/@0-9-]{0,40}".prop_map(|text| URL_SAFE_NO_PAD.encode(text)),
        ]) {
            if let Some(record_id) = read(&text) {
                prop_assert!(record_id.offset >= 0);
                prop_assert!(record_id.offset.checked_add(1).is_some());
            }
        }
    }
}
