//! Every service as a process, on shared or dedicated servers.
//!
//! Each service has one instance, with the name of the service. A [`Layout`] may ask for more,
//! which have names such as `projectors-2`. `breaking` has the ways to stop an instance other than
//! a kill.

mod breaking;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use dev_servers::services::SERVICES;
use factline_dev_servers::{Need, Servers, Service, port};
use factline_kafka::KafkaConfig;

/// Timeout of every wait of a test.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// All services, each as a process. They end when this value is dropped.
pub struct System {
    /// The servers below.
    pub servers: &'static Servers,
    /// Prefix of every topic and group of this system.
    pub prefix: String,
    database: String,
    instances: BTreeMap<String, Instance>,
    layout: Layout,
    programs: PathBuf,
    logs: tempfile::TempDir,
    running: Mutex<BTreeMap<String, Child>>,
}

/// Deviations of a system from the default.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// Number of instances of a service; the default is one.
    pub instances: BTreeMap<&'static str, usize>,
    /// The broker address of an instance, if it is not the broker's own address.
    pub brokers: BTreeMap<String, String>,
    /// Additional environment of every process.
    pub environment: Vec<(String, String)>,
    /// Numbers of partitions by aggregate type, if they are not those of the contracts.
    pub topic_partitions: Vec<(&'static str, i32)>,
}

impl Layout {
    /// Returns the names of a service's instances.
    pub fn instances(&self, service: &str) -> Vec<String> {
        let count = self.instances.get(service).copied().unwrap_or(1);
        (1..=count)
            .map(|number| instance(service, number))
            .collect()
    }
}

/// A process, running or not.
struct Instance {
    service: &'static Service,
    number: usize,
    port: u16,
}

/// Returns an instance's name. The first has the name of its service.
pub fn instance(service: &str, number: usize) -> String {
    match number {
        1 => service.to_owned(),
        _ => format!("{service}-{number}"),
    }
}

impl System {
    /// Starts everything on the test process's shared servers and waits until it is ready. `name`
    /// distinguishes the topics and the database of this test from those of other tests.
    pub async fn start(name: &str) -> Result<Self> {
        let servers = tokio::task::spawn_blocking(Servers::shared).await?;
        Self::on(servers, name, Layout::default()).await
    }

    /// Starts like [`System::start`], on dedicated servers: for a test that kills them. They end
    /// with the test process.
    pub async fn start_alone(name: &str) -> Result<Self> {
        Self::start_alone_in(name, Layout::default()).await
    }

    /// Starts like [`System::start_alone`], in this layout.
    pub async fn start_alone_in(name: &str, layout: Layout) -> Result<Self> {
        let servers = tokio::task::spawn_blocking(Servers::throwaway).await??;
        Self::on(Box::leak(Box::new(servers)), name, layout).await
    }

    /// Starts like [`System::start`], on these servers and in this layout.
    pub async fn on(servers: &'static Servers, name: &str, layout: Layout) -> Result<Self> {
        let system = Self::at_rest(servers, name, layout)?;
        let database = system.database.clone();
        tokio::task::spawn_blocking(move || servers.postgres.create_database(&database)).await??;
        system.begin().await?;
        Ok(system)
    }

    /// Returns a system without topics, processes and a database.
    pub fn at_rest(servers: &'static Servers, name: &str, layout: Layout) -> Result<Self> {
        let unique = format!("{name}{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
        Ok(Self {
            servers,
            prefix: format!("{unique}."),
            database: unique,
            instances: instances(&layout)?,
            layout,
            programs: programs()?,
            logs: tempfile::tempdir()?,
            running: Mutex::default(),
        })
    }

    /// Runs all jobs, starts everything and waits until it is ready.
    pub async fn begin(&self) -> Result<()> {
        let system = self;
        for service in SERVICES {
            for job in service.jobs {
                let job_of = system.command(service.name)?;
                let ended = tokio::process::Command::from(job_of)
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
        for name in system.names() {
            system.spawn(name)?;
        }
        system.ready().await
    }

    /// Creates the database with the contents of another system's database. No process of the other
    /// system may run.
    pub async fn copy_database_of(&self, other: &Self) -> Result<()> {
        let (from, name) = (other.database.clone(), self.database.clone());
        let servers = self.servers;
        tokio::task::spawn_blocking(move || servers.postgres.copy_database(&from, &name)).await?
    }

    /// Returns the environment that the layout adds to every process.
    pub fn environment(&self) -> impl Iterator<Item = (String, String)> {
        let own = self.layout.topic_partitions.iter();
        let own: Vec<String> = own.map(|(name, count)| format!("{name}={count}")).collect();
        let own = ("FACTLINE_TOPIC_PARTITIONS".to_owned(), own.join(","));
        let own = Some(own).filter(|(_, value)| !value.is_empty());
        self.layout.environment.iter().cloned().chain(own)
    }

    /// Returns the store's address for clients.
    pub fn url(&self) -> String {
        self.address("gateway")
    }

    /// Returns the Kafka connection for clients of its topics.
    pub fn kafka(&self) -> KafkaConfig {
        let own = self.layout.topic_partitions.iter();
        KafkaConfig {
            brokers: self.servers.kafka.brokers(),
            registry_url: self.servers.registry.url(),
            topic_prefix: self.prefix.clone(),
            topic_partitions: own
                .map(|(name, count)| ((*name).to_owned(), *count))
                .collect(),
            ..KafkaConfig::default()
        }
    }

    /// Returns the URL of its database for one of the roles.
    pub fn database_url(&self, role: &str) -> String {
        self.servers.postgres.url(&self.database, role)
    }

    /// Returns the path of a program of this build.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// Returns the names of all instances.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.instances.keys().map(String::as_str)
    }

    /// Returns an instance's own address.
    pub fn address(&self, name: &str) -> String {
        let port = self.instances.get(name).map_or(0, |found| found.port);
        format!("http://127.0.0.1:{port}")
    }

    /// Waits until every instance reports that it is ready.
    pub async fn ready(&self) -> Result<()> {
        for name in self.names() {
            self.service_ready(name).await?;
        }
        Ok(())
    }

    /// Waits until one instance reports that it is ready.
    pub async fn service_ready(&self, service: &str) -> Result<()> {
        self.ready_before(service, || true).await
    }

    /// Waits until one instance is ready. Time in which `counts` is false, because a dependency is
    /// unavailable on purpose, does not count.
    pub async fn ready_before(&self, service: &str, counts: impl Fn() -> bool) -> Result<()> {
        let (mut waited, mut last) = (Duration::ZERO, Instant::now());
        loop {
            let Some(reason) = self.unready(service).await else {
                return Ok(());
            };
            if counts() {
                waited += last.elapsed();
            }
            last = Instant::now();
            if waited > PATIENCE {
                bail!("{service} is not ready: {reason}\n{}", self.log(service));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Returns the reason for which an instance is not ready, in its own words or those of the
    /// connection; none if it is ready.
    pub async fn unready(&self, service: &str) -> Option<String> {
        let url = format!("{}/health/ready", self.address(service));
        match reqwest::get(&url).await {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(response.text().await.unwrap_or_default()),
            Err(error) => Some(error.to_string()),
        }
    }

    /// Starts an instance that does not run.
    pub fn spawn(&self, name: &str) -> Result<()> {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.logs.path().join(name))?;
        let child = self
            .command(name)?
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn();
        let child = child.with_context(|| format!("cannot start {name}"))?;
        self.running().insert(name.to_owned(), child);
        Ok(())
    }

    /// Kills an instance with SIGKILL, whatever it is doing.
    pub fn kill(&self, name: &str) -> Result<()> {
        let mut child = self
            .running()
            .remove(name)
            .with_context(|| format!("{name} does not run"))?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Returns the last lines of an instance's log.
    pub fn log(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.logs.path().join(name)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// Counts the lines with this value of the field `event` in all instances' logs.
    pub fn logged(&self, event: &str) -> usize {
        let field = format!("event={event:?}");
        let texts = self
            .names()
            .filter_map(|name| std::fs::read_to_string(self.logs.path().join(name)).ok());
        let counts = texts.map(|text| text.lines().filter(|line| line.contains(&field)).count());
        counts.sum()
    }

    /// Copies the instances' logs to a folder that outlives this value, and returns it.
    pub fn leave_logs(&self) -> Result<PathBuf> {
        let place = tempfile::Builder::new().prefix(&self.database).tempdir()?;
        let place = place.keep();
        for name in self.names() {
            std::fs::copy(self.logs.path().join(name), place.join(name))?;
        }
        Ok(place)
    }

    fn running(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Child>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn command(&self, name: &str) -> Result<Command> {
        let Instance {
            service,
            number,
            port,
        } = self
            .instances
            .get(name)
            .with_context(|| format!("unknown instance {name}"))?;
        let mut command = Command::new(self.program(service.name));
        command
            // The seed of a random test is not the seed of the provider.
            .env_remove("FACTLINE_SEED")
            .env_remove("FACTLINE_LOG_FORMAT")
            .env("FACTLINE_LISTEN", format!("127.0.0.1:{port}"))
            .env("FACTLINE_TOPIC_PREFIX", &self.prefix)
            .env("RUST_LOG", "info")
            .envs(self.environment());
        for need in service.needs {
            match need {
                Need::Kafka => {
                    let detour = self.layout.brokers.get(name).cloned();
                    let brokers = detour.unwrap_or_else(|| self.servers.kafka.brokers());
                    command.env("FACTLINE_KAFKA_BROKERS", brokers)
                }
                Need::Registry => command.env("FACTLINE_REGISTRY_URL", self.servers.registry.url()),
                Need::Database(role) => {
                    command.env("FACTLINE_DATABASE_URL", self.database_url(role))
                }
                Need::Service(other) => {
                    let variable =
                        format!("FACTLINE_{}_URL", other.to_uppercase().replace('-', "_"));
                    command.env(variable, self.address(&self.partner(other, *number)))
                }
                Need::Instance => {
                    command.env("FACTLINE_INSTANCE", format!("{}-{number}", service.name))
                }
                Need::Folder => command.env(
                    "FACTLINE_DATA_DIR",
                    self.logs.path().join(format!("{name}.data")),
                ),
            };
        }
        Ok(command)
    }

    /// Returns the name of the instance to connect to: the second instance of one service uses the
    /// second instance of the other, if there is one.
    fn partner(&self, service: &str, number: usize) -> String {
        let same = instance(service, number);
        if self.instances.contains_key(&same) {
            return same;
        }
        service.to_owned()
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
            for name in self.names() {
                eprintln!("--- the end of the log of {name}\n{}", self.log(name));
            }
        }
    }
}

fn instances(layout: &Layout) -> Result<BTreeMap<String, Instance>> {
    let mut instances = BTreeMap::new();
    for service in SERVICES {
        for (index, name) in layout.instances(service.name).into_iter().enumerate() {
            let instance = Instance {
                service,
                number: index + 1,
                port: port::free()?,
            };
            instances.insert(name, instance);
        }
    }
    Ok(instances)
}

/// Returns the folder of the services' binaries: beside the running program, or beside the folder
/// of the running test.
fn programs() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folder = program.parent().context("the program has no folder")?;
    let folder = match folder.file_name() {
        Some(name) if name == "deps" => folder.parent().unwrap_or(Path::new("/")),
        _ => folder,
    };
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

/// Waits for a condition, and fails with `what` when it does not become true.
pub async fn eventually(
    what: &str,
    mut condition: impl AsyncFnMut() -> Result<bool>,
) -> Result<()> {
    let start = Instant::now();
    while !condition().await? {
        if start.elapsed() > PATIENCE {
            bail!("timed out waiting: {what}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}
