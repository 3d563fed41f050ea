//! The findings of `factline verify`, the program that operators run, in a system.

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use crate::system::System;

impl System {
    /// Returns the findings of the tool, with the tracker's operations; none if everything holds.
    ///
    /// # Errors
    /// If the tool is not built, or it could not check.
    pub async fn findings(&self) -> Result<Vec<String>> {
        let kafka = self.kafka();
        let mut command = Command::new(self.program("factline"));
        command
            .args(["--json", "verify", "--decode", "--database-url"])
            .arg(self.database_url("factline_tracker"))
            .env("FACTLINE_KAFKA_BROKERS", &kafka.brokers)
            .env("FACTLINE_REGISTRY_URL", &kafka.registry_url)
            .env("FACTLINE_TOPIC_PREFIX", &kafka.topic_prefix)
            .envs(self.environment())
            .kill_on_drop(true);
        let ended = command.output().await.context("cannot start factline")?;
        let text = String::from_utf8_lossy(&ended.stdout);
        let found = text.lines().filter(|line| line.contains("\"finding\":\""));
        let found: Vec<String> = found
            .map(|line| format!("factline verify: {line}"))
            .collect();
        match (ended.status.code(), found.is_empty()) {
            (Some(0), true) | (Some(1), false) => Ok(found),
            (code, _) => {
                let error = String::from_utf8_lossy(&ended.stderr);
                bail!("factline verify ended with {code:?}: {error}{text}")
            }
        }
    }
}
