//! The view `products`: the current state of every product, read by id, and by name within all
//! products or one brand.

use catalog_schemas::Money;
use catalog_schemas::product::{self, Event};
use chrono::{DateTime, Utc};
use factline::{Projection, Recorded};
use factline_postgres::{Columns, Migrations, TextEnum, View};
use uuid::Uuid;

/// The view.
#[derive(Debug)]
pub struct Products;

/// One product.
#[derive(Debug, Clone, PartialEq, Columns)]
pub struct Product {
    /// Its name.
    pub name: String,
    /// Its brand.
    pub brand: String,
    /// The price of one unit.
    #[column(embed(amount = "price_amount", currency))]
    pub price: Money,
    /// Its state.
    pub state: State,
    /// Time of its first event.
    pub created_at: DateTime<Utc>,
    /// Time of its last event.
    pub updated_at: DateTime<Utc>,
    /// The aggregate's version.
    pub version: i64,
}

/// A product's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TextEnum)]
pub enum State {
    /// In the catalogue.
    Offered,
    /// Permanently removed from the catalogue.
    Discontinued,
}

impl View for Products {
    const NAME: &'static str = "products";
    const VERSION: i32 = 2;
    const KEY: &'static str = "product_id";
    const MIGRATIONS: Migrations = || sqlx::migrate!("src/catalog/products/migrations");
}

impl Projection for Products {
    type Source = product::Type;
    type Key = Uuid;
    type Row = Product;

    fn keys(event: &Recorded<Event>) -> Vec<Uuid> {
        vec![match &event.event {
            Event::ProductCreated(created) => created.product_id,
            Event::ProductRenamed(renamed) => renamed.product_id,
            Event::PriceChanged(changed) => changed.product_id,
            Event::ProductDiscontinued(discontinued) => discontinued.product_id,
        }]
    }

    fn apply(_: &Uuid, row: Option<Product>, event: &Recorded<Event>) -> Option<Product> {
        let time = event.envelope.time;
        let version = event.envelope.sequence.unwrap_or_default().cast_signed();
        if let Event::ProductCreated(created) = &event.event {
            return Some(Product {
                name: created.name.clone(),
                brand: created.brand.clone(),
                price: created.price.clone(),
                state: State::Offered,
                created_at: time,
                updated_at: time,
                version,
            });
        }
        let mut product = row?;
        product.updated_at = time;
        product.version = version;
        match &event.event {
            Event::ProductCreated(_) => {}
            Event::ProductRenamed(renamed) => product.name.clone_from(&renamed.name),
            Event::PriceChanged(changed) => product.price = changed.price.clone(),
            Event::ProductDiscontinued(_) => product.state = State::Discontinued,
        }
        Some(product)
    }
}
