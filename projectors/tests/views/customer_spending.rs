//! The effect of each event on a customer's spending.

use factline::Recorded;
use ordering_schemas::order::Event;
use projectors::ordering::customer_spending::{CustomerSpending, Purse};

use crate::histories::{cancelled, confirmed, history, money, placed, recorded, shipped, sums};

/// Returns the orders, units and total of a customer in a currency.
fn spending(
    history: &[Recorded<Event>],
    customer: &str,
    currency: &str,
) -> Option<(i64, i128, i128)> {
    let purse = Purse {
        customer_id: customer.to_owned(),
        currency: currency.to_owned(),
    };
    let spending = sums::<CustomerSpending>(history).remove(&purse)?;
    Some((spending.orders, spending.units, spending.total))
}

#[test]
fn spending_adds_up_by_customer_and_currency() {
    let history = history([
        placed(1, "ann", 250, "EUR"),
        recorded(2, "ann", 2, money(100, "EUR")),
        placed(3, "ann", 10, "USD"),
        placed(4, "bob", 1, "EUR"),
    ]);
    assert_eq!(spending(&history, "ann", "EUR"), Some((2, 6, 850)));
    assert_eq!(spending(&history, "ann", "USD"), Some((1, 4, 30)));
    assert_eq!(spending(&history, "bob", "EUR"), Some((1, 4, 3)));
    assert_eq!(spending(&history, "bob", "USD"), None);
}

#[test]
fn spending_excludes_cancelled_orders() {
    let history = history([
        placed(1, "ann", 250, "EUR"),
        placed(2, "ann", 5, "EUR"),
        cancelled(1, "ann", 250, "EUR"),
    ]);
    assert_eq!(spending(&history, "ann", "EUR"), Some((1, 4, 15)));
}

#[test]
fn customer_with_only_cancelled_orders_has_zero_spending() {
    let history = history([
        placed(1, "ann", 250, "EUR"),
        cancelled(1, "ann", 250, "EUR"),
    ]);
    assert_eq!(spending(&history, "ann", "EUR"), Some((0, 0, 0)));
}

#[test]
fn shipping_does_not_change_spending() {
    let before = history([placed(1, "ann", 250, "EUR")]);
    let after = history([
        placed(1, "ann", 250, "EUR"),
        confirmed(1, "ann", 250, "EUR"),
        shipped(1, "ann"),
    ]);
    assert_eq!(
        sums::<CustomerSpending>(&before),
        sums::<CustomerSpending>(&after)
    );
}

#[test]
fn sums_of_the_largest_orders_do_not_overflow() {
    let history =
        history((0..8).map(|number| recorded(number, "ann", i64::MAX, money(i64::MAX, "JPY"))));
    let most = i128::from(i64::MAX) * 8;
    assert_eq!(spending(&history, "ann", "JPY"), Some((8, most, most)));
}
