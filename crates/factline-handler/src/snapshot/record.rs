//! The snapshot record of one aggregate.
//!
//! The value is JSON: an operator can read it, and a changed type is visible. A record is valid
//! only if the present type reads it and writes the same JSON again. So a field that was added,
//! dropped or renamed since cannot get a default value unnoticed. The form does not show that
//! `evolve` now yields another state of the same form: for that there is
//! [`Aggregate::STATE_VERSION`].

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use factline::{Aggregate, Envelope, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::decide::encode::Outgoing;
use crate::decide::record_factory::RecordFactory;
use crate::state::aggregate::{AggregateState, Open, Wake};

/// Prefix of the key of an aggregate's record; the aggregate's id follows.
const AGGREGATE: &str = "aggregate/";

/// The header with the lineage of the cover to which a record belongs.
pub(crate) const LINEAGE: &str = "factline_lineage";

/// Reason why a record is unusable, or cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("cannot read or write the state as JSON")]
    Json(#[from] serde_json::Error),
    #[error("state differs after decoding: its type has changed")]
    Changed,
    #[error("serializing or deserializing the state panicked")]
    Panic,
    #[error("cannot read an envelope in the snapshot")]
    Envelope(#[from] factline::envelope::InvalidEnvelope),
    #[error("cannot read the {0} in the snapshot")]
    Field(&'static str),
}

/// The JSON of a snapshot. Its field names are for operators who read the topic.
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

/// Encodes an aggregate.
pub(crate) fn encode<A: Aggregate>(stored: &AggregateState<A>) -> Result<Vec<u8>, Unusable> {
    catch_unwind(AssertUnwindSafe(|| to_bytes(stored))).unwrap_or(Err(Unusable::Panic))
}

/// Decodes an aggregate, if the present type encodes it to the same JSON.
pub(crate) fn decode<A: Aggregate>(bytes: &[u8]) -> Result<AggregateState<A>, Unusable> {
    catch_unwind(AssertUnwindSafe(|| from_bytes(bytes))).unwrap_or(Err(Unusable::Panic))
}

fn to_bytes<A: Aggregate>(stored: &AggregateState<A>) -> Result<Vec<u8>, Unusable> {
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

fn from_bytes<A: Aggregate>(bytes: &[u8]) -> Result<AggregateState<A>, Unusable> {
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
    let stored = AggregateState {
        state: read.state,
        version: read.version,
        sequence: read.sequence,
        open: open.transpose()?,
        wake: wake.transpose()?,
        snapshot_checksum: 0,
        size: 0,
        is_measured: false,
        is_listed: false,
    };
    let again = to_bytes(&stored)?;
    // A state that contains hash maps may be encoded in another order.
    if again == bytes || normalized(&again)? == normalized(bytes)? {
        Ok(stored)
    } else {
        Err(Unusable::Changed)
    }
}

/// Returns the JSON of a snapshot with its envelopes as they are written now. An older release has
/// written headers that have their default values.
fn normalized(bytes: &[u8]) -> Result<serde_json::Value, Unusable> {
    let mut json: serde_json::Value = serde_json::from_slice(bytes)?;
    for place in ["/open/envelope", "/wake/cause"] {
        if let Some(known) = json.pointer_mut(place) {
            let headers: BTreeMap<String, String> = serde_json::from_value(known.take())?;
            *known = serde_json::to_value(text(&envelope(&headers)?))?;
        }
    }
    Ok(json)
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

/// Returns the aggregate's id, if the key is that of an aggregate.
pub(crate) fn subject(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key).ok()?.strip_prefix(AGGREGATE)
}

/// Builds a record of the snapshots topic.
pub(crate) fn outgoing(
    factory: &RecordFactory,
    partition: i32,
    lineage: Uuid,
    key: Vec<u8>,
    value: Vec<u8>,
) -> Outgoing {
    Outgoing {
        topic: factory.topics.snapshots().into(),
        partition,
        key,
        headers: [(LINEAGE, lineage.to_string())].into_iter().collect(),
        time: chrono::Utc::now(),
        value,
    }
}

/// Returns the contribution of a record to the checksum of its cover: FNV-1a, because the result
/// must be the same in every build. Never 0, which stands for no record.
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

    use factline::{AggregateType, Context, Decision, Messages, RecordSchema, avro};

    use super::*;

    /// Events and commands of the test aggregates, which have only states.
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

    struct ThingType;

    impl AggregateType for ThingType {
        const NAME: &'static str = "test.thing";
        const PARTITIONS: i32 = 1;
        type Command = Nothing;
        type Event = Nothing;
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
                type Type = ThingType;
                type Rejection = No;

                fn decide(&self, command: Nothing, _: &Context) -> Result<Decision<Nothing>, No> {
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

    fn stored<A: Aggregate>(state: A) -> AggregateState<A> {
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
        AggregateState {
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
            snapshot_checksum: 0,
            size: 0,
            is_measured: false,
            is_listed: false,
        }
    }

    fn thing() -> Vec<u8> {
        let (name, count) = ("a".to_owned(), 1);
        encode(&stored(Thing { name, count })).unwrap_or_default()
    }

    #[test]
    fn encoded_aggregate_decodes_unchanged() {
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
    fn state_of_another_form_is_unusable() {
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
    fn header_with_its_default_is_no_change() {
        let mut json: serde_json::Value = serde_json::from_slice(&thing()).unwrap_or_default();
        for envelope in ["/open/envelope", "/wake/cause"] {
            let headers = json.pointer_mut(envelope).expect("there is an envelope");
            headers["ce_actor"] = "anonymous".into();
            headers["ce_operation"] = headers["ce_id"].clone();
            headers["ce_correlationid"] = headers["ce_id"].clone();
        }
        let bytes = json.to_string().into_bytes();
        assert_ne!(bytes, thing());
        assert!(decode::<Thing>(&bytes).is_ok());
    }

    #[test]
    fn hash_map_order_is_no_change() {
        let parts = (0..50).map(|number| (number.to_string(), number)).collect();
        let bytes = encode(&stored(Scattered { parts })).expect("it is written");
        assert!(decode::<Scattered>(&bytes).is_ok());
    }
}
