//! Deadlines in idle partitions, where no command brings the time.
//!
//! Before a due deadline is decided, every command must be decided that was appended before it. So
//! when the wall clock has passed the deadline, the end offset of the commands is captured. The
//! deadline waits until every command below that offset is handled. The captured offset does not
//! move, so even constant load cannot delay the deadline for ever.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use factline::{Aggregate, Timestamp};
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaResult;

use crate::assignment::Assignment;
use factline::error_chain;
use factline_kafka::client::broker_queries::{Answer, BrokerQueries, Isolation};
use factline_kafka::client::config::KafkaConfig;
use factline_kafka::consumer::group::{GroupListener, TopicPartition, positions};
use factline_kafka::topics::watermarks::ends_of_all;

/// Maximum wait for the end offsets of commands.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Pause before a failed query is retried.
const PAUSE: Duration = Duration::from_millis(500);

/// Captured end offsets of partitions with due deadlines.
#[derive(Debug)]
pub(crate) struct IdleDeadlines {
    topic: String,
    queries: BrokerQueries,
    captured: HashMap<i32, Captured>,
    query: Option<PendingQuery>,
    not_before: Instant,
}

#[derive(Debug)]
struct Captured {
    /// Deadlines up to this time may be decided ...
    time: Timestamp,
    /// ... once all commands up to this offset are handled.
    end: i64,
}

/// A pending query.
#[derive(Debug)]
struct PendingQuery {
    /// Time before the query: all commands appended until then are below the end offsets in the
    /// answer.
    time: Timestamp,
    ends: Answer<HashMap<TopicPartition, KafkaResult<i64>>>,
}

impl IdleDeadlines {
    pub(crate) fn new(kafka: &KafkaConfig, topic: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            // Records after the open transaction of another producer were appended before, too.
            queries: BrokerQueries::new(kafka, Isolation::ReadUncommitted),
            captured: HashMap::new(),
            query: None,
            not_before: Instant::now(),
        }
    }

    /// Returns whether deadlines wait for commands to be handled, or for the end offsets.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.captured.is_empty() || self.query.is_some()
    }

    /// Returns the partitions whose deadlines, up to a time each, can be decided now.
    pub(crate) fn due_partitions<A: Aggregate>(
        &mut self,
        assignment: &Assignment<A>,
        consumer: &BaseConsumer<GroupListener>,
    ) -> HashMap<i32, Timestamp> {
        let now = chrono::Utc::now();
        let due = due(assignment, now);
        self.take_answer();
        self.captured.retain(|partition, captured| {
            due.get(partition)
                .is_some_and(|(due, _)| *due <= captured.time)
        });
        let (mut ready, mut unknown) = (HashMap::new(), Vec::new());
        for (partition, (_, next)) in due {
            match self.captured.get(&partition) {
                None => unknown.push((self.topic.clone(), partition)),
                Some(captured) => {
                    if next >= captured.end
                        || has_passed(assignment, consumer, &self.topic, partition, captured.end)
                    {
                        ready.insert(partition, captured.time);
                    }
                }
            }
        }
        if !unknown.is_empty() && self.query.is_none() && self.not_before <= Instant::now() {
            let question = move |client: &_| Ok(ends_of_all(client, &unknown, TIMEOUT));
            let ends = self.queries.ask(question);
            self.query = Some(PendingQuery { time: now, ends });
        }
        ready
    }

    fn take_answer(&mut self) {
        let Some(answer) = self.query.as_mut().and_then(|query| query.ends.take()) else {
            return;
        };
        let Some(PendingQuery { time, .. }) = self.query.take() else {
            return;
        };
        let mut failed = None;
        match answer {
            Ok(ends) => {
                for ((_, partition), end) in ends {
                    match end {
                        Ok(end) => {
                            self.captured.insert(partition, Captured { time, end });
                        }
                        Err(error) => failed = Some(error),
                    }
                }
            }
            Err(error) => failed = Some(error),
        }
        if let Some(error) = failed {
            let (topic, error) = (&self.topic, error_chain(&error));
            tracing::warn!(topic, error, "cannot read end offsets; due deadlines wait");
            self.not_before = Instant::now() + PAUSE;
        }
    }
}

/// Returns whether nothing is left to be handled below an end offset that no command has reached.
/// There may be no such command: the transaction of another producer ends with a marker, which no
/// consumer receives. librdkafka's position passes the marker nevertheless.
fn has_passed<A: Aggregate>(
    assignment: &Assignment<A>,
    consumer: &BaseConsumer<GroupListener>,
    topic: &str,
    partition: i32,
    end: i64,
) -> bool {
    let is_pending = assignment.is_pending(partition, end);
    let has_passed = |((of, number), position): &(TopicPartition, i64)| {
        of == topic && *number == partition && *position >= end
    };
    !is_pending && positions(consumer).iter().any(has_passed)
}

/// Returns the partitions in which a deadline is due, with the time of the first deadline and the
/// offset of the next command. Partitions with pending commands are included: their end offset must
/// be captured before those are handled, not when the partition is idle.
fn due<A: Aggregate>(assignment: &Assignment<A>, now: Timestamp) -> HashMap<i32, (Timestamp, i64)> {
    let due = assignment
        .partitions
        .iter()
        .filter_map(|(partition, state)| {
            let due = state.due().filter(|due| *due <= now)?;
            Some((*partition, (due, state.next())))
        });
    due.collect()
}
