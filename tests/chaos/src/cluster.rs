//! The processes of a run: several of nearly every role, each with its own proxy to the broker, and
//! the supervisor that restarts them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use factline_dev_servers::Servers;
use tokio::sync::{Mutex, MutexGuard};

use crate::proxy::Proxy;
use crate::roles::{ROLES, Role, SESSION};
use harness::{Layout, System};

/// Interval at which the supervisor checks for processes that have ended by themselves.
const ROUND: Duration = Duration::from_millis(500);

/// The processes and their proxies.
pub(super) struct Cluster {
    pub(super) system: System,
    pub(super) proxies: BTreeMap<String, Proxy>,
    /// Number of processes that ended by themselves and were restarted.
    pub(super) ended: AtomicUsize,
    /// Locks of the targets of faults: an instance's name, or `kafka`, or `postgres`. A fault in
    /// progress holds its lock.
    targets: BTreeMap<String, Mutex<()>>,
}

/// Name of the broker as a target of faults.
pub(super) const BROKER: &str = "kafka";

/// Name of the database as a target of faults.
pub(super) const DATABASE: &str = "postgres";

impl Cluster {
    /// Starts everything and waits until it is ready. `environment` is for every process. With
    /// `clock`, the broker's clock can be shifted.
    pub(super) async fn start(environment: Vec<(String, String)>, clock: bool) -> Result<Self> {
        let through = ROLES.iter().filter(|role| role.kafka);
        let through: Vec<String> = through.flat_map(Role::names).collect();
        let count = through.len();
        let servers = if clock {
            Servers::with_detours_and_clock
        } else {
            Servers::with_detours
        };
        let servers = tokio::task::spawn_blocking(move || servers(count)).await??;
        let servers: &'static Servers = Box::leak(Box::new(servers));
        let (mut proxies, mut brokers) = (BTreeMap::new(), BTreeMap::new());
        for (name, detour) in through.into_iter().zip(servers.kafka.detours()) {
            brokers.insert(name.clone(), format!("127.0.0.1:{}", detour.outer));
            proxies.insert(name, Proxy::start(detour.outer, detour.inner).await?);
        }
        // Short timeouts, so that a run has many takeovers and not one or two.
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
            topic_partitions: Vec::new(),
        };
        let system = System::on(servers, "faults", layout).await?;
        let instances = ROLES.iter().flat_map(Role::names);
        let targets = instances
            .chain([BROKER, DATABASE].map(str::to_owned))
            .map(|name| (name, Mutex::default()))
            .collect();
        Ok(Self {
            system,
            proxies,
            ended: AtomicUsize::new(0),
            targets,
        })
    }

    /// Waits until no other fault affects the same target, and locks it.
    pub(super) async fn lock_target(&self, name: &str) -> Result<MutexGuard<'_, ()>> {
        let lock = self.targets.get(name);
        Ok(lock
            .with_context(|| format!("{name} is not a target of faults"))?
            .lock()
            .await)
    }

    /// Returns true if a fault affects the broker or the database. No process is ready without
    /// them.
    pub(super) fn servers_have_faults(&self) -> bool {
        let locks = [BROKER, DATABASE].map(|name| self.targets.get(name));
        locks
            .into_iter()
            .flatten()
            .any(|lock| lock.try_lock().is_err())
    }

    /// Restarts processes that have ended by themselves, as a supervisor does, while it is polled.
    pub(super) async fn supervise(self: Arc<Self>) -> Result<()> {
        loop {
            for name in self.system.names() {
                let free = self.targets.get(name).and_then(|lock| lock.try_lock().ok());
                if free.is_none() {
                    continue;
                }
                if let Some(status) = self.system.end(name)? {
                    println!("          {name} ended by itself, {status}: restarted");
                    self.ended.fetch_add(1, Ordering::Relaxed);
                    self.system.spawn(name)?;
                }
            }
            tokio::time::sleep(ROUND).await;
        }
    }
}
