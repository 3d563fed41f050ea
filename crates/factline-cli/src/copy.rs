//! A copy of an installation's log under another topic prefix: `factline copy`.
//!
//! - `beginning`: the topics of the copy; `placing`, `schemas`: a record in the copy
//! - `transfer`: writes the records, and goes on after a kill; `digest`, `check`: compares them
//! - `cut_over`, `offset_map`, `followers`: readers go on where they were
//! - `manifest`: the file with the progress, the counts, the hashes and the offset map

mod beginning;
mod check;
mod cut_over;
mod digest;
mod filter;
mod followers;
mod manifest;
mod offset_map;
mod placing;
mod schemas;
mod transfer;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, ensure};
use clap::Args;
use factline::Contract;
use factline_kafka::client::config::partition_count;
use factline_kafka::{KafkaConfig, Registry};
use serde_json::json;

use self::beginning::Counts;
use self::cut_over::Map;
use self::filter::{Choice, Filter};
use self::followers::Follower;
use self::manifest::Manifest;
use self::offset_map::Reader;
use self::schemas::Schemas;
use self::transfer::{Begins, Clients, Transfer};
use crate::aggregates::Aggregates;
use crate::archive::Kind;
use crate::archive::stopped::Wait;
use crate::dead_letters::open_letters;
use crate::output::{Output, Row};
use crate::views::Views;

/// Copies the log to topics with another prefix, which may have more partitions
#[derive(Debug, Args)]
#[command(
    after_help = "Without --cut-over, the processes go on, and events, outcomes and dead letters are copied. Each run \
                  continues where the last one has ended, also after a kill. With --cut-over, all processes must be \
                  stopped: the rest is copied, the copy is read back and compared with the hashes, and the groups of \
                  the copy get the offsets with which they go on. The topics of the source stay as they are, so its \
                  processes can go on instead: --roll-back shows what would be lost.\n\n\
                  --database-url names the database with which the processes will go on. Give it a copy of the \
                  database, so that the old processes can be started again with the old one.\n\nExamples:\n  \
                  factline copy --to b. --partitions ordering.order=64 --manifest copy.json\n  \
                  factline copy --to test. --manifest test.json --keep-from orders.txt \\\n      \
                  --mask ordering.OrderPlaced/customer_id=masked\n  \
                  factline copy --to b. --partitions ordering.order=64 --manifest copy.json --cut-over \\\n      \
                  --database-url postgres://factline@127.0.0.1:15432/factline_b"
)]
pub(crate) struct Options {
    /// Topic prefix of the copy
    #[arg(long, value_name = "PREFIX")]
    to: String,
    /// File with the progress, the counts, the hashes and the offset map of the copy
    #[arg(long, value_name = "FILE")]
    manifest: PathBuf,
    /// Number of partitions of an aggregate type in the copy, such as ordering.order=64, which must
    /// be a multiple of the present one; may be given several times
    #[arg(long = "partitions", value_name = "X=N", value_parser = partition_count)]
    partitions: Vec<(String, i32)>,
    #[command(flatten)]
    choice: Choice,
    /// Copy the rest, compare all of it, and set the offsets of all groups
    #[arg(long)]
    cut_over: bool,
    /// Show the records that would be lost if the processes of the source went on; fails if there
    /// are any. All processes must be stopped
    #[arg(long, conflicts_with = "cut_over")]
    roll_back: bool,
    /// Database as <postgres://user@host:port/database>, in which the views and the tracker get
    /// the checkpoints of the copy; the role must be able to write both
    #[arg(long, value_name = "URL", requires = "cut_over")]
    database_url: Option<String>,
    /// Replication factor of new topics; without it, the cluster's default
    #[arg(long, env = "FACTLINE_REPLICATION_FACTOR")]
    replication_factor: Option<i32>,
    #[command(flatten)]
    wait: Wait,
}

/// The installations of a copy.
struct Copy {
    source: KafkaConfig,
    target: KafkaConfig,
    contracts: Vec<&'static Contract>,
    counts: (Counts, Counts),
    filter: Filter,
    options: Options,
}

pub(crate) async fn run(
    options: Options,
    aggregates: &Aggregates,
    views: Views<'_>,
    kafka: &KafkaConfig,
    output: &Output,
) -> Result<()> {
    let contracts = aggregates.contracts()?;
    ensure!(
        options.to != kafka.topic_prefix,
        "the copy has the prefix of the installation that is copied"
    );
    let counts = {
        let (kafka, contracts) = (kafka.clone(), contracts.clone());
        let wanted = options.partitions.clone();
        let counting =
            tokio::task::spawn_blocking(move || beginning::counts(&kafka, &contracts, &wanted));
        counting.await??
    };
    let known: Vec<&str> = contracts.iter().map(|it| it.aggregate).collect();
    let filter = options.choice.filter(&known)?;
    ensure!(
        filter.is_empty() || options.database_url.is_none(),
        "the views of the database have what is left out or masked: let the processes of the copy \
         rebuild them in an empty database"
    );
    let target = KafkaConfig {
        topic_prefix: options.to.clone(),
        topic_partitions: counts.1.clone().into_iter().collect(),
        ..kafka.clone()
    };
    let copy = Copy {
        source: kafka.clone(),
        target,
        contracts,
        counts,
        filter,
        options,
    };
    let is_roll_back = copy.options.roll_back;
    let (counts, manifest) = copy.run(views).await?;
    output.table(&HEADING, &rows(&counts, &manifest))?;
    let new: u64 = counts.iter().sum();
    ensure!(
        !is_roll_back || new == 0,
        "{new} records were written to the copy since the cut-over, and would be lost"
    );
    Ok(())
}

const HEADING: [&str; 5] = ["topic", "copy", "partitions", "records", "new"];

fn rows(copied: &[u64], manifest: &Manifest) -> Vec<Row> {
    let rows = manifest.topics.iter().zip(copied).map(|(copy, new)| {
        let (before, after) = copy.counts();
        let value = json!({
            "topic": copy.source.name, "copy": copy.target.name, "partitions": after,
            "records": copy.records(), "new": new,
        });
        let partitions = if before == after {
            after.to_string()
        } else {
            format!("{before} to {after}")
        };
        let cells = vec![
            copy.source.name.clone(),
            copy.target.name.clone(),
            partitions,
            copy.records().to_string(),
            new.to_string(),
        ];
        (value, cells)
    });
    rows.collect()
}

impl Copy {
    /// Copies, and returns the numbers of new records by topic. With `--roll-back`, these are the
    /// records that were written to the copy.
    async fn run(self, views: Views<'_>) -> Result<(Vec<u64>, Manifest)> {
        let manifest = self.manifest().await?;
        if self.options.roll_back {
            ensure!(manifest.cut_over.is_some(), "the copy was not cut over");
            let looking = tokio::task::spawn_blocking(move || {
                let wait = self.options.wait.time();
                cut_over::wait(&self.source, &self.target, &manifest, wait)?;
                let clients = Clients::new(&self.source, &self.target)?;
                cut_over::check_whole(&clients, &manifest)?;
                let lost = cut_over::written_since(&clients, &manifest)?;
                Ok::<_, anyhow::Error>((lost, manifest))
            });
            return looking.await?;
        }
        ensure!(
            self.options.cut_over || manifest.cut_over.is_none(),
            "the copy was cut over, and is not continued"
        );
        if !self.options.cut_over {
            let schemas = Schemas::new(Registry::of(&self.source));
            let copying = tokio::task::spawn_blocking(move || {
                let mut manifest = manifest;
                let clients = Clients::new(&self.source, &self.target)?;
                let copied = self.transfer(&clients, &mut manifest, schemas, None)?;
                Ok::<_, anyhow::Error>((copied, manifest))
            });
            return copying.await?;
        }
        for (group, parked) in open_letters(&self.source).await? {
            ensure!(
                parked == 0,
                "{group} has {parked} parked facts, which are not copied: redrive or discard them \
                 first, see `factline dead-letters list {group}`"
            );
        }
        let copy = Arc::new(self);
        let waiting = {
            let (copy, manifest) = (Arc::clone(&copy), manifest.clone());
            tokio::task::spawn_blocking(move || {
                let wait = copy.options.wait.time();
                cut_over::wait(&copy.source, &copy.target, &manifest, wait)
            })
        };
        let groups = waiting.await??;
        let url = copy.options.database_url.clone();
        let hosted = cut_over::hosted(views);
        let followers = cut_over::load(url.as_deref(), &manifest).await?;
        let schemas = Schemas::new(Registry::of(&copy.source));
        let copying = tokio::task::spawn_blocking(move || {
            let groups = cut_over::readers(&copy.source, &manifest, &groups)?;
            copy.cut_over(manifest, schemas, groups, followers, &hosted)
        });
        let (copied, manifest, map) = copying.await??;
        if let Some(url) = url {
            map.store(&url, &manifest).await?;
        }
        Ok((copied, manifest))
    }

    /// Reads the manifest, or creates the topics and writes it.
    async fn manifest(&self) -> Result<Manifest> {
        let (path, filter) = (&self.options.manifest, self.filter.clone());
        let (source, target) = (self.source.clone(), self.target.clone());
        let counts = self.counts.clone();
        if let Some(manifest) = Manifest::read(path)? {
            let checking = tokio::task::spawn_blocking(move || {
                beginning::check(&manifest, &source, &target, &counts, &filter)?;
                Ok::<_, anyhow::Error>(manifest)
            });
            return checking.await?;
        }
        let replication = self.options.replication_factor;
        beginning::create(&self.target, &self.contracts, replication).await?;
        let contracts = self.contracts.clone();
        let beginning = tokio::task::spawn_blocking(move || {
            beginning::manifest(&source, &target, &contracts, &counts, filter)
        });
        let manifest = beginning.await??;
        manifest.write(path)?;
        Ok(manifest)
    }

    /// Copies what is new. `undecided` has the first commands to copy; without it, no commands are
    /// copied. Returns the numbers of new records by topic. Blocks.
    fn transfer(
        &self,
        clients: &Clients,
        manifest: &mut Manifest,
        schemas: Schemas,
        undecided: Option<&BTreeMap<String, Begins>>,
    ) -> Result<Vec<u64>> {
        let mut copied = Vec::new();
        let mut transfer = Transfer {
            clients,
            schemas,
            manifest,
            path: &self.options.manifest,
        };
        let everywhere = Begins::new();
        for index in 0..transfer.manifest.topics.len() {
            let copy = &transfer.manifest.topics[index];
            let begins = match (copy.kind, undecided) {
                (Kind::Commands, None) => {
                    copied.push(0);
                    continue;
                }
                (Kind::Commands, Some(undecided)) => undecided.get(&copy.source.name),
                _ => None,
            };
            copied.push(transfer.run(index, begins.unwrap_or(&everywhere))?);
        }
        Ok(copied)
    }

    /// Copies the rest, compares all of it and sets the offsets of the groups. Blocks.
    fn cut_over(
        &self,
        mut manifest: Manifest,
        schemas: Schemas,
        readers: Vec<Reader>,
        followers: Vec<Follower>,
        hosted: &[(String, i32)],
    ) -> Result<(Vec<u64>, Manifest, Map)> {
        let undecided =
            cut_over::undecided(&self.source, &self.contracts, &self.counts.0, &readers)?;
        let clients = Clients::new(&self.source, &self.target)?;
        let copied = self.transfer(&clients, &mut manifest, schemas, Some(&undecided))?;
        ensure!(
            manifest.cut_over.is_none() || copied.iter().all(|new| *new == 0),
            "the source has new records since the cut-over"
        );
        for (mask, count) in manifest.filter.masks.iter().zip(&manifest.masked) {
            ensure!(*count > 0, "no record has a field of the mask {mask}");
        }
        for copy in &manifest.topics {
            check::check(&clients, copy)?;
        }
        let map = cut_over::map(&clients, &manifest, readers, followers, hosted)?;
        cut_over::check_whole(&clients, &manifest)?;
        manifest.cut_over = Some(map.to_cut_over());
        manifest.write(&self.options.manifest)?;
        map.commit(&self.target, &manifest)?;
        Ok((copied, manifest, map))
    }
}
