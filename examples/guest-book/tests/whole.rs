//! The program on real servers: a signature is shown, and counted once.

use std::time::Duration;

use factline_client::{Client, Command, State};
use serde_json::{Value, json};

#[tokio::test]
async fn signature_is_shown() {
    let servers = factline_dev_servers::Servers::shared();
    let program = env!("CARGO_BIN_EXE_guest-book");
    let program = servers.application(program).unwrap();
    let client = Client::new(program.url(), Duration::from_secs(60)).unwrap();
    let words = json!({"words": "what a book"});
    let sign = || client.submit(Command::put("/guests/ada", &words));
    // The second signature changes nothing.
    let (_, accepted) = (sign().await.unwrap(), sign().await.unwrap());
    let signed = client.wait(&accepted.location).await.unwrap();
    assert_eq!(signed.state, State::Completed);
    let position = signed.position.as_deref();
    let page: Option<Value> = client.read(&accepted.resource, position).await.unwrap();
    assert_eq!(page, Some(json!({"words": "what a book", "times": 1})));
}
