//! Commands that a handler decides per second from a backlog, beside the bare loop.
//!
//! A round measures, for each number of workers and each cap, the handler and then the bare loop
//! with one producer and with two, on the same broker and the same commands.

use anyhow::Result;
use factline_kafka::{KafkaConfig, topics::provision};
use tokio::runtime::Runtime;

use crate::bare::{self, Form, Samples};
use crate::factline_loop::{self, Setup};
use crate::figures::Figures;
use crate::spinners::Spinners;
use crate::{Passed, load, transactions};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Commands in a round
    #[arg(long, default_value_t = 200_000)]
    commands: usize,
    /// Aggregates of the commands: the first commands create them, the others change their prices
    #[arg(long, default_value_t = 20_000)]
    aggregates: usize,
    /// Number of rounds
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Maximum numbers of commands in a transaction
    #[arg(long, value_delimiter = ',', default_value = "1000")]
    caps: Vec<u32>,
    /// Numbers of workers in the process
    #[arg(long, value_delimiter = ',', default_value = "1")]
    workers: Vec<u32>,
    /// Numbers of producers of each worker of the bare loop: 1, 2
    #[arg(long, value_delimiter = ',', default_value = "1,2", value_parser = clap::value_parser!(u32).range(1..=2))]
    producers: Vec<u32>,
    /// Commands per second while the handler runs, without the bare loop; 0 appends all of them
    /// before
    #[arg(long, default_value_t = 0)]
    rate: u32,
    /// Also measure a restart, beside a bare read of events and outcomes
    #[arg(long)]
    restart: bool,
    /// Print one JSON object for each figure
    #[arg(long)]
    json: bool,
}

pub(crate) fn measure(runtime: &Runtime, options: &Options) -> Result<()> {
    transactions::record()?;
    let servers = factline_dev_servers::Servers::throwaway()?;
    let _spinners = Spinners::start();
    let mut figures = Figures::of("handler");
    for round in 1..=options.rounds {
        for workers in &options.workers {
            for cap in &options.caps {
                eprintln!("round {round}: cap {cap}, workers {workers}");
                let connect = || KafkaConfig {
                    instance: "bench".to_owned(),
                    ..load::own_topics(&servers)
                };
                let setup = Setup {
                    max_batch: *cap,
                    workers: *workers,
                    rate: options.rate,
                    ..Setup::once(options.commands, options.aggregates)
                };
                runtime.block_on(one(connect, setup, options, &mut figures))?;
            }
        }
    }
    figures.print(options.json);
    Ok(())
}

/// Measures one combination.
async fn one(
    connect: impl Fn() -> KafkaConfig,
    setup: Setup,
    options: &Options,
    figures: &mut Figures,
) -> Result<()> {
    let kafka = connect();
    provision::provision(&kafka, &catalog_schemas::PRODUCT, None).await?;
    let ours = factline_loop::handle(&kafka, &setup).await?;
    let what = format!("cap {}, workers {}", setup.max_batch, setup.workers);
    if setup.rate > 0 {
        add(figures, &format!("{what}, {}/s", setup.rate), &ours, None);
        return Ok(());
    }
    let samples = Samples::read(&kafka)?;
    for (kind, (headers, value)) in ["an event", "an outcome"].into_iter().zip(samples.sizes()) {
        figures.add(&format!("headers of {kind}"), "bytes", headers, None);
        figures.add(&format!("value of {kind}"), "bytes", value, None);
    }
    for producers in &options.producers {
        let to = connect();
        provision::provision(&to, &catalog_schemas::PRODUCT, None).await?;
        let form = Form {
            cap: usize::try_from(setup.max_batch)?,
            workers: usize::try_from(setup.workers)?,
            producers: usize::try_from(*producers)?,
        };
        let bare = bare::handle(&kafka, &to, &samples, setup.commands, form)?;
        let what = format!("{what}, bare producers {producers}");
        add(figures, &what, &ours, Some(&bare));
    }
    if options.restart {
        let restart = factline_loop::restart(&kafka, &setup).await?;
        let read = bare::read(&kafka)?;
        figures.add(
            &format!("{what}, restart"),
            "s",
            restart.seconds,
            Some(read),
        );
        #[expect(clippy::cast_precision_loss, reason = "a figure")]
        let memory = restart.memory as f64;
        figures.add(&format!("{what}, after the restart"), "MiB", memory, None);
    }
    Ok(())
}

fn add(figures: &mut Figures, what: &str, ours: &Passed, bare: Option<&Passed>) {
    let mut add = |name: &str, unit, of: fn(&Passed) -> f64| {
        figures.add(&format!("{what}: {name}"), unit, of(ours), bare.map(of));
    };
    add("rate", "commands/s", |passed| passed.rate);
    add("own CPU of a command", "µs", |passed| passed.each.ours);
    add("servers' CPU of a command", "µs", |passed| {
        passed.each.servers
    });
    add("batch", "commands", |passed| passed.batch);
    add("waited for the retry", "of 1", |passed| passed.waited);
}
