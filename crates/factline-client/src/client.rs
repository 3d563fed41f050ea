//! The client: send a command, wait for its operation, read a resource.
//!
//! To wait, a client asks with `Prefer: wait` (RFC 7240), and the service answers when the
//! operation has ended. A service that does not follow the preference is polled.

mod cancel;

use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backoff::Backoff;
use crate::command::Command;
use crate::error::{Error, TransientFailure};
use crate::exchange::{Answer, Attempt, try_once};
use crate::operation::{Accepted, Operation};

/// Timeout of one request. After it the request is abandoned, and perhaps retried.
const REQUEST: Duration = Duration::from_secs(30);

/// Time for which an unused connection is kept: shorter than the service keeps it, so that a
/// request is not sent while the service closes it.
const IDLE: Duration = Duration::from_secs(10);

/// The longest time for which one request asks the service to wait. It is shorter than the timeout
/// of a request.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// The request header with the time that the client is willing to wait.
const PREFER: &str = "Prefer";

/// The response header of a service that follows it.
const PREFERENCE_APPLIED: &str = "preference-applied";

/// The request header that makes a read wait for the writes of an operation.
const POSITION: &str = "Factline-Position";

/// A Factline installation, as its clients see it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    patience: Duration,
}

impl Client {
    /// Creates a client of the services at this URL. `patience` limits how long each call retries
    /// transient failures, and how long it waits for an operation's end.
    pub fn new(url: &str, patience: Duration) -> Result<Self, Error> {
        let http = reqwest::Client::builder()
            .timeout(REQUEST)
            .pool_idle_timeout(IDLE)
            .build()
            .map_err(Error::Client)?;
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self {
            http,
            url,
            patience,
        })
    }

    /// Sends a command. A lost response is harmless: all attempts have one idempotency key and are
    /// one operation.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`] if `patience` ended before it was certain whether the command was
    /// accepted.
    pub async fn send(&self, path: &str, body: &impl Serialize) -> Result<Accepted, Error> {
        self.submit(Command::post(path, body)).await
    }

    /// Sends a command without an idempotency key. Use it for a command that has no effect when it
    /// is accepted a second time, such as one that names the resource that it creates. No service
    /// has to remember a key for it. Its attempts may become several operations.
    pub async fn send_repeatable(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Accepted, Error> {
        self.submit(Command::post(path, body).repeatable()).await
    }

    /// Sends a command by `PUT`, as [`Client::send`] does: with a key, so that a late second
    /// attempt does not undo a write that another client made in between.
    pub async fn put(&self, path: &str, body: &impl Serialize) -> Result<Accepted, Error> {
        self.submit(Command::put(path, body)).await
    }

    /// Sends a command with conditions, or with the sender's own key.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`] if `patience` ended before it was certain whether the command was
    /// accepted.
    pub async fn submit<B: Serialize>(&self, command: Command<'_, B>) -> Result<Accepted, Error> {
        let until = Instant::now() + self.patience;
        let (request, answer) = self.dispatch(command, until, |builder| builder).await?;
        match answer.status {
            StatusCode::ACCEPTED => accepted(&request, &answer),
            _ => Err(refused(request, &answer)),
        }
    }

    /// Sends a command and waits until its operation has ended. Usually this is one request.
    ///
    /// # Errors
    ///
    /// As [`Client::submit`] and [`Client::wait`].
    pub async fn execute<B: Serialize>(&self, command: Command<'_, B>) -> Result<Operation, Error> {
        let until = Instant::now() + self.patience;
        let willing = |builder| willing(builder, until);
        let (request, answer) = self.dispatch(command, until, willing).await?;
        match answer.status {
            StatusCode::OK => json(request, &answer),
            StatusCode::ACCEPTED => {
                let accepted = accepted(&request, &answer)?;
                self.wait_until(&accepted.location, until).await
            }
            _ => Err(refused(request, &answer)),
        }
    }

    /// Sends a command until there is a response that a retry would not change. `prepare` completes
    /// each attempt. Returns the response with the text of the request.
    async fn dispatch<B: Serialize>(
        &self,
        command: Command<'_, B>,
        until: Instant,
        prepare: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<(String, Answer), Error> {
        let (method, path) = (&command.method, command.path);
        let request = format!("{method} {path}");
        let key = command.key_of_submission();
        let make = || {
            let builder = self.http.request(method.clone(), self.at(path));
            command.request(prepare(builder), key.as_deref())
        };
        let kind = Kind::Command {
            key: key.as_deref(),
        };
        let answer = send_with_retries(make, &request, kind, until).await?;
        Ok((request, answer))
    }

    /// Reads an operation by the location from its acceptance or by its address.
    pub async fn operation(&self, location: &str) -> Result<Operation, Error> {
        let until = Instant::now() + self.patience;
        Ok(self.ask(location, until).await?.0)
    }

    /// Waits until an operation has ended.
    pub async fn wait(&self, location: &str) -> Result<Operation, Error> {
        self.wait_until(location, Instant::now() + self.patience)
            .await
    }

    async fn wait_until(&self, location: &str, until: Instant) -> Result<Operation, Error> {
        let began = Instant::now();
        let request = format!("GET {location}");
        let mut backoff = Backoff::default();
        loop {
            let make = || willing(self.http.get(self.at(location)), until);
            let answer = send_with_retries(make, &request, Kind::Read, until).await?;
            let operation: Operation = json(request.clone(), &answer)?;
            if operation.has_ended() {
                return Ok(operation);
            }
            let mut pause = Duration::ZERO;
            if answer.header(PREFERENCE_APPLIED).is_none() {
                backoff.at_longest(answer.retry_after());
                pause = backoff.step(None);
            }
            if Instant::now() + pause >= until {
                return Err(Error::StillOpen {
                    operation: Box::new(operation),
                    waited: began.elapsed(),
                });
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Polls with a custom backoff, without the preference to wait. The first waits are short
    /// whatever the service suggests, because most operations end within milliseconds and
    /// `Retry-After` is in whole seconds. The last waits are as long as the service suggests.
    pub async fn wait_with(
        &self,
        location: &str,
        mut backoff: Backoff,
    ) -> Result<Operation, Error> {
        let began = Instant::now();
        let until = began + self.patience;
        loop {
            let (operation, answer) = self.ask(location, until).await?;
            if operation.has_ended() {
                return Ok(operation);
            }
            backoff.at_longest(answer.retry_after());
            let pause = backoff.step(None);
            if Instant::now() + pause > until {
                return Err(Error::StillOpen {
                    operation: Box::new(operation),
                    waited: began.elapsed(),
                });
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Reads a resource, no older than `position`; none if it does not exist.
    pub async fn read<T: DeserializeOwned>(
        &self,
        path: &str,
        position: Option<&str>,
    ) -> Result<Option<T>, Error> {
        let request = format!("GET {path}");
        let until = Instant::now() + self.patience;
        let make = || {
            let builder = self.http.get(self.at(path));
            match position {
                Some(position) => builder.header(POSITION, position),
                None => builder,
            }
        };
        let answer = send_with_retries(make, &request, Kind::Read, until).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(None),
            _ => json(request, &answer).map(Some),
        }
    }

    async fn ask(&self, location: &str, until: Instant) -> Result<(Operation, Answer), Error> {
        let request = format!("GET {location}");
        let make = || self.http.get(self.at(location));
        let answer = send_with_retries(make, &request, Kind::Read, until).await?;
        Ok((json(request, &answer)?, answer))
    }

    fn at(&self, path: &str) -> String {
        format!("{}/{}", self.url, path.trim_start_matches('/'))
    }
}

/// The request. Either kind may be retried: a read changes nothing, and a command has its key or is
/// repeatable.
#[derive(Debug, Clone, Copy)]
enum Kind<'a> {
    Read,
    Command { key: Option<&'a str> },
}

/// Retries until there is a response that a retry would not change, or until the time is over.
async fn send_with_retries(
    make: impl Fn() -> RequestBuilder,
    request: &str,
    kind: Kind<'_>,
    until: Instant,
) -> Result<Answer, Error> {
    let began = Instant::now();
    let mut backoff = Backoff::default();
    let mut may_be_executed = false;
    loop {
        let transient = match try_once(make()).await {
            Attempt::Answered(answer) => return Ok(answer),
            Attempt::Unsendable(source) => {
                let request = request.to_owned();
                return Err(Error::Unsendable { request, source });
            }
            Attempt::Transient(transient) => transient,
        };
        may_be_executed |= transient.may_be_executed;
        let pause = backoff.step(transient.at_least);
        if Instant::now() + pause > until {
            let failure = transient.failure;
            return Err(match kind {
                Kind::Command { key } if may_be_executed => unknown(request, key, failure),
                _ => Error::Unavailable {
                    request: request.to_owned(),
                    waited: began.elapsed(),
                    failure,
                },
            });
        }
        tokio::time::sleep(pause).await;
    }
}

/// Adds the preference to wait until this time, in whole seconds. There is none for the last
/// second.
fn willing(builder: RequestBuilder, until: Instant) -> RequestBuilder {
    let left = until.saturating_duration_since(Instant::now());
    match left.min(LONGEST_WAIT).as_secs() {
        0 => builder,
        seconds => builder.header(PREFER, format!("wait={seconds}")),
    }
}

fn accepted(request: &str, answer: &Answer) -> Result<Accepted, Error> {
    Ok(Accepted {
        operation: header(request, answer, "x-operation")?,
        resource: header(request, answer, "x-resource")?,
        location: header(request, answer, "location")?,
        retry_after: answer.retry_after(),
    })
}

/// Returns a header that each 202 has.
fn header(request: &str, answer: &Answer, header: &'static str) -> Result<String, Error> {
    answer.header(header).ok_or_else(|| Error::NoHeader {
        request: request.to_owned(),
        header,
    })
}

fn unknown(request: &str, key: Option<&str>, failure: TransientFailure) -> Error {
    let member = |name| match &failure {
        TransientFailure::Answer(problem) => problem.member(name).map(ToOwned::to_owned),
        TransientFailure::NoAnswer(_) => None,
    };
    Error::Unknown {
        request: request.to_owned(),
        key: key.map(ToOwned::to_owned),
        operation: member("operation"),
        resource: member("resource"),
        failure,
    }
}

fn refused(request: String, answer: &Answer) -> Error {
    let problem = answer.problem();
    Error::Refused { request, problem }
}

fn json<T: DeserializeOwned>(request: String, answer: &Answer) -> Result<T, Error> {
    if answer.status != StatusCode::OK {
        return Err(refused(request, answer));
    }
    serde_json::from_slice(&answer.body).map_err(|source| Error::Unexpected { request, source })
}
