//! Possible events, and the rows that a projection makes of them.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use factline::{
    AdditiveProjection, AggregateType, Envelope, EventOf, Messages, Projection, Recorded,
    Timestamp, id,
};
use factline_kafka::topics::partition_of;
use factline_postgres::Delta;
use ordering_schemas::order::Event;
use ordering_schemas::{
    Line, Money, OrderCancelled, OrderConfirmed, OrderPlaced, OrderShipped, PastOrderRecorded,
};
use uuid::Uuid;

/// Returns the id of the order with a number.
pub(crate) fn order_id(number: u32) -> Uuid {
    id::aggregate("ordering.order", &number.to_string())
}

/// Returns the instant `seconds` seconds after the first event.
pub(crate) fn at(seconds: i64) -> Timestamp {
    "2026-03-01T12:00:00Z".parse::<Timestamp>().unwrap() + TimeDelta::seconds(seconds)
}

pub(crate) fn money(amount: i64, currency: &str) -> Money {
    Money {
        amount,
        currency: currency.to_owned(),
    }
}

/// An order with two lines: three units of one product, and one unit of another that is free.
pub(crate) fn placed(order: u32, customer: &str, price: i64, currency: &str) -> Event {
    let line = |product: &str, price: i64, quantity: i32| Line {
        product_id: product.to_owned(),
        name: format!("the {product}"),
        unit_price: money(price, currency),
        quantity,
    };
    OrderPlaced {
        order_id: order_id(order),
        customer_id: customer.to_owned(),
        lines: vec![line("cup", price, 3), line("lid", 0, 1)],
        units: 4,
        total: money(price * 3, currency),
    }
    .into()
}

/// An order of 1997-01-01 taken elsewhere.
pub(crate) fn recorded(order: u32, customer: &str, units: i64, total: Money) -> Event {
    PastOrderRecorded {
        order_id: order_id(order),
        customer_id: customer.to_owned(),
        source: format!("old.csv:{order}"),
        ordered_on: 9862,
        units,
        total,
    }
    .into()
}

/// Confirms what [`placed`] placed.
pub(crate) fn confirmed(order: u32, customer: &str, price: i64, currency: &str) -> Event {
    OrderConfirmed {
        order_id: order_id(order),
        customer_id: customer.to_owned(),
        total: money(price * 3, currency),
    }
    .into()
}

pub(crate) fn shipped(order: u32, customer: &str) -> Event {
    OrderShipped {
        order_id: order_id(order),
        customer_id: customer.to_owned(),
    }
    .into()
}

/// Cancels what [`placed`] placed.
pub(crate) fn cancelled(order: u32, customer: &str, price: i64, currency: &str) -> Event {
    OrderCancelled {
        order_id: order_id(order),
        customer_id: customer.to_owned(),
        reason: "changed my mind".to_owned(),
        units: 4,
        total: money(price * 3, currency),
    }
    .into()
}

/// The properties of an aggregate's events that a history needs.
pub(crate) trait HistoryEvent: Messages {
    /// `<context>.<aggregate>`.
    const AGGREGATE: &'static str;

    /// Returns the id of the event's aggregate.
    fn subject(&self) -> Uuid;
}

impl HistoryEvent for Event {
    const AGGREGATE: &'static str = "ordering.order";

    fn subject(&self) -> Uuid {
        match self {
            Event::OrderPlaced(event) => event.order_id,
            Event::PastOrderRecorded(event) => event.order_id,
            Event::OrderConfirmed(event) => event.order_id,
            Event::OrderShipped(event) => event.order_id,
            Event::OrderCancelled(event) => event.order_id,
        }
    }
}

/// Returns the events in the order in which they were recorded, with envelopes as the command
/// handler makes them. The time advances by one second with each event.
pub(crate) fn history<E: HistoryEvent>(events: impl IntoIterator<Item = E>) -> Vec<Recorded<E>> {
    let mut versions: BTreeMap<Uuid, u64> = BTreeMap::new();
    let recorded = events.into_iter().enumerate().map(|(number, event)| {
        let subject = event.subject();
        let version = versions.entry(subject).or_default();
        *version += 1;
        let mut envelope = Envelope::of_command(
            Uuid::nil(),
            event.record(),
            "/test",
            &subject.to_string(),
            at(i64::try_from(number).unwrap()),
        );
        envelope.id = id::event(E::AGGREGATE, &subject.to_string(), *version);
        envelope.sequence = Some(*version);
        Recorded { envelope, event }
    });
    recorded.collect()
}

/// Returns the partition, of eight, that an event is in.
pub(crate) fn partition(event: &impl HistoryEvent) -> i32 {
    partition_of(event.subject().to_string().as_bytes(), 8)
}

/// Returns the rows after a history, by source partition and key.
pub(crate) fn rows<P: Projection<Source: AggregateType<Event: HistoryEvent>>>(
    history: &[Recorded<EventOf<P::Source>>],
) -> BTreeMap<(i32, P::Key), P::Row> {
    let mut rows = BTreeMap::new();
    for event in history {
        for key in P::keys(event) {
            let id = (partition(&event.event), key);
            let row = rows.remove(&id);
            if let Some(row) = P::apply(&id.1, row, event) {
                rows.insert(id, row);
            }
        }
    }
    rows
}

/// Returns the sums after a history.
pub(crate) fn sums<P>(history: &[Recorded<EventOf<P::Source>>]) -> BTreeMap<P::Key, P::Delta>
where
    P: AdditiveProjection<Delta: Delta + Clone>,
{
    let mut sums: BTreeMap<P::Key, P::Delta> = BTreeMap::new();
    for (key, delta) in history.iter().flat_map(P::deltas) {
        match sums.get_mut(&key) {
            Some(sum) => sum.add(&delta).unwrap(),
            None => drop(sums.insert(key, delta)),
        }
    }
    sums
}
