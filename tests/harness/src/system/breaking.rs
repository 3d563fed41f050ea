//! Ways to stop and resume an instance other than by a kill.

use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::System;

impl System {
    /// Writes the stacks of each process's threads beside its log, to diagnose a stalled process.
    /// Requires `gdb`; without it nothing is written.
    pub fn keep_stacks(&self) {
        for (name, process) in self.running().iter() {
            let stacks = Command::new("gdb")
                .args(["-batch", "-ex", "thread apply all backtrace 16", "-p"])
                .arg(process.id().to_string())
                .output();
            let Ok(stacks) = stacks else {
                return;
            };
            let file = self.logs.path().join(format!("{name}.stacks"));
            if let Err(error) = std::fs::write(&file, stacks.stdout) {
                eprintln!("cannot write {}: {error}", file.display());
            }
        }
    }

    /// Freezes an instance (SIGSTOP): its connections stay open, and it makes no progress.
    pub fn freeze(&self, name: &str) -> Result<()> {
        self.signal(name, Signal::STOP)
    }

    /// Resumes a frozen instance (SIGCONT).
    pub fn thaw(&self, name: &str) -> Result<()> {
        self.signal(name, Signal::CONT)
    }

    /// Stops an instance in order (SIGTERM), and waits until it has ended. If it takes longer than
    /// `patience`, it is killed and the result is an error.
    pub async fn stop(&self, name: &str, patience: Duration) -> Result<()> {
        self.signal(name, Signal::TERM)?;
        let start = Instant::now();
        while self.end(name)?.is_none() {
            if start.elapsed() > patience {
                self.kill(name)?;
                bail!("{name} has not ended within {patience:?}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.running().remove(name);
        Ok(())
    }

    /// Returns the exit status of an instance that ended by itself; none if it runs, or was stopped
    /// by the test.
    pub fn end(&self, name: &str) -> Result<Option<ExitStatus>> {
        match self.running().get_mut(name) {
            Some(child) => Ok(child.try_wait()?),
            None => Ok(None),
        }
    }

    fn signal(&self, name: &str, signal: Signal) -> Result<()> {
        // Once a process is known to have ended, its pid may belong to another process.
        if self.end(name)?.is_some() {
            return Ok(());
        }
        let running = self.running();
        let child = running
            .get(name)
            .with_context(|| format!("{name} does not run"))?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.with_context(|| format!("{name} has no process id"))?;
        kill_process(pid, signal).with_context(|| format!("cannot signal {name}"))
    }
}
