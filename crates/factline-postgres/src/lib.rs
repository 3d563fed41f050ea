//! Read models in PostgreSQL, exactly once: rows and checkpoints move in one transaction.
//!
//! - [`sink`]: what is done with records; [`view`] does it for [`factline::Projection`]s
//! - [`follow`]: the host, one loop from Kafka to PostgreSQL
//! - [`consistent_read`]: the readers' side, reading what one has written
//! - [`checkpoint`], [`migration`], [`config`], [`is_away`]: the database's side
//!
//! It is no mapper of objects: a view writes its own SQL. And it knows no business: what a row means is the view's matter.
//! To follow something else than a view: a [`sink::Sink`], handed to [`follow::Follower::run`].

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

pub use checkpoint::Owner;
pub use config::PostgresConfig;
pub use consistent_read::Snapshots;
pub use follow::Follower;
pub use partition::{Contents, Stop};
pub use sink::{Poison, Sink, SinkError};
pub use transient::is_away;
pub use view::{RowId, View, ViewSink};
