//! What stands where once a run has come to rest, read past all services but the tracker: the rest of a
//! [`checker::History`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use factline::Contract;
use factline::outcome::State;
use factline_kafka::{Record, Registry, records::decode};
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgPool, Row as _};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::log::Log;
use crate::system::{PATIENCE, System};
use checker::{History, Letter, Logged, Moved, Records, Rows, Status, check, views};

/// How many operations are asked for at once.
const AT_ONCE: usize = 16;

/// Collects again and again until nothing is wrong, and fails with all that is when patience is at its end: what follows the
/// log takes its time, and what is under way comes to its end. `known` has what clients did and saw.
pub async fn judge(system: &System, known: &History) -> Result<History> {
    let begun = Instant::now();
    loop {
        // A service that cannot answer yet is waited for like everything else.
        let wrong = match collect(system).await {
            Ok(collected) => {
                let history = History {
                    requests: known.requests.clone(),
                    observations: known.observations.clone(),
                    reads: known.reads.clone(),
                    ..collected
                };
                let found = check(&history);
                if found.is_empty() {
                    return Ok(history);
                }
                let texts: Vec<String> = found.iter().take(20).map(ToString::to_string).collect();
                format!(
                    "{} violations, among them\n{}",
                    found.len(),
                    texts.join("\n")
                )
            }
            Err(error) => format!("{error:#}"),
        };
        ensure!(begun.elapsed() < PATIENCE, wrong);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Everything that stands somewhere. What clients did and saw is not in it.
pub async fn collect(system: &System) -> Result<History> {
    let provider = provider(system).await?;
    let mut logs = BTreeMap::new();
    for contract in contracts::ALL {
        let records = records(system, contract).await?;
        logs.insert(contract.aggregate.to_owned(), records);
    }
    Ok(History {
        prefix: system.prefix.clone(),
        tracker: tracker(system, &logs).await?,
        views: rows(system).await?,
        provider: Some(provider),
        logs,
        ..History::default()
    })
}

/// Everything committed on the topics of an aggregate type.
pub async fn records(system: &System, contract: &'static Contract) -> Result<Records> {
    let log = Log::of(system, contract);
    let registry = Registry::new(&log.kafka.registry_url);
    let mut records = Records::default();
    for record in log.read(log.topics.commands()).await? {
        records.commands.push(message(&registry, &record).await?);
    }
    for record in log.read(log.topics.events()).await? {
        records.events.push(message(&registry, &record).await?);
    }
    for record in log.read(log.topics.outcomes()).await? {
        let outcome = match decode::outcome(&registry, &record).await {
            Err(error) if error.is_transient() => return Err(error.into()),
            read => read.ok().map(|(_, outcome)| outcome),
        };
        records.outcomes.push(logged(&record, outcome));
    }
    for record in log.read(log.topics.dead_letters()).await? {
        records.dead_letters.push(letter(&record)?);
    }
    Ok(records)
}

async fn message(registry: &Registry, record: &Record) -> Result<Logged<Value>> {
    let value = match decode::json(registry, record).await {
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(_) => None,
        // Of another record than its envelope says, it is none that anybody takes.
        Ok((name, value)) => {
            let envelope = record.envelope().ok();
            envelope
                .is_some_and(|known| known.record == name)
                .then_some(value)
        }
    };
    Ok(logged(record, value))
}

fn logged<T>(record: &Record, value: Option<T>) -> Logged<T> {
    let key = record.key.as_deref();
    Logged {
        partition: record.partition,
        offset: record.offset,
        timestamp: record.timestamp,
        key: key.and_then(|key| String::from_utf8(key.to_vec()).ok()),
        operation: record.operation(),
        envelope: record.envelope().ok(),
        value,
    }
}

fn letter(record: &Record) -> Result<Letter> {
    let header = |name: &str| {
        let found = record.headers.last(name);
        let text = found.and_then(|value| String::from_utf8(value.to_vec()).ok());
        text.with_context(|| format!("{} has no {name}", record.place()))
    };
    Ok(Letter {
        partition: record.partition,
        offset: record.offset,
        operation: header("deadletter_operation")?.parse()?,
        position: header("deadletter_position")?,
        code: header("deadletter_code")?,
    })
}

/// What the tracker says of every operation of the logs. One that it has never heard of is left out.
async fn tracker(
    system: &System,
    logs: &BTreeMap<String, Records>,
) -> Result<BTreeMap<Uuid, Status>> {
    let commands = logs
        .values()
        .flat_map(|log| log.commands.iter().map(|one| one.operation));
    let outcomes = logs
        .values()
        .flat_map(|log| log.outcomes.iter().map(|one| one.operation));
    let mut operations = commands
        .chain(outcomes)
        .collect::<BTreeSet<Uuid>>()
        .into_iter();
    let (http, url) = (reqwest::Client::new(), system.address("operations-tracker"));
    let mut asking = JoinSet::new();
    let mut told = BTreeMap::new();
    loop {
        while asking.len() < AT_ONCE
            && let Some(operation) = operations.next()
        {
            let (http, url) = (http.clone(), format!("{url}/operations/{operation}"));
            asking.spawn(
                async move { Ok::<_, anyhow::Error>((operation, status(&http, &url).await?)) },
            );
        }
        let Some(answer) = asking.join_next().await else {
            return Ok(told);
        };
        let (operation, status) = answer??;
        told.extend(status.map(|status| (operation, status)));
    }
}

/// The tracker's answer at this address; none, if it is a 404.
pub async fn status(http: &reqwest::Client, url: &str) -> Result<Option<Status>> {
    let response = http.get(url).send().await?;
    if response.status() == reqwest::StatusCode::NOT_FOUND {
        return Ok(None);
    }
    ensure!(
        response.status().is_success(),
        "{url}: {}",
        response.status()
    );
    Ok(Some(told(&response.json().await?)?))
}

/// The status in the body of an answer about an operation.
pub fn told(body: &Value) -> Result<Status> {
    let text = |field: &str| body[field].as_str().map(str::to_owned);
    let state: State = serde_json::from_value(body["state"].clone())
        .with_context(|| format!("no state is known here in {body}"))?;
    Ok(Status {
        state,
        code: text("code"),
        version: body["version"].as_i64(),
        position: text("position"),
    })
}

/// The rows of all views.
async fn rows(system: &System) -> Result<BTreeMap<String, Rows>> {
    // The database is called as the topics' prefix.
    let database = system.prefix.trim_end_matches('.');
    let url = system.servers.postgres.url(database, "factline_projector");
    let pool = PgPool::connect(&url).await?;
    let mut rows = BTreeMap::new();
    for kind in views::VIEWS {
        let query = format!(
            "select {}, to_jsonb(t)::text from {} t",
            kind.key, kind.table
        );
        let mut of: Rows = BTreeMap::new();
        for row in sqlx::query(AssertSqlSafe(query)).fetch_all(&pool).await? {
            let (key, text): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            of.insert(key, serde_json::from_str(&text)?);
        }
        rows.insert(kind.name.to_owned(), of);
    }
    pool.close().await;
    Ok(rows)
}

/// What the provider has moved, once nothing is under way there.
async fn provider(system: &System) -> Result<BTreeMap<String, Moved>> {
    let url = format!("{}/totals", system.address("payment-simulator"));
    let begun = Instant::now();
    let totals = loop {
        let totals: Value = reqwest::get(&url).await?.json().await?;
        if totals["open"] == 0 {
            break totals;
        }
        ensure!(
            begun.elapsed() < PATIENCE,
            "the provider does not come to rest: {totals}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let mut moved: BTreeMap<String, Moved> = BTreeMap::new();
    for (currency, amount) in totals["captured"].as_object().into_iter().flatten() {
        moved.entry(currency.clone()).or_default().captured = amount.as_i64().unwrap_or_default();
    }
    for (currency, amount) in totals["refunded"].as_object().into_iter().flatten() {
        moved.entry(currency.clone()).or_default().refunded = amount.as_i64().unwrap_or_default();
    }
    Ok(moved)
}
