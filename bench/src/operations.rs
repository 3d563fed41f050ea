//! A million operations: the pages of `GET /operations` and its statistics, beside the same rows
//! read by their index alone; and the batches of the tracker with and without the indexes of lists.
//!
//! The operations are written in batches, as the tracker's follower writes them: first pending,
//! then ended. The indexes of lists are dropped in a database of their own for the comparison.
//! Requests come one after the other over one connection, each for another place of the list.

use std::time::{Duration, Instant};

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use factline::outcome::State;
use factline_dev_servers::Servers;
use factline_tracker::fold::fold;
use factline_tracker::observation::{RecordId, StatusUpdate};
use factline_tracker::{batch, migrate};
use rand::RngExt as _;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use crate::latency::spread::Spread;
use crate::waiters::Way;
use crate::waiters::server::Child;

/// Numbers of the measurement.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Operations in the list
    #[arg(long, default_value_t = 1_000_000)]
    operations: u32,
    /// Operations of each round that compares the batches
    #[arg(long, default_value_t = 50_000)]
    batches_of: u32,
    /// Number of rounds that compare the batches
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Requests for each kind of list
    #[arg(long, default_value_t = 500)]
    requests: usize,
}

/// Operations in a transaction: what a follower reads at once under load.
const BATCH: usize = 1_000;

/// The users who sent the commands.
const USERS: u32 = 1_000;

/// The first time of acceptance. Each operation comes a millisecond after the one before.
const BEGINNING: DateTime<Utc> = DateTime::from_timestamp_nanos(1_796_083_200_000_000_000);

pub(crate) fn measure(runtime: &tokio::runtime::Runtime, options: &Options) -> Result<()> {
    let servers = Servers::throwaway()?;
    runtime.block_on(async {
        let database = async |name: &str| {
            servers.postgres.create_database(name)?;
            let url = servers.postgres.url(name, "factline_tracker");
            let pool = PgPoolOptions::new()
                .max_connections(2)
                .connect(&url)
                .await?;
            migrate(&pool).await?;
            anyhow::Ok((pool, url))
        };
        println!("operations/s written, with the indexes of lists | without | ratio");
        let with = database("indexed").await?.0;
        let without = database("plain").await?.0;
        drop_indexes(&without).await?;
        for round in 0..options.rounds {
            let first = u32::try_from(round)? * options.batches_of;
            let with = fill(&with, first, options.batches_of).await?;
            let without = fill(&without, first, options.batches_of).await?;
            println!("{with:8.0} | {without:8.0} | {:5.2}", with / without);
        }
        let (pool, url) = database("listed").await?;
        fill(&pool, 0, options.operations).await?;
        sqlx::raw_sql("vacuum analyze operations.operation")
            .execute(&pool)
            .await?;
        lists(&pool, &url, options).await
    })
}

/// Drops the indexes that only lists use.
async fn drop_indexes(pool: &PgPool) -> Result<()> {
    let names: Vec<String> = sqlx::query_scalar(
        "select indexname::text from pg_indexes \
         where schemaname = 'operations' and tablename = 'operation' \
           and indexdef like '%created_at, id)%' and indexdef not like '%(root,%'",
    )
    .fetch_all(pool)
    .await?;
    for name in names {
        let drop = format!("drop index operations.{name}");
        sqlx::query(AssertSqlSafe(drop)).execute(pool).await?;
    }
    Ok(())
}

/// Writes operations, each twice. Returns the operations per second.
async fn fill(pool: &PgPool, first: u32, count: u32) -> Result<f64> {
    let begun = Instant::now();
    let numbers: Vec<u32> = (first..first + count).collect();
    for numbers in numbers.chunks(BATCH) {
        for is_end in [false, true] {
            let updates = numbers.iter().map(|number| update(*number, is_end));
            let mut transaction = pool.begin().await?;
            batch::write(&mut transaction, &fold(updates)).await?;
            transaction.commit().await?;
        }
    }
    Ok(f64::from(count) / begun.elapsed().as_secs_f64())
}

fn at(number: u32) -> DateTime<Utc> {
    BEGINNING + TimeDelta::milliseconds(i64::from(number))
}

/// Returns what the tracker writes of an operation. One in fifty is refused, and one in a thousand
/// stays pending.
fn update(number: u32, is_end: bool) -> StatusUpdate {
    let state = match number {
        _ if !is_end || number % 1_000 == 999 => State::Pending,
        number if number % 50 == 0 => State::Rejected,
        _ => State::Completed,
    };
    let kind = if is_end { "outcomes" } else { "commands" };
    let created_at = at(number);
    StatusUpdate {
        id: id(number),
        record_id: RecordId {
            topic: format!("catalog.product.{kind}"),
            partition: i32::try_from(number % 8).unwrap_or_default(),
            offset: i64::from(number),
        },
        kind: "command",
        state,
        name: ["ordering.PlaceOrder", "ordering.ShipOrder"][usize::from(number.is_multiple_of(3))]
            .to_owned(),
        aggregate: "catalog.product".to_owned(),
        resource_id: Some(id(number / 3).to_string()),
        code: (state == State::Rejected).then(|| "sold_out".to_owned()),
        reason: None,
        user_id: format!("user-{}", number % USERS),
        version: Some(1),
        position: None,
        parent: None,
        root: None,
        retry_of: None,
        expires_at: None,
        created_at,
        updated_at: created_at + TimeDelta::milliseconds(20),
        pending: None,
        running: None,
    }
}

/// Returns an id that is as scattered as those of clients' keys.
fn id(number: u32) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, &number.to_be_bytes())
}

/// A kind of list: its name, its query without the place, and the condition in SQL.
struct List {
    name: &'static str,
    query: String,
    condition: String,
}

impl List {
    fn new(name: &'static str, query: &str, condition: &str) -> Self {
        Self {
            name,
            query: query.to_owned(),
            condition: condition.to_owned(),
        }
    }
}

fn kinds(number: u32) -> Vec<List> {
    let (user, resource) = (number % USERS, id(number / 3));
    vec![
        List::new("all", "", "true"),
        List::new(
            "a user's",
            &format!("&user_id=user-{user}"),
            &format!("user_id = 'user-{user}'"),
        ),
        List::new(
            "refused",
            "&state=rejected",
            "state = 'rejected' and state <> 'completed'",
        ),
        List::new("of a code", "&code=sold_out", "code = 'sold_out'"),
        List::new(
            "of a command",
            "&command=ordering.ShipOrder",
            "name = 'ordering.ShipOrder'",
        ),
        List::new(
            "of a resource",
            &format!("&resource=products/{resource}"),
            &format!("aggregate = 'catalog.product' and resource_id = '{resource}'"),
        ),
        List::new("all, counted", "&count=true", "true"),
    ]
}

async fn lists(pool: &PgPool, url: &str, options: &Options) -> Result<()> {
    let server = Child::start(Some(url), Way::Request)?;
    let client = reqwest::Client::new();
    println!(
        "\n{} operations, pages of 50, ms\n{:15} | {:>6} {:>6} {:>6} | {:>8} {:>6} {:>6}",
        options.operations, "list", "p50", "p99", "worst", "bare p50", "p99", "worst"
    );
    for kind in 0..kinds(0).len() {
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..options.requests {
            let number = rand::rng().random_range(0..options.operations);
            let list = &kinds(number)[kind];
            // From a random place on, as a reader who pages.
            let until = at(number + 1).to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
            let address = format!("{}/operations?to={until}{}", server.url(), list.query);
            let begun = Instant::now();
            let response = client.get(address).send().await?.error_for_status()?;
            response.bytes().await?;
            ours.push(begun.elapsed());
            let query = format!(
                "select id from operations.operation where {} and created_at < $1 \
                 order by created_at desc, id desc limit 51",
                list.condition
            );
            let begun = Instant::now();
            sqlx::query(AssertSqlSafe(query))
                .bind(at(number + 1))
                .fetch_all(pool)
                .await?;
            bare.push(begun.elapsed());
        }
        print(kinds(0)[kind].name, &ours, &bare);
    }
    let mut ours = Vec::new();
    for _ in 0..20 {
        let begun = Instant::now();
        let address = format!("{}/operations/statistics?window=86400", server.url());
        client
            .get(address)
            .send()
            .await?
            .error_for_status()?
            .bytes()
            .await?;
        ours.push(begun.elapsed());
    }
    print("statistics", &ours, &[]);
    Ok(())
}

fn print(name: &str, ours: &[Duration], bare: &[Duration]) {
    let [ours, bare] = [ours, bare].map(Spread::of);
    println!(
        "{name:15} | {:6.2} {:6.2} {:6.2} | {:8.2} {:6.2} {:6.2}",
        ours.p50, ours.p99, ours.worst, bare.p50, bare.p99, bare.worst
    );
}
