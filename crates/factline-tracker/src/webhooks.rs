//! Webhooks: events of operations, sent to the addresses that callers have registered.
//!
//! Each event is signed by the scheme of Standard Webhooks. An address gets nothing until it has
//! answered a challenge. Every instance does the same work and shares it by locks in the database:
//!
//! - [`enqueue`] reads the [`feed`](crate::feed) and writes the deliveries of each webhook, unless
//!   too many wait ([`full`])
//! - [`claim`] takes deliveries that are due, [`attempt`] sends them, and [`finish`] writes the
//!   results, by the schedule of [`retry`]
//! - [`work`] is the loop around them; [`trim`] deletes what has ended long ago
//! - [`registration`] and [`deliveries`] are the routes; [`challenge`] is the proof that a receiver
//!   agrees
//! - [`address`] says which addresses are permitted; [`signature`] signs
//!
//! An event is sent at least once. It is not sent in order: receivers compare times. To add an
//! event, add a state to operations: its name derives from the state.

pub mod address;
mod attempt;
pub(crate) mod challenge;
mod claim;
pub(crate) mod deliveries;
mod enqueue;
pub(crate) mod event;
mod finish;
mod full;
mod options;
pub(crate) mod registration;
pub(crate) mod registration_body;
pub mod retry;
pub(crate) mod shown;
mod signature;
mod store;
mod trim;
mod work;

use std::fmt;
use std::sync::Arc;

use tokio::sync::{Notify, Semaphore};

use attempt::Sender;

pub use options::Options;
pub use work::run;

/// The name with which instances tell each other that webhooks have changed, in notifications of
/// [`factline_postgres::checkpoint::CHANNEL`].
pub(crate) const CHANGED: &str = "operations-webhooks";

/// Maximum number of challenges that an instance sends at the same time.
const CHALLENGES: usize = 8;

/// The webhooks of an instance. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks(Arc<Shared>);

struct Shared {
    options: Options,
    sender: Sender,
    challenges: Arc<Semaphore>,
    /// The feed may have new changes.
    feed: Notify,
    /// Webhooks or their deliveries may have changed.
    changed: Notify,
}

impl Webhooks {
    /// Creates the parts of an instance. Opens no connection.
    ///
    /// # Errors
    ///
    /// If the HTTP client cannot be created, because the system has no certificates.
    pub fn new(options: Options) -> Result<Self, reqwest::Error> {
        let sender = Sender::new(&options)?;
        Ok(Self(Arc::new(Shared {
            options,
            sender,
            challenges: Arc::new(Semaphore::new(CHALLENGES)),
            feed: Notify::new(),
            changed: Notify::new(),
        })))
    }

    /// Makes the instance read the feed, if a webhook is active.
    pub(crate) fn feed_moved(&self) {
        self.0.feed.notify_one();
    }

    /// Makes the instance read the webhooks.
    pub(crate) fn changed(&self) {
        self.0.changed.notify_one();
    }
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Webhooks").finish_non_exhaustive()
    }
}
