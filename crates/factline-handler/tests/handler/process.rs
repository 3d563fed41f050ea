//! Handlers as separate processes: this test binary is started again, and its environment makes it
//! a handler.
//!
//! The environment also selects variations: `FACTLINE_MUTANT` and `FACTLINE_PAUSES` of the crate
//! `factline-failpoints`, and the variable of any option.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};

use crate::rig::{self, Rig, SESSION_TIMEOUT_MS};

const ROLE: &str = "FACTLINE_TEST_HANDLER";

/// Not a test: the code of a child process. It returns at once without the environment of a child.
/// The process ends when its standard input closes, so that it does not outlive the test.
#[tokio::test(flavor = "multi_thread")]
async fn handler() {
    if let Ok(flags) = std::env::var(ROLE) {
        std::thread::spawn(|| {
            let _ = std::io::stdin().read(&mut [0]);
            std::process::exit(0);
        });
        rig::handle_until_killed(&flags).await;
    }
}

pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(rig: &Rig, instance: &str) -> Self {
        Self::start_with(rig, instance, &[])
    }

    /// Starts a process with additional environment variables.
    pub(crate) fn start_with(rig: &Rig, instance: &str, more: &[(&str, &str)]) -> Self {
        Self::start_logging(rig, instance, more, Stdio::null())
    }

    /// Starts a process that writes its log to `log`; `RUST_LOG` selects the contents.
    pub(crate) fn start_logging(
        rig: &Rig,
        instance: &str,
        more: &[(&str, &str)],
        log: Stdio,
    ) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["process::handler", "--exact", "--nocapture"])
            .env(ROLE, rig.flags(instance))
            .env(
                "FACTLINE_SESSION_TIMEOUT_MS",
                SESSION_TIMEOUT_MS.to_string(),
            )
            .envs(more.iter().copied())
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Kills the process and restarts it with the same instance id.
    pub(crate) fn restart(&mut self, rig: &Rig, instance: &str) {
        self.kill();
        *self = Self::start(rig, instance);
    }

    /// Sends a signal, for example to stop or continue the process, as happens when a machine swaps
    /// or migrates.
    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args([signal, &self.0.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    /// Kills the process with SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
