//! The origin of an aggregate's records: builds the envelopes of events and outcomes.

use factline::envelope::ANONYMOUS;
use factline::outcome::{self, OutcomeKind, State};
use factline::{Context, Contract, Envelope, Outcome, Point, Position, Roles, Timestamp, id};

use crate::decide::facts::Enveloped;
use factline_kafka::records::record::Record;
use factline_kafka::topics::Topics;

/// The names that an aggregate's records carry.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) contract: &'static Contract,
    /// Number of partitions in this installation.
    pub(crate) partitions: i32,
    /// Source of events and outcomes.
    source: String,
    /// Topic of events, for positions.
    events: String,
    /// Identity of the events topic, for positions.
    identity: String,
}

/// The context of a command that is decided: a record of the log, or a deadline.
#[derive(Debug)]
pub(crate) struct CommandContext {
    pub(crate) partition: i32,
    /// Position of its record; a deadline has none.
    pub(crate) place: Option<String>,
    pub(crate) envelope: Envelope,
    pub(crate) kind: OutcomeKind,
    /// Time of the command or the deadline.
    pub(crate) now: Timestamp,
}

impl Origin {
    pub(crate) fn new(contract: &'static Contract, topics: &Topics, identity: String) -> Self {
        Self {
            contract,
            partitions: contract.partitions,
            source: format!("/command-handlers/{}", contract.aggregate),
            events: topics.events().to_owned(),
            identity,
        }
    }

    /// Returns the source of events, outcomes and deadlines.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Returns the identity of the events topic.
    pub(crate) fn identity(&self) -> &str {
        &self.identity
    }

    /// Builds the envelope of an event, as the next of its aggregate and partition.
    pub(crate) fn event_envelope(
        &self,
        context: &CommandContext,
        record: &str,
        version: u64,
        sequence: u64,
    ) -> Envelope {
        // A clone that is changed reuses the buffers of its texts.
        let mut envelope = context.envelope.clone();
        envelope.causation = envelope.id;
        envelope.id = id::event(self.contract.aggregate, &envelope.subject, version);
        record.clone_into(&mut envelope.record);
        envelope.source.clone_from(&self.source);
        envelope.time = context.now;
        envelope.roles = Roles::none();
        envelope.sequence = Some(version);
        envelope.partition_sequence = Some(sequence);
        envelope.time_to_live_ms = None;
        envelope.expected_version = None;
        envelope.command_position.clone_from(&context.place);
        envelope.delivery = None;
        envelope
    }

    /// Puts an operation's outcome into its envelope, which continues that of the command.
    pub(crate) fn outcome(
        &self,
        context: CommandContext,
        outcome: Outcome,
    ) -> Box<Enveloped<Outcome>> {
        let mut envelope = context.envelope;
        envelope.causation = envelope.id;
        envelope.id = id::outcome(outcome.operation_id, outcome.state.as_str());
        outcome::SCHEMA.name.clone_into(&mut envelope.record);
        envelope.source.clone_from(&self.source);
        envelope.time = context.now;
        envelope.roles = Roles::none();
        envelope.sequence = None;
        envelope.partition_sequence = None;
        envelope.opens = None;
        envelope.concludes = None;
        envelope.time_to_live_ms = None;
        envelope.expected_version = None;
        envelope.command_position = context.place;
        Box::new(Enveloped {
            envelope,
            value: outcome,
        })
    }

    /// Puts the outcome of a command without a readable envelope into an envelope. Its subject is
    /// the position of the command's record.
    pub(crate) fn outcome_of_unreadable(
        &self,
        record: &Record,
        outcome: Outcome,
        now: Timestamp,
    ) -> Box<Enveloped<Outcome>> {
        let (operation, place) = (outcome.operation_id, record.place());
        let context = CommandContext {
            partition: record.partition,
            envelope: Envelope::of_command(operation, &outcome.name, &self.source, &place, now),
            place: Some(place),
            kind: OutcomeKind::Command,
            now,
        };
        self.outcome(context, outcome)
    }

    /// Returns the position of an event of a partition.
    pub(crate) fn position(&self, partition: i32, sequence: u64) -> Position {
        let (topic, identity) = (self.events.clone(), self.identity.clone());
        Position::at(Point {
            topic,
            identity,
            partition,
            sequence,
        })
    }
}

impl CommandContext {
    /// Returns the context in which the aggregate's rules decide the command.
    pub(crate) fn for_rules(&self) -> Context<'_> {
        match self.kind {
            OutcomeKind::Deadline => Context::of_deadline(&self.envelope.actor, self.now)
                .late_by(self.envelope.origin_time - self.now),
            _ => Context::of_command(&self.envelope, self.now),
        }
    }

    /// Returns the command's outcome with the fields that its envelope fills.
    pub(crate) fn outcome(&self, state: State) -> Outcome {
        let envelope = &self.envelope;
        let above = envelope.parent_operation.or(envelope.root_operation);
        let mut outcome =
            Outcome::of_command(envelope.operation, &envelope.record, state, self.now);
        outcome.kind = self.kind;
        outcome.resource = Some(envelope.subject.clone());
        outcome.actor.clone_from(&envelope.actor);
        outcome.parent = above.filter(|above| *above != envelope.operation);
        outcome.retry_of = envelope.retry_of;
        let created = match self.kind {
            // The origin time is that of the decision, which may be late.
            OutcomeKind::Deadline => self.now,
            _ => envelope.origin_time,
        };
        outcome.created_at = created.timestamp_micros();
        outcome
    }
}

/// Returns the outcome of a command without a readable envelope.
pub(crate) fn unreadable_outcome(record: &Record, now: Timestamp) -> Outcome {
    Outcome {
        actor: ANONYMOUS.to_owned(),
        created_at: record.timestamp.timestamp_micros(),
        ..Outcome::of_command(record.operation(), "unknown", State::Failed, now)
    }
}
