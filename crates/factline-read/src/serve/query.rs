//! SQL of a list. Each combination of filters is a statement of its own, so that each has a plan
//! with its own index. Values are bound, and names come from declarations.

use sqlx::{Postgres, QueryBuilder};

use crate::declare::{Comparison, Key};
use crate::value::Value;

use super::list::{Filter, List};
use super::request::Request;

impl List {
    /// Pushes the query of a page with its limit, for its plan.
    #[cfg(feature = "plans")]
    pub(crate) fn push_page(&self, request: &Request, query: &mut QueryBuilder<Postgres>) {
        self.push_query(request, "", query);
        crate::listing::push_limit(query, request.limit + 1);
    }

    /// Pushes the query of a page, without its limit. `more` are columns besides those of the rows.
    pub(super) fn push_query(
        &self,
        request: &Request,
        more: &str,
        query: &mut QueryBuilder<Postgres>,
    ) {
        query.push("select ").push(&self.columns).push(more);
        query
            .push(" from ")
            .push(&self.relation)
            .push(" as v where true");
        if let (Some(within), Some(id)) = (&self.within, &request.id) {
            query.push(" and ").push(column(within.column)).push(" = ");
            id.bind(query);
        }
        for (filter, value) in self.filters.iter().zip(&request.filters) {
            if let Some(value) = value {
                query.push(" and ");
                filter.push(value, query);
            }
        }
        let keys = self.sorts[request.sort].declared.keys;
        if let Some(after) = &request.after {
            query.push(" and ");
            push_after(keys, after, query);
        }
        let order: Vec<_> = keys.iter().map(|key| direction(*key)).collect();
        query.push(" order by ").push(order.join(", "));
    }
}

impl Filter {
    fn push(&self, value: &Value, query: &mut QueryBuilder<Postgres>) {
        let operator = match self.declared.comparison {
            Comparison::Equal => " = ",
            Comparison::Prefix => " ^@ ",
            Comparison::AtLeast => " >= ",
            Comparison::LessThan => " < ",
        };
        let expression = self.declared.expression;
        let (before, after) = expression.split_once('$').unwrap_or(("", ""));
        query
            .push(column(self.declared.column))
            .push(operator)
            .push(before);
        value.bind(query);
        query.push(after);
    }
}

/// Pushes the condition that a row comes after these keys. They are compared as a row, which
/// PostgreSQL looks up in an index; that is why all keys of a sort order have one direction.
fn push_after(keys: &[Key], values: &[Value], query: &mut QueryBuilder<Postgres>) {
    let descending = keys.first().is_some_and(|key| key.descending);
    let columns: Vec<_> = keys.iter().map(|key| column(key.column)).collect();
    let operator = if descending { "<" } else { ">" };
    query.push(format!("({}) {operator} (", columns.join(", ")));
    for (index, value) in values.iter().enumerate() {
        query.push(if index == 0 { "" } else { ", " });
        value.bind(query);
    }
    query.push(")");
}

/// Returns a column of the relation. It is qualified, because a name in `order by` alone would be
/// the result's column.
fn column(name: &str) -> String {
    format!("v.\"{name}\"")
}

fn direction(key: Key) -> String {
    let direction = if key.descending { "desc" } else { "asc" };
    format!("{} {direction}", column(key.column))
}
