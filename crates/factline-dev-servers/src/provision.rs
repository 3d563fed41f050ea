//! Fetches the pinned servers by the script `provision`, which reads `pom.xml`.
//!
//! Both files are part of the binary, so a program works without the sources that it was built
//! from. They are a script and a Maven file so that a build can fetch the servers while it compiles
//! this crate. To add a server or change a version, edit `pom.xml`.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::data_dir;

const FILES: [(&str, &str); 2] = [
    ("pom.xml", include_str!("../pom.xml")),
    ("provision", include_str!("../provision")),
];

/// Fetches and unpacks the servers if necessary, and returns the folder with `kafka`, `registry`
/// and `postgres`.
///
/// # Errors
///
/// If Maven is missing or cannot reach its repository; Maven's output is on standard error.
pub fn provision() -> Result<PathBuf> {
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    for (name, text) in FILES {
        let path = folder.path().join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let output = Command::new("bash")
        .arg(folder.path().join("provision"))
        .env("FACTLINE_HOME", data_dir::home())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run bash, which fetches the servers")?;
    ensure!(
        output.status.success(),
        "the servers could not be fetched ({}): see the output above",
        output.status
    );
    let path = String::from_utf8(output.stdout)
        .context("the script that fetches the servers printed a path that is not UTF-8")?;
    Ok(PathBuf::from(path.trim_end()))
}
