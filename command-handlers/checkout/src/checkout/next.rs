//! The steps of a checkout, as events, and the end of its operation.

use checkout_schemas::checkout::Event;
use checkout_schemas::{
    CheckoutAbandoned, CheckoutCompleted, CheckoutFailed, CheckoutRetried, CheckoutStuck, Money,
    PaymentReleaseRequested, Step,
};
use factline::{Conclusion, Decision, Timestamp};

use super::Process;
use crate::failure::{self, FailureReason, conclusion};
use crate::retry::{ATTEMPTS, RetrySchedule, pause};

/// Ends the operation, unless it ended when the retries were exhausted.
fn ending(
    event: impl Into<Event>,
    patience: RetrySchedule,
    conclusion: Conclusion,
) -> Decision<Event> {
    let decision = Decision::event(event);
    if patience.concluded {
        decision
    } else {
        decision.concluding(conclusion)
    }
}

pub(super) fn completed(
    process: &Process,
    total: &Money,
    patience: RetrySchedule,
) -> Decision<Event> {
    let event = CheckoutCompleted {
        checkout_id: process.checkout_id,
        customer_id: process.customer_id.clone(),
        order_id: process.order_id,
        payment_id: process.payment_id,
        total: total.clone(),
    };
    ending(event, patience, Conclusion::completed())
}

pub(super) fn failed(
    process: &Process,
    trouble: &FailureReason,
    patience: RetrySchedule,
) -> Decision<Event> {
    let event = CheckoutFailed {
        checkout_id: process.checkout_id,
        customer_id: process.customer_id.clone(),
        order_id: process.order_id,
        payment_id: process.payment_id,
        cause: trouble.cause,
        reason: trouble.reason.clone(),
    };
    ending(event, patience, conclusion(trouble))
}

pub(super) fn abandoned(
    process: &Process,
    trouble: &FailureReason,
    now: Timestamp,
) -> Decision<Event> {
    Decision::event(CheckoutAbandoned {
        checkout_id: process.checkout_id,
        order_id: process.order_id,
        cause: trouble.cause,
        reason: trouble.reason.clone(),
        due: pause(now, 1),
    })
}

pub(super) fn release(
    process: &Process,
    trouble: &FailureReason,
    now: Timestamp,
) -> PaymentReleaseRequested {
    PaymentReleaseRequested {
        checkout_id: process.checkout_id,
        payment_id: process.payment_id,
        cause: trouble.cause,
        reason: trouble.reason.clone(),
        due: pause(now, 1),
    }
}

pub(super) fn retried(
    process: &Process,
    step: Step,
    attempt: i32,
    reason: &str,
    now: Timestamp,
) -> CheckoutRetried {
    CheckoutRetried {
        checkout_id: process.checkout_id,
        order_id: process.order_id,
        payment_id: process.payment_id,
        step,
        attempt,
        reason: reason.to_owned(),
        due: pause(now, attempt),
    }
}

/// Returns the event of a retry, or of the end of the retries, after which operators have to act.
pub(super) fn again(
    process: &Process,
    patience: RetrySchedule,
    step: Step,
    reason: &str,
    now: Timestamp,
) -> Decision<Event> {
    if patience.attempt < ATTEMPTS {
        return Decision::event(retried(process, step, patience.attempt + 1, reason, now));
    }
    let reason = match step {
        Step::Unknown => "a request has not been answered",
        Step::ConfirmOrder => "the request to confirm the order has not been answered",
        Step::CancelOrder => "the request to cancel the order has not been answered",
        Step::ReleasePayment => "the request to void the payment has not been answered",
    };
    let event = CheckoutStuck {
        checkout_id: process.checkout_id,
        step,
        reason: reason.to_owned(),
    };
    ending(event, patience, failure::stuck(reason))
}
