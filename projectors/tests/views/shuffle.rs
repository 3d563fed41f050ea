//! Events of different orders may arrive in any order, and the rows must be the same.

use std::collections::VecDeque;

use factline::Recorded;
use ordering_schemas::order::Event;
use projectors::ordering::customer_spending::CustomerSpending;
use projectors::ordering::orders::Orders;
use proptest::prelude::*;

use crate::histories::{cancelled, history, money, placed, recorded, rows, shipped, sums};

/// Generates the events of one order. There are few customers and currencies, so that orders share
/// rows.
fn one_order(number: u32) -> impl Strategy<Value = Vec<Recorded<Event>>> {
    let customer = prop::sample::select(vec!["ann", "bob"]);
    let currency = prop::sample::select(vec!["EUR", "USD"]);
    (customer, currency, 0..1000_i64, 0..4).prop_map(move |(customer, currency, price, life)| {
        let placed = placed(number, customer, price, currency);
        history(match life {
            0 => vec![placed],
            1 => vec![placed, shipped(number, customer)],
            2 => vec![placed, cancelled(number, customer, price, currency)],
            _ => vec![recorded(number, customer, 1, money(price, currency))],
        })
    })
}

/// Generates the events of several orders, once one order after the other and once interleaved.
fn two_arrivals() -> impl Strategy<Value = (Vec<Recorded<Event>>, Vec<Recorded<Event>>)> {
    let orders: Vec<_> = (0..12).map(one_order).collect();
    let interleaved = orders.prop_flat_map(|orders| {
        let turns: Vec<usize> = orders
            .iter()
            .enumerate()
            .flat_map(|(order, events)| vec![order; events.len()])
            .collect();
        (Just(orders), Just(turns).prop_shuffle())
    });
    interleaved.prop_map(|(orders, turns)| {
        let straight = orders.concat();
        let mut waiting: Vec<VecDeque<_>> = orders.into_iter().map(VecDeque::from).collect();
        let mixed = turns
            .into_iter()
            .filter_map(|order| waiting[order].pop_front());
        (straight, mixed.collect())
    })
}

proptest! {
    #[test]
    fn rows_are_the_same_for_any_interleaving((straight, mixed) in two_arrivals()) {
        prop_assert_eq!(rows::<Orders>(&straight), rows::<Orders>(&mixed));
        prop_assert_eq!(sums::<CustomerSpending>(&straight), sums::<CustomerSpending>(&mixed));
    }
}
