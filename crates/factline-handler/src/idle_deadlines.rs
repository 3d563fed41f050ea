//! Deadlines where no command comes that would bring the time for them.
//!
//! Before a deadline that has come due, every command is decided that was appended before: so when the wall clock has
//! passed it, the end of the commands is captured, and it waits until everything up to there is handled. The captured end stays,
//! so load, however constant, cannot starve it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use factline::{Aggregate, Timestamp};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaResult;

use crate::assignment::Owned;
use crate::rebalance::Ownership;
use factline::error_chain;
use factline_kafka::client::broker_queries::{Answer, BrokerQueries, Isolation};
use factline_kafka::client::config::KafkaConfig;
use factline_kafka::consumer::group::{Key, positions};
use factline_kafka::topics::watermarks::ends_of_all;

/// Maximum time for the brokers to answer where commands end.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Pause after a failed question before the brokers are asked again.
const PAUSE: Duration = Duration::from_millis(500);

/// The ends that were captured.
#[derive(Debug)]
pub(crate) struct Idle {
    topic: String,
    queries: BrokerQueries,
    captured: HashMap<i32, Captured>,
    asked: Option<Asked>,
    not_before: Instant,
}

#[derive(Debug)]
struct Captured {
    /// Deadlines up to this time may be decided ...
    time: Timestamp,
    /// ... once all commands up to this offset are handled.
    end: i64,
}

/// A question that is under way.
#[derive(Debug)]
struct Asked {
    /// Before it was asked: what was appended until then lies below the ends that are answered.
    time: Timestamp,
    ends: Answer<HashMap<Key, KafkaResult<i64>>>,
}

impl Idle {
    pub(crate) fn new(kafka: &KafkaConfig, topic: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            // Also what stands behind a stranger's open transaction was appended before.
            queries: BrokerQueries::new(kafka, Isolation::ReadUncommitted),
            captured: HashMap::new(),
            asked: None,
            not_before: Instant::now(),
        }
    }

    /// Returns whether something waits for commands to be handled, or for the brokers to say which.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.captured.is_empty() || self.asked.is_some()
    }

    /// The partitions whose deadlines, up to a time each, are now to be decided.
    pub(crate) fn ripe<A: Aggregate>(
        &mut self,
        consumer: &BaseConsumer<Ownership<A>>,
    ) -> HashMap<i32, Timestamp> {
        let now = chrono::Utc::now();
        let due = due(&consumer.context().owned(), now);
        self.take_answer();
        self.captured.retain(|partition, captured| {
            due.get(partition)
                .is_some_and(|(due, _)| *due <= captured.time)
        });
        let (mut ripe, mut unknown) = (HashMap::new(), Vec::new());
        for (partition, (_, next)) in due {
            match self.captured.get(&partition) {
                None => unknown.push((self.topic.clone(), partition)),
                Some(captured) => {
                    if next >= captured.end
                        || has_passed(consumer, &self.topic, partition, captured.end)
                    {
                        ripe.insert(partition, captured.time);
                    }
                }
            }
        }
        if !unknown.is_empty() && self.asked.is_none() && self.not_before <= Instant::now() {
            let question = move |client: &_| Ok(ends_of_all(client, &unknown, TIMEOUT));
            let ends = self.queries.ask(question);
            self.asked = Some(Asked { time: now, ends });
        }
        ripe
    }

    fn take_answer(&mut self) {
        let Some(answer) = self.asked.as_mut().and_then(|asked| asked.ends.take()) else {
            return;
        };
        let Some(Asked { time, .. }) = self.asked.take() else {
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
            tracing::warn!(topic, error, "deadlines wait for kafka");
            self.not_before = Instant::now() + PAUSE;
        }
    }
}

/// Whether nothing is left to be handled below an end that no command has reached. It may be none: the transaction of a
/// foreign producer leaves a mark behind it, which nobody can consume, and which librdkafka's position passes all the same.
fn has_passed<A: Aggregate>(
    consumer: &BaseConsumer<Ownership<A>>,
    topic: &str,
    partition: i32,
    end: i64,
) -> bool {
    let is_pending = consumer.context().owned().is_pending(partition, end);
    let has_passed = |((of, number), position): &(Key, i64)| {
        of == topic && *number == partition && *position >= end
    };
    !is_pending && positions(consumer).iter().any(has_passed)
}

/// The partitions in which a deadline is due: when the first is, and where handling has come to. Those with commands at
/// hand are in it, too: their end has to be captured before those are handled, not when they are at rest.
fn due<A: Aggregate>(owned: &Owned<A>, now: Timestamp) -> HashMap<i32, (Timestamp, i64)> {
    let due = owned.partitions.iter().filter_map(|(partition, state)| {
        let due = state.due().filter(|due| *due <= now)?;
        Some((*partition, (due, state.next())))
    });
    due.collect()
}
