//! Compares the money with the orders after random steps of a few checkouts.

use checkout::Checkout;
use checkout_schemas::checkout::Type;
use checkout_schemas::{BeginCheckout, Line, Money, order_id};
use factline::AggregateType as _;
use factline::outcome::State;
use ordering::Order;
use ordering_schemas::{CancelOrder, ShipOrder};
use proptest::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use crate::store::{Command, Dice, Message, Store};

fn begin(number: u128, price: i64) -> BeginCheckout {
    let line = Line {
        product_id: "cup".to_owned(),
        name: "the cup".to_owned(),
        unit_price: Money {
            amount: price,
            currency: "EUR".to_owned(),
        },
        quantity: 3,
    };
    BeginCheckout {
        checkout_id: Uuid::from_u128(number),
        customer_id: "ann".to_owned(),
        // An order without lines is refused.
        lines: if price == 0 { vec![] } else { vec![line] },
        method: "card-ok".to_owned(),
        payment_seconds: 900,
    }
}

/// Takes one random step. Mostly a message arrives. Some messages arrive twice and some commands
/// fail. Deadlines pass, and users interfere with orders.
fn step(store: &mut Store, dice: &mut Dice) {
    let place = dice.roll(store.under_way.len().max(1));
    match dice.roll(12) {
        8 if place < store.under_way.len() => {
            let message = store.under_way[place].clone();
            store.under_way.push(message);
        }
        9 if matches!(store.under_way.get(place), Some(Message::Command(_))) => {
            if let Message::Command(asked) = store.under_way.swap_remove(place) {
                store.fail(asked);
            }
        }
        10 => {
            let ids: Vec<_> = store.checkouts.keys().cloned().collect();
            if let Some(id) = ids.get(dice.roll(ids.len().max(1))) {
                // Mostly one deadline passes. Sometimes all retries of a checkout stay without a
                // reply.
                let most = [1, 1, 1, 20][dice.roll(4)];
                for _ in 0..=dice.roll(most) {
                    store.expire(id);
                }
            }
        }
        11 => {
            let order_id = order_id(Uuid::from_u128(1));
            let interference = if dice.roll(2) == 0 {
                let reason = "changed my mind".to_owned();
                CancelOrder { order_id, reason }.into()
            } else {
                ShipOrder { order_id }.into()
            };
            store.ask(order_id.to_string(), Command::Order(interference));
        }
        _ if place < store.under_way.len() => {
            let message = store.under_way.swap_remove(place);
            store.deliver(message, dice);
        }
        _ => {}
    }
}

/// Delivers until nothing is left: first messages, then deadlines, then dead letters. An operator
/// redrives the dead letters.
fn settle(store: &mut Store, dice: &mut Dice) {
    for _ in 0..100_000 {
        if !store.under_way.is_empty() {
            let message = store.under_way.remove(0);
            store.deliver(message, dice);
            continue;
        }
        let waiting = store
            .checkouts
            .iter()
            .filter_map(|(id, checkout)| {
                let due = factline::Aggregate::deadline(checkout)?.due;
                Some((due, id.clone()))
            })
            .min();
        if let Some((_, id)) = waiting {
            store.expire(&id);
        } else if store.dead_letters.is_empty() {
            return;
        } else {
            let again = std::mem::take(&mut store.dead_letters);
            store
                .under_way
                .extend(again.into_iter().map(Message::Command));
        }
    }
    panic!("the store did not become idle within 100,000 steps");
}

/// Returns whether a checkout sent the commands that its contract lists: its steps in their order,
/// all of them if it completed, and otherwise only what compensates.
fn is_as_listed(sent: &[String], completed: bool) -> bool {
    let file: Value = serde_json::from_str(Type::CONTRACT.routes).unwrap();
    let names = |list: &Value| -> Vec<String> { serde_json::from_value(list.clone()).unwrap() };
    let [steps, compensation] =
        ["steps", "compensation"].map(|list| names(&file["workflows"][0][list]));
    // A command may be sent again.
    let mut taken: Vec<&String> = Vec::new();
    for name in sent.iter().filter(|name| !compensation.contains(name)) {
        if !taken.contains(&name) {
            taken.push(name);
        }
    }
    let in_order = taken.iter().copied().eq(steps.iter().take(taken.len()));
    in_order && (taken.len() == steps.len() || !completed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn kept_money_equals_confirmed_orders_plus_owed_refunds(
        prices in prop::collection::vec(0..5_i64, 1..4),
        chance in prop::collection::vec(any::<u16>(), 0..400),
    ) {
        let (mut store, mut dice) = (Store::default(), Dice(chance));
        for (number, price) in (1..).zip(&prices) {
            let command = begin(number, price * 100);
            let id = command.checkout_id.to_string();
            store.ask(id, Command::Checkout(command.into()));
        }
        while !dice.0.is_empty() {
            step(&mut store, &mut dice);
        }
        settle(&mut store, &mut dice);

        prop_assert_eq!(store.kept, store.confirmed + store.owed());
        prop_assert_eq!(store.checkouts.len(), prices.len());
        for (id, checkout) in &store.checkouts {
            prop_assert_eq!(store.begun[id], 1);
            let ends = &store.ends[id];
            prop_assert_eq!(ends.len(), 1, "{}: {:?}", id, ends);
            let completed = matches!(checkout, Checkout::Completed { .. });
            let failed = matches!(checkout, Checkout::Failed { .. });
            prop_assert!(completed || failed, "{:?}", checkout);
            let order = store.orders.get(&order_id(id.parse().unwrap()).to_string());
            let confirmed = matches!(
                order,
                Some(Order::Confirmed { .. } | Order::Shipped { confirmed: true, .. })
            );
            prop_assert_eq!(confirmed, completed);
            // No order waits forever for a payment that will not come.
            prop_assert!(!matches!(order, Some(Order::Placed { .. })), "{}: {:?}", id, checkout);
            let sent = store.sent.get(id).map_or(&[][..], Vec::as_slice);
            prop_assert!(is_as_listed(sent, completed), "{}: {:?}", id, sent);
            let stuck = ends[0].code == Some("checkout_stuck");
            prop_assert!(stuck || completed == (ends[0].state == State::Completed));
        }
    }
}

#[test]
fn checkout_without_faults_is_paid() {
    let (mut store, mut dice) = (Store::default(), Dice(vec![]));
    let command = begin(1, 250);
    store.ask(
        command.checkout_id.to_string(),
        Command::Checkout(command.into()),
    );
    settle(&mut store, &mut dice);
    assert_eq!((store.kept, store.confirmed), (750, 750));
}
