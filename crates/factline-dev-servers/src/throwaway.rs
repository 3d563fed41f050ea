//! A set of servers for tests: on free ports, in a temporary folder, and ended with the process
//! that started it.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;

use anyhow::{Context, Result, anyhow};
use tempfile::TempDir;

use crate::clock::Clock;
use crate::{
    Kafka, Postgres, Registry, data_dir, kafka, port, postgres, provision, registry, warm_up,
};

/// Kafka, registry and PostgreSQL for tests.
#[derive(Debug)]
pub struct Servers {
    /// The broker.
    pub kafka: Kafka,
    /// The schema registry.
    pub registry: Registry,
    /// The database server.
    pub postgres: Postgres,
    // Fields are dropped in this order: the servers end before their folder goes.
    dir: TempDir,
    _sweeper: Sweeper,
}

impl Servers {
    /// Starts all three and waits until they answer. They end when the value is dropped or this
    /// process ends for any reason.
    ///
    /// # Errors
    ///
    /// If they cannot be fetched, or one does not start: the error names it and has the end of
    /// its log.
    pub fn throwaway() -> Result<Self> {
        Self::with(|| Ok(kafka::Access::Everybody), 0, None)
    }

    /// Starts all three with a broker that has `count` additional addresses. Each is for a proxy of
    /// the test between a process and the broker; see [`Kafka::detours`].
    ///
    /// # Errors
    ///
    /// As [`throwaway`](Self::throwaway).
    pub fn with_detours(count: usize) -> Result<Self> {
        Self::with(|| Ok(kafka::Access::Everybody), count, None)
    }

    /// Starts all three with a broker that has `count` additional addresses and a clock that can be
    /// made wrong; see [`Kafka::shift_clock`].
    ///
    /// # Errors
    ///
    /// As [`throwaway`](Self::throwaway), or if [`clock::library`](crate::clock::library) is not
    /// installed.
    pub fn with_detours_and_clock(count: usize) -> Result<Self> {
        let access = || Ok(kafka::Access::Everybody);
        Self::with(access, count, Some(Clock::new))
    }

    /// Starts all three with a broker that accepts only these users, by name and password
    /// (SASL/PLAIN without encryption). Their rights are those that [`Kafka::allow`] grants: none
    /// at first.
    ///
    /// # Errors
    ///
    /// As [`throwaway`](Self::throwaway).
    pub fn with_users(users: &[(&str, &str)]) -> Result<Self> {
        let access = || {
            let owned =
                |(user, password): &(&str, &str)| ((*user).to_owned(), (*password).to_owned());
            Ok(kafka::Access::Users {
                users: users.iter().map(owned).collect(),
                inner_port: port::free()?,
            })
        };
        Self::with(access, 0, None)
    }

    fn with(
        access: impl FnOnce() -> Result<kafka::Access>,
        detours: usize,
        clock: Option<fn(&Path) -> Result<Clock>>,
    ) -> Result<Self> {
        let programs = provision()?;
        let dir = tempfile::Builder::new()
            .prefix("factline-")
            // PostgreSQL may run as another user and must be able to reach the folder.
            .permissions(std::fs::Permissions::from_mode(0o755))
            .tempdir_in(data_dir::scratch())
            .context("cannot create a temporary folder")?;
        let sweeper = Sweeper::spawn(dir.path())?;
        let kafka = kafka::Settings {
            jars: programs.join("kafka"),
            port: port::free()?,
            controller_port: port::free()?,
            dir: dir.path().join("kafka"),
            log: dir.path().join("kafka.log"),
            purpose: kafka::Purpose::Throwaway,
            access: access()?,
            detours: (0..detours)
                .map(|_| {
                    Ok(kafka::Detour {
                        inner: port::free()?,
                        outer: port::free()?,
                    })
                })
                .collect::<Result<_>>()?,
            java: warm_up::arguments(&programs, "kafka"),
            clock: clock.map(|new| new(dir.path())).transpose()?,
        };
        let registry = registry::Settings {
            program: programs.join("registry"),
            port: port::free()?,
            dir: dir.path().join("registry"),
            log: dir.path().join("registry.log"),
            java: warm_up::arguments(&programs, "registry"),
        };
        let postgres = postgres::Settings {
            program: postgres::reachable_program(&programs.join("postgres"), &data_dir::home())?,
            port: port::free()?,
            data: dir.path().join("postgres"),
            log: dir.path().join("postgres.log"),
            durable: false,
        };
        let (kafka, registry, postgres) = thread::scope(|scope| {
            let kafka = scope.spawn(|| {
                warm_up::format_kafka(&programs, &kafka.dir)?;
                Kafka::throwaway(&kafka)
            });
            let registry = scope.spawn(|| Registry::throwaway(&registry));
            let postgres = scope.spawn(|| Postgres::throwaway(&postgres));
            (kafka.join(), registry.join(), postgres.join())
        });
        Ok(Self {
            kafka: kafka.map_err(|_| anyhow!("the start of Kafka panicked"))??,
            registry: registry.map_err(|_| anyhow!("the start of the registry panicked"))??,
            postgres: postgres.map_err(|_| anyhow!("the start of PostgreSQL panicked"))??,
            dir,
            _sweeper: sweeper,
        })
    }

    /// Returns the one set of this test process, which the first caller starts.
    ///
    /// # Panics
    ///
    /// If they do not start: a test cannot run without them.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Servers> = OnceLock::new();
        SHARED.get_or_init(|| match Self::throwaway() {
            Ok(servers) => servers,
            Err(error) => panic!("cannot start the servers for tests: {error:#}"),
        })
    }

    /// Returns the folder of data and logs (`kafka.log`, `registry.log`, `postgres.log`). It is
    /// removed with the servers.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}

/// Removes the folder when the owner died before it could.
#[derive(Debug)]
struct Sweeper(Child);

/// The servers end at the moment at which the sweeper starts and may still write: hence several
/// attempts.
const SWEEP: &str = r#"trap : HUP INT TERM
read -r _
for _ in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf "$1" && [ ! -e "$1" ] && exit
  sleep 1
done"#;

impl Sweeper {
    fn spawn(dir: &Path) -> Result<Self> {
        let child = Command::new("/bin/sh")
            .args(["-c", SWEEP, "sweeper"])
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("cannot start a shell")?;
        Ok(Self(child))
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        if let Err(error) = self.0.wait() {
            eprintln!("cannot wait for the sweeper of a temporary folder: {error}");
        }
    }
}
