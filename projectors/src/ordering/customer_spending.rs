//! The view `customer-spending`: the purchases of each customer in each currency. Cancelled orders
//! do not count.
//!
//! The orders of a customer are in several partitions, so a row is a sum over all of them: see
//! [`factline_postgres::view::additive`].

use factline::{AdditiveProjection, Recorded};
use factline_postgres::{AdditiveView, Columns, Delta, Migrations, RowKey};
use ordering_schemas::order::{self, Event};

/// The view.
#[derive(Debug)]
pub struct CustomerSpending;

/// A customer and a currency.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, RowKey)]
pub struct Purse {
    /// The customer.
    pub customer_id: String,
    /// ISO 4217 code.
    pub currency: String,
}

/// The purchases. The numbers are wider than those of one order, so that no sum of orders
/// overflows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Columns, Delta)]
pub struct Spending {
    /// Number of orders that count.
    pub orders: i64,
    /// Their units.
    pub units: i128,
    /// Their totals, in minor units.
    pub total: i128,
}

impl AdditiveView for CustomerSpending {
    const NAME: &'static str = "customer-spending";
    const VERSION: i32 = 2;
    const MIGRATIONS: Migrations = || sqlx::migrate!("src/ordering/customer_spending/migrations");
}

impl AdditiveProjection for CustomerSpending {
    type Source = order::Type;
    type Key = Purse;
    type Delta = Spending;

    fn deltas(event: &Recorded<Event>) -> Vec<(Purse, Spending)> {
        let (customer_id, orders, units, total) = match &event.event {
            Event::OrderPlaced(placed) => (&placed.customer_id, 1, placed.units, &placed.total),
            Event::PastOrderRecorded(recorded) => {
                (&recorded.customer_id, 1, recorded.units, &recorded.total)
            }
            Event::OrderCancelled(cancelled) => (
                &cancelled.customer_id,
                -1,
                cancelled.units,
                &cancelled.total,
            ),
            Event::OrderConfirmed(_) | Event::OrderShipped(_) => return Vec::new(),
        };
        let purse = Purse {
            customer_id: customer_id.clone(),
            currency: total.currency.clone(),
        };
        let spending = Spending {
            orders,
            units: i128::from(orders) * i128::from(units),
            total: i128::from(orders) * i128::from(total.amount),
        };
        vec![(purse, spending)]
    }
}
