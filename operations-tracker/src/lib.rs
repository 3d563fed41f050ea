//! The status of every command: what clients ask for after a 202.
//!
//! Records of commands topics make operations pending, records of outcomes topics make them what handlers say; both
//! are merged in PostgreSQL by one statement that comes to the same row in any order ([`observation`], [`fold`],
//! [`store`]). The tracker decides nothing: no state is reached without a record. And it knows no message types: to
//! track one more aggregate, add it to the crate `contracts` (`schemas/src/lib.rs`).
//!
//! - [`sink`]: called by the host of `factline-postgres`, which moves the checkpoints in the same transaction
//! - [`http`], [`tree`]: answers; [`barrier`], [`ends`], [`notifications`]: how a 404 is made certain
//! - [`trimming`]: deletes commands that everybody has passed
//! - [`service`]: the parts put together

pub mod anomaly;
pub mod barrier;
pub mod contracts;
pub mod ends;
pub mod fold;
pub mod hint;
pub mod http;
pub mod notifications;
pub mod observation;
pub mod service;
pub mod sink;
pub mod store;
pub mod transition;
pub mod tree;
pub mod trimming;
