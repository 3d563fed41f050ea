//! Apache Kafka: one broker that is its own controller (`KRaft`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustix::process::Signal;
use uuid::Uuid;

use crate::clock::Clock;
use crate::data_dir::make_dir;
use crate::kafka_acl::{self, Rule};
use crate::kafka_probe::probe;
use crate::process::Launch;
use crate::server::Server;

/// The purpose of a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A test: fast recovery after a crash, few internal partitions.
    Throwaway,
    /// `up`: durable data.
    Development,
}

/// Access control of a broker's port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// All clients, without login and with all rights.
    Everybody,
    /// Users with their password (SASL/PLAIN), with the rights granted by [`Kafka::allow`].
    Users {
        users: Vec<(String, String)>,
        /// A second port for the broker itself and for granting rights, without login and with all
        /// rights.
        inner_port: u16,
    },
}

/// An indirect address of the broker, such as a proxy that delays or cuts. The broker advertises
/// `outer` to clients that connect through `inner`, so that they keep using the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detour {
    /// Port of the broker's listener.
    pub inner: u16,
    /// Port for clients; a proxy must listen there and forward to `inner`.
    pub outer: u16,
}

/// Ports and folders of one broker.
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
    /// Additional arguments for Java; see `warm_up`.
    pub(crate) java: Vec<String>,
    /// A clock that the test can make wrong; otherwise it is the machine's.
    pub(crate) clock: Option<Clock>,
}

/// A throw-away broker. It ends when this value is dropped.
#[derive(Debug)]
pub struct Kafka {
    port: u16,
    /// Port without login: the same as `port`, if no login is required.
    inner_port: u16,
    detours: Vec<Detour>,
    clock: Option<Clock>,
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
            clock: settings.clock.clone(),
            server,
        };
        kafka.start()?;
        Ok(kafka)
    }

    /// Returns the address for clients, `127.0.0.1:<port>`. It stays the same over
    /// [`kill`](Self::kill) and [`start`](Self::start).
    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Returns the indirect addresses of the broker; empty unless requested, see
    /// [`Servers::with_detours`](crate::Servers::with_detours).
    pub fn detours(&self) -> &[Detour] {
        &self.detours
    }

    /// Restarts the broker with its data and waits until every partition has a leader.
    ///
    /// # Errors
    ///
    /// If it already runs, ends at once or is not ready in time.
    pub fn start(&self) -> Result<()> {
        self.server.start(|| probe(self.inner_port))
    }

    /// Grants rights to users. Each rule may be given once.
    ///
    /// # Errors
    ///
    /// If a rule has a word that Kafka does not know, or the broker has no users.
    pub fn allow(&self, rules: &[Rule]) -> Result<()> {
        kafka_acl::allow(self.inner_port, rules).context("cannot create Kafka ACLs")
    }

    /// Crashes the broker (SIGKILL).
    ///
    /// # Errors
    ///
    /// If it does not run.
    pub fn kill(&self) -> Result<()> {
        self.server.kill(Signal::KILL)
    }

    /// Stops the broker in order (SIGTERM).
    ///
    /// # Errors
    ///
    /// If it does not run.
    pub fn stop(&self) -> Result<()> {
        self.server.stop()
    }

    /// Simulates a full disk: no file of the broker can grow. A broker ends at its first failed
    /// write, and this function waits for that, so a client has to make it write. The disk has room
    /// again after a restart.
    ///
    /// # Errors
    ///
    /// If it does not run, does not end, or the operating system is not Linux.
    pub fn fill_disk(&self) -> Result<()> {
        self.server.fill_disk()
    }

    /// Shifts the broker's clock by a number of seconds from the right time. A running broker
    /// notices it within a second.
    ///
    /// # Errors
    ///
    /// If the broker was not started by
    /// [`Servers::with_detours_and_clock`](crate::Servers::with_detours_and_clock).
    pub fn shift_clock(&self, seconds: i64) -> Result<()> {
        let clock = self.clock.as_ref();
        clock
            .context("the broker uses the machine's clock")?
            .shift(seconds)
    }

    /// Freezes the broker (SIGSTOP): connections stay open, and no request is answered.
    ///
    /// # Errors
    ///
    /// If it does not run.
    pub fn pause(&self) -> Result<()> {
        self.server.signal(Signal::STOP)
    }

    /// Resumes a frozen broker (SIGCONT).
    ///
    /// # Errors
    ///
    /// If it does not run.
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

/// Returns the start parameters of the broker whose folder [`format()`] has created.
pub(crate) fn launch(settings: &Settings) -> Result<Launch> {
    let mut args = vec!["-Xmx512m".to_owned()];
    args.extend(settings.java.iter().cloned());
    if settings.purpose == Purpose::Throwaway {
        // A test's broker lives for seconds: the second compiler would only take time from the
        // test.
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
        env: settings
            .clock
            .as_ref()
            .map(Clock::environment)
            .unwrap_or_default(),
        user: None,
        dir: settings.dir.clone(),
        log: settings.log.clone(),
    })
}

/// Returns an error until the broker serves; see `kafka_probe`.
pub(crate) fn ready(port: u16) -> Result<()> {
    probe(port)
}

/// Returns the `java` to run: the one of `JAVA_HOME`, or else the first on the path.
pub(crate) fn java() -> PathBuf {
    std::env::var_os("JAVA_HOME").map_or_else(
        || PathBuf::from("java"),
        |home| Path::new(&home).join("bin/java"),
    )
}

/// Returns all jars in a fixed order: an archive of classes is valid for one class path only.
pub(crate) fn class_path(jars: &Path) -> Result<String> {
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
    // The command line would parse a leading `-` as an option.
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
    // A crashed broker is admitted again when its old session has expired.
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

/// The listener without login makes every client the anonymous user, which has all rights. Only the
/// broker itself uses it.
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
