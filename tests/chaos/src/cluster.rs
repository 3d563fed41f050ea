//! Several processes of nearly every role, each at the broker through a proxy of its own, and who is looked after by whom.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use dev_servers::Servers;
use tokio::sync::{Mutex, MutexGuard};

use crate::proxy::Proxy;
use crate::roles::{ROLES, Role, SESSION};
use harness::{Layout, System};

/// How often it is looked whether a process has ended by itself.
const ROUND: Duration = Duration::from_millis(500);

/// The processes and what is between them and the broker.
pub(super) struct Cluster {
    pub(super) system: System,
    pub(super) proxies: BTreeMap<String, Proxy>,
    /// How many processes have ended by themselves, and were started again.
    pub(super) ended: AtomicUsize,
    /// Held by the fault that has struck: an instance's name, or `kafka`, or `postgres`.
    struck: BTreeMap<String, Mutex<()>>,
}

/// The broker, among those that can be struck.
pub(super) const BROKER: &str = "kafka";

/// The database, among those that can be struck.
pub(super) const DATABASE: &str = "postgres";

impl Cluster {
    /// Starts everything and waits until it is ready. `environment` is for every process.
    pub(super) async fn start(environment: Vec<(String, String)>) -> Result<Self> {
        let through = ROLES.iter().filter(|role| role.kafka);
        let through: Vec<String> = through.flat_map(Role::names).collect();
        let count = through.len();
        let servers = tokio::task::spawn_blocking(move || Servers::with_detours(count)).await??;
        let servers: &'static Servers = Box::leak(Box::new(servers));
        let (mut proxies, mut brokers) = (BTreeMap::new(), BTreeMap::new());
        for (name, detour) in through.into_iter().zip(servers.kafka.detours()) {
            brokers.insert(name.clone(), format!("127.0.0.1:{}", detour.outer));
            proxies.insert(name, Proxy::start(detour.outer, detour.inner).await?);
        }
        // So that a take-over falls into a run many times, and not once or twice.
        let quick = [
            (
                "FACTLINE_SESSION_TIMEOUT_MS",
                SESSION.as_millis().to_string(),
            ),
            ("FACTLINE_TRANSACTION_TIMEOUT_MS", "8000".to_owned()),
        ];
        let quick = quick.map(|(name, value)| (name.to_owned(), value));
        let layout = Layout {
            instances: ROLES
                .iter()
                .map(|role| (role.service, role.instances))
                .collect(),
            brokers,
            environment: environment.into_iter().chain(quick).collect(),
        };
        let system = System::on(servers, "faults", layout).await?;
        let everyone = ROLES.iter().flat_map(Role::names);
        let struck = everyone
            .chain([BROKER, DATABASE].map(str::to_owned))
            .map(|name| (name, Mutex::default()))
            .collect();
        Ok(Self {
            system,
            proxies,
            ended: AtomicUsize::new(0),
            struck,
        })
    }

    /// Waits until nobody else strikes the same, and keeps it so.
    pub(super) async fn alone(&self, name: &str) -> Result<MutexGuard<'_, ()>> {
        let lock = self.struck.get(name);
        Ok(lock
            .with_context(|| format!("{name} cannot be struck"))?
            .lock()
            .await)
    }

    /// Whether the broker or the database is being struck: nobody is ready without them.
    pub(super) fn servers_are_struck(&self) -> bool {
        let locks = [BROKER, DATABASE].map(|name| self.struck.get(name));
        locks
            .into_iter()
            .flatten()
            .any(|lock| lock.try_lock().is_err())
    }

    /// Starts again what has ended by itself, as a supervisor does, for as long as it is polled.
    pub(super) async fn supervise(self: Arc<Self>) -> Result<()> {
        loop {
            for name in self.system.names() {
                let free = self.struck.get(name).and_then(|lock| lock.try_lock().ok());
                if free.is_none() {
                    continue;
                }
                if let Some(status) = self.system.end(name)? {
                    println!("          {name} has ended by itself, {status}: started again");
                    self.ended.fetch_add(1, Ordering::Relaxed);
                    self.system.spawn(name)?;
                }
            }
            tokio::time::sleep(ROUND).await;
        }
    }
}
