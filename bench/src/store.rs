//! The whole store with a backlog of orders: all processes together, until each view and each
//! status is there.
//!
//! The commands are appended to the log at once, as an edge appends them. Everything shares the
//! cores, so the CPU time of each process tells where the time goes.

use std::time::{Duration, Instant};

use anyhow::Result;
use factline::id;
use factline_kafka::Registry;
use harness::System;
use harness::quiescence::{until_at_rest, until_quiescent};
use ordering_schemas::order::Command;
use ordering_schemas::{Line, Money, ORDER, PlaceOrder};
use rdkafka::producer::Producer as _;

use crate::cpu;
use crate::figures::Figures;
use crate::load::{self, Appended, PATIENCE};
use crate::spinners::Spinners;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Orders in a round
    #[arg(long, default_value_t = 300_000)]
    orders: u32,
    /// Orders before the first round: a newly started broker is several times slower
    #[arg(long, default_value_t = 30_000)]
    warm_up: u32,
    /// Number of rounds, each on a new store
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Print one JSON object for each figure
    #[arg(long)]
    json: bool,
}

/// Maximum time until a store is at rest.
const AT_MOST: Duration = Duration::from_mins(15);

pub(crate) fn measure(runtime: &tokio::runtime::Runtime, options: &Options) -> Result<()> {
    let _spinners = Spinners::start();
    let mut figures = Figures::of("store");
    for round in 1..=options.rounds {
        eprintln!("round {round}");
        runtime.block_on(one(options, round, &mut figures))?;
    }
    figures.print(options.json);
    Ok(())
}

async fn one(options: &Options, round: usize, figures: &mut Figures) -> Result<()> {
    let system = System::start_alone(&format!("store-{round}")).await?;
    place(&system, "warm-up", options.warm_up).await?;
    until_quiescent(&system, AT_MOST).await?;
    let (begun, spent) = (Instant::now(), cpu::by_program());
    place(&system, "order", options.orders).await?;
    until_at_rest(&system, AT_MOST).await?;
    until_quiescent(&system, AT_MOST).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let orders = f64::from(options.orders);
    figures.add("orders", "orders/s", orders / seconds, None);
    for (program, now) in cpu::by_program() {
        let each = (now - spent.get(&program).copied().unwrap_or_default()) / orders;
        figures.add(
            &format!("CPU of {program}"),
            "µs for each order",
            each,
            None,
        );
    }
    Ok(())
}

/// Appends orders.
async fn place(system: &System, name: &str, count: u32) -> Result<()> {
    let kafka = system.kafka();
    let topics = kafka.topics(&ORDER);
    let registry = Registry::new(&kafka.registry_url);
    let schemas = registry
        .register_all(topics.commands(), ORDER.commands)
        .await?;
    let producer = load::producer(&kafka, true)?;
    for number in 0..count {
        let order_id = id::aggregate("ordering.order", &format!("{name}-{number}"));
        let line = |product: &str, amount, quantity| Line {
            product_id: product.to_owned(),
            name: format!("a {product} of the best kind"),
            unit_price: Money {
                amount,
                currency: "EUR".to_owned(),
            },
            quantity,
        };
        let command = Command::from(PlaceOrder {
            order_id,
            customer_id: format!("customer-{}", number % 10_000),
            lines: vec![line("kettle", 4_900, 1), line("cup", 790, 4)],
        });
        let appended = Appended::of(&schemas, &ORDER, order_id, &command)?;
        load::send(&producer, appended.record(topics.commands()))?;
    }
    producer.flush(PATIENCE)?;
    Ok(())
}
