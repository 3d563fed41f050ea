//! The real process, on a free port, with real servers.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use factline_dev_servers::Servers;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;

pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A running `command-api` process. It ends with the test.
pub(crate) struct CommandApi {
    process: Child,
    origin: String,
    log: Receiver<String>,
    client: Client,
}

impl CommandApi {
    /// Starts the process. It listens when this returns, and may not be ready yet.
    pub(crate) fn start(servers: &Servers, prefix: &str, args: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_command-api"))
            .args(["--kafka-brokers", &servers.kafka.brokers()])
            .args(["--registry-url", &servers.registry.url()])
            .args(["--topic-prefix", prefix, "--log-format", "json"])
            .args(args)
            .env("RUST_LOG", "info,factline_edge=trace")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = lines(process.stderr.take().unwrap());
        let line = wait_for(&log, "listening");
        let line: Value = serde_json::from_str(&line).unwrap();
        Self {
            process,
            origin: format!("http://{}", line["address"].as_str().unwrap()),
            log,
            client: Client::new(),
        }
    }

    /// Starts the process and waits until it is ready.
    pub(crate) async fn ready(servers: &Servers, prefix: &str, args: &[&str]) -> Self {
        let api = Self::start(servers, prefix, args);
        api.readiness(|body| body["ready"] == true).await;
        api
    }

    /// Waits until `/health/ready` returns the wanted body.
    pub(crate) async fn readiness(&self, wanted: impl Fn(&Value) -> bool) {
        let started = Instant::now();
        loop {
            let url = format!("{}/health/ready", self.origin);
            let body: Value = self
                .client
                .get(url)
                .send()
                .await
                .unwrap()
                .json()
                .await
                .unwrap();
            if wanted(&body) {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "still {body}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.origin))
    }

    pub(crate) async fn metrics(&self) -> String {
        let url = format!("{}/metrics", self.origin);
        self.client
            .get(url)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    }

    /// Waits for a log line that contains the text.
    pub(crate) fn logs(&self, text: &str) -> String {
        wait_for(&self.log, text)
    }

    pub(crate) fn terminate(&self) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the process to exit and returns the exit code.
    pub(crate) fn end(&mut self) -> Option<i32> {
        self.process.wait().unwrap().code()
    }
}

impl Drop for CommandApi {
    fn drop(&mut self) {
        // An error means that the process has exited already, which is fine.
        let _ = self.process.kill();
    }
}

/// Reads the lines in a thread, so that a full pipe never blocks the process.
fn lines(log: ChildStderr) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

fn wait_for(log: &Receiver<String>, text: &str) -> String {
    let mut seen = Vec::new();
    loop {
        match log.recv_timeout(PATIENCE) {
            Ok(line) if line.contains(text) => return line,
            Ok(line) => seen.push(line),
            Err(error) => panic!("no {text:?} in the log ({error}):\n{}", seen.join("\n")),
        }
    }
}

/// Returns a header of a response as text.
pub(crate) fn header(response: &Response, name: &str) -> String {
    response.headers()[name].to_str().unwrap().to_owned()
}
