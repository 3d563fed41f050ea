//! Views without SQL: a JSON document for each aggregate, folded from its events.

use std::marker::PhantomData;

use factline::{Messages, Projection, Recorded};
use factline_postgres::view::Rows;
use factline_postgres::{RowId, View};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::{Error, PgConnection, PgExecutor};

/// What is kept of one aggregate. To find or to sort by what is in it, or to add up over aggregates, write a [`View`].
pub trait Document:
    Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static
{
    /// The events of the aggregate.
    type Event: Messages;
    /// Stable name.
    const NAME: &'static str;
    /// Raised with every change of what a document holds; the new version is filled from the first event on.
    const VERSION: i32;

    /// The document after the event; `None` is no document. It cannot fail: the event has happened.
    fn apply(document: Option<Self>, event: &Recorded<Self::Event>) -> Option<Self>;
}

/// The document of an aggregate, if it has one.
pub(crate) async fn find<D: Document>(
    executor: impl PgExecutor<'_>,
    id: &str,
) -> Result<Option<D>, Error> {
    let contents: Option<String> = sqlx::query_scalar(
        "select contents::text from documents.document where view = $1 and version = $2 and id = $3",
    )
    .bind(D::NAME)
    .bind(D::VERSION)
    .bind(id)
    .fetch_optional(executor)
    .await?;
    contents.map(|contents| decode(&contents)).transpose()
}

/// The view of a document.
pub(crate) struct Documents<D>(PhantomData<D>);

impl<D: Document> Projection for Documents<D> {
    type Event = D::Event;
    type Key = String;
    type Row = D;

    fn keys(event: &Recorded<D::Event>) -> Vec<String> {
        vec![event.envelope.subject.clone()]
    }

    fn apply(_: &String, document: Option<D>, event: &Recorded<D::Event>) -> Option<D> {
        D::apply(document, event)
    }
}

impl<D: Document> View for Documents<D> {
    const NAME: &'static str = D::NAME;
    const VERSION: i32 = D::VERSION;

    async fn load(
        connection: &mut PgConnection,
        ids: &[RowId<String>],
    ) -> Result<Rows<Self>, Error> {
        // The partition comes back as it went in: an aggregate's events are all in one.
        let rows: Vec<(String, i32, String)> = sqlx::query_as(
            "select id, source_partition, contents::text \
             from unnest($3::text[], $4::integer[]) as wanted (id, source_partition) \
             join documents.document using (id) where view = $1 and version = $2",
        )
        .bind(D::NAME)
        .bind(D::VERSION)
        .bind(keys(ids))
        .bind(ids.iter().map(|id| id.source_partition).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
        let rows = rows.into_iter().map(|(key, source_partition, contents)| {
            let id = RowId {
                key,
                source_partition,
            };
            Ok((id, decode(&contents)?))
        });
        rows.collect()
    }

    async fn upsert(
        connection: &mut PgConnection,
        rows: &[(RowId<String>, D)],
    ) -> Result<(), Error> {
        let contents: Result<Vec<String>, _> = rows
            .iter()
            .map(|(_, document)| serde_json::to_string(document))
            .collect();
        let ids: Vec<&str> = rows.iter().map(|(id, _)| id.key.as_str()).collect();
        sqlx::query(
            "insert into documents.document (view, version, id, contents) \
             select $1, $2, id, contents::jsonb from unnest($3::text[], $4::text[]) as made (id, contents) \
             on conflict (view, version, id) do update set contents = excluded.contents",
        )
        .bind(D::NAME)
        .bind(D::VERSION)
        .bind(ids)
        .bind(contents.map_err(|error| Error::Encode(error.into()))?)
        .execute(connection)
        .await?;
        Ok(())
    }

    async fn delete(connection: &mut PgConnection, ids: &[RowId<String>]) -> Result<(), Error> {
        sqlx::query(
            "delete from documents.document where view = $1 and version = $2 and id = any($3)",
        )
        .bind(D::NAME)
        .bind(D::VERSION)
        .bind(keys(ids))
        .execute(connection)
        .await?;
        Ok(())
    }
}

fn keys(ids: &[RowId<String>]) -> Vec<&str> {
    ids.iter().map(|id| id.key.as_str()).collect()
}

fn decode<D: Document>(contents: &str) -> Result<D, Error> {
    serde_json::from_str(contents).map_err(|error| Error::Decode(error.into()))
}
