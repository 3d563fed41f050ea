//! The view `price-history`: every price that a product has had, with the time from which it
//! applied.

use catalog_schemas::Money;
use catalog_schemas::product::{self, Event};
use chrono::{DateTime, Utc};
use factline::{Projection, Recorded};
use factline_postgres::{Columns, Migrations, RowKey, View};
use uuid::Uuid;

/// The view.
#[derive(Debug)]
pub struct PriceHistory;

/// The key of a price. Each price is set by one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, RowKey)]
pub struct Key {
    /// The product.
    pub product_id: Uuid,
    /// The version of the product that set the price.
    pub version: i64,
}

/// The price of one unit from an instant on.
#[derive(Debug, Clone, PartialEq, Columns)]
pub struct Price {
    /// The price.
    #[column(embed(amount, currency))]
    pub price: Money,
    /// The instant from which it applies.
    pub since: DateTime<Utc>,
}

impl View for PriceHistory {
    const NAME: &'static str = "price-history";
    const VERSION: i32 = 2;
    const MIGRATIONS: Migrations = || sqlx::migrate!("src/catalog/price_history/migrations");
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
