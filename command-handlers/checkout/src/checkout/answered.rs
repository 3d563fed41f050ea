//! What a checkout makes of the others' answers, and of their silence.
//!
//! Of each answer: which stage waits for it. To all others it comes late, twice or against what is known, and changes nothing.

use checkout_schemas::checkout::Event;
use checkout_schemas::{Cause, CheckoutOrdered, CheckoutPaid, Money, Step};
use factline::{Decision, Timestamp};

use super::Checkout;
use super::next::{abandoned, again, completed, failed, release, retried};
use crate::failure::Trouble;
use crate::retry::{ATTEMPTS, pause};

impl Checkout {
    pub(super) fn order_placed(&self, total: Money, now: Timestamp) -> Decision<Event> {
        match self {
            Self::Placing { process, .. } => Decision::event(CheckoutOrdered {
                checkout_id: process.checkout_id,
                order_id: process.order_id,
                payment_id: process.payment_id,
                method: process.method.clone(),
                total,
            }),
            // Placed when nobody waited for it any more, such as by a dead letter that was sent again. What was to cancel it
            // may have come before it.
            Self::Cancelling {
                process,
                total: None,
                trouble,
                recalled: false,
                ..
            }
            | Self::Failed {
                process,
                trouble,
                recalled: false,
            } => Decision::event(retried(process, Step::CancelOrder, 1, &trouble.reason, now)),
            Self::Unbegun
            | Self::Paying { .. }
            | Self::Confirming { .. }
            | Self::Cancelling { .. }
            | Self::Releasing { .. }
            | Self::Completed { .. }
            | Self::Failed { .. } => Decision::nothing(),
        }
    }

    pub(super) fn order_refused(&self, code: &str, reason: &str) -> Decision<Event> {
        let trouble = || {
            let what = "the order was refused";
            Trouble::refused(Cause::OrderRefused, what, code, reason)
        };
        match self {
            Self::Placing { process, patience } => failed(process, &trouble(), *patience),
            Self::Unbegun
            | Self::Paying { .. }
            | Self::Confirming { .. }
            | Self::Cancelling { .. }
            | Self::Releasing { .. }
            | Self::Completed { .. }
            | Self::Failed { .. } => Decision::nothing(),
        }
    }

    pub(super) fn payment_captured(&self, now: Timestamp) -> Decision<Event> {
        match self {
            Self::Paying { process, .. } => Decision::event(CheckoutPaid {
                checkout_id: process.checkout_id,
                order_id: process.order_id,
                payment_id: process.payment_id,
                due: pause(now, 1),
            }),
            // Captured too late: once it is called off, the payment gives the money back by itself.
            Self::Unbegun
            | Self::Placing { .. }
            | Self::Confirming { .. }
            | Self::Cancelling { .. }
            | Self::Releasing { .. }
            | Self::Completed { .. }
            | Self::Failed { .. } => Decision::nothing(),
        }
    }

    pub(super) fn not_paid(
        &self,
        cause: Cause,
        what: &str,
        code: &str,
        reason: &str,
        now: Timestamp,
    ) -> Decision<Event> {
        match self {
            Self::Paying { process, .. } => {
                abandoned(process, &Trouble::refused(cause, what, code, reason), now)
            }
            Self::Unbegun
            | Self::Placing { .. }
            | Self::Confirming { .. }
            | Self::Cancelling { .. }
            | Self::Releasing { .. }
            | Self::Completed { .. }
            | Self::Failed { .. } => Decision::nothing(),
        }
    }

    pub(super) fn order_confirmed(&self) -> Decision<Event> {
        match self {
            Self::Confirming {
                process,
                total,
                patience,
            } => completed(process, total, *patience),
            // Confirmed after all, before it could be cancelled: the money was kept until that is known.
            Self::Cancelling {
                process,
                total: Some(total),
                trouble,
                patience,
                ..
            } if trouble.cause == Cause::ConfirmationUnanswered => {
                completed(process, total, *patience)
            }
            Self::Unbegun
            | Self::Placing { .. }
            | Self::Paying { .. }
            | Self::Cancelling { .. }
            | Self::Releasing { .. }
            | Self::Completed { .. }
            | Self::Failed { .. } => Decision::nothing(),
        }
    }

    pub(super) fn order_not_confirmed(
        &self,
        code: &str,
        reason: &str,
        now: Timestamp,
    ) -> Decision<Event> {
        match self {
            Self::Confirming { process, .. } => {
                let what = "the order could not be confirmed";
                let trouble = Trouble::refused(Cause::OrderCancelled, what, code, reason);
                Decision::event(release(process, &trouble, now))
            }
            Self::Unbegun
            | Self::Placing { .. }
            | Self::Paying { .. }
            | Self::Cancelling { .. }
            | Self::Releasing { .. }
            | Self::Completed { .. }
            | Self::Failed { .. } => Decision::nothing(),
        }
    }

    pub(super) fn order_cancelled(&self, now: Timestamp) -> Decision<Event> {
        match self {
            Self::Cancelling {
                process,
                total: Some(_),
                trouble,
                ..
            } => Decision::event(release(process, trouble, now)),
            Self::Cancelling {
                process,
                total: None,
                trouble,
                patience,
                ..
            } => failed(process, trouble, *patience),
            Self::Unbegun
            | Self::Placing { .. }
            | Self::Paying { .. }
            | Self::Confirming { .. }
            | Self::Releasing { .. }
            | Self::Completed { .. }
            | Self::Failed { .. } => Decision::nothing(),
        }
    }

    /// An order that will not be cancelled is confirmed, shipped or not there.
    pub(super) fn order_not_cancelled(&self, code: &str, now: Timestamp) -> Decision<Event> {
        match self {
            Self::Cancelling { trouble, .. }
                if trouble.cause == Cause::ConfirmationUnanswered && code == "order_confirmed" =>
            {
                self.order_confirmed()
            }
            // It has left, and its money is there: it is confirmed as soon as anybody answers.
            Self::Cancelling {
                process, trouble, ..
            } if trouble.cause == Cause::ConfirmationUnanswered && code == "order_shipped" => {
                Decision::event(retried(process, Step::ConfirmOrder, ATTEMPTS + 1, "", now))
            }
            // Said before it was placed, and heard after: its recall is still to be answered.
            Self::Cancelling { recalled: true, .. } if code == "order_not_found" => {
                Decision::nothing()
            }
            Self::Cancelling { .. } => self.order_cancelled(now),
            Self::Unbegun
            | Self::Placing { .. }
            | Self::Paying { .. }
            | Self::Confirming { .. }
            | Self::Releasing { .. }
            | Self::Completed { .. }
            | Self::Failed { .. } => Decision::nothing(),
        }
    }

    pub(super) fn payment_released(&self) -> Decision<Event> {
        match self {
            Self::Releasing {
                process,
                trouble,
                patience,
            } => failed(process, trouble, *patience),
            Self::Unbegun
            | Self::Placing { .. }
            | Self::Paying { .. }
            | Self::Confirming { .. }
            | Self::Cancelling { .. }
            | Self::Completed { .. }
            | Self::Failed { .. } => Decision::nothing(),
        }
    }

    pub(super) fn expire(&self, now: Timestamp) -> Decision<Event> {
        let Some((process, patience)) = self.open().filter(|(_, one)| one.is_over(now)) else {
            return Decision::nothing();
        };
        let attempt = patience.attempt;
        match self {
            Self::Unbegun | Self::Completed { .. } | Self::Failed { .. } => Decision::nothing(),
            Self::Placing { .. } => {
                let reason = "the order was not placed in time";
                abandoned(process, &Trouble::new(Cause::OrderTimedOut, reason), now)
            }
            Self::Paying { .. } => {
                let reason = "the payment was not made in time";
                abandoned(process, &Trouble::new(Cause::PaymentTimedOut, reason), now)
            }
            // The order itself says whether it was confirmed: of confirming and cancelling, it takes one.
            Self::Confirming { .. } if attempt == ATTEMPTS => {
                let reason = "the order was not confirmed in time";
                let trouble = Trouble::new(Cause::ConfirmationUnanswered, reason);
                abandoned(process, &trouble, now)
            }
            Self::Confirming { .. } => again(process, *patience, Step::ConfirmOrder, "", now),
            Self::Cancelling { trouble, .. } => {
                again(process, *patience, Step::CancelOrder, &trouble.reason, now)
            }
            Self::Releasing { trouble, .. } => again(
                process,
                *patience,
                Step::ReleasePayment,
                &trouble.reason,
                now,
            ),
        }
    }
}
