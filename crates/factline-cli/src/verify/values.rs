//! Decodes values, which verification does only on request.

use anyhow::Result;
use factline::outcome::State;
use factline_kafka::records::decode;
use factline_kafka::tools::partition_scan::Scanned;
use factline_kafka::{Record, Registry};
use tokio::runtime::Handle;

use super::finding::Kind;
use super::headers::Fact;
use super::ledger::{Ledger, Topic};

/// Decoder of values, for threads outside of the async runtime.
pub(super) struct Values {
    pub(super) registry: Registry,
    pub(super) runtime: Handle,
}

impl Values {
    /// Checks that the envelope and the value of a record can be read and agree. `state` is the
    /// state that the id of an outcome tells.
    ///
    /// # Errors
    /// If the registry does not answer.
    pub(super) fn check(
        &self,
        ledger: &mut Ledger,
        topic: Topic,
        scanned: &Scanned<'_>,
        fact: &Fact<'_>,
        state: Option<State>,
    ) -> Result<()> {
        let record = scanned.to_record();
        let reason = match topic {
            Topic::Events => self.event(&record),
            Topic::Outcomes => self.outcome(&record, state),
        };
        match reason {
            Ok(None) => {}
            Ok(Some(detail)) => ledger.found(Kind::Undecodable, topic, fact, detail),
            // The record is not the cause: any other record would fail in the same way.
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => {
                let detail = format!("{:#}", anyhow::Error::new(error));
                ledger.found(Kind::Undecodable, topic, fact, detail);
            }
        }
        Ok(())
    }

    fn event(&self, record: &Record) -> Result<Option<String>, decode::Error> {
        let envelope = record.envelope()?;
        let (name, _) = self
            .runtime
            .block_on(decode::json(&self.registry, record))?;
        let differs = || {
            format!(
                "header ce_type names {}, the schema names {name}",
                envelope.record
            )
        };
        Ok((envelope.record != name).then(differs))
    }

    fn outcome(
        &self,
        record: &Record,
        state: Option<State>,
    ) -> Result<Option<String>, decode::Error> {
        let decoding = decode::outcome(&self.registry, record);
        let (envelope, outcome) = self.runtime.block_on(decoding)?;
        if outcome.operation_id != envelope.operation {
            let named = outcome.operation_id;
            return Ok(Some(format!("the value is about operation {named}")));
        }
        let differs = state.is_some_and(|state| state != outcome.state);
        let found = outcome.state.as_str();
        Ok(differs.then(|| format!("the value has the state {found}, and the id another one")))
    }
}
