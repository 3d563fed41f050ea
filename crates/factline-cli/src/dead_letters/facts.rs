//! Letters of policies: facts that could not be handled, in the topic of the policy's group. The
//! tool asks for a redrive by a mark. The process that has the partition does it, because it has
//! the policy's code.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use factline_kafka::tools::topic_reader;
use factline_kafka::{KafkaConfig, Topics};
use serde_json::json;

use super::letter::Letter;
use super::letters;
use super::redrive::LetterWriter;
use crate::output::Row;

/// Beginnings of the names of groups that have letters.
const KINDS: [&str; 2] = ["policy.", "reaction."];
/// End of the name of a topic of letters.
const SUFFIX: &str = ".dead-letters";

/// Maximum wait for the process to do a redrive.
const PATIENCE: Duration = Duration::from_secs(30);
/// Interval at which the tool looks whether it is done.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Returns whether a name is that of a policy's group and not of an aggregate type.
pub(super) fn is_group(name: &str) -> bool {
    KINDS.iter().any(|kind| name.starts_with(kind))
}

/// Returns the groups that have letters, without the topic prefix.
pub(super) async fn groups(kafka: &KafkaConfig) -> Result<Vec<String>> {
    let config = kafka.clone();
    let asking = tokio::task::spawn_blocking(move || topic_reader::topics(&config));
    let topics = asking.await?.context("cannot list the topics")?;
    let names = topics.iter().filter_map(|topic| {
        let name = topic.strip_prefix(&kafka.topic_prefix)?;
        name.strip_suffix(SUFFIX).filter(|name| is_group(name))
    });
    let mut groups: Vec<String> = names.map(str::to_owned).collect();
    groups.sort();
    Ok(groups)
}

/// Asks for redrives, and waits until the process has done them.
pub(super) async fn redrive(
    kafka: &KafkaConfig,
    topics: &Topics,
    writer: &LetterWriter,
    open: &[Letter],
) -> Result<Vec<Row>> {
    for letter in open {
        ensure!(
            letter.code().as_deref() != Some("behind"),
            "{} waits for an earlier fact of its key: redrive that one",
            letter.key
        );
    }
    for letter in open {
        writer.ask_for_redrive(letter).await?;
    }
    let begun = Instant::now();
    loop {
        let all = letters(kafka, topics).await?;
        let of = |asked: &Letter| all.iter().find(|letter| letter.key == asked.key);
        let newest: Vec<&Letter> = open.iter().filter_map(of).collect();
        let asked = |letter: &&Letter| letter.mark().is_some_and(|mark| mark == "redrive");
        if !newest.iter().any(asked) {
            return newest.into_iter().map(row).collect();
        }
        if begun.elapsed() > PATIENCE {
            bail!(
                "no process of {} has done the redrive within {} s; the request is kept",
                topics.aggregate(),
                PATIENCE.as_secs()
            );
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

fn row(letter: &Letter) -> Result<Row> {
    let Some(mark) = letter.mark() else {
        let reason = letter.reason().unwrap_or_default();
        bail!("{} has failed again and stays parked: {reason}", letter.key);
    };
    let shown = json!({"letter": letter.key, "state": mark});
    Ok((shown, vec![letter.key.clone(), mark.to_owned()]))
}
