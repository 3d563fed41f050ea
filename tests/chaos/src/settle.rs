//! Rest: until everything that was accepted has ended, and nothing follows from anything any more.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::Value;

use crate::clients::World;
use crate::cluster::Cluster;
use harness::Log;

/// Who reads the ends that no client has waited for.
const LAST_CLIENT: u32 = u32::MAX;

/// Waits for all of it, for so long at most.
pub(super) async fn settle(cluster: &Cluster, world: &World, patience: Duration) -> Result<()> {
    let until = Instant::now() + patience;
    cluster.system.ready().await?;
    ends(world, until).await?;
    let mut seen = None;
    loop {
        let now = at_rest(cluster).await;
        match &now {
            // Twice the same: what was still on its way the first time has had time to arrive.
            Ok(_) if now.as_ref().ok() == seen.as_ref() => return Ok(()),
            Ok(count) => seen = Some(*count),
            Err(_) => seen = None,
        }
        if Instant::now() > until {
            now.context("there is no rest")?;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Every operation that a client was told of, as a client sees it.
async fn ends(world: &World, until: Instant) -> Result<()> {
    let mut random = StdRng::seed_from_u64(0);
    loop {
        let open = world.book.open();
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
                world.book.operation(LAST_CLIENT, id, &operation);
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// How many commands and events there are, once every command has ended and the provider has nothing to do.
async fn at_rest(cluster: &Cluster) -> Result<(usize, usize)> {
    let url = format!("{}/totals", cluster.system.address("payment-simulator"));
    let totals: Value = reqwest::get(&url).await?.json().await?;
    ensure!(totals["open"] == 0, "the provider is at work: {totals}");
    let (mut commands, mut events) = (0, 0);
    for contract in contracts::ALL {
        let log = Log::of(&cluster.system, contract);
        let history = log
            .check()
            .await
            .with_context(|| format!("of {}", contract.aggregate))?;
        commands += history.commands.len();
        events += history.events.len();
    }
    Ok((commands, events))
}
