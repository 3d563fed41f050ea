//! The statements of a view: those that the kit derives beside statements by hand.
//!
//! Both write and load the same rows of `orders`, the widest view, in the same table. Each round
//! does both in turns, and every second round in the opposite order, because what runs second finds
//! warmer caches.

mod by_hand;

use std::time::{Duration, Instant};

use anyhow::Result;
use chrono::{NaiveDate, TimeDelta, Utc};
use factline_dev_servers::Servers;
use factline_postgres::{RowId, View, process};
use ordering_schemas::{Line, Money};
use projectors::ordering::orders::{Order, Orders, State};
use projectors::views::ALL;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use uuid::Uuid;

use crate::latency::spread::Spread;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Rows in a batch
    #[arg(long, value_delimiter = ',', default_values_t = [1, 100, 2000])]
    rows: Vec<usize>,
    /// Number of rounds for each size
    #[arg(long, default_value_t = 200)]
    rounds: usize,
}

/// A statement that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Statement {
    Insert,
    Update,
    Load,
}

type Rows = Vec<(RowId<Uuid>, Order)>;

pub(crate) fn measure(runtime: &tokio::runtime::Runtime, options: &Options) -> Result<()> {
    let servers = Servers::throwaway()?;
    servers.postgres.create_database("bench")?;
    runtime.block_on(async {
        let url = servers.postgres.url("bench", "factline_projector");
        let pool = PgPool::connect(&url).await?;
        process::migrate(&pool, ALL).await?;
        println!("statement | rows | derived, ms p50, p95 | by hand, ms p50, p95 | ratio of p50");
        for &rows in &options.rows {
            for statement in [Statement::Insert, Statement::Update, Statement::Load] {
                compare(&pool, statement, rows, options.rounds).await?;
            }
        }
        anyhow::Ok(())
    })
}

async fn compare(pool: &PgPool, statement: Statement, count: usize, rounds: usize) -> Result<()> {
    let mut connection = pool.acquire().await?;
    clear(&mut connection).await?;
    let known = rows(count);
    Orders::upsert(&mut connection, &known).await?;
    let (mut derived, mut by_hand) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        for turn in 0..2 {
            let rows = match statement {
                Statement::Insert => rows(count),
                Statement::Update | Statement::Load => changed(&known, round),
            };
            let is_derived = (round + turn) % 2 == 0;
            let taken = run(&mut connection, statement, &rows, is_derived).await?;
            let taken_by = if is_derived {
                &mut derived
            } else {
                &mut by_hand
            };
            taken_by.push(taken);
        }
    }
    let (derived, by_hand) = (Spread::of(&derived), Spread::of(&by_hand));
    println!(
        "{:9} | {count:4} | {:8.3} {:8.3} | {:8.3} {:8.3} | {:5.3}",
        format!("{statement:?}"),
        derived.p50,
        derived.p95,
        by_hand.p50,
        by_hand.p95,
        derived.p50 / by_hand.p50,
    );
    Ok(())
}

/// Runs a statement in a transaction of its own, and returns its time without the commit.
async fn run(
    connection: &mut PgConnection,
    statement: Statement,
    rows: &Rows,
    is_derived: bool,
) -> Result<Duration> {
    let ids: Vec<RowId<Uuid>> = rows.iter().map(|(id, _)| id.clone()).collect();
    let mut transaction = sqlx::Connection::begin(connection).await?;
    let begun = Instant::now();
    match (statement, is_derived) {
        (Statement::Load, true) => drop(Orders::load(&mut transaction, &ids).await?),
        (Statement::Load, false) => drop(by_hand::load(&mut transaction, &ids).await?),
        (_, true) => Orders::upsert(&mut transaction, rows).await?,
        (_, false) => by_hand::upsert(&mut transaction, rows).await?,
    }
    let taken = begun.elapsed();
    transaction.commit().await?;
    Ok(taken)
}

async fn clear(connection: &mut PgConnection) -> Result<()> {
    let table = factline_postgres::HostedView::of::<Orders>()
        .view_name()
        .relation();
    sqlx::raw_sql(AssertSqlSafe(format!("truncate {table}")))
        .execute(connection)
        .await?;
    Ok(())
}

fn rows(count: usize) -> Rows {
    let line = |name: &str| Line {
        product_id: name.to_owned(),
        name: format!("the {name}"),
        unit_price: Money {
            amount: 250,
            currency: "EUR".to_owned(),
        },
        quantity: 3,
    };
    let row = |number: usize| {
        let id = RowId {
            key: Uuid::new_v4(),
            source_partition: 0,
        };
        let order = Order {
            customer_id: format!("customer {}", number % 100),
            state: State::Placed,
            lines: vec![line("cup"), line("lid"), line("pot")],
            units: 9,
            total: Money {
                amount: 2250,
                currency: "EUR".to_owned(),
            },
            source: None,
            ordered_on: NaiveDate::default(),
            ordered_at: Utc::now(),
            updated_at: Utc::now(),
            cancel_reason: None,
            version: 1,
        };
        (id, order)
    };
    (0..count).map(row).collect()
}

fn changed(rows: &Rows, round: usize) -> Rows {
    let mut rows = rows.clone();
    for (_, order) in &mut rows {
        order.version += i64::try_from(round).unwrap_or(i64::MAX);
        order.updated_at += TimeDelta::seconds(1);
    }
    rows
}
