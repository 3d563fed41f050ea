//! Records that can never be written: what the host does with them, and how it reports them.

use std::collections::VecDeque;

use super::{Host, now};
use crate::batch::{Batch, Treatment};
use crate::poison;
use crate::sink::{Poison, PoisonPolicy};

impl Host {
    /// Sets a record aside that cannot be written. The queue has the batch with the record, and
    /// those that come after it.
    pub(super) fn set_aside(
        &mut self,
        policy: PoisonPolicy,
        poison: Poison,
        queue: &mut VecDeque<Batch>,
    ) {
        let key = (poison.topic.clone(), poison.partition);
        let stop = poison::set_aside(&mut self.partitions, queue, policy, poison, now());
        if let Some(stop) = stop {
            self.stop(&key, &stop);
        }
    }

    /// Reports the records of a committed batch that the sink has not written.
    pub(super) fn report_set_aside(&mut self, batch: &Batch) {
        let view = &self.follower.owner.view;
        for (record, step) in batch.set_aside() {
            let place = record.place();
            match &step.treatment {
                Treatment::Apply | Treatment::Park { cause: None } => {}
                Treatment::Park {
                    cause: Some(reason),
                } => {
                    let key = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default());
                    tracing::error!(
                        view,
                        place,
                        key = key.as_ref(),
                        reason,
                        "cannot apply a record: its key is parked; other keys continue"
                    );
                }
                Treatment::Skip { cause: reason } => {
                    tracing::error!(view, place, reason, "cannot apply a record: skipped");
                    self.meters.skipped();
                }
            }
        }
        self.partitions.count_parked(batch);
    }
}
