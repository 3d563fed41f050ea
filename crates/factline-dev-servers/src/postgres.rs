//! PostgreSQL, with the database and the roles of Factline's processes.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::data_dir::{make_dir, open_home, open_to_all};
use crate::process::Launch;
use crate::runtime::block_on;
use crate::server::Server;

/// The superuser, and the name of the database of `up`.
pub const SUPERUSER: &str = "factline";
/// Roles that may create schemas in a database: each migrates its own.
pub const WRITERS: [&str; 2] = ["factline_tracker", "factline_projector"];
/// The role that may only select; migrations grant it its rights.
pub const READER: &str = "factline_reader";

/// Port and folders of one server.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The unpacked archive: `bin`, `lib`, `share`.
    pub(crate) program: PathBuf,
    pub(crate) port: u16,
    /// The data folder; it belongs to PostgreSQL.
    pub(crate) data: PathBuf,
    pub(crate) log: PathBuf,
    /// True if an acknowledged commit must survive a crash of the machine. It survives a crash of
    /// the server in any case.
    pub(crate) durable: bool,
}

/// A throw-away server. It ends when this value is dropped.
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    server: Server,
}

impl Postgres {
    pub(crate) fn throwaway(settings: &Settings) -> Result<Self> {
        format(settings)?;
        // SIGQUIT is PostgreSQL's own immediate end: like a crash, but its children end too.
        let server = Server::new(launch(settings)?, Signal::INT, "QUIT");
        let postgres = Self {
            port: settings.port,
            server,
        };
        postgres.start()?;
        bootstrap(settings.port)?;
        Ok(postgres)
    }

    /// Returns the address of `database` for `role`, without a password: the server trusts the
    /// loopback address.
    pub fn url(&self, database: &str, role: &str) -> String {
        url(self.port, database, role)
    }

    /// Creates a database in which the writing roles may create their schemas.
    ///
    /// # Errors
    ///
    /// If the name has characters other than lower-case letters, digits and underscores, or is
    /// taken.
    pub fn create_database(&self, name: &str) -> Result<()> {
        create_database(self.port, name)
    }

    /// Creates a database with the contents of another one, to which nothing may be connected.
    ///
    /// # Errors
    ///
    /// The same as of [`create_database`](Self::create_database), for either name; or if there are
    /// connections.
    pub fn copy_database(&self, from: &str, name: &str) -> Result<()> {
        create_database_from(self.port, Some(from), name)
    }

    /// Restarts the server with its data, and waits until it accepts connections.
    ///
    /// # Errors
    ///
    /// If it already runs, ends at once or is not ready in time.
    pub fn start(&self) -> Result<()> {
        self.server.start(|| ready(self.port))
    }

    /// Crashes the server: every process of it ends at once, and the next start recovers from the
    /// write-ahead log.
    ///
    /// # Errors
    ///
    /// If it does not run.
    pub fn kill(&self) -> Result<()> {
        // SIGKILL would end the parent alone, and a new server cannot start beside its orphans.
        self.server.kill(Signal::QUIT)
    }
}

pub(crate) fn url(port: u16, database: &str, role: &str) -> String {
    format!("postgres://{role}@127.0.0.1:{port}/{database}")
}

/// Creates the data folder on the first start.
pub(crate) fn format(settings: &Settings) -> Result<()> {
    let data = &settings.data;
    if data.join("PG_VERSION").exists() {
        return Ok(());
    }
    make_dir(data)?;
    let user = unprivileged()?;
    let mut command = Command::new(settings.program.join("bin/initdb"));
    command
        .args([
            "-U",
            SUPERUSER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
            "--no-instructions",
            "-D",
        ])
        .arg(data)
        .current_dir(data);
    if let Some((user, group)) = user {
        chown(data, Some(user), Some(group))
            .with_context(|| format!("cannot change the owner of {}", data.display()))?;
        command.uid(user).gid(group);
    }
    let output = command.output().context("cannot run initdb")?;
    ensure!(
        output.status.success(),
        "cannot create the data folder of PostgreSQL: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

pub(crate) fn launch(settings: &Settings) -> Result<Launch> {
    let data = settings.data.display().to_string();
    let port = format!("port={}", settings.port);
    let fsync = format!("fsync={}", if settings.durable { "on" } else { "off" });
    let mut args = vec!["-D".to_owned(), data];
    for option in [
        &port,
        &fsync,
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "max_connections=300",
        "shared_buffers=64MB",
        "timezone=UTC",
        "log_timezone=UTC",
    ] {
        args.extend(["-c".to_owned(), option.to_owned()]);
    }
    Ok(Launch {
        name: "postgres",
        program: settings.program.join("bin/postgres"),
        args,
        env: Vec::new(),
        user: unprivileged()?,
        dir: settings.data.clone(),
        log: settings.log.clone(),
    })
}

/// Succeeds when the server accepts a connection.
pub(crate) fn ready(port: u16) -> Result<()> {
    execute(port, "postgres", "SELECT 1")
}

/// Creates the roles and the database `factline` if they do not exist.
pub(crate) fn bootstrap(port: u16) -> Result<()> {
    for role in WRITERS.into_iter().chain([READER]) {
        let missing = format!("IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}')");
        execute(
            port,
            "postgres",
            &format!("DO $$ BEGIN {missing} THEN CREATE ROLE {role} LOGIN; END IF; END $$"),
        )?;
    }
    if execute(port, SUPERUSER, "SELECT 1").is_err() {
        create_database(port, SUPERUSER)?;
    }
    Ok(())
}

fn create_database(port: u16, name: &str) -> Result<()> {
    create_database_from(port, None, name)
}

fn create_database_from(port: u16, from: Option<&str>, name: &str) -> Result<()> {
    let valid =
        |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'_';
    for name in from.into_iter().chain([name]) {
        ensure!(
            !name.is_empty() && name.bytes().all(valid),
            "{name:?} is not a plain database name"
        );
    }
    let template = from.map_or_else(String::new, |from| format!(" TEMPLATE {from}"));
    execute(
        port,
        "postgres",
        &format!("CREATE DATABASE {name}{template}"),
    )?;
    execute(
        port,
        "postgres",
        &format!("GRANT CREATE ON DATABASE {name} TO {}", WRITERS.join(", ")),
    )
}

fn execute(port: u16, database: &str, statement: &str) -> Result<()> {
    let (url, statement) = (url(port, database, SUPERUSER), statement.to_owned());
    block_on(async move {
        let work = async {
            let mut connection = PgConnection::connect(&url)
                .await
                .with_context(|| format!("cannot connect to {url}"))?;
            sqlx::raw_sql(AssertSqlSafe(statement))
                .execute(&mut connection)
                .await?;
            Ok(connection.close().await?)
        };
        match tokio::time::timeout(Duration::from_secs(20), work).await {
            Ok(done) => done,
            Err(_) => bail!("no answer from PostgreSQL within 20 s"),
        }
    })
}

/// Returns the user and group to run as: `nobody` when this process is root, because PostgreSQL
/// refuses to run as root.
fn unprivileged() -> Result<Option<(u32, u32)>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    let found = users.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        match fields[..] {
            ["nobody", _, user, group, ..] => Some((user.parse().ok()?, group.parse().ok()?)),
            _ => None,
        }
    });
    found
        .map(Some)
        .context("PostgreSQL refuses to run as root, and the user `nobody` does not exist")
}

/// Returns the folder to run PostgreSQL from: `unpacked`, or a copy if its user cannot reach that.
pub(crate) fn reachable_program(unpacked: &Path, home: &Path) -> Result<PathBuf> {
    if unprivileged()?.is_none() || open_to_all(unpacked) {
        return Ok(unpacked.to_path_buf());
    }
    let version = unpacked
        .parent()
        .and_then(Path::file_name)
        .unwrap_or_default();
    let copy = open_home(home)?.join(version);
    if !copy.exists() {
        let partial = tempfile::Builder::new()
            .prefix("partial")
            .tempdir_in(open_home(home)?)?;
        let target = partial.path().join("postgres");
        let status = Command::new("cp")
            .arg("-RP")
            .arg(unpacked)
            .arg(&target)
            .status()
            .context("cannot run cp")?;
        ensure!(
            status.success(),
            "cannot copy {} to {}",
            unpacked.display(),
            target.display()
        );
        // A concurrent run may have made the copy first: then that one is used.
        if let Err(error) = fs::rename(&target, &copy) {
            ensure!(copy.exists(), "cannot create {}: {error}", copy.display());
        }
    }
    Ok(copy)
}

/// Returns the data folder of `up`: in `data_dir`, or elsewhere if PostgreSQL's user cannot
/// reach that.
pub(crate) fn lasting_data(home: &Path) -> Result<PathBuf> {
    if unprivileged()?.is_none() || open_to_all(home) {
        return Ok(home.join("data/postgres"));
    }
    Ok(open_home(home)?.join("data"))
}
