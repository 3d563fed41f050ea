//! Collects the records and rows of a quiescent run directly, without the services except the
//! tracker: the rest of a [`checker::History`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use factline::Contract;
use factline::outcome::State;
use factline_kafka::records::decode;
use factline_kafka::tools::topic_reader;
use factline_kafka::{Record, Registry};
use factline_postgres::is_transient;
use reqwest::StatusCode;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgPool, Row as _};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::log::Log;
use crate::quiescence::until_quiescent;
use crate::system::{PATIENCE, System};
use checker::{History, Letter, Logged, Moved, Records, Rows, Status, check, views};

/// Maximum number of concurrent requests for operations.
const AT_ONCE: usize = 16;

/// Waits until the run is quiescent, collects its history and checks it once: a row that was wrong
/// for a moment has no time to be corrected. `known` holds the clients' requests and observations.
///
/// # Errors
/// If the run does not become quiescent, its history cannot be collected, or it has violations.
pub async fn judge(system: &System, known: &History) -> Result<History> {
    until_quiescent(system, PATIENCE).await?;
    let history = History {
        requests: known.requests.clone(),
        observations: known.observations.clone(),
        reads: known.reads.clone(),
        ..collect(system).await?
    };
    let found = check(&history);
    let mut found: Vec<String> = found.iter().map(ToString::to_string).collect();
    found.extend(system.findings().await?);
    let texts = &found[..found.len().min(20)];
    ensure!(
        found.is_empty(),
        "{} violations, among them\n{}",
        found.len(),
        texts.join("\n")
    );
    Ok(history)
}

/// Collects all records and rows. The clients' requests and observations are not part of it.
///
/// # Errors
/// If a server or service stays unavailable. Every other failure is an error at once.
pub async fn collect(system: &System) -> Result<History> {
    let begun = Instant::now();
    loop {
        match collect_once(system).await {
            Err(error) if is_unavailable(&error) && begun.elapsed() < PATIENCE => {
                println!("          collecting again: {error:#}");
            }
            collected => return collected,
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Returns whether a server or service could not answer.
fn is_unavailable(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let http = cause.downcast_ref().is_some_and(|error: &reqwest::Error| {
            let unanswered = error.is_connect() || error.is_request() || error.is_body();
            unanswered || error.status() == Some(StatusCode::SERVICE_UNAVAILABLE)
        });
        let registry = cause
            .downcast_ref()
            .is_some_and(decode::Error::is_transient);
        let database = cause.downcast_ref().is_some_and(is_transient);
        let kafka = matches!(
            cause.downcast_ref(),
            Some(topic_reader::Error::Kafka { .. } | topic_reader::Error::Silent { .. })
        );
        http || registry || database || kafka
    })
}

async fn collect_once(system: &System) -> Result<History> {
    let mut logs = BTreeMap::new();
    for contract in contracts::ALL {
        let records = records(system, contract).await?;
        logs.insert(contract.aggregate.to_owned(), records);
    }
    Ok(History {
        prefix: system.prefix.clone(),
        tracker: tracker(system, &logs).await?,
        views: rows(system).await?,
        provider: Some(provider(system).await?),
        logs,
        ..History::default()
    })
}

/// Collects the committed records of all topics of an aggregate type.
pub async fn records(system: &System, contract: &Contract) -> Result<Records> {
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
        // No aggregate accepts a record whose type differs from the one in its envelope.
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

/// Collects the tracker's status of every operation of the logs. An operation that the tracker does
/// not know is omitted.
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
    let mut statuses = BTreeMap::new();
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
            return Ok(statuses);
        };
        let (operation, status) = answer??;
        statuses.extend(status.map(|status| (operation, status)));
    }
}

/// Returns the tracker's status at this address; none if the response is a 404.
pub async fn status(http: &reqwest::Client, url: &str) -> Result<Option<Status>> {
    let response = http.get(url).send().await?;
    if response.status() == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    let answered = response.error_for_status()?;
    Ok(Some(status_of(&answered.json().await?)?))
}

/// Returns the status in the body of a response about an operation.
pub fn status_of(body: &Value) -> Result<Status> {
    let text = |field: &str| body[field].as_str().map(str::to_owned);
    let state: State = serde_json::from_value(body["state"].clone())
        .with_context(|| format!("unknown state in {body}"))?;
    Ok(Status {
        state,
        code: text("code"),
        version: body["version"].as_i64(),
        position: text("position"),
    })
}

/// Collects the rows of all views.
async fn rows(system: &System) -> Result<BTreeMap<String, Rows>> {
    let pool = PgPool::connect(&system.database_url("factline_projector")).await?;
    let mut rows = BTreeMap::new();
    for kind in views::VIEWS {
        let query = format!(
            "select {}, to_jsonb(t)::text from {} t",
            kind.key,
            kind.view.relation()
        );
        let mut of: Rows = BTreeMap::new();
        for row in sqlx::query(AssertSqlSafe(query)).fetch_all(&pool).await? {
            let (key, text): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            of.insert(key, serde_json::from_str(&text)?);
        }
        rows.insert(kind.view.name.to_owned(), of);
    }
    pool.close().await;
    Ok(rows)
}

/// Collects the money that the provider has moved.
async fn provider(system: &System) -> Result<BTreeMap<String, Moved>> {
    let url = format!("{}/totals", system.address("payment-simulator"));
    let response = reqwest::get(&url).await?.error_for_status()?;
    let totals: Value = response.json().await?;
    let mut moved: BTreeMap<String, Moved> = BTreeMap::new();
    for (currency, amount) in totals["captured"].as_object().into_iter().flatten() {
        moved.entry(currency.clone()).or_default().captured = amount.as_i64().unwrap_or_default();
    }
    for (currency, amount) in totals["refunded"].as_object().into_iter().flatten() {
        moved.entry(currency.clone()).or_default().refunded = amount.as_i64().unwrap_or_default();
    }
    Ok(moved)
}
