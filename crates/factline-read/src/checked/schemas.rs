//! Schemas of responses as components of the document.

use std::collections::BTreeMap;

use factline_http::openapi::problems;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

use crate::declare::Resource;
use crate::misuse::Misuse;
use crate::path;

/// Returns a mistake for each name that two different schemas have. One of them would be lost.
pub(crate) fn check(resources: &[Resource]) -> Vec<Misuse> {
    let problem = (problems::schema().into(), "every problem".to_owned());
    let mut known: BTreeMap<String, (RefOr<Schema>, String)> =
        BTreeMap::from([(problems::SCHEMA.to_owned(), problem)]);
    let mut mistakes = Vec::new();
    for (route, schema) in resources.iter().flat_map(Resource::schemas) {
        let place = path::place(route);
        for (name, schema) in (schema.all)() {
            let Some((first, owner)) = known.get(&name) else {
                known.insert(name, (schema, place.clone()));
                continue;
            };
            if *first != schema {
                mistakes.push(Misuse::new(
                    &place,
                    format!(
                        "the response has a schema `{name}`, and {owner} has another one of this \
                         name: rename one with `#[schema(as = ...)]`"
                    ),
                ));
            }
        }
    }
    mistakes
}
