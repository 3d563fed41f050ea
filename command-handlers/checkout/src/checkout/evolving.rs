//! What an event makes of a checkout.

use checkout_schemas::checkout::Event;
use checkout_schemas::{CheckoutBegun, CheckoutRetried, Step};

use super::{Checkout, Process};
use crate::failure::Trouble;
use crate::retry::Patience;

impl Checkout {
    /// The stage after an event. A pair that no rule makes keeps the stage: a fact may look odd, but it never stops a replay.
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
                    patience: Patience::until(event.due, patience.concluded),
                },
                checkout => checkout,
            },
            Event::CheckoutAbandoned(event) => {
                let trouble = Trouble {
                    cause: event.cause,
                    reason: event.reason.clone(),
                };
                self.abandoned(trouble, event.due)
            }
            Event::PaymentReleaseRequested(event) => {
                let trouble = Trouble {
                    cause: event.cause,
                    reason: event.reason.clone(),
                };
                self.releasing(trouble, event.due)
            }
            Event::CheckoutRetried(event) => self.retried(event),
            Event::CheckoutStuck(_) => self.waiting(|_| Patience::lost()),
            Event::CheckoutCompleted(_) => self.ended(|process| Self::Completed { process }),
            Event::CheckoutFailed(event) => self.ended(|process| Self::Failed {
                process,
                trouble: Trouble {
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
            patience: Patience::until(event.payment_due, false),
        }
    }

    fn abandoned(self, trouble: Trouble, due: i64) -> Self {
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
            patience: Patience::until(due, patience.concluded),
        }
    }

    fn releasing(self, trouble: Trouble, due: i64) -> Self {
        match self {
            Self::Confirming {
                process, patience, ..
            }
            | Self::Cancelling {
                process, patience, ..
            } => Self::Releasing {
                process,
                trouble,
                patience: Patience::until(due, patience.concluded),
            },
            checkout => checkout,
        }
    }

    fn retried(self, event: &CheckoutRetried) -> Self {
        match (self, event.step) {
            // An order that has left is not cancelled but confirmed.
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
            // For the first time again: an order that was placed meanwhile.
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

    /// The same stage with another patience.
    fn waiting(mut self, change: impl FnOnce(Patience) -> Patience) -> Self {
        if let Self::Confirming { patience, .. }
        | Self::Cancelling { patience, .. }
        | Self::Releasing { patience, .. } = &mut self
        {
            *patience = change(*patience);
        }
        self
    }

    /// The stage at the end of an open process.
    fn ended(self, stage: impl FnOnce(Process) -> Self) -> Self {
        match self.open().map(|(process, _)| process.clone()) {
            Some(process) => stage(process),
            None => self,
        }
    }
}
