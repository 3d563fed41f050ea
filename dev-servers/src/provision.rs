//! Fetches the pinned servers by the script `dev-servers/provision`, which reads
//! `dev-servers/pom.xml`.
//!
//! It is a script so that `./dev` can run it in parallel with the first compilation. To add a
//! server or change a version, edit `pom.xml`.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::data_dir;

/// Fetches and unpacks the servers if necessary, and returns the folder with `kafka`, `registry`
/// and `postgres`.
///
/// # Errors
///
/// If Maven is missing or cannot reach its repository; Maven's output is on standard error.
pub fn provision() -> Result<PathBuf> {
    let script = data_dir::checkout().join("dev-servers/provision");
    let output = Command::new(&script)
        .env("FACTLINE_HOME", data_dir::home())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {}", script.display()))?;
    ensure!(
        output.status.success(),
        "the servers could not be fetched ({} ended with {}): see Maven's output above",
        script.display(),
        output.status
    );
    let path = String::from_utf8(output.stdout)
        .context("dev-servers/provision printed a path that is not UTF-8")?;
    Ok(PathBuf::from(path.trim_end()))
}
