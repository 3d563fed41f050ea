//! Customers: the spending of one, and the customers with the highest spending.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use factline_http::{Path, Problem, etag};
use factline_postgres::{Columns, ConsistentReads, select_list};
use factline_read::{ByHand, Filter, Parameters, ReadState, Resource, Rows, Sort, database, desc};
use factline_read::{parameters, snapshot};
use serde::Serialize;
use sqlx::{Postgres, QueryBuilder};
use utoipa::ToSchema;

use crate::money::Money;

const VIEW: &str = "customer-spending";

pub(crate) const RESOURCE: Resource = Resource::new("customer")
    .lists(&[Rows::of::<TopCustomer>(VIEW)
        .list("/customers", &[HIGHEST_TOTAL_FIRST])
        .filters(&[Filter::equal("currency", "currency")
            .required("totals of different currencies cannot be compared")])
        .summary("Customers, those who spent most first")])
    .by_hand(&[
        ByHand::of::<Customer>("/customers/{id}/spending", &[VIEW], || get(spending))
            .summary("The purchases of a customer, in each currency"),
    ]);

const HIGHEST_TOTAL_FIRST: Sort = Sort::by(
    "-total",
    &[desc("total"), desc("customer_id")],
    &["customer_spending_by_total"],
);

/// The purchases of a customer in one currency. Cancelled orders do not count.
#[derive(Debug, Columns, Serialize, ToSchema)]
struct TopCustomer {
    customer_id: String,
    orders: i64,
    units: i128,
    #[column(embed(amount = "total", currency))]
    total: Money,
}

/// The purchases in one currency. Cancelled orders do not count.
#[derive(Debug, Columns, Serialize, ToSchema)]
struct Spending {
    orders: i64,
    units: i128,
    #[column(embed(amount = "total", currency))]
    total: Money,
}

/// The purchases of a customer.
#[derive(Debug, Serialize, ToSchema)]
struct Customer {
    customer_id: String,
    spending: Vec<Spending>,
}

/// `GET /customers/{id}/spending`: by hand, because the rows of a customer are one response.
async fn spending(
    State(snapshots): State<ConsistentReads>,
    Path(customer_id): Path<String>,
    parameters: Parameters,
    request: HeaderMap,
) -> Result<Response, Problem> {
    parameters::none(parameters)?;
    let mut snapshot = snapshot(&snapshots, VIEW, &request).await?;
    let columns = select_list(Spending::COLUMNS);
    let rows = QueryBuilder::<Postgres>::new(format!(
        "select {columns} from read.customer_spending where customer_id = "
    ))
    .push_bind(&customer_id)
    .push(" order by currency")
    .build()
    .fetch_all(&mut *snapshot)
    .await
    .map_err(database)?;
    let state = ReadState::of_view(&mut snapshot, VIEW).await?;
    if rows.is_empty() {
        let detail = format!("there are no orders of customer {customer_id}");
        return Err(state.on_problem(Problem::not_found(detail)));
    }
    let spending = rows.iter().map(Spending::decode);
    let customer = Customer {
        spending: spending.collect::<Result<_, _>>().map_err(database)?,
        customer_id,
    };
    Ok(state.on(etag::json(&request, &customer)?))
}
