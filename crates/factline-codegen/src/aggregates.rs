//! The file of an aggregate: its number of partitions and its HTTP routes.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::schemas::json;

/// The settings of an aggregate.
pub(crate) struct Settings {
    /// Number of partitions of each topic.
    pub(crate) partitions: i32,
    /// The routes as JSON; none if clients send no commands over HTTP.
    pub(crate) routes: Option<String>,
}

/// Returns the name of the Rust module of an aggregate.
pub(crate) fn module(aggregate: &str) -> Result<String> {
    let name = aggregate.rsplit('.').next().unwrap_or_default();
    if name.is_empty() {
        bail!("aggregate {aggregate:?} has no name");
    }
    Ok(name.replace('-', "_"))
}

/// Reads the file of an aggregate, such as `product.json` for `catalog.product`.
pub(crate) fn read(folder: &Path, aggregate: &str) -> Result<Settings> {
    let path = folder.join(format!("{}.json", module(aggregate)?));
    let file = json(&path)
        .with_context(|| format!("{aggregate} needs a file with its number of partitions"))?;
    let Value::Object(mut file) = file else {
        bail!("{} is not a JSON object", path.display());
    };
    if file.get("aggregate").and_then(Value::as_str) != Some(aggregate) {
        bail!("{} is not of aggregate {aggregate}", path.display());
    }
    let partitions = file.remove("partitions");
    let partitions = partitions
        .as_ref()
        .and_then(Value::as_i64)
        .and_then(|partitions| i32::try_from(partitions).ok())
        .filter(|partitions| *partitions > 0)
        .with_context(|| format!("{}: \"partitions\" must be 1 or more", path.display()))?;
    let routes = file
        .contains_key("routes")
        .then(|| serde_json::to_string(&file))
        .transpose()?;
    Ok(Settings { partitions, routes })
}
