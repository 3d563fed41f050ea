//! Finds partitions that no group member owns.
//!
//! A cooperative rebalance revokes a partition from one member in one generation and assigns it to
//! another member in the next. If the coordinator crashes between the two, it recovers the first of
//! these generations. Static members then get the assignment that they had in it, without another
//! rebalance. The partition has no owner until a rebalance occurs for some other reason. Every
//! member is ready, and no member handles the partition.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaResult;

use crate::client::config::KafkaConfig;
use crate::consumer::group::{self, Change, SHORT_SESSION, Settings, TopicPartition};
use crate::consumer::watchdog::Watchdog;

/// Maximum time for which the temporary member waits for the rebalance.
const REBALANCE_TIMEOUT: Duration = Duration::from_mins(2);

/// Returns the partitions that no member owns, if the group is stable; none during a rebalance.
/// `topics` has the number of partitions of each topic.
///
/// # Errors
/// When the group's coordinator does not answer in time.
pub(crate) fn unassigned_partitions<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    group: &str,
    topics: &BTreeMap<String, i32>,
    timeout: Duration,
) -> KafkaResult<BTreeSet<TopicPartition>> {
    let groups = client.fetch_group_list(Some(group), timeout)?;
    let mut unassigned = BTreeSet::new();
    for settled in groups
        .groups()
        .iter()
        .filter(|group| group.state() == "Stable")
    {
        for (topic, count) in topics {
            unassigned.extend((0..*count).map(|partition| (topic.clone(), partition)));
        }
        for member in settled.members() {
            for owned in decode_assignment(member.assignment().unwrap_or_default()) {
                unassigned.remove(&owned);
            }
        }
    }
    Ok(unassigned)
}

/// Forces a rebalance of a group. A temporary member without an instance id joins the group, and
/// leaves as soon as the group has rebalanced with it. The members continue meanwhile. Some
/// partitions may move, as when any member joins and leaves.
pub(crate) fn force_rebalance(kafka: &KafkaConfig, group: &str, topics: &[String]) {
    let kafka = KafkaConfig {
        instance: String::new(),
        ..kafka.clone()
    };
    let settings = Settings {
        kafka,
        group: group.to_owned(),
        topics: topics.to_vec(),
        session_timeout: SHORT_SESSION,
        name: "temporary group member".to_owned(),
    };
    let join_and_leave = move || {
        let group = &settings.group;
        let member = match group::join(&settings, &Watchdog::default()) {
            Ok(member) => member,
            Err(error) => {
                return tracing::warn!(group, %error, "cannot create temporary group member");
            }
        };
        let begun = Instant::now();
        while begun.elapsed() < REBALANCE_TIMEOUT {
            // The member receives no records, because it never starts to fetch its partitions.
            let _ = member.poll(Duration::from_millis(100));
            let mut changes = member.context().take_changes().into_iter();
            if changes.any(|change| matches!(change, Change::Assigned(..))) {
                break;
            }
        }
    };
    let thread = std::thread::Builder::new().name("temporary group member".to_owned());
    if let Err(error) = thread.spawn(join_and_leave) {
        tracing::warn!(%error, "cannot start thread for temporary group member");
    }
}

/// Decodes a member's partitions from the assignment that the group's leader has written: a
/// version, then each topic with its partitions (`ConsumerProtocolAssignment` in Kafka's protocol).
/// An unreadable part counts as no partition.
pub(crate) fn decode_assignment(mut assignment: &[u8]) -> Vec<TopicPartition> {
    let mut owned = Vec::new();
    let _version = take(&mut assignment, 2);
    for _ in 0..number(take(&mut assignment, 4)) {
        let length = number(take(&mut assignment, 2));
        let name = take(&mut assignment, usize::try_from(length).unwrap_or_default());
        for _ in 0..number(take(&mut assignment, 4)) {
            let partition = take(&mut assignment, 4);
            if partition.is_empty() {
                break;
            }
            let name = String::from_utf8_lossy(name).into_owned();
            owned.push((name, number(partition)));
        }
        if assignment.is_empty() {
            break;
        }
    }
    owned
}

/// Returns the first bytes, or none if fewer are left.
fn take<'b>(bytes: &mut &'b [u8], count: usize) -> &'b [u8] {
    let Some((taken, rest)) = bytes.split_at_checked(count) else {
        *bytes = &[];
        return &[];
    };
    *bytes = rest;
    taken
}

fn number(bytes: &[u8]) -> i32 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | i32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_assignment_reads_each_topic() {
        let mut assignment = vec![0, 1, 0, 0, 0, 2];
        assignment.extend([0, 1, b'a', 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 7]);
        assignment.extend([0, 2, b'a', b'b', 0, 0, 0, 1, 0, 0, 1, 0, 255, 255, 255, 255]);
        let key = |topic: &str, partition| (topic.to_owned(), partition);
        assert_eq!(
            decode_assignment(&assignment),
            [key("a", 3), key("a", 7), key("ab", 256)]
        );
    }

    #[test]
    fn decode_assignment_ignores_a_truncated_end() {
        assert!(decode_assignment(&[]).is_empty());
        assert!(decode_assignment(&[0, 1, 127, 255, 255, 255]).is_empty());
        let cut = [0, 1, 0, 0, 0, 1, 0, 1, b'a', 0, 0, 0, 2, 0, 0, 0, 3, 0];
        assert_eq!(decode_assignment(&cut), [("a".to_owned(), 3)]);
    }
}
