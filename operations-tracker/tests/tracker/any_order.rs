//! Records in any order, in any batches and any number of times give the same row.

use chrono::TimeDelta;
use factline::Timestamp;
use factline::outcome::State;
use factline_tracker::batch;
use factline_tracker::fold::fold;
use factline_tracker::observation::{RecordId, StatusUpdate, Step};
use factline_tracker::store::{self, Operation, Steps};
use sqlx::{PgPool, Row as _};
use uuid::Uuid;

use crate::system::database;

/// Returns the updates of a command, its running state and two terminal outcomes, of which the one
/// with the lower offset wins.
pub(crate) fn updates(id: Uuid) -> [StatusUpdate; 4] {
    let began = Timestamp::UNIX_EPOCH + TimeDelta::days(20_000);
    let update = |topic: &str, offset, state, seconds: i64| StatusUpdate {
        id,
        record_id: RecordId {
            topic: format!("catalog.product.{topic}"),
            partition: 0,
            // A location belongs to one record, and a record to one operation.
            offset: i64::try_from(id.as_u128()).unwrap() * 100 + offset,
        },
        kind: "command",
        state,
        name: "catalog.RenameProduct".to_owned(),
        aggregate: "catalog.product".to_owned(),
        resource_id: Some("p-1".to_owned()),
        code: None,
        reason: None,
        user_id: "anonymous".to_owned(),
        version: None,
        position: None,
        // Each record has its own value, which shows the record that the row is from.
        parent: Some(Uuid::from_u64_pair(1, seconds.cast_unsigned())),
        root: Some(Uuid::from_u64_pair(2, seconds.cast_unsigned())),
        retry_of: Some(Uuid::from_u64_pair(3, seconds.cast_unsigned())),
        expires_at: None,
        pending: None,
        running: None,
        created_at: began + TimeDelta::seconds(5),
        updated_at: began + TimeDelta::seconds(seconds),
    };
    let command = with_step(StatusUpdate {
        created_at: began,
        expires_at: Some(began + TimeDelta::seconds(60)),
        ..update("commands", 40, State::Pending, 6)
    });
    let running = with_step(StatusUpdate {
        position: Some("1ab".to_owned()),
        ..update("outcomes", 7, State::Running, 7)
    });
    let completed = StatusUpdate {
        version: Some(3),
        position: Some("1abc".to_owned()),
        ..update("outcomes", 8, State::Completed, 8)
    };
    let rejected = StatusUpdate {
        kind: "deadline",
        code: Some("name_taken".to_owned()),
        reason: Some("the name is taken".to_owned()),
        ..update("outcomes", 9, State::Rejected, 9)
    };
    [command, running, completed, rejected]
}

/// Adds the step that the record of an update is.
fn with_step(update: StatusUpdate) -> StatusUpdate {
    let step = Some(Step {
        partition: update.record_id.partition,
        offset: update.record_id.offset,
        at: update.updated_at,
    });
    match update.state {
        State::Pending => StatusUpdate {
            pending: step,
            ..update
        },
        _ => StatusUpdate {
            running: step,
            ..update
        },
    }
}

/// Returns every order of every non-empty selection of four elements.
fn arrangements() -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = vec![vec![]];
    let mut from = 0;
    while from < all.len() {
        for next in 0..4 {
            if !all[from].contains(&next) {
                let mut longer = all[from].clone();
                longer.push(next);
                all.push(longer);
            }
        }
        from += 1;
    }
    all.split_off(1)
}

pub(crate) async fn write(pool: &PgPool, batch: Vec<StatusUpdate>) {
    let mut transaction = pool.begin().await.unwrap();
    batch::write(&mut transaction, &fold(batch)).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn anomalies(pool: &PgPool, id: Uuid) -> Vec<(i64, String)> {
    let query =
        r#"select "offset", state from operations.anomaly where operation_id = $1 order by 1"#;
    let rows = sqlx::query(query).bind(id).fetch_all(pool).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Returns the expected row, computed without the code under test.
fn expected(id: Uuid, seen: &[usize]) -> Operation {
    let all = updates(id);
    let shown = [2, 3, 1, 0]
        .into_iter()
        .find(|one| seen.contains(one))
        .unwrap();
    let shown = &all[shown];
    Operation {
        id,
        kind: shown.kind.to_owned(),
        name: shown.name.clone(),
        state: shown.state.as_str().to_owned(),
        aggregate: shown.aggregate.clone(),
        resource_id: shown.resource_id.clone(),
        code: shown.code.clone(),
        reason: shown.reason.clone(),
        user_id: shown.user_id.clone(),
        version: shown.version,
        position: shown.position.clone(),
        parent: shown.parent,
        root: shown.root,
        retry_of: shown.retry_of,
        rank: shown.rank(),
        record_id: shown.record_id.clone(),
        expires_at: seen.iter().find_map(|one| all[*one].expires_at),
        created_at: seen.iter().map(|one| all[*one].created_at).min().unwrap(),
        updated_at: shown.updated_at,
        steps: Steps::new(
            seen.iter().find_map(|one| all[*one].pending),
            seen.iter().find_map(|one| all[*one].running),
        ),
    }
}

pub(crate) async fn check(pool: &PgPool, id: Uuid, order: &[usize], how: &str) {
    let found = store::find(pool, id).await.unwrap().unwrap();
    assert_eq!(found.operation, expected(id, order), "{order:?} {how}");
    let both_ends = order.contains(&2) && order.contains(&3);
    let lost = updates(id)[3].record_id.offset;
    let anomaly = both_ends.then(|| (lost, "rejected".to_owned()));
    assert_eq!(
        anomalies(pool, id).await,
        Vec::from_iter(anomaly),
        "{order:?} {how}"
    );
}

#[tokio::test]
async fn row_is_the_same_for_every_order_batching_and_repetition() {
    let pool = database().await;
    let mut next = 0;
    for order in arrangements() {
        // Bit n of `cuts` is set if a batch ends after the n-th record.
        for cuts in 0..1_u32 << (order.len() - 1) {
            for twice in [false, true] {
                next += 1;
                let id = Uuid::from_u128(next);
                let all = updates(id);
                let mut batch = Vec::new();
                for (index, one) in order.iter().enumerate() {
                    batch.push(all[*one].clone());
                    if twice {
                        batch.push(all[*one].clone());
                    }
                    if cuts & (1 << index) != 0 {
                        write(&pool, std::mem::take(&mut batch)).await;
                    }
                }
                write(&pool, batch).await;
                if twice {
                    for one in &order {
                        write(&pool, vec![all[*one].clone()]).await;
                    }
                }
                check(&pool, id, &order, &format!("cuts {cuts:b} twice {twice}")).await;
            }
        }
    }
}

#[tokio::test]
async fn concurrent_writers_of_the_same_operations_neither_block_nor_differ() {
    let pool = database().await;
    let ids: Vec<Uuid> = (1..200).map(Uuid::from_u128).collect();
    let mut writers = Vec::new();
    for one in 0..4 {
        let batch: Vec<StatusUpdate> = ids.iter().map(|id| updates(*id)[one].clone()).collect();
        let pool = pool.clone();
        writers.push(tokio::spawn(async move { write(&pool, batch).await }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    for id in ids {
        check(&pool, id, &[0, 1, 2, 3], "at once").await;
    }
}
