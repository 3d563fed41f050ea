//! Redrives of parked facts, which an operator asks for by a mark on a letter.
//!
//! While keys are parked, the host reads the letters again at an interval. It handles the facts of
//! a key in order: the first when an operator asks for it, or has discarded those before it, and
//! then those that wait behind it. A fact that fails again stays parked, with the new reason.
//!
//! The commands of a redriven fact are not numbered: the offset of the fact was settled when it was
//! parked. Their ids are those of the first try, so the handler decides each once within its dedupe
//! window. After the window they fail as too old, and can be redriven from there.

use std::time::{Duration, Instant};

use factline::{Delivery, Fact, Messages, error_chain};
use factline_kafka::consumer::group::TopicPartition;
use factline_kafka::producer::append::Failure as Failed;

use super::Failure;
use super::batch::Batch;
use super::host::{Host, Poison, SHUTDOWN_GRACE, backoff};
use super::letters::Letter;
use super::readiness::Trouble;

/// Interval at which the letters are read while keys are parked.
const INTERVAL: Duration = Duration::from_secs(2);

impl Host {
    /// Appends the letters of a batch, and retries until they are acknowledged. Returns `false` if
    /// the batch was interrupted. A crash loses nothing: the facts are not committed before.
    pub(crate) async fn append_letters<E>(&mut self, batch: &mut Batch<E>) -> bool {
        batch.keep_wanted(&self.places);
        for letter in batch.letters().to_vec() {
            if !self.append_letter(&letter).await {
                return false;
            }
        }
        // Those of a partition that was revoked meanwhile were written in vain.
        batch.keep_wanted(&self.places);
        true
    }

    /// Appends a letter. Returns `false` if it was interrupted.
    async fn append_letter(&mut self, letter: &Letter) -> bool {
        let mut backoff = backoff();
        loop {
            let letters = self.redrives.letters.clone();
            let appender = self.redrives.appender().map_err(Failed::NotAppended);
            let appending = async { letters.append(&*appender?, letter).await };
            match self.run_while_polling(appending, SHUTDOWN_GRACE).await {
                None => return false,
                Some(Ok(())) => return true,
                Some(Err(error)) => {
                    if !self
                        .wait_before_retry(Trouble::Handling, &error, &mut backoff)
                        .await
                    {
                        return false;
                    }
                }
            }
        }
    }

    /// Handles the parked facts that operators have asked for, when it is time to look for them.
    pub(crate) async fn redrive<E, F>(&mut self, handle: &mut F)
    where
        E: Messages,
        F: AsyncFnMut(&[Fact<E>], &[Option<Delivery>]) -> Result<(), Failure>,
    {
        if self.parked.is_empty() || self.redrives.read_at.elapsed() < INTERVAL {
            return;
        }
        self.redrives.read_at = Instant::now();
        let letters = self.redrives.letters.clone();
        let read = self.run_while_polling(letters.read(), SHUTDOWN_GRACE).await;
        let letters = match read {
            None => return,
            Some(Ok(letters)) => letters,
            Some(Err(error)) => {
                let (subscription, reason) = (&self.subscription.name, error_chain(&error));
                tracing::warn!(subscription, reason, "cannot read letters; retrying");
                return;
            }
        };
        let assigned = self.places.keys();
        let letters = letters.into_iter();
        let letters: Vec<Letter> = letters
            .filter(|letter| assigned.contains(&letter.place()))
            .collect();
        for letter in &letters {
            self.parked.add(letter);
        }
        while let Some(due) = self.parked.first_due() {
            let Some(letter) = letters.iter().find(|letter| is_at(letter, &due)) else {
                // It was parked meanwhile: the next read finds it.
                return;
            };
            if !self.handle_letter(handle, letter).await {
                return;
            }
        }
    }

    /// Handles one parked fact. Returns `false` if it must be tried again later.
    async fn handle_letter<E, F>(&mut self, handle: &mut F, letter: &Letter) -> bool
    where
        E: Messages,
        F: AsyncFnMut(&[Fact<E>], &[Option<Delivery>]) -> Result<(), Failure>,
    {
        let record = &letter.record;
        let handled = match self.facts.read(record).await {
            Ok(None) => Ok(()),
            Ok(Some(fact)) => {
                let handling = handle(std::slice::from_ref(&fact), &[None]);
                match self.run_while_polling(handling, SHUTDOWN_GRACE).await {
                    None => return false,
                    Some(Ok(())) => Ok(()),
                    Some(Err(Failure::Poison { cause, .. })) => Err(cause),
                    Some(Err(Failure::Unavailable(error))) => return self.try_later(&error),
                }
            }
            Err(error) if error.is_transient() => return self.try_later(&error),
            Err(error) => Err(error.into()),
        };
        let (subscription, place) = (self.subscription.name.clone(), record.place());
        let settled = match handled {
            Ok(()) => {
                tracing::info!(subscription, place, "parked fact handled");
                letter.clone().redriven()
            }
            Err(cause) => {
                let reason = error_chain(&Poison::of(record, cause));
                tracing::error!(subscription, reason, "parked fact failed again");
                Letter::failed(record, &reason)
            }
        };
        let appended = self.append_letter(&settled).await;
        // A rebalance may have taken the partition meanwhile.
        if appended && self.places.keys().contains(&letter.place()) {
            self.parked.add(&settled);
        }
        appended
    }

    fn try_later(&self, error: &(dyn std::error::Error + 'static)) -> bool {
        let (subscription, reason) = (&self.subscription.name, error_chain(error));
        tracing::warn!(
            subscription,
            reason,
            "cannot handle a parked fact now; retrying"
        );
        self.meters.retried();
        false
    }
}

fn is_at(letter: &Letter, (place, offset): &(TopicPartition, i64)) -> bool {
    letter.record.offset == *offset && letter.place() == *place
}
