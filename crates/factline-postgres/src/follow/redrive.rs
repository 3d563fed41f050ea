//! Redrives and discards of parked keys, which operators ask for in the database.
//!
//! The follower that has the partition does them, because it has the code that applies records, and
//! because nothing else may write its rows. It looks for requests only while keys are parked.

use std::time::{Duration, Instant};

use factline::error_chain;
use factline_kafka::Record;
use factline_kafka::topics::TopicPartition;
use sqlx::{Postgres, Transaction};

use super::{Failure, Host, TRANSACTION_TIMEOUT, is_data_error};
use crate::parked::{self, Action, Key, Request, Settled};
use crate::sink::{Sink, SinkError};

/// Interval at which a follower with parked keys looks for requests.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Time after which the follower polls again, before it continues with the requests.
const TURN: Duration = Duration::from_secs(1);
/// Maximum number of records that one transaction redrives.
const CHUNK_RECORDS: usize = 1_000;

/// Result of one transaction.
enum Step {
    /// Records were applied or dropped, and others remain.
    Moved,
    /// Nothing remains to be done. The reason if the key is still parked.
    Ended(Option<String>),
    /// A later record cannot be applied, so nothing was. Fewer records may succeed.
    Fewer(usize),
}

impl Host {
    /// Does the requests of operators, if keys are parked.
    pub(super) async fn redrive<S: Sink>(&mut self, sink: &mut S) {
        if self.partitions.parked().next().is_none() {
            return;
        }
        if self.looked.is_some_and(|at| at.elapsed() < LOOK_INTERVAL) {
            return;
        }
        self.looked = Some(Instant::now());
        let requests = async {
            parked::requests(&mut *self.pool.acquire().await?, &self.follower.owner).await
        };
        let requests = match requests.await {
            Ok(requests) => requests,
            Err(error) => {
                tracing::debug!(%error, "cannot look for redrives; retrying");
                return;
            }
        };
        let begun = Instant::now();
        for request in requests {
            if self.shutdown.is_cancelled() || begun.elapsed() > TURN {
                // Requests remain.
                self.looked = None;
                return;
            }
            match self.fulfil(sink, &request, begun).await {
                Ok(()) => {}
                Err(Failure::Fenced) => return self.reload_checkpoints(),
                Err(Failure::Sink(error)) => {
                    let view = &self.follower.owner.view;
                    let reason = error_chain(&error);
                    tracing::warn!(view, reason, "cannot redrive a parked key yet; retrying");
                    self.meters.retried();
                    return;
                }
            }
        }
    }

    /// Does one request, in transactions of bounded size. After a crash the next owner continues.
    async fn fulfil<S: Sink>(
        &mut self,
        sink: &mut S,
        request: &Request,
        begun: Instant,
    ) -> Result<(), Failure> {
        let (mut action, mut limit) = (request.action, CHUNK_RECORDS);
        while !self.shutdown.is_cancelled() && self.partitions.contains(&request.place) {
            self.watchdog.beat();
            let step = self.step(sink, request, action, limit);
            let late = |_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
            let step = tokio::time::timeout(TRANSACTION_TIMEOUT, step);
            match step.await.map_err(late)?? {
                Step::Moved if begun.elapsed() > TURN => {
                    self.looked = None;
                    break;
                }
                Step::Moved => (action, limit) = (Action::Redrive, CHUNK_RECORDS),
                Step::Fewer(fewer) => limit = fewer,
                Step::Ended(failure) => {
                    self.log_redrive(request, failure.as_deref());
                    break;
                }
            }
        }
        Ok(())
    }

    /// Runs one transaction of a request.
    async fn step<S: Sink>(
        &mut self,
        sink: &mut S,
        request: &Request,
        action: Action,
        limit: usize,
    ) -> Result<Step, Failure> {
        let mut transaction = self.begin_redrive(&request.place).await?;
        let owner = self.follower.owner.clone();
        let key = Key {
            owner: &owner,
            place: &request.place,
            text: &request.key,
        };
        let (mut settled, mut records) = (Settled::default(), Vec::new());
        let up_to = match action {
            Action::DiscardAll => i64::MAX,
            Action::Discard { first } => {
                let found = key.first(&mut transaction, 1).await?;
                if found.first().is_none_or(|found| found.offset != first) {
                    let failure =
                        format!("record {first} is not the first one of the key any more");
                    drop(transaction);
                    return self.fail(request, failure, false).await;
                }
                first
            }
            Action::Redrive => {
                records = key.first(&mut transaction, limit).await?;
                if !records.is_empty()
                    && let Err(error) = sink.write(&mut transaction, &records).await
                {
                    drop(transaction);
                    return self.refuse(request, error, &records).await;
                }
                settled.applied = records.len();
                records.last().map_or(0, |last| last.offset)
            }
        };
        let (removed, next) = key.remove(&mut transaction, up_to).await?;
        if action != Action::Redrive {
            settled.discarded = removed;
        }
        settled.is_done = next.is_none();
        parked::settle(&mut transaction, &owner, request.id, &settled).await?;
        if let Err(error) = transaction.commit().await {
            // A constraint can be deferred to the commit.
            return self.refuse(request, error.into(), &records).await;
        }
        self.stored.moved();
        if let Some(parked) = self.partitions.parked_mut(&request.place) {
            parked.redrives += 1;
            parked.removed(request.key.as_bytes(), removed, next);
        }
        Ok(next.map_or(Step::Ended(None), |_| Step::Moved))
    }

    /// Finds out which record cannot be applied. Temporary failures are returned as errors.
    async fn refuse(
        &mut self,
        request: &Request,
        error: SinkError,
        records: &[Record],
    ) -> Result<Step, Failure> {
        match refused(error, records)? {
            Refused::First(cause) => self.fail(request, cause, true).await,
            Refused::Later(fewer) => Ok(Step::Fewer(fewer)),
        }
    }

    /// Ends a request whose key stays parked. A new cause replaces the one of the first record.
    async fn fail(
        &mut self,
        request: &Request,
        failure: String,
        is_cause: bool,
    ) -> Result<Step, Failure> {
        let mut transaction = self.begin_redrive(&request.place).await?;
        let owner = &self.follower.owner;
        if is_cause {
            let key = Key {
                owner,
                place: &request.place,
                text: &request.key,
            };
            key.set_cause(&mut transaction, &failure).await?;
        }
        let settled = Settled {
            is_done: true,
            failure: Some(failure.clone()),
            ..Settled::default()
        };
        parked::settle(&mut transaction, owner, request.id, &settled).await?;
        transaction.commit().await?;
        self.stored.moved();
        if let Some(parked) = self.partitions.parked_mut(&request.place) {
            parked.redrives += 1;
        }
        Ok(Step::Ended(Some(failure)))
    }

    /// Begins a transaction that no other owner of the partition can overtake.
    async fn begin_redrive(
        &self,
        place: &TopicPartition,
    ) -> Result<Transaction<'static, Postgres>, Failure> {
        let (next_offset, redrives) = self.partitions.fence(place).ok_or(Failure::Fenced)?;
        let mut transaction = self.pool.begin().await?;
        let owner = &self.follower.owner;
        if parked::begin(&mut transaction, owner, place, next_offset, redrives).await? {
            Ok(transaction)
        } else {
            transaction.rollback().await?;
            Err(Failure::Fenced)
        }
    }

    fn log_redrive(&self, request: &Request, failure: Option<&str>) {
        let view = &self.follower.owner.view;
        let Request {
            place,
            key,
            actor,
            action,
            ..
        } = request;
        let (topic, partition) = (&place.0, place.1);
        match failure {
            None => tracing::info!(
                view,
                topic,
                partition,
                key,
                actor,
                ?action,
                "parked key redriven: it is parked no longer"
            ),
            Some(reason) => tracing::error!(
                view,
                topic,
                partition,
                key,
                actor,
                ?action,
                reason,
                "parked key cannot be redriven: it stays parked"
            ),
        }
    }
}

/// Record that cannot be applied, among several.
enum Refused {
    /// The first one, with the reason.
    First(String),
    /// A later one. At most this number of records before it can be applied.
    Later(usize),
}

/// Returns which record cannot be applied. Temporary failures are returned as errors.
fn refused(error: SinkError, records: &[Record]) -> Result<Refused, SinkError> {
    match error {
        SinkError::Poison(poison) => {
            let cause = error_chain(poison.cause.as_ref());
            let mut offsets = records.iter().map(|record| record.offset);
            let before = offsets.position(|offset| offset == poison.offset);
            Ok(match before {
                None | Some(0) => Refused::First(cause),
                Some(before) => Refused::Later(before),
            })
        }
        SinkError::Database(error) if is_data_error(&error) => Ok(match records.len() {
            0 | 1 => Refused::First(error_chain(&error)),
            several => Refused::Later(several / 2),
        }),
        temporary => Err(temporary),
    }
}
