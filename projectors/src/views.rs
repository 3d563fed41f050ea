//! The list of views, and how each is followed.

use std::future::Future;
use std::pin::Pin;

use factline::Contract;
use factline_kafka::{KafkaConfig, Registry};
use factline_postgres::{Contents, Follower, Owner, View, ViewSink};
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use tokio_util::sync::CancellationToken;

/// Schema of this process's checkpoints.
pub const CHECKPOINTS: &str = "factline";

/// Every view of this process.
pub static ALL: &[Entry] = &[
    crate::checkout::checkouts::VIEW,
    crate::ordering::customer_spending::VIEW,
    crate::ordering::orders::VIEW,
    crate::payment::payments::VIEW,
    crate::catalog::price_history::VIEW,
    crate::catalog::products::VIEW,
];

/// A view as the process sees it.
#[derive(Debug)]
pub struct Entry {
    /// Stable name.
    pub name: &'static str,
    /// Its version.
    pub version: i32,
    /// Schema of its tables: `<name>_v<version>`.
    pub schema: &'static str,
    /// What makes them.
    pub migrations: &'static Migrator,
    contract: &'static Contract,
    run: fn(Follower, Surroundings) -> Running,
}

/// What following a view needs.
pub struct Surroundings {
    /// Kafka.
    pub kafka: KafkaConfig,
    /// Schemas by id.
    pub registry: Registry,
    /// The database, as the role that owns the views.
    pub pool: PgPool,
    /// Hears about readiness.
    pub report: Box<dyn Fn(Result<(), String>) + Send>,
    /// Ends it.
    pub shutdown: CancellationToken,
}

type Running = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

impl Entry {
    /// The view of a contract's events, in the schema that its migrations fill.
    pub(crate) const fn of<V: View>(
        contract: &'static Contract,
        schema: &'static str,
        migrations: &'static Migrator,
    ) -> Self {
        Self {
            name: V::NAME,
            version: V::VERSION,
            schema,
            migrations,
            contract,
            run: run::<V>,
        }
    }

    /// Follows the view's topic until told to end.
    pub fn run(&self, surroundings: Surroundings) -> Running {
        let kafka = &surroundings.kafka;
        let prefix = &kafka.topic_prefix;
        let follower = Follower {
            owner: Owner {
                schema: CHECKPOINTS,
                view: self.name.to_owned(),
                version: self.version,
            },
            group: format!("{prefix}projector.{}.v{}", self.name, self.version),
            topics: vec![(
                kafka.topics(self.contract).events().to_owned(),
                Contents::Events,
            )],
        };
        (self.run)(follower, surroundings)
    }
}

fn run<V: View>(follower: Follower, with: Surroundings) -> Running {
    Box::pin(async move {
        let sink = ViewSink::<V>::new(with.registry);
        Ok(follower
            .run(sink, with.kafka, with.pool, with.report, with.shutdown)
            .await?)
    })
}
