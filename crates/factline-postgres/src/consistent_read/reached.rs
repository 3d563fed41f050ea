//! The part of the log that a view has reached.

use std::collections::HashMap;

use factline::{Point, Position};
use sqlx::{AssertSqlSafe, PgExecutor, PgPool, Row as _};

use super::Error;
use super::state::State;
use crate::waits::Look;

/// The checkpoints of a view.
#[derive(Debug, Default)]
pub(super) struct Reached(HashMap<String, Topic>);

/// The checkpoints in one topic.
#[derive(Debug, Default)]
struct Topic {
    /// Identities of the topic: more than one while checkpoints of a deleted topic remain.
    identities: Vec<String>,
    /// Sequence of the last applied event, by partition.
    sequences: HashMap<i32, u64>,
}

impl Reached {
    /// Reads the checkpoints in a relation.
    pub(super) async fn load(
        executor: impl PgExecutor<'_>,
        checkpoints: &str,
    ) -> Result<Self, sqlx::Error> {
        let query = format!("select topic, partition, topic_identity, sequence from {checkpoints}");
        let rows = sqlx::query(AssertSqlSafe(query))
            .fetch_all(executor)
            .await?;
        let mut topics: HashMap<String, Topic> = HashMap::new();
        for row in &rows {
            let topic = topics.entry(row.try_get(0)?).or_default();
            let identity: String = row.try_get(2)?;
            if !topic.identities.contains(&identity) {
                topic.identities.push(identity);
            }
            let sequence = row.try_get::<i64, _>(3)?.cast_unsigned();
            topic.sequences.insert(row.try_get(1)?, sequence);
        }
        Ok(Self(topics))
    }

    /// Returns the first point of the position that the view has not reached.
    pub(super) fn missing(&self, position: &Position) -> Result<Option<Point>, Error> {
        for point in position.points() {
            let Some(topic) = self.0.get(&point.topic) else {
                if self.0.is_empty() {
                    return Ok(Some(point.clone()));
                }
                continue;
            };
            if topic.identities.iter().any(|own| *own != point.identity) {
                let topic = point.topic.clone();
                return Err(Error::OtherTopic { topic });
            }
            let sequence = topic.sequences.get(&point.partition);
            if sequence.is_none_or(|sequence| *sequence < point.sequence) {
                return Ok(Some(point.clone()));
            }
        }
        Ok(None)
    }
}

/// Reads the checkpoints once for all readers of a view that wait.
#[derive(Debug)]
pub(super) struct LookAtCheckpoints {
    pub(super) pool: PgPool,
    pub(super) checkpoints: String,
}

impl Look for LookAtCheckpoints {
    type Question = Position;
    type Answer = ();

    async fn look(&mut self, positions: &[&Position]) -> Result<Vec<Option<()>>, sqlx::Error> {
        let reached = Reached::load(&self.pool, &self.checkpoints).await?;
        let state = State::load(&self.pool, &self.checkpoints).await?;
        // A reader is woken for a fault too: its snapshot finds the same.
        let is_over = |position: &&Position| {
            !matches!(reached.missing(position), Ok(Some(_))) || state.check(position).is_err()
        };
        let answers = positions.iter().map(is_over);
        Ok(answers.map(|over| over.then_some(())).collect())
    }
}
