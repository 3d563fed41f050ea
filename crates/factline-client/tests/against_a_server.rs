//! The client against a server that fails in the ways that servers do.

#![expect(clippy::unwrap_used, reason = "a test says what it finds by panicking")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use factline_client::{Client, Command, Error, Kind, State as OperationState};
use serde_json::{Value, json};

/// A server that answers each request with the next response of a list, repeats the last one, and
/// records the requests.
#[derive(Clone, Default)]
struct Server {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<(Instant, String)>>>,
    keys: Arc<Mutex<Vec<Option<String>>>>,
}

#[derive(Clone)]
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Value,
}

fn answer(status: u16, body: Value) -> Answer {
    Answer {
        status,
        headers: Vec::new(),
        body,
    }
}

fn with(answer: Answer, name: &'static str, value: &str) -> Answer {
    let mut answer = answer;
    answer.headers.push((name, value.to_owned()));
    answer
}

fn accepted() -> Answer {
    let answer = answer(202, json!({}));
    let answer = with(answer, "x-operation", "operations/7");
    let answer = with(answer, "x-resource", "people/9");
    with(
        with(answer, "location", "/operations/7?at=x"),
        "retry-after",
        "1",
    )
}

fn operation(state: &str, success: Option<bool>) -> Answer {
    let body = json!({
        "id": "7", "name": "people.Greet", "state": state, "success": success, "code": null, "reason": null,
        "resource": "people/9", "user_id": "anonymous", "version": 3, "position": "1abc",
        "created_at": "2026-01-01T00:00:00.000000Z", "updated_at": "2026-01-01T00:00:00.250000Z", "later": true,
    });
    with(answer(200, body), "retry-after", "1")
}

fn problem(status: u16, outcome: Option<&str>) -> Answer {
    let mut body = json!({"type": "https://factline.dev/problems/unavailable", "title": "Unavailable", "status": status});
    if let Some(outcome) = outcome {
        body["outcome"] = json!(outcome);
        body["operation"] = json!("operations/7");
        body["resource"] = json!("people/9");
    }
    answer(status, body)
}

impl Server {
    async fn start(answers: impl IntoIterator<Item = Answer>) -> (Self, String) {
        let server = Self::default();
        server.answers.lock().unwrap().extend(answers);
        let router = Router::new().fallback(respond).with_state(server.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (server, url)
    }

    fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(_, request)| request.clone()).collect()
    }

    /// Returns the idempotency key of each request.
    fn keys(&self) -> Vec<Option<String>> {
        self.keys.lock().unwrap().clone()
    }

    /// Returns the times between each request and the next.
    fn pauses(&self) -> Vec<Duration> {
        let asked = self.asked.lock().unwrap();
        asked.windows(2).map(|pair| pair[1].0 - pair[0].0).collect()
    }
}

async fn respond(State(server): State<Server>, request: Request) -> Response {
    let position = request.headers().get("factline-position");
    let position = position.map_or("", |position| position.to_str().unwrap());
    let text = format!("{} {} {position}", request.method(), request.uri());
    server.asked.lock().unwrap().push((Instant::now(), text));
    let key = request.headers().get("idempotency-key");
    let key = key.map(|key| key.to_str().unwrap().to_owned());
    server.keys.lock().unwrap().push(key);
    let mut answers = server.answers.lock().unwrap();
    let answer = if answers.len() > 1 {
        answers.pop_front().unwrap()
    } else {
        answers[0].clone()
    };
    let status = StatusCode::from_u16(answer.status).unwrap();
    let mut response = (status, answer.body.to_string()).into_response();
    for (name, value) in answer.headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

fn client(url: &str, patience: Duration) -> Client {
    Client::new(url, patience).unwrap()
}

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn command_completes_and_is_read() {
    let ended = operation("completed", Some(true));
    let pending = operation("pending", None);
    let found = answer(200, json!({"name": "Ada"}));
    let (server, url) = Server::start([accepted(), pending.clone(), pending, ended, found]).await;
    let client = client(&url, LONG);
    let accepted = client.send("/people", &json!({})).await.unwrap();
    assert_eq!(accepted.operation, "operations/7");
    assert_eq!(accepted.retry_after, Some(Duration::from_secs(1)));
    let operation = client.wait(&accepted.location).await.unwrap();
    assert_eq!(operation.state, OperationState::Completed);
    assert_eq!(operation.version, Some(3));
    assert_eq!(operation.took(), Duration::from_millis(250));
    let person: Option<Value> = client
        .read(&accepted.resource, operation.position.as_deref())
        .await
        .unwrap();
    assert_eq!(person.unwrap()["name"], "Ada");
    let poll = "GET /operations/7?at=x ";
    let expected = ["POST /people ", poll, poll, poll, "GET /people/9 1abc"];
    assert_eq!(server.asked(), expected);
    // The suggested second applies only after the first polls.
    assert!(server.pauses()[1] < Duration::from_millis(500));
}

#[tokio::test]
async fn wait_returns_unsuccessful_and_unknown_states() {
    let (_, url) = Server::start([
        operation("rejected", Some(false)),
        operation("postponed", Some(false)),
    ])
    .await;
    let client = client(&url, LONG);
    let first = client.wait("operations/7").await.unwrap();
    assert_eq!(
        (first.state, first.success),
        (OperationState::Rejected, Some(false))
    );
    let second = client.wait("operations/7").await.unwrap();
    assert_eq!(second.state, OperationState::Unknown);
}

#[tokio::test]
async fn transient_failure_is_retried() {
    let answers = [
        problem(503, Some("not_accepted")),
        problem(429, None),
        accepted(),
    ];
    let (server, url) = Server::start(answers).await;
    client(&url, LONG)
        .send("/people", &json!({}))
        .await
        .unwrap();
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn retry_after_is_respected() {
    let asks = with(problem(503, None), "retry-after", "1");
    let (server, url) = Server::start([asks, answer(200, json!(1))]).await;
    let read: Option<u8> = client(&url, LONG).read("/people/9", None).await.unwrap();
    assert_eq!(read, Some(1));
    assert!(server.pauses()[0] >= Duration::from_secs(1));
}

#[tokio::test]
async fn exhausted_patience_reports_the_last_failure() {
    let (server, url) = Server::start([problem(503, None)]).await;
    let began = Instant::now();
    let error = client(&url, Duration::from_millis(400))
        .read::<Value>("/people/9", None)
        .await
        .unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(2));
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert_eq!(error.problem().unwrap().title, "Unavailable");
    let tries = server.asked().len();
    assert!((2..20).contains(&tries), "{tries} tries");

    // A wait that ends after the client's patience is useless, so the client gives up at once.
    let asks = with(problem(503, None), "retry-after", "3600");
    let (server, url) = Server::start([asks]).await;
    let error = client(&url, LONG).read::<Value>("/people/9", None).await;
    assert!(matches!(error, Err(Error::Unavailable { .. })), "{error:?}");
    assert_eq!(server.asked().len(), 1);

    let error = client("http://127.0.0.1:9", Duration::from_millis(100))
        .send("/people", &json!({}))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
}

/// A service that follows the preference is asked again at once: it has waited already.
#[tokio::test]
async fn service_that_waits_is_not_polled() {
    let still_open = with(operation("running", None), "preference-applied", "wait=20");
    let (server, url) = Server::start([
        still_open.clone(),
        still_open,
        operation("completed", Some(true)),
    ])
    .await;
    let ended = client(&url, LONG).wait("operations/7").await.unwrap();
    assert_eq!(ended.state, OperationState::Completed);
    assert_eq!(server.asked().len(), 3);
    assert!(
        server
            .pauses()
            .iter()
            .all(|pause| *pause < Duration::from_millis(20))
    );
}

#[tokio::test]
async fn executed_command_is_one_request_if_the_service_waits() {
    let (server, url) = Server::start([operation("completed", Some(true))]).await;
    let client = client(&url, LONG);
    let body = json!({"name": "Ada"});
    let ended = client
        .execute(Command::post("/people", &body))
        .await
        .unwrap();
    assert_eq!(ended.success, Some(true));
    assert_eq!(server.asked(), ["POST /people "]);

    // Otherwise the operation is awaited.
    let (server, url) = Server::start([accepted(), operation("rejected", Some(false))]).await;
    let client = self::client(&url, LONG);
    let ended = client
        .execute(Command::post("/people", &body))
        .await
        .unwrap();
    assert_eq!(ended.state, OperationState::Rejected);
    assert_eq!(server.asked(), ["POST /people ", "GET /operations/7?at=x "]);
}

#[tokio::test]
async fn open_operation_is_returned_in_its_last_state() {
    let (_, url) = Server::start([operation("running", None)]).await;
    let error = client(&url, Duration::from_millis(200))
        .wait("operations/7")
        .await
        .unwrap_err();
    let Error::StillOpen { operation, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(operation.state, OperationState::Running);
    assert_eq!(operation.id, "7");
}

#[tokio::test]
async fn command_with_unknown_result_is_retried_with_its_key() {
    let lost = [
        problem(503, Some("unknown")),
        problem(504, None),
        accepted(),
    ];
    let (server, url) = Server::start(lost).await;
    let client = client(&url, LONG);
    client.send("/people", &json!({})).await.unwrap();
    client.put("/people/9", &json!({})).await.unwrap();
    let keys = server.keys();
    assert_eq!(keys.len(), 4);
    assert!(keys.iter().all(Option::is_some), "{keys:?}");
    assert!(keys[0] == keys[1] && keys[1] == keys[2], "{keys:?}");
    assert_ne!(keys[2], keys[3], "another command has another key");
}

/// The service reads the command and closes the connection without a response, so it is unknown
/// whether it accepted the command.
#[tokio::test]
async fn broken_connection_is_retried() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let breaks = tokio::spawn(async move {
        let (connection, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 4096];
        let length = loop {
            connection.readable().await.unwrap();
            // The socket may be ready and yet have no data.
            if let Ok(length) = connection.try_read(&mut head) {
                break length;
            }
        };
        drop(connection);
        let key = key_in(&head[..length]);
        let router = Router::new().fallback(respond);
        let server = Server::default();
        server.answers.lock().unwrap().push_back(accepted());
        let router = router.with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (server, key)
    });
    let sent = client(&url, LONG).send("/people", &json!({})).await;
    assert_eq!(sent.unwrap().operation, "operations/7");
    let (server, key) = breaks.await.unwrap();
    assert_eq!(server.keys(), [Some(key)]);
}

fn key_in(head: &[u8]) -> String {
    let head = String::from_utf8(head.to_vec()).unwrap();
    let line = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("idempotency-key")
            .then_some(value)
    });
    line.unwrap().to_owned()
}

#[tokio::test]
async fn unknown_result_names_the_key_for_a_retry() {
    let (server, url) = Server::start([problem(503, Some("unknown"))]).await;
    let client = client(&url, Duration::from_millis(100));
    let command = Command::post("/people", &1).key("mine");
    let error = client.submit(command).await.unwrap_err();
    let Error::Unknown {
        key,
        operation,
        resource,
        ..
    } = &error
    else {
        panic!("{error:?}")
    };
    assert_eq!(key.as_deref(), Some("mine"));
    assert_eq!(operation.as_deref(), Some("operations/7"));
    assert_eq!(resource.as_deref(), Some("people/9"));
    let keys = server.keys();
    assert!(keys.len() > 1);
    assert!(keys.iter().all(|key| key.as_deref() == Some("\"mine\"")));

    // A gateway that lost its service does not name an operation.
    let (server, url) = Server::start([problem(504, None)]).await;
    let lost = Client::new(&url, Duration::from_millis(100))
        .unwrap()
        .send("/people", &json!({}))
        .await;
    let Err(Error::Unknown {
        key: Some(key),
        operation: None,
        ..
    }) = lost
    else {
        panic!("{lost:?}")
    };
    assert_eq!(server.keys()[0], Some(format!("\"{key}\"")));
}

#[tokio::test]
async fn invalid_key_is_not_sent() {
    let (server, url) = Server::start([accepted()]).await;
    let command = Command::post("/people", &1).key("a\nb");
    let error = client(&url, LONG).submit(command).await.unwrap_err();
    assert!(matches!(error, Error::Unsendable { .. }), "{error:?}");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn repeatable_command_is_retried_without_a_key() {
    let unknown = problem(503, Some("unknown"));
    let (server, url) = Server::start([unknown.clone(), accepted()]).await;
    client(&url, LONG)
        .send_repeatable("/people", &json!({}))
        .await
        .unwrap();
    assert_eq!(server.keys(), [None, None]);

    let (_, url) = Server::start([unknown, problem(503, Some("not_accepted"))]).await;
    let error = client(&url, Duration::from_millis(100))
        .send_repeatable("/people", &json!({}))
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Unknown { key: None, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn workflow_shows_its_children() {
    let plain = operation("running", None);
    let (_, url) = Server::start([plain.clone()]).await;
    let alone = client(&url, LONG).operation("operations/7").await.unwrap();
    assert_eq!(
        (alone.parent, alone.root, alone.retry_of),
        Default::default()
    );
    assert!(alone.children.is_empty() && !alone.children_truncated);
    assert_eq!(alone.kind, Kind::Unknown, "nothing is said of it");

    let mut tree = plain.clone();
    let mut child = plain.body.clone();
    (child["id"], child["parent"], child["root"]) = (json!("8"), json!("7"), json!("7"));
    (tree.body["retry_of"], child["children"]) = (json!("6"), json!([]));
    let mut grandchild = child.clone();
    (grandchild["id"], grandchild["parent"]) = (json!("9"), json!("8"));
    grandchild["kind"] = json!("deadline");
    child["kind"] = json!("something new");
    child["children"] = json!([grandchild]);
    tree.body["kind"] = json!("command");
    tree.body["children"] = json!([child, plain.body]);
    tree.body["children_truncated"] = json!(true);
    let (_, url) = Server::start([tree]).await;
    let root = client(&url, LONG).operation("operations/7").await.unwrap();
    assert_eq!(root.retry_of.as_deref(), Some("6"));
    assert_eq!((root.children.len(), root.children_truncated), (2, true));
    let grandchild = &root.children[0].children[0];
    assert_eq!(grandchild.parent.as_deref(), Some("8"));
    assert_eq!(grandchild.root.as_deref(), Some("7"));
    assert_eq!(
        [root.kind, root.children[0].kind, grandchild.kind],
        [Kind::Command, Kind::Unknown, Kind::Deadline]
    );
}

#[tokio::test]
async fn refusal_is_a_problem() {
    let body = json!({
        "type": "https://factline.dev/problems/invalid-request", "title": "The request is not valid", "status": 400,
        "errors": [{"pointer": "/name", "detail": "is missing"}],
    });
    let (server, url) = Server::start([answer(400, body)]).await;
    let error = client(&url, LONG)
        .send("/people", &json!({}))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
    let problem = error.problem().unwrap();
    assert_eq!(problem.slug(), "invalid-request");
    assert_eq!(problem.errors[0].pointer.as_deref(), Some("/name"));
    assert_eq!(server.asked().len(), 1);

    let (_, url) = Server::start([answer(404, json!({"title": "No"}))]).await;
    let client = client(&url, LONG);
    let nothing: Option<Value> = client.read("/people/9", None).await.unwrap();
    assert_eq!(nothing, None);
    let unknown = client.wait("operations/7").await.unwrap_err();
    assert_eq!(unknown.problem().unwrap().status, 404);
}

#[tokio::test]
async fn unexpected_response_is_an_error() {
    let (_, url) = Server::start([answer(202, json!({})), answer(200, json!("x"))]).await;
    let client = client(&url, LONG);
    let error = client.send("/people", &json!({})).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::NoHeader {
                header: "x-operation",
                ..
            }
        ),
        "{error:?}"
    );
    let error = client.wait("operations/7").await.unwrap_err();
    assert!(matches!(error, Error::Unexpected { .. }), "{error:?}");
}

/// A cancel may be sent again: it is the same operation.
#[tokio::test]
async fn cancel_is_sent_until_it_is_accepted() {
    let (server, url) = Server::start([problem(503, Some("unknown")), accepted()]).await;
    let client = Client::new(&url, Duration::from_secs(5)).unwrap();
    let cancel = client.cancel("/operations/3?at=x").await.unwrap();
    assert_eq!(
        (&*cancel.operation, &*cancel.resource),
        ("operations/7", "people/9")
    );
    assert_eq!(server.asked(), ["DELETE /operations/3?at=x "; 2]);
    let (_, url) = Server::start([problem(409, None)]).await;
    let client = Client::new(&url, Duration::from_secs(5)).unwrap();
    let refused = client.cancel("operations/3").await.unwrap_err();
    assert!(matches!(refused, Error::Refused { .. }), "{refused}");
}
