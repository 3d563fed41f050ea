//! The effects of events on a checkout.

use checkout_schemas::checkout::Event;
use checkout_schemas::{CheckoutBegun, CheckoutRetried, Step};

use super::{Checkout, Process};
use crate::failure::FailureReason;
use crate::retry::RetrySchedule;

impl Checkout {
    /// Returns the stage after an event. A pair that no rule produces keeps the stage: an
    /// unexpected event never stops a replay.
    pub(super) fn after(self, event: &Event) -> Self {
        match event {
            Event::CheckoutBegun(event) => match self {
                Self::Unbegun => Self::begun(event),
                checkout => checkout,
            },
            Event::CheckoutOrdered(event) => match self {
                Self::Placing { process, patience } => Self::Paying {
                    process,
                    total: event.total.clone(),
                    patience,
                },
                checkout => checkout,
            },
            Event::CheckoutPaid(event) => match self {
                Self::Paying {
                    process,
                    total,
                    patience,
                } => Self::Confirming {
                    process,
                    total,
                    patience: RetrySchedule::until(event.due, patience.concluded),
                },
                checkout => checkout,
            },
            Event::CheckoutAbandoned(event) => {
                let trouble = FailureReason {
                    cause: event.cause,
                    reason: event.reason.clone(),
                };
                self.abandoned(trouble, event.due)
            }
            Event::PaymentReleaseRequested(event) => {
                let trouble = FailureReason {
                    cause: event.cause,
                    reason: event.reason.clone(),
                };
                self.releasing(trouble, event.due)
            }
            Event::CheckoutRetried(event) => self.retried(event),
            Event::CheckoutStuck(_) => self.waiting(|_| RetrySchedule::exhausted()),
            Event::CheckoutCompleted(_) => self.ended(|process| Self::Completed { process }),
            Event::CheckoutFailed(event) => self.ended(|process| Self::Failed {
                process,
                trouble: FailureReason {
                    cause: event.cause,
                    reason: event.reason.clone(),
                },
                recalled: false,
            }),
        }
    }

    fn begun(event: &CheckoutBegun) -> Self {
        Self::Placing {
            process: Process {
                checkout_id: event.checkout_id,
                customer_id: event.customer_id.clone(),
                lines: event.lines.clone(),
                method: event.method.clone(),
                payment_seconds: event.payment_seconds,
                order_id: event.order_id,
                payment_id: event.payment_id,
            },
            patience: RetrySchedule::until(event.payment_due, false),
        }
    }

    fn abandoned(self, trouble: FailureReason, due: i64) -> Self {
        let (process, total, patience) = match self {
            Self::Placing { process, patience } => (process, None, patience),
            Self::Paying {
                process,
                total,
                patience,
            }
            | Self::Confirming {
                process,
                total,
                patience,
            } => (process, Some(total), patience),
            checkout => return checkout,
        };
        Self::Cancelling {
            process,
            total,
            trouble,
            recalled: false,
            patience: RetrySchedule::until(due, patience.concluded),
        }
    }

    fn releasing(self, trouble: FailureReason, due: i64) -> Self {
        match self {
            Self::Confirming {
                process, patience, ..
            }
            | Self::Cancelling {
                process, patience, ..
            } => Self::Releasing {
                process,
                trouble,
                patience: RetrySchedule::until(due, patience.concluded),
            },
            checkout => checkout,
        }
    }

    fn retried(self, event: &CheckoutRetried) -> Self {
        match (self, event.step) {
            // A shipped order is not cancelled but confirmed.
            (
                Self::Cancelling {
                    process,
                    total: Some(total),
                    patience,
                    ..
                },
                Step::ConfirmOrder,
            ) => Self::Confirming {
                process,
                total,
                patience: patience.again(event.due, event.attempt),
            },
            // The first attempt again: the order was placed meanwhile.
            (
                Self::Cancelling {
                    process,
                    total,
                    trouble,
                    patience,
                    ..
                },
                Step::CancelOrder,
            ) if event.attempt == 1 => Self::Cancelling {
                process,
                total,
                trouble,
                recalled: true,
                patience: patience.again(event.due, event.attempt),
            },
            (
                Self::Failed {
                    process, trouble, ..
                },
                Step::CancelOrder,
            ) => Self::Failed {
                process,
                trouble,
                recalled: true,
            },
            (checkout, _) => checkout.waiting(|patience| patience.again(event.due, event.attempt)),
        }
    }

    /// Returns the same stage with another retry schedule.
    fn waiting(mut self, change: impl FnOnce(RetrySchedule) -> RetrySchedule) -> Self {
        if let Self::Confirming { patience, .. }
        | Self::Cancelling { patience, .. }
        | Self::Releasing { patience, .. } = &mut self
        {
            *patience = change(*patience);
        }
        self
    }

    /// Returns the stage at the end of an open process.
    fn ended(self, stage: impl FnOnce(Process) -> Self) -> Self {
        match self.open().map(|(process, _)| process.clone()) {
            Some(process) => stage(process),
            None => self,
        }
    }
}
