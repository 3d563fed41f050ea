//! Partitions that a group has given to nobody.
//!
//! A cooperative rebalance takes a partition from one member in one generation and gives it to another in the next. If the
//! coordinator crashes between the two, it comes back with the first of them; static members are given what they had in
//! it, without another rebalance, and the partition has no owner until there is one for some other reason. Everybody is
//! ready, and nobody handles it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaResult;

use crate::client::config::KafkaConfig;
use crate::consumer::group::{self, Change, Key};
use crate::consumer::watchdog::Pulse;

/// How long a group may take to share out, with a stranger in it.
const SHARING: Duration = Duration::from_mins(2);

/// Partitions of topics, each with how many it has, that no member of a settled group has; none while the group is being formed.
///
/// # Errors
/// When the group's coordinator does not answer in time.
pub(crate) fn orphans<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    group: &str,
    topics: &BTreeMap<String, i32>,
    timeout: Duration,
) -> KafkaResult<BTreeSet<Key>> {
    let groups = client.fetch_group_list(Some(group), timeout)?;
    let mut orphans = BTreeSet::new();
    for settled in groups
        .groups()
        .iter()
        .filter(|group| group.state() == "Stable")
    {
        for (topic, count) in topics {
            orphans.extend((0..*count).map(|partition| (topic.clone(), partition)));
        }
        for member in settled.members() {
            for owned in owned(member.assignment().unwrap_or_default()) {
                orphans.remove(&owned);
            }
        }
    }
    Ok(orphans)
}

/// Makes a group share its partitions out anew: a stranger joins it, without a slot, and leaves as soon as the group has shared
/// out with it. Members go on meanwhile; some partitions may move, as when any member comes and goes.
pub(crate) fn share_out_anew(kafka: &KafkaConfig, group: &str, topics: &[String]) {
    let kafka = KafkaConfig {
        instance: String::new(),
        ..kafka.clone()
    };
    let (group, topics) = (group.to_owned(), topics.to_vec());
    let join_and_leave = move || {
        let stranger = match group::join(&kafka, &group, &topics, &Pulse::default()) {
            Ok(stranger) => stranger,
            Err(error) => return tracing::warn!(group, %error, "no stranger can be made"),
        };
        let begun = Instant::now();
        while begun.elapsed() < SHARING {
            // What it reads of its own is nothing: it begins with no partition.
            let _ = stranger.poll(Duration::from_millis(100));
            let mut changes = stranger.context().take_changes().into_iter();
            if changes.any(|change| matches!(change, Change::Assigned(_))) {
                break;
            }
        }
    };
    let thread = std::thread::Builder::new().name("stranger".to_owned());
    if let Err(error) = thread.spawn(join_and_leave) {
        tracing::warn!(%error, "no thread for a stranger");
    }
}

/// A member's partitions, from what the group's leader has written for it: a version, then each topic with its
/// partitions (`ConsumerProtocolAssignment` in Kafka's protocol). What cannot be read counts as none.
fn owned(mut assignment: &[u8]) -> Vec<Key> {
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

/// The first bytes, or none if there are not so many.
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
    fn an_assignment_is_read_topic_by_topic() {
        let mut assignment = vec![0, 1, 0, 0, 0, 2];
        assignment.extend([0, 1, b'a', 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 7]);
        assignment.extend([0, 2, b'a', b'b', 0, 0, 0, 1, 0, 0, 1, 0, 255, 255, 255, 255]);
        let key = |topic: &str, partition| (topic.to_owned(), partition);
        assert_eq!(
            owned(&assignment),
            [key("a", 3), key("a", 7), key("ab", 256)]
        );
    }

    #[test]
    fn what_is_cut_short_is_none() {
        assert!(owned(&[]).is_empty());
        assert!(owned(&[0, 1, 127, 255, 255, 255]).is_empty());
        let cut = [0, 1, 0, 0, 0, 1, 0, 1, b'a', 0, 0, 0, 2, 0, 0, 0, 3, 0];
        assert_eq!(owned(&cut), [("a".to_owned(), 3)]);
    }
}
