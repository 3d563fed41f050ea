//! Every service as a process, on servers that may be shared or its own.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use infra::Servers;
use infra::services::{Need, SERVICES, Service};

/// How long anything may take before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// All services, each a process. They end with this value.
pub struct System {
    /// The servers below.
    pub servers: &'static Servers,
    /// Prefix of every topic and group of this system.
    pub prefix: String,
    database: String,
    ports: BTreeMap<&'static str, u16>,
    programs: PathBuf,
    logs: tempfile::TempDir,
    running: Mutex<BTreeMap<&'static str, Child>>,
}

impl System {
    /// Starts everything on the test process's shared servers and waits until it is ready. `name` tells the topics
    /// and the database of this test from those of others.
    pub async fn start(name: &str) -> Result<Self> {
        Self::on(tokio::task::spawn_blocking(Servers::shared).await?, name).await
    }

    /// Like [`System::start`], on servers of its own: for a test that kills them. They end with the test process.
    pub async fn start_alone(name: &str) -> Result<Self> {
        let servers = tokio::task::spawn_blocking(Servers::throwaway).await??;
        Self::on(Box::leak(Box::new(servers)), name).await
    }

    async fn on(servers: &'static Servers, name: &str) -> Result<Self> {
        let unique = format!("{name}{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
        let system = Self {
            servers,
            prefix: format!("{unique}."),
            database: unique.clone(),
            ports: SERVICES
                .iter()
                .map(|service| Ok((service.name, free_port()?)))
                .collect::<Result<_>>()?,
            programs: programs()?,
            logs: tempfile::tempdir()?,
            running: Mutex::default(),
        };
        tokio::task::spawn_blocking(move || servers.postgres.create_database(&unique)).await??;
        for service in SERVICES {
            for job in service.jobs {
                let ended = tokio::process::Command::from(system.command(service))
                    .arg(job)
                    .output()
                    .await?;
                if !ended.status.success() {
                    bail!(
                        "{} {job} failed: {}",
                        service.name,
                        String::from_utf8_lossy(&ended.stderr)
                    );
                }
            }
        }
        for service in SERVICES {
            system.spawn(service.name)?;
        }
        system.ready().await?;
        Ok(system)
    }

    /// The store's address for clients.
    pub fn url(&self) -> String {
        self.address("gateway")
    }

    /// A service's own address.
    pub fn address(&self, service: &str) -> String {
        format!(
            "http://127.0.0.1:{}",
            self.ports.get(service).copied().unwrap_or_default()
        )
    }

    /// Waits until every service says that it is ready.
    pub async fn ready(&self) -> Result<()> {
        for service in SERVICES {
            self.service_ready(service.name).await?;
        }
        Ok(())
    }

    /// Waits until one service says that it is ready.
    pub async fn service_ready(&self, service: &str) -> Result<()> {
        let url = format!("{}/health/ready", self.address(service));
        let start = Instant::now();
        loop {
            let reason = match reqwest::get(&url).await {
                Ok(response) if response.status().is_success() => return Ok(()),
                Ok(response) => response.text().await.unwrap_or_default(),
                Err(error) => error.to_string(),
            };
            if start.elapsed() > PATIENCE {
                bail!("{service} is not ready: {reason}\n{}", self.log(service));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Starts a service that does not run.
    pub fn spawn(&self, name: &str) -> Result<()> {
        let service = service(name)?;
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.logs.path().join(name))?;
        let child = self
            .command(service)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn();
        let child = child.with_context(|| format!("cannot start {name}"))?;
        self.running().insert(service.name, child);
        Ok(())
    }

    /// Ends a service with SIGKILL, in the middle of whatever it does.
    pub fn kill(&self, name: &str) -> Result<()> {
        let mut child = self
            .running()
            .remove(name)
            .with_context(|| format!("{name} does not run"))?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// The end of what a service has logged.
    pub fn log(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.logs.path().join(name)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    fn running(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Child>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn command(&self, service: &Service) -> Command {
        let mut command = Command::new(self.programs.join(service.name));
        command
            .env(
                "FACTLINE_LISTEN",
                format!("127.0.0.1:{}", self.ports[service.name]),
            )
            .env("FACTLINE_TOPIC_PREFIX", &self.prefix)
            .env("RUST_LOG", "info");
        for need in service.needs {
            match need {
                Need::Kafka => command.env("FACTLINE_KAFKA_BROKERS", self.servers.kafka.brokers()),
                Need::Registry => command.env("FACTLINE_REGISTRY_URL", self.servers.registry.url()),
                Need::Database(role) => command.env(
                    "FACTLINE_DATABASE_URL",
                    self.servers.postgres.url(&self.database, role),
                ),
                Need::Service(name) => {
                    let variable =
                        format!("FACTLINE_{}_URL", name.to_uppercase().replace('-', "_"));
                    command.env(variable, self.address(name))
                }
                Need::Instance => command.env("FACTLINE_INSTANCE", format!("{}-1", service.name)),
                Need::Folder => command.env(
                    "FACTLINE_DATA_DIR",
                    self.logs.path().join(format!("{}.data", service.name)),
                ),
            };
        }
        command
    }
}

impl Drop for System {
    fn drop(&mut self) {
        let mut running = std::mem::take(&mut *self.running());
        for child in running.values_mut() {
            let _ = child.kill();
        }
        for child in running.values_mut() {
            let _ = child.wait();
        }
        if std::thread::panicking() {
            for service in SERVICES {
                eprintln!(
                    "--- the end of the log of {}\n{}",
                    service.name,
                    self.log(service.name)
                );
            }
        }
    }
}

fn service(name: &str) -> Result<&'static Service> {
    SERVICES
        .iter()
        .find(|service| service.name == name)
        .with_context(|| format!("no service is called {name}"))
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Where cargo puts the services: beside the folder of the test that runs.
fn programs() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test
        .parent()
        .and_then(Path::parent)
        .context("the test has no folder")?;
    for service in SERVICES {
        if !folder.join(service.name).exists() {
            bail!(
                "{} is not built: run `cargo build --workspace`, as `./dev test` does",
                service.name
            );
        }
    }
    Ok(folder.to_owned())
}

/// Waits for a condition, and fails with `what` when it does not come true.
pub async fn eventually(
    what: &str,
    mut condition: impl AsyncFnMut() -> Result<bool>,
) -> Result<()> {
    let start = Instant::now();
    while !condition().await? {
        if start.elapsed() > PATIENCE {
            bail!("gave up waiting: {what}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}
