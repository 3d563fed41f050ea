//! The options that select records of a topic.

use anyhow::Result;
use clap::Args;
use factline::Timestamp;
use factline_kafka::tools::topic_reader::{Range, Reader, partitions};
use factline_kafka::topics::partition_of;
use factline_kafka::{KafkaConfig, Record};

use crate::arguments::instant;

/// A selection of records.
#[derive(Debug, Clone, Args)]
pub(crate) struct Selection {
    /// Only records of one aggregate
    #[arg(long, value_name = "ID")]
    key: Option<String>,
    /// Only records since this time: an instant, a day, or an age such as 90s, 15m, 2h, 7d
    #[arg(long, value_name = "T", value_parser = instant)]
    since: Option<Timestamp>,
    /// Only records until this time
    #[arg(long, value_name = "T", value_parser = instant)]
    until: Option<Timestamp>,
}

impl Selection {
    /// Returns the partition of the selected records; none if all partitions may have some. Blocks.
    pub(crate) fn partition(&self, kafka: &KafkaConfig, topic: &str) -> Result<Option<i32>> {
        match &self.key {
            Some(key) => {
                let partition = partition_of(key.as_bytes(), partitions(kafka, topic)?);
                Ok(Some(partition))
            }
            None => Ok(None),
        }
    }

    /// Opens a reader of a partition, or of all. Blocks.
    pub(crate) fn open(
        &self,
        kafka: &KafkaConfig,
        topic: &str,
        partition: Option<i32>,
        follow: bool,
    ) -> Result<Reader> {
        let range = Range {
            partition,
            from: None,
            since: self.since,
            until: self.until,
            follow,
        };
        Ok(Reader::open(kafka, topic, &range)?)
    }

    /// Returns whether a record of the range is selected.
    pub(crate) fn has(&self, record: &Record) -> bool {
        match &self.key {
            Some(key) => record.key.as_deref() == Some(key.as_bytes()),
            None => true,
        }
    }
}
