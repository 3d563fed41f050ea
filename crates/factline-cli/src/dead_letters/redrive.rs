//! Redrives or discards a letter. Both append a mark: the letter once more, with the operator, the
//! action and the time. The mark has the same key, so compaction keeps letter and mark together.

use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::{SecondsFormat, Utc};
use factline::id;
use factline_kafka::producer::append::{Append, Appender, headers};
use factline_kafka::records::dead_letters;
use factline_kafka::tools::topic_reader::partitions;
use factline_kafka::topics::partition_of;
use factline_kafka::{Headers, KafkaConfig, Record, Topics};
use serde_json::json;

use super::letter::Letter;
use crate::output::Row;

/// Time limit of an append.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Headers that a new operation sets itself, or must not have.
const REPLACED: [&str; 10] = [
    "ce_id",
    "ce_operation",
    "ce_time",
    "ce_origintime",
    "ce_actor",
    "ce_roles",
    "ce_retryof",
    "ce_idempotencyscope",
    "ce_idempotencyprint",
    "ce_delivery",
];

/// A producer of redriven commands and marks for the letters of an aggregate type, on behalf of an
/// operator.
pub(super) struct LetterWriter {
    kafka: KafkaConfig,
    topics: Topics,
    actor: String,
    appender: Appender,
}

impl LetterWriter {
    pub(super) fn new(kafka: &KafkaConfig, topics: Topics, actor: String) -> Result<Self> {
        let mut client = kafka.client_config();
        client.set("client.id", "factline");
        let appender = Appender::new(client, TIMEOUT).context("cannot create a producer")?;
        Ok(Self {
            kafka: kafka.clone(),
            topics,
            actor,
            appender,
        })
    }

    /// Sends the command again as a new operation, whose id derives from the letter. If the tool
    /// ends before it has written the mark and an operator redrives the letter again, the handler
    /// handles the command once.
    pub(super) async fn redrive(&self, letter: &Letter) -> Result<Row> {
        let failed = letter
            .operation
            .with_context(|| format!("{} does not name its operation", letter.key))?;
        let operation = id::retry(failed, &letter.key);
        let own = |(name, _): &(&str, &[u8])| {
            !name.starts_with(dead_letters::PREFIX) && !REPLACED.contains(name)
        };
        let mut headers: Headers = letter.record.headers.iter().filter(own).collect();
        // Where they are absent they are the failed operation; without them they would be the new
        // one.
        for name in ["ce_correlationid", "ce_causationid"] {
            if headers.last(name).is_none() {
                headers.push(name, failed.to_string().as_bytes());
            }
        }
        let new = [
            ("ce_id", operation.to_string()),
            ("ce_operation", operation.to_string()),
            ("ce_time", now()),
            ("ce_origintime", now()),
            ("ce_actor", self.actor.clone()),
            ("ce_retryof", failed.to_string()),
        ];
        headers.extend(new);
        let key = letter
            .record
            .headers
            .iter()
            .find(|(name, _)| *name == dead_letters::KEY)
            .map(|(_, key)| key.to_vec())
            .with_context(|| format!("cannot redrive {}: its command has no key", letter.key))?;
        let (kafka, topic) = (self.kafka.clone(), self.topics.commands().to_owned());
        let count = tokio::task::spawn_blocking(move || partitions(&kafka, &topic)).await??;
        let command = Record {
            topic: self.topics.commands().to_owned(),
            partition: partition_of(&key, count),
            key: Some(key),
            headers,
            ..letter.record.clone()
        };
        let place = self.append(&command).await?;
        let retry = (dead_letters::RETRY, operation.to_string());
        self.mark(letter, "redriven", Some(retry)).await?;
        let shown = json!({
            "letter": letter.key, "state": "redriven", "operation": operation.to_string(), "place": place,
        });
        Ok((
            shown,
            vec![
                letter.key.clone(),
                format!("redriven as operation {operation}"),
            ],
        ))
    }

    /// Marks the letter of a policy, so that the policy's process redrives it.
    pub(super) async fn ask_for_redrive(&self, letter: &Letter) -> Result<()> {
        self.mark(letter, "redrive", None).await
    }

    /// Marks the letter so that it is not redriven.
    pub(super) async fn discard(&self, letter: &Letter, note: Option<&str>) -> Result<Row> {
        let note = note.map(|note| (dead_letters::NOTE, note.to_owned()));
        self.mark(letter, "discarded", note).await?;
        let shown = json!({"letter": letter.key, "state": "discarded"});
        Ok((shown, vec![letter.key.clone(), "discarded".to_owned()]))
    }

    async fn mark(&self, letter: &Letter, what: &str, more: Option<(&str, String)>) -> Result<()> {
        let mut marked = letter.record.clone();
        let mark = [
            (dead_letters::MARK, what.to_owned()),
            (dead_letters::MARKED_BY, self.actor.clone()),
            (dead_letters::MARKED_AT, now()),
        ];
        marked.headers.extend(mark.into_iter().chain(more));
        self.append(&marked).await?;
        Ok(())
    }

    /// Appends a record to its topic and partition. Returns its location.
    async fn append(&self, record: &Record) -> Result<String> {
        let append = Append {
            topic: &record.topic,
            partition: record.partition,
            key: record.key.as_deref().unwrap_or_default(),
            headers: headers(record.headers.iter()),
            value: record.value.as_deref().unwrap_or_default(),
        };
        let appended = self.appender.append(append).await;
        let place = appended.with_context(|| format!("cannot append to {}", record.topic))?;
        Ok(format!(
            "{}/{}@{}",
            record.topic, place.partition, place.offset
        ))
    }
}

fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true)
}
