//! Products: one by its id, lists by brand and by the beginning of the name, and the prices of one.

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use chrono::{DateTime, Utc};
use factline_http::{Path, Problem, etag, page};
use factline_postgres::ConsistentReads;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use crate::get_one::Single;
use crate::listing;
use crate::money::Money;
use crate::parameters::{LIMIT, MOST, Parameters};
use crate::read_your_writes::snapshot;
use crate::resource::Resource;

pub(crate) const RESOURCE: Resource = Resource {
    routes: || {
        Router::new()
            .route("/products", get(list))
            .route("/products/{id}", ONE.route())
            .route("/products/{id}/prices", get(prices))
    },
    checkpoints: &[ONE.checkpoints, PRICE_CHECKPOINTS],
};

const PRICE_CHECKPOINTS: &str = "read.price_history_checkpoint";
const ONE: &Single<Product> = &Single {
    what: "product",
    checkpoints: "read.products_checkpoint",
    select: "select product_id, name, brand, price_amount, currency, state, created_at, updated_at, version, name_key \
             from read.products ",
    row: product,
};

/// A product as clients see it.
#[derive(Debug, Serialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the names of the answer's fields"
)]
struct Product {
    product_id: Uuid,
    name: String,
    brand: String,
    price: Money,
    state: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i64,
    #[serde(skip)]
    name_key: String,
}

/// The price of one unit from an instant on, until the next price if there is one.
#[derive(Debug, Serialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the names of the answer's fields"
)]
struct Price {
    price: Money,
    since: DateTime<Utc>,
    /// The version of the product that set the price.
    version: i64,
}

/// `GET /products?brand=&q=&limit=&after=`: ordered by name; `q` is the beginning of the name,
/// without regard to case.
async fn list(
    State(snapshots): State<ConsistentReads>,
    parameters: Parameters,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let [brand, q, limit, after] = parameters.read(["brand", "q", "limit", "after"])?;
    let limit = page::limit(limit.as_deref(), LIMIT, MOST)?;
    let after: Option<(String, Uuid)> = page::after(after.as_deref())?;
    // The conditions are written out for each combination, so that each gets a plan with its own
    // index.
    let mut query = QueryBuilder::<Postgres>::new(ONE.select);
    query.push("where true");
    if let Some(brand) = brand {
        query.push(" and brand = ").push_bind(brand);
    }
    if let Some(q) = q.filter(|q| !q.is_empty()) {
        // The key is computed as in the view. It is not a pattern, so no character has to be
        // escaped.
        query
            .push(" and name_key ^@ lower(")
            .push_bind(q)
            .push("::text collate \"pg_c_utf8\")");
    }
    if let Some((name_key, id)) = after {
        query
            .push(" and (name_key, product_id) > (")
            .push_bind(name_key);
        query.push(", ").push_bind(id).push(")");
    }
    query.push(" order by name_key, product_id");
    let mut snapshot = snapshot(&snapshots, ONE.checkpoints, &request).await?;
    let page = listing::page(&mut snapshot, &mut query, limit, ONE.row, |product| {
        (product.name_key.clone(), product.product_id)
    })
    .await?;
    etag::json(&request, &page)
}

/// `GET /products/{id}/prices?limit=&after=`: newest first.
async fn prices(
    State(snapshots): State<ConsistentReads>,
    Path(id): Path<String>,
    parameters: Parameters,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let [limit, after] = parameters.read(["limit", "after"])?;
    let limit = page::limit(limit.as_deref(), LIMIT, MOST)?;
    let after: Option<i64> = page::after(after.as_deref())?;
    let mut snapshot = snapshot(&snapshots, PRICE_CHECKPOINTS, &request).await?;
    let mut query = QueryBuilder::<Postgres>::new(
        "select amount, currency, since, version from read.price_history where product_id = ",
    );
    query
        .push_bind(ONE.key(&id)?)
        .push(" and version < ")
        .push_bind(after.unwrap_or(i64::MAX))
        .push(" order by version desc");
    let page = listing::page(&mut snapshot, &mut query, limit, price, |price| {
        price.version
    })
    .await?;
    // Every product has had a price. After its oldest price there are no more.
    if page.items.is_empty() && after.is_none() {
        return Err(ONE.unknown(&id));
    }
    etag::json(&request, &page)
}

fn product(row: &PgRow) -> Result<Product, sqlx::Error> {
    Ok(Product {
        product_id: row.try_get(0)?,
        name: row.try_get(1)?,
        brand: row.try_get(2)?,
        price: Money {
            amount: row.try_get::<i64, _>(3)?.into(),
            currency: row.try_get(4)?,
        },
        state: row.try_get(5)?,
        created_at: row.try_get(6)?,
        updated_at: row.try_get(7)?,
        version: row.try_get(8)?,
        name_key: row.try_get(9)?,
    })
}

fn price(row: &PgRow) -> Result<Price, sqlx::Error> {
    Ok(Price {
        price: Money {
            amount: row.try_get::<i64, _>(0)?.into(),
            currency: row.try_get(1)?,
        },
        since: row.try_get(2)?,
        version: row.try_get(3)?,
    })
}
