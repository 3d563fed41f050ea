//! Parked keys of views: events that a view could not apply, in PostgreSQL. The tool asks for
//! redrives and discards; the projector that has the partition does them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use factline::Timestamp;
use factline_kafka::{Headers, Record, Registry};
use serde_json::{Map, Value, json};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use crate::database;
use crate::output::{Row, cell};
use crate::render;

/// Maximum wait for the projector to do a request.
const PATIENCE: Duration = Duration::from_secs(30);
/// Interval at which the tool looks whether a request is done.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// Maximum number of later events that `show` lists.
const SHOWN: i64 = 100;

/// The schema of the checkpoints of views, see `factline_postgres::view::CHECKPOINTS`.
const SCHEMA: &str = "factline";

/// A parked key of a view. It is named by the place of its first event, or by the key.
#[derive(Debug, Clone)]
pub(super) struct ParkedKey {
    view: String,
    version: i32,
    topic: String,
    partition: i32,
    key: String,
    offset: i64,
    time: Timestamp,
    record: Option<String>,
    cause: String,
    events: i64,
    parked_at: Timestamp,
}

/// Request of an operator.
#[derive(Debug, Clone, Copy)]
pub(super) enum Action {
    Redrive,
    /// Drops the first event, and applies the later ones.
    Discard,
    /// Drops all events.
    DiscardAll,
}

impl Action {
    const fn name(self) -> &'static str {
        match self {
            Self::Redrive => "redrive",
            Self::Discard => "discard",
            Self::DiscardAll => "discard-all",
        }
    }
}

/// Connection to the database, for the views of one topic prefix.
pub(super) struct ParkedKeys {
    connection: PgConnection,
    prefix: String,
}

impl ParkedKeys {
    /// Connects to the database.
    pub(super) async fn connect(url: &str, prefix: &str) -> Result<Self> {
        let mut connection = database::connect(url).await?;
        let exists: bool = sqlx::query_scalar("select to_regclass($1) is not null")
            .bind(format!("{SCHEMA}.parked_key"))
            .fetch_one(&mut connection)
            .await
            .context("cannot look for parked keys")?;
        if !exists {
            bail!("the database has no parked keys: run the migrations of the projectors");
        }
        Ok(Self {
            connection,
            prefix: prefix.to_owned(),
        })
    }

    /// Returns the keys that are parked in a view, or in all views; those parked first come first.
    pub(super) async fn open(&mut self, view: Option<&str>) -> Result<Vec<ParkedKey>> {
        let sql = format!(
            "select k.view, k.version, k.topic, k.partition, k.key, k.record_offset, k.event_time, \
                 r.header_values[array_position(r.header_names, 'ce_type')], k.cause, k.records, \
                 k.parked_at \
             from {SCHEMA}.parked_key k \
             left join {SCHEMA}.parked_record r using (view, version, topic, partition, key, record_offset) \
             where ($1::text is null or k.view = $1) and k.topic ^@ $2 \
             order by k.parked_at, k.view, k.version, k.topic, k.partition, k.record_offset"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(view)
            .bind(&self.prefix)
            .fetch_all(&mut self.connection)
            .await
            .context("cannot read the parked keys")?;
        let keys = rows.iter().map(ParkedKey::decode);
        keys.collect::<Result<_, _>>()
            .context("cannot read the parked keys")
    }

    /// Returns the requests that are done, oldest first: those that have left nothing parked.
    pub(super) async fn settled(&mut self, view: Option<&str>) -> Result<Vec<Row>> {
        let sql = format!(
            "select view, version, topic, partition, key, record_offset, action, actor, note, cause, \
                 applied, discarded, done_at \
             from {SCHEMA}.parked_request \
             where done_at is not null and failure is null \
               and ($1::text is null or view = $1) and topic ^@ $2 order by id"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(view)
            .bind(&self.prefix)
            .fetch_all(&mut self.connection)
            .await
            .context("cannot read the requests of operators")?;
        let rows = rows.iter().map(settled_row);
        rows.collect::<Result<_, _>>()
            .context("cannot read the requests of operators")
    }

    /// Returns the parked keys with these names, in all versions of the view.
    pub(super) async fn named(&mut self, view: &str, names: &[String]) -> Result<Vec<ParkedKey>> {
        let all = self.open(Some(view)).await?;
        let mut found = Vec::new();
        for name in names {
            let before = found.len();
            found.extend(all.iter().filter(|key| key.is_called(name)).cloned());
            if found.len() == before {
                bail!("view {view} has no parked key or event {name}");
            }
        }
        Ok(found)
    }

    /// Returns all fields of a parked key, with its first event and the places of the later ones.
    pub(super) async fn document(&mut self, key: &ParkedKey, registry: &Registry) -> Result<Value> {
        let (Value::Object(mut shown), _) = key.row() else {
            bail!("a row is an object");
        };
        let sql = format!(
            "select record_offset, event_time, header_names, header_values, value, sequence \
             from {SCHEMA}.parked_record \
             where view = $1 and version = $2 and topic = $3 and partition = $4 and key = $5 \
             order by record_offset limit $6"
        );
        let rows = key.bind(&sql).bind(SHOWN + 1);
        let rows = rows.fetch_all(&mut self.connection).await?;
        let mut later = Vec::new();
        for (number, row) in rows.iter().enumerate() {
            let record = key.record(row)?;
            if number == 0 {
                let headers = record.headers.iter();
                let headers: Map<String, Value> = headers
                    .map(|(name, value)| (name.to_owned(), render::text(value).into()))
                    .collect();
                shown.insert("headers".to_owned(), headers.into());
                render::value(registry, &record, &mut shown).await?;
            } else {
                later.push(json!({
                    "place": record.place(), "time": render::instant(record.timestamp),
                    "type": record.headers.last("ce_type").map(render::text),
                }));
            }
        }
        shown.insert("later".to_owned(), later.into());
        shown.insert("requests".to_owned(), self.requests(key).await?.into());
        Ok(Value::Object(shown))
    }

    async fn requests(&mut self, key: &ParkedKey) -> Result<Vec<Value>> {
        let sql = format!(
            "select action, actor, note, requested_at, done_at, applied, discarded, failure \
             from {SCHEMA}.parked_request \
             where view = $1 and version = $2 and topic = $3 and partition = $4 and key = $5 \
             order by id"
        );
        let rows = key.bind(&sql).fetch_all(&mut self.connection).await?;
        let request = |row: &PgRow| -> Result<Value, sqlx::Error> {
            let at: Timestamp = row.try_get(3)?;
            let done: Option<Timestamp> = row.try_get(4)?;
            Ok(json!({
                "action": row.try_get::<String, _>(0)?, "actor": row.try_get::<String, _>(1)?,
                "note": row.try_get::<Option<String>, _>(2)?, "requested_at": render::instant(at),
                "done_at": done.map(render::instant), "applied": row.try_get::<i64, _>(5)?,
                "discarded": row.try_get::<i64, _>(6)?,
                "failure": row.try_get::<Option<String>, _>(7)?,
            }))
        };
        Ok(rows.iter().map(request).collect::<Result<_, _>>()?)
    }

    /// Asks for an action. Returns the number of the request.
    pub(super) async fn request(
        &mut self,
        key: &ParkedKey,
        action: Action,
        actor: &str,
        note: Option<&str>,
    ) -> Result<i64> {
        let sql = format!(
            "insert into {SCHEMA}.parked_request \
                 (view, version, topic, partition, key, record_offset, cause, action, actor, note) \
             select view, version, topic, partition, key, record_offset, cause, $7, $8, $9 \
             from {SCHEMA}.parked_key \
             where view = $1 and version = $2 and topic = $3 and partition = $4 and key = $5 \
               and record_offset = $6 for key share \
             on conflict do nothing returning id"
        );
        let id: Option<i64> = key
            .bind(&sql)
            .bind(key.offset)
            .bind(action.name())
            .bind(actor)
            .bind(note)
            .fetch_optional(&mut self.connection)
            .await
            .context("cannot write the request")?
            .map(|row| row.try_get(0))
            .transpose()?;
        id.with_context(|| {
            format!(
                "{} of view {} has changed meanwhile, or another request for it is not done yet",
                key.place(),
                key.view
            )
        })
    }

    /// Waits until the projector has done a request. Returns the result, and whether nothing of the
    /// key is parked any more.
    pub(super) async fn result(
        &mut self,
        key: &ParkedKey,
        action: Action,
        id: i64,
    ) -> Result<(Row, bool)> {
        let sql = format!(
            "select applied, discarded, failure from {SCHEMA}.parked_request \
             where id = $1 and done_at is not null"
        );
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let done = sqlx::query(AssertSqlSafe(sql.clone()))
                .bind(id)
                .fetch_optional(&mut self.connection)
                .await
                .context("cannot read the result of the request")?;
            if let Some(done) = done {
                let (applied, discarded) = (done.try_get(0)?, done.try_get(1)?);
                let failure: Option<String> = done.try_get(2)?;
                return Ok(key.result(action, applied, discarded, failure.as_deref()));
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        let text = "requested, and not done yet: the projector that has the partition will do it";
        let shown = json!({
            "view": key.view, "version": key.version, "letter": key.place(), "key": key.key,
            "state": "requested",
        });
        Ok(((shown, vec![key.place(), text.to_owned()]), false))
    }
}

impl ParkedKey {
    fn decode(row: &PgRow) -> Result<Self, sqlx::Error> {
        let record: Option<Vec<u8>> = row.try_get(7)?;
        Ok(Self {
            view: row.try_get(0)?,
            version: row.try_get(1)?,
            topic: row.try_get(2)?,
            partition: row.try_get(3)?,
            key: row.try_get(4)?,
            offset: row.try_get(5)?,
            time: row.try_get(6)?,
            record: record.as_deref().map(render::text),
            cause: row.try_get(8)?,
            events: row.try_get(9)?,
            parked_at: row.try_get(10)?,
        })
    }

    /// Returns the place of the first event, which is the name of the letter.
    fn place(&self) -> String {
        format!("{}/{}@{}", self.topic, self.partition, self.offset)
    }

    fn is_called(&self, name: &str) -> bool {
        self.key == name || self.place() == name
    }

    /// Returns the key as one line.
    pub(super) fn row(&self) -> Row {
        let value = json!({
            "of": of(&self.view, self.version), "view": self.view, "version": self.version,
            "letter": self.place(), "key": self.key, "events": self.events,
            "time": render::instant(self.time), "parked_at": render::instant(self.parked_at),
            "type": self.record, "state": "open", "reason": self.cause,
        });
        let mut cells = super::HEADING.map(|name| cell(&value[name]));
        if self.events > 1 {
            cells[6] = format!("{} (and {} later events)", cells[6], self.events - 1);
        }
        (value, cells.to_vec())
    }

    fn result(
        &self,
        action: Action,
        applied: i64,
        discarded: i64,
        failure: Option<&str>,
    ) -> (Row, bool) {
        let state = match (failure, action) {
            (Some(_), _) => "open",
            (None, Action::Redrive) => "redriven",
            (None, Action::Discard | Action::DiscardAll) => "discarded",
        };
        let shown = json!({
            "view": self.view, "version": self.version, "letter": self.place(), "key": self.key,
            "state": state, "applied": applied, "discarded": discarded, "failure": failure,
        });
        let mut text = format!("{state}: {applied} events applied, {discarded} dropped");
        if let Some(failure) = failure {
            text = format!("{text}; still parked: {failure}");
        }
        let cells = vec![self.place(), of(&self.view, self.version), text];
        ((shown, cells), failure.is_none())
    }

    /// Begins a statement whose first arguments are the primary key.
    fn bind(
        &self,
        sql: &str,
    ) -> sqlx::query::Query<'_, sqlx::Postgres, sqlx::postgres::PgArguments> {
        sqlx::query(AssertSqlSafe(sql.to_owned()))
            .bind(&self.view)
            .bind(self.version)
            .bind(&self.topic)
            .bind(self.partition)
            .bind(&self.key)
    }

    fn record(&self, row: &PgRow) -> Result<Record, sqlx::Error> {
        let names: Vec<String> = row.try_get(2)?;
        let values: Vec<Vec<u8>> = row.try_get(3)?;
        let mut headers = Headers::with_capacity(names.len());
        for (name, value) in names.iter().zip(&values) {
            headers.push(name, value);
        }
        Ok(Record {
            topic: self.topic.clone(),
            partition: self.partition,
            offset: row.try_get(0)?,
            timestamp: row.try_get(1)?,
            key: Some(self.key.as_bytes().to_vec()),
            headers,
            value: row.try_get(4)?,
        })
    }
}

fn of(view: &str, version: i32) -> String {
    format!("view {view} v{version}")
}

fn settled_row(row: &PgRow) -> Result<Row, sqlx::Error> {
    let (view, version): (String, i32) = (row.try_get(0)?, row.try_get(1)?);
    let (topic, partition): (String, i32) = (row.try_get(2)?, row.try_get(3)?);
    let (offset, action): (i64, String) = (row.try_get(5)?, row.try_get(6)?);
    let done_at: Timestamp = row.try_get(12)?;
    let state = match action.as_str() {
        "redrive" => "redriven",
        _ => "discarded",
    };
    let value = json!({
        "of": of(&view, version), "view": view, "version": version,
        "letter": format!("{topic}/{partition}@{offset}"), "key": row.try_get::<String, _>(4)?,
        "time": render::instant(done_at), "state": state, "reason": row.try_get::<String, _>(9)?,
        "applied": row.try_get::<i64, _>(10)?, "discarded": row.try_get::<i64, _>(11)?,
        "actor": row.try_get::<String, _>(7)?, "note": row.try_get::<Option<String>, _>(8)?,
    });
    let cells = super::HEADING.map(|name| cell(&value[name])).to_vec();
    Ok((value, cells))
}
