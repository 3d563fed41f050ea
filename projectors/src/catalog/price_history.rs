//! The view `price-history`: every price that a product has had, and since when.

mod table;

use catalog_schemas::product::Event;
use catalog_schemas::{Money, PRODUCT};
use chrono::{DateTime, Utc};
use factline::{Projection, Recorded};
use sqlx::migrate::Migrator;
use uuid::Uuid;

use crate::views::Entry;

static MIGRATIONS: Migrator = sqlx::migrate!("src/catalog/price_history/migrations");

/// Where its events come from, and what makes its tables.
pub const VIEW: Entry = Entry::of::<PriceHistory>(&PRODUCT, "price_history_v1", &MIGRATIONS);

/// The view.
#[derive(Debug)]
pub struct PriceHistory;

/// Which price: each is the work of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The product.
    pub product_id: Uuid,
    /// The product's version that brought the price.
    pub version: i64,
}

/// What one unit costs from some instant on.
#[derive(Debug, Clone, PartialEq)]
pub struct Price {
    /// How much.
    pub price: Money,
    /// From when on.
    pub since: DateTime<Utc>,
}

impl Projection for PriceHistory {
    type Event = Event;
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

/// The price that an event brings, and to which product.
fn price(event: &Event) -> Option<(Uuid, &Money)> {
    match event {
        Event::ProductCreated(created) => Some((created.product_id, &created.price)),
        Event::PriceChanged(changed) => Some((changed.product_id, &changed.price)),
        Event::ProductRenamed(_) | Event::ProductDiscontinued(_) => None,
    }
}
