//! What a request and a provider's answer must look like: checked before anything is made of them.
//!
//! The first thing found wrong is the refusal, in the order in which the fields stand in the schema. An amount of 0 is legal:
//! shops give things away.

use payment_schemas::{
    AuthorizePayment, Money, RecordPaymentCaptured, RecordPaymentDeclined,
    RecordPaymentRefundRefused, RecordPaymentRefunded, VoidPayment,
};

use crate::Rejection;

/// The longest reference, method or code, in characters.
pub(crate) const LONGEST: usize = 200;

/// The longest reason, in characters.
pub(crate) const LONGEST_REASON: usize = 1000;

pub(crate) fn authorize(command: &AuthorizePayment) -> Result<(), Rejection> {
    text(&command.reference, "reference")?;
    sound(&command.amount)?;
    text(&command.method, "method")
}

pub(crate) fn captured(command: &RecordPaymentCaptured) -> Result<(), Rejection> {
    text(&command.provider_reference, "provider_reference")?;
    sound(&command.amount)
}

pub(crate) fn declined(command: &RecordPaymentDeclined) -> Result<(), Rejection> {
    text(&command.code, "code")
}

pub(crate) fn refunded(command: &RecordPaymentRefunded) -> Result<(), Rejection> {
    text(&command.provider_reference, "provider_reference")
}

pub(crate) fn refund_refused(command: &RecordPaymentRefundRefused) -> Result<(), Rejection> {
    text(&command.provider_reference, "provider_reference")?;
    text(&command.code, "code")?;
    printable(&command.reason, "reason", LONGEST_REASON)
}

pub(crate) fn void(command: &VoidPayment) -> Result<(), Rejection> {
    text(&command.reference, "reference")?;
    printable(&command.reason, "reason", LONGEST_REASON)
}

/// Says something, in one line that can be printed, and not too much.
fn text(text: &str, field: &'static str) -> Result<(), Rejection> {
    if text.trim().is_empty() {
        return Err(Rejection::Blank { field });
    }
    printable(text, field, LONGEST)
}

fn printable(text: &str, field: &'static str, longest: usize) -> Result<(), Rejection> {
    if text.chars().any(char::is_control) {
        return Err(Rejection::Unprintable { field });
    }
    if text.chars().count() > longest {
        return Err(Rejection::TooLong { field, longest });
    }
    Ok(())
}

/// Not negative, in a currency whose code has the shape of ISO 4217. Which codes exist is not ours to list.
fn sound(money: &Money) -> Result<(), Rejection> {
    if money.amount < 0 {
        return Err(Rejection::NegativeAmount {
            amount: money.amount,
        });
    }
    let code = money.currency.as_bytes();
    if code.len() != 3 || !code.iter().all(u8::is_ascii_uppercase) {
        return Err(Rejection::InvalidCurrency);
    }
    Ok(())
}
