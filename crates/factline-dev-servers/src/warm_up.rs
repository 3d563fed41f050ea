//! Preparations that halve the start time of the servers: archives of the classes that they load,
//! and a formatted data folder to copy.
//!
//! Tests start many sets of servers, and nearly all of that time is spent loading the same classes.
//! Java can keep them in a file, written when a server ends in order (`-XX:ArchiveClassesAtExit`).
//! Nothing depends on these files: without them, or after a change of the Java version, servers
//! only start more slowly.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};

use crate::data_dir::make_dir;
use crate::{Kafka, Registry, kafka, port, provision, registry};

/// Creates the files if they do not exist.
///
/// # Errors
///
/// If a server does not start or stop.
pub(crate) fn warm() -> Result<()> {
    let programs = provision()?;
    let target = programs.join("warm");
    if target.exists() {
        return Ok(());
    }
    let partial = tempfile::Builder::new()
        .prefix("partial.")
        .tempdir_in(programs.join(".."))?;
    let made = partial.path().join("warm");
    make_dir(&made)?;
    let archive = |server: &str| {
        vec![format!(
            "-XX:ArchiveClassesAtExit={}",
            archive(&made, server)
        )]
    };
    let kafka = kafka::Settings {
        jars: programs.join("kafka"),
        port: port::free()?,
        controller_port: port::free()?,
        dir: partial.path().join("kafka"),
        log: partial.path().join("kafka.log"),
        purpose: kafka::Purpose::Throwaway,
        access: kafka::Access::Everybody,
        detours: Vec::new(),
        java: archive("kafka"),
        clock: None,
    };
    let registry = registry::Settings {
        program: programs.join("registry"),
        port: port::free()?,
        dir: partial.path().join("registry"),
        log: partial.path().join("registry.log"),
        java: archive("registry"),
    };
    thread::scope(|scope| {
        let registry = scope.spawn(|| Registry::throwaway(&registry)?.stop());
        kafka::format(&kafka)?;
        copy(&kafka.dir.join("data"), &made.join("kafka-data"))?;
        Kafka::throwaway(&kafka)?.stop()?;
        registry
            .join()
            .map_err(|_| anyhow!("the start of the registry panicked"))?
    })?;
    // A concurrent run may have created its files first: then those are used.
    if let Err(error) = fs::rename(&made, &target) {
        ensure!(
            target.exists(),
            "cannot create {}: {error}",
            target.display()
        );
    }
    Ok(())
}

/// Returns the arguments for Java with which `server` starts faster, if the archive exists.
pub(crate) fn arguments(programs: &Path, server: &str) -> Vec<String> {
    let archive = archive(&programs.join("warm"), server);
    // Java ignores an archive of another version; that is no reason to warn at every start.
    let quiet = ["-Xlog:cds=off", "-Xlog:cds+dynamic=off"].map(str::to_owned);
    let prepared = Path::new(&archive).exists();
    let arguments = || {
        std::iter::once(format!("-XX:SharedArchiveFile={archive}"))
            .chain(quiet)
            .collect()
    };
    if prepared { arguments() } else { Vec::new() }
}

/// Gives a throw-away broker its formatted data folder, if one was prepared.
pub(crate) fn format_kafka(programs: &Path, dir: &Path) -> Result<()> {
    let formatted = programs.join("warm/kafka-data");
    if !formatted.exists() {
        return Ok(());
    }
    make_dir(dir)?;
    copy(&formatted, &dir.join("data"))
}

fn archive(folder: &Path, server: &str) -> String {
    folder.join(format!("{server}.jsa")).display().to_string()
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let status = Command::new("cp")
        .arg("-R")
        .args([from, to])
        .status()
        .context("cannot run cp")?;
    ensure!(
        status.success(),
        "cannot copy {} to {}",
        from.display(),
        to.display()
    );
    Ok(())
}
