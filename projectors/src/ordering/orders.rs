//! The view `orders`: every order as it stands now, by id, by customer and by state.

mod table;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use factline::{Projection, Recorded};
use ordering_schemas::order::Event;
use ordering_schemas::{Line, Money, ORDER};
use sqlx::migrate::Migrator;
use uuid::Uuid;

use crate::views::Entry;

static MIGRATIONS: Migrator = sqlx::migrate!("src/ordering/orders/migrations");

/// Where its events come from, and what makes its tables.
pub const VIEW: Entry = Entry::of::<Orders>(&ORDER, "orders_v1", &MIGRATIONS);

/// The view.
#[derive(Debug)]
pub struct Orders;

/// One order.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// Whose it is.
    pub customer_id: String,
    /// Where it stands.
    pub state: State,
    /// What was bought; empty for an order taken elsewhere, which says only how much.
    pub lines: Vec<Line>,
    /// Units bought.
    pub units: i64,
    /// What they cost.
    pub total: Money,
    /// Where an order taken elsewhere stands there.
    pub source: Option<String>,
    /// The day it was ordered: here in UTC, elsewhere as that system has it.
    pub ordered_on: NaiveDate,
    /// When it was ordered; lists go by it. Of an order taken elsewhere only the day is known: then its first instant.
    pub ordered_at: DateTime<Utc>,
    /// Time of the last event.
    pub updated_at: DateTime<Utc>,
    /// Why it was cancelled.
    pub cancel_reason: Option<String>,
    /// The aggregate's version.
    pub version: i64,
}

/// An order's stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Placed here, not yet paid or shipped.
    Placed,
    /// Paid, not yet shipped.
    Confirmed,
    /// Shipped.
    Shipped,
    /// Called off.
    Cancelled,
    /// Taken over from elsewhere, long done.
    Recorded,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Placed,
        Self::Confirmed,
        Self::Shipped,
        Self::Cancelled,
        Self::Recorded,
    ];

    /// As it stands in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::Confirmed => "confirmed",
            Self::Shipped => "shipped",
            Self::Cancelled => "cancelled",
            Self::Recorded => "recorded",
        }
    }
}

impl Projection for Orders {
    type Event = Event;
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
                // One that was shipped before it was paid is past this.
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

/// The day so many days after 1970-01-01. A day beyond all calendars becomes the last, or first, that there is: a fact
/// cannot be refused.
fn day(days: i32) -> NaiveDate {
    NaiveDate::from_epoch_days(days).unwrap_or(if days < 0 {
        NaiveDate::MIN
    } else {
        NaiveDate::MAX
    })
}
