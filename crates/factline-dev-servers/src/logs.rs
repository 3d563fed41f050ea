//! `logs`: prints a log through `tail`, which can also follow a log that is recreated.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::component::log;
use crate::data_dir;

/// Prints the log of `name`. It returns only when it fails, because `tail` replaces this process.
///
/// # Errors
///
/// If there is no such log: the error lists the existing ones.
pub(crate) fn show(name: &str, follow: bool) -> Result<()> {
    let path = log(name);
    if !path.is_file() {
        let mut names: Vec<String> = fs::read_dir(data_dir::home().join("logs"))
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                Some(
                    entry
                        .ok()?
                        .file_name()
                        .into_string()
                        .ok()?
                        .strip_suffix(".log")?
                        .to_owned(),
                )
            })
            .collect();
        names.sort();
        ensure!(!names.is_empty(), "there are no logs yet");
        bail!(
            "there is no log of {name:?}; there are: {}",
            names.join(", ")
        );
    }
    let mut tail = Command::new("tail");
    if follow {
        tail.args(["-n", "50", "-F"])
    } else {
        tail.args(["-n", "+1"])
    };
    Err(tail.arg(path).exec()).context("cannot run tail")
}
