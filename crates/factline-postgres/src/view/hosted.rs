//! A view as data, for processes that host a list of views.

use std::future::Future;
use std::pin::Pin;

use factline::{AggregateType as _, Contract};
use factline_kafka::{KafkaConfig, Record, Registry};
use sqlx::migrate::Migrator;
use sqlx::{PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use crate::checkpoint::FollowerId;
use crate::follow::{self, Follower};
use crate::history::{Trace, TracedRows, TracedSums};
use crate::partition::TopicKind;
use crate::rebuild::fold::{Fold, FoldedRows, KeyRange, Sums};
use crate::rebuild::show::show_when_level;
use crate::sink::{PoisonPolicy, Sink, SinkError};

use super::additive::{self, AdditiveSink, AdditiveView};
use super::document::{Document, DocumentView, Documents, StoredDocuments};
use super::folded::{self, Migrations, View};
use super::migrate;
use super::name::{TableCopy, ViewName};
use super::table::Table;
use super::view_sink::ViewSink;

/// A view, with its functions.
#[derive(Debug, Clone, Copy)]
pub struct HostedView {
    /// Stable name.
    pub name: &'static str,
    /// Version.
    pub version: i32,
    /// Contract of the aggregate whose events it folds.
    pub contract: &'static Contract,
    table: fn() -> Table,
    migrations: Migrations,
    policy: PoisonPolicy,
    fold: fn(KeyRange) -> Box<dyn Fold>,
    trace: fn() -> Box<dyn Trace>,
    writer: fn(Registry, &Table) -> Box<dyn Writer>,
    additive: bool,
    run: fn(Follower, Following, Option<Table>) -> Running,
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

type Writing<'w> = Pin<Box<dyn Future<Output = Result<(), SinkError>> + 'w>>;

/// Writes records into a copy of a view's table.
pub(crate) trait Writer: Send {
    fn write<'w>(
        &'w mut self,
        transaction: &'w mut PgConnection,
        records: &'w [Record],
    ) -> Writing<'w>;
}

impl<V: View> Writer for ViewSink<V> {
    fn write<'w>(
        &'w mut self,
        transaction: &'w mut PgConnection,
        records: &'w [Record],
    ) -> Writing<'w> {
        Box::pin(Sink::write(self, transaction, records))
    }
}

impl<V: AdditiveView> Writer for AdditiveSink<V> {
    fn write<'w>(
        &'w mut self,
        transaction: &'w mut PgConnection,
        records: &'w [Record],
    ) -> Writing<'w> {
        Box::pin(Sink::write(self, transaction, records))
    }
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
            policy: V::POISON,
            fold: FoldedRows::<V>::boxed,
            trace: TracedRows::<V>::boxed,
            writer: |registry, table| Box::new(ViewSink::<V>::new(registry).into_copy(table)),
            additive: false,
            run: |follower, with, copy| {
                let mut sink = ViewSink::<V>::new(with.registry);
                if let Some(table) = copy {
                    sink = sink.into_copy(&table);
                }
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
            policy: V::POISON,
            fold: Sums::<V>::boxed,
            trace: TracedSums::<V>::boxed,
            writer: |registry, table| Box::new(AdditiveSink::<V>::new(registry).into_copy(table)),
            additive: true,
            run: |follower, with, copy| {
                let mut sink = AdditiveSink::<V>::new(with.registry);
                if let Some(table) = copy {
                    sink = sink.into_copy(&table);
                }
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
        let view = self.view_name();
        let follower = self.follower(&with.kafka, view.owner(), "");
        let shown = with.shutdown.child_token();
        tokio::spawn(show_when_level(with.pool.clone(), view, shown.clone()));
        let ended = (self.run)(follower, with, None).await;
        shown.cancel();
        ended
    }

    /// Follows the events in a copy of the view's table until shutdown.
    pub(crate) async fn run_copy(
        &self,
        with: Following,
        copy: TableCopy,
    ) -> Result<(), follow::Error> {
        let view = self.view_name();
        let follower = self.follower(&with.kafka, view.copy_owner(copy), ".rebuild");
        (self.run)(follower, with, Some(self.copy_table(copy))).await
    }

    fn follower(&self, kafka: &KafkaConfig, owner: FollowerId, suffix: &str) -> Follower {
        let prefix = &kafka.topic_prefix;
        Follower {
            owner,
            group: format!("{prefix}projector.{}.v{}{suffix}", self.name, self.version),
            topics: vec![(self.topic(kafka), TopicKind::Events)],
        }
    }

    /// Returns the topic with the view's events.
    pub(crate) fn topic(&self, kafka: &KafkaConfig) -> String {
        kafka.topics(self.contract).events().to_owned()
    }

    pub(crate) fn copy_table(&self, copy: TableCopy) -> Table {
        (self.table)().of_relation(self.view_name().copy_relation(copy))
    }

    pub(crate) fn table(&self) -> Table {
        (self.table)()
    }

    /// Returns a writer into a copy of the view's table.
    pub(crate) fn writer(&self, registry: Registry, table: &Table) -> Box<dyn Writer> {
        (self.writer)(registry, table)
    }

    pub(crate) fn trace(&self) -> fn() -> Box<dyn Trace> {
        self.trace
    }

    pub(crate) fn fold(&self) -> fn(KeyRange) -> Box<dyn Fold> {
        self.fold
    }

    /// Returns whether its rows are sums over events.
    pub const fn has_sums(&self) -> bool {
        self.additive
    }

    pub(crate) fn policy(&self) -> PoisonPolicy {
        self.policy
    }

    pub(crate) fn migrations(&self) -> Migrator {
        (self.migrations)()
    }

    /// Makes or updates the view's tables and checks them. Moves the stable names to this version
    /// if they show no other. The tables of other versions are not changed. The checkpoints' table
    /// must exist, see [`crate::process::migrate`].
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
