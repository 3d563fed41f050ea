//! The process under test: the example `greeter`.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

/// A running process. It ends with this value.
pub(crate) struct Greeter {
    process: Child,
    pub(crate) address: String,
    pub(crate) log: BufReader<ChildStderr>,
}

/// Returns the program's path. Cargo builds examples beside the tests.
pub(crate) fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let target = tests.parent().and_then(Path::parent).unwrap();
    target.join("examples/greeter")
}

impl Drop for Greeter {
    fn drop(&mut self) {
        // Fails if the process has already ended, which is fine.
        let _ = self.process.kill();
    }
}

impl Greeter {
    /// Starts it, and waits until it listens.
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut process = Command::new(program())
            .args(["--log-format", "json"])
            .args(args)
            .env("RUST_LOG", "info")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let line = line_with(&mut log, "listening");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        Self {
            process,
            address: line["address"].as_str().unwrap().to_owned(),
            log,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Returns the exit code and the time until the process ended.
    pub(crate) fn end(mut self) -> (Option<i32>, Duration) {
        let started = Instant::now();
        let code = self.process.wait().unwrap().code();
        (code, started.elapsed())
    }
}

/// Returns the next line of the log that contains this text.
pub(crate) fn line_with(log: &mut BufReader<ChildStderr>, text: &str) -> String {
    let mut line = String::new();
    while log.read_line(&mut line).unwrap() > 0 {
        if line.contains(text) {
            return line;
        }
        line.clear();
    }
    panic!("the log ended without {text:?}");
}
