//! The known aggregates: those that the command handlers host.

use anyhow::{Context as _, Result};
use command_handlers::contexts::{Hosted, contexts};

/// Returns the aggregate of a type, or an error that lists the known ones.
pub(crate) fn of_type(aggregate: &str) -> Result<Hosted> {
    let mut hosted = contexts().into_iter();
    hosted
        .find(|hosted| hosted.contract.aggregate == aggregate)
        .with_context(|| {
            format!(
                "unknown aggregate {aggregate}; known aggregates: {}",
                names()
            )
        })
}

/// Returns one aggregate, or all.
pub(crate) fn chosen(aggregate: Option<&str>) -> Result<Vec<Hosted>> {
    match aggregate {
        Some(aggregate) => Ok(vec![of_type(aggregate)?]),
        None => Ok(contexts()),
    }
}

fn names() -> String {
    let names: Vec<&str> = contexts()
        .iter()
        .map(|hosted| hosted.contract.aggregate)
        .collect();
    names.join(", ")
}
