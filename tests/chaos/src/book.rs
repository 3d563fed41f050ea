//! Every request and every answer, as they happened: the part of a [`History`] that only clients know.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use factline_client::Operation;
use uuid::Uuid;

use checker::{Answer, History, Moment, Observation, Read, Request, Shown, Status};

/// What has been seen so far. All clients write into one.
pub(super) struct Book {
    begun: Instant,
    pages: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    requests: Vec<Request>,
    observations: Vec<Observation>,
    reads: Vec<Read>,
    /// Accepted and not yet seen to have ended, with where to ask.
    open: BTreeMap<Uuid, String>,
    ended: BTreeMap<Uuid, &'static str>,
}

/// What has been seen, in numbers.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Requests by what was answered.
    pub(super) answers: BTreeMap<String, usize>,
    /// Operations by how they ended.
    pub(super) ends: BTreeMap<&'static str, usize>,
    /// Reads by what was answered.
    pub(super) reads: BTreeMap<&'static str, usize>,
    /// Operations that were accepted and have not been seen to end.
    pub(super) open: usize,
}

impl Book {
    pub(super) fn new() -> Self {
        Self {
            begun: Instant::now(),
            pages: Mutex::default(),
        }
    }

    /// Now, by the clock of all clients.
    pub(super) fn now(&self) -> Moment {
        self.begun.elapsed()
    }

    /// A request has been answered, or given up.
    pub(super) fn request(&self, request: Request, location: Option<&str>) {
        let mut pages = self.pages();
        if let (Answer::Accepted { operation }, Some(location)) = (&request.answer, location)
            && !pages.ended.contains_key(operation)
        {
            pages.open.insert(*operation, location.to_owned());
        }
        pages.requests.push(request);
    }

    /// A client has read an operation.
    pub(super) fn operation(&self, client: u32, id: Uuid, told: &Operation) {
        let status = Status {
            state: told.state,
            code: told.code.clone(),
            version: told.version.and_then(|version| i64::try_from(version).ok()),
            position: told.position.clone(),
        };
        let mut pages = self.pages();
        if told.has_ended() {
            pages.open.remove(&id);
            pages.ended.insert(id, told.state.as_str());
        }
        let at = self.now();
        pages.observations.push(Observation {
            client,
            operation: id,
            at,
            status,
        });
    }

    /// A client has read a row.
    pub(super) fn read(&self, read: Read) {
        self.pages().reads.push(read);
    }

    /// What has been accepted and not been seen to end, with where to ask.
    pub(super) fn open(&self) -> Vec<(Uuid, String)> {
        let pages = self.pages();
        let open = pages.open.iter();
        open.map(|(id, location)| (*id, location.clone())).collect()
    }

    pub(super) fn counts(&self) -> Counts {
        let pages = self.pages();
        let mut counts = Counts {
            open: pages.open.len(),
            ..Counts::default()
        };
        for request in &pages.requests {
            let answer = match &request.answer {
                Answer::Accepted { .. } => "202".to_owned(),
                Answer::Refused { status, .. } => status.to_string(),
                Answer::Unknown => "unknown".to_owned(),
            };
            *counts.answers.entry(answer).or_default() += 1;
        }
        for end in pages.ended.values() {
            *counts.ends.entry(end).or_default() += 1;
        }
        for read in &pages.reads {
            let answer = match read.answer {
                Shown::Row(_) => "row",
                Shown::Missing => "missing",
                Shown::Unknown => "unknown",
            };
            *counts.reads.entry(answer).or_default() += 1;
        }
        counts
    }

    /// What clients know, into a history.
    pub(super) fn tell(&self, history: &mut History) {
        let pages = self.pages();
        history.requests.clone_from(&pages.requests);
        history.observations.clone_from(&pages.observations);
        history.reads.clone_from(&pages.reads);
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
