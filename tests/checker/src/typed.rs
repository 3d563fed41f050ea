//! Converts a JSON value to a message of the contexts.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use apache_avro::types::Value as Datum;
use apache_avro::writer::datum::GenericDatumWriter;
use factline::avro::Codec;
use factline::{Messages, RecordSchema};
use serde_json::Value;

/// Returns the message of a record; none if the value is not a message of the set.
pub(super) fn message<M: Messages>(record: &str, value: &Value) -> Option<M> {
    let schema = M::RECORDS.iter().find(|schema| schema.name == record)?;
    let codec = codec(schema)?;
    let datum = Datum::try_from(value.clone()).ok()?;
    let datum = datum.resolve(codec.schema()).ok()?;
    let writer = GenericDatumWriter::builder(codec.schema()).build().ok()?;
    let bytes = writer.write_value_to_vec(datum).ok()?;
    M::decode(record, codec, &bytes).ok()
}

/// Returns the codec, parsed once per process, because a codec is never freed.
fn codec(schema: &RecordSchema) -> Option<&'static Codec> {
    static KNOWN: OnceLock<Mutex<HashMap<&'static str, &'static Codec>>> = OnceLock::new();
    let known = KNOWN.get_or_init(Mutex::default);
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(codec) = known.get(schema.name) {
        return Some(codec);
    }
    let codec: &'static Codec = Box::leak(Box::new(Codec::parse(schema.json).ok()?));
    known.insert(schema.name, codec);
    Some(codec)
}

#[cfg(test)]
mod tests {
    use ordering_schemas::order::{Command, Event};
    use ordering_schemas::{Money, OrderCancelled, RecordPastOrder};
    use uuid::Uuid;

    use super::*;

    fn comes_back<M: Messages>(message: &M) {
        let codec = M::RECORDS
            .iter()
            .find(|schema| schema.name == message.record())
            .and_then(codec)
            .unwrap();
        let json = codec.decode_json(&message.encode(codec).unwrap()).unwrap();
        assert_eq!(
            super::message(message.record(), &json).as_ref(),
            Some(message),
            "{json}"
        );
    }

    #[test]
    fn message_roundtrips_through_json() {
        let total = Money {
            amount: 1 << 40,
            currency: "USD".to_owned(),
        };
        comes_back(&Event::from(OrderCancelled {
            order_id: Uuid::from_u128(7),
            customer_id: "ada".to_owned(),
            reason: "wrong".to_owned(),
            units: 1,
            total: total.clone(),
        }));
        comes_back(&Command::from(RecordPastOrder {
            order_id: Uuid::from_u128(7),
            customer_id: "ada".to_owned(),
            source: "old/7".to_owned(),
            ordered_on: 19_000,
            quantity: 3,
            total,
        }));
    }

    #[test]
    fn unknown_message_is_none() {
        assert_eq!(message::<Event>("ordering.OrderLost", &Value::Null), None);
        assert_eq!(
            message::<Event>("ordering.OrderShipped", &Value::Null),
            None
        );
    }
}
