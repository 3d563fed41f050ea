//! Read models in PostgreSQL, exactly once: rows and checkpoints move in one transaction.
//!
//! - [`sink`]: what is done with records; [`view`] does it for [`factline::Projection`]s
//! - [`follow`]: the host, one loop from Kafka to PostgreSQL
//! - [`snapshot`]: the readers' side, reading what one has written
//! - [`checkpoint`], [`migration`], [`config`], [`is_away`]: the database's side
//!
//! It is no mapper of objects: a view writes its own SQL. And it knows no business: what a row means is the view's matter.
//! To follow something else than a view: a [`sink::Sink`], handed to [`follow::Follower::run`].

mod away;
pub mod checkpoint;
mod condition;
pub mod config;
pub mod follow;
mod metering;
pub mod migration;
mod partition;
pub mod sink;
pub mod snapshot;
pub mod view;

pub use away::is_away;
pub use checkpoint::Owner;
pub use config::PostgresConfig;
pub use follow::Follower;
pub use partition::{Contents, Stop};
pub use sink::{Poison, Sink, SinkError};
pub use snapshot::Snapshots;
pub use view::{RowId, View, ViewSink};
