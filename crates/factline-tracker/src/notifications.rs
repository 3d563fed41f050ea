//! Wakes waiting requests and the work on webhooks when a checkpoint has advanced or a webhook has
//! changed, whichever instance did it, and the samples of visibility when any view has moved.

use factline_postgres::checkpoint;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::barrier::Barrier;
use crate::visible::samples::Samples;
use crate::watch::Watch;
use crate::webhooks::{CHANGED, Webhooks};

/// Listens until shutdown for the checkpoints of a follower. A lost connection is not an error,
/// because requests are also looked at in intervals while they wait.
pub async fn listen(
    pool: PgPool,
    follower: String,
    barrier: Barrier,
    watch: Watch,
    samples: Samples,
    webhooks: Webhooks,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let listening = checkpoint::listen(&pool, |who| {
        if who.is_none_or(|who| who == follower) {
            barrier.checkpoints_moved();
            watch.changed();
            webhooks.feed_moved();
        }
        if who.is_none_or(|who| who == CHANGED) {
            webhooks.changed();
        }
        samples.changed();
    });
    shutdown.run_until_cancelled(listening).await;
    Ok(())
}
