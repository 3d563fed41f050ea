//! One aggregate, written down.
//!
//! The value is JSON: an operator can read it, and a type that has changed shows. A record is believed only if today's type
//! reads it and writes the same again, so a field that was added, dropped or renamed since cannot slip through with a default. What no form
//! can show is that `evolve` has come to another state with the same form: for that there is [`Aggregate::STATE_VERSION`].

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use factline::{Aggregate, Envelope, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::decide::record_factory::{Outgoing, Wire};
use crate::state::aggregate::{Open, Stored, Wake};

/// Begins the key of an aggregate's record; its id follows.
const AGGREGATE: &str = "aggregate/";

/// The header that says to which row of covers a record belongs.
pub(crate) const LINEAGE: &str = "factline_lineage";

/// Why a record is not believed, or cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("the state is no JSON that reads back")]
    Json(#[from] serde_json::Error),
    #[error("the state reads back as another: its type has changed")]
    Changed,
    #[error("serializing it panicked")]
    Panic,
    #[error("an envelope in it cannot be read")]
    Envelope(#[from] factline::envelope::InvalidEnvelope),
    #[error("a {0} in it cannot be read")]
    Field(&'static str),
}

/// Names are for whoever reads the topic.
#[derive(Serialize)]
struct Written<'s, A> {
    version: u64,
    sequence: u64,
    state: &'s A,
    #[serde(skip_serializing_if = "Option::is_none")]
    open: Option<OpenText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wake: Option<WakeText>,
}

#[derive(Deserialize)]
#[serde(bound = "A: Aggregate")]
struct Read<A> {
    version: u64,
    sequence: u64,
    state: A,
    open: Option<OpenText>,
    wake: Option<WakeText>,
}

#[derive(Serialize, Deserialize)]
struct OpenText {
    envelope: BTreeMap<String, String>,
    position: String,
}

#[derive(Serialize, Deserialize)]
struct WakeText {
    /// Microseconds since 1970.
    due: i64,
    set: u64,
    cause: BTreeMap<String, String>,
    spent: bool,
}

/// The bytes of an aggregate.
pub(crate) fn encode<A: Aggregate>(stored: &Stored<A>) -> Result<Vec<u8>, Unusable> {
    catch_unwind(AssertUnwindSafe(|| to_bytes(stored))).unwrap_or(Err(Unusable::Panic))
}

/// An aggregate from its bytes, if today's type writes the same.
pub(crate) fn decode<A: Aggregate>(bytes: &[u8]) -> Result<Stored<A>, Unusable> {
    catch_unwind(AssertUnwindSafe(|| from_bytes(bytes))).unwrap_or(Err(Unusable::Panic))
}

fn to_bytes<A: Aggregate>(stored: &Stored<A>) -> Result<Vec<u8>, Unusable> {
    let written = Written {
        version: stored.version,
        sequence: stored.sequence,
        state: &stored.state,
        open: stored.open.as_ref().map(|open| OpenText {
            envelope: text(&open.envelope),
            position: open.position.to_string(),
        }),
        wake: stored.wake.as_ref().map(|wake| WakeText {
            due: wake.due.timestamp_micros(),
            set: wake.set,
            cause: text(&wake.cause),
            spent: wake.spent,
        }),
    };
    Ok(serde_json::to_vec(&written)?)
}

fn from_bytes<A: Aggregate>(bytes: &[u8]) -> Result<Stored<A>, Unusable> {
    let read: Read<A> = serde_json::from_slice(bytes)?;
    let open = read.open.map(|open| {
        Ok::<_, Unusable>(Arc::new(Open {
            envelope: envelope(&open.envelope)?,
            position: open
                .position
                .parse()
                .map_err(|_| Unusable::Field("position"))?,
        }))
    });
    let wake = read.wake.map(|wake| {
        Ok::<_, Unusable>(Arc::new(Wake {
            due: Timestamp::from_timestamp_micros(wake.due).ok_or(Unusable::Field("due time"))?,
            set: wake.set,
            cause: envelope(&wake.cause)?,
            spent: wake.spent,
        }))
    });
    let stored = Stored {
        state: read.state,
        version: read.version,
        sequence: read.sequence,
        open: open.transpose()?,
        wake: wake.transpose()?,
        kept: 0,
        weight: 0,
    };
    let again = to_bytes(&stored)?;
    // Only a state that holds hash maps may come out in another order.
    if again == bytes
        || serde_json::from_slice::<serde_json::Value>(&again)?
            == serde_json::from_slice::<serde_json::Value>(bytes)?
    {
        Ok(stored)
    } else {
        Err(Unusable::Changed)
    }
}

fn text(envelope: &Envelope) -> BTreeMap<String, String> {
    let headers = envelope.to_headers().into_iter();
    headers
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn envelope(headers: &BTreeMap<String, String>) -> Result<Envelope, Unusable> {
    let headers = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()));
    Ok(Envelope::from_headers(headers)?)
}

pub(crate) fn key(subject: &str) -> Vec<u8> {
    format!("{AGGREGATE}{subject}").into_bytes()
}

/// The aggregate's id, if it is the key of one.
pub(crate) fn subject(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key).ok()?.strip_prefix(AGGREGATE)
}

/// A record of the snapshots topic.
pub(crate) fn outgoing(
    wire: &Wire,
    partition: i32,
    lineage: Uuid,
    key: Vec<u8>,
    value: Vec<u8>,
) -> Outgoing {
    Outgoing {
        topic: wire.topics.snapshots().to_owned(),
        partition,
        key,
        headers: [(LINEAGE, lineage.to_string())].into_iter().collect(),
        time: chrono::Utc::now(),
        value,
    }
}

/// What a record adds to the checksum of its cover: FNV-1a, since it must come out the same in every build. Never 0, which
/// stands for no record.
pub(crate) fn checksum(key: &[u8], value: &[u8]) -> u64 {
    let bytes = key.iter().chain(value);
    let sum = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    sum.max(1)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use factline::{Decision, Messages, RecordSchema, avro};

    use super::*;

    /// Nothing happens here but states.
    #[derive(Debug, Clone, PartialEq)]
    enum Nothing {}

    impl Messages for Nothing {
        const RECORDS: &'static [RecordSchema] = &[];

        fn record(&self) -> &'static str {
            match *self {}
        }

        fn encode(&self, _: &avro::Codec) -> Result<Vec<u8>, avro::Error> {
            match *self {}
        }

        fn decode(record: &str, _: &avro::Codec, _: &[u8]) -> Result<Self, avro::Error> {
            let record = record.to_owned();
            Err(avro::Error::UnknownRecord { record })
        }
    }

    #[derive(Debug, PartialEq, thiserror::Error)]
    #[error("no")]
    struct No;

    impl factline::Rejection for No {
        fn code(&self) -> &'static str {
            "no"
        }
    }

    macro_rules! aggregate {
        ($name:ident { $($(#[$attribute:meta])? $field:ident: $type:ty),* }) => {
            #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
            struct $name { $($(#[$attribute])? $field: $type),* }

            impl Aggregate for $name {
                const TYPE: &'static str = "test.thing";
                type Command = Nothing;
                type Event = Nothing;
                type Rejection = No;

                fn decide(&self, command: Nothing, _: Timestamp) -> Result<Decision<Nothing>, No> {
                    match command {}
                }

                fn evolve(self, event: &Nothing) -> Self {
                    match *event {}
                }
            }
        };
    }

    aggregate!(Thing {
        name: String,
        count: u32
    });
    aggregate!(Wider {
        name: String,
        count: u32,
        #[serde(default)]
        total: u64
    });
    aggregate!(Narrower { name: String });
    aggregate!(Renamed {
        label: String,
        count: u32
    });
    aggregate!(Retyped {
        name: String,
        count: String
    });
    aggregate!(Scattered { parts: HashMap<String, u32> });

    fn stored<A: Aggregate>(state: A) -> Stored<A> {
        let cause = Envelope {
            sequence: Some(3),
            position: Some("x".to_owned()),
            ..Envelope::of_command(
                Uuid::from_u128(7),
                "test.Done",
                "/test",
                "a",
                Timestamp::UNIX_EPOCH,
            )
        };
        Stored {
            state,
            version: 3,
            sequence: 12,
            open: Some(Arc::new(Open {
                envelope: cause.clone(),
                position: factline::Position::default(),
            })),
            wake: Some(Arc::new(Wake {
                due: Timestamp::from_timestamp_micros(1_234_567).unwrap_or_default(),
                set: 2,
                cause,
                spent: true,
            })),
            kept: 0,
            weight: 0,
        }
    }

    fn thing() -> Vec<u8> {
        let (name, count) = ("a".to_owned(), 1);
        encode(&stored(Thing { name, count })).unwrap_or_default()
    }

    #[test]
    fn what_is_written_reads_back_whole() {
        let read = decode::<Thing>(&thing()).expect("it reads back");
        let again = encode(&read).expect("it is written");
        assert_eq!(
            String::from_utf8_lossy(&again),
            String::from_utf8_lossy(&thing())
        );
        assert_eq!((read.version, read.sequence, read.state.count), (3, 12, 1));
        assert!(
            read.wake
                .is_some_and(|wake| wake.spent && wake.cause.sequence == Some(3))
        );
        assert!(read.open.is_some());
    }

    #[test]
    fn a_state_of_another_form_is_not_believed() {
        assert!(matches!(decode::<Wider>(&thing()), Err(Unusable::Changed)));
        assert!(matches!(
            decode::<Narrower>(&thing()),
            Err(Unusable::Changed)
        ));
        assert!(matches!(
            decode::<Renamed>(&thing()),
            Err(Unusable::Json(_))
        ));
        assert!(matches!(
            decode::<Retyped>(&thing()),
            Err(Unusable::Json(_))
        ));
        assert!(matches!(decode::<Thing>(b"{"), Err(Unusable::Json(_))));
    }

    #[test]
    fn the_order_of_a_hash_map_is_no_change() {
        let parts = (0..50).map(|number| (number.to_string(), number)).collect();
        let bytes = encode(&stored(Scattered { parts })).expect("it is written");
        assert!(decode::<Scattered>(&bytes).is_ok());
    }
}
