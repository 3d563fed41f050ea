//! Servers that are unavailable: the tool says so at once, in one line.

use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::stage::Stage;

/// Maximum time after which the tool must have named an unavailable server.
const LIMIT: Duration = Duration::from_secs(3);

/// Every command that needs Kafka.
const COMMANDS: [&[&str]; 12] = [
    &["events", "ordering.order"],
    &["events", "ordering.order", "--follow"],
    &["history", "7"],
    &["state", "ordering.order", "7"],
    &["topics", "plan"],
    &["backup", "/nowhere"],
    &["restore", "/nowhere"],
    &["topics", "apply"],
    &["dead-letters", "list", "ordering.order"],
    &["dead-letters", "show", "ordering.order", "x"],
    &["dead-letters", "redrive", "ordering.order", "x"],
    &["dead-letters", "discard", "ordering.order", "x"],
];

/// Returns an address at which no process listens.
fn closed() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Returns a listener whose connections the system accepts, and to which no process answers.
fn silent() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn tool(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_factline"));
    command.args(arguments).env("USER", "ada");
    command
}

/// Runs the tool, and checks that it fails within the limit with one line that contains these
/// texts. A loaded machine may delay one run, so the fastest of three counts.
fn assert_one_line(mut run: impl FnMut() -> Command, texts: &[&str]) {
    let mut fastest = Duration::MAX;
    for _ in 0..3 {
        let mut command = run();
        let begun = Instant::now();
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().unwrap();
        fastest = fastest.min(begun.elapsed());
        let err = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(1), "{command:?}: {err}");
        assert!(stdout.is_empty(), "{command:?}");
        assert_eq!(err.lines().count(), 1, "{command:?}: {err}");
        for text in texts {
            assert!(err.contains(text), "{command:?}: {err} lacks {text}");
        }
        if fastest < LIMIT {
            return;
        }
    }
    panic!("{:?} took {fastest:?}", run());
}

#[test]
fn closed_port_is_named_once_by_every_command() {
    let brokers = closed().to_string();
    let checks = COMMANDS.map(|command| {
        let brokers = brokers.clone();
        std::thread::spawn(move || {
            let run = || tool(&[command, &["--kafka-brokers", &brokers]].concat());
            let texts = [brokers.as_str(), "--kafka-brokers", "Connection refused"];
            assert_one_line(run, &texts);
        })
    });
    for check in checks {
        check.join().unwrap();
    }
}

#[test]
fn silent_broker_is_named_once() {
    let (_open, address) = silent();
    let brokers = address.to_string();
    let run = || tool(&["history", "7", "--kafka-brokers", &brokers]);
    assert_one_line(run, &[&brokers, "--kafka-brokers", "nothing was received"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn unavailable_registry_is_named_once() {
    let stage = Stage::empty("registry").await;
    let brokers = stage.fixture.kafka.brokers.clone();
    let (_open, silent) = silent();
    for address in [closed(), silent] {
        let url = format!("http://ada:secret@{address}/apis");
        let arguments = ["--brokers", &brokers, "--registry-url", &url];
        for command in [&["history", "7"][..], &["events", "ordering.order"]] {
            let run = || tool(&[command, &arguments].concat());
            let shown = format!("http://{address}/apis");
            assert_one_line(run, &[&shown, "schema registry", "--registry-url"]);
        }
    }
}

#[test]
fn unavailable_store_is_named_once() {
    let (_open, silent) = silent();
    for address in [closed(), silent] {
        let url = format!("http://{address}");
        let run = || tool(&["operation", "7", "--url", &url]);
        assert_one_line(run, &[&url, "the store", "--url"]);
    }
}
