//! Which aggregates there are: those that the command handlers host.

use anyhow::{Context as _, Result};
use command_handlers::contexts::{Hosted, contexts};

/// The aggregate of a type, or an error that names those there are.
pub(crate) fn of_type(aggregate: &str) -> Result<Hosted> {
    let mut hosted = contexts().into_iter();
    hosted
        .find(|hosted| hosted.contract.aggregate == aggregate)
        .with_context(|| format!("no aggregate is called {aggregate}; there are {}", names()))
}

/// One, or all.
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
