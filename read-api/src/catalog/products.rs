//! Products: one by its id, lists by brand and by the beginning of the name, and the prices of one.

use chrono::{DateTime, Utc};
use factline_postgres::Columns;
use factline_read::{Filter, Id, Resource, Rows, Sort, asc, desc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::money::Money;

const PRODUCTS: Rows = Rows::of::<Product>("products");
const PRICES: Rows = Rows::of::<Price>("price-history");
const ID: Id = Id::uuid("product_id").of_aggregate();

pub(crate) const RESOURCE: Resource = Resource::new("product")
    .items(&[PRODUCTS.item("/products/{id}", ID)])
    .lists(&[
        PRODUCTS
            .list("/products", &[BY_NAME])
            .filters(&[
                Filter::equal("brand", "brand"),
                // Computed as the view computes the key of a name.
                Filter::prefix("q", "name_key")
                    .converted("lower(normalize($, NFC) collate \"pg_c_utf8\")"),
            ])
            .summary("Products, sorted by name; `q` is the beginning of the name in any case"),
        // Every product has had a price.
        PRICES
            .list("/products/{id}/prices", &[NEWEST_FIRST])
            .within(ID)
            .never_empty()
            .summary("Every price that a product has had, newest first"),
    ]);

const BY_NAME: Sort = Sort::by(
    "name",
    &[asc("name_key"), asc("product_id")],
    &["products_by_name", "products_by_brand"],
);
const NEWEST_FIRST: Sort = Sort::by("-version", &[desc("version")], &["price_history_pkey"]);

/// A product.
#[derive(Debug, Columns, Serialize, ToSchema)]
struct Product {
    product_id: Uuid,
    name: String,
    brand: String,
    #[column(embed(amount = "price_amount", currency))]
    price: Money,
    state: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i64,
    #[serde(skip)]
    name_key: String,
}

/// The price of one unit from an instant on, until the next price if there is one.
#[derive(Debug, Columns, Serialize, ToSchema)]
struct Price {
    #[column(embed(amount, currency))]
    price: Money,
    since: DateTime<Utc>,
    /// The version of the product that set the price.
    version: i64,
}
