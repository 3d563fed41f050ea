//! What a checkout must have: checked once, when it is begun. What an order must have is for ordering to say, and how it is
//! paid for payment: their refusals end the checkout.

use checkout_schemas::{BeginCheckout, CheckoutBegun, order_id, payment_id};
use chrono::TimeDelta;
use factline::Timestamp;

use crate::Rejection;

/// The longest customer id or method, in characters.
pub(crate) const LONGEST: usize = 200;

/// The longest that a payment may take: 7 days.
pub(crate) const LONGEST_PAYMENT: i32 = 7 * 24 * 60 * 60;

/// The event of a new checkout, with the ids of its order and payment and the time at which it gives up.
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

/// Microseconds since 1970 of the time so much later. Beyond all calendars it is now: then the checkout gives up at once.
pub(crate) fn after(now: Timestamp, time: TimeDelta) -> i64 {
    now.checked_add_signed(time)
        .unwrap_or(now)
        .timestamp_micros()
}

/// Says something, in one line that can be printed, and not too much.
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
