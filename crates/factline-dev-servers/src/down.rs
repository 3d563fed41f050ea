//! `down` and `reset`: stop what `up` started and nothing else, and wipe its data.

use std::fs;
use std::io::ErrorKind;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use rustix::process::{Signal, kill_process};

use crate::component::{self, Part, Running};
use crate::process::await_end;
use crate::run::{lock, step};
use crate::services::{Addresses, Project};
use crate::{data_dir, postgres};

/// Stops the services, then the servers, by the pids that were recorded when they started.
///
/// # Errors
///
/// If a process can neither be stopped nor killed.
pub(crate) fn down(project: &Project) -> Result<()> {
    let _lock = lock()?;
    stop_everything(project)
}

/// Stops everything and removes data, logs and pid files. The unpacked servers stay.
///
/// # Errors
///
/// As [`down`], and when a folder cannot be removed.
pub(crate) fn reset(project: &Project) -> Result<()> {
    let _lock = lock()?;
    stop_everything(project)?;
    let home = data_dir::home();
    for dir in [
        postgres::lasting_data(&home)?,
        home.join("data"),
        home.join("logs"),
    ] {
        match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            removed => {
                removed.with_context(|| format!("cannot remove {}", dir.display()))?;
                println!("removed {}", dir.display());
            }
        }
    }
    Ok(())
}

fn stop_everything(project: &Project) -> Result<()> {
    // Ports do not matter here: the pid files name the processes.
    let mut stopped = 0;
    for parts in [
        component::services(project, Addresses::default()),
        component::servers(Addresses::default()),
    ] {
        stopped += stop_all(&parts)?;
    }
    if stopped == 0 {
        println!("nothing is running");
    }
    Ok(())
}

/// Stops all at once; returns the number of processes that ran.
fn stop_all(parts: &[Part]) -> Result<usize> {
    thread::scope(|scope| {
        let stops: Vec<_> = parts
            .iter()
            .map(|part| scope.spawn(move || stop(part)))
            .collect();
        let mut stopped = 0;
        for stop in stops {
            stopped += usize::from(
                stop.join()
                    .map_err(|_| anyhow!("stopping a process panicked"))??,
            );
        }
        Ok(stopped)
    })
}

/// Asks a process to end, waits, and kills it after a timeout; returns true if it ran.
pub(crate) fn stop(part: &Part) -> Result<bool> {
    let since = Instant::now();
    let Some(running) = part.running() else {
        part.forget()?;
        return Ok(false);
    };
    signal(part, &running, part.stop)?;
    if await_end(part.patience, || running.is_alive()) {
        step(part.name, "stopped", since);
    } else {
        signal(part, &running, part.end)?;
        if !await_end(Duration::from_secs(10), || running.is_alive()) {
            signal(part, &running, Signal::KILL)?;
        }
        step(part.name, "killed", since);
    }
    part.forget()?;
    Ok(true)
}

fn signal(part: &Part, running: &Running, signal: Signal) -> Result<()> {
    match kill_process(running.pid, signal) {
        // The process has ended by itself meanwhile.
        Err(rustix::io::Errno::SRCH) => Ok(()),
        sent => sent.with_context(|| format!("cannot stop {} (pid {})", part.name, running.pid)),
    }
}
