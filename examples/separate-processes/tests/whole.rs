//! The processes on real servers, each as its own role of the database: a signature is shown.

use std::process::{Child, Command};
use std::time::Duration;

use factline_client::{Client, State};
use factline_dev_servers::{Servers, port};
use serde_json::{Value, json};

/// The name of the database and the prefix of the topics.
const NAME: &str = "separate";

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command(servers: &Servers, program: &str, role: &str) -> Command {
    let mut command = Command::new(program);
    command
        .env("FACTLINE_KAFKA_BROKERS", servers.kafka.brokers())
        .env("FACTLINE_REGISTRY_URL", servers.registry.url())
        .env("FACTLINE_TOPIC_PREFIX", format!("{NAME}."))
        .env("FACTLINE_DATABASE_URL", servers.postgres.url(NAME, role));
    command
}

fn job(mut command: Command, job: &str) {
    assert!(command.arg(job).status().unwrap().success(), "{job}");
}

/// Starts a process and returns it with its address.
fn start(mut command: Command) -> (Running, String) {
    let address = format!("127.0.0.1:{}", port::free().unwrap());
    let process = command.env("FACTLINE_LISTEN", &address).spawn().unwrap();
    (Running(process), format!("http://{address}"))
}

#[tokio::test]
async fn signature_is_shown() {
    let servers = Servers::shared();
    servers.postgres.create_database(NAME).unwrap();
    let handlers = || command(servers, env!("CARGO_BIN_EXE_guests-handlers"), "");
    let tracker = || {
        let program = env!("CARGO_BIN_EXE_guests-tracker");
        command(servers, program, "factline_tracker")
    };
    let projectors = || {
        command(
            servers,
            env!("CARGO_BIN_EXE_guests-views"),
            "factline_projector",
        )
    };
    let reads = command(
        servers,
        env!("CARGO_BIN_EXE_guests-reads"),
        "factline_reader",
    );
    let edge = command(servers, env!("CARGO_BIN_EXE_guests-edge"), "");
    job(handlers(), "provision");
    job(tracker(), "migrate");
    job(projectors(), "migrate");
    let (_handlers, _) = start(handlers());
    let (_projectors, _) = start(projectors());
    let (_edge, edge) = start(edge);
    let (_tracker, tracker) = start(tracker());
    let (_reads, reads) = start(reads);
    let mut gateway = command(servers, env!("CARGO_BIN_EXE_guests-gateway"), "");
    gateway
        .env("FACTLINE_COMMAND_API_URL", edge)
        .env("FACTLINE_OPERATIONS_TRACKER_URL", tracker)
        .env("FACTLINE_READ_API_URL", reads);
    let (_gateway, origin) = start(gateway);

    let client = Client::new(&origin, Duration::from_secs(60)).unwrap();
    let words = json!({"words": "what a book"});
    let sign = factline_client::Command::put("/guests/ada", &words);
    let accepted = client.submit(sign).await.unwrap();
    let signed = client.wait(&accepted.location).await.unwrap();
    assert_eq!(signed.state, State::Completed);
    let position = signed.position.as_deref();
    let page: Option<Value> = client.read(&accepted.resource, position).await.unwrap();
    assert_eq!(page, Some(json!({"words": "what a book", "times": 1})));
}
