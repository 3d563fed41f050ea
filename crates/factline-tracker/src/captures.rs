//! One question for all look-ups that wait for its answer.
//!
//! End offsets prove that an operation was never accepted only if they were read after the request
//! for it had arrived. So a question that is already under way does not count for a look-up that
//! comes later. The next one serves it, together with all others that came meanwhile. At most one
//! question is under way, and at most one begins in each [`PAUSE`], however many look-ups wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::sleep;

/// Pause after a question. Look-ups that come meanwhile share the next one. It delays no look-up of
/// an operation that has a row.
pub const PAUSE: Duration = Duration::from_millis(10);

/// A shared question. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Captures<T> {
    /// The number of questions that have begun.
    begun: Arc<AtomicU64>,
    wanted: Arc<Notify>,
    latest: watch::Receiver<Capture<T>>,
}

/// The answer to a question.
#[derive(Debug)]
struct Capture<T> {
    /// The number of the question. The first is 1.
    number: u64,
    answer: Option<T>,
}

impl<T: Clone + Send + Sync + 'static> Captures<T> {
    /// Starts a task that asks when an answer is wanted, until the last clone is dropped.
    pub fn new<A: Future<Output = T> + Send>(mut ask: impl FnMut() -> A + Send + 'static) -> Self {
        let (sender, latest) = watch::channel(Capture {
            number: 0,
            answer: None,
        });
        let captures = Self {
            begun: Arc::default(),
            wanted: Arc::default(),
            latest,
        };
        let (begun, wanted) = (Arc::clone(&captures.begun), Arc::clone(&captures.wanted));
        tokio::spawn(async move {
            let asking = async {
                loop {
                    wanted.notified().await;
                    // Counted before it is asked: a look-up that sees the old number came first.
                    let number = begun.fetch_add(1, Ordering::SeqCst) + 1;
                    let answer = Some(ask().await);
                    sender.send_replace(Capture { number, answer });
                    sleep(PAUSE).await;
                }
            };
            tokio::select! {
                () = asking => (),
                () = sender.closed() => (),
            }
        });
        captures
    }

    /// Returns the answer to a question that began after this call. Returns none if the task has
    /// ended.
    pub async fn next(&self) -> Option<T> {
        let number = self.begun.load(Ordering::SeqCst) + 1;
        self.wanted.notify_one();
        let mut latest = self.latest.clone();
        let capture = latest.wait_for(|capture| capture.number >= number).await;
        capture.ok()?.answer.clone()
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;
    use tokio::task::JoinSet;

    use super::*;

    /// A question whose answer is its number. It is answered when the test permits it.
    struct Counted {
        asked: watch::Receiver<u64>,
        permits: Arc<Semaphore>,
        captures: Captures<u64>,
    }

    fn counted() -> Counted {
        let (sender, asked) = watch::channel(0);
        let permits = Arc::new(Semaphore::new(0));
        let answers = Arc::clone(&permits);
        let captures = Captures::new(move || {
            sender.send_modify(|asked| *asked += 1);
            let (number, permits) = (*sender.borrow(), Arc::clone(&answers));
            async move {
                permits.acquire().await.unwrap().forget();
                number
            }
        });
        Counted {
            asked,
            permits,
            captures,
        }
    }

    /// Starts look-ups, and waits until all of them wait for an answer.
    async fn look_up(captures: &Captures<u64>, count: usize) -> JoinSet<Option<u64>> {
        let waiting = Arc::new(Semaphore::new(0));
        let mut lookups = JoinSet::new();
        for _ in 0..count {
            let (captures, waiting) = (captures.clone(), Arc::clone(&waiting));
            lookups.spawn(async move {
                let mut next = std::pin::pin!(captures.next());
                let first = std::future::poll_fn(|context| {
                    std::task::Poll::Ready(next.as_mut().poll(context))
                });
                assert!(first.await.is_pending());
                waiting.add_permits(1);
                next.await
            });
        }
        let all = u32::try_from(count).unwrap();
        waiting.acquire_many(all).await.unwrap().forget();
        lookups
    }

    #[tokio::test]
    async fn lookups_that_come_during_a_question_share_the_next_one() {
        let mut counted = counted();
        let first = look_up(&counted.captures, 1).await;
        counted.asked.wait_for(|asked| *asked == 1).await.unwrap();
        let late = look_up(&counted.captures, 100).await;
        counted.permits.add_permits(1);
        assert_eq!(first.join_all().await, [Some(1)]);
        counted.permits.add_permits(1);
        assert_eq!(late.join_all().await, [Some(2); 100]);
        assert_eq!(*counted.asked.borrow(), 2);
    }

    #[tokio::test]
    async fn answer_from_before_a_lookup_does_not_serve_it() {
        let counted = counted();
        for number in 1..=3 {
            counted.permits.add_permits(1);
            assert_eq!(counted.captures.next().await, Some(number));
        }
    }

    #[tokio::test]
    async fn lookups_that_have_given_up_cost_one_question() {
        let counted = counted();
        look_up(&counted.captures, 50).await.shutdown().await;
        counted.permits.add_permits(10);
        let answer = counted.captures.next().await;
        assert!(answer <= Some(2), "{answer:?}");
    }

    #[tokio::test]
    async fn task_ends_with_the_last_clone() {
        let counted = counted();
        let mut asked = counted.asked;
        drop(counted.captures);
        assert!(asked.changed().await.is_err());
    }
}
