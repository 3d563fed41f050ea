//! Dry runs over a log with decisions of every kind: the rules that made it decide the same, and
//! other rules are found out by each decision that they would make differently.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use factline::outcome::OutcomeKind;
use factline::{Aggregate, Context, Deadline, Decision, Envelope, id};
use factline_handler::HostedAggregate;
use factline_handler::dry_run::{
    Command as Recorded, DecisionResult, Difference, Encoding, Log, OwnCodecs, Reason, Schemas,
    Verdict,
};
use factline_kafka::Record;
use factline_kafka::topics::partition_of;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::account::{
    ACCOUNT, Account, AccountType, Collect, Command, Deposit, Event, Overdrawn, PANICS, Schedule,
    Withdraw,
};
use crate::deadlines::schedule;
use crate::rig::Rig;

/// The rules with a change: a panic is gone, a deposit is booked with one more, and a standing
/// order is due a day later.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Changed(Account);

impl Aggregate for Changed {
    type Type = AccountType;
    type Rejection = Overdrawn;

    fn decide(&self, command: Command, context: &Context) -> Result<Decision<Event>, Overdrawn> {
        let command = match command {
            Command::Deposit(Deposit { amount: PANICS }) => Deposit { amount: 0 }.into(),
            Command::Deposit(Deposit { amount: 1 }) => Deposit { amount: 2 }.into(),
            other => other,
        };
        self.0.decide(command, context)
    }

    fn evolve(self, event: &Event) -> Self {
        Self(self.0.evolve(event))
    }

    fn deadline(&self) -> Option<Deadline<Command>> {
        let deadline = self.0.deadline()?;
        let due = deadline.due + TimeDelta::days(1);
        Some(Deadline::at(due, Collect {}))
    }
}

/// The rules with a change: what is withdrawn is forgotten, and a deadline refuses.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Forgetful(Account);

impl Aggregate for Forgetful {
    type Type = AccountType;
    type Rejection = Overdrawn;

    fn decide(&self, command: Command, context: &Context) -> Result<Decision<Event>, Overdrawn> {
        match command {
            Command::Collect(_) => {
                let most = Withdraw { amount: i64::MAX };
                self.0.decide(most.into(), context)
            }
            other => self.0.decide(other, context),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match event {
            Event::Deposited(deposited) if deposited.amount < 0 => self,
            event => Self(self.0.evolve(event)),
        }
    }

    fn deadline(&self) -> Option<Deadline<Command>> {
        self.0.deadline()
    }
}

/// The records of a log, read once.
struct Records {
    commands: Vec<Record>,
    outcomes: Vec<Record>,
    events: Vec<Record>,
}

/// The verdicts about a log.
#[derive(Debug, Default)]
struct Verdicts {
    same: usize,
    same_events: usize,
    differ: Vec<Difference>,
    skipped: BTreeMap<Reason, usize>,
}

impl Records {
    async fn of(rig: &Rig) -> Self {
        Self {
            commands: rig.read(rig.topics.commands()).await,
            outcomes: rig.read(rig.topics.outcomes()).await,
            events: rig.read(rig.topics.events()).await,
        }
    }

    /// Decides all commands again.
    async fn compare<A: Aggregate>(&self, rig: &Rig, may_lack_outcomes: bool) -> Verdicts {
        let own = OwnCodecs::of(&ACCOUNT).unwrap();
        let (registry, runtime) = (rig.fixture.registry.clone(), Handle::current());
        let records = [&self.commands, &self.outcomes, &self.events].map(Clone::clone);
        let compare = move || {
            let mut all = Verdicts::default();
            for partition in 0..ACCOUNT.partitions {
                let mut of = records.each_ref().map(|topic| {
                    let records = topic.iter().filter(|record| record.partition == partition);
                    records.cloned().map(Ok)
                });
                let [commands, outcomes, events] = &mut of;
                let mut commands = commands.by_ref().map(|record| {
                    let encoding = Encoding::Framed;
                    record.map(|record| Recorded { record, encoding })
                });
                let log = Log {
                    partition,
                    commands: &mut commands,
                    outcomes,
                    events,
                    committed: i64::MAX,
                    may_lack_outcomes,
                    key: None,
                    has: &|_| true,
                    is_in_time: &|_| true,
                    schemas: Schemas {
                        own: &own,
                        registry: &registry,
                        runtime: &runtime,
                    },
                };
                let hosted = HostedAggregate::of::<A>();
                hosted
                    .dry_run(log, &mut |verdict| all.take(verdict))
                    .unwrap();
            }
            all
        };
        tokio::task::spawn_blocking(compare).await.unwrap()
    }
}

impl Verdicts {
    fn take(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Same => self.same += 1,
            Verdict::SameEvents => self.same_events += 1,
            Verdict::Differs(difference) => self.differ.push(*difference),
            Verdict::Skipped(skipped) => *self.skipped.entry(skipped.reason).or_default() += 1,
        }
    }

    /// Returns the decision about an operation that differs: the kinds and the field.
    fn of(&self, operation: Uuid) -> (String, Option<String>, &str) {
        let mut differ = self.differ.iter();
        let found = differ.find(|one| one.operation == operation).unwrap();
        let new = found.new.as_ref().map(DecisionResult::kind);
        (found.old.kind(), new, &found.field)
    }
}

/// The operations of a log.
struct Sent {
    accepted: Uuid,
    refused: Uuid,
    panicked: Uuid,
}

/// Sends commands of every kind, and waits until all are decided.
async fn send(rig: &Rig) -> Sent {
    let accepted = rig.deposit("ada", 1).await;
    let nothing = rig.deposit("ada", 0).await;
    // A second record of the same command is no decision.
    rig.send(accepted, "ada", &Deposit { amount: 1 }.into())
        .await;
    let most = Withdraw { amount: 9 };
    let withdrawn = rig.deposit("eve", 9).await;
    let all = rig.send(Uuid::now_v7(), "eve", &most.clone().into()).await;
    let refused = rig.send(Uuid::now_v7(), "eve", &most.into()).await;
    let panicked = rig.deposit("bob", PANICS).await;
    let conflicting = |envelope: Envelope| Envelope {
        expected_version: Some(7),
        ..envelope
    };
    let conflict = Uuid::now_v7();
    rig.send_with(conflict, "ada", &Deposit { amount: 1 }.into(), conflicting)
        .await;
    let late = Uuid::now_v7();
    let expired = |envelope: Envelope| Envelope {
        origin_time: envelope.origin_time - TimeDelta::seconds(10),
        time_to_live_ms: Some(1),
        ..envelope
    };
    rig.send_with(late, "ada", &Deposit { amount: 1 }.into(), expired)
        .await;
    let opened = schedule(rig, "fay", 50, 5, true).await;
    let faulty = schedule(rig, "gus", 50, PANICS, true).await;
    let partition = partition_of(b"hal", ACCOUNT.partitions);
    let broken = rig
        .commands
        .encode::<Command>(&Deposit { amount: 1 }.into());
    let envelope = factline_testkit::commands::envelope::<Command>(
        Uuid::now_v7(),
        &Schedule {
            amount: 1,
            after_ms: 0,
            open: false,
        }
        .into(),
        "hal",
    );
    // The header names another record than the value.
    rig.append(partition, "hal", &envelope.to_headers(), &broken)
        .await;
    let deadlines = ["fay", "gus"].map(|account| id::deadline(ACCOUNT.aggregate, account, 1));
    let mut all = vec![
        accepted,
        nothing,
        withdrawn,
        all,
        refused,
        panicked,
        conflict,
        late,
        opened,
        faulty,
        envelope.operation,
    ];
    all.extend(deadlines);
    rig.outcomes_of(&all).await;
    // After its deadline has failed, the account has no open workflow.
    let after = rig.deposit("gus", 3).await;
    rig.outcomes_of(&[after]).await;
    Sent {
        accepted,
        refused,
        panicked,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dry_run_names_each_decision_that_differs() {
    let rig = Rig::new("dry-run").await;
    let handler = rig.start("a").await;
    let sent = send(&rig).await;
    handler.stop().await;
    let mut records = Records::of(&rig).await;

    let same = records.compare::<Account>(&rig, false).await;
    assert_eq!(same.differ, []);
    // The ends of two workflows are part of the decisions of their deadlines.
    assert_eq!(same.same, 12, "{same:?}");
    let skipped = BTreeMap::from([(Reason::Kit, 2), (Reason::NoOutcome, 1)]);
    assert_eq!(same.skipped, skipped);

    let changed = records.compare::<Changed>(&rig, false).await;
    let deposited = || "completed: ledger.Deposited".to_owned();
    let amount = "events[0].data.amount";
    assert_eq!(
        changed.of(sent.accepted),
        (deposited(), Some(deposited()), amount)
    );
    let panicked = || "failed: panic".to_owned();
    let nothing = "completed: no event".to_owned();
    assert_eq!(
        changed.of(sent.panicked),
        (panicked(), Some(nothing), "state")
    );
    let [fay, gus] = ["fay", "gus"].map(|account| id::deadline(ACCOUNT.aggregate, account, 1));
    assert_eq!(changed.of(fay), (deposited(), None, "deadline"));
    assert_eq!(changed.of(gus), (panicked(), None, "deadline"));
    assert_eq!((changed.differ.len(), changed.same), (4, 8));

    let forgetful = records.compare::<Forgetful>(&rig, false).await;
    let overdrawn = || "rejected: overdrawn".to_owned();
    assert_eq!(
        forgetful.of(sent.refused),
        (overdrawn(), Some(deposited()), "state")
    );
    // A deadline that only refuses ends no workflow: the kit lets it fail.
    let unbounded = "failed: workflow".to_owned();
    assert_eq!(
        forgetful.of(fay),
        (deposited(), Some(unbounded.clone()), "state")
    );
    assert_eq!(forgetful.of(gus), (panicked(), Some(unbounded), "code"));
    let kinds = forgetful.differ.iter().map(|one| one.kind);
    let deadlines = kinds.filter(|kind| *kind == OutcomeKind::Deadline);
    assert_eq!((forgetful.differ.len(), deadlines.count()), (3, 2));

    // Without outcomes, commands are compared with their events.
    records.outcomes.clear();
    let events = records.compare::<Account>(&rig, true).await;
    assert_eq!(events.differ, []);
    assert_eq!((events.same, events.same_events), (0, 6), "{events:?}");
    let skipped = BTreeMap::from([(Reason::NoOutcome, 7)]);
    assert_eq!(events.skipped, skipped);
    let changed = records.compare::<Changed>(&rig, true).await;
    assert_eq!(
        changed.of(sent.accepted),
        (deposited(), Some(deposited()), amount)
    );
    // By these rules the deadline of `gus` has not come, so that his workflow is still open.
    let differ = changed.differ.iter().map(|one| one.key.as_str());
    assert_eq!(differ.collect::<Vec<_>>(), ["ada", "gus"]);
}

/// A command that was cancelled is not decided by any rules. The cancel of a workflow is.
#[tokio::test(flavor = "multi_thread")]
async fn dry_run_compares_the_cancels_that_rules_decide() {
    let rig = Rig::new("dry-run-cancels").await;
    let cancelled = rig.deposit("ada", 5).await;
    // The cancel's outcome stands before that of this command.
    let between = rig.deposit("ada", 6).await;
    let cancel = rig.cancel("ada", cancelled).await;
    let workflow = schedule(&rig, "fay", 3_600_000, 5, true).await;
    let handler = rig.start("a").await;
    rig.outcomes_of(&[cancelled, between, cancel]).await;
    let late = rig.cancel("ada", between).await;
    let called_off = rig.cancel("fay", workflow).await;
    rig.outcomes_of(&[late, workflow, called_off]).await;
    handler.stop().await;
    let records = Records::of(&rig).await;
    let same = records.compare::<Account>(&rig, false).await;
    assert_eq!((&same.differ, same.same), (&Vec::new(), 3), "{same:?}");
    assert_eq!(same.skipped, BTreeMap::from([(Reason::Kit, 3)]));
    // These rules cannot be cancelled.
    let changed = records.compare::<Changed>(&rig, false).await;
    let (deposited, refused) = ("completed: ledger.Deposited", "rejected: not_cancellable");
    assert_eq!(
        changed.of(called_off),
        (deposited.to_owned(), Some(refused.to_owned()), "state")
    );
    assert_eq!(changed.differ.len(), 1);
}

/// Events that are missing, or that nothing has decided, are no reason to call a decision equal.
#[tokio::test(flavor = "multi_thread")]
async fn dry_run_compares_nothing_without_the_events() {
    let rig = Rig::new("dry-run-gap").await;
    let handler = rig.start("a").await;
    let mut operations = Vec::new();
    for amount in [5, 6, 7] {
        operations.push(rig.deposit("ada", amount).await);
    }
    rig.outcomes_of(&operations).await;
    handler.stop().await;
    let mut records = Records::of(&rig).await;
    let first = records.events.remove(0);
    let gap = records.compare::<Account>(&rig, false).await;
    assert_eq!((gap.same, gap.differ.len()), (0, 0), "{gap:?}");
    let skipped = BTreeMap::from([(Reason::UnreadableEvents, 3)]);
    assert_eq!(gap.skipped, skipped);

    records.events.insert(0, first);
    records.events.pop();
    let short = records.compare::<Account>(&rig, false).await;
    assert_eq!((short.same, short.differ.len()), (2, 0), "{short:?}");
    assert_eq!(short.skipped, BTreeMap::from([(Reason::OtherVersion, 1)]));

    records.commands.remove(1);
    let deleted = records.compare::<Account>(&rig, false).await;
    let skipped = BTreeMap::from([(Reason::NoCommand, 1), (Reason::OtherVersion, 1)]);
    assert_eq!(deleted.skipped, skipped);
    assert_eq!(deleted.same, 1);
}
