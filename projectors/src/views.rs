//! The list of views, and the follower of each.

use std::future::Future;
use std::pin::Pin;

use factline::{AggregateType as _, Contract};
use factline_kafka::{KafkaConfig, Registry};
use factline_postgres::{Follower, FollowerId, TopicKind, View, ViewSink};
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
    /// The migrations of its tables.
    pub migrations: &'static Migrator,
    contract: &'static Contract,
    run: fn(Follower, Dependencies) -> Running,
}

/// The dependencies of a view's follower.
pub struct Dependencies {
    /// Options of the Kafka client.
    pub kafka: KafkaConfig,
    /// The schema registry.
    pub registry: Registry,
    /// Connections to the database, as the role that owns the views.
    pub pool: PgPool,
    /// Receives the readiness of the follower.
    pub report: Box<dyn Fn(Result<(), String>) + Send>,
    /// Stops the follower.
    pub shutdown: CancellationToken,
}

type Running = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

impl Entry {
    /// Creates the entry of a view, in the schema that its migrations fill.
    pub(crate) const fn of<V: View>(schema: &'static str, migrations: &'static Migrator) -> Self {
        Self {
            name: V::NAME,
            version: V::VERSION,
            schema,
            migrations,
            contract: V::Source::CONTRACT,
            run: run::<V>,
        }
    }

    /// Follows the view's topic until shutdown.
    pub fn run(&self, dependencies: Dependencies) -> Running {
        let kafka = &dependencies.kafka;
        let prefix = &kafka.topic_prefix;
        let follower = Follower {
            owner: FollowerId {
                schema: CHECKPOINTS,
                view: self.name.to_owned(),
                version: self.version,
            },
            group: format!("{prefix}projector.{}.v{}", self.name, self.version),
            topics: vec![(
                kafka.topics(self.contract).events().to_owned(),
                TopicKind::Events,
            )],
        };
        (self.run)(follower, dependencies)
    }
}

fn run<V: View>(follower: Follower, with: Dependencies) -> Running {
    Box::pin(async move {
        let sink = ViewSink::<V>::new(with.registry);
        Ok(follower
            .run(sink, with.kafka, with.pool, with.report, with.shutdown)
            .await?)
    })
}
