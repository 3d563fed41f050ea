//! Answers of the broker that come late.
//!
//! librdkafka looks up where "the end" of a partition is by a question of its own. An answer that comes after the client was
//! sent elsewhere makes it ask once more, and go to the end: past whatever lies between, and without a word. So the handler
//! gives it no such offsets. (`rd_kafka_toppar_handle_Offset` in librdkafka 2.12.)

use std::collections::HashSet;
use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use infra::Servers;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::rig::Rig;

/// Longer than a restore of next to nothing takes.
const LATE: Duration = Duration::from_secs(3);

/// How long there are commands: beyond the late answer, and the question that librdkafka asks half a second after it.
const LOAD: Duration = Duration::from_secs(6);

/// Numbers of requests, see Kafka's protocol.
const LIST_OFFSETS: i16 = 2;
const SYNC_GROUP: i16 = 14;

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_late_sends_nobody_past_commands() {
    let servers = tokio::task::spawn_blocking(|| Servers::with_detours(1));
    let servers = servers.await.unwrap().unwrap();
    let detour = servers.kafka.detours()[0];
    let mut rig = Rig::on(&servers, "late").await;
    rig.kafka.brokers = format!("127.0.0.1:{}", detour.outer);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, detour.outer))
        .await
        .unwrap();
    tokio::spawn(forward_all(listener, detour.inner));

    let mut operations = vec![rig.deposit("ada", 1).await];
    let handler = rig.start("a").await;
    let start = Instant::now();
    while start.elapsed() < LOAD {
        operations.push(rig.deposit("ada", 1).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let balances = rig.check(&operations).await;
    assert_eq!(usize::try_from(balances["ada"]).unwrap(), operations.len());
    handler.stop().await;
}

/// Takes connections for as long as the test lasts.
async fn forward_all(listener: TcpListener, to: u16) {
    let joined = Arc::new(AtomicBool::new(false));
    while let Ok((client, _)) = listener.accept().await {
        let server = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await.unwrap();
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        // What is connected before the first member of a group has its partitions is the member itself; those that read
        // their state come after it.
        let is_member = !joined.load(Ordering::Relaxed);
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let questions = Arc::new(Mutex::new(HashSet::new()));
        tokio::spawn(requests(
            (from_client, to_server),
            Arc::clone(&questions),
            Arc::clone(&joined),
        ));
        tokio::spawn(answers((from_server, to_client), questions, is_member));
    }
}

/// Passes requests on, and remembers which of them ask for an end.
async fn requests(
    (mut from, mut to): (OwnedReadHalf, OwnedWriteHalf),
    questions: Arc<Mutex<HashSet<[u8; 4]>>>,
    joined: Arc<AtomicBool>,
) -> io::Result<()> {
    loop {
        let request = frame(&mut from).await?;
        // Number, version, correlation; see "Request Header" in Kafka's protocol.
        if let [_, _, _, _, high, low, _, _, a, b, c, d, ..] = request[..] {
            match i16::from_be_bytes([high, low]) {
                LIST_OFFSETS => drop(questions.lock().unwrap().insert([a, b, c, d])),
                SYNC_GROUP => joined.store(true, Ordering::Relaxed),
                _ => {}
            }
        }
        to.write_all(&request).await?;
    }
}

/// Passes answers on, and where the end is late to the member.
async fn answers(
    (mut from, mut to): (OwnedReadHalf, OwnedWriteHalf),
    questions: Arc<Mutex<HashSet<[u8; 4]>>>,
    is_member: bool,
) -> io::Result<()> {
    loop {
        let answer = frame(&mut from).await?;
        if let [_, _, _, _, a, b, c, d, ..] = answer[..]
            && questions.lock().unwrap().remove(&[a, b, c, d])
            && is_member
        {
            tokio::time::sleep(LATE).await;
        }
        to.write_all(&answer).await?;
    }
}

/// A request or an answer, with its length before it.
async fn frame(from: &mut OwnedReadHalf) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; 4];
    from.read_exact(&mut frame).await?;
    let length = usize::try_from(u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]));
    frame.resize(4 + length.unwrap_or_default(), 0);
    from.read_exact(&mut frame[4..]).await?;
    Ok(frame)
}
