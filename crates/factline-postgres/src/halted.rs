//! Halted partitions in the database, for readers and operators.
//!
//! A follower records a halt when the rows before it are committed. The record is removed in the
//! transaction that moves the checkpoint past it, see [`crate::checkpoint::advance`]. So a follower
//! that ends leaves it to its successor. Stable names leave out records that the checkpoint has
//! passed, so one that a paused follower writes too late does not count.

use factline_kafka::topics::TopicPartition;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::checkpoint::{CHANNEL, FollowerId};

/// Fault that halts a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A record cannot be handled. The halt ends when the checkpoint passes it.
    Record,
    /// The log does not have the records that come next. The halt ends when a follower can start.
    Log,
}

impl Fault {
    fn text(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Log => "log",
        }
    }
}

/// Halt of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Halt {
    pub(crate) place: TopicPartition,
    /// Offset and number of redrives that the checkpoint must have: another follower may have
    /// moved it meanwhile.
    pub(crate) fence: (i64, i64),
    /// Sequence of the last event that was applied.
    pub(crate) sequence: u64,
    /// Offset of the record before which the partition is halted.
    pub(crate) offset: i64,
    pub(crate) fault: Fault,
    pub(crate) reason: String,
}

/// Records halts, and notifies readers that wait. Leaves out those whose checkpoint has moved. The
/// time of a halt that is known stays.
pub(crate) async fn record(
    connection: &mut PgConnection,
    owner: &FollowerId,
    halts: &[Halt],
) -> Result<(), sqlx::Error> {
    // The lock makes a transaction that moves the checkpoint come before or after the whole.
    let sql = format!(
        "with fenced as ( \
             select halt.* from {schema}.checkpoint as known \
             join unnest($3::text[], $4::integer[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], \
                         $9::text[], $10::text[]) \
                 as halt (topic, partition, next_offset, redrives, sequence, record_offset, fault, reason) \
                 using (topic, partition, next_offset, redrives) \
             where known.view = $1 and known.version = $2 \
             for share of known), \
         recorded as ( \
             insert into {schema}.halted_partition as known \
                 (view, version, topic, partition, record_offset, sequence, fault, reason) \
             select $1, $2, topic, partition, record_offset, sequence, fault, reason from fenced \
             on conflict (view, version, topic, partition) do update \
                 set record_offset = excluded.record_offset, sequence = excluded.sequence, \
                     fault = excluded.fault, reason = excluded.reason, \
                     since = case when known.record_offset = excluded.record_offset \
                             then known.since else excluded.since end) \
         select pg_notify($11, $1)",
        schema = owner.schema
    );
    let texts = |of: fn(&Halt) -> String| halts.iter().map(of).collect::<Vec<_>>();
    let numbers = |of: fn(&Halt) -> i64| halts.iter().map(of).collect::<Vec<_>>();
    let partitions: Vec<i32> = halts.iter().map(|halt| halt.place.1).collect();
    sqlx::query(AssertSqlSafe(sql))
        .bind(&owner.view)
        .bind(owner.version)
        .bind(texts(|halt| halt.place.0.clone()))
        .bind(partitions)
        .bind(numbers(|halt| halt.fence.0))
        .bind(numbers(|halt| halt.fence.1))
        .bind(numbers(|halt| halt.sequence.cast_signed()))
        .bind(numbers(|halt| halt.offset))
        .bind(texts(|halt| halt.fault.text().to_owned()))
        .bind(texts(|halt| halt.reason.replace('\0', "\\0")))
        .bind(CHANNEL)
        .execute(connection)
        .await?;
    Ok(())
}

/// Removes the halts of partitions that a follower starts at these offsets. A halt at a record
/// stays until the checkpoint passes it, because the record may fail again.
pub(crate) async fn started(
    connection: &mut PgConnection,
    owner: &FollowerId,
    starts: &[(TopicPartition, i64)],
) -> Result<(), sqlx::Error> {
    let sql = format!(
        "delete from {}.halted_partition as halt \
         using unnest($3::text[], $4::integer[], $5::bigint[]) as start (topic, partition, next_offset) \
         where halt.view = $1 and halt.version = $2 and halt.topic = start.topic \
           and halt.partition = start.partition \
           and (halt.fault = 'log' or halt.record_offset < start.next_offset)",
        owner.schema
    );
    let topics: Vec<&str> = starts
        .iter()
        .map(|((topic, _), _)| topic.as_str())
        .collect();
    let partitions: Vec<i32> = starts.iter().map(|((_, number), _)| *number).collect();
    let offsets: Vec<i64> = starts.iter().map(|(_, offset)| *offset).collect();
    sqlx::query(AssertSqlSafe(sql))
        .bind(&owner.view)
        .bind(owner.version)
        .bind(topics)
        .bind(partitions)
        .bind(offsets)
        .execute(connection)
        .await?;
    Ok(())
}
