//! Contracts that cannot be fulfilled are detected before the first command is handled.

use factline::{Contract, RecordSchema};
use factline_handler::{RecordFactory, RecordFactoryError};
use factline_kafka::topics::identity::topic_identity;
use factline_kafka::{records::registry, topics::broker_settings, topics::provision};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;

use crate::account::ACCOUNT;
use crate::rig::{Rig, eventually};

/// Old events cannot be read with a schema that adds a field without a default.
#[tokio::test(flavor = "multi_thread")]
async fn incompatible_schema_is_refused_and_its_field_named() {
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
    RecordFactory::connect(&rig.kafka, &ACCOUNT).await.unwrap();
    let refused = RecordFactory::connect(&rig.kafka, &CHANGED)
        .await
        .unwrap_err();
    assert!(!refused.is_transient());
    let RecordFactoryError::Registry(registry::Error::Incompatible { subject, reason }) = refused
    else {
        panic!("{refused}")
    };
    assert!(
        subject.ends_with("ledger.account.events-ledger.Deposited"),
        "{subject}"
    );
    assert!(reason.contains("teller"), "{reason}");
}

/// With another number of partitions, keys would move to other partitions.
#[tokio::test(flavor = "multi_thread")]
async fn changed_partition_count_is_refused() {
    const CHANGED: Contract = Contract {
        partitions: 6,
        ..ACCOUNT
    };
    let rig = Rig::new("partitions").await;
    let refused = provision::provision(&rig.kafka, &CHANGED, None)
        .await
        .unwrap_err();
    assert!(matches!(refused, provision::Error::Partitions { .. }));
    let refused = refused.to_string();
    assert!(
        refused.ends_with(
            "has 4 partitions, but the contract requires 6: the number is permanent, so restore it \
             in the contract"
        ),
        "{refused}"
    );
}

/// Provisioning can be repeated. A group that lost its offsets does not silently get new ones.
#[tokio::test(flavor = "multi_thread")]
async fn group_with_lost_offsets_is_refused() {
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
    for partition in 0..ACCOUNT.partitions {
        handler.until_halted(partition).await;
    }
    handler.stop().await;
}

/// A topic that was deleted and recreated with the same name is another topic.
#[tokio::test(flavor = "multi_thread")]
async fn recreated_topic_has_another_identity() {
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
    eventually("the topic is deleted", async || identity().await.is_err()).await;
    provision::provision(&rig.kafka, &ACCOUNT, None)
        .await
        .unwrap();
    assert_ne!(first, identity().await.unwrap());
}

/// Two processes with the same instance id fence each other. One of them ends and reports the
/// reason. A single fencing is not enough for that, because a process can fence itself.
#[tokio::test(flavor = "multi_thread")]
async fn duplicate_instance_id_ends_one_member() {
    let rig = Rig::new("slot").await;
    let (mut first, mut second) = (rig.start("a").await, rig.launch("a"));
    let operation = rig.deposit("ada", 1).await;
    let (ended, other) = tokio::select! {
        ended = first.ended() => (ended, second),
        ended = second.ended() => (ended, first),
        () = tokio::time::sleep(crate::rig::PATIENCE) => panic!("both handlers continue"),
    };
    assert!(
        matches!(ended, Err(factline_handler::Error::Fenced(_))),
        "{ended:?}"
    );
    rig.check(&[operation]).await;
    other.stop().await;
}

/// Several instances start at the same time with an empty registry.
#[tokio::test(flavor = "multi_thread")]
async fn schemas_can_be_registered_concurrently() {
    let rig = Rig::new("many").await;
    let connecting: Vec<_> = (0..8)
        .map(|_| {
            let kafka = rig.kafka.clone();
            tokio::spawn(async move { RecordFactory::connect(&kafka, &ACCOUNT).await.map(drop) })
        })
        .collect();
    for connected in connecting {
        connected.await.unwrap().unwrap();
    }
}

/// The brokers report their setting.
#[tokio::test(flavor = "multi_thread")]
async fn brokers_report_the_offset_retention() {
    let rig = Rig::new("retention").await;
    let minutes = broker_settings::minutes(&rig.kafka).await.unwrap();
    assert!(
        minutes >= Some(broker_settings::LEAST_MINUTES),
        "{minutes:?}"
    );
}
