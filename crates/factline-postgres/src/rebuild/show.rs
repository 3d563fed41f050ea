//! Shows a newer version of a view when it has caught up with the one that readers see.

use std::time::Duration;

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::view::ViewName;
use crate::view::stable_names;

use super::announce;
use super::swap::{self, Lost, Swapped};

/// Time between two comparisons. Nothing is compared once the version is shown.
const INTERVAL: Duration = Duration::from_secs(1);

/// Waits until a newer version has applied the same events as the one that readers see, and shows
/// it then. Ends without waiting if readers see this version or a newer one. All instances of a
/// process do so: the first one moves the names, and the others find them moved.
pub(crate) async fn show_when_level(pool: PgPool, view: ViewName, shutdown: CancellationToken) {
    let showing = async {
        loop {
            match attempt(&pool, view).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => {
                    tracing::debug!(view = view.name, %error, "cannot compare versions; retrying");
                }
            }
            tokio::time::sleep(INTERVAL).await;
        }
    };
    shutdown.run_until_cancelled(showing).await;
}

/// Returns whether there is nothing left to do.
async fn attempt(pool: &PgPool, view: ViewName) -> Result<bool, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let shown = stable_names::shown(&mut connection, view).await?;
    let Some(shown) = shown.filter(|shown| *shown < view.version) else {
        return Ok(true);
    };
    let present = ViewName {
        version: shown,
        ..view
    };
    if stable_names::pinned(&mut connection, view).await?.is_some() {
        return Ok(false);
    }
    let (own, shown_by) = (view.owner(), present.owner());
    let is_level = swap::is_level(&mut connection, &own, &shown_by, &Lost::new()).await?;
    drop(connection);
    if !is_level {
        announce::repeat(pool, view).await?;
        return Ok(false);
    }
    let swapped = swap::show(pool, view).await?;
    if swapped == Swapped::Done {
        tracing::info!(
            view = view.name,
            version = view.version,
            before = shown,
            "readers see the new version"
        );
        announce::end(pool, view).await?;
    }
    Ok(swapped == Swapped::Done)
}
