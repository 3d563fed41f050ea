//! The view `orders`: the current state of every order, read by id, by customer and by state.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use factline::{Projection, Recorded};
use factline_postgres::{Columns, Migrations, TextEnum, View};
use ordering_schemas::order::{self, Event};
use ordering_schemas::{Line, Money};
use uuid::Uuid;

/// The view.
#[derive(Debug)]
pub struct Orders;

/// One order.
#[derive(Debug, Clone, PartialEq, Columns)]
pub struct Order {
    /// The customer.
    pub customer_id: String,
    /// Its state.
    pub state: State,
    /// The lines. They are empty for an order taken elsewhere, which has only its totals.
    #[column(json)]
    pub lines: Vec<Line>,
    /// Units bought.
    pub units: i64,
    /// The total price.
    #[column(embed(amount = "total_amount", currency))]
    pub total: Money,
    /// The location of an order taken elsewhere in the other system.
    pub source: Option<String>,
    /// The day on which it was ordered, in UTC. For an order taken elsewhere it is the day of the
    /// other system.
    pub ordered_on: NaiveDate,
    /// The time at which it was ordered, by which lists are sorted. For an order taken elsewhere
    /// only the day is known, and this is its first instant.
    pub ordered_at: DateTime<Utc>,
    /// Time of the last event.
    pub updated_at: DateTime<Utc>,
    /// The reason of its cancellation.
    pub cancel_reason: Option<String>,
    /// The aggregate's version.
    pub version: i64,
}

/// An order's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TextEnum)]
pub enum State {
    /// Placed here, not yet paid or shipped.
    Placed,
    /// Paid, not yet shipped.
    Confirmed,
    /// Shipped.
    Shipped,
    /// Cancelled.
    Cancelled,
    /// Recorded from another system, where it was completed.
    Recorded,
}

impl View for Orders {
    const NAME: &'static str = "orders";
    const VERSION: i32 = 2;
    const KEY: &'static str = "order_id";
    const MIGRATIONS: Migrations = || sqlx::migrate!("src/ordering/orders/migrations");
}

impl Projection for Orders {
    type Source = order::Type;
    type Key = Uuid;
    type Row = Order;

    fn keys(event: &Recorded<Event>) -> Vec<Uuid> {
        vec![match &event.event {
            Event::OrderPlaced(placed) => placed.order_id,
            Event::PastOrderRecorded(recorded) => recorded.order_id,
            Event::OrderConfirmed(confirmed) => confirmed.order_id,
            Event::OrderShipped(shipped) => shipped.order_id,
            Event::OrderCancelled(cancelled) => cancelled.order_id,
        }]
    }

    fn apply(_: &Uuid, row: Option<Order>, event: &Recorded<Event>) -> Option<Order> {
        let time = event.envelope.time;
        let version = event.envelope.sequence.unwrap_or_default().cast_signed();
        match &event.event {
            Event::OrderPlaced(placed) => Some(Order {
                customer_id: placed.customer_id.clone(),
                state: State::Placed,
                lines: placed.lines.clone(),
                units: placed.units,
                total: placed.total.clone(),
                source: None,
                ordered_on: time.date_naive(),
                ordered_at: time,
                updated_at: time,
                cancel_reason: None,
                version,
            }),
            Event::PastOrderRecorded(recorded) => Some(Order {
                customer_id: recorded.customer_id.clone(),
                state: State::Recorded,
                lines: Vec::new(),
                units: recorded.units,
                total: recorded.total.clone(),
                source: Some(recorded.source.clone()),
                ordered_on: day(recorded.ordered_on),
                ordered_at: day(recorded.ordered_on).and_time(NaiveTime::MIN).and_utc(),
                updated_at: time,
                cancel_reason: None,
                version,
            }),
            Event::OrderConfirmed(_) => row.map(|order| Order {
                // An order that was shipped before it was paid is already past this state.
                state: match order.state {
                    State::Placed => State::Confirmed,
                    later => later,
                },
                updated_at: time,
                version,
                ..order
            }),
            Event::OrderShipped(_) => row.map(|order| Order {
                state: State::Shipped,
                updated_at: time,
                version,
                ..order
            }),
            Event::OrderCancelled(cancelled) => row.map(|order| Order {
                state: State::Cancelled,
                cancel_reason: Some(cancelled.reason.clone()),
                updated_at: time,
                version,
                ..order
            }),
        }
    }
}

/// Returns the day `days` days after 1970-01-01. A day outside the years 0 to 9999, which an older
/// version of the rules accepted, becomes the first or last day of them: a fact cannot be refused,
/// and PostgreSQL stores fewer years than an event.
fn day(days: i32) -> NaiveDate {
    const FIRST: i32 = -719_528;
    const LAST: i32 = 2_932_896;
    NaiveDate::from_epoch_days(days.clamp(FIRST, LAST)).unwrap_or_default()
}
