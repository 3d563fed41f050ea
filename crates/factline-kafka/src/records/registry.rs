//! Client of the schema registry, with Confluent's API. It registers schemas when a process starts,
//! and looks up codecs by schema id while the process runs.
//!
//! An id never changes its meaning, so every lookup is cached for the life of the process. The
//! registry may be unavailable while a process runs: it is needed only for a schema id that is not
//! cached.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use factline::RecordSchema;
use factline::avro::{self, Codec};
use serde::Deserialize;
use serde_json::json;

use crate::topics::subject;

/// Reason why a request to the registry failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A changed schema would make old records unreadable, or new ones unreadable for old readers.
    #[error("schema of {subject} is incompatible with an earlier one: {reason}")]
    Incompatible {
        /// Subject: topic and record.
        subject: String,
        /// The registry's message, which names the field.
        reason: String,
    },
    /// The registry has no schema of this id: the record was not written through this registry.
    #[error("registry has no schema {id}")]
    UnknownId {
        /// The id in the record's frame.
        id: i32,
    },
    /// The registry answered with an unexpected status.
    #[error("registry refuses {request}: {status} {body}")]
    Refused {
        /// The request.
        request: String,
        /// HTTP status.
        status: u16,
        /// Body of the answer.
        body: String,
    },
    /// A schema is unavailable for now: rights, limits, a proxy, a registry that is being restored.
    /// The record is not the cause.
    #[error("registry cannot return schema {id} now: {status} {body}")]
    NotNow {
        /// The id in the record's frame.
        id: i32,
        /// HTTP status.
        status: u16,
        /// Body of the answer.
        body: String,
    },
    /// The registry did not answer; a retry can help.
    #[error("registry cannot be reached for {request}")]
    Unreachable {
        /// The request.
        request: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// This library cannot use the registry's schema.
    #[error("cannot use schema {id} of the registry")]
    Unusable {
        /// The schema id.
        id: i32,
        /// The cause.
        #[source]
        source: avro::Error,
    },
}

impl Error {
    /// Returns whether a retry of the same request may succeed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::NotNow { .. } => true,
            Self::Refused { status, .. } => *status >= 500,
            Self::Incompatible { .. } | Self::UnknownId { .. } | Self::Unusable { .. } => false,
        }
    }
}

/// A client of the registry. Clones share the cache.
#[derive(Debug, Clone)]
pub struct Registry {
    url: String,
    http: reqwest::Client,
    codecs: Arc<Mutex<HashMap<i32, Arc<Codec>>>>,
}

/// The schema ids of a topic's records.
#[derive(Debug, Clone, Default)]
pub struct SchemaIds(HashMap<&'static str, (i32, Arc<Codec>)>);

impl SchemaIds {
    /// Returns the id and codec of a registered record.
    pub fn get(&self, record: &str) -> Option<(i32, &Arc<Codec>)> {
        self.0.get(record).map(|(id, codec)| (*id, codec))
    }
}

#[derive(Deserialize)]
struct Registered {
    id: i32,
}

#[derive(Deserialize)]
struct SchemaResponse {
    schema: String,
}

impl Registry {
    /// Creates a client for the root URL of the API, such as `http://127.0.0.1:8081`.
    pub fn new(url: &str) -> Self {
        let url = url.trim_end_matches('/').to_owned();
        Self {
            url,
            http: reqwest::Client::new(),
            codecs: Arc::default(),
        }
    }

    /// Registers a record's schema for a topic, if it is not registered yet, and returns its id.
    pub async fn register(&self, topic: &str, record: &RecordSchema) -> Result<i32, Error> {
        let subject = subject(topic, record.name);
        self.register_schema(&subject, record.json).await
    }

    /// Registers a schema under a subject, if it is not registered yet, and returns its id.
    pub async fn register_schema(&self, subject: &str, schema: &str) -> Result<i32, Error> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_register(subject, schema).await {
                // Two processes register the same schema for the first time. The registry tells one
                // that it already exists, and a retry finds it.
                Err(Error::Incompatible { reason, .. })
                    if tries < 10 && reason.contains("already exists") =>
                {
                    tokio::time::sleep(Duration::from_millis(50 * tries)).await;
                }
                result => return result,
            }
        }
    }

    async fn try_register(&self, subject: &str, schema: &str) -> Result<i32, Error> {
        let request = format!("registering {subject}");
        let url = format!("{}/subjects/{subject}/versions", self.url);
        let body = json!({ "schema": schema });
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

    /// Returns the codec of a schema id, which may be that of another application.
    pub async fn codec(&self, id: i32) -> Result<Arc<Codec>, Error> {
        if let Some(codec) = self.known_codec(id) {
            return Ok(codec);
        }
        let schema = self.schema(id).await?;
        let codec = Codec::parse(&schema).map_err(|source| Error::Unusable { id, source })?;
        Ok(Arc::clone(self.lock().entry(id).or_insert(Arc::new(codec))))
    }

    /// Returns the text of a schema. It is not cached.
    pub async fn schema(&self, id: i32) -> Result<String, Error> {
        let request = format!("schema {id}");
        let sent = self
            .http
            .get(format!("{}/schemas/ids/{id}", self.url))
            .timeout(TIMEOUT)
            .send()
            .await;
        let stored: SchemaResponse = match answer(&request, sent).await {
            // 40403 is Confluent's code for a schema that does not exist. A 404 from a proxy does
            // not contain it.
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
        Ok(stored.schema)
    }

    /// Returns the codec if it is cached, without a request.
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
