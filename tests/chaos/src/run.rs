//! A whole run: start, clients, faults, quiescence, check.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::task::JoinSet;

use crate::clients::{self, CLIENTS, World};
use crate::cluster::Cluster;
use crate::inject::inject;
use crate::quiesce::quiesce;
use crate::request_log::Counts;
use crate::schedule::{Fault, Kind, Schedule};
use checker::check;
use factline_handler::log_events;
use harness::System;
use harness::collect::collect;
use harness::quiescence::{behind, until_followed};

/// Maximum time that views and the tracker may lag behind the log after the last record. Then the
/// run is checked, once.
const FOLLOWERS: Duration = Duration::from_secs(30);

/// Default limit for the time until all operations have ended; long enough for a correct system on
/// a slow machine.
pub const PATIENCE: Duration = Duration::from_mins(4);

/// The parameters of a run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Seed of the clients' requests.
    pub seed: u64,
    /// The faults.
    pub schedule: Schedule,
    /// Minimum duration of the clients' requests.
    pub lasts: Duration,
    /// Maximum time until all operations have ended, after the last fault is over.
    pub patience: Duration,
    /// More environment for every process, such as `FACTLINE_MUTANT`.
    pub environment: Vec<(String, String)>,
}

/// The result of a run.
#[derive(Debug)]
pub struct Report {
    seed: u64,
    took: Duration,
    injected: BTreeMap<Kind, usize>,
    ended_by_themselves: usize,
    rebalances: usize,
    /// Transactions that were aborted and retried.
    aborted: usize,
    /// Workers of handlers that were restarted from committed state.
    restarted: usize,
    counts: Counts,
    commands: usize,
    events: usize,
    /// All violations; empty if every command was executed exactly once.
    pub violations: Vec<String>,
    /// Location of the processes' logs, if there are violations.
    pub logs: Option<PathBuf>,
}

/// Executes a run. Violations are part of the report and not an error.
///
/// # Errors
///
/// If the system does not start, or a fault cannot be injected.
pub async fn run(plan: &Plan) -> Result<Report> {
    let begun = Instant::now();
    let mut kinds = plan.schedule.iter().map(|(_, fault)| fault.kind());
    let clock = kinds.any(|kind| kind == Kind::Clock);
    let cluster = Arc::new(Cluster::start(plan.environment.clone(), clock).await?);
    println!(
        "seed {}: {} faults; all processes are ready after {:.0?}",
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
    let mut violations = inject_all(plan, &cluster, &world).await?;
    world.stop();
    while let Some(ended) = clients.join_next().await {
        ended?.context("a client failed")?;
    }
    println!("{:7.1} s  quiescing: no fault is active", seconds(&world));
    if let Err(error) = quiesce(&cluster, &world, plan.patience).await {
        if plan.environment.is_empty() {
            report_unread(&cluster.system).await;
            cluster.system.keep_stacks();
        }
        violations.push(format!("{error:#}"));
    }
    if let Err(error) = until_followed(&cluster.system, FOLLOWERS).await {
        violations.push(format!("{error:#}"));
    }
    supervisor.abort();
    println!("{:7.1} s  checking", seconds(&world));
    let mut history = collect(&cluster.system).await?;
    world.requests.copy_into(&mut history);
    violations.extend(check(&history).iter().map(ToString::to_string));
    // The tool of operators judges the same log.
    match cluster.system.findings().await {
        Ok(found) => violations.extend(found),
        Err(error) => violations.push(format!("{error:#}")),
    }
    let mut injected: BTreeMap<Kind, usize> = BTreeMap::new();
    for (_, fault) in &plan.schedule {
        *injected.entry(fault.kind()).or_default() += 1;
    }
    let logs = (!violations.is_empty())
        .then(|| cluster.system.leave_logs())
        .transpose()?;
    Ok(Report {
        seed: plan.seed,
        took: begun.elapsed(),
        injected,
        ended_by_themselves: cluster.ended.load(Ordering::Relaxed),
        rebalances: cluster.system.logged(log_events::PARTITIONS_REVOKED),
        aborted: cluster.system.logged(log_events::BATCH_RETRIED),
        restarted: cluster.system.logged(log_events::WORKER_RESTARTED),
        counts: world.requests.counts(),
        commands: history.logs.values().map(|log| log.commands.len()).sum(),
        events: history.logs.values().map(|log| log.events.len()).sum(),
        violations,
        logs,
    })
}

/// Prints the groups and followers that have unread records.
async fn report_unread(system: &System) {
    match behind(system).await {
        Ok(behind) => behind.iter().for_each(|line| println!("          {line}")),
        Err(error) => println!("          cannot report unread records: {error:#}"),
    }
}

/// Injects all faults at their times; they may overlap. Returns when the last one is over, with the
/// faults that could not be injected.
async fn inject_all(plan: &Plan, cluster: &Arc<Cluster>, world: &World) -> Result<Vec<String>> {
    let begun = tokio::time::Instant::now();
    let mut faults: JoinSet<(Fault, Result<()>)> = JoinSet::new();
    for (at, fault) in &plan.schedule {
        tokio::time::sleep_until(begun + *at).await;
        println!("{:7.1} s  {fault}", seconds(world));
        let (cluster, fault) = (Arc::clone(cluster), fault.clone());
        faults.spawn(async move {
            let done = inject(&cluster, &fault).await;
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
    world.requests.now().as_secs_f64()
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            took,
            injected,
            ended_by_themselves,
            counts,
            commands,
            events,
            violations,
            ..
        } = self;
        writeln!(formatter, "seed         {seed}, {took:.0?}")?;
        writeln!(formatter, "faults       {}", listed(injected.iter()))?;
        writeln!(
            formatter,
            "             {ended_by_themselves} processes ended by themselves; {} rebalances, {} transactions aborted and \
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
            "lost         {} accepted operations have not ended",
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
