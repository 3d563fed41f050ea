//! A tracker on temporary servers, with its own database and topics for each test.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use factline::envelope::Envelope;
use factline::outcome::{self, Outcome, State};
use factline::{Contract, Timestamp, avro};
use factline_dev_servers::Servers;
use factline_kafka::client::config::KafkaConfig;
use factline_kafka::tools::topic_reader::{Range, Reader};
use factline_kafka::{Record, Registry, records::framing, topics::provision};
use factline_tracker::barrier::{Barrier, Limits};
use factline_tracker::cancel::Cancels;
use factline_tracker::captures::Captures;
use factline_tracker::contracts::{Resources, Source, sources};
use factline_tracker::ends::{EndCaptures, Watermarks};
use factline_tracker::http::{self, Answers};
use factline_tracker::retention::Retention;
use factline_tracker::service::{commands, follower, migrate};
use factline_tracker::sink::OperationSink;
use factline_tracker::store::follower_id;
use factline_tracker::stream::Streams;
use factline_tracker::visible::Views;
use factline_tracker::visible::samples::Samples;
use factline_tracker::watch::Watch;
use factline_tracker::webhooks::{self, Webhooks};
use factline_tracker::workflow::Workflows;
use factline_tracker::{notifications, observation::RecordId};
use ordering_schemas::ORDER;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use sqlx::postgres::{PgArguments, PgPoolOptions};
use sqlx::query::QueryScalar;
use sqlx::{PgPool, Postgres};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// A timeout that is longer than any step takes. A test that reaches it fails.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// Maximum number of open streams of an instance.
pub(crate) const MAX_STREAMS: u32 = 8;

/// Headers of a record.
pub(crate) type Headers = Vec<(&'static str, Vec<u8>)>;

/// The only aggregate of these tests.
pub(crate) const CONTRACTS: &[&Contract] = &[&ORDER];

/// Creates a database with the tracker's schema, migrated twice, because a migration must be
/// repeatable.
pub(crate) async fn database() -> PgPool {
    let name = format!("tracker_{}", Uuid::now_v7().simple());
    let url = {
        let name = name.clone();
        // The functions of the servers block on a runtime of their own.
        let started = tokio::task::spawn_blocking(move || {
            let postgres = &Servers::shared().postgres;
            postgres.create_database(&name).unwrap();
            postgres.url(&name, "factline_tracker")
        });
        started.await.unwrap()
    };
    let pool = PgPoolOptions::new()
        .max_connections(16)
        .connect(&url)
        .await
        .unwrap();
    migrate(&pool).await.unwrap();
    migrate(&pool).await.unwrap();
    pool
}

/// A tracker that serves requests, and follows topics on request.
pub(crate) struct System {
    pub(crate) pool: PgPool,
    pub(crate) kafka: KafkaConfig,
    url: String,
    sources: Vec<Source>,
    producer: FutureProducer,
    outcome_schema: i32,
    pub(crate) barrier: Barrier,
    /// The number of questions for end offsets.
    pub(crate) captures: Arc<AtomicUsize>,
    end: CancellationToken,
}

/// A running follower.
pub(crate) struct Following {
    task: JoinHandle<()>,
    end: CancellationToken,
    /// The readiness that the follower reports.
    pub(crate) condition: watch::Receiver<Result<(), String>>,
}

impl Following {
    pub(crate) async fn stop(self) {
        self.end.cancel();
        self.task.await.unwrap();
    }
}

impl Drop for System {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

impl System {
    /// Creates topics, a database and the HTTP service. A request waits for at most `bound`.
    pub(crate) async fn start(bound: Duration) -> Self {
        let waiting = 250;
        Self::with(Limits { bound, waiting }, None).await
    }

    /// Creates the same with these limits, and with a question that replaces the one to the
    /// brokers.
    pub(crate) async fn with(limits: Limits, question: Option<EndCaptures>) -> Self {
        Self::of(limits, question, webhooks::Options::default()).await
    }

    /// Creates the same with these options of webhooks.
    pub(crate) async fn with_webhooks(options: webhooks::Options) -> Self {
        let limits = Limits {
            bound: LONG,
            waiting: 250,
        };
        Self::of(limits, None, options).await
    }

    async fn of(
        limits: Limits,
        question: Option<EndCaptures>,
        webhooks: webhooks::Options,
    ) -> Self {
        let pool = database().await;
        let servers = Servers::shared();
        let kafka = KafkaConfig {
            brokers: servers.kafka.brokers(),
            registry_url: servers.registry.url(),
            topic_prefix: format!("t{}.", Uuid::now_v7().simple()),
            ..KafkaConfig::default()
        };
        provision::provision(&kafka, &ORDER, None).await.unwrap();
        let topics = kafka.topics(&ORDER);
        let outcome_schema = Registry::new(&kafka.registry_url)
            .register(topics.outcomes(), &outcome::SCHEMA)
            .await
            .unwrap();
        let end = CancellationToken::new();
        let sources = sources(&kafka, CONTRACTS);
        let commands = commands(&sources);
        let captures = Arc::new(AtomicUsize::new(0));
        let question = question.unwrap_or_else(|| {
            let watermarks = Watermarks::new(&kafka, &commands).unwrap();
            let captures = Arc::clone(&captures);
            Captures::new(move || {
                captures.fetch_add(1, Ordering::Relaxed);
                let watermarks = watermarks.clone();
                async move { watermarks.capture(limits.bound).await }
            })
        });
        let barrier = Barrier::new(pool.clone(), follower_id(), commands, question, limits);
        let url = serve(&pool, &kafka, &barrier, webhooks, &end).await;
        Self {
            pool,
            url,
            sources,
            producer: kafka.client_config().create().unwrap(),
            kafka,
            outcome_schema,
            barrier,
            captures,
            end,
        }
    }

    /// Follows the topics until the test ends or [`Following::stop`].
    pub(crate) fn follow(&self) -> Following {
        let registry = Registry::new(&self.kafka.registry_url);
        let sink = OperationSink::new(self.sources.clone(), registry);
        let end = self.end.child_token();
        let (sender, condition) = watch::channel(Err("not started".to_owned()));
        let run = follower(&self.kafka, &self.sources).run(
            sink,
            self.kafka.clone(),
            self.pool.clone(),
            move |condition| drop(sender.send(condition)),
            end.clone(),
        );
        Following {
            task: tokio::spawn(async move { run.await.unwrap() }),
            end,
            condition,
        }
    }

    /// Appends a readable command. Returns once it is acknowledged.
    pub(crate) async fn command(&self, operation: Uuid, partition: i32) -> RecordId {
        let headers = command_headers(operation);
        self.append_command(headers, Some(b"not decoded"), partition)
            .await
    }

    pub(crate) async fn append_command(
        &self,
        headers: Headers,
        value: Option<&[u8]>,
        partition: i32,
    ) -> RecordId {
        let topic = self.kafka.topics(&ORDER).commands().to_owned();
        self.append(&topic, headers, value, partition).await
    }

    /// Appends an outcome as a handler does.
    pub(crate) async fn outcome(&self, outcome: &Outcome, partition: i32) -> RecordId {
        self.outcome_in(&envelope(outcome.operation_id), outcome, partition)
            .await
    }

    /// Appends an outcome with a given envelope.
    pub(crate) async fn outcome_in(
        &self,
        envelope: &Envelope,
        outcome: &Outcome,
        partition: i32,
    ) -> RecordId {
        let codec = avro::Codec::parse(outcome::SCHEMA.json).unwrap();
        let value = framing::write(self.outcome_schema, &codec.encode(outcome).unwrap());
        self.append_outcome(headers(envelope), Some(&value), partition)
            .await
    }

    pub(crate) async fn append_outcome(
        &self,
        headers: Headers,
        value: Option<&[u8]>,
        partition: i32,
    ) -> RecordId {
        let topic = self.kafka.topics(&ORDER).outcomes().to_owned();
        self.append(&topic, headers, value, partition).await
    }

    async fn append(
        &self,
        topic: &str,
        headers: Headers,
        value: Option<&[u8]>,
        partition: i32,
    ) -> RecordId {
        let mut owned = OwnedHeaders::new();
        for (key, value) in &headers {
            owned = owned.insert(Header {
                key,
                value: Some(value),
            });
        }
        let record = FutureRecord {
            partition: Some(partition),
            payload: value,
            headers: Some(owned),
            ..FutureRecord::<[u8], [u8]>::to(topic)
        };
        let delivery = self.producer.send(record, LONG).await.unwrap();
        RecordId {
            topic: topic.to_owned(),
            partition: delivery.partition,
            offset: delivery.offset,
        }
    }

    /// Serves requests on another address, as another instance over the same database. Returns its
    /// URL.
    pub(crate) async fn another_instance(&self) -> String {
        self.instance(webhooks::Options::default(), &self.end).await
    }

    /// Starts another instance, which ends with the token or the test. Returns its URL.
    pub(crate) async fn instance(
        &self,
        webhooks: webhooks::Options,
        end: &CancellationToken,
    ) -> String {
        serve(&self.pool, &self.kafka, &self.barrier, webhooks, end).await
    }

    /// Stops all instances that were started without a token of their own.
    pub(crate) fn stop(&self) {
        self.end.cancel();
    }

    /// Requests a path.
    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        reqwest::get(format!("{}{path}", self.url)).await.unwrap()
    }

    /// Sends a request without a body.
    pub(crate) async fn delete(&self, path: &str) -> reqwest::Response {
        let request = reqwest::Client::new().delete(self.at(path));
        request.send().await.unwrap()
    }

    /// Reads the commands topic.
    pub(crate) async fn commands(&self) -> Vec<Record> {
        let topic = self.kafka.topics(&ORDER).commands().to_owned();
        let kafka = self.kafka.clone();
        let read = move || Reader::open(&kafka, &topic, &Range::default())?.all();
        tokio::task::spawn_blocking(read).await.unwrap().unwrap()
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

/// Serves requests until the end. Returns the URL.
async fn serve(
    pool: &PgPool,
    kafka: &KafkaConfig,
    barrier: &Barrier,
    webhooks: webhooks::Options,
    end: &CancellationToken,
) -> String {
    let samples = Samples::default();
    let webhooks = Webhooks::new(webhooks).unwrap();
    let resources = Resources::read(CONTRACTS).unwrap();
    tokio::spawn(webhooks::run(
        webhooks.clone(),
        pool.clone(),
        resources.clone(),
        end.clone(),
    ));
    let watch = Watch::new(pool.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(notifications::listen(
        pool.clone(),
        follower_id().view,
        barrier.clone(),
        watch.clone(),
        samples.clone(),
        webhooks.clone(),
        end.clone(),
    ));
    let views = Views::default();
    tokio::spawn(
        samples
            .clone()
            .run(pool.clone(), views.clone(), end.clone()),
    );
    let router = http::router(Answers {
        pool: pool.clone(),
        cancels: Cancels::new(kafka, CONTRACTS).unwrap(),
        barrier: barrier.clone(),
        watch,
        max_wait: LONG,
        streams: Streams::new(MAX_STREAMS),
        samples,
        views,
        resources,
        workflows: Workflows::read(CONTRACTS).unwrap(),
        retention: Retention::days(30),
        webhooks,
        shutdown: end.clone(),
    });
    let ended = end.clone().cancelled_owned();
    tokio::spawn(
        axum::serve(listener, router)
            .with_graceful_shutdown(ended)
            .into_future(),
    );
    url
}

/// Returns the envelope that an edge writes.
pub(crate) fn envelope(operation: Uuid) -> Envelope {
    let now = Timestamp::from_timestamp_micros(1_700_000_000_123_456).unwrap();
    let subject = Uuid::from_u128(17).to_string();
    Envelope::of_command(operation, "ordering.ShipOrder", "/test", &subject, now)
}

/// Returns an envelope as headers.
pub(crate) fn headers(envelope: &Envelope) -> Headers {
    envelope
        .to_headers()
        .into_iter()
        .map(|(name, value)| (name, value.into_bytes()))
        .collect()
}

/// Returns the headers that an edge writes.
pub(crate) fn command_headers(operation: Uuid) -> Headers {
    headers(&envelope(operation))
}

/// Returns an outcome of the command of [`envelope`].
pub(crate) fn outcome_of(operation: Uuid, state: State) -> Outcome {
    let now = Timestamp::from_timestamp_micros(1_700_000_000_123_456).unwrap();
    Outcome {
        resource: Some(Uuid::from_u128(17).to_string()),
        ..Outcome::of_command(operation, "ordering.ShipOrder", state, now)
    }
}

/// Returns the plan of an `explain` statement, from statistics of the present operations.
pub(crate) async fn plan_of(
    pool: &PgPool,
    explained: QueryScalar<'_, Postgres, String, PgArguments>,
) -> String {
    sqlx::raw_sql("analyze operations.operation")
        .execute(pool)
        .await
        .unwrap();
    explained.fetch_all(pool).await.unwrap().join("\n")
}
