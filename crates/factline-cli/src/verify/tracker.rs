//! Compares the tracker's operations with the topics.
//!
//! An operation's row names the record that it shows: a terminal outcome if there is one, the first
//! of them by topic, partition and offset. So topic, partition, offset and state must be equal. The
//! tracker may be behind, which its checkpoints tell, and it deletes old rows.

use std::collections::HashMap;
use std::fmt;

use anyhow::{Context as _, Result};
use factline::Timestamp;
use factline::outcome::State;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::finding::{Finding, Findings, Kind};
use super::ledger::End;
use super::unit::Unit;
use crate::database;

/// Rows in one query.
const AT_ONCE: usize = 5000;

/// The tracker's rows, and its checkpoints when the connection was made.
pub(super) struct Tracker {
    connection: PgConnection,
    /// Next offset by topic and partition.
    reached: HashMap<(String, i32), i64>,
}

/// The record that a row shows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    topic: String,
    partition: i32,
    offset: i64,
    state: String,
}

impl Tracker {
    /// Connects to the tracker's database, and reads how far the tracker is.
    pub(super) async fn connect(url: &str) -> Result<Self> {
        let mut connection = database::connect(url).await?;
        let rows = sqlx::query(
            "select topic, partition, next_offset from operations.checkpoint \
             where view = 'operations-tracker'",
        )
        .fetch_all(&mut connection)
        .await
        .context("cannot read the tracker's checkpoints, see --database-url")?;
        let mut reached = HashMap::new();
        for row in rows {
            reached.insert((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?);
        }
        Ok(Self {
            connection,
            reached,
        })
    }

    /// Compares the operations of a partition. Returns what differs.
    pub(super) async fn compare(&mut self, unit: &Unit) -> Result<Findings> {
        let names = &unit.ledger.names;
        let reached = |topic: &str| {
            let key = (topic.to_owned(), names.partition);
            self.reached.get(&key).copied().unwrap_or_default()
        };
        let (commands, outcomes) = (reached(&names.commands), reached(&names.outcomes));
        let mut found = Findings::default();
        let compared = async {
            let equal = self.ended(unit, outcomes, &mut found).await?;
            self.surplus(unit, outcomes, equal, &mut found).await?;
            self.open(unit, commands, &mut found).await
        };
        let compared = compared.await;
        compared.context("cannot compare the tracker's operations")?;
        Ok(found)
    }

    /// Compares each end with its row. Returns the number of rows that are equal.
    async fn ended(
        &mut self,
        unit: &Unit,
        reached: i64,
        found: &mut Findings,
    ) -> Result<i64, sqlx::Error> {
        let ended = unit.ledger.ended.iter();
        let passed = ended.filter(|(_, end)| end.offset < reached);
        let passed: Vec<(Uuid, End)> = passed.map(|(id, end)| (*id, *end)).collect();
        let (mut equal, mut missing) = (0, Vec::new());
        for part in passed.chunks(AT_ONCE) {
            let ids: Vec<Uuid> = part.iter().map(|(operation, _)| *operation).collect();
            let rows = self.rows(&ids).await?;
            for (operation, end) in part {
                let expected = unit.shown(end);
                match rows.get(operation) {
                    None => missing.push((*operation, *end)),
                    Some(row) if *row == expected => equal += 1,
                    Some(row) => found.add(unit.differs(*operation, &expected, Some(row))),
                }
            }
        }
        if !missing.is_empty() {
            // The tracker deletes the oldest rows first, and may have done so just now.
            let oldest: Option<Timestamp> = sqlx::query_scalar(
                "select min(updated_at) from operations.operation where rank = 2",
            )
            .fetch_one(&mut self.connection)
            .await?;
            let oldest = oldest.map_or(0, |oldest| oldest.timestamp());
            let lost = missing.iter();
            for (operation, end) in lost.filter(|(_, end)| i64::from(end.time) > oldest) {
                found.add(unit.differs(*operation, &unit.shown(end), None));
            }
        }
        Ok(equal)
    }

    /// Finds rows that show an outcome of this partition that is no end. `equal` rows show one that
    /// is.
    async fn surplus(
        &mut self,
        unit: &Unit,
        reached: i64,
        equal: i64,
        found: &mut Findings,
    ) -> Result<(), sqlx::Error> {
        let names = &unit.ledger.names;
        let (mut from, end) = (unit.outcomes_begin, unit.outcomes.1.min(reached));
        let count: i64 = sqlx::query_scalar(
            "select count(*) from operations.operation where topic = $1 and partition = $2 \
             and \"offset\" >= $3 and \"offset\" < $4 and rank = 2",
        )
        .bind(&names.outcomes)
        .bind(names.partition)
        .bind(from)
        .bind(end)
        .fetch_one(&mut self.connection)
        .await?;
        if count == equal {
            return Ok(());
        }
        loop {
            let rows = sqlx::query(
                "select id, topic, partition, \"offset\", state from operations.operation \
                 where topic = $1 and partition = $2 and \"offset\" >= $3 and \"offset\" < $4 \
                 and rank = 2 order by \"offset\", id limit 5000",
            )
            .bind(&names.outcomes)
            .bind(names.partition)
            .bind(from)
            .bind(end)
            .fetch_all(&mut self.connection)
            .await?;
            for row in &rows {
                let (operation, row) = shown(row)?;
                from = row.offset + 1;
                // Other differences of operations that have ended are known.
                if !unit.ledger.ended.contains_key(&operation) {
                    found.add(unit.unknown(operation, &row));
                }
            }
            if rows.len() < AT_ONCE {
                return Ok(());
            }
        }
    }

    /// Checks that each command that has not ended has a row.
    async fn open(
        &mut self,
        unit: &Unit,
        reached: i64,
        found: &mut Findings,
    ) -> Result<(), sqlx::Error> {
        let ledger = &unit.ledger;
        let open = ledger.commands.below(reached);
        let open = open.filter(|(_, operation, _)| !ledger.ended.contains_key(operation));
        let open: Vec<(i64, Uuid)> = open.map(|(offset, id, _)| (offset, id)).collect();
        for part in open.chunks(AT_ONCE) {
            let ids: Vec<Uuid> = part.iter().map(|(_, operation)| *operation).collect();
            let rows = self.rows(&ids).await?;
            let missing = part.iter();
            for (offset, operation) in missing.filter(|(_, id)| !rows.contains_key(id)) {
                let expected = Shown {
                    topic: ledger.names.commands.clone(),
                    partition: ledger.names.partition,
                    offset: *offset,
                    state: State::Pending.as_str().to_owned(),
                };
                found.add(unit.differs(*operation, &expected, None));
            }
        }
        Ok(())
    }

    /// Returns the rows of these operations.
    async fn rows(&mut self, operations: &[Uuid]) -> Result<HashMap<Uuid, Shown>, sqlx::Error> {
        let rows = sqlx::query(
            "select id, topic, partition, \"offset\", state from operations.operation \
             where id = any($1)",
        )
        .bind(operations)
        .fetch_all(&mut self.connection)
        .await?;
        rows.iter().map(shown).collect()
    }
}

fn shown(row: &PgRow) -> Result<(Uuid, Shown), sqlx::Error> {
    let shown = Shown {
        topic: row.try_get(1)?,
        partition: row.try_get(2)?,
        offset: row.try_get(3)?,
        state: row.try_get(4)?,
    };
    Ok((row.try_get(0)?, shown))
}

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            topic,
            partition,
            offset,
            state,
        } = self;
        write!(formatter, "{state} by {topic}/{partition}@{offset}")
    }
}

impl Unit {
    /// Returns the row that shows an end.
    fn shown(&self, end: &End) -> Shown {
        Shown {
            topic: self.ledger.names.outcomes.clone(),
            partition: self.ledger.names.partition,
            offset: end.offset,
            state: end.state.as_str().to_owned(),
        }
    }

    fn differs(&self, operation: Uuid, expected: &Shown, row: Option<&Shown>) -> Finding {
        let row = row.map_or_else(|| "has no row".to_owned(), |row| format!("has {row}"));
        let detail = format!("the tracker {row}, expected {expected}");
        Finding {
            place: Some(self.ledger.place_of(&expected.topic, expected.offset)),
            operation: Some(operation),
            ..self.ledger.finding(Kind::Tracker, detail)
        }
    }

    fn unknown(&self, operation: Uuid, row: &Shown) -> Finding {
        let detail = format!("the tracker has {row}, and the operation has no such outcome");
        Finding {
            place: Some(self.ledger.place_of(&row.topic, row.offset)),
            operation: Some(operation),
            ..self.ledger.finding(Kind::Tracker, detail)
        }
    }
}
