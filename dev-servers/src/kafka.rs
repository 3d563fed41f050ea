//! Apache Kafka: one broker that is its own controller (`KRaft`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustix::process::Signal;
use uuid::Uuid;

use crate::data_dir::make_dir;
use crate::kafka_acl::{self, Rule};
use crate::kafka_probe::probe;
use crate::process::Launch;
use crate::server::Server;

/// What a broker is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A test: quick to come back after a crash, few internal partitions.
    Throwaway,
    /// `./dev up`: data that lasts.
    Development,
}

/// Who is let in at a broker's port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody, to do anything.
    Everybody,
    /// Users with their password (SASL/PLAIN), to do what they are allowed to; see [`Kafka::allow`].
    Users {
        users: Vec<(String, String)>,
        /// A second port for the broker itself and for whoever gives rights: everybody, to do anything.
        inner_port: u16,
    },
}

/// A way to the broker that leads through something else, such as a proxy that delays or cuts: whoever comes by
/// `inner` is told that the broker is at `outer`, and so goes on coming by there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detour {
    /// Where the broker listens.
    pub inner: u16,
    /// Where clients are to come; somebody must listen there and forward to `inner`.
    pub outer: u16,
}

/// Where one broker listens and what it keeps where.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The folder of the broker's jars.
    pub(crate) jars: PathBuf,
    pub(crate) port: u16,
    pub(crate) controller_port: u16,
    /// Configuration and data.
    pub(crate) dir: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) purpose: Purpose,
    pub(crate) access: Access,
    pub(crate) detours: Vec<Detour>,
    /// More arguments for Java; see `warm_up`.
    pub(crate) java: Vec<String>,
}

/// A throw-away broker. It ends with its owner.
#[derive(Debug)]
pub struct Kafka {
    port: u16,
    /// Where nobody has to log in: the same, if nobody has to at all.
    inner_port: u16,
    detours: Vec<Detour>,
    server: Server,
}

impl Kafka {
    pub(crate) fn throwaway(settings: &Settings) -> Result<Self> {
        format(settings)?;
        let server = Server::new(launch(settings)?, Signal::TERM, "KILL");
        let kafka = Self {
            port: settings.port,
            inner_port: match settings.access {
                Access::Everybody => settings.port,
                Access::Users { inner_port, .. } => inner_port,
            },
            detours: settings.detours.clone(),
            server,
        };
        kafka.start()?;
        Ok(kafka)
    }

    /// The address for clients, `127.0.0.1:<port>`. It stays the same over [`kill`](Self::kill) and
    /// [`start`](Self::start).
    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The other ways to the broker; none unless it was asked for, see [`Servers::with_detours`](crate::Servers::with_detours).
    pub fn detours(&self) -> &[Detour] {
        &self.detours
    }

    /// Starts the broker again with its data and waits until every partition has a leader.
    ///
    /// # Errors
    /// When it runs already, ends at once or is not ready in time.
    pub fn start(&self) -> Result<()> {
        self.server.start(|| probe(self.inner_port))
    }

    /// Lets users do something, from now on. Each rule may be given once.
    ///
    /// # Errors
    /// When a rule has a word that Kafka does not know, or the broker has no users.
    pub fn allow(&self, rules: &[Rule]) -> Result<()> {
        kafka_acl::allow(self.inner_port, rules).context("cannot tell Kafka who may do what")
    }

    /// Crashes the broker (SIGKILL).
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&self) -> Result<()> {
        self.server.kill(Signal::KILL)
    }

    /// Stops the broker in order (SIGTERM).
    ///
    /// # Errors
    /// When it does not run.
    pub fn stop(&self) -> Result<()> {
        self.server.stop()
    }

    /// Fills the broker's disk, as far as it can tell: no file of it can grow. A broker ends at the first write that fails,
    /// which is waited for, so somebody has to make it write. Its disk has room again when it is started.
    ///
    /// # Errors
    /// When it does not run, does not end, or runs on something else than Linux.
    pub fn fill_disk(&self) -> Result<()> {
        self.server.fill_disk()
    }

    /// Freezes the broker (SIGSTOP): connections stay open, nothing is answered.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pause(&self) -> Result<()> {
        self.server.signal(Signal::STOP)
    }

    /// Lets a frozen broker go on (SIGCONT).
    ///
    /// # Errors
    /// When it does not run.
    pub fn resume(&self) -> Result<()> {
        self.server.signal(Signal::CONT)
    }
}

/// Writes configuration and, the first time, an empty formatted data folder.
pub(crate) fn format(settings: &Settings) -> Result<()> {
    let dir = &settings.dir;
    make_dir(dir)?;
    write(&dir.join("server.properties"), &properties(settings))?;
    write(&dir.join("log4j2.yaml"), LOGGING)?;
    if dir.join("data/meta.properties").exists() {
        return Ok(());
    }
    let cluster = cluster_id();
    let output = Command::new(java())
        .args([
            "-Xshare:auto",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            &class_path(&settings.jars)?,
            &logging(dir),
        ])
        .args([
            "kafka.tools.StorageTool",
            "format",
            "--cluster-id",
            &cluster,
            "--config",
        ])
        .arg(dir.join("server.properties"))
        .output()
        .context("cannot run java")?;
    ensure!(
        output.status.success(),
        "cannot format the data folder of Kafka: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// How to start the broker whose folder [`format()`] has made.
pub(crate) fn launch(settings: &Settings) -> Result<Launch> {
    let mut args = vec!["-Xmx512m".to_owned()];
    args.extend(settings.java.iter().cloned());
    if settings.purpose == Purpose::Throwaway {
        // A test's broker lives for seconds: the second compiler would only take its time from the test.
        args.extend([
            "-XX:TieredStopAtLevel=1".to_owned(),
            "-XX:+UseSerialGC".to_owned(),
        ]);
    }
    args.extend([
        "-cp".to_owned(),
        class_path(&settings.jars)?,
        logging(&settings.dir),
        "kafka.Kafka".to_owned(),
    ]);
    args.push(settings.dir.join("server.properties").display().to_string());
    Ok(Launch {
        name: "kafka",
        program: java(),
        args,
        env: Vec::new(),
        user: None,
        dir: settings.dir.clone(),
        log: settings.log.clone(),
    })
}

/// Whether the broker serves; see `kafka_probe`.
pub(crate) fn ready(port: u16) -> Result<()> {
    probe(port)
}

/// The `java` to run: the one of `JAVA_HOME`, or else the first on the path.
pub(crate) fn java() -> PathBuf {
    std::env::var_os("JAVA_HOME").map_or_else(
        || PathBuf::from("java"),
        |home| Path::new(&home).join("bin/java"),
    )
}

/// All jars, in an order that is always the same: an archive of classes holds for one class path only.
fn class_path(jars: &Path) -> Result<String> {
    let entries = fs::read_dir(jars).with_context(|| format!("cannot read {}", jars.display()))?;
    let mut jars: Vec<String> = entries
        .flatten()
        .map(|jar| jar.path().display().to_string())
        .collect();
    jars.sort();
    Ok(jars.join(":"))
}

fn logging(dir: &Path) -> String {
    format!(
        "-Dlog4j2.configurationFile=file:{}",
        dir.join("log4j2.yaml").display()
    )
}

/// A random identifier in the 22 characters of URL-safe base 64 that Kafka takes.
fn cluster_id() -> String {
    // The command line would take a leading `-` for an option.
    std::iter::repeat_with(|| URL_SAFE_NO_PAD.encode(Uuid::new_v4()))
        .find(|id| !id.starts_with('-'))
        .unwrap_or_default()
}

fn properties(settings: &Settings) -> String {
    let Settings {
        port,
        controller_port,
        dir,
        purpose,
        ..
    } = settings;
    let data = dir.join("data");
    // A crashed broker is let in again when its old session has ended.
    let (session, heartbeat) = match purpose {
        Purpose::Throwaway => (1_000, 200),
        Purpose::Development => (3_000, 500),
    };
    let (listeners, login) = match &settings.access {
        Access::Everybody => (format!("PLAINTEXT://127.0.0.1:{port}"), String::new()),
        Access::Users { users, inner_port } => (
            format!("PLAINTEXT://127.0.0.1:{inner_port},USERS://127.0.0.1:{port}"),
            login(users),
        ),
    };
    let detours = |port: fn(&Detour) -> u16| {
        let numbered = settings.detours.iter().enumerate();
        numbered
            .map(|(number, detour)| format!(",DETOUR{number}://127.0.0.1:{}", port(detour)))
            .collect::<Vec<_>>()
            .concat()
    };
    let (inner, outer) = (
        detours(|detour| detour.inner),
        detours(|detour| detour.outer),
    );
    let plain = (0..settings.detours.len())
        .map(|number| format!(",DETOUR{number}:PLAINTEXT"))
        .collect::<Vec<_>>()
        .concat();
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners={listeners}{inner},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners={listeners}{outer}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,USERS:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT{plain}
{login}log.dirs={data}
broker.session.timeout.ms={session}
broker.heartbeat.interval.ms={heartbeat}
auto.create.topics.enable=false
min.insync.replicas=1
unclean.leader.election.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=5
offsets.retention.minutes=525600
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=5
transaction.abort.timed.out.transaction.cleanup.interval.ms=200
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.dedupe.buffer.size=4194304
",
        data = data.display()
    )
}

/// Whoever comes by a listener without login is nobody, and may do anything: only that the broker itself does.
fn login(users: &[(String, String)]) -> String {
    let one = |(user, password): &(String, String)| format!("user_{user}=\"{password}\"");
    let users = users.iter().map(one).collect::<Vec<_>>().join(" ");
    format!(
        "sasl.enabled.mechanisms=PLAIN
listener.name.users.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required {users};
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"
    )
}

const LOGGING: &str = r#"Configuration:
  Appenders:
    Console:
      name: console
      PatternLayout:
        pattern: "%d{ISO8601} %-5p %m (%c{1})%n%ex"
  Loggers:
    Root:
      level: INFO
      AppenderRef:
        ref: console
    Logger:
      # At every start it prints some three hundred settings.
      - name: org.apache.kafka.common.config.AbstractConfig
        level: WARN
      - name: kafka.server.KafkaConfig
        level: WARN
"#;

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
