//! The numbers of the commands that this process appends, see [`Delivery`].
//!
//! A command without an idempotency key is appended by one producer in one call, and by no one
//! again. So handlers need not remember its id for the dedupe window: a repeat can only come from
//! the producer's own retries, before the append is acknowledged. A command with a key has no
//! number, because its client may send it again at any time.
//!
//! The numbers belong to a session of this process. If the result of an append stays unknown, its
//! number can never be settled. Then a new session begins, whose numbers start at 0.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use factline::Delivery;
use uuid::Uuid;

/// The commands of this process.
#[derive(Debug)]
pub(crate) struct Sequence(Mutex<Session>);

#[derive(Debug)]
struct Session {
    sender: Arc<str>,
    next: u64,
    /// The numbers whose appends have not ended.
    pending: BTreeSet<u64>,
}

impl Sequence {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Session::begin()))
    }

    /// Returns the next number. Its append must [end](Self::end).
    pub(crate) fn next(&self) -> Delivery {
        let mut session = self.session();
        let number = session.next;
        session.next += 1;
        session.pending.insert(number);
        let first = session.pending.first().copied().unwrap_or(number);
        Delivery {
            sender: Arc::clone(&session.sender),
            number,
            settled: 0..first,
        }
    }

    /// Ends the append of a number. `is_known` says whether the record is known to be in the log,
    /// or known to be in no log.
    pub(crate) fn end(&self, delivery: &Delivery, is_known: bool) {
        let mut session = self.session();
        if !Arc::ptr_eq(&session.sender, &delivery.sender) {
            return;
        }
        if is_known {
            session.pending.remove(&delivery.number);
        } else {
            *session = Session::begin();
        }
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn begin() -> Self {
        Self {
            sender: format!("edge {}", Uuid::now_v7()).into(),
            next: 0,
            pending: BTreeSet::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_below_every_pending_one_are_settled() {
        let sequence = Sequence::new();
        let [first, second, third] = [(); 3].map(|()| sequence.next());
        assert_eq!((first.number, second.number, third.number), (0, 1, 2));
        assert_eq!((&first.settled, &third.settled), (&(0..0), &(0..0)));
        sequence.end(&second, true);
        assert_eq!(sequence.next().settled, 0..0);
        sequence.end(&first, true);
        assert_eq!(sequence.next().settled, 0..2);
        sequence.end(&third, true);
        assert_eq!(sequence.next().settled, 0..3);
    }

    #[test]
    fn unknown_result_begins_a_session() {
        let sequence = Sequence::new();
        let [lost, late] = [(); 2].map(|()| sequence.next());
        sequence.end(&lost, false);
        let next = sequence.next();
        assert_ne!(next.sender, lost.sender);
        assert_eq!((next.number, &next.settled), (0, &(0..0)));
        // Results of the old session change nothing.
        sequence.end(&late, true);
        sequence.end(&lost, false);
        let again = sequence.next();
        assert_eq!((again.sender, again.settled), (next.sender, 0..0));
    }
}
