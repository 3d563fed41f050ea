//! One look at the database for all look-ups that wait.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use factline_postgres::checkpoint::{self, FollowerId};
use factline_postgres::waits::Look;
use sqlx::PgPool;
use uuid::Uuid;

use crate::ends::Ends;
use crate::store;

/// A question of one look-up.
#[derive(Debug)]
pub(super) struct Wanted {
    /// The operation; none for a caller that wants to know only what has been passed.
    pub(super) id: Option<Uuid>,
    /// Offsets below which the command of the operation is, if there is one. They are none while
    /// they are not known.
    pub(super) ends: Option<Arc<Ends>>,
}

/// The answer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// The operation has a row.
    Written,
    /// The operation has no row, and the checkpoints have passed its end offsets.
    Passed,
}

/// Reads the checkpoints, and then the ids that have a row.
#[derive(Debug)]
pub(super) struct LookAtOperations {
    pub(super) pool: PgPool,
    pub(super) owner: FollowerId,
}

impl Look for LookAtOperations {
    type Question = Wanted;
    type Answer = Seen;

    async fn look(&mut self, wanted: &[&Wanted]) -> Result<Vec<Option<Seen>>, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        // Checkpoints before rows: a record that the checkpoints have passed has its row.
        let checkpoints = checkpoint::load(&mut connection, &self.owner).await?;
        let ids: Vec<Uuid> = wanted.iter().filter_map(|wanted| wanted.id).collect();
        let written = store::known(&mut connection, &ids).await?;
        let written: HashSet<Uuid> = written.into_iter().collect();
        let passed: HashMap<_, _> = checkpoints
            .iter()
            .map(|known| {
                (
                    (known.topic.as_str(), known.partition),
                    known.cursor.next_offset,
                )
            })
            .collect();
        let is_passed = |(topic, partition, end): &(String, i32, i64)| {
            let next = passed.get(&(topic.as_str(), *partition));
            next.copied().unwrap_or_default() >= *end
        };
        let see = |wanted: &&Wanted| {
            if wanted.id.is_some_and(|id| written.contains(&id)) {
                return Some(Seen::Written);
            }
            let ends = wanted.ends.as_ref()?;
            ends.iter().all(is_passed).then_some(Seen::Passed)
        };
        Ok(wanted.iter().map(see).collect())
    }
}
