//! Customers: the spending of one, and the customers with the highest spending.

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use factline_http::{Path, Problem, etag, page};
use factline_postgres::ConsistentReads;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row as _};

use crate::listing;
use crate::money::{Money, whole};
use crate::parameters::{self, LIMIT, MOST, Parameters};
use crate::read_your_writes::{database, snapshot};
use crate::resource::Resource;

pub(crate) const RESOURCE: Resource = Resource {
    routes: || {
        Router::new()
            .route("/customers", get(top))
            .route("/customers/{id}/spending", get(spending))
    },
    checkpoints: &[CHECKPOINTS],
};

const CHECKPOINTS: &str = "read.customer_spending_checkpoint";
const SELECT: &str =
    "select customer_id, currency, orders, units::text, total::text from read.customer_spending ";

/// The purchases of a customer in one currency. Cancelled orders do not count.
#[derive(Debug, Serialize)]
struct Spending {
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<String>,
    orders: i64,
    units: i128,
    total: Money,
}

/// A customer as clients see it.
#[derive(Debug, Serialize)]
struct Customer {
    customer_id: String,
    spending: Vec<Spending>,
}

/// `GET /customers/{id}/spending`
async fn spending(
    State(snapshots): State<ConsistentReads>,
    Path(id): Path<String>,
    parameters: Parameters,
    request: HeaderMap,
) -> Result<Response, Problem> {
    parameters::none(parameters)?;
    let mut snapshot = snapshot(&snapshots, CHECKPOINTS, &request).await?;
    let rows = QueryBuilder::<Postgres>::new(SELECT)
        .push("where customer_id = ")
        .push_bind(&id)
        .push(" order by currency")
        .build()
        .fetch_all(&mut *snapshot)
        .await
        .map_err(database)?;
    if rows.is_empty() {
        return Err(Problem::not_found(format!(
            "there are no orders of customer {id}"
        )));
    }
    let spending = rows.iter().map(|row| {
        spent(row).map(|spending| Spending {
            customer_id: None,
            ..spending
        })
    });
    let customer = Customer {
        spending: spending.collect::<Result<_, _>>().map_err(database)?,
        customer_id: id,
    };
    etag::json(&request, &customer)
}

/// `GET /customers?sort=-total&currency=USD&limit=&after=`
async fn top(
    State(snapshots): State<ConsistentReads>,
    parameters: Parameters,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let [sort, currency, limit, after] = parameters.read(["sort", "currency", "limit", "after"])?;
    if sort.is_some_and(|sort| sort != "-total") {
        return Err(Problem::invalid_request().parameter("sort", "must be -total"));
    }
    let currency = currency.ok_or_else(|| {
        let detail = "is missing; totals of different currencies cannot be compared";
        Problem::invalid_request().parameter("currency", detail)
    })?;
    let limit = page::limit(limit.as_deref(), LIMIT, MOST)?;
    let after: Option<(i128, String)> = page::after(after.as_deref())?;
    let mut query = QueryBuilder::<Postgres>::new(SELECT);
    query.push("where currency = ").push_bind(currency);
    if let Some((total, customer)) = after {
        let total = total.to_string();
        query
            .push(" and (total < ")
            .push_bind(total.clone())
            .push("::numeric");
        query
            .push(" or (total = ")
            .push_bind(total)
            .push("::numeric");
        query
            .push(" and customer_id > ")
            .push_bind(customer)
            .push("))");
    }
    // The column is qualified. A bare `total` would be the text column of the result, and 9 would
    // sort before 10.
    query.push(" order by customer_spending.total desc, customer_id");
    let mut snapshot = snapshot(&snapshots, CHECKPOINTS, &request).await?;
    let page = listing::page(&mut snapshot, &mut query, limit, spent, |spending| {
        (spending.total.amount, spending.customer_id.clone())
    })
    .await?;
    etag::json(&request, &page)
}

fn spent(row: &PgRow) -> Result<Spending, sqlx::Error> {
    Ok(Spending {
        customer_id: row.try_get(0)?,
        orders: row.try_get(2)?,
        units: whole(row.try_get(3)?)?,
        total: Money {
            amount: whole(row.try_get(4)?)?,
            currency: row.try_get(1)?,
        },
    })
}
