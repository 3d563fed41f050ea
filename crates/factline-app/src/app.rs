//! The process: its hosts and the context of its routes.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use factline::{Aggregate, AggregateType as _, CommandOf, Contract};
use factline_kafka::{KafkaConfig, Registry, topics::provision};
use factline_postgres::{Follower, FollowerId, PostgresConfig, TopicKind, ViewSink, migration};
use factline_service::{Service, ServiceConfig};
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use uuid::Uuid;

use crate::document::{self, Document, Documents};
use crate::sender::{Error, Sender};

/// Schema of the checkpoints.
const CHECKPOINTS: &str = "factline";
/// Schema of the documents.
const DOCUMENTS: &str = "documents";
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Options of the process.
#[derive(Debug, Clone, clap::Parser)]
struct Config {
    #[command(flatten)]
    service: ServiceConfig,
    #[command(flatten)]
    kafka: KafkaConfig,
    #[command(flatten)]
    handler: factline_handler::Options,
    #[command(flatten)]
    postgres: PostgresConfig,
}

/// An application: each part that is added to it is hosted when it runs.
pub struct App {
    name: &'static str,
    aggregates: Vec<&'static Contract>,
    parts: Vec<(&'static str, Part)>,
}

/// A part that runs until the process drains.
type Part = fn(&Config, &PgPool, &Service) -> Running;
type Running = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

/// The handles that routes need. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    senders: Arc<HashMap<&'static str, Sender>>,
    /// The database, for views with tables of their own.
    pub pool: PgPool,
}

impl App {
    /// Creates an application that hosts nothing yet. The name appears in its logs and metrics.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            aggregates: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// Handles the commands of an aggregate.
    #[must_use]
    pub fn aggregate<A: Aggregate>(mut self) -> Self {
        self.aggregates.push(A::Type::CONTRACT);
        self.parts.push((A::Type::NAME, handle::<A>));
        self
    }

    /// Keeps a document for each aggregate of the document's source.
    #[must_use]
    pub fn documents<D: Document>(mut self) -> Self {
        self.parts.push((D::NAME, follow::<D>));
        self
    }

    /// Runs the process; `routes` creates the routes that it serves.
    pub fn run(self, routes: impl FnOnce(Context) -> Router) -> ExitCode {
        factline_service::main::<Config, _, _>(
            self.name,
            |config: &Config| &config.service,
            |config, service| self.host(config, service, routes),
        )
    }

    async fn host(
        self,
        config: Config,
        service: Service,
        routes: impl FnOnce(Context) -> Router,
    ) -> anyhow::Result<()> {
        let pool = config.postgres.pool(self.name);
        migration::checkpoints(&pool, CHECKPOINTS)
            .await
            .context("cannot create the checkpoint tables")?;
        migration::run(&pool, DOCUMENTS, "migrations", &MIGRATIONS)
            .await
            .context("cannot create the document tables")?;
        let mut senders = HashMap::new();
        for contract in self.aggregates {
            provision::provision(&config.kafka, contract, None).await?;
            let source = format!("/{}", self.name);
            let sender = Sender::new(&config.kafka, contract, &source).await?;
            senders.insert(contract.aggregate, sender);
        }
        for (name, part) in self.parts {
            service.health.expect(name);
            let running = part(&config, &pool, &service);
            service.spawn(name, running);
        }
        let senders = Arc::new(senders);
        service.serve(routes(Context { senders, pool })).await
    }
}

fn handle<A: Aggregate>(config: &Config, _: &PgPool, service: &Service) -> Running {
    let health = service.health.clone();
    let running = factline_handler::run::<A>(
        config.kafka.clone(),
        config.handler.clone(),
        // One component for each aggregate, under the aggregate's name and not the worker's.
        Arc::new(move |_, state| health.set(A::Type::NAME, state)),
        service.shutdown.clone(),
    );
    Box::pin(async { Ok(running.await?) })
}

fn follow<D: Document>(config: &Config, pool: &PgPool, service: &Service) -> Running {
    let kafka = config.kafka.clone();
    let prefix = &kafka.topic_prefix;
    let follower = Follower {
        owner: FollowerId {
            schema: CHECKPOINTS,
            view: D::NAME.to_owned(),
            version: D::VERSION,
        },
        group: format!("{prefix}projector.{}.v{}", D::NAME, D::VERSION),
        topics: vec![(
            kafka.topics(D::Source::CONTRACT).events().to_owned(),
            TopicKind::Events,
        )],
    };
    let sink = ViewSink::<Documents<D>>::new(Registry::new(&kafka.registry_url));
    let health = service.health.clone();
    let report = move |state| health.set(D::NAME, state);
    let running = follower.run(sink, kafka, pool.clone(), report, service.shutdown.clone());
    Box::pin(async { Ok(running.await?) })
}

impl Context {
    /// Sends a command to the aggregate of this id. Returns its operation once all in-sync replicas
    /// have it.
    ///
    /// # Errors
    ///
    /// If the command was not acknowledged: then it may or may not be in the log.
    pub async fn send<A: Aggregate>(
        &self,
        id: &str,
        command: impl Into<CommandOf<A::Type>>,
    ) -> Result<Uuid, Error> {
        let aggregate = A::Type::NAME;
        let sender = self.senders.get(aggregate);
        let sender = sender.ok_or(Error::NotHosted { aggregate })?;
        sender.send(id, &command.into()).await
    }

    /// Returns the document of an aggregate, if it has one.
    pub async fn document<D: Document>(&self, id: &str) -> Result<Option<D>, sqlx::Error> {
        document::find(&self.pool, id).await
    }
}
