//! Records of Kafka: keys, headers, and values in the registry's framing.
//!
//! - [`record`], [`headers`]: a record without its client, and the headers of its envelope
//! - [`framing`]: the schema id before a value, as Confluent's serializers write it
//! - [`dead_letters`]: names of the headers that a dead letter has in addition
//! - [`registry`], [`decode`]: schemas by id, and decoding of values to messages
//!
//! [`factline::Envelope`] defines the meaning of the headers.

pub mod dead_letters;
pub mod decode;
pub mod framing;
pub mod headers;
pub mod record;
pub mod registry;
