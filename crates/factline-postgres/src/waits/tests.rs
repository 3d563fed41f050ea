use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Instant;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::*;

/// A number that grows, and callers that wait until it has reached theirs.
#[derive(Debug, Default)]
struct Counter {
    number: AtomicU32,
    /// Looks that have begun.
    looks: AtomicUsize,
    /// Callers of the last look.
    callers: watch::Sender<usize>,
    failures: AtomicUsize,
}

struct LookAt(Arc<Counter>);

impl Look for LookAt {
    type Question = u32;
    type Answer = u32;

    async fn look(&mut self, questions: &[&u32]) -> Result<Vec<Option<u32>>, sqlx::Error> {
        self.0.looks.fetch_add(1, Ordering::Relaxed);
        let number = self.0.number.load(Ordering::Relaxed);
        self.0.callers.send_replace(questions.len());
        if self.0.failures.load(Ordering::Relaxed) > 0 {
            self.0.failures.fetch_sub(1, Ordering::Relaxed);
            return Err(sqlx::Error::PoolTimedOut);
        }
        let reached = |wanted: &&u32| (number >= **wanted).then_some(number);
        Ok(questions.iter().map(reached).collect())
    }
}

fn counter() -> (Arc<Counter>, Waits<LookAt>) {
    let counter = Arc::new(Counter::default());
    let waits = Waits::new(LookAt(Arc::clone(&counter)));
    (counter, waits)
}

/// Starts callers, and waits until the task has looked for all of them.
async fn wait(
    counter: &Counter,
    waits: &Waits<LookAt>,
    wanted: impl IntoIterator<Item = u32>,
) -> JoinSet<u32> {
    let mut callers = JoinSet::new();
    for wanted in wanted {
        let waits = waits.clone();
        callers.spawn(async move { waits.answer(wanted).await });
    }
    let all = callers.len();
    let mut looked = counter.callers.subscribe();
    looked.wait_for(|looked| *looked == all).await.unwrap();
    callers
}

#[tokio::test]
async fn change_costs_one_look_however_many_wait() {
    let (counter, waits) = counter();
    let callers = wait(&counter, &waits, [9; 100]).await;
    let before = counter.looks.load(Ordering::Relaxed);
    let begun = Instant::now();
    for number in 1..=9 {
        counter.number.store(number, Ordering::Relaxed);
        waits.changed();
        while counter.looks.load(Ordering::Relaxed) < before + number as usize {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(callers.join_all().await, [9; 100]);
    let looks = counter.looks.load(Ordering::Relaxed) - before;
    let at_intervals = begun.elapsed().as_millis() / LOOK_INTERVAL.as_millis();
    assert!(looks as u128 <= 9 + at_intervals, "{looks} looks");
}

#[tokio::test]
async fn only_callers_with_an_answer_are_woken() {
    let (counter, waits) = counter();
    let mut callers = wait(&counter, &waits, [1, 1, 2]).await;
    counter.number.store(1, Ordering::Relaxed);
    waits.changed();
    assert_eq!(callers.join_next().await.unwrap().unwrap(), 1);
    assert_eq!(callers.join_next().await.unwrap().unwrap(), 1);
    assert!(callers.try_join_next().is_none());
    counter.number.store(2, Ordering::Relaxed);
    waits.changed();
    assert_eq!(callers.join_next().await.unwrap().unwrap(), 2);
}

#[tokio::test]
async fn lost_notification_is_made_up_for_by_the_interval() {
    let (counter, waits) = counter();
    let callers = wait(&counter, &waits, [1]).await;
    counter.number.store(1, Ordering::Relaxed);
    let woken = timeout(Duration::from_secs(30), callers.join_all());
    assert_eq!(woken.await.unwrap(), [1]);
}

#[tokio::test]
async fn callers_survive_a_failed_look() {
    let (counter, waits) = counter();
    let callers = wait(&counter, &waits, [1; 3]).await;
    counter.failures.store(2, Ordering::Relaxed);
    counter.number.store(1, Ordering::Relaxed);
    waits.changed();
    assert_eq!(callers.join_all().await, [1; 3]);
    assert_eq!(counter.failures.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn callers_that_have_given_up_cost_nothing() {
    let (counter, waits) = counter();
    wait(&counter, &waits, [1; 10]).await.shutdown().await;
    counter.callers.send_replace(0);
    let mut looked = counter.callers.subscribe();
    tokio::select! {
        looked = looked.wait_for(|looked| *looked > 0) => assert_eq!(*looked.unwrap(), 1),
        _ = waits.answer(1) => panic!("nothing was reached"),
    }
}

#[tokio::test]
async fn task_ends_with_the_last_clone() {
    let (counter, waits) = counter();
    let other = waits.clone();
    drop(waits);
    wait(&counter, &other, [1]).await.shutdown().await;
    drop(other);
    let alone = async {
        while Arc::strong_count(&counter) > 1 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(30), alone).await.unwrap();
}
