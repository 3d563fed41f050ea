//! The status as tables for people.

use anyhow::Result;
use serde_json::Value;

use super::kafka::{AggregateStatus, Cluster, GroupStatus, Lag, PartitionStatus};
use super::services::ServiceStatus;
use super::views::FollowerStatus;
use super::{Part, Status};
use crate::output::{Output, Row, cell};
use crate::render;

/// Prints the status. `all` shows each partition, and not only those that are behind.
pub(super) fn show(status: &Status, all: bool, output: Output) -> Result<()> {
    match &status.kafka {
        Part::Known(cluster) => cluster_tables(cluster, all, output)?,
        other => unknown("kafka", other, output)?,
    }
    text("", output)?;
    match &status.views {
        Part::Known(views) => {
            let heading = [
                "view",
                "partitions",
                "lag",
                "seconds",
                "halted",
                "parked",
                "applied",
            ];
            output.table(&heading, &views.iter().map(view).collect::<Vec<_>>())?;
        }
        other => unknown("views", other, output)?,
    }
    text("", output)?;
    match &status.services {
        Part::Known(services) => {
            let rows: Vec<Row> = services.iter().flat_map(service).collect();
            output.table(&["service", "state", "detail"], &rows)
        }
        other => unknown("services", other, output),
    }
}

fn unknown<T>(name: &str, part: &Part<T>, output: Output) -> Result<()> {
    let reason = match part {
        Part::Known(_) => return Ok(()),
        Part::NotAsked { unknown } => format!("{name}: unknown: {unknown}"),
        Part::Unavailable { unavailable } => format!("{name}: unavailable: {unavailable}"),
    };
    text(&reason, output)
}

fn cluster_tables(cluster: &Cluster, all: bool, output: Output) -> Result<()> {
    let heading = [
        "group",
        "state",
        "lag",
        "seconds",
        "instance",
        "host",
        "client",
        "partitions",
    ];
    match &cluster.groups {
        Part::Known(groups) => {
            let rows: Vec<Row> = groups.iter().flat_map(group).collect();
            output.table(&heading, &rows)?;
        }
        other => unknown("groups", other, output)?,
    }
    text("", output)?;
    let heading = [
        "aggregate",
        "partitions",
        "events",
        "commands",
        "lag",
        "seconds",
        "halted",
        "dead letters",
    ];
    let aggregates: Vec<Row> = cluster.aggregates.iter().map(aggregate).collect();
    output.table(&heading, &aggregates)?;
    let partitions = cluster.aggregates.iter();
    let partitions: Vec<Row> = partitions.flat_map(|it| partitions_of(it, all)).collect();
    if partitions.is_empty() {
        return Ok(());
    }
    text("", output)?;
    let heading = ["partition", "events", "commands", "lag", "seconds"];
    output.table(&heading, &partitions)
}

/// A line for each member of a group. Only the first one has the group.
fn group(group: &GroupStatus) -> Vec<Row> {
    let [records, seconds] = lag(group.lag);
    let start = [group.group.clone(), group.state.clone(), records, seconds];
    if group.members.is_empty() {
        return vec![row(start)];
    }
    let members = group.members.iter().enumerate();
    members
        .map(|(number, member)| {
            let start = match number {
                0 => start.clone(),
                _ => [const { String::new() }; 4],
            };
            let process = [
                member.instance.clone().unwrap_or_else(dash),
                member.host.clone(),
                member.client.clone(),
                member.partitions.to_string(),
            ];
            row(start.into_iter().chain(process))
        })
        .collect()
}

fn aggregate(aggregate: &AggregateStatus) -> Row {
    let name = aggregate.aggregate.to_owned();
    if let Some(reason) = &aggregate.unavailable {
        return row([name, format!("unavailable: {reason}")]);
    }
    let [records, seconds] = lag(aggregate.lag);
    let sum = |count: fn(&PartitionStatus) -> i64| {
        let counts = aggregate.partitions.iter().map(count);
        counts.sum::<i64>().to_string()
    };
    let letters = aggregate.dead_letters.as_ref();
    row([
        name,
        aggregate.partitions.len().to_string(),
        sum(|partition| partition.events),
        sum(|partition| partition.commands),
        records,
        seconds,
        number(aggregate.halted),
        letters.map_or_else(dash, |letters| letters.open.to_string()),
    ])
}

/// The partitions that are behind, or all.
fn partitions_of(aggregate: &AggregateStatus, all: bool) -> Vec<Row> {
    let partitions = aggregate.partitions.iter();
    let shown = partitions.filter(|it| all || it.lag.is_none_or(|lag| lag.records > 0));
    shown
        .map(|partition| {
            let [records, seconds] = lag(partition.lag);
            row([
                format!("{}/{}", aggregate.aggregate, partition.partition),
                partition.events.to_string(),
                partition.commands.to_string(),
                records,
                seconds,
            ])
        })
        .collect()
}

fn view(view: &FollowerStatus) -> Row {
    let [records, seconds] = lag(view.lag);
    row([
        format!("{} v{}", view.view, view.version),
        view.partitions.to_string(),
        records,
        seconds,
        number(view.halted),
        view.parked.to_string(),
        view.applied.map_or_else(dash, render::instant),
    ])
}

/// A line with the state, and one for each further reason and finding.
fn service(service: &ServiceStatus) -> Vec<Row> {
    let state = match (&service.unavailable, service.ready) {
        (Some(_), _) | (None, None) => "unavailable",
        (None, Some(false)) => "not ready",
        (None, Some(true)) if !service.reasons.is_empty() => "degraded",
        (None, Some(true)) => "ready",
    };
    let findings = service.findings.iter().map(|finding| {
        let labels = finding.labels.values().cloned().collect::<Vec<_>>();
        format!(
            "{}: {} ({})",
            finding.finding,
            finding.value,
            labels.join(", ")
        )
    });
    let details = service.unavailable.iter().cloned();
    let details = details.chain(service.reasons.iter().cloned());
    let mut details: Vec<String> = details.chain(findings).collect();
    if details.is_empty() {
        details.push(String::new());
    }
    let name = service.service.as_ref().unwrap_or(&service.url);
    let lines = details.into_iter().enumerate();
    lines
        .map(|(number, detail)| match number {
            0 => row([name.clone(), state.to_owned(), detail]),
            _ => row([String::new(), String::new(), detail]),
        })
        .collect()
}

fn lag(lag: Option<Lag>) -> [String; 2] {
    match lag {
        Some(lag) => [lag.records.to_string(), format!("{:.0}", lag.seconds)],
        None => [dash(), dash()],
    }
}

fn number(number: Option<u64>) -> String {
    number.map_or_else(dash, |number| number.to_string())
}

fn dash() -> String {
    "-".to_owned()
}

fn row(cells: impl IntoIterator<Item = String>) -> Row {
    // Hosts, topics and reasons come from other programs.
    let cells = cells.into_iter().map(|text| cell(&text.into()));
    (Value::Null, cells.collect())
}

fn text(line: &str, output: Output) -> Result<()> {
    output.line(&row([line.to_owned()]))
}
