//! What a checkout tells of its end.

use checkout_schemas::Cause;
use factline::Conclusion;
use serde::{Deserialize, Serialize};

/// The longest reason that is taken over from others, in characters.
const LONGEST: usize = 300;

/// What a checkout came to grief by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What went wrong.
    pub cause: Cause,
    /// The same for people.
    pub reason: String,
}

impl Trouble {
    pub(crate) fn new(cause: Cause, reason: impl Into<String>) -> Self {
        Self {
            cause,
            reason: reason.into(),
        }
    }

    /// Others refuse, for a reason of theirs.
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

/// How the operation of a checkout that came to grief ends.
pub fn conclusion(trouble: &Trouble) -> Conclusion {
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
    }
}

/// How it ends when nobody answers.
pub(crate) fn stuck(reason: &str) -> Conclusion {
    Conclusion::timed_out("checkout_stuck", reason)
}

/// What others say, in one line that can be printed, and not too much: it is kept and shown.
fn short(text: &str) -> String {
    let one_line = text
        .chars()
        .map(|one| if one.is_control() { ' ' } else { one });
    one_line.take(LONGEST).collect::<String>().trim().to_owned()
}
