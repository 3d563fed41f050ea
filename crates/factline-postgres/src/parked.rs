//! Parked keys in the database: records that a follower could not apply, with the later ones of the
//! same keys, and the requests of operators.
//!
//! Only the follower that has a partition changes its parked keys. A batch does so in the
//! transaction that moves the checkpoint. A redrive or a discard leaves the offset of the
//! checkpoint as it is, so [`begin`] counts it there. A follower that does not know of it can then
//! no longer write.

use std::collections::{BTreeMap, HashMap};

use factline::Timestamp;
use factline_kafka::topics::TopicPartition;
use factline_kafka::{Headers, Record};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Row as _};

use crate::batch::{Batch, Treatment};
use crate::checkpoint::{CHANNEL, FollowerId};
use crate::parked_keys::{ParkedKey, parkable_key};

/// Keys by partition.
pub(crate) type ParkedKeys = HashMap<TopicPartition, BTreeMap<Vec<u8>, ParkedKey>>;

/// Request of an operator.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) id: i64,
    pub(crate) place: TopicPartition,
    pub(crate) key: String,
    pub(crate) action: Action,
    pub(crate) actor: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Redrive,
    /// Drops the record at this offset, if it is still the first one, and applies the others.
    Discard {
        first: i64,
    },
    DiscardAll,
}

/// Loads the parked keys of a follower.
pub(crate) async fn load(
    connection: &mut PgConnection,
    owner: &FollowerId,
) -> Result<ParkedKeys, sqlx::Error> {
    let sql = format!(
        "select topic, partition, key, record_offset, records, parked_at from {}.parked_key \
         where view = $1 and version = $2",
        owner.schema
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(&owner.view)
        .bind(owner.version)
        .fetch_all(connection)
        .await?;
    let mut all = ParkedKeys::new();
    for row in &rows {
        let keys = all.entry((row.try_get(0)?, row.try_get(1)?)).or_default();
        let parked = ParkedKey {
            first: row.try_get(3)?,
            records: row.try_get::<i64, _>(4)?.cast_unsigned(),
            since: row.try_get(5)?,
        };
        keys.insert(row.try_get::<String, _>(2)?.into_bytes(), parked);
    }
    Ok(all)
}

/// Records of a batch as arrays, one for each column.
#[derive(Default)]
struct Columns<'b> {
    topics: Vec<&'b str>,
    partitions: Vec<i32>,
    keys: Vec<&'b str>,
    offsets: Vec<i64>,
    sequences: Vec<i64>,
    times: Vec<Timestamp>,
}

impl<'b> Columns<'b> {
    fn push(&mut self, record: &'b Record, key: &'b str, sequence: u64) {
        self.topics.push(&record.topic);
        self.partitions.push(record.partition);
        self.keys.push(key);
        self.offsets.push(record.offset);
        self.sequences.push(sequence.cast_signed());
        self.times.push(record.timestamp);
    }
}

/// Stores the records of a batch that are parked, and the keys that the batch parks. Runs no
/// statement if there are none.
pub(crate) async fn store(
    connection: &mut PgConnection,
    owner: &FollowerId,
    batch: &Batch,
) -> Result<(), sqlx::Error> {
    let mut firsts = Columns::default();
    let (mut causes, mut counts) = (Vec::new(), Vec::new());
    let mut known: BTreeMap<(&str, i32, &str), usize> = BTreeMap::new();
    let (mut all, mut values) = (Columns::default(), Vec::new());
    let (mut numbers, mut names, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    for (record, step) in batch.set_aside() {
        let (Treatment::Park { cause }, Some(key)) = (&step.treatment, parkable_key(record)) else {
            continue;
        };
        let sequence = step.after.sequence;
        let index = *known
            .entry((&record.topic, record.partition, key))
            .or_insert_with(|| {
                firsts.push(record, key, sequence);
                causes.push(storable(cause.as_deref().unwrap_or_default()));
                counts.push(0_i64);
                counts.len() - 1
            });
        counts[index] += 1;
        all.push(record, key, sequence);
        values.push(record.value.as_deref());
        for (name, value) in record.headers.iter() {
            numbers.push(i64::try_from(values.len()).unwrap_or(i64::MAX));
            names.push(name);
            texts.push(value);
        }
    }
    if values.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "insert into {}.parked_key as known \
             (view, version, topic, partition, key, record_offset, sequence, event_time, cause, records) \
         select $1, $2, made.* from unnest($3::text[], $4::integer[], $5::text[], $6::bigint[], \
             $7::bigint[], $8::timestamptz[], $9::text[], $10::bigint[]) as made \
         on conflict (view, version, topic, partition, key) \
             do update set records = known.records + excluded.records",
        owner.schema
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(&owner.view)
        .bind(owner.version)
        .bind(firsts.topics)
        .bind(firsts.partitions)
        .bind(firsts.keys)
        .bind(firsts.offsets)
        .bind(firsts.sequences)
        .bind(firsts.times)
        .bind(causes)
        .bind(counts)
        .execute(&mut *connection)
        .await?;
    let sql = format!(
        "insert into {}.parked_record (view, version, topic, partition, key, record_offset, sequence, \
             event_time, value, header_names, header_values) \
         select $1, $2, made.topic, made.partition, made.key, made.record_offset, made.sequence, \
             made.event_time, made.value, coalesce(headers.names, '{{}}'), coalesce(headers.texts, '{{}}') \
         from unnest($3::text[], $4::integer[], $5::text[], $6::bigint[], $7::bigint[], \
                 $8::timestamptz[], $9::bytea[]) with ordinality \
             as made (topic, partition, key, record_offset, sequence, event_time, value, number) \
         left join ( \
             select number, array_agg(name order by place) as names, array_agg(text order by place) as texts \
             from unnest($10::bigint[], $11::text[], $12::bytea[]) with ordinality \
                 as header (number, name, text, place) \
             group by number \
         ) as headers using (number)",
        owner.schema
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(&owner.view)
        .bind(owner.version)
        .bind(all.topics)
        .bind(all.partitions)
        .bind(all.keys)
        .bind(all.offsets)
        .bind(all.sequences)
        .bind(all.times)
        .bind(values)
        .bind(numbers)
        .bind(names)
        .bind(texts)
        .execute(connection)
        .await?;
    Ok(())
}

/// Loads the requests of operators that no follower has done, oldest first.
pub(crate) async fn requests(
    connection: &mut PgConnection,
    owner: &FollowerId,
) -> Result<Vec<Request>, sqlx::Error> {
    let sql = format!(
        "select id, topic, partition, key, action, record_offset, actor, discarded from {}.parked_request \
         where view = $1 and version = $2 and done_at is null order by id",
        owner.schema
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(&owner.view)
        .bind(owner.version)
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Request {
                id: row.try_get(0)?,
                place: (row.try_get(1)?, row.try_get(2)?),
                key: row.try_get(3)?,
                action: match row.try_get(4)? {
                    // A part of the request was done before a crash, or in an earlier turn.
                    _ if row.try_get::<i64, _>(7)? > 0 => Action::Redrive,
                    "discard" => Action::Discard {
                        first: row.try_get(5)?,
                    },
                    "discard-all" => Action::DiscardAll,
                    _ => Action::Redrive,
                },
                actor: row.try_get(6)?,
            })
        })
        .collect()
}

/// Counts a change of a partition's parked keys in its checkpoint, and locks it. Returns `false` if
/// the partition has another owner. The transaction must then be rolled back.
pub(crate) async fn begin(
    connection: &mut PgConnection,
    owner: &FollowerId,
    place: &TopicPartition,
    next_offset: i64,
    redrives: i64,
) -> Result<bool, sqlx::Error> {
    let sql = format!(
        "with counted as ( \
             update {}.checkpoint set redrives = redrives + 1 \
             where view = $1 and version = $2 and topic = $3 and partition = $4 \
               and next_offset = $5 and redrives = $6 \
             returning 1) \
         select (select count(*) from counted), pg_notify($7, $1)",
        owner.schema
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(&owner.view)
        .bind(owner.version)
        .bind(&place.0)
        .bind(place.1)
        .bind(next_offset)
        .bind(redrives)
        .bind(CHANNEL)
        .fetch_one(connection)
        .await?;
    Ok(row.try_get::<i64, _>(0)? == 1)
}

/// Condition of the rows of a key.
const IS_KEY: &str = "view = $1 and version = $2 and topic = $3 and partition = $4 and key = $5";

/// Parked records of one key.
pub(crate) struct Key<'k> {
    pub(crate) owner: &'k FollowerId,
    pub(crate) place: &'k TopicPartition,
    pub(crate) text: &'k str,
}

impl Key<'_> {
    /// Loads the first records, in order.
    pub(crate) async fn first(
        &self,
        connection: &mut PgConnection,
        limit: usize,
    ) -> Result<Vec<Record>, sqlx::Error> {
        let sql = format!(
            "select record_offset, event_time, header_names, header_values, value \
             from {}.parked_record where {IS_KEY} order by record_offset limit $6",
            self.owner.schema
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.query(&sql).bind(limit).fetch_all(connection).await?;
        rows.iter().map(|row| self.record(row)).collect()
    }

    fn record(&self, row: &PgRow) -> Result<Record, sqlx::Error> {
        let names: Vec<String> = row.try_get(2)?;
        let values: Vec<Vec<u8>> = row.try_get(3)?;
        let mut headers = Headers::with_capacity(names.len());
        for (name, value) in names.iter().zip(&values) {
            headers.push(name, value);
        }
        Ok(Record {
            topic: self.place.0.clone(),
            partition: self.place.1,
            offset: row.try_get(0)?,
            timestamp: row.try_get(1)?,
            key: Some(self.text.as_bytes().to_vec()),
            headers,
            value: row.try_get(4)?,
        })
    }

    /// Removes the records up to an offset. Returns their number, and the offset of the first one
    /// that remains. Without one, the key is parked no longer.
    pub(crate) async fn remove(
        &self,
        connection: &mut PgConnection,
        up_to: i64,
    ) -> Result<(usize, Option<i64>), sqlx::Error> {
        let schema = self.owner.schema;
        let removed =
            format!("delete from {schema}.parked_record where {IS_KEY} and record_offset <= $6");
        let removed = self.query(&removed).bind(up_to);
        let removed = removed.execute(&mut *connection).await?.rows_affected();
        let next = format!(
            "update {schema}.parked_key as known \
             set record_offset = next.record_offset, sequence = next.sequence, \
                 event_time = next.event_time, records = known.records - $6 \
             from (select record_offset, sequence, event_time from {schema}.parked_record \
                   where {IS_KEY} order by record_offset limit 1) as next \
             where {IS_KEY} returning known.record_offset"
        );
        let next = self.query(&next).bind(removed.cast_signed());
        let next = next.fetch_optional(&mut *connection).await?;
        let next: Option<i64> = next.map(|row| row.try_get(0)).transpose()?;
        if next.is_none() {
            let key = format!("delete from {schema}.parked_key where {IS_KEY}");
            self.query(&key).execute(connection).await?;
        }
        Ok((usize::try_from(removed).unwrap_or(usize::MAX), next))
    }

    /// Sets why the first record cannot be applied.
    pub(crate) async fn set_cause(
        &self,
        connection: &mut PgConnection,
        cause: &str,
    ) -> Result<(), sqlx::Error> {
        let sql = format!(
            "update {}.parked_key set cause = $6 where {IS_KEY}",
            self.owner.schema
        );
        let cause = storable(cause);
        self.query(&sql).bind(cause).execute(connection).await?;
        Ok(())
    }

    /// Begins a statement with the arguments of [`IS_KEY`].
    fn query(&self, sql: &str) -> Query<'_, Postgres, PgArguments> {
        sqlx::query(AssertSqlSafe(sql.to_owned()))
            .bind(&self.owner.view)
            .bind(self.owner.version)
            .bind(&self.place.0)
            .bind(self.place.1)
            .bind(self.text)
    }
}

/// Returns a text as PostgreSQL can store it, without NUL.
fn storable(text: &str) -> String {
    text.replace('\0', "\\0")
}

/// Progress of a request.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// Number of records that were applied, and of those that were dropped.
    pub(crate) applied: usize,
    pub(crate) discarded: usize,
    /// True if nothing remains to be done.
    pub(crate) is_done: bool,
    /// Why the key is still parked.
    pub(crate) failure: Option<String>,
}

/// Records the progress of a request.
pub(crate) async fn settle(
    connection: &mut PgConnection,
    owner: &FollowerId,
    request: i64,
    settled: &Settled,
) -> Result<(), sqlx::Error> {
    let sql = format!(
        "update {}.parked_request set applied = applied + $2, discarded = discarded + $3, \
             done_at = case when $4 then now() end, failure = $5 \
         where id = $1",
        owner.schema
    );
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    sqlx::query(AssertSqlSafe(sql))
        .bind(request)
        .bind(count(settled.applied))
        .bind(count(settled.discarded))
        .bind(settled.is_done)
        .bind(settled.failure.as_deref().map(storable))
        .execute(connection)
        .await?;
    Ok(())
}
