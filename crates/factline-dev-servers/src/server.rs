//! The common part of the three throw-away servers: one guarded process that can be broken and
//! restarted.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::process::{Guarded, Launch, await_end, await_ready};

/// Timeout of a start: far more than needed, because tests run on loaded machines.
const START: Duration = Duration::from_mins(2);
/// Timeout of an orderly stop.
const STOP: Duration = Duration::from_mins(1);

/// A server that can be started and stopped any number of times with the same port and data.
#[derive(Debug)]
pub(crate) struct Server {
    launch: Launch,
    /// The signal for an orderly stop.
    stop: Signal,
    /// The name of the signal that ends it at once, children included.
    end: &'static str,
    process: Mutex<Option<Guarded>>,
}

impl Server {
    pub(crate) fn new(launch: Launch, stop: Signal, end: &'static str) -> Self {
        Self {
            launch,
            stop,
            end,
            process: Mutex::new(None),
        }
    }

    fn process(&self) -> MutexGuard<'_, Option<Guarded>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the process and waits until `probe` succeeds.
    pub(crate) fn start(&self, probe: impl FnMut() -> Result<()>) -> Result<()> {
        let mut process = self.process();
        if process.as_ref().is_some_and(Guarded::is_running) {
            bail!("{} is already running", self.launch.name);
        }
        // Drops the remains of the previous one first, which frees its pid.
        *process = None;
        let started = Guarded::spawn(&self.launch, self.end)?;
        let ready = await_ready(&self.launch, START, || started.is_running(), probe);
        if ready.is_ok() {
            *process = Some(started);
        }
        ready
    }

    /// Ends the process at once, as a crash does, and waits for its end.
    pub(crate) fn kill(&self, signal: Signal) -> Result<()> {
        let process = self
            .process()
            .take()
            .with_context(|| format!("{} does not run", self.launch.name))?;
        process.stop(signal, STOP)
    }

    /// Ends the process in order.
    pub(crate) fn stop(&self) -> Result<()> {
        self.kill(self.stop)
    }

    /// Makes all writes fail and waits until the process has ended by itself.
    pub(crate) fn fill_disk(&self) -> Result<()> {
        let mut process = self.process();
        let name = self.launch.name;
        let running = process
            .as_ref()
            .with_context(|| format!("{name} does not run"))?;
        running.fill_disk()?;
        if !await_end(STOP, || running.is_running()) {
            bail!("{name} keeps running although its disk is full");
        }
        *process = None;
        Ok(())
    }

    /// Sends a signal without waiting for its effect.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        match self.process().as_ref() {
            Some(process) => process.signal(signal),
            None => bail!("{} does not run", self.launch.name),
        }
    }
}
