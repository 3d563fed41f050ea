//! The tool `factline` for a running store.

use std::process::Output;

use harness::System;
use tokio::process::Command;

/// Returns the program, with the addresses and the topic prefix of a system.
pub(crate) fn tool(system: &System) -> Command {
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("factline");
    let kafka = system.kafka();
    let mut command = Command::new(program);
    command
        .env("FACTLINE_KAFKA_BROKERS", &kafka.brokers)
        .env("FACTLINE_REGISTRY_URL", &kafka.registry_url)
        .env("FACTLINE_TOPIC_PREFIX", &kafka.topic_prefix)
        .envs(system.environment())
        .kill_on_drop(true);
    command
}

/// Runs the tool until it exits. Returns whether it succeeded, and both of its outputs.
pub(crate) async fn run(system: &System, arguments: &[&str]) -> (bool, String) {
    let output: Output = tool(system).args(arguments).output().await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}
