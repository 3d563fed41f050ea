//! The limits of the listener, each against a client that exceeds it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::Value;

use crate::greeter::{Greeter, line_with};

/// Longest wait for something that happens within milliseconds on a quiet machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn connect(greeter: &Greeter) -> TcpStream {
    let stream = TcpStream::connect(&greeter.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends bytes, and returns everything that the process answers before it closes the connection.
fn answer(greeter: &Greeter, bytes: &[u8]) -> String {
    let mut stream = connect(greeter);
    stream.write_all(bytes).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Returns the status and the body of an answer that must be a problem document.
fn problem(answer: &str) -> (u64, Value) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let head = head.to_ascii_lowercase();
    assert!(
        head.contains("content-type: application/problem+json"),
        "{head}"
    );
    assert!(head.contains("connection: close"), "{head}");
    let body: Value = serde_json::from_str(body).unwrap();
    let status = body["status"].as_u64().unwrap();
    assert!(head.starts_with(&format!("http/1.1 {status} ")), "{head}");
    (status, body)
}

#[test]
fn head_that_does_not_arrive_is_not_awaited() {
    let greeter = Greeter::start(&["--idle-timeout", "0.3"]);
    for begun in ["", "GET / HTTP/1.1\r\nhost: x\r\nx-a: "] {
        let started = Instant::now();
        assert_eq!(answer(&greeter, begun.as_bytes()), "");
        assert!(started.elapsed() < PATIENCE);
    }
}

#[test]
fn too_large_head_is_a_problem() {
    let greeter = Greeter::start(&[]);
    let long = "a".repeat(70_000);
    let many = "x-a: 1\r\n".repeat(101);
    for request in [
        format!("GET /?{long} HTTP/1.1\r\nhost: x\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: x\r\nx-a: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n"),
    ] {
        let (status, body) = problem(&answer(&greeter, request.as_bytes()));
        assert_eq!(status, 431);
        assert_eq!(body["type"], "https://factline.dev/problems/head-too-large");
    }
}

#[test]
fn bytes_that_are_no_request_are_a_problem() {
    let greeter = Greeter::start(&[]);
    for bytes in ["\u{1}\u{2}\r\n\r\n", "GET / HTTP/1.1\r\nhost x\r\n\r\n"] {
        let (status, body) = problem(&answer(&greeter, bytes.as_bytes()));
        assert_eq!(status, 400);
        assert_eq!(
            body["type"],
            "https://factline.dev/problems/invalid-request"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn common_route_without_the_method_is_a_problem() {
    let greeter = Greeter::start(&[]);
    let post = reqwest::Client::new().post(greeter.url("/health/ready"));
    let response = post.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    assert_eq!(response.headers()["allow"], "GET,HEAD");
}

/// Silent clients hold every connection, and the next client is answered nevertheless.
#[tokio::test(flavor = "multi_thread")]
async fn silent_clients_do_not_keep_others_out() {
    let greeter = Greeter::start(&["--max-connections", "8"]);
    let silent: Vec<TcpStream> = (0..40).map(|_| connect(&greeter)).collect();
    // One client, whose connection stays open: all eight are open when they are counted.
    let client = reqwest::Client::new();
    let get = async |path: &str| {
        let response = client.get(greeter.url(path)).send().await.unwrap();
        response.text().await.unwrap()
    };
    assert_eq!(get("/greeting/0").await, "hello");
    let metrics = get("/metrics").await;
    assert!(
        metrics.contains(r#"factline_http_connections{service="greeter"} 8"#),
        "{metrics}"
    );
    // The oldest ones were closed, and the newest is open.
    let (first, last) = (silent.first().unwrap(), silent.last().unwrap());
    assert_eq!(first.peek(&mut [0]).unwrap(), 0);
    last.set_nonblocking(true).unwrap();
    assert!(last.peek(&mut [0]).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_with_requests_are_kept_and_further_ones_refused() {
    let mut greeter = Greeter::start(&["--max-connections", "2"]);
    let slow: Vec<_> = (0..2)
        .map(|_| tokio::spawn(reqwest::get(greeter.url("/greeting/3000"))))
        .collect();
    for _ in &slow {
        line_with(&mut greeter.log, "takes a breath");
    }
    let (status, body) = problem(&answer(&greeter, b""));
    assert_eq!(
        (status, &body["detail"]),
        (503, &"the service has too many connections".into())
    );
    for slow in slow {
        assert_eq!(slow.await.unwrap().unwrap().text().await.unwrap(), "hello");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_the_limit_are_refused_at_once() {
    let mut greeter = Greeter::start(&["--max-requests", "1"]);
    let slow = tokio::spawn(reqwest::get(greeter.url("/greeting/3000")));
    line_with(&mut greeter.log, "takes a breath");
    let refused = reqwest::get(greeter.url("/greeting/0")).await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let after: u32 = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=4).contains(&after), "{after}");
    // Reads that wait for a position have permits of their own.
    let waiting = reqwest::Client::new().get(greeter.url("/greeting/0"));
    let waiting = waiting
        .header("factline-position", "1")
        .send()
        .await
        .unwrap();
    assert_eq!(waiting.status(), StatusCode::OK);
    // The process can still be watched.
    let live = reqwest::get(greeter.url("/health/live")).await.unwrap();
    assert_eq!(live.status(), StatusCode::OK);
    assert_eq!(slow.await.unwrap().unwrap().text().await.unwrap(), "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn caller_with_too_many_requests_is_refused_and_others_are_not() {
    let greeter = Greeter::start(&["--rate-limit", "2", "--proxies", "1"]);
    let send = async |caller: &str| {
        let request = reqwest::Client::new().get(greeter.url("/greeting/0"));
        request
            .header("x-forwarded-for", caller)
            .send()
            .await
            .unwrap()
    };
    let first = send("192.0.2.1").await;
    assert_eq!(first.headers()["ratelimit-policy"], "\"caller\";q=2;w=1");
    assert_eq!(first.headers()["ratelimit"], "\"caller\";r=1;t=1");
    let mut statuses = Vec::new();
    let refused = loop {
        let response = send("192.0.2.1").await;
        statuses.push(response.status());
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            break response;
        }
        assert!(statuses.len() < 1000, "nothing is refused");
    };
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(
        refused.headers()["content-type"],
        "application/problem+json"
    );
    assert_eq!(send("192.0.2.2").await.status(), StatusCode::OK);
    let live = reqwest::get(greeter.url("/health/live")).await.unwrap();
    assert_eq!(live.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_metrics_can_have_an_address_of_their_own() {
    let mut greeter = Greeter::start(&["--admin-listen", "127.0.0.1:0"]);
    let line: Value = serde_json::from_str(&line_with(&mut greeter.log, "listening")).unwrap();
    let (one, other) = (
        greeter.address.clone(),
        line["address"].as_str().unwrap().to_owned(),
    );
    let mut found = Vec::new();
    for address in [one, other] {
        let status = async |path: &str| {
            let response = reqwest::get(format!("http://{address}{path}"))
                .await
                .unwrap();
            response.status().as_u16()
        };
        found.push((
            status("/greeting/0").await,
            status("/metrics").await,
            status("/health/live").await,
        ));
    }
    found.sort_unstable();
    assert_eq!(found, [(200, 404, 404), (404, 200, 200)]);
}

/// A client that has sent half of a head does not delay the end of the process.
#[test]
fn half_a_head_does_not_delay_the_end() {
    let mut greeter = Greeter::start(&[]);
    let mut half = connect(&greeter);
    half.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx-a: ")
        .unwrap();
    greeter.signal("-TERM");
    line_with(&mut greeter.log, "draining");
    let (code, took) = greeter.end();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(8), "{took:?}");
}
