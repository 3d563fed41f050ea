//! Quiescence: waits until every accepted operation has ended, as clients see it, and the system is
//! at rest.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::clients::World;
use crate::cluster::Cluster;
use harness::quiescence::until_at_rest;

/// Client number for the reads of operations that no client waited for.
const LAST_CLIENT: u32 = u32::MAX;

/// Waits for quiescence, at most for `patience`.
pub(super) async fn quiesce(cluster: &Cluster, world: &World, patience: Duration) -> Result<()> {
    let until = Instant::now() + patience;
    cluster.system.ready().await?;
    ends(world, until).await?;
    let left = until.saturating_duration_since(Instant::now());
    until_at_rest(&cluster.system, left).await
}

/// Waits until every accepted operation has ended, as a client sees it.
async fn ends(world: &World, until: Instant) -> Result<()> {
    let mut random = StdRng::seed_from_u64(0);
    loop {
        let open = world.requests.open();
        if open.is_empty() {
            return Ok(());
        }
        ensure!(
            Instant::now() < until,
            "{} accepted operations have not ended, among them {}",
            open.len(),
            open.first().map_or("", |(_, location)| location)
        );
        for (id, location) in open {
            let client = world.any(&mut random)?;
            if let Ok(operation) = client.operation(&location).await
                && operation.has_ended()
            {
                world.requests.operation(LAST_CLIENT, id, &operation);
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
