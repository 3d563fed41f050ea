//! A shop whose sales are on a topic, and followers of its views.

use std::collections::BTreeMap;

use factline::AggregateType as _;
use factline_kafka::topics::partition_of;
use factline_kafka::topics::provision::provision;
use factline_kafka::{KafkaConfig, Record, Registry};
use factline_postgres::follow::Error;
use factline_postgres::{Following, HostedView};
use factline_testkit::{Reports, eventually, kafka_config, servers};
use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::sales::{SaleType, Till};
use crate::stage::{registry, rows};

/// Followers of views in this process.
pub(crate) struct Running {
    pub(crate) reports: Reports,
    shutdown: CancellationToken,
    tasks: Vec<JoinHandle<Result<(), Error>>>,
}

impl Running {
    pub(crate) fn start(kafka: &KafkaConfig, pool: &PgPool, views: &'static [HostedView]) -> Self {
        let (reports, shutdown) = (Reports::default(), CancellationToken::new());
        let start = |view: &'static HostedView| {
            let report = reports.report();
            let with = Following {
                kafka: kafka.clone(),
                registry: Registry::new(&kafka.registry_url),
                pool: pool.clone(),
                report: Box::new(move |state| report(view.name, state)),
                shutdown: shutdown.clone(),
            };
            tokio::spawn(view.run(with))
        };
        let tasks = views.iter().map(start).collect();
        Self {
            reports,
            shutdown,
            tasks,
        }
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        for task in self.tasks {
            task.await.unwrap().unwrap();
        }
    }
}

/// Sales of a few customers, in the partitions of their names.
pub(crate) struct Shop {
    pub(crate) kafka: KafkaConfig,
    till: Till,
    pub(crate) sequences: BTreeMap<i32, u64>,
}

impl Shop {
    pub(crate) async fn open(name: &str) -> Self {
        let kafka = kafka_config(servers().await, name);
        provision(&kafka, SaleType::CONTRACT, None).await.unwrap();
        let topic = kafka.topics(SaleType::CONTRACT).events().to_owned();
        let till = Till::open(&registry().await, &topic).await;
        Self {
            kafka,
            till,
            sequences: BTreeMap::new(),
        }
    }

    /// Returns the same shop for another task. Only one of them may sell from then on.
    pub(crate) async fn beside(other: &Self) -> Self {
        let topic = other.kafka.topics(SaleType::CONTRACT).events().to_owned();
        Self {
            kafka: other.kafka.clone(),
            till: Till::open(&registry().await, &topic).await,
            sequences: other.sequences.clone(),
        }
    }

    fn sale(&mut self, customer: &str, amount: i64) -> Record {
        let partition = partition_of(customer.as_bytes(), SaleType::PARTITIONS);
        let sequence = self.sequences.entry(partition).or_default();
        *sequence += 1;
        let mut record = self.till.sold(partition, *sequence, customer, amount);
        record.key = Some(customer.as_bytes().to_vec());
        record
    }

    pub(crate) async fn sell(&mut self, sales: &[(String, i64)]) {
        let records = sales
            .iter()
            .map(|(customer, amount)| self.sale(customer, *amount));
        let records = records.collect();
        Till::append(&self.kafka, records).await;
    }

    /// Waits until a view has read all sales.
    pub(crate) async fn until_read(&self, pool: &PgPool, view: &str) {
        let all: u64 = self.sequences.values().sum();
        let query =
            format!("select coalesce(sum(sequence), 0)::text as all from read.{view}_checkpoint");
        eventually("all sales are read", async || {
            rows(pool, &query).await == [format!(r#"{{"all": "{all}"}}"#)]
        })
        .await;
    }
}
