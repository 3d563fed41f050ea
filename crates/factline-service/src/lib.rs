//! Common parts of every process: configuration from flags and environment, logs, metrics, health,
//! and a shutdown in two steps.
//!
//! The crate is not a framework: it has no dependency on Kafka or a database, and a process sets up
//! its other needs in its own `main`. A process looks like this:
//!
//! ```no_run
//! #[derive(clap::Parser)]
//! struct Config {
//!     #[command(flatten)]
//!     service: factline_service::ServiceConfig,
//! }
//!
//! async fn run(_config: Config, service: factline_service::Service) -> anyhow::Result<()> {
//!     service.health.expect("greeting");
//!     service.health.set("greeting", Ok(()));
//!     service.serve_without_routes().await
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     factline_service::main::<Config, _, _>("greeter", |config: &Config| &config.service, run)
//! }
//! ```
//!
//! `serve` adds `GET /health/live`, `/health/ready` and `/metrics` to the router. A job that runs
//! once and ends (a migration) uses the same `main` and never calls `serve`.
//!
//! To add a part that every process must have, add a module here and start it from [`main`].

pub mod config;
pub mod health;
mod listener;
pub mod metering;
pub mod parts;
mod serving;
mod shutdown;
mod telemetry;

use std::borrow::Cow;
use std::future::Future;
use std::process::ExitCode;

use anyhow::Context as _;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use config::{LogFormat, ServiceConfig};
pub use health::Health;

/// The handles that all parts of a running process share. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    /// The process's name in logs and metrics.
    pub name: &'static str,
    /// The readiness of the process; one entry per component.
    pub health: Health,
    /// Token that the first signal or a failed part cancels: accept no new work, and finish open
    /// work.
    pub shutdown: CancellationToken,
    /// Tasks that must end before the process does.
    pub tasks: TaskTracker,
    config: ServiceConfig,
    metrics: PrometheusHandle,
    failure: shutdown::Failure,
}

/// Reads the configuration, sets up logs and metrics, runs the process and ends it in two steps.
///
/// `service` returns the shared part of the configuration. Invalid flags end the process with code
/// 2 before anything is opened. An error of `run` or of a spawned part is logged once and gives
/// code 1. The first SIGINT or SIGTERM cancels [`Service::shutdown`]. A second signal, or the drain
/// timeout, ends the process at once with code 1.
pub fn main<C, R, F>(
    name: &'static str,
    service: for<'a> fn(&'a C) -> &'a ServiceConfig,
    run: R,
) -> ExitCode
where
    C: clap::Parser,
    R: FnOnce(C, Service) -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    main_with(C::command(), name, service, run)
}

/// Does the same as [`main`], with a command line that is known only at run time: `command` is
/// `C::command()` with changes, such as the values that an option accepts.
pub fn main_with<C, R, F>(
    command: clap::Command,
    name: &'static str,
    service: for<'a> fn(&'a C) -> &'a ServiceConfig,
    run: R,
) -> ExitCode
where
    C: clap::Parser,
    R: FnOnce(C, Service) -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    let parsed = C::from_arg_matches(&command.get_matches());
    let config = parsed.unwrap_or_else(|error| error.exit());
    let shared = service(&config).clone();
    telemetry::logs(shared.log_format);
    match start(name, config, shared, run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(
                service = name,
                error = format!("{error:#}"),
                "ends with an error"
            );
            ExitCode::FAILURE
        }
    }
}

fn start<C, R, F>(
    name: &'static str,
    config: C,
    shared: ServiceConfig,
    run: R,
) -> anyhow::Result<()>
where
    R: FnOnce(C, Service) -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    let metrics = telemetry::metrics(name)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    let outcome = runtime.block_on(async {
        let service = Service::new(name, shared, metrics);
        shutdown::watch(&service)?;
        let outcome = run(config, service.clone()).await;
        service.finish(outcome).await
    });
    // Blocking threads, such as a poll that has not returned, must not delay the end of the
    // process.
    runtime.shutdown_background();
    outcome
}

impl Service {
    fn new(name: &'static str, config: ServiceConfig, metrics: PrometheusHandle) -> Self {
        Self {
            name,
            health: Health::default(),
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
            config,
            metrics,
            failure: shutdown::Failure::default(),
        }
    }

    /// Runs a part of the process beside the others. If it ends with an error or a panic, the whole
    /// process drains and ends with that error, because a process with a dead part must not look
    /// alive.
    pub fn spawn<F>(&self, part: impl Into<Cow<'static, str>>, future: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let (service, part) = (self.clone(), part.into());
        self.tasks.spawn(async move {
            let ended = tokio::spawn(future).await;
            let error = match ended {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error.context(part.clone()),
                Err(join) => anyhow::Error::new(join).context(part.clone()),
            };
            service.health.set(&part, Err(format!("{error:#}")));
            service.failure.keep(error);
            service.shutdown.cancel();
        });
    }

    /// Waits for the parts after `run` has returned.
    async fn finish(&self, outcome: anyhow::Result<()>) -> anyhow::Result<()> {
        self.shutdown.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        outcome.and(self.failure.take().map_or(Ok(()), Err))
    }
}

/// The README, so that its code runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
