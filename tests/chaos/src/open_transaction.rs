//! A transaction of a foreign producer on a topic of the store. It stays open while partitions are
//! taken over, and is then aborted.
//!
//! No consumer may ever read its records. A handler that recovers a partition meanwhile must wait
//! for its end.

use std::time::Duration;

use anyhow::{Context as _, Result};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::cluster::Cluster;
use crate::schedule::Stream;
use harness::Log;

/// Timeout of requests to the broker, which may itself be under a fault.
const PATIENCE: Duration = Duration::from_secs(20);

/// Opens the transaction on every partition of the topic, and aborts it.
pub(super) async fn open(
    cluster: &Cluster,
    aggregate: &str,
    stream: Stream,
    lasts: Duration,
) -> Result<()> {
    let contract = contracts::ALL
        .iter()
        .find(|contract| contract.aggregate == aggregate);
    let contract = contract.with_context(|| format!("unknown aggregate {aggregate}"))?;
    let log = Log::of(&cluster.system, contract);
    let topic = match stream {
        Stream::Commands => log.topics.commands(),
        Stream::Events => log.topics.events(),
    }
    .to_owned();
    let mut config = log.kafka.client_config();
    // If the broker is unavailable and the abort fails, the broker aborts the transaction after
    // this timeout.
    let limit = (lasts + Duration::from_secs(5)).as_millis().to_string();
    config
        .set(
            "transactional.id",
            format!("open-transaction-{}", uuid::Uuid::new_v4()),
        )
        .set("transaction.timeout.ms", limit);
    let partitions = contract.partitions;
    let work = move || -> Result<()> {
        let producer: BaseProducer = config.create()?;
        let opened = begin(&producer, &topic, partitions);
        if opened.is_ok() {
            std::thread::sleep(lasts);
        }
        let aborted = producer.abort_transaction(PATIENCE);
        Ok(opened.and(aborted)?)
    };
    let ended = tokio::task::spawn_blocking(work).await?;
    if let Err(error) = ended {
        // The broker may be under a fault: then Kafka ends the transaction.
        println!("          foreign transaction ended early: {error:#}");
    }
    Ok(())
}

fn begin(producer: &BaseProducer, topic: &str, partitions: i32) -> rdkafka::error::KafkaResult<()> {
    producer.init_transactions(PATIENCE)?;
    producer.begin_transaction()?;
    for partition in 0..partitions {
        let record = BaseRecord::to(topic)
            .partition(partition)
            .key("foreign")
            .payload("never to be read");
        producer.send(record).map_err(|(error, _)| error)?;
    }
    producer.flush(PATIENCE)
}
