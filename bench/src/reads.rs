//! Reads of a view over HTTP, beside the same SQL as a prepared statement on connections of its
//! own: an order by its id, and a list of 20.
//!
//! The rows are filled by SQL. Clients, the read side and the bare statements are in this process.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Parser as _;
use factline_dev_servers::Servers;
use factline_postgres::{ConsistentReads, PostgresConfig, process};
use projectors::views::ALL;
use rand::RngExt as _;
use sqlx::{Connection as _, PgConnection, PgPool};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::figures::Figures;
use crate::spinners::Spinners;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Number of orders
    #[arg(long, default_value_t = 100_000)]
    orders: u32,
    /// Numbers of connections, each with one request at a time
    #[arg(long, value_delimiter = ',', default_value = "1,8,32,128")]
    connections: Vec<u32>,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Number of rounds
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Print one JSON object for each figure
    #[arg(long)]
    json: bool,
}

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    postgres: PostgresConfig,
}

const FILL: &str = "insert into orders_v2.orders (order_id, customer_id, state, lines, units, total_amount, currency, ordered_on, ordered_at, updated_at, version)
    select ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'customer-' || n % 1000, 'placed',
           '[{\"product_id\":\"9b2f\",\"name\":\"tea\",\"unit_price\":{\"amount\":450,\"currency\":\"EUR\"},\"quantity\":2}]',
           2, 900, 'EUR', '2026-01-01', timestamptz '2026-01-01' + n * interval '1 second', now(), 1
    from generate_series(1, $1) as n";

/// A kind of read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Item,
    List,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Item => "an order by its id",
            Self::List => "a list of 20",
        }
    }

    fn path(self, number: u32) -> String {
        match self {
            Self::Item => format!("/orders/{}", id(number)),
            Self::List => format!("/orders?customer=customer-{}&limit=20", number % 1000),
        }
    }

    /// The statement of the read side, without its column for the state of the view.
    fn sql(self) -> &'static str {
        match self {
            Self::Item => {
                "select order_id, customer_id, state, lines, units, total_amount, currency, source, ordered_on, \
                 placed_at, updated_at, cancel_reason, version from read.orders as v where v.order_id = $1"
            }
            Self::List => {
                "select order_id, customer_id, state, units, total_amount, currency, source, ordered_on, placed_at, \
                 updated_at, cancel_reason, version, ordered_at from read.orders as v where v.customer_id = $1 \
                 order by v.ordered_at desc, v.order_id desc limit 21"
            }
        }
    }
}

/// Returns the id of an order.
fn id(number: u32) -> Uuid {
    Uuid::from_u128(0x4000_8000_0000_0000_0000 | u128::from(number))
}

pub(crate) fn measure(runtime: &tokio::runtime::Runtime, options: &Options) -> Result<()> {
    let servers = Servers::throwaway()?;
    let _spinners = Spinners::start();
    servers.postgres.create_database("bench")?;
    let url = servers.postgres.url("bench", "factline_reader");
    runtime.block_on(async {
        let pool = PgPool::connect(&servers.postgres.url("bench", "factline_projector")).await?;
        process::migrate(&pool, ALL).await?;
        let fill = sqlx::query(FILL).bind(i64::from(options.orders));
        fill.execute(&pool).await?;
        sqlx::raw_sql("vacuum analyze orders_v2.orders")
            .execute(&pool)
            .await?;
        let address = serve(&url).await?;
        let mut figures = Figures::of("reads");
        for round in 1..=options.rounds {
            for kind in [Kind::Item, Kind::List] {
                for &connections in &options.connections {
                    eprintln!("round {round}: {}, {connections} connections", kind.name());
                    let http = clients(connections, options, || {
                        Http::connect(address.clone(), kind, options.orders)
                    });
                    let http = http.await?;
                    let bare = clients(connections, options, || {
                        Bare::connect(url.clone(), kind, options.orders)
                    });
                    let name = format!("{}, {connections} connections", kind.name());
                    figures.add(&name, "reads/s", http, Some(bare.await?));
                }
            }
        }
        figures.print(options.json);
        anyhow::Ok(())
    })
}

/// Starts the read side and returns its address.
async fn serve(url: &str) -> Result<String> {
    let Flags { postgres } = Flags::try_parse_from(["bench", "--database-url", url])?;
    let snapshots = ConsistentReads::new(
        postgres.reader_pool("bench"),
        Duration::from_secs(5),
        CancellationToken::new(),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let router = factline_read::router(read_api::RESOURCES, snapshots)?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

/// A client that reads one thing after the other.
trait Client: Send + 'static {
    fn read(&mut self) -> impl Future<Output = Result<()>> + Send;
}

/// Runs clients, and returns their reads per second.
async fn clients<C: Client, F: Future<Output = Result<C>>>(
    count: u32,
    options: &Options,
    connect: impl Fn() -> F,
) -> Result<f64> {
    let mut clients = Vec::new();
    for _ in 0..count {
        clients.push(connect().await?);
    }
    let begun = Instant::now();
    let end = begun + Duration::from_secs(options.seconds);
    let mut running = tokio::task::JoinSet::new();
    for mut client in clients {
        running.spawn(async move {
            let mut reads = 0_u32;
            while Instant::now() < end {
                client.read().await?;
                reads += 1;
            }
            anyhow::Ok(reads)
        });
    }
    let reads: Result<Vec<_>> = running.join_all().await.into_iter().collect();
    Ok(f64::from(reads?.iter().sum::<u32>()) / begun.elapsed().as_secs_f64())
}

/// A connection to the read side, and as little else as possible.
struct Http {
    stream: TcpStream,
    kind: Kind,
    orders: u32,
    buffer: Vec<u8>,
}

impl Http {
    async fn connect(address: String, kind: Kind, orders: u32) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let buffer = Vec::with_capacity(16 << 10);
        Ok(Self {
            stream,
            kind,
            orders,
            buffer,
        })
    }
}

impl Client for Http {
    async fn read(&mut self) -> Result<()> {
        let number = rand::rng().random_range(1..=self.orders);
        let path = self.kind.path(number);
        let request = format!("GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n");
        self.stream.write_all(request.as_bytes()).await?;
        self.buffer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await?;
            ensure!(read > 0, "the read side has closed the connection");
            let Some(head) = find(&self.buffer, b"\r\n\r\n") else {
                continue;
            };
            let text = std::str::from_utf8(&self.buffer[..head])?;
            ensure!(text.starts_with("HTTP/1.1 200"), "{text}");
            let length = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.context("no content-length")?.parse()?;
            if self.buffer.len() >= head + 4 + length {
                return Ok(());
            }
        }
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// A connection to PostgreSQL.
struct Bare {
    connection: PgConnection,
    kind: Kind,
    orders: u32,
}

impl Bare {
    async fn connect(url: String, kind: Kind, orders: u32) -> Result<Self> {
        let connection = PgConnection::connect(&url).await?;
        Ok(Self {
            connection,
            kind,
            orders,
        })
    }
}

impl Client for Bare {
    async fn read(&mut self) -> Result<()> {
        let number = rand::rng().random_range(1..=self.orders);
        let query = sqlx::query(self.kind.sql());
        let query = match self.kind {
            Kind::Item => query.bind(id(number)),
            Kind::List => query.bind(format!("customer-{}", number % 1000)),
        };
        let rows = query.fetch_all(&mut self.connection).await?;
        ensure!(!rows.is_empty(), "no rows");
        Ok(())
    }
}
