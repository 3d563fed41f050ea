//! The requirements on a checkout: checked once, when it is begun. Ordering checks the order and
//! payment the payment method: their refusals end the checkout.

use checkout_schemas::{BeginCheckout, CheckoutBegun, order_id, payment_id};
use chrono::TimeDelta;
use factline::Timestamp;

use crate::Rejection;

/// Maximum length of a customer id or method, in characters.
pub(crate) const LONGEST: usize = 200;

/// Maximum payment time: 7 days.
pub(crate) const LONGEST_PAYMENT: i32 = 7 * 24 * 60 * 60;

/// Returns the event of a new checkout, with the ids of its order and payment and its first
/// deadline.
pub(crate) fn begin(command: BeginCheckout, now: Timestamp) -> Result<CheckoutBegun, Rejection> {
    text(&command.customer_id, "customer_id")?;
    text(&command.method, "method")?;
    let seconds = command.payment_seconds;
    if !(1..=LONGEST_PAYMENT).contains(&seconds) {
        return Err(Rejection::PaymentSecondsOutOfRange {
            seconds,
            longest: LONGEST_PAYMENT,
        });
    }
    Ok(CheckoutBegun {
        checkout_id: command.checkout_id,
        customer_id: command.customer_id,
        lines: command.lines,
        method: command.method,
        payment_seconds: seconds,
        order_id: order_id(command.checkout_id),
        payment_id: payment_id(command.checkout_id),
        payment_due: after(now, TimeDelta::seconds(seconds.into())),
    })
}

/// Returns this time later, in microseconds since 1970. A result outside of the calendar's range is
/// replaced by now: then the checkout times out at once.
pub(crate) fn after(now: Timestamp, time: TimeDelta) -> i64 {
    now.checked_add_signed(time)
        .unwrap_or(now)
        .timestamp_micros()
}

/// Checks that a text is not blank, has one printable line, and does not exceed the maximum length.
fn text(text: &str, field: &'static str) -> Result<(), Rejection> {
    if text.trim().is_empty() {
        return Err(Rejection::Blank { field });
    }
    if text.chars().any(char::is_control) {
        return Err(Rejection::Unprintable { field });
    }
    if text.chars().count() > LONGEST {
        return Err(Rejection::TooLong {
            field,
            longest: LONGEST,
        });
    }
    Ok(())
}
