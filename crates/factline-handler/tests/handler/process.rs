//! Handlers as processes of their own: this test binary once more, told by its environment to be one.
//!
//! What may be different about one is in its environment, too: `FACTLINE_MUTANT` and `FACTLINE_PAUSES` of the crate
//! `factline-failpoints`, and any option's variable.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};

use crate::rig::{self, Rig, SESSION_TIMEOUT_MS};

const ROLE: &str = "FACTLINE_TEST_HANDLER";

/// Not a test: what a child process runs. Without the environment of one it does nothing. It ends with its standard input,
/// so that it outlives nobody.
#[tokio::test(flavor = "multi_thread")]
async fn handler() {
    if let Ok(flags) = std::env::var(ROLE) {
        std::thread::spawn(|| {
            let _ = std::io::stdin().read(&mut [0]);
            std::process::exit(0);
        });
        rig::handle_for_ever(&flags).await;
    }
}

pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(rig: &Rig, instance: &str) -> Self {
        Self::start_with(rig, instance, &[])
    }

    /// One whose environment says more.
    pub(crate) fn start_with(rig: &Rig, instance: &str, more: &[(&str, &str)]) -> Self {
        Self::start_logging(rig, instance, more, Stdio::null())
    }

    /// One whose log goes somewhere; `RUST_LOG` says what is in it.
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

    /// Killed, and started again in the same slot.
    pub(crate) fn restart(&mut self, rig: &Rig, instance: &str) {
        self.kill();
        *self = Self::start(rig, instance);
    }

    /// Stopped or continued, as a machine does that swaps or migrates.
    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args([signal, &self.0.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    /// With SIGKILL.
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
