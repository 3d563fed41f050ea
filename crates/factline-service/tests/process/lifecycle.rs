//! A process, from its first log line to its exit code.

use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use reqwest::StatusCode;

use crate::greeter::{Greeter, line_with, program};

async fn status(url: String) -> StatusCode {
    reqwest::get(url).await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread")]
async fn process_is_ready_and_metered_once_components_are() {
    let greeter = Greeter::start(&[]);
    assert_eq!(status(greeter.url("/health/live")).await, StatusCode::OK);
    let not_ready = reqwest::get(greeter.url("/health/ready")).await.unwrap();
    assert_eq!(not_ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    let body: serde_json::Value = not_ready.json().await.unwrap();
    assert_eq!(
        body,
        serde_json::json!({"ready": false, "reasons": ["voice: starting"], "degraded": []})
    );
    let client = reqwest::Client::new();
    client.post(greeter.url("/voice")).send().await.unwrap();
    assert_eq!(status(greeter.url("/health/ready")).await, StatusCode::OK);
    status(greeter.url("/greeting/0")).await;
    status(greeter.url("/greeting/1")).await;
    let text = reqwest::get(greeter.url("/metrics")).await.unwrap();
    let text = text.text().await.unwrap();
    let counted = r#"factline_http_requests_total{service="greeter",method="GET",route="/greeting/{milliseconds}",status="200"} 2"#;
    assert!(text.contains(counted), "{text}");
    assert!(
        text.contains(r#"factline_ready{service="greeter"} 1"#),
        "{text}"
    );
    greeter.signal("-TERM");
    assert_eq!(greeter.end().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn first_signal_lets_requests_finish() {
    let mut greeter = Greeter::start(&[]);
    // Idle connections do not delay the end.
    let _silent = TcpStream::connect(&greeter.address).unwrap();
    let slow = tokio::spawn(reqwest::get(greeter.url("/greeting/700")));
    line_with(&mut greeter.log, "takes a breath");
    greeter.signal("-TERM");
    line_with(&mut greeter.log, "draining");
    let greeting = slow.await.unwrap().unwrap().text().await.unwrap();
    assert_eq!(greeting, "hello");
    let (code, took) = greeter.end();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn second_signal_ends_at_once() {
    let mut greeter = Greeter::start(&[]);
    let slow = tokio::spawn(reqwest::get(greeter.url("/greeting/60000")));
    line_with(&mut greeter.log, "takes a breath");
    greeter.signal("-INT");
    line_with(&mut greeter.log, "draining");
    greeter.signal("-INT");
    let (code, took) = greeter.end();
    assert_eq!(code, Some(1));
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(slow.await.unwrap().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn drain_timeout_ends_the_process() {
    let mut greeter = Greeter::start(&["--drain-timeout", "0.5"]);
    let slow = tokio::spawn(reqwest::get(greeter.url("/greeting/60000")));
    line_with(&mut greeter.log, "takes a breath");
    greeter.signal("-TERM");
    let (code, took) = greeter.end();
    assert_eq!(code, Some(1));
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(slow.await.unwrap().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_part_ends_the_process_with_its_error() {
    let mut greeter = Greeter::start(&[]);
    let client = reqwest::Client::new();
    client.post(greeter.url("/failure")).send().await.unwrap();
    line_with(&mut greeter.log, "throat: is sore");
    assert_eq!(greeter.end().0, Some(1));
}

#[test]
fn address_in_use_is_named_in_the_error() {
    let greeter = Greeter::start(&[]);
    let address = greeter.address.clone();
    let second = Command::new(program())
        .args(["--listen", &address])
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    let log = String::from_utf8(second.stderr).unwrap();
    assert!(
        log.contains(&format!("cannot listen on {}", greeter.address)),
        "{log}"
    );
    greeter.signal("-KILL");
    assert_eq!(greeter.end().0, None);
}
