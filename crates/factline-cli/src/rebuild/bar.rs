//! The progress bar of a rebuild.

use std::time::Duration;

use factline_postgres::rebuild::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::name;

/// Time between two updates.
const INTERVAL: Duration = Duration::from_millis(200);

const STYLE: &str =
    "{msg:8} {bar:30.cyan/dim} {human_pos} of {human_len} {per_sec} {elapsed}, {eta} left";

/// Runs the work, with a bar for people at a terminal.
pub(crate) async fn beside<T>(progress: &Progress, work: impl Future<Output = T>) -> T {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(STYLE) {
        bar.set_style(style);
    }
    let showing = async {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let (done, total) = progress.records();
            bar.set_message(name(progress.step()));
            bar.set_length(total);
            bar.set_position(done);
        }
    };
    let done = tokio::select! {
        done = work => done,
        never = showing => never,
    };
    bar.finish_and_clear();
    done
}
