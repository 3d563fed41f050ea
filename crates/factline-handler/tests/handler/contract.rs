//! Contracts that cannot be kept: found before the first command is handled.

use factline::{Contract, RecordSchema};
use factline_handler::{Wire, WireError};
use factline_kafka::topics::identity::topic_identity;
use factline_kafka::{records::registry, topics::broker_settings, topics::provision};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;

use crate::account::ACCOUNT;
use crate::rig::{Rig, eventually};

/// An added field without a default cannot be read from old events.
#[tokio::test(flavor = "multi_thread")]
async fn an_incompatible_schema_is_refused_with_its_field() {
    const CHANGED: Contract = Contract {
        events: &[RecordSchema {
            name: "ledger.Deposited",
            json: r#"{"type":"record","name":"Deposited","namespace":"ledger","fields":[
                {"name":"amount","type":"long"},{"name":"note","type":"string","default":""},
                {"name":"teller","type":"string"}]}"#,
        }],
        ..ACCOUNT
    };
    let rig = Rig::new("incompatible").await;
    Wire::connect(&rig.kafka, &ACCOUNT).await.unwrap();
    let refused = Wire::connect(&rig.kafka, &CHANGED).await.unwrap_err();
    assert!(!refused.is_transient());
    let WireError::Registry(registry::Error::Incompatible { subject, reason }) = refused else {
        panic!("{refused}")
    };
    assert!(
        subject.ends_with("ledger.account.events-ledger.Deposited"),
        "{subject}"
    );
    assert!(reason.contains("teller"), "{reason}");
}

/// Keys would move to other partitions.
#[tokio::test(flavor = "multi_thread")]
async fn another_number_of_partitions_is_refused() {
    const CHANGED: Contract = Contract {
        partitions: 6,
        ..ACCOUNT
    };
    let rig = Rig::new("partitions").await;
    let refused = provision::provision(&rig.kafka, &CHANGED, None)
        .await
        .unwrap_err();
    assert!(
        matches!(
            refused,
            provision::Error::Partitions {
                actual: 4,
                expected: 6,
                ..
            }
        ),
        "{refused}"
    );
}

/// What was provisioned can be provisioned again, and a group that lost its place is not given another in silence.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_without_its_offsets_is_refused() {
    let rig = Rig::new("offsets").await;
    provision::provision(&rig.kafka, &ACCOUNT, None)
        .await
        .unwrap();
    rig.deposit("ada", 1).await;
    let admin: AdminClient<DefaultClientContext> = rig.kafka.client_config().create().unwrap();
    admin
        .delete_groups(&[rig.topics.handler_group()], &AdminOptions::new())
        .await
        .unwrap()
        .remove(0)
        .unwrap();
    let refused = provision::provision(&rig.kafka, &ACCOUNT, None)
        .await
        .unwrap_err();
    assert!(
        matches!(refused, provision::Error::LostOffset { end: 1, .. }),
        "{refused}"
    );

    let handler = rig.launch("a");
    eventually("the handler says what is missing", async || {
        matches!(handler.state(), Some(Err(reason)) if reason.contains("no committed offset"))
    })
    .await;
    handler.stop().await;
}

/// A topic made anew under its old name is another topic.
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_made_anew_has_another_identity() {
    let rig = Rig::new("identity").await;
    let identity = async || {
        let (kafka, topic) = (rig.kafka.clone(), rig.topics.events().to_owned());
        tokio::task::spawn_blocking(move || topic_identity(&kafka, &topic))
            .await
            .unwrap()
    };
    let first = identity().await.unwrap();
    assert_eq!(first, identity().await.unwrap());
    let admin: AdminClient<DefaultClientContext> = rig.kafka.client_config().create().unwrap();
    admin
        .delete_topics(&[rig.topics.events()], &AdminOptions::new())
        .await
        .unwrap()
        .remove(0)
        .unwrap();
    eventually("the topic is gone", async || identity().await.is_err()).await;
    provision::provision(&rig.kafka, &ACCOUNT, None)
        .await
        .unwrap();
    assert_ne!(first, identity().await.unwrap());
}

/// Two processes in one slot take the partitions from each other: one of them ends and says why. That it was fenced once is
/// not enough for that, since it may have been by itself.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_in_one_slot_one_ends() {
    let rig = Rig::new("slot").await;
    let (mut first, mut second) = (rig.start("a").await, rig.launch("a"));
    let operation = rig.deposit("ada", 1).await;
    let (ended, other) = tokio::select! {
        ended = first.ended() => (ended, second),
        ended = second.ended() => (ended, first),
        () = tokio::time::sleep(crate::rig::PATIENCE) => panic!("both go on"),
    };
    assert!(
        matches!(ended, Err(factline_handler::Error::Fenced(_))),
        "{ended:?}"
    );
    rig.check(&[operation]).await;
    other.stop().await;
}

/// Several instances start at once on a registry that knows nothing yet.
#[tokio::test(flavor = "multi_thread")]
async fn schemas_can_be_registered_by_many_at_once() {
    let rig = Rig::new("many").await;
    let connecting: Vec<_> = (0..8)
        .map(|_| {
            let kafka = rig.kafka.clone();
            tokio::spawn(async move { Wire::connect(&kafka, &ACCOUNT).await.map(drop) })
        })
        .collect();
    for connected in connecting {
        connected.await.unwrap().unwrap();
    }
}

/// The brokers are asked, and answer.
#[tokio::test(flavor = "multi_thread")]
async fn the_brokers_tell_how_long_they_remember_groups() {
    let rig = Rig::new("retention").await;
    let minutes = broker_settings::minutes(&rig.kafka).await.unwrap();
    assert!(
        minutes >= Some(broker_settings::LEAST_MINUTES),
        "{minutes:?}"
    );
}
