//! A checkout, from its beginning to its end: the process that leads an order and its payment.

use checkout_schemas::checkout::{self, Command, Event};
use checkout_schemas::{BeginCheckout, CancelCheckout, Cause, ExpireCheckout, Line, Money};
use factline::{Aggregate, Context, Deadline, Decision, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Rejection;
use crate::failure::FailureReason;
use crate::retry::RetrySchedule;
use crate::validation::begin;

mod answered;
mod evolving;
mod next;
#[cfg(test)]
mod tests;

/// A checkout's stage: the answer that it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Checkout {
    /// No checkout was begun with this id.
    #[default]
    Unbegun,
    /// Waits for the order to be placed.
    Placing {
        /// The process.
        process: Process,
        /// Deadline of the answer.
        patience: RetrySchedule,
    },
    /// Waits for the payment.
    Paying {
        /// The process.
        process: Process,
        /// Total of the order.
        total: Money,
        /// Deadline of the answer.
        patience: RetrySchedule,
    },
    /// Waits for the order to be confirmed; the payment is captured.
    Confirming {
        /// The process.
        process: Process,
        /// Total of the order.
        total: Money,
        /// Deadline of the answer.
        patience: RetrySchedule,
    },
    /// Waits for the order to be cancelled. While the order may still be confirmed, the money is
    /// kept.
    Cancelling {
        /// The process.
        process: Process,
        /// Total of the order; none if the payment was never requested.
        total: Option<Money>,
        /// Reason of the failure.
        trouble: FailureReason,
        /// True if the order was placed too late and has been recalled. In that case an answer that
        /// there is no such order was given before the order was placed.
        recalled: bool,
        /// Deadline of the answer.
        patience: RetrySchedule,
    },
    /// Waits for the payment to be voided. The order will never be confirmed.
    Releasing {
        /// The process.
        process: Process,
        /// Reason of the failure.
        trouble: FailureReason,
        /// Deadline of the answer.
        patience: RetrySchedule,
    },
    /// Paid and confirmed.
    Completed {
        /// The process.
        process: Process,
    },
    /// Failed: the order is not confirmed, and no money is kept.
    Failed {
        /// The process.
        process: Process,
        /// Reason of the failure.
        trouble: FailureReason,
        /// True if the order was placed too late and has been recalled.
        recalled: bool,
    },
}

/// The data of a checkout that is known from its beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Id of the checkout.
    pub checkout_id: Uuid,
    /// The customer.
    pub customer_id: String,
    /// Compared when the checkout is begun again.
    pub lines: Vec<Line>,
    /// Payment method.
    pub method: String,
    /// Compared when the checkout is begun again.
    pub payment_seconds: i32,
    /// Id of its order.
    pub order_id: Uuid,
    /// Id of its payment.
    pub payment_id: Uuid,
}

impl Aggregate for Checkout {
    type Type = checkout::Type;
    type Rejection = Rejection;

    fn decide(&self, command: Command, context: &Context) -> Result<Decision<Event>, Rejection> {
        let now = context.now();
        if let Command::BeginCheckout(command) = command {
            return self.begin(command, now);
        }
        if matches!(self, Self::Unbegun) {
            return Err(Rejection::CheckoutNotFound);
        }
        if let Command::CancelCheckout(_) = command {
            return self.cancel(now);
        }
        // A stage ignores answers that it does not wait for: they are late, repeated or
        // contradictory.
        Ok(match command {
            Command::BeginCheckout(_) | Command::CancelCheckout(_) => Decision::nothing(),
            Command::NoteOrderPlaced(note) => self.order_placed(note.total, now),
            Command::NoteOrderRefused(note) => self.order_refused(&note.code, &note.reason),
            Command::NotePaymentCaptured(_) => self.payment_captured(now),
            Command::NotePaymentDeclined(note) => {
                let what = "the payment was declined";
                self.not_paid(Cause::PaymentDeclined, what, &note.code, "", now)
            }
            Command::NotePaymentRefused(note) => {
                let what = "the payment was refused";
                self.not_paid(Cause::PaymentRefused, what, &note.code, &note.reason, now)
            }
            Command::NoteOrderConfirmed(_) => self.order_confirmed(),
            Command::NoteOrderNotConfirmed(note) => {
                self.order_not_confirmed(&note.code, &note.reason, now)
            }
            Command::NoteOrderCancelled(_) => self.order_cancelled(now),
            Command::NoteOrderNotCancelled(note) => self.order_not_cancelled(&note.code, now),
            Command::NotePaymentReleased(_) => self.payment_released(),
            Command::ExpireCheckout(_) => self.expire(now),
        })
    }

    fn evolve(self, event: &Event) -> Self {
        self.after(event)
    }

    fn deadline(&self) -> Option<Deadline<Command>> {
        let (process, patience) = self.open()?;
        Some(Deadline::at(
            patience.instant()?,
            ExpireCheckout {
                checkout_id: process.checkout_id,
            },
        ))
    }

    fn cancellation(&self) -> Option<Command> {
        let (process, _) = self.open()?;
        let checkout_id = process.checkout_id;
        Some(CancelCheckout { checkout_id }.into())
    }

    fn has_ended(&self) -> bool {
        matches!(self, Self::Completed { .. } | Self::Failed { .. })
    }
}

impl Checkout {
    /// Returns the process and its deadline; none before the beginning and after the end.
    fn open(&self) -> Option<(&Process, &RetrySchedule)> {
        match self {
            Self::Unbegun | Self::Completed { .. } | Self::Failed { .. } => None,
            Self::Placing { process, patience }
            | Self::Paying {
                process, patience, ..
            }
            | Self::Confirming {
                process, patience, ..
            }
            | Self::Cancelling {
                process, patience, ..
            }
            | Self::Releasing {
                process, patience, ..
            } => Some((process, patience)),
        }
    }

    /// Cancels a checkout until its payment is captured. The order is cancelled and the payment is
    /// voided as after any other failure.
    fn cancel(&self, now: Timestamp) -> Result<Decision<Event>, Rejection> {
        match self {
            Self::Placing { process, .. } | Self::Paying { process, .. } => {
                let reason = "the checkout was cancelled";
                let trouble = FailureReason::new(Cause::CheckoutCancelled, reason);
                Ok(next::abandoned(process, &trouble, now))
            }
            Self::Cancelling { trouble, .. }
            | Self::Releasing { trouble, .. }
            | Self::Failed { trouble, .. }
                if trouble.cause == Cause::CheckoutCancelled =>
            {
                Ok(Decision::nothing())
            }
            Self::Unbegun => Err(Rejection::CheckoutNotFound),
            Self::Confirming { .. }
            | Self::Cancelling { .. }
            | Self::Releasing { .. }
            | Self::Completed { .. }
            | Self::Failed { .. } => Err(Rejection::TooLate),
        }
    }

    fn begin(&self, command: BeginCheckout, now: Timestamp) -> Result<Decision<Event>, Rejection> {
        let process = match self {
            Self::Unbegun => {
                return begin(command, now).map(|begun| Decision::event(begun).running());
            }
            Self::Placing { process, .. }
            | Self::Paying { process, .. }
            | Self::Confirming { process, .. }
            | Self::Cancelling { process, .. }
            | Self::Releasing { process, .. }
            | Self::Completed { process }
            | Self::Failed { process, .. } => process,
        };
        let same = process.customer_id == command.customer_id
            && process.lines == command.lines
            && process.method == command.method
            && process.payment_seconds == command.payment_seconds;
        if same {
            Ok(Decision::nothing())
        } else {
            Err(Rejection::CheckoutExists)
        }
    }
}
