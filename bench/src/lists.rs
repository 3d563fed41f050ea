//! The pages of a list that is sorted by sums: `GET /customers`, the highest totals first.
//!
//! The rows are filled by SQL. The pages are read over HTTP from the read side, in this process:
//! one reader follows the list from its beginning, and one reads pages at random places of it.

use std::time::{Duration, Instant};

use anyhow::Result;
use factline_dev_servers::Servers;
use factline_postgres::{ConsistentReads, process};
use projectors::views::ALL;
use rand::RngExt as _;
use reqwest::Client;
use serde_json::Value;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::latency::spread::Spread;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Number of customers
    #[arg(long, default_value_t = 1_000_000)]
    customers: i64,
    /// Number of pages of each reader
    #[arg(long, default_value_t = 1_000)]
    pages: usize,
    /// Rows of a page
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

/// Maximum number of rows of a page.
const MOST: usize = 500;

/// Customers with one order each. Every hundredth total is shared by a hundred customers.
const FILL: &str = "insert into customer_spending_v2.customer_spending (customer_id, currency, orders, units, total)
    select 'customer-' || md5(n::text), 'EUR', 1, 1, case when n % 100 = 0 then n / 10000 else n * 7 % 100000007 end
    from generate_series(1, $1) as n";

pub(crate) fn measure(runtime: &tokio::runtime::Runtime, options: &Options) -> Result<()> {
    let servers = Servers::throwaway()?;
    servers.postgres.create_database("bench")?;
    runtime.block_on(async {
        let connect = |role| {
            let url = servers.postgres.url("bench", role);
            async move { PgPool::connect(&url).await }
        };
        let pool = connect("factline_projector").await?;
        process::migrate(&pool, ALL).await?;
        sqlx::query(FILL)
            .bind(options.customers)
            .execute(&pool)
            .await?;
        sqlx::raw_sql("vacuum analyze customer_spending_v2.customer_spending")
            .execute(&pool)
            .await?;
        let list = List {
            http: Client::new(),
            url: format!(
                "{}/customers?currency=EUR&sort=-total",
                serve(connect("factline_reader").await?).await?
            ),
        };
        let (from_the_beginning, _) = list.follow(options.limit, options.pages).await?;
        let (_, places) = list.follow(MOST, usize::MAX).await?;
        let mut anywhere = Vec::new();
        let mut random = rand::rng();
        for _ in 0..options.pages {
            let place = &places[random.random_range(0..places.len())];
            anywhere.push(list.page(options.limit, place).await?.1);
        }
        println!(
            "{} customers, pages of {} rows | ms p50 | p95 | p99 | worst",
            options.customers, options.limit
        );
        report("from the beginning", &from_the_beginning);
        report("at random places", &anywhere);
        anyhow::Ok(())
    })
}

fn report(reader: &str, taken: &[Duration]) {
    let spread = Spread::of(taken);
    println!(
        "{reader} | {:.2} | {:.2} | {:.2} | {:.2}",
        spread.p50, spread.p95, spread.p99, spread.worst
    );
}

/// Starts the read side and returns its address.
async fn serve(reader: PgPool) -> Result<String> {
    let patience = Duration::from_secs(5);
    let snapshots = ConsistentReads::new(reader, patience, CancellationToken::new());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let router = factline_read::router(read_api::RESOURCES, snapshots)?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

struct List {
    http: Client,
    url: String,
}

impl List {
    /// Reads pages one after the other, at most this many. Returns the times and the places of the
    /// next pages.
    async fn follow(&self, limit: usize, pages: usize) -> Result<(Vec<Duration>, Vec<String>)> {
        let (mut taken, mut places) = (Vec::new(), vec![String::new()]);
        while let Some(place) = places.last()
            && taken.len() < pages
        {
            let (page, time) = self.page(limit, place).await?;
            taken.push(time);
            let Some(next) = page["next"].as_str() else {
                break;
            };
            places.push(format!("&after={next}"));
        }
        Ok((taken, places))
    }

    /// Reads a page, and measures its time.
    async fn page(&self, limit: usize, place: &str) -> Result<(Value, Duration)> {
        let begun = Instant::now();
        let url = format!("{}&limit={limit}{place}", self.url);
        let response = self.http.get(url).send().await?.error_for_status()?;
        let text = response.text().await?;
        let taken = begun.elapsed();
        Ok((serde_json::from_str(&text)?, taken))
    }
}
