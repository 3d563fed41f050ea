//! The schemas of copied records, registered for the topics of the copy.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use factline_kafka::records::framing;
use factline_kafka::records::registry::Error as RegistryError;
use factline_kafka::topics::subject;
use factline_kafka::{Record, Registry, Topics};
use tokio::runtime::Handle;

use super::filter::{self, Mask};
use crate::archive::Kind;
use crate::archive::restore::record_name;

/// Registers each schema when its first record is copied.
pub(super) struct Schemas {
    registry: Registry,
    runtime: Handle,
    /// Ids for the subjects of the copy, by topic and the id in the source; none if the registry
    /// does not have the schema.
    known: HashMap<(String, i32), Option<i32>>,
}

impl Schemas {
    pub(super) fn new(registry: Registry) -> Self {
        Self {
            registry,
            runtime: Handle::current(),
            known: HashMap::new(),
        }
    }

    /// Replaces the masked fields of a record. Blocks.
    ///
    /// # Errors
    /// If the record cannot be decoded: what it contains is not known.
    pub(super) fn mask(
        &self,
        masks: &[Mask],
        record: &mut Record,
        masked: &mut [u64],
    ) -> Result<()> {
        let value = record.value.as_deref();
        let Some(value) = value.filter(|_| !masks.is_empty()) else {
            return Ok(());
        };
        let cannot = || format!("cannot mask {}", record.place());
        let (id, _) = framing::read(value).with_context(cannot)?;
        let codec = self.runtime.block_on(self.registry.codec(id));
        let codec = codec.with_context(cannot)?;
        let place = record.place();
        filter::apply(masks, &codec, record, masked).with_context(|| format!("cannot mask {place}"))
    }

    /// Gives a value the id of its schema under the subject of its topic. A value that is not of a
    /// schema stays as it is. Blocks.
    pub(super) fn translate(
        &mut self,
        kind: Kind,
        topics: &Topics,
        record: &mut Record,
    ) -> Result<()> {
        let value = record.value.as_deref();
        let Some((id, datum)) = value.and_then(|value| framing::read(value).ok()) else {
            return Ok(());
        };
        // A dead letter has the value of its command.
        let topic = match kind {
            Kind::DeadLetters => topics.commands(),
            kind => kind.of(topics),
        };
        let key = (topic.to_owned(), id);
        let known = if let Some(known) = self.known.get(&key) {
            *known
        } else {
            let found = self.runtime.block_on(register(&self.registry, topic, id))?;
            self.known.insert(key, found);
            found
        };
        if let Some(new) = known.filter(|new| *new != id) {
            record.value = Some(framing::write(new, datum));
        }
        Ok(())
    }
}

async fn register(registry: &Registry, topic: &str, id: i32) -> Result<Option<i32>> {
    let text = match registry.schema(id).await {
        Ok(text) => text,
        Err(RegistryError::UnknownId { .. }) => {
            eprintln!("the registry has no schema {id}: its records are copied as they are");
            return Ok(None);
        }
        Err(error) => return Err(error).context("cannot read a schema"),
    };
    let name = record_name(&text).with_context(|| format!("schema {id} names no record"))?;
    let subject = subject(topic, &name);
    let registered = registry.register_schema(&subject, &text).await;
    registered
        .map(Some)
        .with_context(|| format!("cannot register {subject}"))
}
