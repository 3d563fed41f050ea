//! Sends real purchases and compares the totals: the demo's client, and the load of the end-to-end
//! tests.
//!
//! [`run`] sends the purchases, waits for every operation, reads the totals back and compares. It
//! uses only the public HTTP interface of the store. [`report`] formats the result. To add a step,
//! add a module and a line in [`run`].

pub mod figures;
pub mod operation;
pub mod purchase;
pub mod report;
pub mod sample;
pub mod sending;
pub mod totals;
mod workers;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use factline_client::Client;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::report::Report;
use crate::totals::Totals;

/// The options of the load.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// URL of the store
    #[arg(long, env = "FACTLINE_URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,

    /// Send only the first N purchases, and the remaining ones of the last customer, so that larger
    /// runs stay comparable
    #[arg(long, env = "FACTLINE_DEMO_LIMIT", value_name = "N")]
    pub limit: Option<usize>,

    /// Maximum number of concurrent requests
    #[arg(long, env = "FACTLINE_DEMO_CONCURRENCY", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,

    /// Seconds to retry while the store is unavailable or an operation has not ended
    #[arg(
        long,
        env = "FACTLINE_DEMO_PATIENCE",
        value_name = "SECONDS",
        default_value_t = 300
    )]
    pub patience: u64,

    /// Show no progress
    #[arg(long, env = "FACTLINE_DEMO_QUIET")]
    pub quiet: bool,
}

/// Sends the purchases, waits, reads the totals back and compares.
///
/// # Errors
///
/// If the store refuses a request, loses an accepted operation, or is unavailable for longer than
/// [`Options::patience`]. Differing totals are not an error; the report has them.
pub async fn run(options: &Options) -> anyhow::Result<Report> {
    let mut purchases = purchase::all()?;
    if let Some(limit) = options.limit {
        purchase::cut(&mut purchases, limit);
    }
    let expected = Totals::of(&purchases)?;
    let count = purchases.len();
    let client = Client::new(&options.url, Duration::from_secs(options.patience))?;
    let concurrency = usize::from(options.concurrency);

    let bar = progress(options, "sending", count)?;
    let began = Instant::now();
    let sent = sending::send(&client, purchases, concurrency, &bar).await?;
    let accepted_in = began.elapsed();
    bar.finish();

    let bar = progress(options, "waiting", count)?;
    let samples = sent.iter().filter_map(|sent| sent.sample).collect();
    let ended = operation::wait(&client, sent, concurrency, &bar).await?;
    let ended_in = began.elapsed();
    bar.finish();

    let position = operation::furthest(&ended)?;
    let found = totals::read(&client, &position)
        .await
        .context("cannot read the totals back")?;
    Report::new(&expected, &found, &ended, samples, accepted_in, ended_in)
}

fn progress(options: &Options, what: &'static str, count: usize) -> anyhow::Result<ProgressBar> {
    let target = if options.quiet {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let style = ProgressStyle::with_template(
        "  {msg:8} {bar:40.cyan/dim} {human_pos:>6} of {human_len} {per_sec:>12} {elapsed:>4}",
    )
    .context("progress template is wrong")?;
    let bar = ProgressBar::with_draw_target(u64::try_from(count).ok(), target);
    Ok(bar.with_style(style).with_message(what))
}
