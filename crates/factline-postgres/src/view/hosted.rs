//! A view as data, for processes that host a list of views.

use std::future::Future;
use std::pin::Pin;

use factline::{AggregateType as _, Contract};
use factline_kafka::{KafkaConfig, Registry};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::checkpoint::FollowerId;
use crate::follow::{self, Follower};
use crate::partition::TopicKind;

use super::additive::{self, AdditiveSink, AdditiveView};
use super::document::{Document, DocumentView, Documents, StoredDocuments};
use super::folded::{self, Migrations, View};
use super::migrate::{self, CHECKPOINTS};
use super::name::ViewName;
use super::table::Table;
use super::view_sink::ViewSink;

/// A view, with its functions.
#[derive(Debug, Clone, Copy)]
pub struct HostedView {
    /// Stable name.
    pub name: &'static str,
    /// Version.
    pub version: i32,
    contract: &'static Contract,
    table: fn() -> Table,
    migrations: Migrations,
    run: fn(Follower, Following) -> Running,
}

/// The dependencies of a view's follower.
pub struct Following {
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

type Running = Pin<Box<dyn Future<Output = Result<(), follow::Error>> + Send>>;

impl HostedView {
    /// Returns the entry of a view whose rows are folded.
    pub const fn of<V: View>() -> Self {
        let ViewName { name, version } = folded::name::<V>();
        Self {
            name,
            version,
            contract: V::Source::CONTRACT,
            table: folded::table::<V>,
            migrations: V::MIGRATIONS,
            run: |follower, with| {
                let sink = ViewSink::<V>::new(with.registry);
                Box::pin(follower.run(sink, with.kafka, with.pool, with.report, with.shutdown))
            },
        }
    }

    /// Returns the entry of a view whose rows are sums.
    pub const fn additive<V: AdditiveView>() -> Self {
        let ViewName { name, version } = additive::name::<V>();
        Self {
            name,
            version,
            contract: V::Source::CONTRACT,
            table: additive::table::<V>,
            migrations: V::MIGRATIONS,
            run: |follower, with| {
                let sink = AdditiveSink::<V>::new(with.registry);
                Box::pin(follower.run(sink, with.kafka, with.pool, with.report, with.shutdown))
            },
        }
    }

    /// Returns the entry of a document for each aggregate.
    pub const fn document<D: Document>() -> Self {
        Self::documents::<Documents<D>>()
    }

    /// Returns the entry of a view whose rows are documents.
    pub const fn documents<V: DocumentView>() -> Self {
        Self::of::<StoredDocuments<V>>()
    }

    /// Returns its name and version, from which the names of its relations derive.
    pub const fn view_name(&self) -> ViewName {
        ViewName {
            name: self.name,
            version: self.version,
        }
    }

    /// Follows the events of the view's source until shutdown.
    pub async fn run(&self, with: Following) -> Result<(), follow::Error> {
        let prefix = &with.kafka.topic_prefix;
        let follower = Follower {
            owner: FollowerId {
                schema: CHECKPOINTS,
                view: self.name.to_owned(),
                version: self.version,
            },
            group: format!("{prefix}projector.{}.v{}", self.name, self.version),
            topics: vec![(
                with.kafka.topics(self.contract).events().to_owned(),
                TopicKind::Events,
            )],
        };
        (self.run)(follower, with).await
    }

    /// Makes or updates the view's tables, checks them, and moves the stable names to this version.
    /// The tables of other versions are not changed. The checkpoints' table must exist, see
    /// [`crate::process::migrate`].
    pub async fn migrate(&self, pool: &PgPool) -> Result<(), migrate::Error> {
        migrate::migrate(
            pool,
            self.view_name(),
            &(self.table)(),
            &(self.migrations)(),
        )
        .await
    }
}
