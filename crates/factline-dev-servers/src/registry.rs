//! The schema registry: Apicurio, with the Confluent interface under `/apis/ccompat/v7`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde_json::json;

use crate::data_dir::make_dir;
use crate::kafka::java;
use crate::process::Launch;
use crate::runtime::block_on;
use crate::server::Server;

/// Port and folders of one registry.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The unpacked archive.
    pub(crate) program: PathBuf,
    pub(crate) port: u16,
    pub(crate) dir: PathBuf,
    pub(crate) log: PathBuf,
    /// Additional arguments for Java; see `warm_up`.
    pub(crate) java: Vec<String>,
}

/// A throw-away registry. It ends when this value is dropped.
#[derive(Debug)]
pub struct Registry {
    port: u16,
    server: Server,
}

impl Registry {
    pub(crate) fn throwaway(settings: &Settings) -> Result<Self> {
        let server = Server::new(launch(settings)?, Signal::TERM, "KILL");
        let registry = Self {
            port: settings.port,
            server,
        };
        registry.start()?;
        Ok(registry)
    }

    /// Returns the address for clients, with the path of the Confluent interface.
    pub fn url(&self) -> String {
        url(self.port)
    }

    /// Restarts the registry with its data, and waits until it answers.
    ///
    /// # Errors
    ///
    /// If it already runs, ends at once or is not ready in time.
    pub fn start(&self) -> Result<()> {
        self.server.start(|| ready(self.port))
    }

    /// Stops the registry in order (SIGTERM).
    ///
    /// # Errors
    ///
    /// If it does not run.
    pub fn stop(&self) -> Result<()> {
        self.server.stop()
    }

    /// Crashes the registry (SIGKILL).
    ///
    /// # Errors
    ///
    /// If it does not run.
    pub fn kill(&self) -> Result<()> {
        self.server.kill(Signal::KILL)
    }
}

/// Returns the address of a registry on `port`, with the path of the Confluent interface.
pub(crate) fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}/apis/ccompat/v7")
}

pub(crate) fn launch(settings: &Settings) -> Result<Launch> {
    make_dir(&settings.dir)?;
    let runner = runner(&settings.program)?.display().to_string();
    let args = [
        "-Xmx256m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-jar",
        &runner,
    ];
    Ok(Launch {
        name: "registry",
        program: java(),
        args: settings
            .java
            .iter()
            .cloned()
            .chain(args.map(str::to_owned))
            .collect(),
        env: [
            (
                "REGISTRY_DATASOURCE_URL",
                format!("jdbc:h2:file:{}", settings.dir.join("schemas").display()),
            ),
            ("QUARKUS_HTTP_HOST", "127.0.0.1".to_owned()),
            ("QUARKUS_HTTP_PORT", settings.port.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into(),
        user: None,
        dir: settings.dir.clone(),
        log: settings.log.clone(),
    })
}

/// Succeeds when the registry has accepted `FULL_TRANSITIVE` as its global mode: every version of a
/// schema must be able to read, and be read by, every earlier version.
pub(crate) fn ready(port: u16) -> Result<()> {
    block_on(async move {
        let response = reqwest::Client::builder()
            .timeout(Duration::from_secs(5))
            .build()?
            .put(format!("{}/config", url(port)))
            .json(&json!({ "compatibility": "FULL_TRANSITIVE" }))
            .send()
            .await
            .context("no connection")?;
        ensure!(
            response.status().is_success(),
            "the registry answers {}",
            response.status()
        );
        Ok(())
    })
}

fn runner(program: &Path) -> Result<PathBuf> {
    fs::read_dir(program)
        .with_context(|| format!("cannot read {}", program.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.to_string_lossy().ends_with("-runner.jar"))
        .with_context(|| format!("no runner jar in {}", program.display()))
}
