//! Commands of a policy carry their origin, and their outcomes lead back to the process.

use factline::{Position, id};

use crate::gate::{GATE, GateEvent};
use crate::policies::{CountPasses, REFUSED, ReportRefusals, TWICE};
use crate::rig::{Rig, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn emitted_command_names_its_fact_process_and_root_operation() {
    let rig = Rig::new("children").await;
    let handlers = rig.handlers().await;
    let policy = rig.policy::<CountPasses>("a").await;
    rig.until_ready("policy tally.count-passes").await;
    let begun = rig.pass("g-1", "c-1", TWICE).await;
    rig.until_counted(2).await;
    let (fact, _) = rig.events::<GateEvent>(&GATE).await.remove(0);
    let mut sent = rig.sent().await;
    sent.sort_by_key(|child| child.subject.len());
    assert_eq!(sent.len(), 2);
    for (number, child) in sent.iter().enumerate() {
        let operation = id::emitted("tally.count-passes", fact.id, number);
        assert_eq!((child.id, child.operation), (operation, operation));
        assert_eq!(child.source, "/policies/tally.count-passes");
        assert_eq!(child.root_operation, Some(begun.operation));
        assert_eq!(child.parent_operation, Some(begun.operation));
        assert_eq!(child.causation, fact.id);
        assert_eq!(child.process_type.as_deref(), Some("tally.gate"));
        assert_eq!(child.process_id.as_deref(), Some("g-1"));
        assert_eq!(child.origin_time, fact.time);
        // A reader at this position sees the fact.
        let position: Position = child.position.as_deref().unwrap().parse().unwrap();
        let [point] = position.points() else {
            panic!("expected one point, found {position:?}");
        };
        assert_eq!(point.topic, rig.kafka.topics(&GATE).events());
        assert_eq!(Some(point.sequence), fact.partition_sequence);
    }
    assert_eq!(sent[0].subject, "c-1");
    assert_eq!(sent[1].subject, "c-1-too");
    policy.stop().await;
    for handler in handlers {
        handler.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rejection_reaches_the_process_that_sent_the_command() {
    let rig = Rig::new("refusals").await;
    let handlers = rig.handlers().await;
    let running = [
        rig.policy::<CountPasses>("a").await,
        rig.policy::<ReportRefusals>("a").await,
    ];
    rig.until_ready("policy tally.count-passes").await;
    rig.until_ready("policy tally.report-refusals").await;
    // Two rejected commands that no process sent, then one that a process sent.
    rig.until_handled().await;
    let begun = rig.pass("g-7", "c-7", -5).await;
    let mut passed = Vec::new();
    eventually("the gate receives the rejection", async || {
        passed = rig.events::<GateEvent>(&GATE).await;
        passed.len() > 1
    })
    .await;
    let (answer, GateEvent::Passed(event)) = &passed[1];
    assert_eq!((event.amount, event.counter.as_str()), (REFUSED, "c-7"));
    assert_eq!(answer.subject, "g-7");
    assert_eq!(answer.root_operation, Some(begun.operation));
    let refused = rig.sent().await[0].operation;
    assert_eq!(answer.parent_operation, Some(refused));
    rig.until_handled().await;
    assert_eq!(rig.events::<GateEvent>(&GATE).await.len(), 2);
    for running in running {
        running.stop().await;
    }
    for handler in handlers {
        handler.stop().await;
    }
}
