//! Records of Kafka: keys, headers, and values in the registry's framing.
//!
//! - [`record`], [`headers`]: a record without its client, and its envelope's headers
//! - [`framing`]: the schema id before a value, as Confluent's serializers write it
//! - [`registry`], [`decode`]: schemas by id, and from a value to a message
//!
//! What the headers mean is the envelope's matter ([`factline::Envelope`]).

pub mod decode;
pub mod framing;
pub mod headers;
pub mod record;
pub mod registry;
