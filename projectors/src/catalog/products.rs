//! The view `products`: the current state of every product, read by id, and by name within all
//! products or one brand.

mod table;

use catalog_schemas::Money;
use catalog_schemas::product::{self, Event};
use chrono::{DateTime, Utc};
use factline::{Projection, Recorded};
use sqlx::migrate::Migrator;
use uuid::Uuid;

use crate::views::Entry;

static MIGRATIONS: Migrator = sqlx::migrate!("src/catalog/products/migrations");

/// The entry of the view, with the migrations of its tables.
pub const VIEW: Entry = Entry::of::<Products>("products_v1", &MIGRATIONS);

/// The view.
#[derive(Debug)]
pub struct Products;

/// One product.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    /// Its name.
    pub name: String,
    /// Its brand.
    pub brand: String,
    /// The price of one unit.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// In the catalogue.
    Offered,
    /// Permanently removed from the catalogue.
    Discontinued,
}

impl State {
    /// All states.
    pub const ALL: [Self; 2] = [Self::Offered, Self::Discontinued];

    /// Returns the text of the state in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Discontinued => "discontinued",
        }
    }
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
