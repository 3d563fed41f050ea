//! Client of the schema registry, with Confluent's API. It finds or registers the schemas of a
//! process when it starts, and looks up codecs by schema id while the process runs.
//!
//! An id never changes its meaning, so every lookup is cached for the life of the process. The
//! registry may be unavailable while a process runs: it is needed only for a schema id that is not
//! cached.
//!
//! A schema that the registry knows is not registered again. So only the job that provisions the
//! topics needs the right to register, and all other processes may be limited to reading.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use factline::RecordSchema;
use factline::avro::{self, Codec};
use serde::Deserialize;
use serde_json::json;

use crate::client::config::KafkaConfig;
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
    /// The registry has no schema of this id. It was restored from an older copy or is another
    /// one than that of the writer, and the record becomes readable when this is mended. Or the
    /// record was written without the registry.
    #[error(
        "registry has no schema {id}: restore the registry, or name the id in FACTLINE_LOST_SCHEMAS"
    )]
    UnknownId {
        /// The id in the record's frame.
        id: i32,
    },
    /// The configuration says that no registry will ever have this schema again.
    #[error("schema {id} is lost (FACTLINE_LOST_SCHEMAS)")]
    Lost {
        /// The id in the record's frame.
        id: i32,
    },
    /// A schema that this process must not fetch now is not cached.
    #[error("schema {id} is not fetched yet")]
    NotCached {
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
        source: Arc<avro::Error>,
    },
}

impl Error {
    /// Returns whether a retry of the same request may succeed, because the registry, its rights
    /// or its address are mended. Only a schema can be at fault for ever.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::NotNow { .. }
            | Self::UnknownId { .. }
            | Self::NotCached { .. } => true,
            Self::Refused { status, .. } => *status != INVALID_SCHEMA,
            Self::Incompatible { .. } | Self::Lost { .. } | Self::Unusable { .. } => false,
        }
    }
}

/// A client of the registry. Clones share the cache.
#[derive(Debug, Clone)]
pub struct Registry {
    url: String,
    http: reqwest::Client,
    /// Ids that no registry will ever have again.
    lost: Arc<[i32]>,
    codecs: Arc<Mutex<HashMap<i32, Cached>>>,
}

/// The codec of a schema id, or the reason why there can be none.
type Cached = Result<Arc<Codec>, Arc<avro::Error>>;

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
            lost: Arc::default(),
            codecs: Arc::default(),
        }
    }

    /// Creates the client of a process.
    pub fn of(kafka: &KafkaConfig) -> Self {
        Self {
            lost: Arc::from(kafka.lost_schemas.as_slice()),
            ..Self::new(&kafka.registry_url)
        }
    }

    /// Registers a record's schema for a topic, if it is not registered yet, and returns its id.
    pub async fn register(&self, topic: &str, record: &RecordSchema) -> Result<i32, Error> {
        let subject = subject(topic, record.name);
        self.register_schema(&subject, record.json).await
    }

    /// Registers a schema under a subject, if it is not registered yet, and returns its id.
    pub async fn register_schema(&self, subject: &str, schema: &str) -> Result<i32, Error> {
        if let Some(id) = self.find(subject, schema).await? {
            return Ok(id);
        }
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

    /// Returns the id of a schema that is registered under a subject.
    async fn find(&self, subject: &str, schema: &str) -> Result<Option<i32>, Error> {
        let request = format!("finding the schema of {subject}");
        let path = format!("subjects/{subject}");
        match self.post::<Registered>(&request, &path, schema).await {
            Ok(registered) => Ok(Some(registered.id)),
            // 40401 and 40403 are Confluent's codes for a subject and a schema that do not exist.
            Err(Error::Refused {
                status: 404, body, ..
            }) if body.contains("40401") || body.contains("40403") => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn post<T: serde::de::DeserializeOwned>(
        &self,
        request: &str,
        path: &str,
        schema: &str,
    ) -> Result<T, Error> {
        let sent = self
            .http
            .post(format!("{}/{path}", self.url))
            .timeout(TIMEOUT)
            .json(&json!({ "schema": schema }))
            .send()
            .await;
        answer(request, sent).await
    }

    async fn try_register(&self, subject: &str, schema: &str) -> Result<i32, Error> {
        let request = format!("registering {subject}");
        let path = format!("subjects/{subject}/versions");
        match self.post::<Registered>(&request, &path, schema).await {
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
            ids.insert(record.name, (id, self.add(id, record.json)?));
        }
        Ok(SchemaIds(ids))
    }

    /// Returns the codec of a schema id, which may be that of another application.
    pub async fn codec(&self, id: i32) -> Result<Arc<Codec>, Error> {
        match self.cached_codec(id) {
            Err(Error::NotCached { .. }) => {}
            known => return known,
        }
        let schema = self.schema(id).await?;
        self.add(id, &schema)
    }

    /// Returns the codec of a schema id without a request.
    ///
    /// # Errors
    /// [`Error::NotCached`] if a request is necessary.
    pub fn cached_codec(&self, id: i32) -> Result<Arc<Codec>, Error> {
        if self.lost.contains(&id) {
            return Err(Error::Lost { id });
        }
        match self.lock().get(&id) {
            Some(Ok(codec)) => Ok(Arc::clone(codec)),
            Some(Err(source)) => Err(unusable(id, source)),
            None => Err(Error::NotCached { id }),
        }
    }

    fn add(&self, id: i32, schema: &str) -> Result<Arc<Codec>, Error> {
        let parsed = Codec::parse(schema).map(Arc::new).map_err(Arc::new);
        match self.lock().entry(id).or_insert(parsed) {
            Ok(codec) => Ok(Arc::clone(codec)),
            Err(source) => Err(unusable(id, source)),
        }
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

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<i32, Cached>> {
        self.codecs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const TIMEOUT: Duration = Duration::from_secs(10);

/// The status with which a registry refuses a schema that is not valid.
const INVALID_SCHEMA: u16 = 422;

fn unusable(id: i32, source: &Arc<avro::Error>) -> Error {
    let source = Arc::clone(source);
    Error::Unusable { id, source }
}

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
