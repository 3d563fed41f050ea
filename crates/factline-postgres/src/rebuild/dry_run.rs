//! Dry runs: what a rebuild by this program would change in the rows that readers see.
//!
//! The events are folded into tables of a schema of their own, up to the event that readers see in
//! each partition, and compared with what readers see in one snapshot. The role needs to select the
//! stable names and to create a schema. It needs no rights on the tables of the view.

use std::collections::BTreeMap;
use std::time::Duration;

use factline_kafka::tools::topic_reader::{Next, Range, Reader};
use factline_kafka::topics::TopicPartition;
use factline_kafka::{KafkaConfig, Record};
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use uuid::Uuid;

use crate::batch::Batch;
use crate::checkpoint::FollowerId;
use crate::columns::select_list;
use crate::partition::sequence;
use crate::sink::SinkError;
use crate::view::{CHECKPOINTS, HostedView, ViewName, stable_names};

use super::fill::Filled;
use super::progress::Step;
use super::tables::Tables;
use super::{Error, Rebuild};

/// Number of events that are applied at once to the rows that are not in memory any more.
const CHUNK: usize = 1_000;
/// Wait for a record.
const WAIT: Duration = Duration::from_millis(200);

/// Differences between the rows that readers see and those of a rebuild.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Differences {
    /// Version of the view that readers see; `None` if they see none.
    pub shown: Option<i32>,
    /// Version of this program's view.
    pub version: i32,
    /// Sequence of the last event compared, by partition.
    pub reached: BTreeMap<i32, u64>,
    /// Number of rows that are the same.
    pub same: u64,
    /// Number of rows that only the new view has.
    pub added: u64,
    /// Number of rows that only readers see.
    pub removed: u64,
    /// Number of rows with other contents.
    pub changed: u64,
    /// The first rows that differ, in the order of their keys.
    pub rows: Vec<RowDifference>,
    /// Columns that only the new view has. They are not compared.
    pub new_columns: Vec<String>,
    /// Columns that only readers see. They are not compared.
    pub lost_columns: Vec<String>,
    /// Events that the new view cannot apply.
    pub unapplied: Vec<Unapplied>,
}

/// A row that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct RowDifference {
    /// The key, a JSON object.
    pub key: Value,
    /// The row that readers see, a JSON object; `None` if there is none.
    pub live: Option<Value>,
    /// The new row; `None` if there is none.
    pub new: Option<Value>,
}

/// An event that the new view cannot apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unapplied {
    /// `topic/partition@offset` of the event.
    pub place: String,
    /// The event's key.
    pub key: String,
    /// Why it cannot be applied; `None` if it waits behind an earlier one of its key.
    pub cause: Option<String>,
}

impl Differences {
    /// Returns whether a rebuild would change nothing.
    pub fn is_empty(&self) -> bool {
        self.added + self.removed + self.changed == 0
            && self.new_columns.is_empty()
            && self.lost_columns.is_empty()
            && self.unapplied.is_empty()
    }
}

/// Compares what a rebuild would make of the events with what readers see. Returns at most
/// `most_rows` of the rows that differ.
pub async fn dry_run(
    view: &HostedView,
    with: &Rebuild,
    most_rows: u32,
) -> Result<Differences, Error> {
    let name = view.view_name();
    let schema = format!("factline_dry_run_{}", Uuid::new_v4().simple());
    let tables = Tables {
        table: view
            .table()
            .of_relation(format!("{schema}.{}", name.table())),
        owner: FollowerId {
            schema: CHECKPOINTS,
            view: schema.clone(),
            version: name.version,
        },
        schema: schema.clone(),
        additive: view.has_sums(),
    };
    let compared = compare(view, with, &tables, most_rows).await;
    let drop = format!("drop schema if exists {schema} cascade");
    let dropped = sqlx::raw_sql(AssertSqlSafe(drop)).execute(&with.pool).await;
    let differences = compared?;
    dropped?;
    Ok(differences)
}

async fn compare(
    view: &HostedView,
    with: &Rebuild,
    tables: &Tables,
    most_rows: u32,
) -> Result<Differences, Error> {
    let name = view.view_name();
    with.progress.begin(Step::Preparing);
    tables.create_new(&with.pool, &view.migrations()).await?;
    let mut connection = with.pool.acquire().await?;
    let shown = stable_names::shown(&mut connection, name).await?;
    let before = match shown {
        Some(_) => Some(reached(&mut connection, name).await?),
        None => None,
    };
    drop(connection);
    with.progress.begin(Step::Filling);
    let filled = fill(view, with, tables, before.as_ref()).await?;
    with.progress.begin(Step::Indexing);
    tables.add_up(&with.pool).await?;
    tables.build_indexes(&with.pool).await?;

    with.progress.begin(Step::CatchingUp);
    let mut snapshot = with
        .pool
        .begin_with("begin isolation level repeatable read")
        .await?;
    let mut differences = Differences {
        shown,
        version: name.version,
        reached: filled
            .iter()
            .map(|part| (part.key.1, part.cursor.sequence))
            .collect(),
        ..Differences::default()
    };
    for part in &filled {
        differences.unapplied.extend(unapplied(&part.aside));
    }
    if before.is_some() {
        let now = reached(&mut snapshot, name).await?;
        catch_up(view, with, tables, &filled, &now, &mut snapshot).await?;
        differences.reached = now;
    }
    with.progress.begin(Step::Comparing);
    if shown.is_some() {
        find(&mut snapshot, view, tables, most_rows, &mut differences).await?;
    } else {
        differences.added = count(&mut snapshot, tables.table.relation()).await?;
    }
    snapshot.rollback().await?;
    Ok(differences)
}

/// Returns the last event that readers see in each partition.
async fn reached(
    connection: &mut PgConnection,
    view: ViewName,
) -> Result<BTreeMap<i32, u64>, Error> {
    let sql = format!("select partition, sequence from {}", view.checkpoints());
    let rows = sqlx::query(AssertSqlSafe(sql))
        .fetch_all(connection)
        .await?;
    let rows = rows.iter().map(|row| {
        let sequence: i64 = row.try_get(1)?;
        Ok((row.try_get(0)?, sequence.cast_unsigned()))
    });
    rows.collect()
}

/// Folds the events that readers see; all of them if they see none.
async fn fill(
    view: &HostedView,
    with: &Rebuild,
    tables: &Tables,
    reached: Option<&BTreeMap<i32, u64>>,
) -> Result<Vec<Filled>, Error> {
    let mut parts = super::parts(view, with).await?;
    if let Some(reached) = reached {
        for part in &mut parts {
            part.last = reached.get(&part.key.1).copied().unwrap_or_default();
        }
    }
    super::fill_parts(view, with, tables, None, parts).await
}

fn unapplied(aside: &Batch) -> impl Iterator<Item = Unapplied> {
    use crate::batch::Treatment::{Apply, Park, Skip};
    aside.set_aside().map(|(record, step)| Unapplied {
        place: record.place(),
        key: String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()).into_owned(),
        cause: match &step.treatment {
            Park { cause } => cause.clone(),
            Skip { cause } => Some(cause.clone()),
            Apply => None,
        },
    })
}

/// Applies the events that readers have seen since the fill.
async fn catch_up(
    view: &HostedView,
    with: &Rebuild,
    tables: &Tables,
    filled: &[Filled],
    reached: &BTreeMap<i32, u64>,
    transaction: &mut PgConnection,
) -> Result<(), Error> {
    let mut write = view.writer(with.registry.clone(), &tables.table);
    for part in filled {
        let last = reached.get(&part.key.1).copied().unwrap_or_default();
        if part.cursor.sequence >= last {
            continue;
        }
        let (kafka, key) = (with.kafka.clone(), part.key.clone());
        let from = part.cursor.next_offset;
        let records = tokio::task::spawn_blocking(move || read(&kafka, &key, from, last));
        let records = records.await.map_err(|_| Error::Panicked)??;
        for chunk in records.chunks(CHUNK) {
            let written = write.write(transaction, chunk).await;
            written.map_err(|error| match error {
                SinkError::Poison(poison) => Error::Poison(poison),
                other => Error::Sink(other),
            })?;
        }
    }
    Ok(())
}

fn read(
    kafka: &KafkaConfig,
    (topic, partition): &TopicPartition,
    from: i64,
    last: u64,
) -> Result<Vec<Record>, Error> {
    let range = Range {
        partition: Some(*partition),
        from: Some(from),
        ..Range::default()
    };
    let mut reader = Reader::open(kafka, topic, &range)?;
    let mut records = Vec::new();
    loop {
        match reader.next(WAIT)? {
            Next::Record(record) if sequence(&record).is_none_or(|found| found <= last) => {
                records.push(*record);
            }
            Next::Record(_) | Next::End => return Ok(records),
            Next::Nothing => {}
        }
    }
}

/// Finds the rows that differ, by the columns that both sides have.
async fn find(
    connection: &mut PgConnection,
    view: &HostedView,
    tables: &Tables,
    most_rows: u32,
    differences: &mut Differences,
) -> Result<(), Error> {
    let name = view.view_name();
    let table = view.table();
    let live = column_names(connection, &name.rows()).await?;
    let columns = table.columns();
    let (both, new): (Vec<_>, Vec<_>) = columns
        .into_iter()
        .partition(|column| live.iter().any(|name| name == column.name));
    differences.new_columns = new.iter().map(|column| column.name.to_owned()).collect();
    let candidate = column_names(connection, tables.table.relation()).await?;
    differences.lost_columns = live
        .into_iter()
        .filter(|name| !candidate.contains(name))
        .collect();
    let selected = select_list(&both);
    let key: Vec<String> = table
        .key()
        .iter()
        .map(|column| format!("\"{}\"", column.name))
        .collect();
    let equal = key.iter().map(|name| format!("live.{name} = new.{name}"));
    let first = &key[0];
    let from = format!(
        "from (select {selected} from {}) as live full join (select {selected} from {}) as new on {}",
        name.rows(),
        tables.table.relation(),
        equal.collect::<Vec<_>>().join(" and "),
    );
    let counts = format!(
        "select count(*) filter (where live.{first} is null), \
                count(*) filter (where new.{first} is null), \
                count(*) filter (where live.{first} is not null and new.{first} is not null \
                                 and live.* is distinct from new.*), \
                count(*) {from}"
    );
    let counts = sqlx::query(AssertSqlSafe(counts))
        .fetch_one(&mut *connection)
        .await?;
    let count = |column: usize| counts.try_get::<i64, _>(column).map(i64::cast_unsigned);
    (differences.added, differences.removed) = (count(0)?, count(1)?);
    differences.changed = count(2)?;
    differences.same = count(3)? - differences.added - differences.removed - differences.changed;
    if differences.same == count(3)? {
        return Ok(());
    }
    let either = key
        .iter()
        .map(|name| format!("coalesce(live.{name}, new.{name}) as {name}"));
    let rows = format!(
        "select to_jsonb(found) - 'live row' - 'new row', found.\"live row\", found.\"new row\" \
         from (select {}, \
                   case when live.{first} is not null then to_jsonb(live) end as \"live row\", \
                   case when new.{first} is not null then to_jsonb(new) end as \"new row\" \
               {from} where live.* is distinct from new.* order by {} limit {most_rows}) as found",
        either.collect::<Vec<_>>().join(", "),
        (1..=key.len())
            .map(|number| number.to_string())
            .collect::<Vec<_>>()
            .join(", "),
    );
    let rows = sqlx::query(AssertSqlSafe(rows))
        .fetch_all(connection)
        .await?;
    let rows = rows.iter().map(|row| {
        Ok(RowDifference {
            key: row.try_get(0)?,
            live: row.try_get(1)?,
            new: row.try_get(2)?,
        })
    });
    differences.rows = rows.collect::<Result<_, sqlx::Error>>()?;
    Ok(())
}

/// Returns the names of a relation's columns.
async fn column_names(
    connection: &mut PgConnection,
    relation: &str,
) -> Result<Vec<String>, sqlx::Error> {
    let sql = "select attname::text from pg_attribute \
               where attrelid = $1::text::regclass and attnum > 0 and not attisdropped \
               order by attnum";
    sqlx::query_scalar(sql)
        .bind(relation)
        .fetch_all(connection)
        .await
}

async fn count(connection: &mut PgConnection, relation: &str) -> Result<u64, sqlx::Error> {
    let sql = format!("select count(*) from {relation}");
    let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_one(connection)
        .await?;
    Ok(count.cast_unsigned())
}
