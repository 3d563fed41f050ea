//! `psql` and `kafka`: the servers' own clients, which get the addresses of `up`.

use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use crate::services::{Addresses, ports};
use crate::{kafka, postgres, provision};

/// Option with the brokers' address.
const BROKERS: &str = "--bootstrap-server";

/// Kafka's tools: the names of the scripts in its archive without `kafka-` and `.sh`, and their
/// classes.
const TOOLS: [(&str, &str); 17] = [
    ("acls", "org.apache.kafka.tools.AclCommand"),
    (
        "broker-api-versions",
        "org.apache.kafka.tools.BrokerApiVersionsCommand",
    ),
    ("configs", "kafka.admin.ConfigCommand"),
    (
        "console-consumer",
        "org.apache.kafka.tools.consumer.ConsoleConsumer",
    ),
    ("console-producer", "org.apache.kafka.tools.ConsoleProducer"),
    (
        "consumer-groups",
        "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    ),
    (
        "consumer-perf-test",
        "org.apache.kafka.tools.ConsumerPerformance",
    ),
    (
        "delete-records",
        "org.apache.kafka.tools.DeleteRecordsCommand",
    ),
    (DUMP_LOG, "kafka.tools.DumpLogSegments"),
    ("get-offsets", "org.apache.kafka.tools.GetOffsetShell"),
    ("groups", "org.apache.kafka.tools.GroupsCommand"),
    (
        "leader-election",
        "org.apache.kafka.tools.LeaderElectionCommand",
    ),
    ("log-dirs", "org.apache.kafka.tools.LogDirsCommand"),
    (
        "metadata-quorum",
        "org.apache.kafka.tools.MetadataQuorumCommand",
    ),
    (
        "reassign-partitions",
        "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
    ),
    ("topics", "org.apache.kafka.tools.TopicCommand"),
    ("transactions", "org.apache.kafka.tools.TransactionsCommand"),
];

/// The tool that reads files and connects to no broker.
const DUMP_LOG: &str = "dump-log";

/// Runs an installed `psql` on the database of `up`. It returns only when it fails, because `psql`
/// replaces this process. Its own options override the address.
///
/// # Errors
///
/// If `psql` is not installed: the error has the address for any other client.
pub(crate) fn psql(addresses: Addresses, arguments: &[String]) -> Result<()> {
    let port = addresses.port(ports::POSTGRES);
    let error = Command::new("psql")
        .env("PGHOST", "127.0.0.1")
        .env("PGPORT", port.to_string())
        .env("PGUSER", postgres::SUPERUSER)
        .env("PGDATABASE", postgres::SUPERUSER)
        .args(arguments)
        .exec();
    if error.kind() == ErrorKind::NotFound {
        let url = postgres::url(port, postgres::SUPERUSER, postgres::SUPERUSER);
        bail!(
            "psql is not installed (sudo apt-get install postgresql-client); for any other \
             client, PostgreSQL is at {url}"
        );
    }
    Err(error).context("cannot run psql")
}

/// Runs one of Kafka's own tools on the broker of `up`. It returns only when it fails, because the
/// tool replaces this process.
///
/// # Errors
///
/// If there is no such tool, or the broker does not run.
pub(crate) fn kafka(addresses: Addresses, words: &[String]) -> Result<()> {
    let (name, arguments) = words.split_first().context("no tool is named")?;
    let class = class(name)?;
    let port = addresses.port(ports::KAFKA);
    let mut command = Command::new(kafka::java());
    command
        .args(["-XX:TieredStopAtLevel=1", "-cp"])
        .arg(kafka::class_path(&provision()?.join("kafka"))?)
        .arg(class);
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    if class != self::class(DUMP_LOG)? && !has("--help") && !has(BROKERS) {
        kafka::ready(port).map_err(|_| {
            anyhow!("Kafka does not run at 127.0.0.1:{port}: ./dev up --servers starts it")
        })?;
        // Some tools take it only before their own commands.
        command.args([BROKERS, &format!("127.0.0.1:{port}")]);
    }
    Err(command.args(arguments).exec()).context("cannot run java")
}

/// Returns the class of a tool. Its name may be that of Kafka's script.
fn class(name: &str) -> Result<&'static str> {
    let short = name.strip_prefix("kafka-").unwrap_or(name);
    let short = short.strip_suffix(".sh").unwrap_or(short);
    let found = TOOLS.iter().find(|(tool, _)| *tool == short);
    found
        .map(|(_, class)| *class)
        .with_context(|| format!("Kafka has no tool {name:?}; its tools are {}", tools()))
}

/// Returns the names of the tools, for help.
pub(crate) fn tools() -> String {
    TOOLS.map(|(name, _)| name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tool_is_named_like_the_script_of_kafka() {
        for name in ["topics", "kafka-topics", "kafka-topics.sh"] {
            assert_eq!(class(name).unwrap(), "org.apache.kafka.tools.TopicCommand");
        }
        let error = class("topic").unwrap_err().to_string();
        assert!(error.contains("its tools are acls, "), "{error}");
    }
}
