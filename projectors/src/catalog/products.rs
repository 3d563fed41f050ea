//! The view `products`: every product as it stands now, by id, and by name within all or within one brand.

mod table;

use catalog_schemas::product::Event;
use catalog_schemas::{Money, PRODUCT};
use chrono::{DateTime, Utc};
use factline::{Projection, Recorded};
use sqlx::migrate::Migrator;
use uuid::Uuid;

use crate::views::Entry;

static MIGRATIONS: Migrator = sqlx::migrate!("src/catalog/products/migrations");

/// Where its events come from, and what makes its tables.
pub const VIEW: Entry = Entry::of::<Products>(&PRODUCT, "products_v1", &MIGRATIONS);

/// The view.
#[derive(Debug)]
pub struct Products;

/// One product.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    /// What it is called.
    pub name: String,
    /// Whose brand it is.
    pub brand: String,
    /// What one unit costs.
    pub price: Money,
    /// Where it stands.
    pub state: State,
    /// Time of its first event.
    pub created_at: DateTime<Utc>,
    /// Time of its last.
    pub updated_at: DateTime<Utc>,
    /// The aggregate's version.
    pub version: i64,
}

/// A product's stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// In the catalogue.
    Offered,
    /// Out of it, for good.
    Discontinued,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Offered, Self::Discontinued];

    /// As it stands in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Discontinued => "discontinued",
        }
    }
}

impl Projection for Products {
    type Event = Event;
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
