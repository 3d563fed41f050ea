//! The failure reasons of a checkout, and its conclusions.

use checkout_schemas::Cause;
use factline::Conclusion;
use serde::{Deserialize, Serialize};

/// Maximum length of a participant's reason that is kept, in characters.
const LONGEST: usize = 300;

/// The reason for which a checkout failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureReason {
    /// The cause.
    pub cause: Cause,
    /// Human-readable form of the cause.
    pub reason: String,
}

impl FailureReason {
    pub(crate) fn new(cause: Cause, reason: impl Into<String>) -> Self {
        Self {
            cause,
            reason: reason.into(),
        }
    }

    /// Creates the failure of a checkout that a participant refused, with the participant's reason.
    pub(crate) fn refused(cause: Cause, what: &str, code: &str, reason: &str) -> Self {
        let (code, reason) = (short(code), short(reason));
        Self::new(
            cause,
            if reason.is_empty() {
                format!("{what}: {code}")
            } else {
                format!("{what}: {code}: {reason}")
            },
        )
    }
}

/// Returns the conclusion of a failed checkout.
pub fn conclusion(trouble: &FailureReason) -> Conclusion {
    let reason = trouble.reason.clone();
    match trouble.cause {
        Cause::Unknown => Conclusion::rejected("checkout_failed", reason),
        Cause::OrderRefused => Conclusion::rejected("order_refused", reason),
        Cause::OrderCancelled => Conclusion::rejected("order_cancelled", reason),
        Cause::PaymentRefused => Conclusion::rejected("payment_refused", reason),
        Cause::PaymentDeclined => Conclusion::rejected("payment_declined", reason),
        Cause::OrderTimedOut => Conclusion::timed_out("order_timed_out", reason),
        Cause::PaymentTimedOut => Conclusion::timed_out("payment_timed_out", reason),
        Cause::ConfirmationUnanswered => Conclusion::timed_out("confirmation_unanswered", reason),
        Cause::CheckoutCancelled => Conclusion::cancelled("checkout_cancelled", reason),
    }
}

/// Returns the conclusion of a checkout whose retries are exhausted.
pub(crate) fn stuck(reason: &str) -> Conclusion {
    Conclusion::timed_out("checkout_stuck", reason)
}

/// Shortens a participant's text to one printable line within the limit, because it is stored and
/// shown.
fn short(text: &str) -> String {
    let one_line = text
        .chars()
        .map(|one| if one.is_control() { ' ' } else { one });
    one_line.take(LONGEST).collect::<String>().trim().to_owned()
}
