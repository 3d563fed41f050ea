//! Requests that Kafka must reject, whatever the code of the processes does.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use factline_kafka::KafkaConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext};
use rdkafka::types::RDKafkaErrorCode::{self, Authentication, TopicAuthorizationFailed};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use tokio::task::spawn_blocking;

use crate::stage::{PATIENCE, append, refusal_to_read, stage};

async fn refusal_to_write(config: &KafkaConfig, topic: &str) -> Option<RDKafkaErrorCode> {
    let sent = append(config, false, topic, &[], b"forged").await;
    sent.unwrap_err().rdkafka_error_code()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_handlers_can_write_events_and_outcomes() {
    let stage = stage().await;
    for user in [
        "projectors",
        "command-api",
        "operations-tracker",
        "factline",
        "provision",
    ] {
        for topic in [stage.topics.events(), stage.topics.outcomes()] {
            assert_eq!(
                refusal_to_write(&stage.user(user), topic).await,
                Some(TopicAuthorizationFailed),
                "{user} writes {topic}"
            );
        }
    }
}

/// The tracker can, too: it writes cancels.
#[tokio::test(flavor = "multi_thread")]
async fn readers_and_handlers_cannot_write_commands() {
    let stage = stage().await;
    for user in ["projectors", "command-handlers"] {
        let refusal = refusal_to_write(&stage.user(user), stage.topics.commands()).await;
        assert_eq!(refusal, Some(TopicAuthorizationFailed), "{user}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_tracker_can_delete_records_and_only_commands() {
    let stage = stage().await;
    let forbidden = [
        ("command-api", stage.topics.commands()),
        ("command-handlers", stage.topics.commands()),
        ("factline", stage.topics.commands()),
        ("command-handlers", stage.topics.events()),
        ("projectors", stage.topics.events()),
        ("operations-tracker", stage.topics.outcomes()),
    ];
    for (user, topic) in forbidden {
        let config = stage.user(user).client_config();
        let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
        let mut all = TopicPartitionList::new();
        all.add_partition_offset(topic, 0, Offset::End).unwrap();
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let answer = admin.delete_records(&all, &options).await.unwrap();
        let refusal = answer.elements()[0].error().unwrap_err();
        assert_eq!(
            refusal.rdkafka_error_code(),
            Some(TopicAuthorizationFailed),
            "{user} deletes from {topic}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_cannot_read_other_topics() {
    let stage = stage().await;
    let forbidden = [
        ("command-api", stage.topics.commands()),
        ("command-api", stage.topics.events()),
        ("projectors", stage.topics.commands()),
        ("operations-tracker", stage.topics.events()),
        ("provision", stage.topics.events()),
    ];
    for (user, topic) in forbidden {
        let (config, name) = (stage.user(user), topic.to_owned());
        let refusal = spawn_blocking(move || refusal_to_read(&config, &name)).await;
        assert_eq!(
            refusal.unwrap(),
            TopicAuthorizationFailed,
            "{user} reads {topic}"
        );
    }
}

/// Context that stores the errors of librdkafka.
#[derive(Clone, Default)]
struct ClientErrors(Arc<Mutex<Vec<KafkaError>>>);

impl ClientContext for ClientErrors {
    fn error(&self, error: KafkaError, _reason: &str) {
        self.0.lock().unwrap().push(error);
    }
}

impl ProducerContext for ClientErrors {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_password_is_refused() {
    let config = stage().await.login("command-api", "a guess");
    let refused = spawn_blocking(move || {
        let errors = ClientErrors::default();
        let producer: BaseProducer<ClientErrors> = config
            .client_config()
            .create_with_context(errors.clone())
            .unwrap();
        let start = Instant::now();
        let refused = || {
            let errors = errors.0.lock().unwrap();
            errors
                .iter()
                .any(|error| error.rdkafka_error_code() == Some(Authentication))
        };
        while !refused() && start.elapsed() < PATIENCE {
            producer.poll(Duration::from_millis(100));
        }
        let metadata = producer
            .client()
            .fetch_metadata(None, Duration::from_secs(1));
        refused() && metadata.is_err()
    });
    assert!(refused.await.unwrap());
}
