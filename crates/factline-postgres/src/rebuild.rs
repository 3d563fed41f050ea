//! Rebuilds: views filled again from the first event, beside the rows that readers see.
//!
//! A rebuild has five steps, see [`Step`]:
//!
//! 1. It creates the view's tables a second time, in the schema `<view>_v<N>_next`, without
//!    indexes.
//! 2. Workers fold the events of one partition after another in memory, and insert the rows. Each
//!    partition is one transaction, with its checkpoint.
//! 3. It builds the indexes.
//! 4. A follower applies the events that have come meanwhile.
//! 5. One short transaction gives the new table the name of the present one, see [`swap`]. The
//!    present one stays as `<view>_v<N>_old`, until the next rebuild.
//!
//! Until the swap, readers read the present rows, which are followed as usual. They are told that a
//! rebuild is under way, and notice nothing else. If a rebuild is interrupted, the next one
//! continues with the partitions that are not filled.
//!
//! [`roll_back`] shows the old rows again. It applies the events that have come since, so it is no
//! step back in time.
//!
//! A new version of a view, one whose `VERSION` was raised, needs no command: its process fills it
//! beside the version that readers see, and shows it when both have applied the same events. A
//! rebuild of it is faster.
//!
//! A rebuild does not run the statements that a view writes by hand. So it refuses tables and
//! columns that only those can fill.

mod announce;
pub mod dry_run;
mod error;
mod fill;
pub(crate) mod fold;
mod memory;
pub mod progress;
pub(crate) mod show;
mod swap;
mod tables;
mod times;

use std::collections::BTreeSet;
use std::num::NonZero;
use std::sync::Arc;
use std::time::{Duration, Instant};

use factline_kafka::tools::topic_reader;
use factline_kafka::topics::watermarks;
use factline_kafka::{KafkaConfig, Registry};
use sqlx::{Connection as _, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use crate::checkpoint::{self, Checkpoint, FollowerId};
use crate::view::{Following, HostedView, TableCopy, ViewName, stable_names};

use fill::{Fill, Filled, Part};
use memory::Memory;
use swap::{Lost, Swapped};
use tables::Tables;
use times::Times;

pub use dry_run::{Differences, dry_run};
pub use error::Error;
pub use progress::{Progress, Step};

/// Maximum wait for the brokers to return the ends of the topic.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Pause between two looks at the checkpoints while the copy catches up.
const PAUSE: Duration = Duration::from_millis(50);
/// Maximum time of attempts to swap while readers do not give way.
const SWAP_TIMEOUT: Duration = Duration::from_mins(1);
/// Maximum time of attempts to show an older version that has not applied the same events. One that
/// is followed needs only a moment.
const FOLLOWED_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum wait for the end of another rebuild's connection.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
/// First half of the advisory locks of rebuilds. The second half is a hash of the view's name.
const LOCK: i32 = 1_924_027;

/// The dependencies of a rebuild, and its options.
pub struct Rebuild {
    /// Options of the Kafka client.
    pub kafka: KafkaConfig,
    /// The schema registry.
    pub registry: Registry,
    /// Connections to the database, as the role that owns the views: one for each worker, and three
    /// more.
    pub pool: PgPool,
    /// Number of partitions that are folded at the same time.
    pub workers: usize,
    /// Maximum memory of the process in bytes, on Linux. Rows that do not fit are folded in several
    /// passes over their partition.
    pub memory: u64,
    /// Maximum number of rows that a worker holds, whatever the memory.
    pub most_rows: Option<usize>,
    /// Maximum number of events per second in the second step.
    pub rate: Option<NonZero<u32>>,
    /// The progress.
    pub progress: Arc<Progress>,
    /// Stops the rebuild. The next one continues.
    pub shutdown: CancellationToken,
}

/// Result of a rebuild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Version of the view.
    pub version: i32,
    /// Number of keys that are parked in the new rows.
    pub parked: u64,
    /// Size of the new table with its indexes, in bytes.
    pub bytes: u64,
    /// Time of each step.
    pub times: Vec<(Step, Duration)>,
}

/// Fills a view again and shows the new rows to readers.
pub async fn rebuild(view: &HostedView, with: &Rebuild) -> Result<Report, Error> {
    let name = view.view_name();
    let lock = take_lock(with, name).await?;
    let report = announce::during(&with.pool, name, Box::pin(fill_and_swap(view, with))).await?;
    lock.close().await?;
    Ok(report)
}

async fn fill_and_swap(view: &HostedView, with: &Rebuild) -> Result<Report, Error> {
    let name = view.view_name();
    let shown = swap::shown(&mut *with.pool.acquire().await?, name).await?;
    if shown.version > name.version {
        let (shown, version) = (shown.version, name.version);
        return Err(Error::OtherVersion { shown, version });
    }
    let tables = tables(view, TableCopy::Next);
    let mut times = Times::new(with);
    times.begin(Step::Preparing);
    tables.create(&with.pool, &view.migrations()).await?;
    times.begin(Step::Filling);
    let present = checkpoint::load(&mut *with.pool.acquire().await?, &shown.owner()).await?;
    let parts = parts(view, with).await?;
    let lost = lost(&present, &parts);
    fill(view, with, &tables, parts).await?;
    times.begin(Step::Indexing);
    tables.add_up(&with.pool).await?;
    tables.build_indexes(&with.pool).await?;
    let report = finish(view, with, &mut times, &lost).await?;
    if shown.version < name.version {
        // Readers have never seen what this version had before.
        self::tables(view, TableCopy::Old).drop(&with.pool).await?;
    }
    Ok(report)
}

/// Shows readers the rows that they saw before the last rebuild, with the events that have come
/// since. Without such rows, shows the version before this one, which must have been followed. It
/// stays until [`rebuild`] is called.
pub async fn roll_back(view: &HostedView, with: &Rebuild) -> Result<Report, Error> {
    let name = view.view_name();
    let lock = take_lock(with, name).await?;
    let mut times = Times::new(with);
    let report = if has_schema(&with.pool, &name.copy_schema(TableCopy::Old)).await? {
        tables(view, TableCopy::Next).drop(&with.pool).await?;
        swap::take_back(&with.pool, name).await?;
        let lost = Lost::new();
        announce::during(
            &with.pool,
            name,
            Box::pin(finish(view, with, &mut times, &lost)),
        )
        .await?
    } else {
        times.begin(Step::Swapping);
        let version = older(&with.pool, name).await?.ok_or(Error::NothingOld)?;
        let older = ViewName { version, ..name };
        swap_in_time(with, FOLLOWED_TIMEOUT, || swap::show(&with.pool, older))
            .await?
            .ok_or(Error::NotFollowed { version })?;
        let mut connection = with.pool.acquire().await?;
        let text = format!("pinned to version {version} by a rollback");
        stable_names::pin(&mut connection, name, Some(&text)).await?;
        times
            .report(older, &older.owner(), &older.relation())
            .await?
    };
    lock.close().await?;
    Ok(report)
}

/// Drops what an interrupted rebuild has filled. Returns whether there was something.
pub async fn cancel(view: &HostedView, with: &Rebuild) -> Result<bool, Error> {
    let name = view.view_name();
    let lock = take_lock(with, name).await?;
    let exists = has_schema(&with.pool, &name.copy_schema(TableCopy::Next)).await?;
    tables(view, TableCopy::Next).drop(&with.pool).await?;
    lock.close().await?;
    Ok(exists)
}

/// Returns the size of the view's present table with its indexes in bytes, which a rebuild needs
/// once more; 0 if there is none.
pub async fn present_size(view: &HostedView, pool: &PgPool) -> Result<u64, Error> {
    Tables::size(pool, &view.view_name().relation()).await
}

/// Fills the partitions that are not filled yet.
async fn fill(
    view: &HostedView,
    with: &Rebuild,
    tables: &Tables,
    mut parts: Vec<Part>,
) -> Result<(), Error> {
    let filled: BTreeSet<_> = tables.filled(&with.pool).await?.into_iter().collect();
    parts.retain(|part| !filled.contains(&part.key));
    let owner = Some(tables.owner.clone());
    fill_parts(view, with, tables, owner, parts).await?;
    Ok(())
}

/// Returns the partitions of which the present rows have events that the log does not have. The
/// checkpoints were read before the ends of the log, so a follower cannot have passed those since.
fn lost(present: &[Checkpoint], parts: &[Part]) -> Lost {
    let is_there = |checkpoint: &&Checkpoint| {
        let mut parts = parts.iter();
        let part =
            parts.find(|part| part.key.0 == checkpoint.topic && part.key.1 == checkpoint.partition);
        part.is_some_and(|part| {
            part.extent.identity == checkpoint.topic_identity
                && part.extent.ends >= checkpoint.cursor.next_offset
        })
    };
    let lost = present.iter().filter(|checkpoint| !is_there(checkpoint));
    lost.map(|checkpoint| (checkpoint.topic.clone(), checkpoint.partition))
        .collect()
}

/// Returns all partitions of the view's topic with their present ends.
async fn parts(view: &HostedView, with: &Rebuild) -> Result<Vec<Part>, Error> {
    let topic = view.topic(&with.kafka);
    let (kafka, of) = (with.kafka.clone(), topic.clone());
    let count = tokio::task::spawn_blocking(move || topic_reader::partitions(&kafka, &of));
    let count = count.await.map_err(|_| Error::Panicked)??;
    let keys = (0..count).map(|partition| (topic.clone(), partition));
    let extents = watermarks::extents(&with.kafka, keys.collect(), TIMEOUT).await?;
    let parts = extents.into_iter().map(|(key, extent)| Part {
        key,
        until: extent.ends,
        last: u64::MAX,
        extent,
    });
    Ok(parts.collect())
}

/// Fills partitions. With an owner, each has a checkpoint afterwards.
async fn fill_parts(
    view: &HostedView,
    with: &Rebuild,
    tables: &Tables,
    owner: Option<FollowerId>,
    mut parts: Vec<Part>,
) -> Result<Vec<Filled>, Error> {
    // The longest first, so that the workers end at about the same time.
    parts.sort_by_key(|part| std::cmp::Reverse(part.until));
    let mut memory = Memory::new(with.memory, with.workers);
    if let Some(rows) = with.most_rows {
        memory = memory.most_rows_of_worker(rows);
    }
    let workers = with.workers.clamp(1, parts.len().max(1));
    let share = u32::try_from(workers).unwrap_or(u32::MAX);
    let fill = Fill {
        kafka: with.kafka.clone(),
        registry: with.registry.clone(),
        pool: with.pool.clone(),
        owner,
        fold: view.fold(),
        policy: view.policy(),
        statement: tables.fill().into(),
        memory,
        rate: with.rate.map(|rate| rate.get().div_ceil(share)),
        progress: Arc::clone(&with.progress),
        shutdown: with.shutdown.child_token(),
    };
    Arc::new(fill).run(parts, workers).await
}

/// Follows the copy until it can take the place of the present rows.
async fn finish(
    view: &HostedView,
    with: &Rebuild,
    times: &mut Times<'_>,
    lost: &Lost,
) -> Result<Report, Error> {
    let name = view.view_name();
    times.begin(Step::CatchingUp);
    let follower = with.shutdown.child_token();
    let following = Following {
        kafka: with.kafka.clone(),
        registry: with.registry.clone(),
        pool: with.pool.clone(),
        report: Box::new(|state| {
            if let Err(reason) = state {
                tracing::debug!(reason, "the copy is not caught up");
            }
        }),
        shutdown: follower.clone(),
    };
    let copied = *view;
    let mut running =
        tokio::spawn(async move { copied.run_copy(following, TableCopy::Next).await });
    let swapped = tokio::select! {
        swapped = catch_up_and_swap(view, with, times, lost) => swapped,
        ended = &mut running => match ended {
            Ok(Ok(())) => Err(Error::Stopped),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Error::Panicked),
        },
    };
    follower.cancel();
    if !running.is_finished() {
        // It has nothing to write any more: its checkpoints are gone, or it continues later.
        let _ = running.await;
    }
    swapped?;
    // The follower may have begun again, because its checkpoints were gone.
    tables(view, TableCopy::Next).drop(&with.pool).await?;
    times.report(name, &name.owner(), &name.relation()).await
}

async fn catch_up_and_swap(
    view: &HostedView,
    with: &Rebuild,
    times: &mut Times<'_>,
    lost: &Lost,
) -> Result<(), Error> {
    let name = view.view_name();
    let next = name.copy_owner(TableCopy::Next);
    let shown = swap::shown(&mut *with.pool.acquire().await?, name).await?;
    loop {
        let mut connection = with.pool.acquire().await?;
        if swap::is_level(&mut connection, &next, &shown.owner(), lost).await? {
            break;
        }
        drop(connection);
        let pause = tokio::time::timeout(PAUSE, with.shutdown.cancelled());
        if pause.await.is_ok() {
            return Err(Error::Stopped);
        }
    }
    // Before the swap, because a large table takes its time.
    tables(view, TableCopy::Old).drop(&with.pool).await?;
    times.begin(Step::Swapping);
    swap_in_time(with, SWAP_TIMEOUT, || swap::swap(&with.pool, name, lost))
        .await?
        .ok_or(Error::InUse)?;
    let mut connection = with.pool.acquire().await?;
    stable_names::pin(&mut connection, name, None).await?;
    Ok(())
}

/// Attempts to swap until a moment is found. Returns `None` if the new rows have not caught up in
/// this time.
async fn swap_in_time<F: Future<Output = Result<Swapped, sqlx::Error>>>(
    with: &Rebuild,
    behind: Duration,
    attempt: impl Fn() -> F,
) -> Result<Option<()>, Error> {
    let begun = Instant::now();
    loop {
        let swapped = attempt().await?;
        let waited = begun.elapsed();
        match swapped {
            Swapped::Done => return Ok(Some(())),
            Swapped::Behind if waited > behind => return Ok(None),
            Swapped::InUse if waited > SWAP_TIMEOUT => return Err(Error::InUse),
            Swapped::Behind | Swapped::InUse => {}
        }
        // Those who wait get their turn in between.
        let pause = tokio::time::timeout(PAUSE, with.shutdown.cancelled());
        if pause.await.is_ok() {
            return Err(Error::Stopped);
        }
    }
}

fn tables(view: &HostedView, copy: TableCopy) -> Tables {
    let name = view.view_name();
    Tables {
        schema: name.copy_schema(copy),
        table: view.copy_table(copy),
        owner: name.copy_owner(copy),
        additive: view.has_sums(),
    }
}

/// Returns the highest version before this one that has a table.
async fn older(pool: &PgPool, view: ViewName) -> Result<Option<i32>, Error> {
    for version in (1..view.version).rev() {
        let older = ViewName { version, ..view };
        if has_schema(pool, &older.schema()).await? {
            return Ok(Some(version));
        }
    }
    Ok(None)
}

async fn has_schema(pool: &PgPool, schema: &str) -> Result<bool, Error> {
    let exists = sqlx::query_scalar("select to_regnamespace($1) is not null")
        .bind(schema)
        .fetch_one(pool)
        .await?;
    Ok(exists)
}

/// Takes the lock of a view's rebuilds, on a connection of its own. PostgreSQL releases it when the
/// connection ends, for which it takes a moment.
async fn take_lock(with: &Rebuild, view: ViewName) -> Result<PgConnection, Error> {
    let mut connection = with.pool.acquire().await?.detach();
    let begun = Instant::now();
    loop {
        let taken: bool = sqlx::query_scalar("select pg_try_advisory_lock($1, hashtext($2))")
            .bind(LOCK)
            .bind(view.name)
            .fetch_one(&mut connection)
            .await?;
        if taken {
            return Ok(connection);
        }
        if begun.elapsed() > LOCK_TIMEOUT {
            return Err(Error::Running);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
