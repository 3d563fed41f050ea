//! A checkout, from its beginning to its end: the process that leads an order and its payment.

use checkout_schemas::checkout::{Command, Event};
use checkout_schemas::{BeginCheckout, Cause, ExpireCheckout, Line, Money};
use factline::{Aggregate, Deadline, Decision, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Rejection;
use crate::failure::Trouble;
use crate::retry::Patience;
use crate::validation::begin;

mod answered;
mod evolving;
mod next;
#[cfg(test)]
mod tests;

/// A checkout's stage: what it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Checkout {
    /// Nobody has begun anything under this id.
    #[default]
    Unbegun,
    /// For the order to be placed.
    Placing {
        /// Whose process it is.
        process: Process,
        /// Until when.
        patience: Patience,
    },
    /// For the money.
    Paying {
        /// Whose process it is.
        process: Process,
        /// What the order costs.
        total: Money,
        /// Until when.
        patience: Patience,
    },
    /// For the order to be confirmed; the money is there.
    Confirming {
        /// Whose process it is.
        process: Process,
        /// What the order costs.
        total: Money,
        /// Until when.
        patience: Patience,
    },
    /// For the order to be cancelled. If it may be confirmed, the money is kept until it is known not to be.
    Cancelling {
        /// Whose process it is.
        process: Process,
        /// What the order costs; none if the payment was never asked for.
        total: Option<Money>,
        /// Why.
        trouble: Trouble,
        /// Whether an order that was placed too late has been recalled: then that there is none was said before it was.
        recalled: bool,
        /// Until when.
        patience: Patience,
    },
    /// For the payment to be called off. The order will never be confirmed.
    Releasing {
        /// Whose process it is.
        process: Process,
        /// Why.
        trouble: Trouble,
        /// Until when.
        patience: Patience,
    },
    /// Paid and confirmed.
    Completed {
        /// Whose process it was.
        process: Process,
    },
    /// Nothing is bought.
    Failed {
        /// Whose process it was.
        process: Process,
        /// Why.
        trouble: Trouble,
        /// Whether an order that was placed too late has been recalled.
        recalled: bool,
    },
}

/// What a checkout knows from its beginning on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its id.
    pub checkout_id: Uuid,
    /// Who buys.
    pub customer_id: String,
    /// Compared when it is begun again.
    pub lines: Vec<Line>,
    /// What is charged.
    pub method: String,
    /// Compared when it is begun again.
    pub payment_seconds: i32,
    /// Its order.
    pub order_id: Uuid,
    /// Its payment.
    pub payment_id: Uuid,
}

impl Aggregate for Checkout {
    const TYPE: &'static str = "checkout.checkout";

    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command, now: Timestamp) -> Result<Decision<Event>, Rejection> {
        if let Command::BeginCheckout(command) = command {
            return self.begin(command, now);
        }
        if matches!(self, Self::Unbegun) {
            return Err(Rejection::CheckoutNotFound);
        }
        // What a stage does not wait for comes late, twice or against what is known: it changes nothing.
        Ok(match command {
            Command::BeginCheckout(_) => Decision::nothing(),
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
}

impl Checkout {
    /// Whose process it is, and how long it waits; none before and after.
    fn open(&self) -> Option<(&Process, &Patience)> {
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
