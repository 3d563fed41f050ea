//! Readiness names a view that does not exist, and notices when it is made.

use factline_read::{Id, Resource, Rows, readiness};
use factline_service::Health;
use factline_testkit::eventually;
use tokio_util::sync::CancellationToken;

use crate::library::{BOOKS, ISBN, Loan};
use crate::stage::{database, sql};

const RESOURCES: &[Resource] = &[
    Resource::new("book").items(&[BOOKS.item("/books/{id}", ISBN)]),
    Resource::new("reader")
        .items(&[Rows::of::<Loan>("readers").item("/readers/{id}", Id::uuid("reader_id"))]),
];

#[tokio::test(flavor = "multi_thread")]
async fn missing_view_is_named_until_it_is_made() {
    let pool = database().await;
    let (health, shutdown) = (Health::default(), CancellationToken::new());
    health.expect(readiness::COMPONENT);
    tokio::spawn(readiness::watch(
        RESOURCES,
        pool.clone(),
        health.clone(),
        shutdown.clone(),
    ));
    let reason = "database: relation \"read.readers_checkpoint\" does not exist: run the migrations \
                  of the projector that has the view, or correct the name of the view in its resource";
    eventually("the view is missing", async || health.reasons() == [reason]).await;
    sql(&pool, "create table read.readers_checkpoint ()").await;
    let reason = reason.replace("readers_checkpoint", "readers_parked");
    eventually("the parked keys are missing", async || {
        health.reasons() == [reason.as_str()]
    })
    .await;
    sql(&pool, "create table read.readers_parked ()").await;
    let reason = reason.replace("readers_parked", "readers_state");
    eventually("the state is missing", async || {
        health.reasons() == [reason.as_str()]
    })
    .await;
    sql(&pool, "create table read.readers_state ()").await;
    eventually("the view exists", async || health.reasons().is_empty()).await;
    shutdown.cancel();
}
