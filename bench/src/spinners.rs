//! Spinners: processes that use what no other process needs.
//!
//! They keep the cores at one frequency and awake, so that a waiting program is not slower than a
//! busy one. They have the scheduling policy `SCHED_IDLE` and so take nothing from others. That
//! policy counts within a session where Linux groups processes by session (`sched_autogroup`). So
//! they also have a session of their own, with the lowest priority.

use std::process::{Child, Command, Stdio};

/// One spinner for each core, until it is dropped. None if the machine lacks util-linux.
pub(crate) struct Spinners(Vec<Child>);

impl Spinners {
    pub(crate) fn start() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let spin = |_| {
            let mut command = Command::new("setsid");
            // It ends by itself if this process is killed.
            let program = "echo 19 > /proc/self/autogroup; while kill -0 $PPID; do \
                           i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; done";
            let quiet = command.args(["chrt", "--idle", "0", "sh", "-c", program]);
            let quiet = quiet.stdout(Stdio::null()).stderr(Stdio::null());
            quiet.spawn().ok()
        };
        Self((0..cores).filter_map(spin).collect())
    }
}

impl Drop for Spinners {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // It may have ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
