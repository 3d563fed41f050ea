//! Redrives and discards of parked keys, exactly once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use factline_postgres::PoisonPolicy;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::stage::{Running, Stage, Written, eventually};

impl Stage {
    /// Asks for a redrive or a discard as the tool does, with the offset of the first parked
    /// record.
    async fn request(&self, key: &str, offset: i64, action: &str) -> i64 {
        let sql = "insert into factline.parked_request \
                       (view, version, topic, partition, key, record_offset, action, actor, cause) \
                   select view, version, topic, partition, key, $2, $3, 'ada', cause \
                   from factline.parked_key where key = $1 returning id";
        sqlx::query_scalar(sql)
            .bind(key)
            .bind(offset)
            .bind(action)
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    /// Waits until a request is done. Returns the numbers of applied and discarded records, and the
    /// reason for which the key is still parked.
    async fn until_done(&self, request: i64) -> (i64, i64, Option<String>) {
        let done = async || {
            let sql = "select applied, discarded, failure from factline.parked_request \
                       where id = $1 and done_at is not null";
            let row = sqlx::query_as(sql).bind(request);
            row.fetch_optional(&self.pool).await.unwrap()
        };
        eventually("the request is done", async || {
            let row: Option<(i64, i64, Option<String>)> = done().await;
            row.is_some()
        })
        .await;
        done().await.unwrap()
    }

    /// Returns the sequences of all written records, in the order in which they were written.
    async fn in_order(&self) -> Vec<i64> {
        sqlx::query_scalar("select sequence from stage.written order by number")
            .fetch_all(&self.pool)
            .await
            .unwrap()
    }

    /// Parks key b: its records are those with an even sequence up to 6, at one offset less.
    async fn park_b(&self, group: &str, sink: &Written) -> Running {
        let host = self.follow_by(group, None, sink);
        self.append_keyed(vec![
            (0, 1, b"a", "good"),
            (0, 2, b"b", "poison"),
            (0, 3, b"a", "good"),
            (0, 4, b"b", "good"),
            (0, 5, b"a", "good"),
            (0, 6, b"b", "poison"),
        ])
        .await;
        self.until_reached(6).await;
        assert_eq!(self.parked().await, [("b".to_owned(), vec![2, 4, 6])]);
        host
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redriven_key_has_all_records_in_order_and_continues() {
    let stage = Stage::set(1).await;
    let sink = Written::with(PoisonPolicy::Park);
    let host = stage.park_b("group", &sink).await;

    // Before the repair it stays parked.
    let request = stage.request("b", 1, "redrive").await;
    let failed = (0, 0, Some("poison value".to_owned()));
    assert_eq!(stage.until_done(request).await, failed);
    assert_eq!(stage.parked().await, [("b".to_owned(), vec![2, 4, 6])]);
    assert_eq!(stage.in_order().await, [1, 3, 5]);

    sink.repair();
    let request = stage.request("b", 1, "redrive").await;
    assert_eq!(stage.until_done(request).await, (3, 0, None));
    assert_eq!(stage.parked().await, []);
    assert_eq!(stage.parked_keys().await, []);
    stage
        .append_keyed(vec![(0, 7, b"b", "poison"), (0, 8, b"a", "good")])
        .await;
    stage.until_reached(8).await;
    assert_eq!(stage.in_order().await, [1, 3, 5, 2, 4, 6, 7, 8]);
    host.until_ready().await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_before_a_second_failure_are_applied() {
    let stage = Stage::set(1).await;
    let sink = Written::with(PoisonPolicy::Park);
    let host = stage.park_b("group", &sink).await;
    // The first record is dropped, the second is good, the third fails.
    let request = stage.request("b", 1, "discard").await;
    let failed = (1, 1, Some("poison value".to_owned()));
    assert_eq!(stage.until_done(request).await, failed);
    assert_eq!(stage.in_order().await, [1, 3, 5, 4]);
    let keys = stage.parked_keys().await;
    assert_eq!(keys, [("b".to_owned(), 6, 1, "poison value".to_owned())]);

    // The same discard again, of a record that is not the first one any more.
    let request = stage.request("b", 1, "discard").await;
    let (applied, discarded, failure) = stage.until_done(request).await;
    assert_eq!((applied, discarded), (0, 0));
    let failure = failure.unwrap();
    assert!(failure.contains("not the first one"), "{failure}");
    assert_eq!(stage.parked().await, [("b".to_owned(), vec![6])]);

    stage.append_keyed(vec![(0, 7, b"b", "good")]).await;
    stage.until_reached(7).await;
    let request = stage.request("b", 5, "discard").await;
    assert_eq!(stage.until_done(request).await, (1, 1, None));
    assert_eq!(stage.in_order().await, [1, 3, 5, 4, 7]);
    assert_eq!(stage.parked_keys().await, []);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn key_that_is_discarded_continues_with_its_next_record() {
    let stage = Stage::set(1).await;
    let sink = Written::with(PoisonPolicy::Park);
    let host = stage.park_b("group", &sink).await;
    let request = stage.request("b", 1, "discard-all").await;
    assert_eq!(stage.until_done(request).await, (0, 3, None));
    assert_eq!(stage.parked_keys().await, []);
    stage.append_keyed(vec![(0, 7, b"b", "good")]).await;
    stage.until_reached(7).await;
    assert_eq!(stage.in_order().await, [1, 3, 5, 7]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_records_of_a_key_are_redriven_in_several_transactions() {
    const RECORDS: u64 = 2_500;
    let stage = Stage::set(1).await;
    let sink = Written::with(PoisonPolicy::Park);
    let host = stage.follow_by("group", None, &sink);
    // The database refuses one in the middle: it is found by halves, and discarded.
    let value = |sequence| match sequence {
        1 => "poison",
        1_300 => "no text has a \0",
        _ => "good",
    };
    let events = (1..=RECORDS).map(|sequence| (0, sequence, &b"b"[..], value(sequence)));
    stage.append_keyed(events.collect()).await;
    stage.until_reached(RECORDS).await;
    assert_eq!(stage.in_order().await, [0; 0]);
    sink.repair();
    let request = stage.request("b", 0, "redrive").await;
    let (applied, _, failure) = stage.until_done(request).await;
    assert_eq!(applied, 1_299);
    assert!(failure.unwrap().contains("invalid byte sequence"));
    let request = stage.request("b", 1_299, "discard").await;
    assert_eq!(stage.until_done(request).await, (1_200, 1, None));
    let expected: Vec<i64> = (1..=2_500).filter(|sequence| *sequence != 1_300).collect();
    assert_eq!(stage.in_order().await, expected);
    assert_eq!(stage.parked_keys().await, []);
    host.stop().await;
}

/// Pool of one connection. While a test holds it, the host stalls before its next transaction.
async fn single(stage: &Stage) -> (PgPool, Arc<AtomicUsize>) {
    let acquisitions = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&acquisitions);
    let options = PgPoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .idle_timeout(None)
        .before_acquire(move |_, _| {
            count.fetch_add(1, Ordering::Relaxed);
            Box::pin(async { Ok(true) })
        });
    let pool = options.connect(stage.url()).await.unwrap();
    (pool, acquisitions)
}

/// Each host is in a group of its own, so that each is assigned the partition, as a paused zombie
/// still assumes. A redrive moves no offset, so only the count of redrives stops the zombie.
#[tokio::test(flavor = "multi_thread")]
async fn zombie_parks_no_record_of_a_key_that_was_redriven() {
    let stage = Stage::set(1).await;
    let sink = Written::with(PoisonPolicy::Park);
    let owner = stage.park_b("owner", &sink).await;
    let (pool, acquisitions) = single(&stage).await;
    let zombie = stage.follow_by("zombie", Some(&pool), &sink);
    zombie.until_ready().await;
    let held = pool.acquire().await.unwrap();

    sink.repair();
    let request = stage.request("b", 1, "redrive").await;
    assert_eq!(stage.until_done(request).await, (3, 0, None));
    owner.stop().await;
    // The zombie is the only follower now, and knows key b as parked.
    stage.append_keyed(vec![(0, 7, b"b", "good")]).await;
    let before = acquisitions.load(Ordering::Relaxed);
    drop(held);
    eventually("the zombie has begun two transactions", async || {
        acquisitions.load(Ordering::Relaxed) >= before + 2
    })
    .await;
    stage.until_reached(7).await;
    assert_eq!(stage.parked().await, []);
    assert_eq!(stage.in_order().await, [1, 3, 5, 2, 4, 6, 7]);
    zombie.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_owners_redrive_each_record_once() {
    let stage = Stage::set(1).await;
    let sink = Written::with(PoisonPolicy::Park);
    let one = stage.park_b("one", &sink).await;
    let other = stage.follow_by("other", None, &sink);
    other.until_ready().await;
    sink.repair();
    let request = stage.request("b", 1, "redrive").await;
    assert_eq!(stage.until_done(request).await, (3, 0, None));
    for sequence in 7..=12 {
        stage.append_keyed(vec![(0, sequence, b"b", "good")]).await;
    }
    stage.until_reached(12).await;
    let expected = [1, 3, 5, 2, 4, 6, 7, 8, 9, 10, 11, 12];
    assert_eq!(stage.in_order().await, expected);
    assert_eq!(stage.parked_keys().await, []);
    one.stop().await;
    other.stop().await;
}
