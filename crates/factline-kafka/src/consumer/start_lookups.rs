//! Start lookups: newly assigned partitions whose start offsets the host does not know yet.
//!
//! A task outside the host's loop looks the start offsets up, while the host continues with its
//! other partitions. If a lookup of several partitions fails, each is tried alone, so that one
//! without a leader delays only itself. This module is for the members of
//! [`crate::consumer::group`].

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rdkafka::consumer::BaseConsumer;
use tokio::sync::mpsc::{self, error::TryRecvError};
use tokio::task::AbortHandle;

use crate::consumer::group::{self, GroupListener, TopicPartition};
use crate::retry::Backoff;
use factline::error_chain;

/// Number of partitions that are tried alone at the same time. If all of them fail, the others are
/// tried in later rounds: usually no broker can be reached, and each try waits for one.
const ALONE: usize = 4;

/// Maximum time for which partitions wait for the group to settle in the generation of their
/// assignment.
const UNSETTLED: Duration = Duration::from_mins(1);

/// Lookups that have not finished. `T` is the result for one partition.
#[derive(Debug)]
pub struct StartLookups<T> {
    running: Vec<Running<T>>,
    unsettled: Option<Instant>,
}

/// Reason why partitions cannot be started; the host needs a new client.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The group is in another generation than that of the assignment, and stays there.
    #[error("consumer group does not settle after a rebalance")]
    Unsettled,
    /// A defect: the lookup ended without a result for a partition.
    #[error("lookup of the start offset of {}/{} ended without an answer", .0.0, .0.1)]
    NoAnswer(TopicPartition),
}

#[derive(Debug)]
struct Running<T> {
    /// The partitions that are still assigned to this member.
    keys: BTreeSet<TopicPartition>,
    found: mpsc::UnboundedReceiver<Vec<(TopicPartition, T)>>,
    failures: Arc<Mutex<Vec<String>>>,
    task: AbortHandle,
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<T> Default for StartLookups<T> {
    fn default() -> Self {
        Self {
            running: Vec::new(),
            unsettled: None,
        }
    }
}

impl<T: Send + 'static> StartLookups<T> {
    /// Looks up the start offsets of partitions, and retries until it succeeds. Other lookups are
    /// not affected. Must be called within a tokio runtime.
    pub fn begin<E, F>(
        &mut self,
        keys: Vec<TopicPartition>,
        look_up: impl Fn(Vec<TopicPartition>) -> F + Send + Sync + 'static,
    ) where
        E: std::error::Error + Send,
        F: Future<Output = Result<Vec<(TopicPartition, T)>, E>> + Send,
    {
        let (sender, found) = mpsc::unbounded_channel();
        let failures = Arc::new(Mutex::new(Vec::new()));
        let (failed, mut asked) = (Arc::clone(&failures), keys.clone());
        let task = tokio::spawn(async move {
            let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
            // Returns whether the partitions are found.
            let attempt = |asked: Vec<TopicPartition>| {
                let looking = look_up(asked);
                let (sender, failed) = (sender.clone(), Arc::clone(&failed));
                async move {
                    match looking.await {
                        // The receiver was dropped if the partitions were revoked meanwhile.
                        Ok(found) => {
                            let _ = sender.send(found);
                            true
                        }
                        Err(error) => {
                            lock(&failed).push(error_chain(&error));
                            false
                        }
                    }
                }
            };
            while !attempt(asked.clone()).await {
                if asked.len() > 1 {
                    asked = without_found(asked, &attempt).await;
                }
                if asked.is_empty() {
                    return;
                }
                tokio::time::sleep(backoff.pause()).await;
            }
        });
        self.running.push(Running {
            keys: keys.into_iter().collect(),
            found,
            failures,
            task: task.abort_handle(),
        });
    }

    /// Drops the lookups of partitions that were revoked.
    pub fn release(&mut self, keys: &[TopicPartition]) {
        for lookup in &mut self.running {
            for key in keys {
                lookup.keys.remove(key);
            }
        }
        self.running.retain(|lookup| !lookup.keys.is_empty());
    }

    /// Returns whether every assigned partition has been started.
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Returns the errors of the tries that failed since the last call.
    pub fn take_failures(&mut self) -> Vec<String> {
        let running = self.running.iter();
        running
            .flat_map(|lookup| std::mem::take(&mut *lock(&lookup.failures)))
            .collect()
    }

    /// Returns the results since the last call, of partitions that are still assigned to this
    /// member. The host may fetch them at once. During a rebalance nothing is returned, because
    /// librdkafka would take a call that adds partitions for the answer to the rebalance.
    ///
    /// # Errors
    /// If the rebalance takes longer than a minute; the host then needs a new client.
    pub fn take(
        &mut self,
        consumer: &BaseConsumer<GroupListener>,
    ) -> Result<Vec<(TopicPartition, T)>, Failed> {
        if self.running.is_empty() || group::is_settled(consumer) {
            self.unsettled = None;
        } else {
            let since = *self.unsettled.get_or_insert_with(Instant::now);
            return if since.elapsed() > UNSETTLED {
                Err(Failed::Unsettled)
            } else {
                Ok(Vec::new())
            };
        }
        self.take_found()
    }

    /// Returns the results since the last call.
    fn take_found(&mut self) -> Result<Vec<(TopicPartition, T)>, Failed> {
        let mut all = Vec::new();
        let mut index = 0;
        while let Some(lookup) = self.running.get_mut(index) {
            match lookup.found.try_recv() {
                Ok(found) => {
                    let wanted = &mut lookup.keys;
                    all.extend(found.into_iter().filter(|(key, _)| wanted.remove(key)));
                }
                Err(TryRecvError::Empty) if lookup.keys.is_empty() => {
                    self.running.remove(index);
                }
                Err(TryRecvError::Empty) => index += 1,
                Err(TryRecvError::Disconnected) => {
                    let mut lookup = self.running.remove(index);
                    if let Some(key) = lookup.keys.pop_first() {
                        return Err(Failed::NoAnswer(key));
                    }
                }
            }
        }
        Ok(all)
    }
}

/// Tries each partition alone. Returns those that are still to be found.
async fn without_found<A: Future<Output = bool>>(
    mut partitions: Vec<TopicPartition>,
    attempt: &impl Fn(Vec<TopicPartition>) -> A,
) -> Vec<TopicPartition> {
    let mut failed = Vec::new();
    while !partitions.is_empty() {
        let rest = partitions.split_off(partitions.len().min(ALONE));
        let alone = partitions.iter().map(|key| attempt(vec![key.clone()]));
        let found = join_all(alone).await;
        let is_outage = !found.contains(&true);
        let tried = partitions.into_iter().zip(found);
        failed.extend(tried.filter(|(_, found)| !found).map(|(key, _)| key));
        partitions = rest;
        if is_outage {
            break;
        }
    }
    // Those that were not tried come first in the next round.
    partitions.append(&mut failed);
    partitions
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn key(partition: i32) -> TopicPartition {
        ("commands".to_owned(), partition)
    }

    /// Takes results until `done`, for at most ten seconds.
    async fn take_until(
        lookups: &mut StartLookups<i64>,
        done: impl Fn(&[(TopicPartition, i64)]) -> bool,
    ) -> Vec<(TopicPartition, i64)> {
        let mut taken = Vec::new();
        let taking = async {
            while !done(&taken) {
                taken.extend(lookups.take_found().unwrap());
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let timely = tokio::time::timeout(Duration::from_secs(10), taking).await;
        timely.expect("the lookups end");
        taken
    }

    #[tokio::test]
    async fn failed_lookup_is_retried_without_the_others() {
        let mut lookups = StartLookups::default();
        let asked = Arc::new(Mutex::new(Vec::new()));
        for share in [vec![key(0), key(1)], vec![key(2)]] {
            let asked = Arc::clone(&asked);
            lookups.begin(share, move |keys| {
                let mut asked = lock(&asked);
                asked.push(keys.clone());
                let tries = asked.iter().filter(|other| **other == keys).count();
                let is_failure = keys == [key(2)] && tries < 3;
                async move {
                    if is_failure {
                        Err(std::io::Error::other("an open transaction"))
                    } else {
                        Ok(keys.into_iter().map(|key| (key, 7)).collect())
                    }
                }
            });
        }
        let mut found = take_until(&mut lookups, |found| found.len() == 3).await;
        found.sort();
        assert_eq!(found, [(key(0), 7), (key(1), 7), (key(2), 7)]);
        assert!(lookups.is_empty());
        let asked = lock(&asked);
        let count = |share: &[TopicPartition]| asked.iter().filter(|keys| *keys == share).count();
        assert_eq!((count(&[key(0), key(1)]), count(&[key(2)])), (1, 3));
    }

    /// One partition has no leader: the brokers answer for none of a request with it.
    #[tokio::test]
    async fn partition_without_a_leader_delays_only_itself() {
        let leaderless = Arc::new(Mutex::new(vec![key(1), key(3), key(4), key(5), key(6)]));
        let missing = Arc::clone(&leaderless);
        let mut lookups = StartLookups::default();
        lookups.begin((0..12).map(key).collect(), move |keys| {
            let fails = keys.iter().any(|key| lock(&missing).contains(key));
            async move {
                if fails {
                    Err(std::io::Error::other("no leader"))
                } else {
                    Ok(keys.into_iter().map(|key| (key, 7)).collect())
                }
            }
        });
        let found = take_until(&mut lookups, |found| found.len() == 7).await;
        let mut found: Vec<i32> = found.into_iter().map(|((_, number), _)| number).collect();
        found.sort_unstable();
        assert_eq!(found, [0, 2, 7, 8, 9, 10, 11]);
        assert!(!lookups.is_empty());
        lock(&leaderless).retain(|other| *other == key(3));
        let found = take_until(&mut lookups, |found| found.len() == 4).await;
        assert!(found.iter().all(|(found, _)| *found != key(3)));
        lookups.release(&[key(3)]);
        assert!(lookups.take_found().unwrap().is_empty());
        assert!(lookups.is_empty());
    }

    #[tokio::test]
    async fn lookup_that_waits_holds_no_other_back() {
        let mut lookups = StartLookups::default();
        lookups.begin(vec![key(0)], |_| {
            std::future::pending::<Result<_, Infallible>>()
        });
        lookups.begin(vec![key(1)], |keys| async {
            Ok::<_, Infallible>(keys.into_iter().map(|key| (key, 7)).collect())
        });
        let found = take_until(&mut lookups, |found| !found.is_empty()).await;
        assert_eq!(found, [(key(1), 7)]);
        assert!(!lookups.is_empty());
        lookups.release(&[key(0)]);
        assert!(lookups.is_empty());
    }
}
