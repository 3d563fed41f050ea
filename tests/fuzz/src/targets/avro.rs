//! Values of records: the frame, and the datum by each schema of the contracts.
//!
//! The schema's id chooses the schema, as the registry does.

use factline::avro::Codec;
use factline::{AggregateType, Messages, Outcome};
use factline_kafka::records::framing;

use super::codecs;
use crate::Target;

pub(crate) const TARGET: Target = Target {
    name: "avro",
    // A record of the handler's topics has at most 2 MiB, a command 1 MiB.
    most_bytes: 1 << 20,
    seeds,
    // Only processes with the right to write a topic send records, and their size is bounded. Few
    // bytes can be a struct with several texts.
    memory_of_byte: 32,
    read,
};

/// Decodes a datum as a message of this aggregate type, if the record is one of its messages.
fn typed<T: AggregateType>(record: &str, codec: &Codec, datum: &[u8]) {
    let _ = <T::Command as Messages>::decode(record, codec, datum);
    let _ = <T::Event as Messages>::decode(record, codec, datum);
}

/// Decodes a datum as tools do, which have no type for it and no limit of memory.
fn json(codec: &Codec, datum: &[u8]) {
    if datum.len() < 4096 {
        let _ = codec.decode_json(datum);
    }
}

fn outcome() -> &'static Codec {
    static CODEC: std::sync::OnceLock<Codec> = std::sync::OnceLock::new();
    CODEC.get_or_init(|| Codec::parse(factline::outcome::SCHEMA.json).expect("the schema is valid"))
}

fn read(input: &[u8]) {
    let Ok((id, datum)) = framing::read(input) else {
        return;
    };
    let codecs = codecs();
    // One more than there are: the outcome.
    let number = usize::try_from(id.unsigned_abs()).unwrap_or(0) % (codecs.len() + 1);
    let Some((contract, record, codec)) = codecs.get(number) else {
        let _ = outcome().decode::<Outcome>(datum);
        json(outcome(), datum);
        return;
    };
    match contract.aggregate {
        "catalog.product" => typed::<catalog_schemas::product::Type>(record.name, codec, datum),
        "checkout.checkout" => typed::<checkout_schemas::checkout::Type>(record.name, codec, datum),
        "ordering.order" => typed::<ordering_schemas::order::Type>(record.name, codec, datum),
        "payment.payment" => typed::<payment_schemas::payment::Type>(record.name, codec, datum),
        "scheduling.schedule" => {
            typed::<factline_schedule::schedule::Type>(record.name, codec, datum);
        }
        other => panic!("the target lacks the types of {other}"),
    }
    json(codec, datum);
}

fn seeds() -> Vec<Vec<u8>> {
    // Length, text, length, text: the beginning of most records. Then hostile lengths and counts.
    let datums: [&[u8]; 7] = [
        b"\x480190a6d2-7c4e-7f3a-8b1d-5e2f9c0a4b67\x06TeaT\x02\x04\x06USD\x00\x00",
        b"\x480190a6d2-7c4e-7f3a-8b1d-5e2f9c0a4b67\x02\x06A-1\x04\xf4\x03\x06USD\x00",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x80\x80\x80\x80\x02",
        b"\xfe\xff\xff\xff\x0f",
        b"\x01\xfe\xff\xff\xff\x0f\x00\x00",
        b"",
    ];
    let ids = 0..=i32::try_from(codecs().len()).unwrap_or(0);
    let values = ids.flat_map(|id| datums.iter().map(move |datum| framing::write(id, datum)));
    values.collect()
}
