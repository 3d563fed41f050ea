//! Processes: their start parameters, their identity, and their end.
//!
//! A [`Guarded`] process ends with its owner, even when the owner is killed: a small `sh` beside it
//! reads a pipe that the owner holds, and kills the server at end of file. A detached process (see
//! `up`) outlives its owner. It is found again by pid *and* start time, so that a reused pid
//! is never mistaken for it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// Poll interval of an awaited condition.
const GLANCE: Duration = Duration::from_millis(25);

/// The start parameters of one process.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// The name in messages, e.g. `kafka`.
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    /// User and group to run as, if not the caller's.
    pub(crate) user: Option<(u32, u32)>,
    /// The working directory.
    pub(crate) dir: PathBuf,
    /// Log file for the output of the process.
    pub(crate) log: PathBuf,
}

impl Launch {
    fn prepare(&self, command: &mut Command) -> Result<()> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("cannot write the log {}", self.log.display()))?;
        command
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.dir)
            .stderr(log)
            // A separate process group: Ctrl-C is for the owner, which then stops its servers in
            // order.
            .process_group(0);
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        Ok(())
    }

    /// Starts the process so that it outlives this one.
    pub(crate) fn spawn_detached(&self) -> Result<Child> {
        let mut command = Command::new(&self.program);
        self.prepare(&mut command)?;
        let log = File::options().append(true).open(&self.log)?;
        command.args(&self.args).stdin(Stdio::null()).stdout(log);
        command
            .spawn()
            .with_context(|| format!("cannot start {} ({})", self.name, self.program.display()))
    }
}

/// Reads standard input until its end, which comes when the owner closes the pipe or dies, then
/// kills the server. Until then a server that has ended stays a zombie of this shell, so its pid
/// cannot be reused.
const GUARD: &str = r#"trap : HUP INT TERM
signal=$1; shift
"$@" >&2 </dev/null &
server=$!
echo "$server"
exec >&2
read -r _
kill -s "$signal" "$server"
wait "$server""#;

/// A process that ends with its owner.
#[derive(Debug)]
pub(crate) struct Guarded {
    guard: Child,
    pid: Pid,
}

impl Guarded {
    /// Starts `launch`; `at_end` is the name of the signal for the final end, e.g. `KILL`.
    pub(crate) fn spawn(launch: &Launch, at_end: &str) -> Result<Self> {
        let mut command = Command::new("/bin/sh");
        launch.prepare(&mut command)?;
        command
            .args(["-c", GUARD, "guard", at_end])
            .arg(&launch.program)
            .args(&launch.args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut guard = command
            .spawn()
            .with_context(|| format!("cannot start {}", launch.name))?;
        let mut line = String::new();
        if let Some(stdout) = guard.stdout.take() {
            BufReader::new(stdout)
                .read_line(&mut line)
                .context("cannot read the pid of a server")?;
        }
        let pid = line.trim().parse().ok().and_then(Pid::from_raw);
        let pid = pid
            .with_context(|| format!("cannot start {}: its guard printed {line:?}", launch.name))?;
        Ok(Self { guard, pid })
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(self.pid, signal)
            .with_context(|| format!("cannot signal process {}", self.pid))
    }

    pub(crate) fn is_running(&self) -> bool {
        start_time(self.pid).is_some()
    }

    /// Prevents its files from growing beyond a byte: each write fails, as on a full disk.
    ///
    /// # Errors
    ///
    /// If the operating system is not Linux.
    #[cfg(target_os = "linux")]
    pub(crate) fn fill_disk(&self) -> Result<()> {
        use rustix::process::{Resource, Rlimit, prlimit};
        let limit = Rlimit {
            current: Some(1),
            maximum: None,
        };
        prlimit(Some(self.pid), Resource::Fsize, limit)
            .with_context(|| format!("cannot limit the files of process {}", self.pid))?;
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn fill_disk(&self) -> Result<()> {
        bail!(
            "a full disk can be simulated on Linux only, not for process {}",
            self.pid
        )
    }

    /// Asks the process to end and waits for it; after `patience` it is killed.
    pub(crate) fn stop(self, signal: Signal, patience: Duration) -> Result<()> {
        self.signal(signal)?;
        await_end(patience, || self.is_running());
        Ok(())
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // The guard waits for the server, so after this the server's ports and files are free.
        if let Err(error) = self.guard.wait() {
            eprintln!("cannot wait for the guard of process {}: {error}", self.pid);
        }
    }
}

/// Returns the start time of a process, as printed by the operating system; `None` if there is no
/// such living process.
pub(crate) fn start_time(pid: Pid) -> Option<String> {
    let (state, started) = if Path::new("/proc/self/stat").exists() {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may contain any character; the fields after it are numbered from
        // 3, the start time is 22.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        ((*fields.first()?).to_owned(), (*fields.get(19)?).to_owned())
    } else {
        let pid = pid.to_string();
        let output = Command::new("ps")
            .args(["-o", "state=,lstart=", "-p", &pid])
            .output()
            .ok()?;
        let line = String::from_utf8(output.stdout).ok()?;
        let (state, started) = line.trim().split_once(' ')?;
        (state.to_owned(), started.trim().to_owned())
    };
    (!state.starts_with(['Z', 'X'])).then_some(started)
}

/// Waits until `running` is false; returns true if that happened within `patience`.
pub(crate) fn await_end(patience: Duration, running: impl Fn() -> bool) -> bool {
    let since = Instant::now();
    while running() {
        if since.elapsed() > patience {
            return false;
        }
        thread::sleep(GLANCE);
    }
    true
}

/// Waits until `probe` succeeds.
///
/// # Errors
///
/// If the process ends first or `patience` runs out. The error has the name, the last failure of
/// the probe and the end of the log.
pub(crate) fn await_ready(
    launch: &Launch,
    patience: Duration,
    mut running: impl FnMut() -> bool,
    mut probe: impl FnMut() -> Result<()>,
) -> Result<()> {
    let since = Instant::now();
    loop {
        let ran = running();
        let Err(reason) = probe() else { return Ok(()) };
        let (name, log) = (launch.name, launch.log.display());
        if !ran {
            bail!(
                "{name} ended while it started; the end of its log {log}:\n{}",
                last_lines(&launch.log, 15)
            );
        }
        if since.elapsed() > patience {
            let (seconds, lines) = (patience.as_secs(), last_lines(&launch.log, 15));
            bail!(
                "{name} is not ready after {seconds} s ({reason:#}); the end of its log {log}:\n{lines}"
            );
        }
        thread::sleep(GLANCE);
    }
}

/// Returns the last `count` lines of a text file, or the reason for which it cannot be read.
pub(crate) fn last_lines(path: &Path, count: usize) -> String {
    match fs::read(path) {
        Ok(bytes) if bytes.is_empty() => "(it is empty)".to_owned(),
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(count)..].join("\n")
        }
        Err(error) => format!("(cannot be read: {error})"),
    }
}
