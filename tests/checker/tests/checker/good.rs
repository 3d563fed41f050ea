//! Correct runs: any actions of clients, policies and the clock, in any order.

use std::collections::BTreeMap;

use catalog_schemas::{ChangePrice, CreateProduct, DiscontinueProduct};
use checker::{History, Moved, views};
use checkout_schemas::{
    BeginCheckout, NoteOrderCancelled, NoteOrderConfirmed, NoteOrderPlaced, NotePaymentCaptured,
    NotePaymentDeclined, NotePaymentReleased,
};
use chrono::TimeDelta;
use ordering_schemas::{CancelOrder, ConfirmOrder, Line, PlaceOrder, ShipOrder};
use proptest::prelude::*;
use uuid::Uuid;

use crate::world::{Conditions, Model, World};

/// One step of a run. Numbers name aggregates; there are few, so that steps interact.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Place(u8, i64, Conditions),
    Cancel(u8, Conditions),
    Ship(u8, Conditions),
    /// A policy confirms an order.
    Confirm(u8),
    Create(u8, i64, Conditions),
    Price(u8, i64, Conditions),
    Discontinue(u8, Conditions),
    Begin(u8, Conditions),
    /// A policy notes a participant's answer for a checkout.
    Note(u8, u8),
    /// A record that cannot be decoded.
    Poison(u8),
    /// The clock advances by seconds.
    Wait(i64),
    /// The appended commands are decided.
    Work,
    /// Clients read the ends of their operations.
    Look,
    ReadOrder(u8),
    ReadCheckout(u8),
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), 1..80)
}

fn step() -> impl Strategy<Value = Step> {
    let (id, with, amount) = (0..4_u8, conditions(), 1..5_i64);
    prop_oneof![
        4 => (id.clone(), amount.clone(), with.clone()).prop_map(|(id, amount, with)| Step::Place(id, amount, with)),
        2 => (id.clone(), with.clone()).prop_map(|(id, with)| Step::Cancel(id, with)),
        1 => (id.clone(), with.clone()).prop_map(|(id, with)| Step::Ship(id, with)),
        1 => id.clone().prop_map(Step::Confirm),
        2 => (id.clone(), amount.clone(), with.clone()).prop_map(|(id, amount, with)| Step::Create(id, amount, with)),
        2 => (id.clone(), amount, with.clone()).prop_map(|(id, amount, with)| Step::Price(id, amount, with)),
        1 => (id.clone(), with.clone()).prop_map(|(id, with)| Step::Discontinue(id, with)),
        3 => (id.clone(), with).prop_map(|(id, with)| Step::Begin(id, with)),
        6 => (id.clone(), 0..6_u8).prop_map(|(id, which)| Step::Note(id, which)),
        1 => id.clone().prop_map(Step::Poison),
        2 => (1..60_i64).prop_map(Step::Wait),
        6 => Just(Step::Work),
        3 => Just(Step::Look),
        1 => id.clone().prop_map(Step::ReadOrder),
        1 => id.prop_map(Step::ReadCheckout),
    ]
}

fn conditions() -> impl Strategy<Value = Conditions> + Clone {
    let key = prop_oneof![4 => Just(None), 1 => (0..2_u8).prop_map(Some)];
    let version = prop_oneof![4 => Just(None), 1 => (0..3_u64).prop_map(Some)];
    let lost = prop_oneof![6 => Just(false), 1 => Just(true)];
    (key, version, lost).prop_map(|(key, expected_version, lost)| Conditions {
        key,
        expected_version,
        lost,
    })
}

/// Returns the history of the run once it is quiescent.
pub(crate) fn run(steps: &[Step]) -> History {
    let mut store = Store::new();
    for step in steps {
        store.take(step);
    }
    store.rest()
}

struct Store {
    world: World,
    orders: Model<ordering::Order>,
    products: Model<catalog::Product>,
    checkouts: Model<checkout::Checkout>,
}

impl Store {
    fn new() -> Self {
        Self {
            world: World::new(),
            orders: Model::new(),
            products: Model::new(),
            checkouts: Model::new(),
        }
    }

    fn take(&mut self, step: &Step) {
        let world = &mut self.world;
        match *step {
            Step::Place(number, amount, with) => {
                let command = PlaceOrder {
                    order_id: order(number),
                    customer_id: format!("customer-{}", number % 2),
                    lines: vec![line(amount)],
                };
                self.orders.ask(world, order(number), command, with);
            }
            Step::Cancel(number, with) => {
                let command = CancelOrder {
                    order_id: order(number),
                    reason: "no more".to_owned(),
                };
                self.orders.ask(world, order(number), command, with);
            }
            Step::Ship(number, with) => {
                let order_id = order(number);
                self.orders
                    .ask(world, order_id, ShipOrder { order_id }, with);
            }
            Step::Confirm(number) => {
                let order_id = order(number);
                self.orders.emit(world, order_id, ConfirmOrder { order_id });
            }
            Step::Create(number, amount, with) => {
                let command = CreateProduct {
                    product_id: product(number),
                    name: "Tea".to_owned(),
                    brand: "Leaf".to_owned(),
                    price: catalog_schemas::Money {
                        amount,
                        currency: "EUR".to_owned(),
                    },
                };
                self.products.ask(world, product(number), command, with);
            }
            Step::Price(number, amount, with) => {
                let command = ChangePrice {
                    product_id: product(number),
                    price: catalog_schemas::Money {
                        amount,
                        currency: "EUR".to_owned(),
                    },
                };
                self.products.ask(world, product(number), command, with);
            }
            Step::Discontinue(number, with) => {
                let product_id = product(number);
                self.products
                    .ask(world, product_id, DiscontinueProduct { product_id }, with);
            }
            Step::Begin(number, with) => {
                self.checkouts.ask(world, cart(number), begin(number), with);
            }
            Step::Note(number, which) => self.note(cart(number), which),
            Step::Poison(number) => self.orders.poison(world, order(number)),
            Step::Wait(seconds) => world.pass(TimeDelta::seconds(seconds)),
            Step::Work => self.work(),
            Step::Look => self.look(),
            Step::ReadOrder(number) => self.orders.read(world, order(number)),
            Step::ReadCheckout(number) => self.checkouts.read(world, cart(number)),
        }
    }

    fn note(&mut self, checkout_id: Uuid, which: u8) {
        let (world, carts) = (&mut self.world, &mut self.checkouts);
        let total = checkout_schemas::Money {
            amount: 7,
            currency: "EUR".to_owned(),
        };
        let code = "card_declined".to_owned();
        match which {
            0 => carts.emit(world, checkout_id, NoteOrderPlaced { checkout_id, total }),
            1 => carts.emit(world, checkout_id, NotePaymentCaptured { checkout_id }),
            2 => carts.emit(world, checkout_id, NoteOrderConfirmed { checkout_id }),
            3 => carts.emit(
                world,
                checkout_id,
                NotePaymentDeclined { checkout_id, code },
            ),
            4 => carts.emit(world, checkout_id, NoteOrderCancelled { checkout_id }),
            _ => carts.emit(world, checkout_id, NotePaymentReleased { checkout_id }),
        }
    }

    fn work(&mut self) {
        // A command is decided after it was appended.
        self.world.pass(TimeDelta::milliseconds(1));
        let now = self.world.time;
        self.orders.work(now);
        self.products.work(now);
        self.checkouts.work(now);
    }

    fn look(&mut self) {
        let mut ends = self.orders.ends();
        ends.extend(self.products.ends());
        ends.extend(self.checkouts.ends());
        self.world.look(&ends);
    }

    /// Lets every workflow end: a day exceeds all timeouts of a checkout.
    fn rest(mut self) -> History {
        self.work();
        for _ in 0..40 {
            self.world.pass(TimeDelta::hours(1));
            self.work();
        }
        self.look();
        let mut history = self.world.history;
        let mut tracker = self.orders.ends();
        tracker.extend(self.products.ends());
        tracker.extend(self.checkouts.ends());
        history.tracker = tracker;
        history.logs.insert(
            ordering_schemas::ORDER.aggregate.to_owned(),
            self.orders.log,
        );
        history.logs.insert(
            catalog_schemas::PRODUCT.aggregate.to_owned(),
            self.products.log,
        );
        history.logs.insert(
            checkout_schemas::CHECKOUT.aggregate.to_owned(),
            self.checkouts.log,
        );
        for kind in views::VIEWS {
            let log = history.logs.get(kind.aggregate);
            let events: Vec<_> = log.iter().flat_map(|log| &log.events).collect();
            let rows = kind.rows(&events);
            history.views.insert(kind.view.name.to_owned(), rows);
        }
        let confirmed = confirmed(&history);
        let moved = Moved {
            captured: confirmed + 500,
            refunded: 500,
        };
        history.provider = Some(BTreeMap::from([("EUR".to_owned(), moved)]));
        history
    }
}

fn confirmed(history: &History) -> i64 {
    let events = &history.logs[ordering_schemas::ORDER.aggregate].events;
    let confirmed = events.iter().filter(|event| {
        event
            .envelope
            .as_ref()
            .is_some_and(|envelope| envelope.record == "ordering.OrderConfirmed")
    });
    let totals = confirmed.filter_map(|event| event.value.as_ref()?["total"]["amount"].as_i64());
    totals.sum()
}

fn begin(number: u8) -> BeginCheckout {
    BeginCheckout {
        checkout_id: cart(number),
        customer_id: "ada".to_owned(),
        lines: vec![checkout_schemas::Line {
            product_id: "tea".to_owned(),
            name: "Tea".to_owned(),
            unit_price: checkout_schemas::Money {
                amount: 7,
                currency: "EUR".to_owned(),
            },
            quantity: 1,
        }],
        method: "card-ok".to_owned(),
        payment_seconds: 30 + i32::from(number) * 10,
    }
}

fn line(amount: i64) -> Line {
    Line {
        product_id: "tea".to_owned(),
        name: "Tea".to_owned(),
        unit_price: ordering_schemas::Money {
            amount,
            currency: "EUR".to_owned(),
        },
        quantity: 2,
    }
}

fn order(number: u8) -> Uuid {
    Uuid::from_u128(0x1000 + u128::from(number))
}

fn product(number: u8) -> Uuid {
    Uuid::from_u128(0x2000 + u128::from(number))
}

fn cart(number: u8) -> Uuid {
    Uuid::from_u128(0x3000 + u128::from(number))
}
