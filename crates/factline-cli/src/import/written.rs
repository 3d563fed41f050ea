//! The events that an earlier run has written, which must be those of the file.

use std::collections::{HashMap, VecDeque};

use anyhow::{Result, bail, ensure};
use factline_kafka::tools::partition_scan::{Extents, Scanned, scan};
use factline_kafka::{KafkaConfig, Record};

/// The ids of the events of each partition that the file has not come to.
pub(super) struct Written {
    topic: String,
    ids: HashMap<i32, VecDeque<Vec<u8>>>,
}

impl Written {
    /// Reads the topic. Blocks.
    pub(super) fn read(kafka: &KafkaConfig, extents: &Extents, topic: &str) -> Result<Self> {
        let ranges = extents.of(topic)?;
        let mut ids: HashMap<i32, VecDeque<Vec<u8>>> = HashMap::new();
        scan(kafka, topic, &ranges, |scanned: &Scanned<'_>| {
            let record = scanned.to_record();
            let id = record.headers.last("ce_id").unwrap_or_default().to_vec();
            ids.entry(record.partition).or_default().push_back(id);
            Ok::<_, anyhow::Error>(())
        })?;
        Ok(Self {
            topic: topic.to_owned(),
            ids,
        })
    }

    /// Returns whether the topic has this event.
    ///
    /// # Errors
    /// If the topic has another one in its place.
    pub(super) fn is_next(&mut self, event: &Record) -> Result<bool> {
        let known = self.ids.get_mut(&event.partition);
        let Some(known) = known.and_then(VecDeque::pop_front) else {
            return Ok(false);
        };
        if event.headers.last("ce_id") != Some(&known) {
            bail!(
                "{} is another event, {}: the topic has events that are not in the file",
                event.place(),
                String::from_utf8_lossy(&known)
            );
        }
        Ok(true)
    }

    /// Checks that the file has all events of the topic.
    pub(super) fn check_all(&self) -> Result<()> {
        let more: usize = self.ids.values().map(VecDeque::len).sum();
        ensure!(
            more == 0,
            "topic {} has {more} events that are not in the file",
            self.topic
        );
        Ok(())
    }
}
