//! Injects each fault and undoes it. When [`inject`] returns, the affected process works again or
//! is restarting.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::time::sleep;

use crate::cluster::{BROKER, Cluster, DATABASE};
use crate::open_transaction;
use crate::proxy::Line;
use crate::roles::{HANDLERS, ROLES, Role};
use crate::schedule::Fault;

/// Timeout of an orderly stop: the process's own limit, and a margin for a busy machine.
const ORDERLY: Duration = Duration::from_secs(30);

/// Injects a fault, and returns when it is over.
pub(super) async fn inject(cluster: &Cluster, fault: &Fault) -> Result<()> {
    let system = &cluster.system;
    match fault {
        Fault::Kill { instance, away } => kill(cluster, instance, *away).await,
        Fault::Freeze { instance, lasts } => {
            let _lock = cluster.lock_target(instance).await?;
            system.freeze(instance)?;
            sleep(*lasts).await;
            system.thaw(instance)
        }
        Fault::RollingRestart { service } => {
            for name in names(service)? {
                let _lock = cluster.lock_target(&name).await?;
                stop(cluster, &name).await?;
                system.spawn(&name)?;
                system
                    .ready_before(&name, || !cluster.servers_have_faults())
                    .await?;
            }
            Ok(())
        }
        Fault::Scale { service, lasts } => {
            let names = names(service)?;
            let mut held = Vec::new();
            for name in names.iter().skip(1) {
                held.push(cluster.lock_target(name).await?);
                stop(cluster, name).await?;
            }
            sleep(*lasts).await;
            names.iter().skip(1).try_for_each(|name| system.spawn(name))
        }
        Fault::KillBroker { away } => {
            let kafka = &system.servers.kafka;
            down(cluster, BROKER, *away, || kafka.kill(), || kafka.start()).await
        }
        Fault::FreezeBroker { lasts } => {
            let _lock = cluster.lock_target(BROKER).await?;
            let kafka = &system.servers.kafka;
            kafka.pause()?;
            sleep(*lasts).await;
            kafka.resume()
        }
        Fault::Cut { instance, lasts } => bad_line(cluster, instance, Line::Cut, *lasts).await,
        Fault::Delay {
            instance,
            by,
            lasts,
        } => bad_line(cluster, instance, Line::Slow(*by), *lasts).await,
        Fault::OpenTransaction {
            aggregate,
            stream,
            lasts,
            victim,
        } => {
            let open = open_transaction::open(cluster, aggregate, *stream, *lasts);
            let taken_over = async {
                sleep(*lasts / 4).await;
                kill(cluster, victim, *lasts / 4).await
            };
            let (open, taken_over) = tokio::join!(open, taken_over);
            open.and(taken_over)
        }
        Fault::KillDatabase { away } => {
            let postgres = &system.servers.postgres;
            let start = || postgres.start();
            down(cluster, DATABASE, *away, || postgres.kill(), start).await
        }
        Fault::FullDisk { away } => {
            let kafka = &system.servers.kafka;
            let start = || kafka.start();
            down(cluster, BROKER, *away, || kafka.fill_disk(), start).await
        }
        Fault::Clock {
            minutes,
            restart,
            lasts,
        } => {
            let _lock = cluster.lock_target(BROKER).await?;
            tokio::task::block_in_place(|| set_clock(cluster, *minutes, *restart))?;
            report_clock(cluster, *lasts).await;
            tokio::task::block_in_place(|| set_clock(cluster, 0, *restart))
        }
    }
}

/// Sets the time by which the broker's clock is wrong.
fn set_clock(cluster: &Cluster, minutes: i64, restart: bool) -> Result<()> {
    let kafka = &cluster.system.servers.kafka;
    if !restart {
        return kafka.shift_clock(minutes * 60);
    }
    kafka.kill()?;
    kafka.shift_clock(minutes * 60)?;
    kafka.start()
}

/// Waits for some time, and prints the first report of each handler about the clock.
async fn report_clock(cluster: &Cluster, lasts: Duration) {
    let end = Instant::now() + lasts;
    let mut reported = BTreeSet::new();
    while Instant::now() < end {
        for name in names(HANDLERS).unwrap_or_default() {
            if !reported.contains(&name)
                && let Some(reasons) = cluster.system.unready(&name).await
                && reasons.contains("clock")
            {
                println!("          {name} is not ready: {reasons}");
                reported.insert(name);
            }
        }
        sleep(Duration::from_millis(500)).await;
    }
}

/// Stops a server with `end`, and starts it again. `end` may block until the server has ended.
async fn down(
    cluster: &Cluster,
    name: &str,
    away: Duration,
    end: impl FnOnce() -> Result<()>,
    start: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let _lock = cluster.lock_target(name).await?;
    tokio::task::block_in_place(end)?;
    sleep(away).await;
    tokio::task::block_in_place(start)
}

async fn kill(cluster: &Cluster, name: &str, away: Duration) -> Result<()> {
    let _lock = cluster.lock_target(name).await?;
    cluster.system.kill(name)?;
    sleep(away).await;
    cluster.system.spawn(name)
}

/// Stops an instance, also if it has ended by itself meanwhile.
async fn stop(cluster: &Cluster, name: &str) -> Result<()> {
    cluster.system.stop(name, ORDERLY).await
}

async fn bad_line(cluster: &Cluster, name: &str, line: Line, lasts: Duration) -> Result<()> {
    let _lock = cluster.lock_target(name).await?;
    let proxy = cluster.proxies.get(name);
    let proxy = proxy.with_context(|| format!("{name} has no proxy"))?;
    proxy.set(line);
    sleep(lasts).await;
    proxy.set(Line::Good);
    Ok(())
}

fn names(service: &str) -> Result<Vec<String>> {
    let roles = ROLES.iter().filter(|role| role.service == service);
    let names: Vec<String> = roles.flat_map(Role::names).collect();
    ensure!(!names.is_empty(), "{service} has no instances");
    Ok(names)
}
