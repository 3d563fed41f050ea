//! The receiver in the documents gets the end of an order.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use factline_dev_servers::Servers;
use harness::{Layout, System};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_mins(1);

/// The page with the receiver.
const PAGE: &str = "../../docs/how-to/receive-webhooks.md";

/// Returns the receiver's code.
fn code() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let page = std::fs::read_to_string(page).unwrap();
    let (_, code) = page.split_once("```python\n").unwrap();
    code.split_once("```").unwrap().0.to_owned()
}

/// A running receiver. It ends with this value.
struct Receiver(Child);

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn post(url: String, body: Value) -> (u16, Value) {
    let request = reqwest::Client::new().post(url).json(&body);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python, as `./dev api` does"]
async fn receiver_of_the_documents_gets_the_end_of_an_order() {
    let options = [
        "FACTLINE_WEBHOOK_HTTP",
        "FACTLINE_WEBHOOK_PRIVATE_ADDRESSES",
    ];
    let layout = Layout {
        environment: options
            .map(|name| (name.to_owned(), "true".to_owned()))
            .to_vec(),
        ..Layout::default()
    };
    let system = System::on(Servers::shared(), "receiver", layout)
        .await
        .unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("http://127.0.0.1:{port}/hook");
    let (status, webhook) = post(format!("{}/webhooks", system.url()), json!({"url": url})).await;
    assert_eq!(status, 201, "{webhook}");
    let mut receiver = Command::new("python3");
    receiver.args(["-c", &code()]).env("PORT", port.to_string());
    receiver.env("WEBHOOK_SECRET", webhook["secret"].as_str().unwrap());
    let receiver = receiver.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut receiver = Receiver(receiver.spawn().unwrap());
    let lines = BufReader::new(receiver.0.stdout.take().unwrap());
    let listening = async {
        while tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .is_err()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, listening).await.unwrap();
    let id = webhook["id"].as_str().unwrap();
    let enable = format!("{}/webhooks/{id}/enable", system.url());
    let (status, enabled) = post(enable, json!({})).await;
    assert_eq!(
        (status, &enabled["state"]),
        (200, &json!("active")),
        "{enabled}"
    );

    let product =
        json!({"name": "Tea", "brand": "Leaf", "price": {"amount": 450, "currency": "USD"}});
    let (status, accepted) = post(format!("{}/products", system.url()), product).await;
    assert_eq!(status, 202, "{accepted}");
    let operation = accepted["operation"]["id"].as_str().unwrap();
    let line = tokio::task::spawn_blocking(move || lines.lines().next());
    let line = tokio::time::timeout(PATIENCE, line).await.unwrap();
    let line = line.unwrap().unwrap().unwrap();
    assert_eq!(line, format!("operation_completed {operation}"));
}
