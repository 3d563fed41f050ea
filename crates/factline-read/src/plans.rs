//! Check that no request reads a whole table, for tests.
//!
//! [`check`] plans the query of each item, and of each list with each sort order and each
//! combination of filters, for the first page and for a later one. A plan must find its rows by an
//! index that the sort order names, and must not sort. The check also compares the declarations
//! with the columns and indexes in the database.
//!
//! ```no_run
//! # async fn test(pool: sqlx::PgPool, resources: &[factline_read::Resource]) {
//! factline_read::plans::check(resources, &pool).await.unwrap();
//! # }
//! ```
//!
//! The tables may be empty. PostgreSQL is told to avoid sequential scans and sorts at all costs, so
//! a plan has one only if no index avoids it. The check does not tell how long a query takes.
//! Queries of handlers that are written by hand are not checked.

mod catalog;
mod combination;
mod explain;
mod remedy;
mod sort_orders;

use std::collections::BTreeSet;

use sqlx::{PgConnection, PgPool};

use crate::checked::Checked;
use crate::declare::{Resource, Rows};
use crate::misuse::{Misuse, Misuses};
use crate::path::place;
use crate::serve::Item;
use crate::stable_name;

use catalog::Relation;
use explain::explain;

/// Reason why a check fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Declarations do not fit to the database.
    #[error(transparent)]
    Misuses(#[from] Misuses),
    /// The database failed.
    #[error("cannot plan queries")]
    Database(#[from] sqlx::Error),
}

/// Settings under which PostgreSQL plans a scan or a sort only if it has no other way.
const SETTINGS: &str = "set local enable_seqscan = off; set local enable_bitmapscan = off; \
                        set local enable_sort = off; set local enable_incremental_sort = off";

/// Checks all declarations against a database that has the views. It changes nothing.
pub async fn check(resources: &[Resource], pool: &PgPool) -> Result<(), Error> {
    let checked = Checked::new(resources)?;
    let mut transaction = pool.begin().await?;
    sqlx::raw_sql(SETTINGS).execute(&mut *transaction).await?;
    let mut mistakes = views(resources, &mut transaction).await?;
    for item in &checked.items {
        let place = place(item.declared.path);
        if are_readable(&item.declared.rows, &place, &mut mistakes, &mut transaction).await? {
            mistakes.extend(plan_of_item(item, &place, &mut transaction).await?);
        }
    }
    for list in &checked.lists {
        let place = place(list.declared.path);
        if are_readable(&list.declared.rows, &place, &mut mistakes, &mut transaction).await? {
            mistakes.extend(sort_orders::check(list, &place, &mut transaction).await?);
        }
    }
    transaction.rollback().await?;
    Ok(Misuses::unless(mistakes, ())?)
}

/// Returns a mistake for each view that does not exist.
async fn views(
    resources: &[Resource],
    connection: &mut PgConnection,
) -> Result<Vec<Misuse>, sqlx::Error> {
    let mut mistakes = Vec::new();
    for resource in resources {
        let views: BTreeSet<_> = resource.views().collect();
        for view in views {
            for name in [stable_name::rows(view), stable_name::checkpoints(view)] {
                if Relation::find(&name, connection).await?.is_none() {
                    let text = format!(
                        "the view `{view}` has no relation {name}: correct the name of the view, \
                         or add the view to a projector and run its migrations"
                    );
                    let place = format!("resource `{}`", resource.name);
                    mistakes.push(Misuse::new(&place, text));
                }
            }
        }
    }
    Ok(mistakes)
}

/// Compares the columns of rows with those of their relation. Returns true if queries can be
/// planned. A view that does not exist is reported by [`views`].
async fn are_readable(
    rows: &Rows,
    place: &str,
    mistakes: &mut Vec<Misuse>,
    connection: &mut PgConnection,
) -> Result<bool, sqlx::Error> {
    let name = stable_name::rows(rows.view);
    let Some(relation) = Relation::find(&name, connection).await? else {
        return Ok(false);
    };
    let before = mistakes.len();
    for column in (rows.columns)() {
        let text = match relation.type_of(column.name) {
            None => format!(
                "the response reads the column {}, which {name} does not have: correct the name of \
                 the field, or add the column to a migration",
                column.name,
            ),
            Some(found) if !is_readable(found, column.sql_type) => format!(
                "the response reads the column {} as {}, and in {name} it is {found}: change the \
                 type of the field",
                column.name, column.sql_type,
            ),
            Some(_) => continue,
        };
        mistakes.push(Misuse::new(place, text));
    }
    Ok(mistakes.len() == before)
}

/// Returns true if a field with the second type reads a column of the first one. A wide number
/// reads a column of 64 bits too.
fn is_readable(found: &str, read: &str) -> bool {
    let found = match found {
        "timestamp with time zone" => "timestamptz",
        "character varying" => "text",
        other => other,
    };
    found == read || (found == "bigint" && read == "numeric")
}

async fn plan_of_item(
    item: &Item,
    place: &str,
    connection: &mut PgConnection,
) -> Result<Option<Misuse>, sqlx::Error> {
    let id = item.id.kind.sample();
    let plan = explain(connection, |query| item.push_query(&id, query)).await?;
    let finds = plan.other_nodes().is_empty() && plan.condition().is_some();
    Ok((!finds).then(|| {
        let text = format!(
            "the item is found by reading all rows, because no index begins with {}: make it the \
             primary key of {}",
            item.id.column,
            plan.relation(),
        );
        Misuse::new(place, text)
    }))
}
