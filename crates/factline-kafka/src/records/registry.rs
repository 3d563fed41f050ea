//! The schema registry, by Confluent's API: schemas to ids when a process starts, ids to codecs while it runs.
//!
//! An id never changes its meaning, so what was looked up once is kept for the life of the process. The registry
//! may be away while a process runs: only a schema id not seen before needs it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use factline::RecordSchema;
use factline::avro::{self, Codec};
use serde::Deserialize;
use serde_json::json;

use crate::topics::subject;

/// Why the registry did not help.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A changed schema would make old records unreadable, or new ones unreadable for old readers.
    #[error("schema of {subject} is incompatible with an earlier one: {reason}")]
    Incompatible {
        /// Topic and record.
        subject: String,
        /// What the registry says, with the field.
        reason: String,
    },
    /// The registry has no schema of this id: the record was not written through this registry.
    #[error("registry knows no schema {id}")]
    UnknownId {
        /// The id in the record's frame.
        id: i32,
    },
    /// Another answer than expected.
    #[error("registry refuses {request}: {status} {body}")]
    Refused {
        /// What was asked.
        request: String,
        /// HTTP status.
        status: u16,
        /// Its body.
        body: String,
    },
    /// A schema is not to be had now: rights, limits, a proxy, a registry that is being restored. Nothing that a
    /// record could be blamed for.
    #[error("registry does not give schema {id}: {status} {body}")]
    NotNow {
        /// The id in the record's frame.
        id: i32,
        /// HTTP status.
        status: u16,
        /// Its body.
        body: String,
    },
    /// No answer; trying again can help.
    #[error("registry cannot be reached for {request}")]
    Unreachable {
        /// What was asked.
        request: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The registry's schema is one that this library cannot use.
    #[error("schema {id} of the registry cannot be used")]
    Unusable {
        /// Its id.
        id: i32,
        /// Why.
        #[source]
        source: avro::Error,
    },
}

impl Error {
    /// Whether the same question may be answered later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::NotNow { .. } => true,
            Self::Refused { status, .. } => *status >= 500,
            Self::Incompatible { .. } | Self::UnknownId { .. } | Self::Unusable { .. } => false,
        }
    }
}

/// A registry; clones share what was looked up.
#[derive(Debug, Clone)]
pub struct Registry {
    url: String,
    http: reqwest::Client,
    codecs: Arc<Mutex<HashMap<i32, Arc<Codec>>>>,
}

/// The ids of a topic's records.
#[derive(Debug, Clone, Default)]
pub struct SchemaIds(HashMap<&'static str, (i32, Arc<Codec>)>);

impl SchemaIds {
    /// The id and codec of a record that was registered.
    pub fn get(&self, record: &str) -> Option<(i32, &Arc<Codec>)> {
        self.0.get(record).map(|(id, codec)| (*id, codec))
    }
}

#[derive(Deserialize)]
struct Registered {
    id: i32,
}

#[derive(Deserialize)]
struct Stored {
    schema: String,
}

impl Registry {
    /// A registry at the root of its API, such as `http://127.0.0.1:8081`.
    pub fn new(url: &str) -> Self {
        let url = url.trim_end_matches('/').to_owned();
        Self {
            url,
            http: reqwest::Client::new(),
            codecs: Arc::default(),
        }
    }

    /// Registers a record's schema for a topic, or finds it registered, and answers its id.
    pub async fn register(&self, topic: &str, record: &RecordSchema) -> Result<i32, Error> {
        let subject = subject(topic, record.name);
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_register(&subject, record).await {
                // Two processes register the same for the first time: one is told that it exists. Now it does.
                Err(Error::Incompatible { reason, .. })
                    if tries < 10 && reason.contains("already exists") =>
                {
                    tokio::time::sleep(Duration::from_millis(50 * tries)).await;
                }
                result => return result,
            }
        }
    }

    async fn try_register(&self, subject: &str, record: &RecordSchema) -> Result<i32, Error> {
        let request = format!("registering {subject}");
        let url = format!("{}/subjects/{subject}/versions", self.url);
        let body = json!({ "schema": record.json });
        let sent = self
            .http
            .post(url)
            .timeout(TIMEOUT)
            .json(&body)
            .send()
            .await;
        match answer::<Registered>(&request, sent).await {
            Ok(registered) => Ok(registered.id),
            Err(Error::Refused {
                status: 409,
                body: reason,
                ..
            }) => Err(Error::Incompatible {
                subject: subject.to_owned(),
                reason,
            }),
            Err(error) => Err(error),
        }
    }

    /// Registers all records of a topic.
    pub async fn register_all(
        &self,
        topic: &str,
        records: &'static [RecordSchema],
    ) -> Result<SchemaIds, Error> {
        let mut ids = HashMap::new();
        for record in records {
            let id = self.register(topic, record).await?;
            let codec =
                Codec::parse(record.json).map_err(|source| Error::Unusable { id, source })?;
            let codec = Arc::new(codec);
            self.lock().insert(id, Arc::clone(&codec));
            ids.insert(record.name, (id, codec));
        }
        Ok(SchemaIds(ids))
    }

    /// The codec of the schema with this id, which need not be one of ours.
    pub async fn codec(&self, id: i32) -> Result<Arc<Codec>, Error> {
        if let Some(codec) = self.known_codec(id) {
            return Ok(codec);
        }
        let request = format!("schema {id}");
        let sent = self
            .http
            .get(format!("{}/schemas/ids/{id}", self.url))
            .timeout(TIMEOUT)
            .send()
            .await;
        let stored: Stored = match answer(&request, sent).await {
            // Confluent's code for a schema that does not exist: a 404 of anybody else has none.
            Err(Error::Refused {
                status: 404, body, ..
            }) if body.contains("40403") => {
                return Err(Error::UnknownId { id });
            }
            Err(Error::Refused { status, body, .. }) => {
                return Err(Error::NotNow { id, status, body });
            }
            other => other?,
        };
        let codec =
            Codec::parse(&stored.schema).map_err(|source| Error::Unusable { id, source })?;
        Ok(Arc::clone(self.lock().entry(id).or_insert(Arc::new(codec))))
    }

    /// The codec if it was used before; needs no registry.
    pub fn known_codec(&self, id: i32) -> Option<Arc<Codec>> {
        self.lock().get(&id).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<i32, Arc<Codec>>> {
        self.codecs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const TIMEOUT: Duration = Duration::from_secs(10);

async fn answer<T: serde::de::DeserializeOwned>(
    request: &str,
    sent: Result<reqwest::Response, reqwest::Error>,
) -> Result<T, Error> {
    let unreachable = |source| Error::Unreachable {
        request: request.to_owned(),
        source,
    };
    let response = sent.map_err(unreachable)?;
    let status = response.status().as_u16();
    if status >= 300 {
        let body = response.text().await.map_err(unreachable)?;
        return Err(Error::Refused {
            request: request.to_owned(),
            status,
            body,
        });
    }
    response.json().await.map_err(unreachable)
}
