//! Resources over documents: the document is the response.

use factline::{AggregateType, Recorded};
use factline_postgres::view::CHECKPOINTS;
use factline_postgres::{Document, GeneratedColumn, HostedView, migration};
use factline_read::{Filter, Id, Resource, Rows, Sort, asc, desc, plans};
use factline_testkit::messages;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::stage::{Stage, database, sql};

struct ShelfType;

impl AggregateType for ShelfType {
    const NAME: &'static str = "library.shelf";
    const PARTITIONS: i32 = 1;
    type Command = Message;
    type Event = Message;
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Built {}

messages! {
    pub(crate) enum Message {
        Built = "library.Built": r#"{"type":"record","name":"Built","namespace":"library","fields":[]}"#,
    }
}

/// A shelf of the library.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
struct Shelf {
    room: String,
    books: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lamp: Option<String>,
}

impl Document for Shelf {
    type Source = ShelfType;
    const NAME: &'static str = "shelves";
    const VERSION: i32 = 1;
    const COLUMNS: &'static [GeneratedColumn] = &[
        GeneratedColumn::text("room").not_null(),
        GeneratedColumn::bigint("books").not_null(),
    ];
    const INDEXES: &'static [&'static str] = &["room, id", "books desc, id desc"];

    fn apply(shelf: Option<Self>, _: &Recorded<Message>) -> Option<Self> {
        shelf
    }
}

const SHELVES: Rows = Rows::document::<Shelf>();

const RESOURCES: &[Resource] = &[Resource::new("shelf")
    .items(&[SHELVES.item("/shelves/{id}", Id::text("id", "[a-z]{1,9}"))])
    .lists(&[SHELVES
        .list("/shelves", &[BY_ROOM, MOST_BOOKS_FIRST])
        .filters(&[Filter::prefix("room", "room")])])];

const BY_ROOM: Sort = Sort::by("room", &[asc("room"), asc("id")], &["shelves_room_id_idx"]);
const MOST_BOOKS_FIRST: Sort = Sort::by(
    "-books",
    &[desc("books"), desc("id")],
    &["shelves_books_id_idx"],
)
.without(&["room"]);

#[tokio::test(flavor = "multi_thread")]
async fn document_is_the_response() {
    let pool = database().await;
    migration::checkpoints(&pool, CHECKPOINTS).await.unwrap();
    let view = HostedView::document::<Shelf>();
    view.migrate(&pool).await.unwrap();
    plans::check(RESOURCES, &pool).await.unwrap();
    sql(
        &pool,
        r#"insert into shelves_v1.shelves (id, document) values
               ('a', '{"room": "north 1", "books": 3, "lamp": "green"}'),
               ('b', '{"room": "north 2", "books": 7}'),
               ('c', '{"room": "south", "books": 7}')"#,
    )
    .await;
    let stage = Stage::with(pool, RESOURCES).await;
    assert_eq!(
        stage.get("/shelves/a").await.body,
        json!({"room": "north 1", "books": 3, "lamp": "green"})
    );
    assert_eq!(
        stage.items("/shelves?room=north").await,
        [
            json!({"room": "north 1", "books": 3, "lamp": "green"}),
            json!({"room": "north 2", "books": 7}),
        ]
    );
    let most = stage.pages("/shelves?sort=-books", 1).await;
    let rooms: Vec<_> = most.iter().map(|shelf| shelf["room"].as_str()).collect();
    assert_eq!(rooms, [Some("south"), Some("north 2"), Some("north 1")]);
}
