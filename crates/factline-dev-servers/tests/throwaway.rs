//! The throw-away servers: they start, recover with their data, and leave nothing behind.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use factline_dev_servers::Servers;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use sqlx::{Connection, Executor, PgConnection};

// The tests of one server share a set: each breaks only its own.

fn client(servers: &Servers) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", servers.kafka.brokers());
    client
}

/// Returns the end of partition 0.
fn end(servers: &Servers, topic: &str) -> Result<i64> {
    let consumer: BaseConsumer = client(servers).create()?;
    Ok(consumer
        .fetch_watermarks(topic, 0, Duration::from_secs(10))?
        .1)
}

async fn send(servers: &Servers, topic: &str) -> Result<()> {
    let producer: FutureProducer = client(servers).set("acks", "all").create()?;
    let record = FutureRecord::to(topic).key("k").payload("v");
    producer
        .send(record, Duration::from_secs(10))
        .await
        .map_err(|(error, _)| error)?;
    Ok(())
}

#[tokio::test]
async fn kafka_keeps_its_data_over_a_crash_and_a_pause() {
    let servers = Servers::shared();
    let admin: AdminClient<DefaultClientContext> = client(servers).create().unwrap();
    let topic = NewTopic::new("kept", 1, TopicReplication::Fixed(1));
    let created = admin
        .create_topics(&[topic], &AdminOptions::new())
        .await
        .unwrap();
    assert!(created.iter().all(Result::is_ok), "{created:?}");
    send(servers, "kept").await.unwrap();

    let address = servers.kafka.brokers();
    servers.kafka.kill().unwrap();
    assert!(TcpStream::connect(&address).is_err());
    assert!(servers.kafka.kill().is_err(), "it is gone already");
    servers.kafka.start().unwrap();
    assert_eq!(servers.kafka.brokers(), address);
    assert_eq!(end(servers, "kept").unwrap(), 1);

    servers.kafka.pause().unwrap();
    servers.kafka.resume().unwrap();
    send(servers, "kept").await.unwrap();
    servers.kafka.stop().unwrap();
    servers.kafka.start().unwrap();
    assert_eq!(end(servers, "kept").unwrap(), 2);
}

#[tokio::test]
async fn registry_refuses_incompatible_schemas() {
    let url = Servers::shared().registry.url();
    let response = reqwest::get(format!("{url}/config")).await.unwrap();
    let config: serde_json::Value = response.json().await.unwrap();
    assert_eq!(config["compatibilityLevel"], "FULL_TRANSITIVE");
}

#[tokio::test]
async fn postgres_grants_writers_and_recovers_from_a_crash() {
    let postgres = &Servers::shared().postgres;
    postgres.create_database("roles").unwrap();
    assert!(postgres.create_database("no; such").is_err());
    let writers = ["factline_tracker", "factline_projector"];
    for role in writers {
        let mut writer = PgConnection::connect(&postgres.url("roles", role))
            .await
            .unwrap();
        writer
            .execute("CREATE SCHEMA AUTHORIZATION CURRENT_USER")
            .await
            .unwrap();
    }
    let url = postgres.url("roles", "factline_reader");
    let mut reader = PgConnection::connect(&url).await.unwrap();
    reader.execute("CREATE SCHEMA forbidden").await.unwrap_err();

    postgres.kill().unwrap();
    reader.execute("SELECT 1").await.unwrap_err();
    postgres.start().unwrap();
    let mut writer = PgConnection::connect(&postgres.url("roles", writers[0]))
        .await
        .unwrap();
    writer
        .execute("CREATE TABLE factline_tracker.made ()")
        .await
        .unwrap();
}

/// The process that `servers_end_with_a_killed_owner` starts.
#[test]
#[ignore = "a part of another test"]
fn owner() {
    let servers = Servers::throwaway().unwrap();
    println!(
        "\nowner has {} {}",
        servers.kafka.brokers(),
        servers.dir().display()
    );
    thread::sleep(Duration::from_mins(5));
}

#[test]
fn servers_end_with_a_killed_owner() {
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "owner", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let line = lines.find(|line| line.starts_with("owner has")).unwrap();
    let [.., brokers, dir] = line.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{line}")
    };
    assert!(TcpStream::connect(brokers).is_ok());

    owner.kill().unwrap();
    owner.wait().unwrap();
    let since = Instant::now();
    while TcpStream::connect(brokers).is_ok() || Path::new(dir).exists() {
        assert!(
            since.elapsed() < Duration::from_secs(20),
            "the servers outlive their owner"
        );
        thread::sleep(Duration::from_millis(20));
    }
}
