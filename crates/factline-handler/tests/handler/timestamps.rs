//! The timestamps of records: the settings of the topics, and a broker whose clock is wrong.

use chrono::{TimeDelta, Utc};
use factline::outcome::State;
use factline::{Envelope, Timestamp, id};
use factline_kafka::Record;
use factline_kafka::producer::append::headers;
use factline_kafka::topics::diff::{self, Action};
use factline_kafka::topics::partition_of;
use factline_kafka::topics::provision;
use factline_testkit::commands::envelope;
use rdkafka::producer::FutureRecord;
use uuid::Uuid;

use crate::account::{ACCOUNT, Command, Deposit, Schedule};
use crate::rig::{PATIENCE, Rig, eventually};

/// A recovered handler takes the times of remembered operations from the outcomes, so a broker must
/// not replace them.
#[tokio::test(flavor = "multi_thread")]
async fn topic_with_wrong_timestamps_is_refused_until_it_is_configured() {
    let rig = Rig::new("timestamps").await;
    let outcomes = rig.topics.outcomes();
    let wrong = [("message.timestamp.type", "LogAppendTime")];
    rig.fixture.configure(outcomes, &wrong).await;
    let expected = format!(
        "topic {outcomes} has message.timestamp.type=LogAppendTime, but CreateTime is required: run \
         `factline topics apply`"
    );
    let refused = provision::provision(&rig.kafka, &ACCOUNT, None).await;
    assert_eq!(refused.unwrap_err().to_string(), expected);
    let mut handler = rig.launch("a");
    assert_eq!(handler.ended().await.unwrap_err().to_string(), expected);

    let plan = diff::plan(&rig.kafka, &ACCOUNT).await.unwrap();
    let changes = plan.iter().filter(|line| line.action() == Action::Set);
    let changes: Vec<_> = changes.map(|line| (&*line.topic, &*line.setting)).collect();
    assert_eq!(changes, [(outcomes, "message.timestamp.type")]);
    diff::apply(&rig.kafka, &ACCOUNT, None).await.unwrap();
    let handler = rig.start("a").await;
    let operation = rig.deposit("ada", 1).await;
    assert_eq!(rig.check(&[operation]).await["ada"], 1);
    handler.stop().await;
}

/// Makes the broker keep the timestamps of commands, as if the test were a broker with another
/// clock. The handler must be running, because it refuses such a topic when it starts.
async fn keep_timestamps(rig: &Rig) {
    let own = [
        ("message.timestamp.type", "CreateTime"),
        ("message.timestamp.after.max.ms", "9223372036854775807"),
    ];
    rig.fixture.configure(rig.topics.commands(), &own).await;
    // The broker answers before it has applied the settings.
    let probe = Command::from(Deposit { amount: 1 });
    let time = Utc::now() - TimeDelta::hours(3);
    eventually("the broker keeps timestamps", async || {
        let probed = envelope(Uuid::now_v7(), &probe, PROBE);
        append_at(rig, time, &probed, &probe).await;
        let records = rig.read(rig.topics.commands()).await;
        let kept = |record: &Record| record.timestamp.timestamp_millis() == time.timestamp_millis();
        records.iter().any(kept)
    })
    .await;
}

/// An account in another partition than `ada`.
const PROBE: &str = "probe";

/// Appends a command with a timestamp of the test.
async fn append_at(rig: &Rig, time: Timestamp, envelope: &Envelope, command: &Command) {
    let (lines, value) = (envelope.to_headers(), rig.commands.encode(command));
    let key = &envelope.subject;
    let record = FutureRecord::to(rig.topics.commands())
        .partition(partition_of(key.as_bytes(), ACCOUNT.partitions))
        .key(key)
        .payload(&value)
        .timestamp(time.timestamp_millis())
        .headers(headers(lines.iter().map(|(name, value)| (name, value))));
    rig.fixture.producer.send(record, PATIENCE).await.unwrap();
}

#[test]
fn probe_is_in_another_partition() {
    let [ada, probe] = ["ada", PROBE].map(|key| partition_of(key.as_bytes(), ACCOUNT.partitions));
    assert_ne!(ada, probe);
}

/// A command was appended by a broker with the right clock. The broker that leads the partition of
/// the events is two hours behind. By Kafka's default it would refuse them.
#[tokio::test(flavor = "multi_thread")]
async fn broker_two_hours_behind_accepts_events() {
    let rig = Rig::new("refusing").await;
    let handler = rig.start("a").await;
    keep_timestamps(&rig).await;
    let time = Utc::now() + TimeDelta::hours(2);
    let command = Command::from(Deposit { amount: 1 });
    let mut envelope = envelope(Uuid::now_v7(), &command, "ada");
    (envelope.time, envelope.origin_time) = (time, time);
    append_at(&rig, time, &envelope, &command).await;

    let outcomes = rig.outcomes_of(&[envelope.operation]).await;
    assert_eq!(outcomes[&envelope.operation].state, State::Completed);
    let mut events = rig.events().await.into_iter();
    let (record, event, _) = events.find(|(_, event, _)| event.subject == "ada").unwrap();
    assert_eq!(event.time.timestamp_millis(), time.timestamp_millis());
    assert_eq!(record.timestamp.timestamp_millis(), time.timestamp_millis());
    handler.stop().await;
}

/// The first command of a partition is appended by a broker that is an hour behind. The deadline
/// that it sets must not be due at once.
#[tokio::test(flavor = "multi_thread")]
async fn broker_an_hour_behind_brings_no_deadline_forward() {
    const AFTER_MS: i64 = 2_000;
    let rig = Rig::new("behind").await;
    let handler = rig.start("a").await;
    keep_timestamps(&rig).await;
    let command = Command::from(Schedule {
        amount: 5,
        after_ms: AFTER_MS,
        open: false,
    });
    let envelope = envelope(Uuid::now_v7(), &command, "ada");
    let behind = Utc::now() - TimeDelta::hours(1);
    append_at(&rig, behind, &envelope, &command).await;

    let deadline = id::deadline(ACCOUNT.aggregate, "ada", 1);
    let outcomes = rig.outcomes_of(&[envelope.operation, deadline]).await;
    assert_eq!(outcomes[&deadline].state, State::Completed);
    let earliest = envelope.origin_time.timestamp_millis() + AFTER_MS;
    assert!(outcomes[&deadline].decided_at / 1_000 >= earliest);
    handler.stop().await;
}

/// The handler takes its own clock instead, reports it in its readiness, and is ready again when
/// commands come with the right time.
#[tokio::test(flavor = "multi_thread")]
async fn broker_an_hour_ahead_is_reported_until_its_clock_is_right() {
    let rig = Rig::new("ahead").await;
    let handler = rig.start("a").await;
    keep_timestamps(&rig).await;
    let command = Command::from(Deposit { amount: 1 });
    let ahead = envelope(Uuid::now_v7(), &command, "ada");
    append_at(&rig, Utc::now() + TimeDelta::hours(1), &ahead, &command).await;
    let reported = |reasons: Vec<String>| reasons.iter().any(|why| why.contains("clock"));
    eventually("the clock is reported", async || {
        reported(handler.reports.reasons())
    })
    .await;
    let right = envelope(Uuid::now_v7(), &command, "ada");
    append_at(&rig, Utc::now(), &right, &command).await;
    let outcomes = rig.outcomes_of(&[ahead.operation, right.operation]).await;
    let latest = Utc::now().timestamp_micros();
    assert!(
        outcomes
            .values()
            .all(|outcome| outcome.decided_at <= latest),
        "{outcomes:?}"
    );
    eventually("the handler is ready", async || {
        handler.state() == Some(Ok(()))
    })
    .await;
    handler.stop().await;
}
