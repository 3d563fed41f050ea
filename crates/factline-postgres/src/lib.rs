//! Read models in PostgreSQL, exactly once: rows and checkpoints move in one transaction.
//!
//! - [`sink`]: the interface that writes records; [`view`] implements it for
//!   [`factline::Projection`]s
//! - [`follow`]: the host, one loop from Kafka to PostgreSQL
//! - [`consistent_read`]: read-your-writes for readers
//! - [`checkpoint`], [`migration`], [`config`], [`is_transient`]: access to the database
//!
//! This crate is not an object mapper: a view writes its own SQL. It contains no business rules: a
//! view defines the meaning of its rows. To follow topics without a view, implement [`sink::Sink`]
//! and pass it to [`follow::Follower::run`].

pub mod checkpoint;
pub mod config;
pub mod consistent_read;
pub mod follow;
mod follower_metrics;
pub mod migration;
mod partition;
mod readiness;
pub mod sink;
mod transient;
pub mod view;

pub use checkpoint::FollowerId;
pub use config::PostgresConfig;
pub use consistent_read::ConsistentReads;
pub use follow::Follower;
pub use partition::{Stop, TopicKind};
pub use sink::{Poison, Sink, SinkError};
pub use transient::is_transient;
pub use view::{RowId, View, ViewSink};
