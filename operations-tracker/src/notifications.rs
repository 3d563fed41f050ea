//! Wakes waiting requests when a checkpoint has moved, whichever instance moved it.

use factline_postgres::checkpoint;
use sqlx::PgPool;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Listens until the end. A lost connection is no error: whoever waits also looks by himself.
pub async fn listen(
    pool: PgPool,
    view: String,
    moved: watch::Sender<u64>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let listening = checkpoint::listen(&pool, |who| {
        if who.is_none_or(|who| who == view) {
            moved.send_modify(|times| *times += 1);
        }
    });
    shutdown.run_until_cancelled(listening).await;
    Ok(())
}
