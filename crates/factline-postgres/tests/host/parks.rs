//! A record that cannot be written parks its key, and the other keys continue.

use factline_postgres::PoisonPolicy;

use crate::stage::{Stage, Written, all, eventually};

impl Stage {
    /// Returns the parked records of each key, as their sequences in order.
    pub(crate) async fn parked(&self) -> Vec<(String, Vec<i64>)> {
        let sql = "select key, array_agg(sequence order by record_offset) \
                   from factline.parked_record group by key order by key";
        sqlx::query_as(sql).fetch_all(&self.pool).await.unwrap()
    }

    /// Returns the parked keys: the first sequence, the number of records, and the cause.
    pub(crate) async fn parked_keys(&self) -> Vec<(String, i64, i64, String)> {
        let sql = "select key, sequence, records, cause from factline.parked_key order by key";
        sqlx::query_as(sql).fetch_all(&self.pool).await.unwrap()
    }

    /// Waits until the checkpoint of partition 0 has this sequence.
    pub(crate) async fn until_reached(&self, sequence: u64) {
        eventually("the checkpoint has the sequence", async || {
            let checkpoints = self.checkpoints().await.into_iter();
            let mut first = checkpoints.filter(|known| known.partition == 0);
            first.any(|known| known.cursor.sequence == sequence)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_record_parks_its_key_and_other_keys_continue() {
    let stage = Stage::set(2).await;
    let sink = Written::with(PoisonPolicy::Park);
    stage
        .append_keyed(vec![
            (0, 1, b"a", "good"),
            (0, 2, b"b", "poison"),
            (0, 3, b"a", "good"),
            (0, 4, b"b", "good"),
            (1, 1, b"c", "good"),
            (0, 5, b"d", "no text has a \0"),
            (0, 6, b"a", "good"),
        ])
        .await;
    let host = stage.follow_by("group", None, &sink);
    stage.until_reached(6).await;
    stage.until_written(4).await;
    assert_eq!(stage.written().await, [(0, 1), (0, 3), (0, 6), (1, 1)]);
    let parked =
        |b: &[i64], d: &[i64]| vec![("b".to_owned(), b.to_vec()), ("d".to_owned(), d.to_vec())];
    assert_eq!(stage.parked().await, parked(&[2, 4], &[5]));
    let keys = stage.parked_keys().await;
    assert_eq!(keys[0], ("b".to_owned(), 2, 2, "poison value".to_owned()));
    assert!(keys[1].3.contains("invalid byte sequence"), "{keys:?}");
    host.until_ready().await;
    host.stop().await;

    // The successor knows the parked keys.
    let host = stage.follow_by("group", None, &sink);
    stage
        .append_keyed(vec![
            (0, 7, b"b", "poison"),
            (0, 8, b"a", "good"),
            (0, 9, b"b", "good"),
        ])
        .await;
    stage.until_reached(9).await;
    assert_eq!(stage.parked().await, parked(&[2, 4, 7, 9], &[5]));
    let keys = stage.parked_keys().await;
    assert_eq!(keys[0], ("b".to_owned(), 2, 4, "poison value".to_owned()));
    let written = [(0, 1), (0, 3), (0, 6), (0, 8), (1, 1)];
    assert_eq!(stage.written().await, written);
    host.until_ready().await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_record_is_skipped_if_the_sink_says_so() {
    let stage = Stage::set(1).await;
    stage
        .append_keyed(vec![
            (0, 1, b"a", "good"),
            (0, 2, b"b", "poison"),
            (0, 3, b"b", "good"),
            (0, 4, b"a", "no text has a \0"),
            (0, 5, b"a", "good"),
        ])
        .await;
    let host = stage.follow_by("group", None, &Written::with(PoisonPolicy::Skip));
    stage.until_reached(5).await;
    assert_eq!(stage.written().await, [(0, 1), (0, 3), (0, 5)]);
    assert_eq!(stage.parked().await, []);
    host.until_ready().await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gap_halts_the_partition_of_a_sink_that_parks() {
    let stage = Stage::set(1).await;
    stage
        .append_keyed(vec![(0, 1, b"a", "good"), (0, 3, b"b", "good")])
        .await;
    let host = stage.follow_by("group", None, &Written::with(PoisonPolicy::Park));
    host.until_it_reports("event 3 at offset 1 comes after event 1")
        .await;
    assert_eq!(stage.written().await, all(1, 1));
    assert_eq!(stage.parked().await, []);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn record_whose_key_is_no_text_halts_its_partition() {
    let stage = Stage::set(2).await;
    stage
        .append_keyed(vec![
            (0, 1, b"a", "good"),
            (0, 2, b"\xff", "poison"),
            (0, 3, b"a", "good"),
            (1, 1, b"a", "good"),
        ])
        .await;
    let host = stage.follow_by("group", None, &Written::with(PoisonPolicy::Park));
    host.until_it_reports("cannot be parked, because it is no text: record")
        .await;
    stage.until_written(2).await;
    host.stop().await;
    assert_eq!(stage.written().await, [(0, 1), (1, 1)]);
    assert_eq!(stage.parked().await, []);
}
