//! Ways to bring an instance down, and up again, other than by a kill.

use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::System;

impl System {
    /// Writes beside each process's log where its threads stand, for whoever asks why one does not go on. Takes `gdb`;
    /// without it there is nothing.
    pub fn keep_stacks(&self) {
        for (name, process) in self.running().iter() {
            let told = Command::new("gdb")
                .args(["-batch", "-ex", "thread apply all backtrace 16", "-p"])
                .arg(process.id().to_string())
                .output();
            let Ok(told) = told else {
                return;
            };
            let file = self.logs.path().join(format!("{name}.stacks"));
            if let Err(error) = std::fs::write(&file, told.stdout) {
                eprintln!("cannot write {}: {error}", file.display());
            }
        }
    }

    /// Freezes an instance (SIGSTOP): its connections stay open, and it does nothing.
    pub fn freeze(&self, name: &str) -> Result<()> {
        self.signal(name, Signal::STOP)
    }

    /// Lets a frozen instance go on (SIGCONT).
    pub fn thaw(&self, name: &str) -> Result<()> {
        self.signal(name, Signal::CONT)
    }

    /// Ends an instance in order (SIGTERM), and waits until it has. One that takes longer than `patience` is killed, and that
    /// is an error.
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

    /// How an instance has ended by itself; none if it runs, or was brought down.
    pub fn end(&self, name: &str) -> Result<Option<ExitStatus>> {
        match self.running().get_mut(name) {
            Some(child) => Ok(child.try_wait()?),
            None => Ok(None),
        }
    }

    fn signal(&self, name: &str, signal: Signal) -> Result<()> {
        // Once it is known to have ended, its id may be somebody else's.
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
