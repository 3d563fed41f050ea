//! Plans of queries, as PostgreSQL explains them.

use serde::Deserialize;
use sqlx::types::Json;
use sqlx::{PgConnection, Postgres, QueryBuilder};

/// Nodes of a plan that finds rows by an index, and reads no others.
const ALLOWED: [&str; 6] = [
    "Limit",
    "Index Scan",
    "Index Only Scan",
    "Subquery Scan",
    "Nested Loop",
    "Memoize",
];

/// Node of a plan.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Plan {
    #[serde(rename = "Node Type")]
    node_type: String,
    #[serde(rename = "Index Name")]
    index: Option<String>,
    #[serde(rename = "Index Cond")]
    condition: Option<String>,
    #[serde(rename = "Relation Name")]
    relation: Option<String>,
    schema: Option<String>,
    #[serde(default)]
    plans: Vec<Plan>,
}

/// Document of an explained statement.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Explained {
    plan: Plan,
}

/// Returns the plan of a query. The query is not run.
pub(super) async fn explain(
    connection: &mut PgConnection,
    push_query: impl FnOnce(&mut QueryBuilder<Postgres>),
) -> Result<Plan, sqlx::Error> {
    let mut query = QueryBuilder::new("explain (format json, verbose) ");
    push_query(&mut query);
    let Json([Explained { plan }]): Json<[Explained; 1]> =
        query.build_query_scalar().fetch_one(connection).await?;
    Ok(plan)
}

impl Plan {
    /// Returns the types of nodes that read or sort more rows than the query needs.
    pub(super) fn other_nodes(&self) -> Vec<&str> {
        let own = Some(self.node_type.as_str()).filter(|own| !ALLOWED.contains(own));
        let below = self.plans.iter().flat_map(Self::other_nodes);
        own.into_iter().chain(below).collect()
    }

    /// Returns the index by which rows are found.
    pub(super) fn index(&self) -> Option<&str> {
        self.first(|node| node.index.as_deref())
    }

    /// Returns the condition by which the index is read. Without one it is read from its begin.
    pub(super) fn condition(&self) -> Option<&str> {
        self.first(|node| node.condition.as_deref())
    }

    /// Returns the table, with its schema.
    pub(super) fn relation(&self) -> String {
        let schema = self.first(|node| node.schema.as_deref());
        format!("{}.{}", schema.unwrap_or("?"), self.table())
    }

    /// Returns the table, as a migration of the view names it.
    pub(super) fn table(&self) -> &str {
        self.first(|node| node.relation.as_deref()).unwrap_or("?")
    }

    /// Returns a property of the first node that has it. The first scan of a join drives it.
    fn first<'a>(&'a self, of: fn(&'a Self) -> Option<&'a str>) -> Option<&'a str> {
        of(self).or_else(|| self.plans.iter().find_map(|plan| plan.first(of)))
    }
}
