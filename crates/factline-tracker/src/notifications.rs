//! Wakes waiting requests when a checkpoint has advanced, whichever instance advanced it.

use factline_postgres::checkpoint;
use sqlx::PgPool;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Listens until shutdown. A lost connection is not an error, because waiting requests also poll.
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
