//! A checkout's reactions to the participants' answers and to missing answers.
//!
//! Each function lists the stages that wait for its answer. In every other stage the answer is
//! late, repeated or contradictory, and changes nothing.

use checkout_schemas::checkout::Event;
use checkout_schemas::{Cause, CheckoutOrdered, CheckoutPaid, Money, Step};
use factline::{Decision, Timestamp};

use super::Checkout;
use super::next::{abandoned, again, completed, failed, release, retried};
use crate::failure::FailureReason;
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
            // Placed when no stage waits for it any more, such as after a dead letter was sent
            // again. The command that was to cancel it may have come before it.
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
            FailureReason::refused(Cause::OrderRefused, what, code, reason)
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
            // Captured too late: once the payment is voided, it refunds the money by itself.
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
            Self::Paying { process, .. } => abandoned(
                process,
                &FailureReason::refused(cause, what, code, reason),
                now,
            ),
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
            // Confirmed after all, before it could be cancelled: the money was kept until this was
            // known.
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
                let trouble = FailureReason::refused(Cause::OrderCancelled, what, code, reason);
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

    /// Handles an order that will not be cancelled: it is confirmed, shipped or does not exist.
    pub(super) fn order_not_cancelled(&self, code: &str, now: Timestamp) -> Decision<Event> {
        match self {
            Self::Cancelling { trouble, .. }
                if trouble.cause == Cause::ConfirmationUnanswered && code == "order_confirmed" =>
            {
                self.order_confirmed()
            }
            // The order has been shipped and its money is captured: it is confirmed as soon as
            // ordering answers.
            Self::Cancelling {
                process, trouble, ..
            } if trouble.cause == Cause::ConfirmationUnanswered && code == "order_shipped" => {
                Decision::event(retried(process, Step::ConfirmOrder, ATTEMPTS + 1, "", now))
            }
            // The answer was given before the order was placed, and arrived after: the recall is
            // still unanswered.
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
                abandoned(
                    process,
                    &FailureReason::new(Cause::OrderTimedOut, reason),
                    now,
                )
            }
            Self::Paying { .. } => {
                let reason = "the payment was not made in time";
                abandoned(
                    process,
                    &FailureReason::new(Cause::PaymentTimedOut, reason),
                    now,
                )
            }
            // The order itself knows whether it was confirmed: of confirming and cancelling, it
            // accepts one.
            Self::Confirming { .. } if attempt == ATTEMPTS => {
                let reason = "the order was not confirmed in time";
                let trouble = FailureReason::new(Cause::ConfirmationUnanswered, reason);
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
