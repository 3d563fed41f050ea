//! The requirements on a request and on a provider's report, checked before any decision.
//!
//! The first violation is the refusal, in the order of the fields in the schema. An amount of 0 is
//! legal, because shops give products away.

use payment_schemas::{
    AuthorizePayment, Money, RecordPaymentCaptured, RecordPaymentDeclined,
    RecordPaymentRefundRefused, RecordPaymentRefunded, VoidPayment,
};

use crate::Rejection;

/// Maximum length of a reference, method or code, in characters.
pub(crate) const LONGEST: usize = 200;

/// Maximum length of a reason, in characters.
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

/// Checks that a text is not blank, has one printable line, and does not exceed the maximum length.
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

/// Checks that an amount is not negative and its currency has the form of an ISO 4217 code. The
/// list of valid codes is not part of this context.
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
