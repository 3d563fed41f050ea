//! The view `customer-spending`: the purchases of each customer in each currency. Cancelled orders
//! do not count.
//!
//! A customer is not the key of an order's events, so one customer's orders are in several
//! partitions. Each partition has its own row, and `read.customer_spending` adds the rows up: see
//! [`factline_postgres::RowId`].

mod table;

use factline::{Projection, Recorded};
use ordering_schemas::Money;
use ordering_schemas::order::{self, Event};
use sqlx::migrate::Migrator;

use crate::views::Entry;

static MIGRATIONS: Migrator = sqlx::migrate!("src/ordering/customer_spending/migrations");

/// The entry of the view, with the migrations of its tables.
pub const VIEW: Entry = Entry::of::<CustomerSpending>("customer_spending_v1", &MIGRATIONS);

/// The view.
#[derive(Debug)]
pub struct CustomerSpending;

/// A customer and a currency.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purse {
    /// The customer.
    pub customer_id: String,
    /// ISO 4217 code.
    pub currency: String,
}

/// The purchases. The numbers are wider than those of one order, so that no sum of orders
/// overflows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spending {
    /// Number of orders that count.
    pub orders: i64,
    /// Their units.
    pub units: i128,
    /// Their totals, in minor units.
    pub total: i128,
}

impl Projection for CustomerSpending {
    type Source = order::Type;
    type Key = Purse;
    type Row = Spending;

    fn keys(event: &Recorded<Event>) -> Vec<Purse> {
        let change = change(&event.event).map(|change| Purse {
            customer_id: change.customer_id.to_owned(),
            currency: change.total.currency.clone(),
        });
        change.into_iter().collect()
    }

    fn apply(_: &Purse, row: Option<Spending>, event: &Recorded<Event>) -> Option<Spending> {
        let Some(change) = change(&event.event) else {
            return row;
        };
        let before = row.unwrap_or_default();
        Some(Spending {
            orders: before.orders + change.orders,
            units: before.units + i128::from(change.orders) * i128::from(change.units),
            total: before.total + i128::from(change.orders) * i128::from(change.total.amount),
        })
    }
}

/// The change of an event. With -1 orders it subtracts.
struct Change<'a> {
    customer_id: &'a str,
    orders: i64,
    units: i64,
    total: &'a Money,
}

fn change(event: &Event) -> Option<Change<'_>> {
    match event {
        Event::OrderPlaced(placed) => Some(Change {
            customer_id: &placed.customer_id,
            orders: 1,
            units: placed.units,
            total: &placed.total,
        }),
        Event::PastOrderRecorded(recorded) => Some(Change {
            customer_id: &recorded.customer_id,
            orders: 1,
            units: recorded.units,
            total: &recorded.total,
        }),
        Event::OrderCancelled(cancelled) => Some(Change {
            customer_id: &cancelled.customer_id,
            orders: -1,
            units: cancelled.units,
            total: &cancelled.total,
        }),
        Event::OrderConfirmed(_) | Event::OrderShipped(_) => None,
    }
}
