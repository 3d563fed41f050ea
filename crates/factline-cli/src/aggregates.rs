//! The aggregates that the tool knows.

use anyhow::{Context as _, Result, ensure};
use factline::Contract;
use factline_handler::HostedAggregate;
use factline_kafka::KafkaConfig;

pub(crate) const NO_AGGREGATES: &str = "this tool has no aggregates; an application builds its own, which \
    passes them to factline_cli::main";

/// The aggregates of the application.
pub(crate) struct Aggregates(pub(crate) Vec<HostedAggregate>);

impl Aggregates {
    /// Returns the aggregates with the numbers of partitions of an installation.
    pub(crate) fn installed(&self, kafka: &KafkaConfig) -> Self {
        let mut hosted = self.0.clone();
        for hosted in &mut hosted {
            let contract = kafka.contract(hosted.contract);
            if contract.partitions != hosted.contract.partitions {
                // It is used until the process ends.
                hosted.contract = Box::leak(Box::new(contract));
            }
        }
        Self(hosted)
    }

    /// Returns the aggregate of a type, or an error that lists the known ones.
    pub(crate) fn of_type(&self, aggregate: &str) -> Result<HostedAggregate> {
        ensure!(!self.0.is_empty(), NO_AGGREGATES);
        let mut known = self.0.iter();
        let found = known.find(|hosted| hosted.contract.aggregate == aggregate);
        found.copied().with_context(|| {
            format!(
                "unknown aggregate {aggregate}; known aggregates: {}",
                self.names()
            )
        })
    }

    /// Returns one aggregate, or all.
    pub(crate) fn chosen(&self, aggregate: Option<&str>) -> Result<Vec<HostedAggregate>> {
        match aggregate {
            Some(aggregate) => Ok(vec![self.of_type(aggregate)?]),
            None => Ok(self.0.clone()),
        }
    }

    /// Returns the contracts of all aggregates, or an error if there are none.
    pub(crate) fn contracts(&self) -> Result<Vec<&'static Contract>> {
        ensure!(!self.0.is_empty(), NO_AGGREGATES);
        Ok(self.0.iter().map(|hosted| hosted.contract).collect())
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self
            .0
            .iter()
            .map(|hosted| hosted.contract.aggregate)
            .collect();
        names.join(", ")
    }
}
