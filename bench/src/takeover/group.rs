//! Three handlers in separate processes, and their consumer group.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use catalog::Product;
use factline_handler::Report;
use factline_kafka::KafkaConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use tokio_util::sync::CancellationToken;

use super::Options;

const SLOTS: usize = 3;
const PATIENCE: Duration = Duration::from_mins(2);

/// Options of a process.
#[derive(Debug, clap::Args)]
pub(crate) struct Host {
    #[command(flatten)]
    kafka: KafkaConfig,
    #[command(flatten)]
    handler: factline_handler::Options,
}

/// Handles commands until the process is killed, or until its standard input is closed.
pub(crate) async fn host(host: Host) -> Result<()> {
    let stop = CancellationToken::new();
    let stops = stop.clone();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read(&mut [0]);
        stops.cancel();
    });
    let report: Report = Arc::new(|_, _| {});
    factline_handler::run::<Product>(host.kafka, host.handler, report, stop).await?;
    Ok(())
}

pub(super) struct Group {
    kafka: KafkaConfig,
    timeouts: [String; 2],
    members: Vec<Child>,
    observer: BaseConsumer,
}

impl Group {
    pub(super) fn start(kafka: &KafkaConfig, options: &Options) -> Result<Self> {
        let timeouts = [
            format!("--session-timeout-ms={}", options.session_timeout_ms),
            format!(
                "--transaction-timeout-ms={}",
                options.transaction_timeout_ms
            ),
        ];
        let mut group = Self {
            kafka: kafka.clone(),
            timeouts,
            members: Vec::new(),
            observer: kafka.client_config().create()?,
        };
        for slot in 0..SLOTS {
            let member = group.spawn(slot)?;
            group.members.push(member);
        }
        Ok(group)
    }

    fn spawn(&self, slot: usize) -> Result<Child> {
        Command::new(std::env::current_exe()?)
            .arg("host")
            .args(["--kafka-brokers", &self.kafka.brokers])
            .args(["--registry-url", &self.kafka.registry_url])
            .args(["--topic-prefix", &self.kafka.topic_prefix])
            .args(["--instance", &slot.to_string()])
            .args(&self.timeouts)
            .stdin(Stdio::piped())
            .spawn()
            .context("cannot start a handler")
    }

    /// Waits until each process has partitions.
    pub(super) fn until_shared(&self) -> Result<()> {
        let begin = Instant::now();
        while !self.is_shared()? {
            ensure!(
                begin.elapsed() < PATIENCE,
                "not every process was assigned partitions in time"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn is_shared(&self) -> Result<bool> {
        let topics = self.kafka.topics(&catalog_schemas::PRODUCT);
        let groups = self
            .observer
            .fetch_group_list(Some(topics.handler_group()), Duration::from_secs(10))?;
        Ok(groups.groups().iter().any(|group| {
            let members = group.members();
            group.state() == "Stable"
                && members.len() == SLOTS
                && members
                    .iter()
                    .all(|member| member.assignment().is_some_and(has_some))
        }))
    }

    pub(super) fn kill(&mut self, number: usize) -> Result<()> {
        let member = &mut self.members[number % SLOTS];
        member.kill()?;
        member.wait()?;
        Ok(())
    }

    pub(super) fn restart(&mut self, number: usize) -> Result<()> {
        let slot = number % SLOTS;
        self.members[slot] = self.spawn(slot)?;
        Ok(())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for member in &mut self.members {
            let _ = member.kill();
            let _ = member.wait();
        }
    }
}

/// Returns true if an assignment names a partition. It has a version (2 bytes) and a number of
/// topics (4). The first topic has its name after its length (2), and its number of partitions (4).
fn has_some(assignment: &[u8]) -> bool {
    let number = |from: usize, length: usize| {
        let bytes = assignment.get(from..from + length)?;
        Some(
            bytes
                .iter()
                .fold(0, |number, byte| number << 8 | usize::from(*byte)),
        )
    };
    number(2, 4).is_some_and(|topics| topics > 0)
        && number(6, 2)
            .and_then(|name| number(8 + name, 4))
            .is_some_and(|partitions| partitions > 0)
}

#[cfg(test)]
mod tests {
    use super::has_some;

    #[test]
    fn assignment_with_partitions_is_recognized() {
        let topic = [0, 1, 0, 0, 0, 1, 0, 2, b'a', b'b'];
        let with = |rest: &[u8]| [&topic, rest].concat();
        assert!(has_some(&with(&[0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 0])));
        assert!(!has_some(&with(&[0, 0, 0, 0, 0, 0, 0, 0])));
        assert!(!has_some(&[0, 1, 0, 0, 0, 0]));
        assert!(!has_some(&[]));
    }
}
