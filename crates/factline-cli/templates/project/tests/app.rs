//! The whole application on real servers.

use std::time::Duration;

use factline_client::{Client, Command, State};
use factline_dev_servers::Servers;
use serde_json::{Value, json};

#[tokio::test]
async fn created_{aggregate}_is_shown() {
    let app = Servers::shared().application(env!("CARGO_BIN_EXE_{project-}")).unwrap();
    let client = Client::new(app.url(), Duration::from_secs(60)).unwrap();
    let body = json!({"name": "Tea"});
    let accepted = client.submit(Command::put("/{view-}/1", &body)).await.unwrap();
    let operation = client.wait(&accepted.location).await.unwrap();
    assert_eq!(operation.state, State::Completed, "{operation:?}");
    let position = operation.position.as_deref();
    let shown: Option<Value> = client.read(&accepted.resource, position).await.unwrap();
    assert_eq!(shown.unwrap()["name"], "Tea");
}
