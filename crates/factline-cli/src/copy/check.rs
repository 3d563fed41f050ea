//! Reads the copy back and compares it with the manifest.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use factline_kafka::tools::partition_scan::{Scanned, scan};

use super::digest::Digest;
use super::manifest::TopicCopy;
use super::placing::owned;
use super::transfer::Clients;
use crate::archive::Kind;
use crate::progress::Progress;

/// Checks that each partition of the copy has the records that the manifest counts. Blocks.
pub(super) fn check(clients: &Clients, copy: &TopicCopy) -> Result<()> {
    let topic = &copy.target.name;
    let ranges = clients.extents.of(topic)?;
    let mut found: BTreeMap<i32, (u64, Digest)> = BTreeMap::new();
    let mut progress = Progress::new(topic, 0);
    let (mut done, total) = (0, copy.records());
    scan(&clients.target, topic, &ranges, |scanned: &Scanned<'_>| {
        let record = owned(scanned)?;
        let (count, digest) = found.entry(record.partition).or_default();
        *count += 1;
        digest.add(&record, copy.kind != Kind::Commands);
        done += 1;
        progress.reach(done, total);
        Ok::<_, anyhow::Error>(())
    })?;
    for (partition, expected) in (0..).zip(&copy.target_partitions) {
        let (begin, end) = ranges.get(&partition).copied().unwrap_or_default();
        let (count, digest) = found.remove(&partition).unwrap_or_default();
        let is_whole = u64::try_from(end - begin) == Ok(count);
        if u64::try_from(end) == Ok(expected.records) && (begin > 0 || !is_whole) {
            // The retention of outcomes and the compaction of letters go on in the copy.
            eprintln!(
                "{topic}/{partition}: brokers have deleted records since they were copied, so its hash \
                 is not compared"
            );
            continue;
        }
        ensure!(
            count == expected.records && digest == expected.sha256,
            "{topic}/{partition} has {count} records with the hash {digest:?}, and the manifest has \
             {} with {:?}: delete the topics of the copy and the manifest, and begin again",
            expected.records,
            expected.sha256
        );
    }
    Ok(())
}
