//! The program on real servers: a signature is shown, and counted once.

use std::{net::TcpListener, process::Command, thread::sleep, time::Duration};

#[test]
fn signature_is_shown() {
    let servers = dev_servers::Servers::shared();
    servers.postgres.create_database("guests").unwrap();
    let database = servers.postgres.url("guests", "factline_projector");
    let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let address = free.unwrap().to_string();
    let mut program = Command::new(env!("CARGO_BIN_EXE_guest-book"))
        .args(["--listen", &address, "--database-url", &database])
        .args(["--kafka-brokers", &servers.kafka.brokers()])
        .args(["--registry-url", &servers.registry.url()])
        .spawn()
        .unwrap();
    let http = reqwest::blocking::Client::new();
    let ada = format!("http://{address}/guests/ada");
    let shown = (0..600).find_map(|_| {
        sleep(Duration::from_millis(100));
        // A repeated text changes nothing, so the test may send it until it is shown.
        http.put(&ada).body("what a book").send().ok()?;
        let page = http.get(&ada).send().ok()?.text().ok()?;
        page.contains("what").then_some(page)
    });
    program.kill().unwrap();
    program.wait().unwrap();
    assert_eq!(shown.as_deref(), Some("what a book, signed 1 times\n"));
}
