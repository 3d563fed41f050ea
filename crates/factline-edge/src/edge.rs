//! The steps of one request. It is read, its id is resolved, and it is validated and appended. Then
//! the edge responds, at once or when the operation has ended.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request};
use axum::response::{IntoResponse as _, Response};
use axum::routing::on;
use chrono::Utc;
use factline::envelope::ANONYMOUS;
use factline::{Contract, Delivery, Envelope};
use factline_http::openapi::serving;
use factline_http::problem::FieldError;
use factline_http::{Problem, fallback, prefer, resource};
use factline_kafka::producer::append::{Append, Appender, Failure, Pending, Place, headers};
use factline_kafka::records::registry::SchemaIds;
use factline_kafka::topics::partition_of;
use factline_kafka::{KafkaConfig, records::framing};
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use serde_json::Value;
use uuid::Uuid;

use crate::aggregate_id::IdSources;
use crate::capacity::Capacity;
use crate::idempotency::Keyed;
use crate::preconditions::Conditions;
use crate::replays::Replays;
use crate::response::{self, Accepted};
use crate::routes::{self, Route};
use crate::sequence::Sequence;
use crate::waiting::Operations;
use crate::{body, idempotency, openapi, requests, traceparent};

/// The source of the records that this process writes.
const SOURCE: &str = "/command-api";

/// An aggregate whose commands this process accepts.
pub struct Target {
    /// Its contract.
    pub contract: &'static Contract,
    /// Number of partitions in this installation.
    pub partitions: i32,
    /// The topic of its commands.
    pub topic: String,
    /// Ids of its schemas, once the registry has returned them.
    pub schemas: OnceLock<SchemaIds>,
    /// Its routes.
    pub routes: Vec<Arc<Route>>,
    /// The partitions that have no room for new aggregates.
    pub(crate) capacity: Capacity,
}

/// The shared state of all requests.
pub struct Edge {
    /// The aggregates.
    pub targets: Vec<Arc<Target>>,
    /// The producer of commands.
    pub appender: Appender,
    /// The OpenAPI document of the routes.
    pub document: Value,
    /// The service that serves operations, for clients that wait. Without it they get 202.
    pub operations: OnceLock<Operations>,
    /// The numbers of the commands without an idempotency key.
    sequence: Sequence,
    /// The accepted requests with one.
    replays: Replays,
}

impl Edge {
    /// Reads the contracts' routes. Opens no connection.
    pub fn new(
        contracts: &[&'static Contract],
        kafka: &KafkaConfig,
        append_timeout: Duration,
    ) -> anyhow::Result<Self> {
        let target = |contract: &&'static Contract| {
            let partitions = kafka.contract(contract).partitions;
            Ok(Arc::new(Target {
                contract,
                partitions,
                topic: kafka.topics(contract).commands().to_owned(),
                schemas: OnceLock::new(),
                routes: routes::read(contract)?,
                capacity: Capacity::unknown(partitions),
            }))
        };
        let targets: Result<Vec<_>, routes::Error> = contracts.iter().map(target).collect();
        let targets = targets?;
        routes::check_distinct(targets.iter().flat_map(|target| &target.routes))?;
        Ok(Self {
            targets,
            appender: Appender::new(client(kafka), append_timeout)?,
            document: openapi::document(contracts)?,
            operations: OnceLock::new(),
            sequence: Sequence::new(),
            replays: Replays::new(),
        })
    }
}

fn client(kafka: &KafkaConfig) -> ClientConfig {
    let mut client = kafka.client_config();
    client
        .set("client.id", "command-api")
        .set("queue.buffering.max.kbytes", "65536");
    client
}

/// Returns the routes of all contracts, and that of their OpenAPI document. Other requests get
/// 404 or 405.
pub fn router(edge: &Arc<Edge>) -> Router {
    routes(edge)
        .merge(serving::route(edge.document.clone()))
        .fallback(fallback::not_found)
        .method_not_allowed_fallback(fallback::method_not_allowed)
}

/// Returns the routes of all contracts, without a fallback and without their document.
pub fn routes(edge: &Arc<Edge>) -> Router {
    let mut router = Router::new();
    for target in &edge.targets {
        for route in &target.routes {
            let (edge, target) = (Arc::clone(edge), Arc::clone(target));
            let (route, filter) = (Arc::clone(route), route.filter);
            let path = route.path.clone();
            let handler = move |id: Result<Path<String>, PathRejection>, request: Request| {
                let (edge, target, route) =
                    (Arc::clone(&edge), Arc::clone(&target), Arc::clone(&route));
                async move {
                    accept(&edge, &target, &route, id, request)
                        .await
                        .unwrap_or_else(|problem| refused(&route, problem))
                }
            };
            router = router.route(&path, on(filter, handler));
        }
    }
    router
}

fn refused(route: &Route, problem: Problem) -> Response {
    let status = problem.status().as_u16().to_string();
    metrics::counter!("factline_commands_refused_total", "command" => route.record, "status" => status)
        .increment(1);
    problem.into_response()
}

/// A request that is a valid command.
struct Command {
    aggregate_id: String,
    datum: Vec<u8>,
    keyed: Option<Keyed>,
    conditions: Conditions,
    traceparent: Option<String>,
    /// The time that the client is willing to wait.
    wait: Option<Duration>,
}

async fn accept(
    edge: &Arc<Edge>,
    target: &Target,
    route: &Route,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let command = read(edge, target, route, id, request).await?;
    let id = &command.aggregate_id;
    let keyed = command.keyed.as_ref();
    let accepted = Accepted {
        operation: keyed.map_or_else(Uuid::now_v7, Keyed::operation),
        resource_id: id.clone(),
        resource: resource::address(&route.resource, id),
        keyed: keyed.is_some(),
    };
    if let Some(keyed) = keyed
        && let Some(place) = edge.replays.place(keyed)?
    {
        metrics::counter!("factline_commands_replayed_total", "command" => route.record)
            .increment(1);
        return Ok(answer(edge, &accepted, &place, command.wait).await);
    }
    let schemas = target.schemas.get();
    let Some((schema_id, _)) = schemas.and_then(|schemas| schemas.get(route.record)) else {
        return Err(accepted.not_accepted("the service is starting"));
    };
    let partition = partition_of(id.as_bytes(), target.partitions);
    let is_create = route.creates(command.conditions.expected_version);
    if is_create && !target.capacity.admits(partition, Instant::now()) {
        return Err(accepted.no_capacity());
    }
    let operation = accepted.operation;
    let mut envelope = Envelope::of_command(operation, route.record, SOURCE, id, Utc::now());
    envelope.traceparent = command.traceparent;
    command.conditions.apply(&mut envelope);
    if let Some(Keyed { scope, fingerprint }) = keyed.cloned() {
        envelope.idempotency_scope = Some(scope);
        envelope.idempotency_fingerprint = Some(fingerprint);
    } else {
        envelope.delivery = Some(edge.sequence.next());
    }
    tracing::trace!(%operation, command = route.record, aggregate_id = id, "appending a command");
    let started = Instant::now();
    let pending = edge.appender.enqueue(Append {
        topic: &target.topic,
        partition,
        key: id.as_bytes(),
        headers: headers(envelope.to_headers()),
        value: &framing::write(schema_id, &command.datum),
    });
    let appended = acknowledged(edge, pending, envelope.delivery).await;
    let seconds = started.elapsed().as_secs_f64();
    metrics::histogram!("factline_append_seconds", "command" => route.record).record(seconds);
    let place = appended.map_err(|failure| accepted.failed(route.record, &failure))?;
    let place = format!("{}/{}@{}", target.topic, place.partition, place.offset);
    tracing::debug!(
        %operation, command = route.record, aggregate_id = id, place, "accepted a command"
    );
    metrics::counter!("factline_commands_accepted_total", "command" => route.record).increment(1);
    if let Some(keyed) = command.keyed {
        edge.replays.accepted(keyed, &place);
    }
    Ok(answer(edge, &accepted, &place, command.wait).await)
}

/// Returns the response to an accepted command, at once or when its operation has ended.
async fn answer(edge: &Edge, accepted: &Accepted, place: &str, wait: Option<Duration>) -> Response {
    let response = accepted.answer(place);
    match (wait, edge.operations.get()) {
        (Some(wait), Some(operations)) => {
            let waited = operations.wait(&accepted.location(place), wait).await;
            waited.answer(response)
        }
        _ => response,
    }
}

/// Waits for the result of an append, and ends its number. If the client disconnects, this request
/// is dropped, but the append goes on: so a task of its own waits for the result.
async fn acknowledged(
    edge: &Arc<Edge>,
    pending: Result<Pending, Failure>,
    delivery: Option<Delivery>,
) -> Result<Place, Failure> {
    let Some(delivery) = delivery else {
        return edge.appender.acknowledged(pending?).await;
    };
    let edge = Arc::clone(edge);
    let ended = tokio::spawn(async move {
        let appended = match pending {
            Ok(pending) => edge.appender.acknowledged(pending).await,
            Err(failure) => Err(failure),
        };
        let is_unknown = matches!(appended, Err(Failure::Unknown(_)));
        edge.sequence.end(&delivery, !is_unknown);
        appended
    });
    let ended = ended.await;
    ended.unwrap_or(Err(Failure::Unknown(KafkaError::Canceled)))
}

/// Reads a request as the route's command, or returns every error in it.
async fn read(
    edge: &Edge,
    target: &Target,
    route: &Route,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Command, Problem> {
    let (head, body) = request.into_parts();
    // The body is read first, because a response may be lost on a client that is still sending.
    let bytes = body::read(body).await?;
    body::check_media_type(&head.headers, &bytes)?;
    let mut errors = Vec::new();
    let key = idempotency::key(&head.headers, &mut errors);
    if key.is_none() && route.demands_key {
        errors.extend(idempotency::missing(&errors));
    }
    let conditions = Conditions::read(&head.headers, &mut errors).within(route.time_to_live_ms);
    let path_id = path_id(route, id, &mut errors);
    let (mut object, duplicates) = match body::parse(&bytes) {
        Ok(parsed) => parsed,
        Err(error) => {
            errors.push(error);
            return Err(response::invalid(errors));
        }
    };
    errors.extend(duplicates);
    let keyed = key.map(|key| {
        let method = route.method.as_str();
        let path_id = path_id.as_deref();
        let scope = idempotency::scope(ANONYMOUS, method, &route.path, path_id, &key);
        Keyed::new(scope, &object)
    });
    let routes = edge.targets.iter();
    let routes = routes.flat_map(|target| {
        target
            .routes
            .iter()
            .map(|route| (target.contract, &**route))
    });
    requests::resolve(route, routes, &mut object, &mut errors);
    let sources = IdSources {
        path: path_id.as_deref(),
        scope: keyed.as_ref().map(|keyed| keyed.scope.as_str()),
    };
    let aggregate = target.contract.aggregate;
    match route.read(aggregate, sources, &mut object, &mut errors) {
        Some((aggregate_id, record)) if errors.is_empty() => Ok(Command {
            aggregate_id,
            datum: route
                .encode(record)
                .map_err(|error| Problem::internal(&error))?,
            keyed,
            conditions,
            traceparent: traceparent::parent(&head.headers),
            wait: prefer::wait(&head.headers),
        }),
        _ => Err(response::invalid(errors)),
    }
}

/// Returns the id in the path. Returns none if the route has none there, or after it added an
/// error.
fn path_id(
    route: &Route,
    id: Result<Path<String>, PathRejection>,
    errors: &mut Vec<FieldError>,
) -> Option<String> {
    if !route.has_path_id() {
        return None;
    }
    // An id that is not UTF-8 has no text, and no format accepts the empty text.
    let text = id.map_or_else(|_| String::new(), |Path(text)| text);
    let wrong = |detail| FieldError {
        pointer: None,
        parameter: Some("id".to_owned()),
        detail,
    };
    let read = route.id_format.read(&text);
    read.map_err(|expected| errors.push(wrong(format!("must be {expected}"))))
        .ok()
}
