//! The file of an aggregate: its number of partitions and its HTTP routes.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value};

use crate::schemas::{Record, json};

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

/// Reads the file of an aggregate, such as `product.json` for `catalog.product`, and compares its
/// routes with the aggregate's commands.
pub(crate) fn read(folder: &Path, aggregate: &str, commands: &[&Record]) -> Result<Settings> {
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
    let commands = commands.iter().map(|record| record.full_name.as_str());
    let commands = commands.collect();
    check_routes(&mut file, aggregate, &commands)
        .and_then(|()| check_workflows(&file, aggregate, &commands))
        .with_context(|| format!("{} is wrong", path.display()))?;
    let routes = file
        .contains_key("routes")
        .then(|| serde_json::to_string(&file))
        .transpose()?;
    Ok(Settings { partitions, routes })
}

/// Checks the workflows, if there are any: each is begun by a command of the aggregate, and has
/// steps. The commands of the steps may be of other contracts, so a process that has all contracts
/// checks those.
fn check_workflows(
    file: &Map<String, Value>,
    aggregate: &str,
    commands: &BTreeSet<&str>,
) -> Result<()> {
    let Some(workflows) = file.get("workflows") else {
        return Ok(());
    };
    ensure!(
        file.contains_key("routes"),
        "\"workflows\" is of no use without \"routes\"; remove it"
    );
    let workflows = workflows
        .as_array()
        .context("\"workflows\" must be a list of workflows")?;
    for workflow in workflows {
        let command = &workflow["command"];
        let known = command.as_str().filter(|name| commands.contains(name));
        let name = known.with_context(|| format!("{command} is no command of {aggregate}"))?;
        let names = |list: &Value| match list.as_array() {
            Some(list) => list.iter().all(Value::is_string),
            None => false,
        };
        ensure!(
            names(&workflow["steps"]) && workflow["steps"] != Value::Array(Vec::new()),
            "workflow {name}: \"steps\" must be a list of commands, in their order"
        );
        ensure!(
            workflow.get("compensation").is_none_or(names),
            "workflow {name}: \"compensation\" must be a list of commands"
        );
    }
    Ok(())
}

/// Checks that each command has a route or is listed under `internal`, which is removed. An
/// aggregate without routes needs no such list.
fn check_routes(
    file: &mut Map<String, Value>,
    aggregate: &str,
    commands: &BTreeSet<&str>,
) -> Result<()> {
    let internal = file
        .remove("internal")
        .unwrap_or_else(|| Vec::<Value>::new().into());
    let internal = internal
        .as_array()
        .context("\"internal\" must be a list of commands")?;
    let Some(routes) = file.get("routes") else {
        ensure!(
            internal.is_empty(),
            "\"internal\" is of no use without \"routes\"; remove it"
        );
        return Ok(());
    };
    let routes = routes
        .as_array()
        .context("\"routes\" must be a list of routes")?;
    let with_route = routes.iter().map(|route| &route["command"]);
    let mut missing = commands.clone();
    for command in with_route.chain(internal) {
        let known = command.as_str().filter(|name| commands.contains(name));
        let name = known.with_context(|| format!("{command} is no command of {aggregate}"))?;
        missing.remove(name);
    }
    if let Some(name) = missing.first() {
        bail!(
            "command {name} has no route: add one to \"routes\", or list the command under \
             \"internal\" if no client sends it"
        );
    }
    Ok(())
}
