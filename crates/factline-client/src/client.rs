//! The client: send, wait, read.

use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backoff::Backoff;
use crate::command::Command;
use crate::error::{Error, Trouble};
use crate::exchange::{Answer, Tried, try_once};
use crate::operation::{Accepted, Operation};

/// A request without an answer for so long is given up, and perhaps tried again.
const REQUEST: Duration = Duration::from_secs(30);

/// The request header by which a read waits for what an operation wrote.
const POSITION: &str = "Factline-Position";

/// A Factline installation, as its clients see it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    patience: Duration,
}

impl Client {
    /// A client of the services at this URL. `patience` is how long each call tries what may pass, and waits for an
    /// operation's end.
    pub fn new(url: &str, patience: Duration) -> Result<Self, Error> {
        let http = reqwest::Client::builder()
            .timeout(REQUEST)
            .build()
            .map_err(Error::Client)?;
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self {
            http,
            url,
            patience,
        })
    }

    /// Sends a command. Lost answers are no danger: all its tries have one idempotency key and are one operation.
    ///
    /// # Errors
    /// [`Error::Unknown`] if patience ended before it was certain whether it was taken.
    pub async fn send(&self, path: &str, body: &impl Serialize) -> Result<Accepted, Error> {
        self.submit(Command::post(path, body)).await
    }

    /// Sends a command that changes nothing when it is taken a second time, such as one that names what it creates:
    /// without a key, since nobody needs to remember one for it. Its tries may be several operations.
    pub async fn send_repeatable(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Accepted, Error> {
        self.submit(Command::post(path, body).repeatable()).await
    }

    /// Sends a command by `PUT`, as [`Client::send`] does: under a key, so that a late second try does not undo what
    /// somebody else wrote in between.
    pub async fn put(&self, path: &str, body: &impl Serialize) -> Result<Accepted, Error> {
        self.submit(Command::put(path, body)).await
    }

    /// Sends a command with conditions, or under a key of the sender's own.
    ///
    /// # Errors
    /// [`Error::Unknown`] if patience ended before it was certain whether it was taken.
    pub async fn submit<B: Serialize>(&self, command: Command<'_, B>) -> Result<Accepted, Error> {
        let (method, path) = (&command.method, command.path);
        let request = format!("{method} {path}");
        let key = command.key_of_submission();
        let until = Instant::now() + self.patience;
        let make = || {
            let builder = self.http.request(method.clone(), self.at(path));
            command.request(builder, key.as_deref())
        };
        let kind = Kind::Command {
            key: key.as_deref(),
        };
        let answer = patiently(make, &request, kind, until).await?;
        if answer.status != StatusCode::ACCEPTED {
            return Err(refused(request, &answer));
        }
        let header = |header: &'static str| {
            answer.header(header).ok_or_else(|| Error::NoHeader {
                request: request.clone(),
                header,
            })
        };
        Ok(Accepted {
            operation: header("x-operation")?,
            resource: header("x-resource")?,
            location: header("location")?,
            retry_after: answer.retry_after(),
        })
    }

    /// What is known of an operation, by the location that came with its acceptance or by its address.
    pub async fn operation(&self, location: &str) -> Result<Operation, Error> {
        let until = Instant::now() + self.patience;
        Ok(self.ask(location, until).await?.0)
    }

    /// Waits until an operation has ended.
    pub async fn wait(&self, location: &str) -> Result<Operation, Error> {
        self.wait_with(location, Backoff::default()).await
    }

    /// Waits with other pauses than usual. The first come soon, whatever the service suggests, since most operations
    /// end within milliseconds and `Retry-After` knows whole seconds only; the last are as long as it suggests.
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

    /// Reads a resource, no older than `position`; none if there is no such thing.
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
        let answer = patiently(make, &request, Kind::Read, until).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(None),
            _ => json(request, &answer).map(Some),
        }
    }

    async fn ask(&self, location: &str, until: Instant) -> Result<(Operation, Answer), Error> {
        let request = format!("GET {location}");
        let make = || self.http.get(self.at(location));
        let answer = patiently(make, &request, Kind::Read, until).await?;
        Ok((json(request, &answer)?, answer))
    }

    fn at(&self, path: &str) -> String {
        format!("{}/{}", self.url, path.trim_start_matches('/'))
    }
}

/// What is asked. Either may be asked again: a read changes nothing, and a command has its key or is repeatable.
#[derive(Debug, Clone, Copy)]
enum Kind<'a> {
    Read,
    Command { key: Option<&'a str> },
}

/// Tries until there is an answer that will not change by asking again, or until the time is over.
async fn patiently(
    make: impl Fn() -> RequestBuilder,
    request: &str,
    kind: Kind<'_>,
    until: Instant,
) -> Result<Answer, Error> {
    let began = Instant::now();
    let mut backoff = Backoff::default();
    let mut perhaps_done = false;
    loop {
        let obstacle = match try_once(make()).await {
            Tried::Answered(answer) => return Ok(answer),
            Tried::Unsendable(source) => {
                let request = request.to_owned();
                return Err(Error::Unsendable { request, source });
            }
            Tried::InTheWay(obstacle) => obstacle,
        };
        perhaps_done |= obstacle.perhaps_done;
        let pause = backoff.step(obstacle.at_least);
        if Instant::now() + pause > until {
            let trouble = obstacle.trouble;
            return Err(match kind {
                Kind::Command { key } if perhaps_done => unknown(request, key, trouble),
                _ => Error::Away {
                    request: request.to_owned(),
                    waited: began.elapsed(),
                    trouble,
                },
            });
        }
        tokio::time::sleep(pause).await;
    }
}

fn unknown(request: &str, key: Option<&str>, trouble: Trouble) -> Error {
    let member = |name| match &trouble {
        Trouble::Answer(problem) => problem.member(name).map(ToOwned::to_owned),
        Trouble::NoAnswer(_) => None,
    };
    Error::Unknown {
        request: request.to_owned(),
        key: key.map(ToOwned::to_owned),
        operation: member("operation"),
        resource: member("resource"),
        trouble,
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
