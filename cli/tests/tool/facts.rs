//! Letters of a policy: listed, shown and discarded by the tool, and redriven by the process that
//! the tool asks.

use factline_kafka::topics::{provision, settings};
use factline_testkit::{Fixture, found};

use crate::stage::Stage;

const GROUP: &str = "policy.dispatch";
const FIRST: &str = "shop.item.events/0@3";
const BEHIND: &str = "shop.item.events/0@5";

/// Appends a letter as a policy does, or the mark with which its process settles a redrive.
async fn append(fixture: &Fixture, topic: &str, letter: &str, code: &str, mark: Option<&str>) {
    let mut headers = vec![
        ("ce_type", "shop.ItemCreated".to_owned()),
        ("deadletter_position", letter.to_owned()),
        ("deadletter_code", code.to_owned()),
        ("deadletter_reason", "policy dispatch panicked".to_owned()),
        ("deadletter_key", "tea".to_owned()),
    ];
    headers.extend(mark.map(|mark| ("deadletter_mark", mark.to_owned())));
    fixture.append(topic, 0, letter, &headers, b"fact").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_of_a_policy_are_redriven_by_its_process() {
    let stage = Stage::with_topics("facts").await;
    let topic = format!("{}{GROUP}.dead-letters", stage.fixture.kafka.topic_prefix);
    let wanted = settings::letters(&topic, 1);
    let made = provision::create(&stage.fixture.kafka, &[wanted], None).await;
    made.unwrap();
    append(&stage.fixture, &topic, FIRST, "poison", None).await;
    append(&stage.fixture, &topic, BEHIND, "behind", None).await;

    let listed = stage.json(&["dead-letters", "list"]).await;
    let of_policy = listed.iter().filter(|letter| letter["of"] == GROUP);
    let names: Vec<_> = of_policy.map(|letter| &letter["letter"]).collect();
    assert_eq!(names, [FIRST, BEHIND]);
    let shown = stage.json(&["dead-letters", "show", GROUP, FIRST]).await;
    assert_eq!(shown[0]["reason"], "policy dispatch panicked");

    // The offsets of the policy have passed these facts.
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    let refused = stage.run(&["backup", backup.to_str().unwrap()]).await;
    let reason = format!("{GROUP} has 2 parked facts, which a backup does not contain");
    assert!(
        !refused.success && refused.err.contains(&reason),
        "{refused:?}"
    );
    assert!(!backup.exists());

    let behind = stage.run(&["dead-letters", "redrive", GROUP, BEHIND]).await;
    assert!(
        !behind.success && behind.err.contains("waits for an earlier fact of its key"),
        "{behind:?}"
    );
    // The process of the policy, which finds the request and settles it.
    let settle = async {
        let asked = async || {
            let letters = stage.fixture.read(&topic).await;
            letters
                .into_iter()
                .find(|letter| letter.headers.last("deadletter_mark") == Some(b"redrive"))
        };
        let asked = found("the request", asked).await;
        assert_eq!(asked.headers.last("deadletter_markedby"), Some(&b"ada"[..]));
        append(&stage.fixture, &topic, FIRST, "poison", Some("redriven")).await;
    };
    let redrive = ["dead-letters", "redrive", GROUP, FIRST];
    let (redriven, ()) = tokio::join!(stage.json(&redrive), settle);
    assert_eq!(redriven[0]["state"], "redriven");

    let discarded = stage.run(&["dead-letters", "discard", GROUP, BEHIND]).await;
    assert!(discarded.success, "{discarded:?}");
    let open = stage.json(&["dead-letters", "list", GROUP]).await;
    assert_eq!(open.len(), 0, "{open:?}");
}
