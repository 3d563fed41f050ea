//! A transaction of somebody else on a topic of the store: it stays open while partitions are taken over, and is aborted.
//!
//! What it writes must never be read by anybody, and whoever restores a partition meanwhile must wait for its end.

use std::time::Duration;

use anyhow::{Context as _, Result};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::cluster::Cluster;
use crate::schedule::Stream;
use harness::Log;

/// How long the broker may take to answer. It may be struck itself.
const PATIENCE: Duration = Duration::from_secs(20);

/// Opens it on every partition of the topic, and aborts it.
pub(super) async fn open(
    cluster: &Cluster,
    aggregate: &str,
    stream: Stream,
    lasts: Duration,
) -> Result<()> {
    let contract = contracts::ALL
        .iter()
        .find(|contract| contract.aggregate == aggregate);
    let contract = contract.with_context(|| format!("no aggregate is called {aggregate}"))?;
    let log = Log::of(&cluster.system, contract);
    let topic = match stream {
        Stream::Commands => log.topics.commands(),
        Stream::Events => log.topics.events(),
    }
    .to_owned();
    let mut config = log.kafka.client_config();
    // If it cannot be aborted, since the broker is away, the broker does that itself.
    let limit = (lasts + Duration::from_secs(5)).as_millis().to_string();
    config
        .set(
            "transactional.id",
            format!("stranger-{}", uuid::Uuid::new_v4()),
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
        // The broker may have been struck: then Kafka ends the transaction.
        println!("          a stranger's transaction was cut short: {error:#}");
    }
    Ok(())
}

fn begin(producer: &BaseProducer, topic: &str, partitions: i32) -> rdkafka::error::KafkaResult<()> {
    producer.init_transactions(PATIENCE)?;
    producer.begin_transaction()?;
    for partition in 0..partitions {
        let record = BaseRecord::to(topic)
            .partition(partition)
            .key("stranger")
            .payload("never to be read");
        producer.send(record).map_err(|(error, _)| error)?;
    }
    producer.flush(PATIENCE)
}
