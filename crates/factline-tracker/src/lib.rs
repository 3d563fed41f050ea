//! The status of every command, which clients request after a 202.
//!
//! A record of a commands topic makes an operation pending. A record of an outcomes topic sets the
//! state that the handler reports. Both are merged in PostgreSQL by one statement that gives the
//! same row in any order ([`observation`], [`fold`], [`batch`]). The tracker decides nothing: no
//! state is reached without a record. It has no list of message types.
//! An application calls [`main`] with its contracts; to track another aggregate, it adds the
//! contract.
//!
//! - [`sink`]: called by the host of `factline-postgres`, which advances the checkpoints in the
//!   same transaction
//! - [`http`], [`answers`], [`shown`], [`tree`], `list`, `statistics`: responses;
//!   [`openapi`](mod@openapi): their description
//! - `feed`, [`watch`]: wake those who wait when an operation has changed: `waiting`
//!   (`Prefer: wait`) and [`stream`] (server-sent events)
//! - [`visible`]: the views in which an operation is visible
//! - [`cancel`]: requests to cancel an operation, which become records
//! - [`barrier`], [`captures`], [`ends`], [`notifications`]: the wait that makes a 404 certain
//! - [`retention`]: deletes operations that ended long ago
//! - [`dead_letters`]: watches the dead letters of commands
//! - [`webhooks`]: sends events of operations to addresses that callers have registered
//! - [`trimming`]: deletes commands that the handlers and the tracker have passed
//! - [`service`]: the process that combines these parts, with [`main`]

pub mod anomaly;
pub mod answers;
pub mod barrier;
pub mod batch;
pub mod cancel;
pub mod captures;
pub mod contracts;
pub mod dead_letters;
pub mod ends;
mod feed;
pub mod fold;
pub mod hint;
mod history;
pub mod http;
mod list;
pub mod notifications;
pub mod observation;
pub mod openapi;
pub mod retention;
pub mod service;
pub mod shown;
pub mod sink;
mod states;
mod statistics;
pub mod store;
pub mod stream;
pub mod transition;
pub mod tree;
pub mod trimming;
pub mod visible;
mod waiting;
pub mod watch;
pub mod webhooks;
pub mod workflow;

pub use openapi::document as openapi;
pub use service::{Config, Options, main, migrate, start};

/// The README, so that its code runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
