//! Callers that wait for the database, served by one task.
//!
//! Each waiting caller has a question, such as a position that checkpoints must reach. When
//! something may have changed, one task looks once for all callers, and wakes those that have an
//! answer. So the cost of a change does not depend on the number of callers.
//!
//! A look that is already under way does not count for a caller that comes later: what it has read
//! may be older than the question. The next look begins at once.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Interval at which the task looks while callers wait, in case a notification is lost with its
/// connection.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Answers the questions of all waiting callers together.
pub trait Look: Send + 'static {
    /// A question of one caller.
    type Question: Send + Sync + 'static;
    /// The answer to it.
    type Answer: Send + 'static;

    /// Reads the database once. Returns an answer or none for each question, in their order.
    fn look(
        &mut self,
        questions: &[&Self::Question],
    ) -> impl Future<Output = Result<Vec<Option<Self::Answer>>, sqlx::Error>> + Send;
}

/// The waiting callers of one task. Cheap to clone.
pub struct Waits<L: Look> {
    queue: Arc<Queue<L>>,
    /// Ends the task with the last clone.
    task: Arc<DropGuard>,
}

/// State that callers share with the task.
struct Queue<L: Look> {
    waiting: Mutex<Vec<Waiting<L>>>,
    changed: Notify,
}

struct Waiting<L: Look> {
    question: L::Question,
    answer: oneshot::Sender<L::Answer>,
}

impl<L: Look> Waits<L> {
    /// Starts the task.
    pub fn new(look: L) -> Self {
        let queue = Arc::new(Queue {
            waiting: Mutex::default(),
            changed: Notify::new(),
        });
        let ended = CancellationToken::new();
        let task = Arc::new(ended.clone().drop_guard());
        let looking = Arc::clone(&queue);
        tokio::spawn(async move { ended.run_until_cancelled(looking.run(look)).await });
        Self { queue, task }
    }

    /// Waits for the answer to a question, from a look that began after this call. If the database
    /// does not answer, the wait goes on; the caller sets its limit.
    pub async fn answer(&self, question: L::Question) -> L::Answer {
        let (sender, answer) = oneshot::channel();
        self.queue.lock().push(Waiting {
            question,
            answer: sender,
        });
        self.changed();
        match answer.await {
            Ok(answer) => answer,
            // The task has failed.
            Err(_) => std::future::pending().await,
        }
    }

    /// Makes the task look: something may have changed. Without waiting callers it does nothing.
    pub fn changed(&self) {
        self.queue.changed.notify_one();
    }
}

impl<L: Look> Clone for Waits<L> {
    fn clone(&self) -> Self {
        Self {
            queue: Arc::clone(&self.queue),
            task: Arc::clone(&self.task),
        }
    }
}

impl<L: Look> fmt::Debug for Waits<L> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Waits").finish_non_exhaustive()
    }
}

impl<L: Look> Queue<L> {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Waiting<L>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(&self, mut look: L) {
        let mut unanswered: Vec<Waiting<L>> = Vec::new();
        loop {
            if unanswered.is_empty() {
                self.changed.notified().await;
            } else {
                // At the interval too, so it does not matter whether the time ended.
                let _ = timeout(LOOK_INTERVAL, self.changed.notified()).await;
            }
            unanswered.append(&mut self.lock());
            unanswered.retain(|waiting| !waiting.answer.is_closed());
            if !unanswered.is_empty() {
                unanswered = serve(&mut look, unanswered).await;
            }
        }
    }
}

/// Answers the callers that have an answer. Returns the others.
async fn serve<L: Look>(look: &mut L, waiting: Vec<Waiting<L>>) -> Vec<Waiting<L>> {
    let questions: Vec<_> = waiting.iter().map(|waiting| &waiting.question).collect();
    let answers = match look.look(&questions).await {
        Ok(answers) => answers,
        Err(error) => {
            tracing::debug!(%error, "cannot look for waiting requests; retrying");
            return waiting;
        }
    };
    let mut unanswered = Vec::new();
    let answers = answers.into_iter().chain(std::iter::repeat_with(|| None));
    for (waiting, answer) in waiting.into_iter().zip(answers) {
        match answer {
            // The caller may have given up meanwhile.
            Some(answer) => drop(waiting.answer.send(answer)),
            None => unanswered.push(waiting),
        }
    }
    unanswered
}

#[cfg(test)]
mod tests;
