//! Topics: the required settings beside the existing ones.

use std::collections::HashSet;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::admin::{ConfigSource, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use serde_json::Value;

use crate::stage::Stage;

const X: &str = "ordering.order";

fn actions(lines: &[Value]) -> HashSet<&str> {
    lines
        .iter()
        .map(|line| line["action"].as_str().unwrap())
        .collect()
}

async fn make(stage: &Stage, topic: &str, partitions: i32, config: (&str, &str)) {
    let admin: AdminClient<DefaultClientContext> =
        stage.fixture.kafka.client_config().create().unwrap();
    let topic = NewTopic::new(topic, partitions, TopicReplication::Fixed(-1))
        .set(config.0, config.1)
        .set("segment.ms", "3600000");
    let made = admin
        .create_topics(&[topic], &AdminOptions::new())
        .await
        .unwrap();
    assert!(made.iter().all(Result::is_ok), "{made:?}");
}

async fn set_on(stage: &Stage, topic: &str) -> Vec<(String, String)> {
    let admin: AdminClient<DefaultClientContext> =
        stage.fixture.kafka.client_config().create().unwrap();
    let topic = ResourceSpecifier::Topic(topic);
    let mut described = admin
        .describe_configs(&[topic], &AdminOptions::new())
        .await
        .unwrap();
    let entries = described.remove(0).unwrap().entries.into_iter();
    let set = entries.filter(|entry| entry.source == ConfigSource::DynamicTopic);
    set.map(|entry| (entry.name, entry.value.unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_is_applied_once() {
    let stage = Stage::empty("plan").await;
    let plan = stage.json(&["topics", "plan"]).await;
    assert_eq!(actions(&plan), HashSet::from(["create"]));
    assert!(
        plan.iter()
            .any(|line| line["setting"] == "message.timestamp.type")
    );
    // A topic that an operator created by hand, with one wrong setting.
    make(&stage, stage.topics.outcomes(), 8, ("retention.ms", "1000")).await;
    let plan = stage.json(&["topics", "plan", "--type", X]).await;
    let wrong = plan.iter().find(|line| line["action"] == "set").unwrap();
    assert_eq!(
        (&wrong["setting"], &wrong["actual"]),
        (&"retention.ms".into(), &"1000".into())
    );

    assert!(!stage.json(&["topics", "apply"]).await.is_empty());
    assert_eq!(
        actions(&stage.json(&["topics", "plan"]).await),
        HashSet::from(["keep"])
    );
    let kept = ("segment.ms".to_owned(), "3600000".to_owned());
    assert!(
        set_on(&stage, stage.topics.outcomes())
            .await
            .contains(&kept)
    );
    let again = stage.run(&["topics", "apply", "--type", X]).await;
    assert!(again.success && again.out.is_empty(), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn partition_counts_are_never_changed() {
    let stage = Stage::empty("wide").await;
    make(&stage, stage.topics.events(), 3, ("retention.ms", "-1")).await;
    let plan = stage.json(&["topics", "plan", "--type", X]).await;
    assert!(actions(&plan).contains("impossible"), "{plan:?}");
    let applied = stage.run(&["topics", "apply", "--type", X]).await;
    assert!(
        !applied.success && applied.err.contains("3 partitions and should have 8"),
        "{applied:?}"
    );
    let after = stage.json(&["topics", "plan", "--type", X]).await;
    assert_eq!(plan, after, "nothing was changed");
}
