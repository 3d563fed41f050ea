//! The messages of an aggregate: a closed set of Avro records.

use std::borrow::Cow;

use crate::avro::{Codec, Error};

/// One Avro record of a contract, with its schema written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordSchema {
    /// Name with namespace, such as `catalog.RenameProduct`: the `ce_type` of the message. It must
    /// never change.
    pub name: &'static str,
    /// The schema, self-contained.
    pub json: &'static str,
}

/// The commands, or the events, of one aggregate. `factline-codegen` generates the impl from the
/// schemas.
pub trait Messages: Sized + Clone + std::fmt::Debug + PartialEq + Send + Sync + 'static {
    /// Every record of the set.
    const RECORDS: &'static [RecordSchema];

    /// Returns the name of this message's record.
    fn record(&self) -> &'static str;

    /// Returns the id of the aggregate that this message names in its fields: the field that its
    /// schema marks with `"id": true`. A handler refuses a message that names another aggregate
    /// than its own.
    fn aggregate_id(&self) -> Option<Cow<'_, str>> {
        None
    }

    /// Writes the datum with the codec of [`Self::record`].
    fn encode(&self, codec: &Codec) -> Result<Vec<u8>, Error>;

    /// Reads a datum of the named record with the codec of the schema that wrote it.
    fn decode(record: &str, codec: &Codec, datum: &[u8]) -> Result<Self, Error>;
}
