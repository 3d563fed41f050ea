//! Tracker and projectors share a database, and neither can write the other's schemas.

use factline_dev_servers::Servers;
use sqlx::PgPool;

#[tokio::test(flavor = "multi_thread")]
async fn tracker_and_projectors_cannot_write_each_others_schemas() {
    let postgres = tokio::task::spawn_blocking(|| {
        let postgres = &Servers::shared().postgres;
        postgres.create_database("rights").unwrap();
        postgres
    });
    let postgres = postgres.await.unwrap();
    let connect = async |role| {
        PgPool::connect(&postgres.url("rights", role))
            .await
            .unwrap()
    };
    let tracker = connect("factline_tracker").await;
    let projector = connect("factline_projector").await;
    factline_tracker::service::migrate(&tracker).await.unwrap();
    factline_postgres::process::migrate(&projector, projectors::views::ALL)
        .await
        .unwrap();

    let forbidden = [
        (&projector, "delete from operations.operation"),
        (
            &projector,
            "update operations.checkpoint set next_offset = 0",
        ),
        (&projector, "create table operations.mine ()"),
        (&projector, "drop schema operations cascade"),
        (&tracker, "delete from orders_v2.orders"),
        (&tracker, "update factline.checkpoint set next_offset = 0"),
        (&tracker, "create table factline.mine ()"),
        (&tracker, "drop schema orders_v2 cascade"),
    ];
    for (role, statement) in forbidden {
        let refused = sqlx::raw_sql(statement).execute(role).await.unwrap_err();
        let error = refused.as_database_error().unwrap();
        let code = error.code();
        assert_eq!(code.as_deref(), Some("42501"), "{statement}: {refused}");
    }
    // Each role may do the same in its own schemas.
    for (role, statement) in [
        (&tracker, "delete from operations.operation"),
        (&projector, "delete from orders_v2.orders"),
    ] {
        sqlx::raw_sql(statement).execute(role).await.unwrap();
    }
}
