//! Joins the documents of several services to one.
//!
//! The documents are JSON, because a gateway receives them from services. Two services may describe
//! different methods of one path, and may share components. If two of them describe one thing
//! differently, that is an error.
//!
//! A service does not know the operations of the other services, so it cannot link to them. Its
//! response has the extension [`LINKS`] instead: the paths of the targets, each under the name of
//! the body's member that has the target's `id`. The merged document has a link for each target
//! that exists.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Document;

/// The extension of a response with the paths that it links to.
pub const LINKS: &str = "x-factline-links";

/// Documents that cannot be joined.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A document is not an OpenAPI document.
    #[error("cannot read an OpenAPI document")]
    Unreadable(#[source] serde_json::Error),
    /// Two documents contradict each other.
    #[error("two services describe {place} differently")]
    Conflict {
        /// The place in the document, such as `paths /people get`.
        place: String,
    },
    /// Two paths differ only in the names of their parameters.
    #[error("the paths {first} and {second} differ only in the names of their parameters")]
    SamePath {
        /// A path.
        first: String,
        /// Another path.
        second: String,
    },
}

/// Named objects, such as the path items by their paths.
type Groups = BTreeMap<String, BTreeMap<String, Value>>;

/// The parts of a document that are joined.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Part {
    tags: Vec<Value>,
    paths: Groups,
    components: Groups,
}

/// Joins documents to one with this title, and adds its links.
pub fn merge(title: &str, documents: impl IntoIterator<Item = Value>) -> Result<Value, Error> {
    let mut merged = Part::default();
    for document in documents {
        let part: Part = serde_json::from_value(document).map_err(Error::Unreadable)?;
        let new = part
            .tags
            .into_iter()
            .filter(|tag| !merged.tags.contains(tag));
        merged.tags.extend(new.collect::<Vec<_>>());
        join("paths", &mut merged.paths, part.paths)?;
        join("components", &mut merged.components, part.components)?;
    }
    let targets = targets(&merged.paths)?;
    let operations = merged.paths.values_mut().flat_map(BTreeMap::values_mut);
    let inline = operations
        .filter_map(|operation| operation.get_mut("responses")?.as_object_mut())
        .flat_map(Map::values_mut);
    let shared = merged.components.get_mut("responses");
    let shared = shared.into_iter().flat_map(BTreeMap::values_mut);
    for response in inline.chain(shared) {
        link(response, &targets);
    }
    let mut document = Document::new(title).build();
    document["tags"] = merged.tags.into();
    document["paths"] = json!(merged.paths);
    document["components"] = json!(merged.components);
    Ok(document)
}

fn join(section: &str, groups: &mut Groups, others: Groups) -> Result<(), Error> {
    for (name, members) in others {
        let group = groups.entry(name.clone()).or_default();
        for (member, value) in members {
            let known = group.entry(member.clone()).or_insert_with(|| value.clone());
            if *known != value {
                let place = format!("{section} {name} {member}");
                return Err(Error::Conflict { place });
            }
        }
    }
    Ok(())
}

/// The operation that reads a resource.
struct Target {
    path: String,
    /// The path's only parameter.
    parameter: String,
    /// The member and the value that refer to the operation in a link.
    reference: (&'static str, Value),
}

impl Target {
    /// Returns the link for an id that is in the body's member of this name.
    fn link(&self, member: &str) -> Value {
        let (key, value) = &self.reference;
        json!({
            *key: value,
            "parameters": {&self.parameter: format!("$response.body#/{member}/id")},
            "description": format!("Reads the {member}: `GET {}`.", self.path),
        })
    }
}

/// Returns the reads of single resources by their paths without the parameters' names.
fn targets(paths: &Groups) -> Result<BTreeMap<String, Target>, Error> {
    let mut known = BTreeMap::<String, &String>::new();
    let mut targets = BTreeMap::new();
    for (path, item) in paths {
        let (anonymous, parameters) = without_names(path);
        if let Some(first) = known.insert(anonymous.clone(), path) {
            return Err(Error::SamePath {
                first: first.clone(),
                second: path.clone(),
            });
        }
        if let (Some(operation), [parameter]) = (item.get("get"), &parameters[..]) {
            let reference = match operation.get("operationId") {
                Some(id) => ("operationId", id.clone()),
                None => ("operationRef", operation_reference(path).into()),
            };
            let target = Target {
                path: path.clone(),
                parameter: parameter.clone(),
                reference,
            };
            targets.insert(anonymous, target);
        }
    }
    Ok(targets)
}

/// Splits `/people/{id}` into `/people/{}` and the names of the parameters.
fn without_names(path: &str) -> (String, Vec<String>) {
    let mut names = Vec::new();
    let mut segments = Vec::new();
    for segment in path.split('/') {
        let name = segment
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        names.extend(name.map(str::to_owned));
        segments.push(if name.is_some() { "{}" } else { segment });
    }
    (segments.join("/"), names)
}

/// Returns the URI fragment of an operation without an id.
fn operation_reference(path: &str) -> String {
    let escaped = path
        .replace('~', "~0")
        .replace('/', "~1")
        .replace('{', "%7B")
        .replace('}', "%7D");
    format!("#/paths/{escaped}/get")
}

/// Adds to a response the links that its extension names.
fn link(response: &mut Value, targets: &BTreeMap<String, Target>) {
    let Some(Value::Object(wanted)) = response.get(LINKS) else {
        return;
    };
    let mut links = Map::new();
    for (name, path) in wanted {
        let (anonymous, _) = without_names(path.as_str().unwrap_or_default());
        if let Some(target) = targets.get(&anonymous) {
            links.insert(name.clone(), target.link(name));
        }
    }
    if !links.is_empty() {
        response["links"] = links.into();
    }
}

/// Adds a response to each operation, unless the operation describes that status itself. A gateway
/// does so for its own problems.
pub fn add_response(document: &mut Value, status: &str, response: &Value) {
    let Some(Value::Object(paths)) = document.get_mut("paths") else {
        return;
    };
    for operation in paths
        .values_mut()
        .filter_map(Value::as_object_mut)
        .flat_map(Map::values_mut)
    {
        if let Some(Value::Object(responses)) = operation.get_mut("responses") {
            responses.entry(status).or_insert_with(|| response.clone());
        }
    }
}

#[cfg(test)]
mod tests;
