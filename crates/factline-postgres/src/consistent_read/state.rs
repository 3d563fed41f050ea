//! The state of a view that makes waiting pointless: partitions that its follower has halted.

use factline::Position;
use sqlx::{AssertSqlSafe, PgExecutor, Row as _};

use super::{Error, view_of};

/// State of a view, as its stable name shows it.
#[derive(Debug, Default)]
pub(super) struct State {
    halts: Vec<Halt>,
    /// True if rows are filled beside those that readers see.
    pub(super) is_rebuilding: bool,
}

#[derive(Debug)]
struct Halt {
    topic: String,
    partition: i32,
    offset: i64,
    /// Sequence of the last event that was applied.
    sequence: u64,
}

impl State {
    /// Reads the state of the view whose checkpoints are in a relation. Checkpoints without a
    /// stable name have none.
    pub(super) async fn load(
        executor: impl PgExecutor<'_>,
        checkpoints: &str,
    ) -> Result<Self, sqlx::Error> {
        let Some(view) = view_of(checkpoints) else {
            return Ok(Self::default());
        };
        let query = format!(
            "select state, topic, partition, record_offset, sequence from read.{view}_state"
        );
        let rows = sqlx::query(AssertSqlSafe(query))
            .fetch_all(executor)
            .await?;
        let mut state = Self::default();
        for row in &rows {
            if row.try_get::<&str, _>(0)? == "rebuilding" {
                state.is_rebuilding = true;
                continue;
            }
            state.halts.push(Halt {
                topic: row.try_get(1)?,
                partition: row.try_get(2)?,
                offset: row.try_get(3)?,
                sequence: row.try_get::<i64, _>(4)?.cast_unsigned(),
            });
        }
        Ok(state)
    }

    /// Returns the error of a position that needs an event behind a halt.
    pub(super) fn check(&self, position: &Position) -> Result<(), Error> {
        let halt = self.halts.iter().find(|halt| {
            let mut points = position.points().iter();
            points.any(|point| {
                point.topic == halt.topic
                    && point.partition == halt.partition
                    && point.sequence > halt.sequence
            })
        });
        match halt {
            None => Ok(()),
            Some(halt) => Err(Error::Halted {
                topic: halt.topic.clone(),
                partition: halt.partition,
                offset: halt.offset,
            }),
        }
    }
}
