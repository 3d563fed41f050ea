//! Decodes records into facts, each with the position at which a reader can see it.

use factline::policy::What;
use factline::position::MAX_POINTS;
use factline::{Envelope, Fact, Messages, Outcome, Point, Position};

use factline_kafka::client::config::KafkaConfig;
use factline_kafka::records::record::Record;
use factline_kafka::records::registry::Registry;
use factline_kafka::topics::Topics;
use factline_kafka::{records::decode, records::framing};

/// Reads the facts of one aggregate type.
pub(crate) struct Reader {
    topics: Topics,
    registry: Registry,
    identity: String,
}

impl Reader {
    pub(crate) fn new(kafka: &KafkaConfig, topics: Topics) -> Self {
        Self {
            topics,
            registry: Registry::of(kafka),
            identity: String::new(),
        }
    }

    /// Sets the identity of the events topic, see [`factline_kafka::topics::identity`].
    pub(crate) fn identify(&mut self, identity: String) {
        self.identity = identity;
    }

    /// Returns the fact of a record. Returns `None` for the outcome of a command that no process
    /// sent, and for an outcome that is not terminal.
    pub(crate) async fn read<E: Messages>(
        &self,
        record: &Record,
    ) -> Result<Option<Fact<E>>, decode::Error> {
        let envelope = record.envelope()?;
        let (position, what) = if record.topic == self.topics.events() {
            let event = decode::value(&self.registry, &envelope, record).await?;
            let position = self.of_event(record, &envelope);
            (position, What::Event(event))
        } else {
            if envelope.process_type.is_none() {
                return Ok(None);
            }
            let outcome = self.outcome(record).await?;
            if !outcome.state.is_terminal() {
                return Ok(None);
            }
            let position = of_outcome(record, &envelope, &outcome);
            (position, What::Outcome(Box::new(outcome)))
        };
        let position = (!position.points().is_empty()).then(|| position.to_string());
        let envelope = Envelope {
            position,
            ..envelope
        };
        Ok(Some(Fact { envelope, what }))
    }

    async fn outcome(&self, record: &Record) -> Result<Outcome, decode::Error> {
        let value = record.value.as_deref().ok_or(decode::Error::NoValue)?;
        let (id, datum) = framing::read(value)?;
        Ok(self.registry.codec(id).await?.decode(datum)?)
    }

    /// Returns the position that the workflow had reached when the event was decided, extended by
    /// the event itself.
    fn of_event(&self, record: &Record, envelope: &Envelope) -> Position {
        let mut position = parse(record, envelope.position.as_deref());
        let Some(sequence) = envelope.partition_sequence else {
            return position;
        };
        // The point of the event itself always stays.
        position.keep_last(MAX_POINTS - 1);
        position.merge(&Position::at(Point {
            topic: self.topics.events().to_owned(),
            identity: self.identity.clone(),
            partition: record.partition,
            sequence,
        }));
        position
    }
}

/// Returns the position that the handler recorded in the outcome, merged with the position of the
/// command.
fn of_outcome(record: &Record, envelope: &Envelope, outcome: &Outcome) -> Position {
    let mut position = parse(record, envelope.position.as_deref());
    position.merge(&parse(record, outcome.position.as_deref()));
    position.keep_last(MAX_POINTS);
    position
}

/// Parses a position. An invalid one is ignored: it comes from the sender of the first command and
/// must not stop a workflow.
fn parse(record: &Record, text: Option<&str>) -> Position {
    let Some(text) = text else {
        return Position::default();
    };
    text.parse().unwrap_or_else(|error| {
        tracing::warn!(record = record.place(), %error, "ignoring an invalid position");
        Position::default()
    })
}
