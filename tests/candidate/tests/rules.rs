//! A dry run of rules names each decision that a defect would change, and nothing for rules without
//! a defect. It says which decisions it could not compare.

#![expect(clippy::unwrap_used, reason = "a test reports failures by panicking")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use candidate::rules::RuleDefect;
use clap::Parser as _;
use factline::{Envelope, Messages as _};
use factline_handler::Options;
use factline_kafka::Topics;
use factline_testkit::{CommandTopic, Fixture, eventually};
use ordering::Order;
use ordering_schemas::order::Command;
use ordering_schemas::{CancelOrder, ConfirmOrder, Line, Money, ORDER, PlaceOrder, ShipOrder};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    handler: Options,
}

/// A handler with the deployed rules, and the decisions that it has made.
struct Store {
    fixture: Fixture,
    topics: Topics,
    folder: TempDir,
    sent: Sent,
}

/// The operations by what they ask for.
#[derive(Default)]
struct Sent {
    all: BTreeSet<Uuid>,
    placed: BTreeSet<Uuid>,
    shipped: BTreeSet<Uuid>,
    /// The order of twelve units.
    large: Uuid,
    /// The cancellation of a shipped order, that of a confirmed one, and that of one that is
    /// neither.
    cancelled: [Uuid; 3],
    /// The second confirmation of an order.
    confirmed_again: Uuid,
}

/// The result of a run: the exit code, the lines of its output, and its errors.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    lines: Vec<Value>,
    errors: String,
}

impl Store {
    async fn start() -> Self {
        let fixture = Fixture::new("decide").await;
        let topics = fixture.provision(&ORDER).await;
        let mut store = Self {
            fixture,
            topics,
            folder: tempfile::tempdir().unwrap(),
            sent: Sent::default(),
        };
        let shutdown = CancellationToken::new();
        let report: factline_handler::Report = Arc::new(|_, _| {});
        let handler = tokio::spawn(factline_handler::run::<Order>(
            store.fixture.kafka.clone(),
            Flags::parse_from(["test"]).handler,
            report,
            shutdown.clone(),
        ));
        store.sell().await;
        eventually("every command has an outcome", async || {
            let outcomes = store.fixture.outcomes(store.topics.outcomes()).await;
            outcomes.len() == store.sent.all.len()
        })
        .await;
        shutdown.cancel();
        handler.await.unwrap().unwrap();
        store
    }

    /// Sends the commands of several orders.
    async fn sell(&mut self) {
        let orders: Vec<Uuid> = (0..12).map(|_| Uuid::new_v4()).collect();
        for order in &orders {
            self.place(*order, 2).await;
        }
        let large = self.place(Uuid::new_v4(), 12).await;
        for order in &orders[..4] {
            let order_id = *order;
            let shipped = self.send(order_id, ShipOrder { order_id }.into()).await;
            self.sent.shipped.insert(shipped);
        }
        let mut again = Uuid::nil();
        for order in [4, 5, 6, 4] {
            let order_id = orders[order];
            again = self.send(order_id, ConfirmOrder { order_id }.into()).await;
        }
        let of_shipped = self.cancel(orders[0]).await;
        let of_confirmed = self.cancel(orders[4]).await;
        let of_neither = self.cancel(orders[8]).await;
        self.cancel(Uuid::new_v4()).await;
        self.sent.large = large;
        self.sent.confirmed_again = again;
        self.sent.cancelled = [of_shipped, of_confirmed, of_neither];
    }

    async fn send(&mut self, order: Uuid, command: Command) -> Uuid {
        let commands = CommandTopic::register(&self.fixture.kafka, &ORDER).await;
        let now = chrono::Utc::now();
        let id = Uuid::now_v7();
        let envelope = Envelope::of_command(id, command.record(), "/test", &order.to_string(), now);
        commands
            .send(&self.fixture.producer, &envelope, &command)
            .await;
        self.sent.all.insert(id);
        id
    }

    async fn place(&mut self, order: Uuid, quantity: i32) -> Uuid {
        let price = Money {
            amount: 500,
            currency: "USD".to_owned(),
        };
        let line = Line {
            product_id: "tea".to_owned(),
            name: "Tea".to_owned(),
            unit_price: price,
            quantity,
        };
        let command = PlaceOrder {
            order_id: order,
            customer_id: "eve".to_owned(),
            lines: vec![line],
        };
        let placed = self.send(order, command.into()).await;
        self.sent.placed.insert(placed);
        placed
    }

    async fn cancel(&mut self, order: Uuid) -> Uuid {
        let command = CancelOrder {
            order_id: order,
            reason: "changed my mind".to_owned(),
        };
        self.send(order, command.into()).await
    }

    /// Runs the candidate's tool.
    async fn tool(&self, defect: Option<RuleDefect>, arguments: &[&str]) -> Ran {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_candidate"));
        command
            .args(["--format", "json"])
            .args(arguments)
            .env("FACTLINE_KAFKA_BROKERS", &self.fixture.kafka.brokers)
            .env("FACTLINE_REGISTRY_URL", &self.fixture.kafka.registry_url)
            .env("FACTLINE_TOPIC_PREFIX", &self.fixture.kafka.topic_prefix)
            .kill_on_drop(true);
        if let Some(defect) = defect {
            command.env("DEFECT", defect.name());
        }
        let output = command.output().await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        Ran {
            code: output.status.code(),
            lines: lines.collect(),
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    async fn decide(&self, defect: Option<RuleDefect>, more: &[&str]) -> Ran {
        let command = ["decide", "--dry-run", "--rows", "100"];
        self.tool(defect, &[&command, more].concat()).await
    }

    /// Deletes all records of a topic.
    async fn delete(&self, topic: &str) {
        let admin: AdminClient<DefaultClientContext> =
            self.fixture.kafka.client_config().create().unwrap();
        let mut all = TopicPartitionList::new();
        for partition in 0..ORDER.partitions {
            all.add_partition_offset(topic, partition, Offset::End)
                .unwrap();
        }
        let deleted = admin.delete_records(&all, &AdminOptions::new()).await;
        let places = deleted.unwrap();
        assert!(places.elements().iter().all(|place| place.error().is_ok()));
    }

    /// Returns the kinds of differences that a defect must lead to, each with its operations.
    fn expected(&self, defect: RuleDefect) -> Vec<(Kind<'static>, BTreeSet<Uuid>)> {
        let sent = &self.sent;
        let [of_shipped, of_confirmed, _] = sent.cancelled;
        let kind = |command, old, new, field| Kind {
            command,
            old,
            new,
            field,
        };
        let placed = "completed: ordering.OrderPlaced";
        let shipped = "completed: ordering.OrderShipped";
        let confirmed = "completed: ordering.OrderConfirmed";
        let cancelled = "completed: ordering.OrderCancelled";
        let (of_place, of_ship) = ("ordering.PlaceOrder", "ordering.ShipOrder");
        let (of_cancel, of_confirm) = ("ordering.CancelOrder", "ordering.ConfirmOrder");
        let one = |operation| BTreeSet::from([operation]);
        match defect {
            RuleDefect::LowerLimit => vec![(
                kind(of_place, placed, "rejected: too_many_units", "state"),
                one(sent.large),
            )],
            RuleDefect::LostRefusal => vec![(
                kind(of_cancel, "rejected: order_shipped", cancelled, "state"),
                one(of_shipped),
            )],
            RuleDefect::OtherValue => vec![(
                kind(of_place, placed, placed, "events[0].data.total.amount"),
                sent.placed.clone(),
            )],
            RuleDefect::OtherEvent => vec![(
                kind(of_ship, shipped, confirmed, "events[0].type"),
                sent.shipped.clone(),
            )],
            RuleDefect::OtherReason => {
                let refused = "rejected: order_confirmed";
                vec![(
                    kind(of_cancel, refused, refused, "reason"),
                    one(of_confirmed),
                )]
            }
            RuleDefect::ForgottenState => vec![
                (
                    kind(of_cancel, "rejected: order_confirmed", cancelled, "state"),
                    one(of_confirmed),
                ),
                (
                    kind(of_confirm, "completed: no event", confirmed, "events[0]"),
                    one(sent.confirmed_again),
                ),
            ],
            RuleDefect::Panic => vec![(
                kind(of_ship, shipped, "failed: panic", "state"),
                sent.shipped.clone(),
            )],
            RuleDefect::Chance => Vec::new(),
        }
    }
}

/// A kind of difference, as the tool prints it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kind<'k> {
    command: &'k str,
    old: &'k str,
    new: &'k str,
    field: &'k str,
}

impl Ran {
    /// Returns the only line that has a field.
    fn line(&self, field: &str) -> &Value {
        let mut lines = self.lines.iter();
        let found = lines.find(|line| line.get(field).is_some());
        found.unwrap_or_else(|| panic!("no line with {field}: {self:?}"))
    }

    fn kinds(&self) -> Vec<(Kind<'_>, u64)> {
        let lines = self.lines.iter().filter(|line| line.get("count").is_some());
        let mut kinds: Vec<_> = lines
            .map(|line| {
                let of = |name: &str| line[name].as_str().unwrap();
                let kind = Kind {
                    command: of("command"),
                    old: of("old"),
                    new: of("new"),
                    field: of("field"),
                };
                (kind, line["count"].as_u64().unwrap())
            })
            .collect();
        kinds.sort();
        kinds
    }

    /// Returns the operations that differ in decisions about a type of command.
    fn operations(&self, command: &str) -> BTreeSet<Uuid> {
        let lines = self.lines.iter();
        let lines = lines.filter(|line| line["command"]["type"] == command);
        lines
            .map(|line| line["operation"].as_str().unwrap().parse().unwrap())
            .collect()
    }

    fn summary(&self) -> [u64; 4] {
        let line = self.line("same");
        ["same", "same_events", "differ", "not_compared"].map(|name| line[name].as_u64().unwrap())
    }
}

async fn planted_defects_are_found(store: &Store, html: &Path) {
    let report = html.to_str().unwrap();
    let all = store.sent.all.len() as u64;
    let same = store.decide(None, &["--html", report]).await;
    assert_eq!(
        (same.code, same.summary()),
        (Some(0), [all, 0, 0, 0]),
        "{same:?}"
    );
    let page = std::fs::read_to_string(html).unwrap();
    assert!(page.contains("These rules decide the same."), "{page}");

    for defect in RuleDefect::ALL {
        let expected = store.expected(defect);
        let ran = store.decide(Some(defect), &["--html", report]).await;
        let counts = expected
            .iter()
            .map(|(kind, of)| (kind.clone(), of.len() as u64));
        assert_eq!(
            ran.kinds(),
            counts.collect::<Vec<_>>(),
            "{defect:?}: {ran:?}"
        );
        let page = std::fs::read_to_string(html).unwrap();
        for (kind, operations) in &expected {
            assert_eq!(ran.operations(kind.command), *operations, "{defect:?}");
            for operation in operations {
                assert!(page.contains(&operation.to_string()), "{defect:?}");
            }
        }
        assert!(!ran.errors.contains("a planted defect"), "{}", ran.errors);
        let differ: u64 = ran.kinds().iter().map(|(_, count)| count).sum();
        if defect == RuleDefect::Chance {
            assert_eq!(ran.code, Some(2), "{ran:?}");
            let reason = ran.line("reason");
            assert_eq!(reason["reason"], "not_deterministic");
            assert_eq!(ran.summary(), [all - 1, 0, 0, 1]);
        } else {
            assert_eq!(ran.code, Some(1), "{defect:?}: {ran:?}");
            assert_eq!(ran.summary(), [all - differ, 0, differ, 0], "{defect:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn planted_defects_of_rules_are_found_with_their_commands() {
    let store = Store::start().await;
    let before = ends(&store).await;
    let html = store.folder.path().join("report.html");
    planted_defects_are_found(&store, &html).await;

    // One decision, with all that an operator needs to look it up.
    let defect = Some(RuleDefect::LowerLimit);
    let ran = store.decide(defect, &["--type", "ordering.order"]).await;
    let one = ran.line("operation");
    let key = one["key"].as_str().unwrap().to_owned();
    assert_eq!(one["command"]["data"]["order_id"], key.as_str());
    assert_eq!(one["old"]["events"][0]["data"]["units"], 12);
    assert_eq!(one["new"]["code"], "too_many_units");
    let place = one["command"]["place"].as_str().unwrap();
    assert!(place.starts_with(store.topics.commands()), "{place}");
    let ran = store.decide(defect, &["--key", &key]).await;
    assert_eq!((ran.code, ran.summary()), (Some(1), [0, 0, 1, 0]));
    let since = store
        .decide(None, &["--since", "1h", "--until", "0s"])
        .await;
    let all = store.sent.all.len() as u64;
    assert_eq!((since.code, since.summary()), (Some(0), [all, 0, 0, 0]));
    let ran = store.decide(None, &["--since", "2100-01-01"]).await;
    assert_eq!((ran.code, ran.summary()), (Some(2), [0; 4]));
    assert!(ran.errors.contains("no decision was compared"), "{ran:?}");
    assert_eq!(ends(&store).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_and_outcomes_that_are_deleted_are_not_called_equal() {
    let store = Store::start().await;
    let file = store.folder.path().join("commands.jsonl");
    let path = file.to_str().unwrap();
    let export = ["export", "ordering.order.commands", "--to", path];
    let exported = store.tool(None, &export).await;
    assert_eq!(exported.code, Some(0), "{exported:?}");
    let all = store.sent.all.len() as u64;

    store.delete(store.topics.commands()).await;
    let deleted = store.decide(None, &[]).await;
    assert_eq!((deleted.code, deleted.summary()), (Some(2), [0, 0, 0, all]));
    assert_eq!(deleted.line("reason")["reason"], "no_command");
    let from = ["--type", "ordering.order", "--from", path];
    let same = store.decide(None, &from).await;
    assert_eq!(
        (same.code, same.summary()),
        (Some(0), [all, 0, 0, 0]),
        "{same:?}"
    );
    let lost = store.decide(Some(RuleDefect::LostRefusal), &from).await;
    assert_eq!(
        (lost.code, lost.summary()),
        (Some(1), [all - 1, 0, 1, 0]),
        "{lost:?}"
    );

    // The events are kept for ever, and so accepted commands can still be compared.
    store.delete(store.topics.outcomes()).await;
    let without_events = 4;
    let accepted = all - without_events;
    let same = store.decide(None, &from).await;
    assert_eq!(
        (same.code, same.summary()),
        (Some(0), [0, accepted, 0, without_events])
    );
    assert_eq!(same.line("reason")["reason"], "no_outcome");
    let other = store.decide(Some(RuleDefect::OtherValue), &from).await;
    let placed = store.sent.placed.len() as u64;
    assert_eq!(
        (other.code, other.summary()),
        (Some(1), [0, accepted - placed, placed, without_events])
    );

    // Files that are no such export.
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let reversed: Vec<&str> = lines.iter().rev().copied().collect();
    let foreign = text.replace("ordering.order.commands/", "catalog.product.commands/");
    for (content, cause) in [
        (
            reversed.join("\n"),
            "is not in the order of partitions and offsets",
        ),
        (foreign, "and not of"),
        ("no export".to_owned(), "is not JSON"),
    ] {
        std::fs::write(&file, content).unwrap();
        let refused = store.decide(None, &from).await;
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.errors.contains(cause), "{refused:?}");
    }
}

/// Returns the number of records of each topic.
async fn ends(store: &Store) -> Vec<usize> {
    let topics = &store.topics;
    let mut ends = Vec::new();
    for topic in [topics.commands(), topics.outcomes(), topics.events()] {
        ends.push(store.fixture.read(topic).await.len());
    }
    ends
}
