//! The parts of a running system: three servers and the services, with their files on disk.
//!
//! A pid file names a process by pid *and* start time. After a reboot or a long time the pid alone
//! may belong to another process, which must never be signalled.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal};
use serde_json::{Value, json};

use crate::data_dir::make_dir;
use crate::process::start_time;
use crate::runtime::block_on;
use crate::services::{Addresses, Project, Service, ports};
use crate::{data_dir, kafka, postgres, registry};

/// The names of the servers, in the order of status tables.
pub const SERVERS: [&str; 3] = ["postgres", "kafka", "registry"];

/// One process of the system.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    /// The main port, then the others that it needs.
    pub(crate) ports: Vec<u16>,
    /// The signal for an orderly stop.
    pub(crate) stop: Signal,
    /// The signal for a forced end.
    pub(crate) end: Signal,
    /// Timeout of an orderly stop.
    pub(crate) patience: Duration,
    /// Readiness probe; the error is the reason.
    pub(crate) probe: fn(u16) -> Result<()>,
}

/// A started process, as its pid file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Running {
    pub(crate) pid: Pid,
    /// Start time, as printed by the operating system.
    pub(crate) started: String,
    pub(crate) port: u16,
    /// Build time of its binary, in milliseconds since 1970.
    pub(crate) built: u64,
}

/// The servers.
pub(crate) fn servers(addresses: Addresses) -> Vec<Part> {
    let server = |name, ports: &[u16], stop, end, probe| Part {
        name,
        ports: ports.iter().map(|port| addresses.port(*port)).collect(),
        stop,
        end,
        patience: Duration::from_secs(30),
        probe,
    };
    let [postgres, kafka, registry] = SERVERS;
    vec![
        server(
            postgres,
            &[ports::POSTGRES],
            Signal::INT,
            Signal::QUIT,
            postgres::ready,
        ),
        server(
            kafka,
            &[ports::KAFKA, ports::KAFKA_CONTROLLER],
            Signal::TERM,
            Signal::KILL,
            kafka::ready,
        ),
        server(
            registry,
            &[ports::REGISTRY],
            Signal::TERM,
            Signal::KILL,
            registry::ready,
        ),
    ]
}

/// The services, in the order of the table.
pub(crate) fn services(project: &Project, addresses: Addresses) -> Vec<Part> {
    let part = |service: &Service| Part {
        name: service.name,
        ports: vec![addresses.port(service.port)],
        stop: Signal::TERM,
        end: Signal::KILL,
        patience: Duration::from_secs(15),
        probe: service_ready,
    };
    project.services.iter().map(part).collect()
}

/// Returns the log of a process that `up` started.
pub(crate) fn log(name: &str) -> PathBuf {
    data_dir::home().join("logs").join(format!("{name}.log"))
}

impl Part {
    pub(crate) fn port(&self) -> u16 {
        self.ports.first().copied().unwrap_or_default()
    }

    fn pid_file(&self) -> PathBuf {
        data_dir::home()
            .join("run")
            .join(format!("{}.json", self.name))
    }

    /// Returns the process that the pid file names, if it still is that process.
    pub(crate) fn running(&self) -> Option<Running> {
        let text = fs::read_to_string(self.pid_file()).ok()?;
        let value: Value = serde_json::from_str(&text).ok()?;
        let running = Running {
            pid: Pid::from_raw(i32::try_from(value["pid"].as_i64()?).ok()?)?,
            started: value["started"].as_str()?.to_owned(),
            port: u16::try_from(value["port"].as_u64()?).ok()?,
            built: value["built"].as_u64()?,
        };
        running.is_alive().then_some(running)
    }

    /// Writes the pid file of a process that was just started from `program`.
    pub(crate) fn record(&self, pid: u32, program: &Path) -> Result<()> {
        let pid = i32::try_from(pid)
            .ok()
            .and_then(Pid::from_raw)
            .context("a pid out of range")?;
        // A process that has already ended has no start time; the caller that waits for it reports
        // that.
        let Some(started) = start_time(pid) else {
            return Ok(());
        };
        let (pid, port, built) = (pid.as_raw_pid(), self.port(), build_time(program));
        let value = json!({ "pid": pid, "started": started, "port": port, "built": built });
        let path = self.pid_file();
        make_dir(path.parent().unwrap_or(&path))?;
        fs::write(&path, value.to_string())
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Removes the pid file of a process that has ended.
    pub(crate) fn forget(&self) -> Result<()> {
        match fs::remove_file(self.pid_file()) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", self.pid_file().display()))
            }
            _ => Ok(()),
        }
    }
}

impl Running {
    pub(crate) fn is_alive(&self) -> bool {
        start_time(self.pid).is_some_and(|started| started == self.started)
    }
}

/// Returns the time of a file's last write, in milliseconds since 1970; 0 if it cannot be read.
pub(crate) fn build_time(program: &Path) -> u64 {
    fs::metadata(program)
        .and_then(|found| found.modified())
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .and_then(|age| u64::try_from(age.as_millis()).ok())
        .unwrap_or(0)
}

/// Queries a service's readiness; the error lists its reasons.
pub(crate) fn service_ready(port: u16) -> Result<()> {
    block_on(async move {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(5))
            .build()?;
        let url = format!("http://127.0.0.1:{port}/health/ready");
        let response = client
            .get(&url)
            .send()
            .await
            .with_context(|| format!("no answer from {url}"))?;
        let status = response.status();
        let body: Value = response.json().await.unwrap_or_default();
        let listed = |key: &str| body[key].as_array().into_iter().flatten();
        // A process that can do a part of its work is ready for clients, but not complete.
        let reasons = listed("reasons").chain(listed("degraded"));
        let reasons: Vec<&str> = reasons.filter_map(Value::as_str).collect();
        let is_complete = status.is_success() && reasons.is_empty();
        let reasons = if reasons.is_empty() {
            format!("{url} answers {status}")
        } else {
            reasons.join("; ")
        };
        ensure!(is_complete, "{reasons}");
        Ok(())
    })
}
