//! The effect of each event on an order's row.

use projectors::ordering::orders::{Order, Orders, State};

use crate::histories::{
    at, cancelled, confirmed, history, money, order_id, partition, placed, recorded, rows, shipped,
};

fn only(events: impl IntoIterator<Item = ordering_schemas::order::Event>) -> Order {
    let mut rows = rows::<Orders>(&history(events));
    assert_eq!(rows.len(), 1);
    rows.pop_first().unwrap().1
}

#[test]
fn placed_order_has_a_row_with_its_lines() {
    let order = only([placed(1, "ann", 250, "EUR")]);
    assert_eq!(order.customer_id, "ann");
    assert_eq!(order.state, State::Placed);
    assert_eq!(order.lines.len(), 2);
    assert_eq!((order.units, order.total), (4, money(750, "EUR")));
    assert_eq!(order.ordered_on.to_string(), "2026-03-01");
    assert_eq!((order.ordered_at, order.updated_at), (at(0), at(0)));
    assert_eq!(
        (order.source, order.cancel_reason, order.version),
        (None, None, 1)
    );
}

#[test]
fn shipping_changes_the_state() {
    let order = only([placed(1, "ann", 250, "EUR"), shipped(1, "ann")]);
    assert_eq!((order.state, order.version), (State::Shipped, 2));
    assert_eq!((order.ordered_at, order.updated_at), (at(0), at(1)));
    assert_eq!(order.total, money(750, "EUR"));
}

#[test]
fn confirmed_is_a_state_before_shipped() {
    let confirm = || confirmed(1, "ann", 250, "EUR");
    let order = only([placed(1, "ann", 250, "EUR"), confirm()]);
    assert_eq!((order.state, order.version), (State::Confirmed, 2));
    assert_eq!((order.ordered_at, order.updated_at), (at(0), at(1)));
    for rest in [
        [confirm(), shipped(1, "ann")],
        [shipped(1, "ann"), confirm()],
    ] {
        let [one, next] = rest;
        let order = only([placed(1, "ann", 250, "EUR"), one, next]);
        assert_eq!((order.state, order.version), (State::Shipped, 3));
    }
}

#[test]
fn cancelling_keeps_the_reason() {
    let order = only([
        placed(1, "ann", 250, "EUR"),
        cancelled(1, "ann", 250, "EUR"),
    ]);
    assert_eq!((order.state, order.version), (State::Cancelled, 2));
    assert_eq!(order.cancel_reason.as_deref(), Some("changed my mind"));
}

#[test]
fn order_taken_elsewhere_keeps_its_day() {
    let order = only([recorded(1, "ann", 2, money(0, "USD"))]);
    assert_eq!(order.state, State::Recorded);
    assert_eq!(order.source.as_deref(), Some("old.csv:1"));
    assert_eq!(order.ordered_on.to_string(), "1997-01-01");
    assert_eq!(order.ordered_at.to_rfc3339(), "1997-01-01T00:00:00+00:00");
    assert_eq!(order.updated_at, at(0));
    assert!(order.lines.is_empty());
    assert_eq!((order.units, order.total), (2, money(0, "USD")));
}

#[test]
fn day_outside_the_calendar_does_not_halt_the_view() {
    for (day, stored) in [(i32::MIN, "0000-01-01"), (i32::MAX, "9999-12-31")] {
        let mut event = recorded(1, "ann", 1, money(1, "USD"));
        if let ordering_schemas::order::Event::PastOrderRecorded(recorded) = &mut event {
            recorded.ordered_on = day;
        }
        assert_eq!(only([event]).ordered_on.to_string(), stored);
    }
}

#[test]
fn orders_have_separate_rows() {
    let rows = rows::<Orders>(&history([
        placed(1, "ann", 250, "EUR"),
        placed(2, "ann", 100, "EUR"),
        shipped(1, "ann"),
    ]));
    let state = |number: u32| {
        let place = partition(&shipped(number, "ann"));
        rows[&(place, order_id(number))].state
    };
    assert_eq!((state(1), state(2)), (State::Shipped, State::Placed));
}
