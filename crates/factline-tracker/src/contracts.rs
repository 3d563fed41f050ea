//! Values derived from the contracts: the topics to follow, and the paths at which clients find
//! aggregates.
//!
//! This service has no list of message types. A record's envelope contains all that it needs.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context as _;
use factline::Contract;
use factline_http::resource;
use factline_kafka::KafkaConfig;
use serde::Deserialize;

/// The kind of records on a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Commands, as edges and policies wrote them.
    Commands,
    /// Outcomes of commands, as a handler wrote them.
    Outcomes,
}

/// A topic that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Topic, with its prefix.
    pub topic: String,
    /// The kind of its records.
    pub kind: Kind,
    /// The aggregate's type.
    pub aggregate: &'static str,
    /// Number of partitions. It never changes.
    pub partitions: i32,
}

/// Returns the topics to follow, two for each contract.
pub fn sources(kafka: &KafkaConfig, contracts: &[&'static Contract]) -> Vec<Source> {
    let two = |contract: &&'static Contract| {
        let topics = kafka.topics(contract);
        let source = |topic: &str, kind| Source {
            topic: topic.to_owned(),
            kind,
            aggregate: contract.aggregate,
            partitions: kafka.contract(contract).partitions,
        };
        [
            source(topics.commands(), Kind::Commands),
            source(topics.outcomes(), Kind::Outcomes),
        ]
    };
    contracts.iter().flat_map(two).collect()
}

/// The paths at which clients find aggregates. A path has no leading slash, and `{id}` stands for
/// the id. Cheap to clone: each request has one.
#[derive(Debug, Clone, Default)]
pub struct Resources(Arc<HashMap<&'static str, String>>);

#[derive(Deserialize)]
struct Routes {
    resource: String,
}

impl Resources {
    /// Reads the templates from the routes files.
    ///
    /// # Errors
    /// When a file is not JSON or names no resource. The error names the aggregate.
    pub fn read(contracts: &[&'static Contract]) -> anyhow::Result<Self> {
        let template = |contract: &&'static Contract| {
            let routes: Routes = serde_json::from_str(contract.routes).with_context(|| {
                format!("cannot read the routes file of {}", contract.aggregate)
            })?;
            Ok((contract.aggregate, routes.resource))
        };
        contracts
            .iter()
            .filter(|contract| !contract.routes.is_empty())
            .map(template)
            .collect::<anyhow::Result<_>>()
            .map(|templates| Self(Arc::new(templates)))
    }

    /// Returns the path of an aggregate, such as `orders/17`, or none if its type is no longer
    /// known or has no routes.
    pub fn of(&self, aggregate: &str, id: &str) -> Option<String> {
        let template = self.0.get(aggregate)?;
        Some(resource::address(template, id))
    }

    /// Returns the type and the id of the aggregate at a path.
    pub(crate) fn at(&self, path: &str) -> Option<(String, String)> {
        let path = path.trim_start_matches('/');
        let candidates = self.0.iter().filter_map(|(aggregate, template)| {
            let id = resource::id_at(template, path)?;
            Some(((*aggregate).to_owned(), id))
        });
        candidates.min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_leads_to_its_aggregate_and_back() {
        const CONTRACT: &Contract = &Contract {
            aggregate: "catalog.product",
            partitions: 1,
            commands: &[],
            events: &[],
            routes: r#"{"resource": "products/{id}"}"#,
        };
        let resources = Resources::read(&[CONTRACT]).unwrap();
        let path = resources.of("catalog.product", "AB/1 é").unwrap();
        let at = Some(("catalog.product".to_owned(), "AB/1 é".to_owned()));
        assert_eq!(resources.at(&path), at);
        assert_eq!(resources.at(&format!("/{path}")), at);
        for path in [
            "products/",
            "products",
            "products/1/2",
            "orders/1",
            "products/%ff",
        ] {
            assert_eq!(resources.at(path), None, "{path}");
        }
    }

    #[test]
    fn aggregate_without_routes_has_no_path() {
        const CONTRACT: &Contract = &Contract {
            aggregate: "school.student",
            partitions: 1,
            commands: &[],
            events: &[],
            routes: "",
        };
        let resources = Resources::read(&[CONTRACT]).unwrap();
        assert_eq!(resources.of("school.student", "ada"), None);
    }
}
