//! Views without SQL: a JSON document for each aggregate, folded from its events.

use std::marker::PhantomData;

use factline::{AggregateType, EventOf, Projection, Recorded};
use factline_postgres::view::Rows;
use factline_postgres::{RowId, View};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::{Error, PgConnection, PgExecutor};

/// The document of one aggregate. To search or sort by its contents, or to aggregate over several
/// documents, write a [`View`].
pub trait Document:
    Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static
{
    /// The aggregate type that has the document.
    type Source: AggregateType;
    /// Stable name.
    const NAME: &'static str;
    /// Version of the document. Raise it with every change of the contents; the new version is
    /// built from the first event on.
    const VERSION: i32;

    /// Returns the document after the event; `None` means no document. It cannot fail, because the
    /// event has happened.
    fn apply(document: Option<Self>, event: &Recorded<EventOf<Self::Source>>) -> Option<Self>;
}

/// Returns the document of an aggregate, if it has one.
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
    type Source = D::Source;
    type Key = String;
    type Row = D;

    fn keys(event: &Recorded<EventOf<D::Source>>) -> Vec<String> {
        vec![event.envelope.subject.clone()]
    }

    fn apply(_: &String, document: Option<D>, event: &Recorded<EventOf<D::Source>>) -> Option<D> {
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
        // Every document returns with the partition that was asked for, because all events of an
        // aggregate are in one partition.
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
