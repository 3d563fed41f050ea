//! The replay of one partition, outcome by outcome.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::RangeInclusive;

use chrono::{SubsecRound as _, TimeDelta};
use factline::outcome::{Outcome, OutcomeKind, State};
use factline::{Aggregate, Conclusion, EventOf, Position, Timestamp};
use factline_kafka::Topics;
use serde_json::Value;
use uuid::Uuid;

use super::Found;
use super::cancel;
use super::expected::{self, Expected};
use super::kept::Kept;
use crate::history::Logged;
use crate::violation::{At, Violation};

/// The state of the replay.
pub(super) struct Replay<'f, 'h, A: Aggregate> {
    found: &'f Found<'h, A>,
    /// The partition's events topic, in the form used in positions.
    topic: String,
    partition: i32,
    aggregates: HashMap<String, Kept<A>>,
    /// The deadlines that are set, in order.
    deadlines: BTreeSet<(Timestamp, String)>,
    /// The operation that came first with an idempotency scope.
    scopes: HashMap<String, Uuid>,
    /// Partition sequence of the last event.
    sequence: u64,
    /// The time of the last decision.
    time: Timestamp,
    /// Offset of the last decided command.
    decided: i64,
    /// Next command to read, and the latest time among the ones before it.
    read: (usize, Timestamp),
    /// The decided operations.
    done: HashSet<Uuid>,
    /// The workflow whose end must come next.
    ends: Option<(Uuid, Conclusion)>,
    /// The command that was cancelled last. The end of its cancel must come next.
    cancelled: Option<Uuid>,
    violations: Vec<Violation>,
}

impl<'f, 'h, A: Aggregate> Replay<'f, 'h, A> {
    pub(super) fn new(found: &'f Found<'h, A>, partition: i32) -> Self {
        let topics = Topics::new(found.prefix, found.contract.aggregate);
        Self {
            found,
            topic: topics.events().to_owned(),
            partition,
            aggregates: HashMap::new(),
            deadlines: BTreeSet::new(),
            scopes: HashMap::new(),
            sequence: 0,
            time: Timestamp::UNIX_EPOCH,
            decided: -1,
            read: (0, Timestamp::UNIX_EPOCH),
            done: HashSet::new(),
            ends: None,
            cancelled: None,
            violations: Vec::new(),
        }
    }

    /// Replays the next outcome of the partition.
    pub(super) fn take(&mut self, record: &'h Logged<Outcome>, outcome: &'h Outcome) {
        let at = At::record(self.found.contract.aggregate, "outcomes", record);
        if let Some((operation, conclusion)) = self.ends.take() {
            let end = (outcome.operation_id, outcome.state, outcome.code.as_deref());
            // If a deadline failed, its code is also the reason for which the workflow failed.
            let code = conclusion
                .code
                .or(end.2.filter(|_| conclusion.reason.is_none()));
            if end == (operation, conclusion.state, code) {
                let time = decided_at(outcome);
                if time != self.time {
                    self.wrong_time(
                        &at,
                        time,
                        "the decision that ended the workflow has a different time",
                    );
                }
                return;
            }
            self.violations.push(Violation::Decision {
                at: at.clone(),
                recorded: format!("{end:?}"),
                decided: format!("the end of workflow {operation}: {conclusion:?}"),
            });
        }
        if !self.done.insert(outcome.operation_id) {
            self.violations.push(Violation::Decision {
                at,
                recorded: format!("{:?} {:?}", outcome.state, outcome.code),
                decided: "nothing more".to_owned(),
            });
            return;
        }
        if let Some(cancelled) = self.cancelled.take() {
            self.end_of_cancel(&at, cancelled, outcome);
            return;
        }
        let before = self.time;
        let now = self.advance(&at, outcome);
        if outcome.kind == OutcomeKind::Deadline {
            self.deadline(&at, (record, outcome), before, now);
        } else {
            self.command(&at, (record, outcome), before, now);
        }
    }

    /// Returns the violations of the partition, after its last outcome.
    pub(super) fn end(mut self) -> Vec<Violation> {
        if let Some((operation, _)) = self.ends.take() {
            let at = At::operation(self.found.contract.aggregate, operation);
            self.violations.push(Violation::Unended(at));
        }
        self.violations
    }

    /// Checks that the outcome after that of a cancelled command is the one of its cancel. Both are
    /// decided together, at the place of the command.
    fn end_of_cancel(&mut self, at: &At, cancelled: Uuid, outcome: &Outcome) {
        let commands = self.found.commands.get(&outcome.operation_id);
        let command = commands.and_then(|all| all.first());
        let cancels = command.and_then(|command| cancel::of(command));
        let is_expected = cancels == Some(cancelled)
            && (outcome.state, outcome.code.as_deref()) == (State::Completed, None)
            && !self.found.events.contains_key(&outcome.operation_id);
        if !is_expected {
            self.violations.push(Violation::Decision {
                at: at.clone(),
                recorded: format!("{:?} {:?}", outcome.state, outcome.code),
                decided: format!("the cancel of {cancelled} completes"),
            });
        }
        let time = decided_at(outcome);
        if time != self.time {
            self.wrong_time(at, time, "the command that it cancels has a different time");
        }
    }

    /// Returns the decision's time, which must never decrease.
    fn advance(&mut self, at: &At, outcome: &Outcome) -> Timestamp {
        let now = decided_at(outcome);
        if now < self.time {
            self.wrong_time(at, now, "its partition was later before");
        }
        self.time = self.time.max(now);
        now
    }

    fn wrong_time(&mut self, at: &At, time: Timestamp, why: &'static str) {
        let at = at.clone();
        self.violations.push(Violation::Time { at, time, why });
    }

    fn command(
        &mut self,
        at: &At,
        (record, outcome): (&Logged<Outcome>, &Outcome),
        before: Timestamp,
        now: Timestamp,
    ) {
        let operation = outcome.operation_id;
        // A missing command and a second outcome are reported by other checks.
        let Some(command) = self
            .found
            .commands
            .get(&operation)
            .and_then(|all| all.first())
        else {
            return;
        };
        self.punctual(now);
        if command.partition != record.partition {
            let what = format!("its command is in partition {}", command.partition);
            self.violations.push(Violation::Order {
                at: at.clone(),
                what,
            });
        } else if command.offset <= self.decided {
            let what = format!(
                "command {} is decided after command {}",
                command.offset, self.decided
            );
            self.violations.push(Violation::Order {
                at: at.clone(),
                what,
            });
        }
        self.decided = self.decided.max(command.offset);
        let latest = self.latest(command.offset);
        if now < *times(command).start() {
            self.wrong_time(at, now, "its command was appended later");
        } else if now > before.max(latest) {
            self.wrong_time(at, now, "no command of its partition is that late");
        }
        let scope = command
            .envelope
            .as_ref()
            .and_then(|envelope| envelope.idempotency_scope.clone());
        let under = scope.map(|scope| *self.scopes.entry(scope).or_insert(operation));
        let subject = command.subject().to_owned();
        let kept = self
            .aggregates
            .get(&subject)
            .cloned()
            .unwrap_or_else(Kept::new);
        let partitions = self.found.contract.partitions;
        let expected = if cancel::is(command) {
            cancel::expected(command, partitions, &kept, outcome, now)
        } else if self.is_cancelled(command, outcome) {
            self.cancelled = Some(operation);
            Expected::end(State::Cancelled, cancel::CANCELLED)
        } else {
            expected::of_command(command, partitions, under, &kept, outcome, now)
        };
        self.compare(at, (record, outcome), &subject, kept, expected);
    }

    /// Returns whether a command may have been cancelled, and its outcome says so: a cancel of it
    /// follows in its partition.
    fn is_cancelled(&self, command: &Logged<Value>, outcome: &Outcome) -> bool {
        let follows = |other: &&Logged<Value>| {
            (other.partition, &other.key) == (command.partition, &command.key)
                && other.offset > command.offset
                && cancel::of(other) == Some(outcome.operation_id)
        };
        outcome.state == State::Cancelled && self.found.log.commands.iter().any(|one| follows(&one))
    }

    fn deadline(
        &mut self,
        at: &At,
        (record, outcome): (&Logged<Outcome>, &Outcome),
        before: Timestamp,
        now: Timestamp,
    ) {
        let subject = record.subject().to_owned();
        let kept = self
            .aggregates
            .get(&subject)
            .cloned()
            .unwrap_or_else(Kept::new);
        let known = kept.deadline(&subject) == Some(outcome.operation_id);
        let due = kept.due().filter(|_| known);
        let clock = record
            .envelope
            .as_ref()
            .map_or(now, |known| known.origin_time);
        let expected = expected::of_deadline(&kept, outcome, now, clock);
        let (Some(due), Some(expected)) = (due, expected) else {
            self.violations.push(Violation::Unrequested(at.clone()));
            return;
        };
        if now < due {
            self.wrong_time(at, now, "its deadline is later");
        } else if now > before.max(due) && !self.was_appended(now) {
            self.wrong_time(at, now, "no command of its partition has this time");
        }
        let first = self.deadlines.first();
        if let Some((first, earlier)) = first.filter(|first| **first < (due, subject.clone())) {
            let at = At::subject(self.found.contract.aggregate, earlier);
            self.violations.push(Violation::Overdue { at, due: *first });
        }
        self.compare(at, (record, outcome), &subject, kept, expected);
    }

    /// Returns true if a command of the partition may have this time. A command that was
    /// decided before leaves no other trace of its time.
    fn was_appended(&self, time: Timestamp) -> bool {
        let mut commands = self.found.log.commands.iter();
        commands
            .any(|command| command.partition == self.partition && times(command).contains(&time))
    }

    /// Checks that every deadline up to this time was decided before a command of this time.
    fn punctual(&mut self, now: Timestamp) {
        let overdue = self.deadlines.iter().take_while(|(due, _)| *due <= now);
        let overdue: Vec<_> = overdue.cloned().collect();
        for (due, subject) in overdue {
            let at = At::subject(self.found.contract.aggregate, &subject);
            self.violations.push(Violation::Overdue { at, due });
            self.deadlines.remove(&(due, subject));
        }
    }

    /// Returns the latest time that a command up to this offset may have.
    fn latest(&mut self, offset: i64) -> Timestamp {
        let (mut read, mut latest) = self.read;
        let rest = self.found.log.commands.get(read..).unwrap_or_default();
        for command in rest {
            if command.partition == self.partition {
                if command.offset > offset {
                    break;
                }
                latest = latest.max(*times(command).end());
            }
            read += 1;
        }
        self.read = (read, latest);
        latest
    }

    /// Compares the result in the log with the expected one. The replay continues with the log's
    /// result.
    fn compare(
        &mut self,
        at: &At,
        (record, outcome): (&Logged<Outcome>, &Outcome),
        subject: &str,
        mut kept: Kept<A>,
        expected: Expected<EventOf<A::Type>>,
    ) {
        let operation = outcome.operation_id;
        let open = kept.open;
        let (before, set) = (kept.due(), kept.set());
        let none = Vec::new();
        let recorded = self.found.events.get(&operation).unwrap_or(&none);
        for (event, message) in recorded {
            let Some(envelope) = &event.envelope else {
                continue;
            };
            self.sequence += 1;
            if envelope.partition_sequence != Some(self.sequence) {
                let what = "its events stand in another order than its outcome".to_owned();
                self.violations.push(Violation::Order {
                    at: at.clone(),
                    what,
                });
                self.sequence = envelope.partition_sequence.unwrap_or(self.sequence);
            }
            kept.take(message, envelope);
        }
        if outcome.kind == OutcomeKind::Deadline
            && let Some(set) = set
        {
            kept.spend(set);
        }
        let end = (outcome.state, outcome.code.clone());
        let events: Vec<&EventOf<A::Type>> = recorded.iter().map(|(_, event)| event).collect();
        if end != (expected.state, expected.code.clone())
            || events != expected.events.iter().collect::<Vec<_>>()
        {
            self.violations.push(Violation::Decision {
                at: at.clone(),
                recorded: format!("{end:?} {events:?}"),
                decided: format!(
                    "{:?} {:?}",
                    (expected.state, expected.code),
                    expected.events
                ),
            });
        }
        self.seen(at, record, outcome, &kept);
        if let (Some(conclusion), Some(open)) = (expected.ends, open) {
            kept.open = None;
            self.ends = Some((open, conclusion));
        }
        if let Some(before) = before {
            self.deadlines.remove(&(before, subject.to_owned()));
        }
        if let Some(due) = kept.due() {
            self.deadlines.insert((due, subject.to_owned()));
        }
        self.aggregates.insert(subject.to_owned(), kept);
    }

    /// Checks that version and position of an outcome are those of the aggregate after it.
    fn seen(&mut self, at: &At, record: &Logged<Outcome>, outcome: &Outcome, kept: &Kept<A>) {
        if outcome.state == State::Failed {
            return;
        }
        let version = (kept.version > 0).then_some(kept.version.cast_signed());
        if outcome.version != version {
            self.violations.push(Violation::Decision {
                at: at.clone(),
                recorded: format!("version {:?}", outcome.version),
                decided: format!("version {version:?}"),
            });
        }
        let position: Option<Position> = outcome
            .position
            .as_deref()
            .and_then(|text| text.parse().ok());
        let position = position.unwrap_or_default();
        let own = position.points().iter();
        let own =
            own.filter(|point| point.topic == self.topic && point.partition == record.partition);
        let sequence = own.map(|point| point.sequence).max().unwrap_or_default();
        // A workflow's position may be further ahead, because it includes the participants'
        // positions.
        let exact = position.points().len() <= 1;
        if sequence < kept.sequence
            || (exact && sequence != kept.sequence)
            || sequence > self.sequence
        {
            self.violations.push(Violation::Decision {
                at: at.clone(),
                recorded: format!("position {sequence}"),
                decided: format!("position {}", kept.sequence),
            });
        }
    }
}

fn decided_at(outcome: &Outcome) -> Timestamp {
    Timestamp::from_timestamp_micros(outcome.decided_at).unwrap_or_default()
}

/// Returns the times that a command may have. It is the append time, unless the clock of the broker
/// was wrong. It is not before the origin. If it is more than a minute ahead of the origin, the
/// broker may also have been ahead of the handler's clock, which is not in the log.
fn times(command: &Logged<Value>) -> RangeInclusive<Timestamp> {
    let appended = command.timestamp;
    let Some(envelope) = &command.envelope else {
        return appended..=appended;
    };
    // The precision of Kafka's timestamps.
    let origin = envelope.origin_time.trunc_subsecs(3);
    if appended > origin + TimeDelta::minutes(1) {
        origin..=appended
    } else {
        appended..=appended.max(origin)
    }
}
