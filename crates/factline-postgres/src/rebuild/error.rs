//! Reasons why a view is not rebuilt.

use factline_kafka::tools::topic_reader;
use factline_kafka::topics::watermarks;
use sqlx::migrate::MigrateError;

use crate::follow;
use crate::partition::Stop;
use crate::sink::{Poison, SinkError};
use crate::view::table_check::TableMismatch;

use super::SWAP_TIMEOUT;

/// Reason why a view was not rebuilt. Nothing that readers see has changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process rebuilds the view.
    #[error("another process rebuilds the view at this time")]
    Running,
    /// Readers see a version that this program does not have.
    #[error("readers see version {shown}, and this program has version {version}")]
    OtherVersion {
        /// The version that readers see.
        shown: i32,
        /// The version of this program.
        version: i32,
    },
    /// The view has a table that a rebuild cannot fill.
    #[error(
        "the view has another table {table}, which only its own statements fill: raise VERSION, so \
         that its process fills the new version"
    )]
    OtherTable {
        /// Name of the table.
        table: String,
    },
    /// The view has a column that a rebuild cannot fill.
    #[error(
        "the table has a column {column} that the row does not have, so only the view's own \
         statements fill it: raise VERSION, so that its process fills the new version"
    )]
    OtherColumn {
        /// Name of the column.
        column: String,
    },
    /// The rebuild was stopped. The next one continues.
    #[error("stopped; the next rebuild continues")]
    Stopped,
    /// An event cannot be applied, and the view does not park or skip it.
    #[error("an event cannot be applied")]
    Poison(#[source] Poison),
    /// The events of a partition are not complete.
    #[error("a partition cannot be read")]
    Partition(#[source] Stop),
    /// Readers or followers use the present rows for too long.
    #[error("the rows are in use: no moment was found to swap them within {} s", SWAP_TIMEOUT.as_secs())]
    InUse,
    /// The old rows have not been followed, and this program cannot do so.
    #[error(
        "version {version} has not applied all events that readers see: a process that has this \
         version in its list must follow them first"
    )]
    NotFollowed {
        /// The older version.
        version: i32,
    },
    /// There are no old rows.
    #[error("the view has no old rows: it was not rebuilt, and no older version has a table")]
    NothingOld,
    /// The migrations of the view failed.
    #[error("cannot create the tables")]
    Migration(#[from] MigrateError),
    /// The table does not fit the view's structs.
    #[error("the view does not fit its table")]
    Table(#[from] TableMismatch),
    /// The database failed.
    #[error("database failed")]
    Database(#[from] sqlx::Error),
    /// The topic cannot be read.
    #[error(transparent)]
    Reading(#[from] topic_reader::Error),
    /// The ends of the topic are unknown.
    #[error(transparent)]
    Ends(#[from] watermarks::Unknown),
    /// The schema registry failed.
    #[error("events cannot be decoded yet")]
    Sink(#[source] SinkError),
    /// The copy could not be followed.
    #[error("cannot apply the latest events")]
    Follower(#[from] follow::Error),
    /// A defect of the rebuild or of the view's code.
    #[error("a worker of the rebuild panicked")]
    Panicked,
}
