//! Fetching the pinned servers: a call of the script `infra/provision`, which reads `infra/pom.xml`.
//!
//! It is a script so that `./dev` can run it beside the first compilation. Another server, or another version, is an
//! entry in `pom.xml`.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::home;

/// Fetches and unpacks the servers unless that is done, and returns the folder with `kafka`, `registry` and `postgres`.
///
/// # Errors
/// When Maven is missing or cannot reach its repository; its own words are on standard error.
pub fn provision() -> Result<PathBuf> {
    let script = home::checkout().join("infra/provision");
    let output = Command::new(&script)
        .env("FACTLINE_HOME", home::home())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {}", script.display()))?;
    ensure!(
        output.status.success(),
        "the servers could not be fetched ({} ended with {}): Maven's words are above",
        script.display(),
        output.status
    );
    let path = String::from_utf8(output.stdout)
        .context("infra/provision printed a path that is not UTF-8")?;
    Ok(PathBuf::from(path.trim_end()))
}
