//! The partition of a record in the copy, and its number there.

use anyhow::{Context as _, Result, ensure};
use factline_kafka::tools::partition_scan::Scanned;
use factline_kafka::topics::partition_of;
use factline_kafka::{Headers, Record};

use crate::archive::Kind;

/// Header with the number of an event within its partition.
const SEQUENCE: &str = "ce_partitionsequence";

/// Returns the partition of a record in the copy: that of its key. Records that are not on the
/// partition of their key, such as the outcome of a misplaced command, and dead letters, which have
/// other keys, keep the number of their partition.
///
/// `counts` are the numbers of partitions in the source and in the copy, which is a multiple. So a
/// partition of the copy has records of one source partition only.
pub(super) fn place(kind: Kind, key: Option<&[u8]>, from: i32, counts: (i32, i32)) -> i32 {
    match key {
        Some(key) if kind != Kind::DeadLetters && partition_of(key, counts.0) == from => {
            partition_of(key, counts.1)
        }
        _ => from,
    }
}

/// Returns a copy of a record with all of its headers.
///
/// # Errors
/// If the name of a header is not UTF-8, because the client cannot read it.
pub(super) fn owned(scanned: &Scanned<'_>) -> Result<Record> {
    let record = scanned.to_record();
    ensure!(
        scanned.each_header(|_, _| ()),
        "{} has a header whose name is not UTF-8, and cannot be copied",
        record.place()
    );
    Ok(record)
}

/// Checks the number of an event: that of its partition's first event is 1.
pub(super) fn check_sequence(record: &Record, expected: u64) -> Result<()> {
    let found = record.headers.last(SEQUENCE);
    let found = found.and_then(|text| std::str::from_utf8(text).ok());
    let number: Option<u64> = found.and_then(|text| text.parse().ok());
    ensure!(
        number == Some(expected),
        "{} has the partition sequence {}, expected {expected}: run `factline verify`",
        record.place(),
        found.unwrap_or("none")
    );
    Ok(())
}

/// Sets the number of an event within its partition of the copy.
pub(super) fn number(record: &mut Record, sequence: u64) -> Result<()> {
    let mut headers = Headers::with_capacity(record.headers.len());
    let mut is_set = false;
    for (name, value) in record.headers.iter() {
        if name == SEQUENCE {
            headers.push(name, sequence.to_string().as_bytes());
            is_set = true;
        } else {
            headers.push(name, value);
        }
    }
    is_set
        .then(|| record.headers = headers)
        .with_context(|| format!("{} has no partition sequence", record.place()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partition_of_the_copy_has_records_of_one_source_partition() {
        for number in 0..1000 {
            let key = format!("order-{number}");
            let key = key.as_bytes();
            let from = partition_of(key, 8);
            let to = place(Kind::Events, Some(key), from, (8, 64));
            assert_eq!(to, partition_of(key, 64));
            assert_eq!(to % 8, from);
            assert_eq!(place(Kind::DeadLetters, Some(key), from, (8, 64)), from);
            let misplaced = (from + 1) % 8;
            let to = place(Kind::Commands, Some(key), misplaced, (8, 64));
            assert_eq!(to, misplaced, "a misplaced command stays misplaced");
            assert_ne!(to, partition_of(key, 64));
        }
        assert_eq!(place(Kind::Outcomes, None, 3, (8, 64)), 3);
    }

    #[test]
    fn number_replaces_one_header() {
        let mut record = Record {
            topic: "a.events".to_owned(),
            partition: 3,
            offset: 9,
            timestamp: factline::Timestamp::default(),
            key: None,
            headers: [("ce_id", "1"), (SEQUENCE, "17"), ("ce_type", "a")]
                .into_iter()
                .collect(),
            value: None,
        };
        check_sequence(&record, 17).unwrap();
        let error = check_sequence(&record, 16).unwrap_err().to_string();
        assert!(
            error.contains("has the partition sequence 17, expected 16"),
            "{error}"
        );
        number(&mut record, 4).unwrap();
        let expected: Headers = [("ce_id", "1"), (SEQUENCE, "4"), ("ce_type", "a")]
            .into_iter()
            .collect();
        assert_eq!(record.headers, expected);
        record.headers.clear();
        assert!(number(&mut record, 1).is_err());
    }
}
