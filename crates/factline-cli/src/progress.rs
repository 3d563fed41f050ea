//! Shows progress on standard error for work that takes longer than a second, for people at a
//! terminal.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::{JoinError, JoinHandle};

/// Work that takes less time shows no progress.
const QUIET: Duration = Duration::from_secs(1);

/// Time between two looks at work on another thread.
const INTERVAL: Duration = Duration::from_millis(200);

/// Runs work of unknown length, with a spinner if it takes longer.
pub(crate) async fn during<T>(what: &'static str, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    if let Ok(done) = tokio::time::timeout(QUIET, &mut work).await {
        return done;
    }
    let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let spinner = spinner.with_message(what);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(100));
    let done = work.await;
    spinner.finish_and_clear();
    done
}

/// A count that becomes a progress bar if the work takes longer.
pub(crate) struct Progress {
    began: Instant,
    what: String,
    done: u64,
    total: u64,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn new(what: &str, total: u64) -> Self {
        Self {
            began: Instant::now(),
            what: what.to_owned(),
            done: 0,
            total,
            bar: None,
        }
    }

    /// Counts one finished item.
    pub(crate) fn step(&mut self) {
        self.done += 1;
        self.show();
    }

    /// Sets the number of finished items, and of all.
    pub(crate) fn reach(&mut self, done: u64, total: u64) {
        (self.done, self.total) = (done, total);
        if let Some(bar) = &self.bar {
            bar.set_length(total);
        }
        self.show();
    }

    /// Updates the bar, if enough time has passed to show one.
    pub(crate) fn show(&mut self) {
        if self.began.elapsed() < QUIET {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let target = ProgressDrawTarget::stderr();
            let bar = ProgressBar::with_draw_target(Some(self.total), target);
            let style = "{msg} {bar:30.cyan/dim} {human_pos} of {human_len} {per_sec} {elapsed}";
            match ProgressStyle::with_template(style) {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            }
            .with_message(self.what.clone())
        });
        bar.set_position(self.done);
    }

    /// Prints without damaging the bar.
    pub(crate) fn beside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}

/// Waits for work on another thread, with a bar of the numbers that it has done and has to do.
pub(crate) async fn beside<T>(
    what: &str,
    work: JoinHandle<T>,
    numbers: impl Fn() -> (u64, u64),
) -> Result<T, JoinError> {
    let mut work = std::pin::pin!(work);
    let mut progress = Progress::new(what, 0);
    loop {
        if let Ok(done) = tokio::time::timeout(INTERVAL, &mut work).await {
            return done;
        }
        let (done, total) = numbers();
        progress.reach(done, total);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
