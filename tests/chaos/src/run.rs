//! A whole run: start, clients, faults, rest, judgement.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::task::JoinSet;

use crate::book::Counts;
use crate::clients::{self, CLIENTS, World};
use crate::cluster::Cluster;
use crate::schedule::{Fault, Kind, Schedule};
use crate::settle::settle;
use crate::standing::standing;
use crate::strike::strike;
use checker::{History, check};
use factline_handler::log_events;
use harness::collect::collect;

/// How long views and the tracker may be behind the log once nothing is added to it.
const FOLLOWERS: Duration = Duration::from_secs(30);

/// Long enough until rest for whoever keeps the rules, on however slow a machine.
pub const PATIENCE: Duration = Duration::from_mins(4);

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What clients do.
    pub seed: u64,
    /// What breaks.
    pub schedule: Schedule,
    /// How long clients go on, at least.
    pub lasts: Duration,
    /// How long it may take until rest, from when nothing is broken any more.
    pub patience: Duration,
    /// More environment for every process, such as `FACTLINE_MUTANT`.
    pub environment: Vec<(String, String)>,
}

/// What has happened.
#[derive(Debug)]
pub struct Report {
    seed: u64,
    took: Duration,
    struck: BTreeMap<Kind, usize>,
    ended_by_themselves: usize,
    rebalances: usize,
    /// Transactions that were aborted and retried.
    aborted: usize,
    /// Workers of handlers that were restarted from committed state.
    restarted: usize,
    counts: Counts,
    commands: usize,
    events: usize,
    /// Everything that is wrong; nothing, if it was exactly once.
    pub violations: Vec<String>,
    /// Where the processes' logs were left, if something is wrong.
    pub logs: Option<PathBuf>,
}

/// Does it. A run that finds something is not an error; one that cannot be made is.
///
/// # Errors
/// When the system does not start, or a fault cannot be brought about.
pub async fn run(plan: &Plan) -> Result<Report> {
    let begun = Instant::now();
    let cluster = Arc::new(Cluster::start(plan.environment.clone()).await?);
    println!(
        "seed {}: {} faults; all processes are up after {:.0?}",
        plan.seed,
        plan.schedule.len(),
        begun.elapsed()
    );
    let gateways = ["gateway", "gateway-2"].map(|name| cluster.system.address(name));
    let world = Arc::new(World::new(plan.seed, gateways.to_vec()));
    let supervisor = tokio::spawn(Arc::clone(&cluster).supervise());
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(clients::client(Arc::clone(&world), number, plan.seed));
    }
    let mut violations = strike_all(plan, &cluster, &world).await?;
    world.stop();
    while let Some(ended) = clients.join_next().await {
        ended?.context("a client cannot go on")?;
    }
    println!(
        "{:7.1} s  rest: nothing is broken any more",
        seconds(&world)
    );
    if let Err(error) = settle(&cluster, &world, plan.patience).await {
        if plan.environment.is_empty() {
            for line in standing(&cluster).await {
                println!("          {line}");
            }
            cluster.system.keep_stacks();
        }
        violations.push(format!("{error:#}"));
    }
    supervisor.abort();
    println!("{:7.1} s  judgement", seconds(&world));
    let (history, found) = judge(&cluster, &world).await?;
    violations.extend(found);
    let mut struck: BTreeMap<Kind, usize> = BTreeMap::new();
    for (_, fault) in &plan.schedule {
        *struck.entry(fault.kind()).or_default() += 1;
    }
    let logs = (!violations.is_empty())
        .then(|| cluster.system.leave_logs())
        .transpose()?;
    Ok(Report {
        seed: plan.seed,
        took: begun.elapsed(),
        struck,
        ended_by_themselves: cluster.ended.load(Ordering::Relaxed),
        rebalances: cluster.system.logged(log_events::PARTITIONS_REVOKED),
        aborted: cluster.system.logged(log_events::BATCH_RETRIED),
        restarted: cluster.system.logged(log_events::WORKER_RESTARTED),
        counts: world.book.counts(),
        commands: history.logs.values().map(|log| log.commands.len()).sum(),
        events: history.logs.values().map(|log| log.events.len()).sum(),
        violations,
        logs,
    })
}

/// The whole history and everything that is wrong with it, once what follows the log has had time to come after it.
async fn judge(cluster: &Cluster, world: &World) -> Result<(History, Vec<String>)> {
    let begun = Instant::now();
    loop {
        let mut history = collect(&cluster.system).await?;
        world.book.tell(&mut history);
        let found = check(&history);
        if found.is_empty() || begun.elapsed() > FOLLOWERS {
            let found = found.iter().map(ToString::to_string).collect();
            return Ok((history, found));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Brings about all faults at their moments; they may overlap. Returns when everything is mended, with what could not be
/// brought about.
async fn strike_all(plan: &Plan, cluster: &Arc<Cluster>, world: &World) -> Result<Vec<String>> {
    let begun = tokio::time::Instant::now();
    let mut faults: JoinSet<(Fault, Result<()>)> = JoinSet::new();
    for (at, fault) in &plan.schedule {
        tokio::time::sleep_until(begun + *at).await;
        println!("{:7.1} s  {fault}", seconds(world));
        let (cluster, fault) = (Arc::clone(cluster), fault.clone());
        faults.spawn(async move {
            let done = strike(&cluster, &fault).await;
            (fault, done)
        });
    }
    let mut failed = Vec::new();
    while let Some(done) = faults.join_next().await {
        let (fault, done) = done?;
        if let Err(error) = done {
            println!("          failed: {fault}: {error:#}");
            failed.push(format!("{fault}: {error:#}"));
        }
    }
    tokio::time::sleep_until(begun + plan.lasts).await;
    Ok(failed)
}

fn seconds(world: &World) -> f64 {
    world.book.now().as_secs_f64()
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            took,
            struck,
            ended_by_themselves,
            counts,
            commands,
            events,
            violations,
            ..
        } = self;
        writeln!(formatter, "seed         {seed}, {took:.0?}")?;
        writeln!(formatter, "faults       {}", listed(struck.iter()))?;
        writeln!(
            formatter,
            "             {ended_by_themselves} processes have ended by themselves; {} rebalances, {} transactions aborted and \
             retried, {} workers restarted",
            self.rebalances, self.aborted, self.restarted
        )?;
        writeln!(formatter, "answers      {}", listed(counts.answers.iter()))?;
        writeln!(formatter, "ends         {}", listed(counts.ends.iter()))?;
        writeln!(formatter, "reads        {}", listed(counts.reads.iter()))?;
        writeln!(
            formatter,
            "log          {commands} commands, {events} events"
        )?;
        writeln!(
            formatter,
            "lost         {} of the accepted have not ended",
            counts.open
        )?;
        for violation in violations {
            writeln!(formatter, "VIOLATION    {violation}")?;
        }
        if let Some(logs) = &self.logs {
            writeln!(formatter, "logs         {}", logs.display())?;
        }
        match violations.len() {
            0 => writeln!(formatter, "exactly once"),
            count => writeln!(formatter, "NOT exactly once: {count} violations"),
        }
    }
}

fn listed<'a, K: fmt::Debug + 'a>(counts: impl Iterator<Item = (&'a K, &'a usize)>) -> String {
    let each = counts.map(|(what, count)| format!("{count} {what:?}"));
    each.collect::<Vec<_>>().join(", ").replace('"', "")
}
