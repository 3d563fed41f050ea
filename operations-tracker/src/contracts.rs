//! What follows from the contracts: the topics to follow, and where clients find an aggregate.
//!
//! There is no list of message types anywhere in this service: a record's envelope says enough.

use std::collections::HashMap;

use anyhow::Context as _;
use factline::Contract;
use factline_kafka::KafkaConfig;
use serde::Deserialize;

/// What the records of a topic are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Commands, as edges and policies wrote them.
    Commands,
    /// What a handler says became of them.
    Outcomes,
}

/// A topic that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Topic, with its prefix.
    pub topic: String,
    /// What is on it.
    pub kind: Kind,
    /// The aggregate's type.
    pub aggregate: &'static str,
    /// How many partitions it has, for ever.
    pub partitions: i32,
}

/// The topics to follow, two for each contract.
pub fn sources(kafka: &KafkaConfig, contracts: &[&'static Contract]) -> Vec<Source> {
    let two = |contract: &&'static Contract| {
        let topics = kafka.topics(contract);
        let source = |topic: &str, kind| Source {
            topic: topic.to_owned(),
            kind,
            aggregate: contract.aggregate,
            partitions: contract.partitions,
        };
        [
            source(topics.commands(), Kind::Commands),
            source(topics.outcomes(), Kind::Outcomes),
        ]
    };
    contracts.iter().flat_map(two).collect()
}

/// Where clients find an aggregate: its path without the leading slash, `{id}` standing for the id.
#[derive(Debug, Clone, Default)]
pub struct Resources(HashMap<&'static str, String>);

#[derive(Deserialize)]
struct Routes {
    resource: String,
}

impl Resources {
    /// Reads the templates from the routes files.
    ///
    /// # Errors
    /// When a file is no JSON or names no resource; the error names the aggregate.
    pub fn read(contracts: &[&'static Contract]) -> anyhow::Result<Self> {
        let template = |contract: &&'static Contract| {
            let routes: Routes = serde_json::from_str(contract.routes).with_context(|| {
                format!("cannot read the routes file of {}", contract.aggregate)
            })?;
            Ok((contract.aggregate, routes.resource))
        };
        contracts
            .iter()
            .map(template)
            .collect::<anyhow::Result<_>>()
            .map(Self)
    }

    /// Such as `orders/17`; none for an aggregate that is no longer known.
    pub fn of(&self, aggregate: &str, id: &str) -> Option<String> {
        let template = self.0.get(aggregate)?;
        Some(template.replace("{id}", id))
    }
}
