//! The application: the parts that it runs, and the order in which they start.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use axum::Router;
use clap::CommandFactory as _;
use factline::{Aggregate, AggregateType as _, CommandOf, Contract, Policy};
use factline_edge::waiting::Operations;
use factline_handler::HostedAggregate;
use factline_http::fallback;
use factline_http::openapi::{self, serving};
use factline_kafka::KafkaConfig;
use factline_policy::HostedPolicy;
use factline_postgres::{Document, HostedView, PostgresConfig, process, view::document};
use factline_read::Resource;
use factline_service::{Service, ServiceConfig, parts};
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use crate::sender::{Error, Sender};

/// Options of the process.
#[derive(Debug, Clone, clap::Parser)]
#[command(after_help = EXAMPLE)]
struct Config {
    #[command(flatten)]
    service: ServiceConfig,
    #[command(flatten)]
    kafka: KafkaConfig,
    #[command(flatten)]
    postgres: PostgresConfig,
    #[command(flatten)]
    handler: factline_handler::Options,
    #[command(flatten)]
    edge: factline_edge::Options,
    #[command(flatten)]
    tracker: factline_tracker::Options,
    #[command(flatten)]
    read: factline_read::Options,
}

const EXAMPLE: &str = "\
Example:
  app --listen 127.0.0.1:8080 --kafka-brokers 127.0.0.1:19092 \\
    --registry-url http://127.0.0.1:18081/apis/ccompat/v7 \\
    --database-url postgres://factline@127.0.0.1:15432/factline";

/// First argument of a process that runs the tool.
#[cfg(feature = "tool")]
const TOOL: &str = "tool";

/// An application: each part that is added to it is hosted when it runs.
pub struct App {
    name: &'static str,
    aggregates: Vec<HostedAggregate>,
    policies: Vec<HostedPolicy>,
    views: Vec<HostedView>,
    resources: &'static [Resource],
    routes: Option<Routes>,
}

type Routes = Box<dyn FnOnce(Handles) -> Router + Send>;

/// The handles that an application's own routes need. Cheap to clone.
#[derive(Clone)]
pub struct Handles {
    senders: Arc<HashMap<&'static str, Sender>>,
    /// The database, for queries by hand.
    pub pool: PgPool,
}

impl App {
    /// Creates an application that hosts nothing yet. The name appears in its logs and metrics.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            aggregates: Vec::new(),
            policies: Vec::new(),
            views: Vec::new(),
            resources: &[],
            routes: None,
        }
    }

    /// Handles the commands of an aggregate, and accepts them at the routes of its contract.
    #[must_use]
    pub fn aggregate<A: Aggregate>(mut self) -> Self {
        self.aggregates.push(HostedAggregate::of::<A>());
        self
    }

    /// Sends the commands that follow from an aggregate's facts.
    #[must_use]
    pub fn policy<P: Policy>(mut self) -> Self {
        self.policies.push(HostedPolicy::of::<P>());
        self
    }

    /// Keeps a document for each aggregate of the document's source.
    #[must_use]
    pub fn documents<D: Document>(self) -> Self {
        self.view(HostedView::document::<D>())
    }

    /// Maintains a view.
    #[must_use]
    pub fn view(mut self, view: HostedView) -> Self {
        self.views.push(view);
        self
    }

    /// Serves these resources from the views.
    #[must_use]
    pub fn resources(self, resources: &'static [Resource]) -> Self {
        Self { resources, ..self }
    }

    /// Serves routes of the application's own, beside those of contracts and resources.
    #[must_use]
    pub fn routes(self, routes: impl FnOnce(Handles) -> Router + Send + 'static) -> Self {
        Self {
            routes: Some(Box::new(routes)),
            ..self
        }
    }

    /// Runs the process.
    ///
    /// With the feature `tool`, a process whose first argument is `tool` runs `factline` with its
    /// aggregates and views instead: `app tool rebuild VIEW --dry-run`.
    pub fn run(self) -> ExitCode {
        #[cfg(feature = "tool")]
        if std::env::args_os()
            .nth(1)
            .is_some_and(|first| first == TOOL)
        {
            return factline_cli::main_after(&[TOOL], self.aggregates, &self.views);
        }
        factline_service::main_with::<Config, _, _>(
            Config::command().name(self.name),
            self.name,
            |config: &Config| &config.service,
            |config, service| self.host(config, service),
        )
    }

    async fn host(self, config: Config, service: Service) -> anyhow::Result<()> {
        self.check()?;
        let pool = config.postgres.pool(self.name);
        self.provision(&config.kafka, &pool).await?;
        let contracts = self.contracts();
        let kafka = &config.kafka;

        let edge = factline_edge::start(&contracts, kafka, &config.edge, &service)?;
        let answers = factline_tracker::start(
            &contracts,
            kafka,
            &config.postgres,
            &config.tracker,
            &service,
        )?;
        let operations = factline_tracker::http::routes(answers.clone());
        let shutdown = service.shutdown.clone();
        edge.operations
            .get_or_init(|| Operations::here(operations, shutdown));
        let reads = factline_read::start(self.resources, &config.postgres, &config.read, &service);
        let mut router = factline_edge::edge::routes(&edge)
            .merge(factline_tracker::http::routes(answers))
            .merge(factline_read::routes(self.resources, reads)?)
            .merge(serving::router(self.openapi(&contracts)?));
        self.spawn(&config, &service);
        if let Some(routes) = self.routes {
            let senders = senders(self.name, kafka, &contracts).await?;
            let senders = Arc::new(senders);
            router = merged(router, routes(Handles { senders, pool }))?;
        }
        let router = router
            .fallback(fallback::not_found)
            .method_not_allowed_fallback(fallback::method_not_allowed);
        service.serve(router).await?;
        factline_edge::flush(edge).await
    }

    /// Checks that no part is added twice.
    fn check(&self) -> Result<(), parts::NameTaken> {
        factline_handler::process::check(&self.aggregates)?;
        factline_policy::process::check(&self.policies)?;
        process::check(&self.views)
    }

    /// Creates the topics, schemas, first offsets and tables that do not exist yet.
    async fn provision(&self, kafka: &KafkaConfig, pool: &PgPool) -> anyhow::Result<()> {
        for aggregate in &self.aggregates {
            factline_handler::process::provision(kafka, aggregate, None).await?;
        }
        for policy in &self.policies {
            factline_policy::process::provision(kafka, policy).await?;
        }
        factline_tracker::migrate(pool).await?;
        process::migrate(pool, &self.views).await
    }

    /// Starts the hosts. Each ends when the process drains.
    fn spawn(&self, config: &Config, service: &Service) {
        let report: factline_handler::Report = Arc::new(service.health.report());
        for aggregate in &self.aggregates {
            let options = &config.handler;
            factline_handler::process::spawn(*aggregate, &config.kafka, options, &report, service);
        }
        for policy in &self.policies {
            factline_policy::process::spawn(*policy, &config.kafka, &report, service);
        }
        process::spawn(&self.views, &config.kafka, &config.postgres, service);
    }

    /// Describes the routes of contracts and resources.
    fn openapi(&self, contracts: &[&'static Contract]) -> anyhow::Result<Value> {
        let documents = [
            factline_edge::openapi::document(contracts)?,
            factline_tracker::openapi::document(),
            factline_read::openapi(self.resources)?,
        ];
        openapi::merge(self.name, documents).context("cannot describe the routes")
    }

    fn contracts(&self) -> Vec<&'static Contract> {
        let hosted = self.aggregates.iter();
        hosted.map(|aggregate| aggregate.contract).collect()
    }
}

/// Adds an application's own routes to those of its contracts and resources.
fn merged(router: Router, own: Router) -> anyhow::Result<Router> {
    // The router panics at a route that exists, and cannot be asked before.
    let merged = catch_unwind(AssertUnwindSafe(|| router.merge(own)));
    merged.map_err(|panic| {
        let reason = panic.downcast_ref::<String>().map_or("", String::as_str);
        anyhow!(
            "a route of the application exists already, change its path or its method: {reason}"
        )
    })
}

/// Creates a sender for each aggregate.
async fn senders(
    name: &str,
    kafka: &KafkaConfig,
    contracts: &[&'static Contract],
) -> anyhow::Result<HashMap<&'static str, Sender>> {
    let source = format!("/{name}");
    let mut senders = HashMap::new();
    for contract in contracts {
        let sender = Sender::new(kafka, contract, &source)
            .await
            .with_context(|| format!("cannot send commands to {}", contract.aggregate))?;
        senders.insert(contract.aggregate, sender);
    }
    Ok(senders)
}

impl Handles {
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

#[cfg(test)]
mod tests {
    use axum::routing::{get, put};

    use super::*;

    async fn page() {}

    #[test]
    fn own_route_that_exists_is_named() {
        let router = Router::new().route("/courses/{id}", get(page));
        let own = Router::new().route("/courses/{id}", put(page));
        assert!(merged(router.clone(), own).is_ok());
        let own = Router::new().route("/courses/{id}", get(page));
        let error = merged(router, own).unwrap_err().to_string();
        assert_eq!(
            error,
            "a route of the application exists already, change its path or its method: \
             Overlapping method route. Handler for `GET /courses/{id}` already exists"
        );
    }

    /// The options come from several crates.
    #[test]
    fn options_do_not_collide() {
        Config::command().debug_assert();
    }
}
