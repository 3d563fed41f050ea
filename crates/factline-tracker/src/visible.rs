//! The views in which an operation is visible. For each view that consumes its events, the view's
//! checkpoints are compared with the operation's position.
//!
//! Views are found by their stable names, in the schema `read` of the tracker's own database. A
//! view in another database, or one whose checkpoints the tracker may not select, is not mentioned.

pub mod samples;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use factline::Position;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row as _};

/// Time for which the names of the views are kept. A new view is mentioned after it.
const KEPT: Duration = Duration::from_secs(10);

/// The end of the name of a view's checkpoints.
const SUFFIX: &str = "_checkpoint";

/// The identity of a topic and the last sequence that was applied, by topic and partition.
type Checkpoints = BTreeMap<(String, i32), (String, i64)>;

/// The views of the database. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Views(Arc<Mutex<Option<Known>>>);

#[derive(Debug, Clone)]
struct Known {
    at: Instant,
    names: Arc<[String]>,
}

impl Views {
    /// Returns for each view that consumes events of the position whether it has applied them.
    pub(crate) async fn show(
        &self,
        pool: &PgPool,
        position: &Position,
    ) -> Result<BTreeMap<String, bool>, sqlx::Error> {
        let mut connection = pool.acquire().await?;
        let names = self.names(&mut connection).await?;
        if names.is_empty() {
            return Ok(BTreeMap::new());
        }
        let topics: Vec<&str> = position
            .points()
            .iter()
            .map(|point| point.topic.as_str())
            .collect();
        let of_view = |name: &String| {
            format!(
                "select '{name}' as view, topic, partition, topic_identity, sequence \
                 from read.{name}{SUFFIX} where topic = any($1)"
            )
        };
        let query: Vec<String> = names.iter().map(of_view).collect();
        let rows = sqlx::query(AssertSqlSafe(query.join(" union all ")))
            .bind(topics)
            .fetch_all(&mut *connection)
            .await?;
        let mut reached = BTreeMap::<String, Checkpoints>::new();
        for row in &rows {
            let place = (row.try_get("topic")?, row.try_get("partition")?);
            let checkpoint = (row.try_get("topic_identity")?, row.try_get("sequence")?);
            let of_view = reached.entry(row.try_get("view")?).or_default();
            of_view.insert(place, checkpoint);
        }
        let shown = reached.into_iter().map(|(view, reached)| {
            let consumed = position
                .points()
                .iter()
                .filter(|point| reached.keys().any(|(topic, _)| *topic == point.topic));
            let is_visible = consumed.into_iter().all(|point| {
                let place = (point.topic.clone(), point.partition);
                reached.get(&place).is_some_and(|(identity, sequence)| {
                    *identity == point.identity && sequence.cast_unsigned() >= point.sequence
                })
            });
            (view, is_visible)
        });
        Ok(shown.collect())
    }

    /// Returns the names of the views that the tracker may ask.
    async fn names(&self, connection: &mut PgConnection) -> Result<Arc<[String]>, sqlx::Error> {
        let known = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(known) = known.filter(|known| known.at.elapsed() < KEPT) {
            return Ok(known.names);
        }
        // Only names that need no quotes, which are those of views.
        let names: Vec<String> = sqlx::query_scalar(
            "select left(relname, -length($1)) from pg_class \
             join pg_namespace on pg_namespace.oid = relnamespace \
             where nspname = 'read' and relkind = 'v' \
               and relname ~ ('^[a-z][a-z0-9_]*' || $1 || '$') \
               and has_schema_privilege(pg_namespace.oid, 'usage') \
               and has_table_privilege(pg_class.oid, 'select') \
             order by 1",
        )
        .bind(SUFFIX)
        .fetch_all(connection)
        .await?;
        let names: Arc<[String]> = names.into();
        let known = Known {
            at: Instant::now(),
            names: Arc::clone(&names),
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        Ok(names)
    }
}
