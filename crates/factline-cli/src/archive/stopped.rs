//! Waits until the members of groups have stopped.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;
use factline_kafka::KafkaConfig;
use factline_kafka::tools::groups::{Group, groups};

/// Pause between two looks at the groups.
const PAUSE: Duration = Duration::from_millis(500);

/// The option for the wait.
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// Maximum time to wait until the groups have no members, in seconds: a stopped process is a
    /// member until its session has timed out
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    wait: u64,
}

impl Wait {
    pub(crate) fn time(&self) -> Duration {
        Duration::from_secs(self.wait)
    }
}

/// Returns all groups as soon as those that matter have no members. Blocks.
pub(crate) fn stopped(
    kafka: &KafkaConfig,
    wait: Duration,
    matters: impl Fn(&Group) -> bool,
) -> Result<Vec<Group>> {
    let begun = Instant::now();
    loop {
        let all = groups(kafka)?;
        let mut open = all.iter().filter(|group| matters(group));
        let Some(group) = open.find(|group| !group.members.is_empty()) else {
            return Ok(all);
        };
        if begun.elapsed() >= wait {
            let members = group.members.iter().map(|member| {
                let name = member.instance.as_deref().unwrap_or(&member.client);
                format!("{name} on {}", member.host)
            });
            let members: Vec<String> = members.collect();
            bail!(
                "group {} has members, and must be stopped first: {}",
                group.name,
                members.join(", ")
            );
        }
        std::thread::sleep(PAUSE);
    }
}
