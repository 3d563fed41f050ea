//! The requirements on an order: checked once, when it is placed or recorded.
//!
//! The first violation is the refusal, in the order of the fields in the schema. A total of 0 is
//! legal, because shops give products away.

use std::ops::RangeInclusive;

use ordering_schemas::{Line, Money, OrderPlaced, PastOrderRecorded, PlaceOrder, RecordPastOrder};

use crate::Rejection;

/// Maximum length of an id, name or source, in characters. Orders are found by some of them, and
/// the length of an index key is limited.
pub(crate) const LONGEST: usize = 200;

/// Maximum length of a reason, in characters.
pub(crate) const LONGEST_REASON: usize = 1000;

/// The days from 0000-01-01 to 9999-12-31, counted from 1970-01-01: the dates that ISO 8601 writes
/// with four digits, and that every store can keep.
const DAYS: RangeInclusive<i32> = -719_528..=2_932_896;

/// Returns the event of a new order, with its units and total.
pub(crate) fn place(command: PlaceOrder) -> Result<OrderPlaced, Rejection> {
    text(&command.customer_id, "customer_id")?;
    let (units, total) = add_up(&command.lines)?;
    Ok(OrderPlaced {
        order_id: command.order_id,
        customer_id: command.customer_id,
        lines: command.lines,
        units,
        total,
    })
}

/// Returns the event of an order that was completed elsewhere. Its total is the sum paid there, not
/// one computed here.
pub(crate) fn record(command: RecordPastOrder) -> Result<PastOrderRecorded, Rejection> {
    text(&command.customer_id, "customer_id")?;
    text(&command.source, "source")?;
    if !DAYS.contains(&command.ordered_on) {
        return Err(Rejection::DateOutOfRange {
            field: "ordered_on".to_owned(),
        });
    }
    at_least_one(command.quantity, "quantity")?;
    sound(&command.total, "total")?;
    Ok(PastOrderRecorded {
        order_id: command.order_id,
        customer_id: command.customer_id,
        source: command.source,
        ordered_on: command.ordered_on,
        units: i64::from(command.quantity),
        total: command.total,
    })
}

/// Checks all lines and returns their units and total.
fn add_up(lines: &[Line]) -> Result<(i64, Money), Rejection> {
    let first = lines.first().ok_or(Rejection::NoLines)?;
    let mut units = 0_i64;
    let mut total = Money {
        amount: 0,
        currency: first.unit_price.currency.clone(),
    };
    for (index, line) in lines.iter().enumerate() {
        check(line, index)?;
        if line.unit_price.currency != total.currency {
            return Err(Rejection::MixedCurrencies);
        }
        let quantity = i64::from(line.quantity);
        let more = line.unit_price.amount.checked_mul(quantity);
        total.amount = more
            .and_then(|more| total.amount.checked_add(more))
            .ok_or(Rejection::TotalTooLarge)?;
        units = units
            .checked_add(quantity)
            .ok_or(Rejection::TotalTooLarge)?;
    }
    Ok((units, total))
}

fn check(line: &Line, index: usize) -> Result<(), Rejection> {
    let field = |name: &str| format!("lines/{index}/{name}");
    text(&line.product_id, &field("product_id"))?;
    text(&line.name, &field("name"))?;
    sound(&line.unit_price, &field("unit_price"))?;
    at_least_one(line.quantity, &field("quantity"))
}

/// Checks that a text is not blank, has one printable line, and does not exceed the maximum length.
fn text(text: &str, field: &str) -> Result<(), Rejection> {
    if text.trim().is_empty() {
        return Err(Rejection::Blank {
            field: field.to_owned(),
        });
    }
    printable(text, field, |_| false)?;
    if text.chars().count() > LONGEST {
        return Err(Rejection::TooLong {
            field: field.to_owned(),
            longest: LONGEST,
        });
    }
    Ok(())
}

/// Checks a free text, which may be empty and have several lines.
pub(crate) fn reason(text: &str) -> Result<(), Rejection> {
    printable(text, "reason", |character| {
        matches!(character, '\n' | '\r' | '\t')
    })?;
    if text.chars().count() > LONGEST_REASON {
        return Err(Rejection::TooLong {
            field: "reason".to_owned(),
            longest: LONGEST_REASON,
        });
    }
    Ok(())
}

/// Checks that a text has no control characters except those allowed: some stores cannot keep them.
fn printable(text: &str, field: &str, allowed: impl Fn(char) -> bool) -> Result<(), Rejection> {
    if text
        .chars()
        .any(|character| character.is_control() && !allowed(character))
    {
        return Err(Rejection::Unprintable {
            field: field.to_owned(),
        });
    }
    Ok(())
}

fn at_least_one(quantity: i32, field: &str) -> Result<(), Rejection> {
    if quantity < 1 {
        return Err(Rejection::QuantityTooSmall {
            field: field.to_owned(),
            quantity,
        });
    }
    Ok(())
}

/// Checks that an amount is not negative and its currency has the form of an ISO 4217 code. The
/// list of valid codes is not part of this context.
fn sound(money: &Money, field: &str) -> Result<(), Rejection> {
    if money.amount < 0 {
        return Err(Rejection::NegativeAmount {
            field: format!("{field}/amount"),
            amount: money.amount,
        });
    }
    let code = money.currency.as_bytes();
    if code.len() != 3 || !code.iter().all(u8::is_ascii_uppercase) {
        return Err(Rejection::InvalidCurrency {
            field: format!("{field}/currency"),
        });
    }
    Ok(())
}
