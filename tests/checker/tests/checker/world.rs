//! A small model of the system: commands are appended, decided in the order of their partitions,
//! and read. Its histories are correct by construction. It does not copy the real system, which
//! does the same with brokers, transactions and restarts.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use checker::{
    Answer, History, Letter, Logged, Observation, Read, Records, Request, Shown, Status, views,
};
use chrono::TimeDelta;
use factline::aggregate::Workflow;
use factline::avro::Codec;
use factline::outcome::{Outcome, OutcomeKind, State};
use factline::{
    Aggregate, AggregateType as _, CommandOf, Context, Contract, Envelope, Messages, Position,
    Rejection as _, Timestamp, id, position::Point,
};
use factline_kafka::Topics;
use factline_kafka::topics::partition_of;
use serde_json::Value;
use uuid::Uuid;

pub(crate) const PREFIX: &str = "test.";

/// The state that all aggregate types share: the clocks and the clients' knowledge.
pub(crate) struct World {
    pub(crate) history: History,
    /// The broker's clock.
    pub(crate) time: Timestamp,
    /// The clients' clock.
    pub(crate) moment: Duration,
    /// Operations that clients wait for.
    waiting: BTreeSet<Uuid>,
    made: u128,
}

/// Preconditions that a client adds to a command.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Conditions {
    pub(crate) key: Option<u8>,
    pub(crate) expected_version: Option<u64>,
    /// The response is lost.
    pub(crate) lost: bool,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            history: History {
                prefix: PREFIX.to_owned(),
                ..History::default()
            },
            time: Timestamp::UNIX_EPOCH + TimeDelta::days(20_000),
            moment: Duration::ZERO,
            waiting: BTreeSet::new(),
            made: 0,
        }
    }

    /// Advances both clocks.
    pub(crate) fn pass(&mut self, time: TimeDelta) {
        self.time += time;
        self.moment += time.to_std().unwrap();
    }

    fn tick(&mut self) -> Duration {
        self.pass(TimeDelta::milliseconds(1));
        self.moment
    }

    /// Lets clients read the operations that they wait for.
    pub(crate) fn look(&mut self, ends: &BTreeMap<Uuid, Status>) {
        for operation in std::mem::take(&mut self.waiting) {
            let at = self.tick();
            let Some(status) = ends.get(&operation) else {
                self.waiting.insert(operation);
                continue;
            };
            let (client, status) = (0, status.clone());
            self.history.observations.push(Observation {
                client,
                operation,
                at,
                status,
            });
        }
    }
}

/// One aggregate type.
pub(crate) struct Model<A: Aggregate> {
    contract: &'static Contract,
    pub(crate) log: Records,
    aggregates: HashMap<String, Held<A>>,
    deadlines: BTreeSet<(Timestamp, String)>,
    partitions: HashMap<i32, Partition<CommandOf<A::Type>>>,
    decided: HashSet<Uuid>,
    scopes: HashMap<String, Uuid>,
}

struct Partition<C> {
    pending: VecDeque<(Logged<Value>, Option<C>)>,
    next: i64,
    sequence: u64,
    time: Timestamp,
}

impl<C> Default for Partition<C> {
    fn default() -> Self {
        Self {
            pending: VecDeque::new(),
            next: 0,
            sequence: 0,
            time: Timestamp::UNIX_EPOCH,
        }
    }
}

#[derive(Clone, Default)]
struct Held<A> {
    state: A,
    version: u64,
    sequence: u64,
    open: Option<Envelope>,
    wake: Option<(Timestamp, u64, Envelope)>,
}

impl<A: Aggregate> Model<A> {
    pub(crate) fn new() -> Self {
        Self {
            contract: A::Type::CONTRACT,
            log: Records::default(),
            aggregates: HashMap::new(),
            deadlines: BTreeSet::new(),
            partitions: HashMap::new(),
            decided: HashSet::new(),
            scopes: HashMap::new(),
        }
    }

    /// Sends a client's command. The command is appended, and the response may be lost.
    pub(crate) fn ask(
        &mut self,
        world: &mut World,
        id: Uuid,
        command: impl Into<CommandOf<A::Type>>,
        with: Conditions,
    ) {
        let command = command.into();
        let (id, body) = (id.to_string(), json(&command));
        let (start, route) = (world.tick(), format!("POST /{}/{id}", command.record()));
        world.made += 1;
        let mut operation = Uuid::from_u128(world.made);
        let key = with.key.map(|key| format!("key-{key}"));
        let scope = key.as_ref().map(|key| format!("anonymous {route} {key}"));
        if let Some(scope) = &scope {
            operation = id::keyed(scope, &body.to_string());
        }
        let envelope = Envelope {
            expected_version: with.expected_version,
            idempotency_scope: scope,
            ..Envelope::of_command(operation, command.record(), "/edge", &id, world.time)
        };
        self.append(world.time, envelope, Some((body.clone(), command)));
        let answer = if with.lost {
            Answer::Unknown
        } else {
            world.waiting.insert(operation);
            Answer::Accepted { operation }
        };
        let end = world.tick();
        world.history.requests.push(Request {
            client: 0,
            aggregate: A::Type::NAME.to_owned(),
            id: Some(id),
            route,
            body,
            idempotency_key: key,
            expected_version: with.expected_version,
            start,
            end,
            answer,
        });
    }

    /// Sends a policy's command, which no client knows.
    pub(crate) fn emit(
        &mut self,
        world: &mut World,
        id: Uuid,
        command: impl Into<CommandOf<A::Type>>,
    ) {
        let command = command.into();
        world.made += 1;
        let operation = id::emitted("policy", Uuid::from_u128(world.made), 0);
        world.tick();
        let envelope = Envelope::of_command(
            operation,
            command.record(),
            "/policies/policy",
            &id.to_string(),
            world.time,
        );
        self.append(world.time, envelope, Some((json(&command), command)));
    }

    /// Appends a record that cannot be decoded.
    pub(crate) fn poison(&mut self, world: &mut World, id: Uuid) {
        world.made += 1;
        world.tick();
        let operation = Uuid::from_u128(world.made);
        let record = <CommandOf<A::Type>>::RECORDS[0].name;
        let envelope =
            Envelope::of_command(operation, record, "/foreign", &id.to_string(), world.time);
        self.append(world.time, envelope, None);
    }

    fn append(
        &mut self,
        timestamp: Timestamp,
        envelope: Envelope,
        said: Option<(Value, CommandOf<A::Type>)>,
    ) {
        let partition = partition_of(envelope.subject.as_bytes(), self.contract.partitions);
        let (value, message) = said.unzip();
        let of = self.partitions.entry(partition).or_default();
        let command = Logged {
            partition,
            offset: of.next,
            timestamp,
            key: Some(envelope.subject.clone()),
            operation: envelope.operation,
            envelope: Some(envelope),
            value,
        };
        of.next += 1;
        of.pending.push_back((command.clone(), message));
        self.log.commands.push(command);
    }

    /// Decides all appended commands and all due deadlines.
    pub(crate) fn work(&mut self, now: Timestamp) {
        let mut partitions: Vec<i32> = self.partitions.keys().copied().collect();
        partitions.sort_unstable();
        for partition in partitions {
            while let Some((command, message)) = self.of(partition).pending.pop_front() {
                let time = self.of(partition).time.max(command.timestamp);
                self.fire(partition, time);
                self.handle(&command, message);
            }
            self.fire(partition, now);
        }
    }

    fn of(&mut self, partition: i32) -> &mut Partition<CommandOf<A::Type>> {
        self.partitions.entry(partition).or_default()
    }

    fn advance(&mut self, partition: i32, time: Timestamp) -> Timestamp {
        let of = self.of(partition);
        of.time = of.time.max(time);
        of.time
    }

    fn fire(&mut self, partition: i32, now: Timestamp) {
        loop {
            let partitions = self.contract.partitions;
            let mut due = self.deadlines.iter().take_while(|(due, _)| *due <= now);
            let due =
                due.find(|(_, subject)| partition_of(subject.as_bytes(), partitions) == partition);
            let Some((due, subject)) = due.cloned() else {
                return;
            };
            self.deadlines.remove(&(due, subject.clone()));
            let held = self.aggregates[&subject].clone();
            let (_, set, cause) = held.wake.clone().unwrap();
            let command = held.state.deadline().unwrap().command;
            let operation = id::deadline(A::Type::NAME, &subject, set);
            let time = self.advance(partition, due);
            let envelope = Envelope {
                parent_operation: Some(cause.operation),
                actor: cause.actor.clone(),
                ..Envelope::of_command(operation, command.record(), "/handler", &subject, time)
            };
            self.decide(partition, &envelope, OutcomeKind::Deadline, command, time);
        }
    }

    fn handle(&mut self, command: &Logged<Value>, message: Option<CommandOf<A::Type>>) {
        let now = self.advance(command.partition, command.timestamp);
        if !self.decided.insert(command.operation) {
            return;
        }
        let envelope = command.envelope.clone().unwrap();
        let end = |state, code: &str| (state, Some(code.to_owned()));
        let Some(message) = message else {
            let next = self.log.dead_letters.len();
            self.log.dead_letters.push(Letter {
                partition: command.partition,
                offset: i64::try_from(next).unwrap(),
                operation: command.operation,
                position: "commands".to_owned(),
                code: "unreadable".to_owned(),
            });
            self.outcome(
                command.partition,
                &envelope,
                OutcomeKind::Command,
                end(State::Failed, "unreadable"),
                now,
            );
            return;
        };
        let mut refusal = None;
        if let Some(scope) = &envelope.idempotency_scope {
            let first = *self
                .scopes
                .entry(scope.clone())
                .or_insert(command.operation);
            if first != command.operation {
                refusal = Some("idempotency_key_reused");
            }
        }
        let version = self
            .aggregates
            .get(&envelope.subject)
            .map_or(0, |held| held.version);
        if refusal.is_none()
            && envelope
                .expected_version
                .is_some_and(|expected| expected != version)
        {
            refusal = Some("version_conflict");
        }
        if let Some(code) = refusal {
            let end = end(State::Rejected, code);
            self.outcome(command.partition, &envelope, OutcomeKind::Command, end, now);
            return;
        }
        self.decide(
            command.partition,
            &envelope,
            OutcomeKind::Command,
            message,
            now,
        );
    }

    fn decide(
        &mut self,
        partition: i32,
        envelope: &Envelope,
        kind: OutcomeKind,
        command: CommandOf<A::Type>,
        now: Timestamp,
    ) {
        let subject = &envelope.subject;
        let mut held = self.aggregates.get(subject).cloned().unwrap_or_default();
        let context = match kind {
            OutcomeKind::Deadline => Context::of_deadline(&envelope.actor, now),
            _ => Context::of_command(envelope, now),
        };
        let decision = match held.state.decide(command, &context) {
            Ok(decision) => decision,
            Err(rejection) => {
                let end = (State::Rejected, Some(rejection.code().to_owned()));
                return self.outcome(partition, envelope, kind, end, now);
            }
        };
        let workflow = decision.workflow().cloned();
        let events = decision.into_events();
        let open = held.open.clone();
        let last = events.len();
        for (number, event) in (1..).zip(&events) {
            let sequence = self.of(partition).sequence + 1;
            self.of(partition).sequence = sequence;
            let mut of_event = Envelope {
                id: id::event(A::Type::NAME, subject, held.version + 1),
                record: event.record().to_owned(),
                sequence: Some(held.version + 1),
                partition_sequence: Some(sequence),
                causation: envelope.id,
                time: now,
                ..envelope.clone()
            };
            if number == 1 && workflow == Some(Workflow::Begins) {
                of_event.opens = Some(envelope.record.clone());
                held.open = Some(of_event.clone());
            }
            if number == last && matches!(workflow, Some(Workflow::Ends(_))) {
                of_event.concludes = held.open.take().map(|open| open.operation);
            }
            held.state = held.state.evolve(event);
            (held.version, held.sequence) = (held.version + 1, sequence);
            let due = held.state.deadline().map(|deadline| deadline.due);
            if due != held.wake.as_ref().map(|(due, ..)| *due) {
                self.deadlines.retain(|(_, known)| known != subject);
                self.deadlines.extend(due.map(|due| (due, subject.clone())));
                held.wake = due.map(|due| (due, held.version, of_event.clone()));
            }
            self.log.events.push(logged(
                &self.log.events,
                partition,
                now,
                &of_event,
                json(event),
            ));
        }
        self.aggregates.insert(subject.clone(), held);
        let running = workflow == Some(Workflow::Begins);
        let state = if running {
            State::Running
        } else {
            State::Completed
        };
        self.outcome(partition, envelope, kind, (state, None), now);
        if let (Some(Workflow::Ends(end)), Some(opener)) = (workflow, open) {
            let end = (end.state, end.code.map(str::to_owned));
            self.outcome(partition, &opener, OutcomeKind::Command, end, now);
        }
    }

    fn outcome(
        &mut self,
        partition: i32,
        envelope: &Envelope,
        kind: OutcomeKind,
        (state, code): (State, Option<String>),
        now: Timestamp,
    ) {
        let held = self
            .aggregates
            .get(&envelope.subject)
            .filter(|_| state != State::Failed);
        let (version, sequence) = held.map_or((0, 0), |held| (held.version, held.sequence));
        let outcome = Outcome {
            kind,
            code,
            version: (version > 0).then_some(version.cast_signed()),
            position: (version > 0).then(|| position(A::Type::NAME, partition, sequence)),
            resource: Some(envelope.subject.clone()),
            ..Outcome::of_command(envelope.operation, &envelope.record, state, now)
        };
        self.log.outcomes.push(logged(
            &self.log.outcomes,
            partition,
            now,
            envelope,
            outcome,
        ));
    }

    /// Lets a client read the aggregate's row, in its current state.
    pub(crate) fn read(&self, world: &mut World, id: Uuid) {
        let id = id.to_string();
        let of: Vec<_> = self
            .log
            .events
            .iter()
            .filter(|event| event.subject() == id)
            .collect();
        let all: Vec<_> = self.log.events.iter().collect();
        let kind = views::VIEWS
            .iter()
            .find(|kind| kind.aggregate == A::Type::NAME)
            .unwrap();
        let row = kind.rows(&all).remove(&id);
        let last = of.last().and_then(|event| {
            let sequence = event.envelope.as_ref()?.partition_sequence?;
            Some(position(A::Type::NAME, event.partition, sequence))
        });
        let (start, end) = (world.tick(), world.tick());
        world.history.reads.push(Read {
            client: 0,
            aggregate: A::Type::NAME.to_owned(),
            id,
            position: last,
            start,
            end,
            answer: row.map_or(Shown::Missing, Shown::Row),
        });
    }

    /// Returns the current status of each operation.
    pub(crate) fn ends(&self) -> BTreeMap<Uuid, Status> {
        let outcomes = self
            .log
            .outcomes
            .iter()
            .filter_map(|record| record.value.as_ref());
        let ended = outcomes.filter(|outcome| outcome.state.is_terminal());
        ended
            .map(|outcome| (outcome.operation_id, Status::of(outcome)))
            .collect()
    }
}

/// Offsets have gaps, as transactions leave them.
fn logged<T, V>(
    before: &[Logged<V>],
    partition: i32,
    timestamp: Timestamp,
    envelope: &Envelope,
    value: T,
) -> Logged<T> {
    let of = before.iter().filter(|record| record.partition == partition);
    Logged {
        partition,
        offset: of.map(|record| record.offset + 2).max().unwrap_or_default(),
        timestamp,
        key: Some(envelope.subject.clone()),
        operation: envelope.operation,
        envelope: Some(envelope.clone()),
        value: Some(value),
    }
}

fn position(aggregate: &str, partition: i32, sequence: u64) -> String {
    let position = Position::at(Point {
        topic: Topics::new(PREFIX, aggregate).events().to_owned(),
        identity: "0a1b2c3d".to_owned(),
        partition,
        sequence,
    });
    position.to_string()
}

/// Returns a message's value as a reader of the log sees it.
pub(crate) fn json<M: Messages>(message: &M) -> Value {
    let codec = codec::<M>(message.record());
    codec.decode_json(&message.encode(codec).unwrap()).unwrap()
}

fn codec<M: Messages>(record: &str) -> &'static Codec {
    static KNOWN: OnceLock<Mutex<HashMap<&'static str, &'static Codec>>> = OnceLock::new();
    let mut known = KNOWN
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let schema = M::RECORDS
        .iter()
        .find(|schema| schema.name == record)
        .unwrap();
    known
        .entry(schema.name)
        .or_insert_with(|| Box::leak(Box::new(Codec::parse(schema.json).unwrap())))
}
