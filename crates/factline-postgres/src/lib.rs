//! Read models in PostgreSQL, exactly once: rows and checkpoints move in one transaction.
//!
//! - [`view`]: views, their names and versions, and how to add one
//! - [`columns`]: structs as columns of a table, for views and for readers
//! - [`process`]: the projection process, for a list of views
//! - [`history`]: a view's rows at an earlier time, and why a row is what it is
//! - [`rebuild`]: views filled again beside the ones that readers see
//! - [`sink`]: the interface that writes records, which views implement
//! - [`follow`]: the host, one loop from Kafka to PostgreSQL
//! - [`consistent_read`]: read-your-writes for readers; [`waits`]: one look for all that wait
//! - [`checkpoint`], [`migration`], [`config`], [`is_transient`]: access to the database
//!
//! This crate is not an object mapper: it writes rows, and readers write their own queries. It
//! contains no business rules: a view defines the meaning of its rows. To follow topics without a
//! view, implement [`sink::Sink`] and pass it to [`follow::Follower::run`].

// Derived code names the crate, also in this crate's own tests.
extern crate self as factline_postgres;

mod batch;
pub mod checkpoint;
pub mod columns;
pub mod config;
pub mod consistent_read;
pub mod follow;
mod follower_metrics;
mod halted;
pub mod history;
pub mod migration;
mod parked;
mod parked_keys;
mod partition;
mod poison;
pub mod process;
mod readiness;
pub mod rebuild;
pub mod sink;
mod transient;
pub mod view;
pub mod waits;

pub use checkpoint::FollowerId;
pub use columns::{
    Arrays, Column, ColumnDefinition, Columns, Delta, Number, Overflow, RowKey, TextEnum,
    UnknownText, derive, select_list,
};
pub use config::PostgresConfig;
pub use consistent_read::ConsistentReads;
pub use factline_derive::{Columns, Delta, RowKey, TextEnum};
pub use follow::Follower;
pub use partition::{Stop, TopicKind};
pub use sink::{Poison, PoisonPolicy, Sink, SinkError};
pub use transient::is_transient;
pub use view::{
    AdditiveSink, AdditiveView, Document, DocumentView, Following, GeneratedColumn, HostedView,
    Migrations, RowId, View, ViewName, ViewSink,
};

/// The README, so that its code runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Mistakes that must not compile.
#[cfg(doctest)]
#[doc = include_str!("../tests/mistakes.md")]
struct Mistakes;
