//! The view `price-history`: every price that a product has had, with the time from which it
//! applied.

mod table;

use catalog_schemas::Money;
use catalog_schemas::product::{self, Event};
use chrono::{DateTime, Utc};
use factline::{Projection, Recorded};
use sqlx::migrate::Migrator;
use uuid::Uuid;

use crate::views::Entry;

static MIGRATIONS: Migrator = sqlx::migrate!("src/catalog/price_history/migrations");

/// The entry of the view, with the migrations of its tables.
pub const VIEW: Entry = Entry::of::<PriceHistory>("price_history_v1", &MIGRATIONS);

/// The view.
#[derive(Debug)]
pub struct PriceHistory;

/// The key of a price. Each price is set by one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The product.
    pub product_id: Uuid,
    /// The version of the product that set the price.
    pub version: i64,
}

/// The price of one unit from an instant on.
#[derive(Debug, Clone, PartialEq)]
pub struct Price {
    /// The price.
    pub price: Money,
    /// The instant from which it applies.
    pub since: DateTime<Utc>,
}

impl Projection for PriceHistory {
    type Source = product::Type;
    type Key = Key;
    type Row = Price;

    fn keys(event: &Recorded<Event>) -> Vec<Key> {
        let key = price(&event.event).map(|(product_id, _)| Key {
            product_id,
            version: event.envelope.sequence.unwrap_or_default().cast_signed(),
        });
        key.into_iter().collect()
    }

    fn apply(_: &Key, row: Option<Price>, event: &Recorded<Event>) -> Option<Price> {
        let Some((_, price)) = price(&event.event) else {
            return row;
        };
        Some(Price {
            price: price.clone(),
            since: event.envelope.time,
        })
    }
}

/// Returns the price that an event sets, and the product.
fn price(event: &Event) -> Option<(Uuid, &Money)> {
    match event {
        Event::ProductCreated(created) => Some((created.product_id, &created.price)),
        Event::PriceChanged(changed) => Some((changed.product_id, &changed.price)),
        Event::ProductRenamed(_) | Event::ProductDiscontinued(_) => None,
    }
}
