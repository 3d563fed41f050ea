//! The log of all requests and responses: the part of a [`History`] that only clients know.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use factline_client::Operation;
use uuid::Uuid;

use checker::{Answer, History, Moment, Observation, Read, Request, Shown, Status};

/// The requests and responses so far. All clients write into one log.
pub(super) struct RequestLog {
    begun: Instant,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    requests: Vec<Request>,
    observations: Vec<Observation>,
    reads: Vec<Read>,
    /// Locations of the accepted operations that are not known to have ended.
    open: BTreeMap<Uuid, String>,
    ended: BTreeMap<Uuid, &'static str>,
}

/// Numbers of requests, operations and reads.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Requests by response.
    pub(super) answers: BTreeMap<String, usize>,
    /// Operations by end state.
    pub(super) ends: BTreeMap<&'static str, usize>,
    /// Reads by response.
    pub(super) reads: BTreeMap<&'static str, usize>,
    /// Accepted operations that are not known to have ended.
    pub(super) open: usize,
}

impl RequestLog {
    pub(super) fn new() -> Self {
        Self {
            begun: Instant::now(),
            entries: Mutex::default(),
        }
    }

    /// Returns the current time, by the clock of all clients.
    pub(super) fn now(&self) -> Moment {
        self.begun.elapsed()
    }

    /// Records a request that was answered or abandoned.
    pub(super) fn request(&self, request: Request, location: Option<&str>) {
        let mut entries = self.entries();
        if let (Answer::Accepted { operation }, Some(location)) = (&request.answer, location)
            && !entries.ended.contains_key(operation)
        {
            entries.open.insert(*operation, location.to_owned());
        }
        entries.requests.push(request);
    }

    /// Records a client's read of an operation.
    pub(super) fn operation(&self, client: u32, id: Uuid, operation: &Operation) {
        let status = Status {
            state: operation.state,
            code: operation.code.clone(),
            version: operation
                .version
                .and_then(|version| i64::try_from(version).ok()),
            position: operation.position.clone(),
        };
        let mut entries = self.entries();
        if operation.has_ended() {
            entries.open.remove(&id);
            entries.ended.insert(id, operation.state.as_str());
        }
        let at = self.now();
        entries.observations.push(Observation {
            client,
            operation: id,
            at,
            status,
        });
    }

    /// Records a client's read of a row.
    pub(super) fn read(&self, read: Read) {
        self.entries().reads.push(read);
    }

    /// Returns the accepted operations that are not known to have ended, with their locations.
    pub(super) fn open(&self) -> Vec<(Uuid, String)> {
        let entries = self.entries();
        let open = entries.open.iter();
        open.map(|(id, location)| (*id, location.clone())).collect()
    }

    pub(super) fn counts(&self) -> Counts {
        let entries = self.entries();
        let mut counts = Counts {
            open: entries.open.len(),
            ..Counts::default()
        };
        for request in &entries.requests {
            let answer = match &request.answer {
                Answer::Accepted { .. } => "202".to_owned(),
                Answer::Refused { status, .. } => status.to_string(),
                Answer::Unknown => "unknown".to_owned(),
            };
            *counts.answers.entry(answer).or_default() += 1;
        }
        for end in entries.ended.values() {
            *counts.ends.entry(end).or_default() += 1;
        }
        for read in &entries.reads {
            let answer = match read.answer {
                Shown::Row(_) => "row",
                Shown::Missing => "missing",
                Shown::Unknown => "unknown",
            };
            *counts.reads.entry(answer).or_default() += 1;
        }
        counts
    }

    /// Copies the clients' observations into a history.
    pub(super) fn copy_into(&self, history: &mut History) {
        let entries = self.entries();
        history.requests.clone_from(&entries.requests);
        history.observations.clone_from(&entries.observations);
        history.reads.clone_from(&entries.reads);
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
