//! Comparison of the checkpoints in the database with those that the follower knows.
//!
//! A database can go back in time under a running follower: an operator restores an older copy, or
//! a replica that lags takes over. The next transaction would find out, because its checkpoint is
//! not where the follower expects it. But a follower without new records has no next transaction,
//! and its readers would miss rows while it reports no lag. So it reads its checkpoints once a
//! second while it writes nothing.

use std::time::{Duration, Instant};

use tokio::sync::oneshot::{self, error::TryRecvError};

use super::Host;
use crate::checkpoint::{self, Checkpoint};
use crate::readiness::Trouble;

/// Interval between two comparisons, and between the last transaction and the first one.
const INTERVAL: Duration = Duration::from_secs(1);

/// Maximum duration of a read.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The last comparison, and the read of the present one.
pub(super) struct Stored {
    last: Instant,
    read: Option<oneshot::Receiver<Result<Vec<Checkpoint>, sqlx::Error>>>,
}

impl Default for Stored {
    fn default() -> Self {
        Self {
            last: Instant::now(),
            read: None,
        }
    }
}

impl Stored {
    /// Records that the follower knows where its checkpoints are: it has just moved or loaded them.
    /// A read that has begun before does not count.
    pub(super) fn moved(&mut self) {
        *self = Self::default();
    }
}

impl Host {
    /// Compares the checkpoints when it is time to. If they are not where the follower has left
    /// them, it continues where they are. Never waits for the database.
    pub(super) fn check_stored(&mut self) {
        let Some(read) = &mut self.stored.read else {
            if self.stored.last.elapsed() >= INTERVAL && self.partitions.iter().next().is_some() {
                self.stored.read = Some(self.read_stored());
            }
            return;
        };
        let result = match read.try_recv() {
            Err(TryRecvError::Empty) => return,
            // The read has panicked. The next one tells.
            Err(TryRecvError::Closed) => return self.stored.moved(),
            Ok(result) => result,
        };
        self.stored.moved();
        match result {
            Ok(stored) => {
                self.readiness.set(Trouble::Checkpoints, None);
                if !self.is_at(&stored) {
                    self.reload_checkpoints();
                }
            }
            Err(error) => {
                let reason = format!("cannot read checkpoints: {error}");
                self.readiness.set(Trouble::Checkpoints, Some(reason));
            }
        }
    }

    fn read_stored(&self) -> oneshot::Receiver<Result<Vec<Checkpoint>, sqlx::Error>> {
        let (sender, read) = oneshot::channel();
        let (pool, owner) = (self.pool.clone(), self.follower.owner.clone());
        tokio::spawn(async move {
            let read = async { checkpoint::load(&mut *pool.acquire().await?, &owner).await };
            let late = |_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
            let result = tokio::time::timeout(TIMEOUT, read).await.map_err(late);
            // The receiver is dropped if the checkpoints have moved meanwhile.
            let _ = sender.send(result.and_then(|loaded| loaded));
        });
        read
    }

    /// Returns whether the checkpoints of all assigned partitions are stored as they are known.
    fn is_at(&self, stored: &[Checkpoint]) -> bool {
        self.partitions.iter().all(|(key, known)| {
            let fence = self.partitions.fence(&key);
            stored.iter().any(|checkpoint| {
                checkpoint.topic == key.0
                    && checkpoint.partition == key.1
                    && fence == Some((checkpoint.cursor.next_offset, checkpoint.redrives))
                    && checkpoint.cursor.sequence == known.sequence
            })
        })
    }
}
