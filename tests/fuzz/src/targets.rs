//! The targets.

pub(crate) mod avro;
pub(crate) mod body;
pub(crate) mod cursor;
pub(crate) mod envelope;
pub(crate) mod headers;
pub(crate) mod hint;
pub(crate) mod position;
pub(crate) mod webhook;

use std::sync::OnceLock;

use factline::avro::Codec;
use factline::{Contract, RecordSchema};

/// Splits an input at its first line end: a choice, and the rest.
fn split(input: &[u8]) -> (&[u8], &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n');
    match end {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (&[], input),
    }
}

/// Returns the item that the bytes choose; any bytes choose one.
fn choose<'a, T>(items: &'a [T], choice: &[u8]) -> &'a T {
    let number = choice.iter().fold(0, |number: usize, byte| {
        number.wrapping_mul(10).wrapping_add((byte & 15).into())
    });
    &items[number % items.len()]
}

/// The name and value of each line `name: value`. A value may have any bytes except the line end.
fn lines(input: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let lines = input.split(|byte| *byte == b'\n');
    lines.filter_map(|line| {
        let colon = line.windows(2).position(|pair| pair == b": ")?;
        Some((&line[..colon], &line[colon + 2..]))
    })
}

/// The schemas of the commands and events of all contracts, each with its codec.
fn codecs() -> &'static [(&'static Contract, &'static RecordSchema, Codec)] {
    static CODECS: OnceLock<Vec<(&Contract, &RecordSchema, Codec)>> = OnceLock::new();
    CODECS.get_or_init(|| {
        let contracts = contracts::ALL.iter().copied();
        let schemas = contracts.flat_map(|contract| {
            let records = contract.commands.iter().chain(contract.events);
            records.map(move |record| (contract, record))
        });
        schemas
            .map(|(contract, record)| {
                let codec = Codec::parse(record.json).expect("a contract has valid schemas");
                (contract, record, codec)
            })
            .collect()
    })
}
