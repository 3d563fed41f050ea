//! The OpenAPI document of resources, built from the same declarations as their routes.

mod operation;
mod parameters;

use factline_http::openapi::Document;
use serde_json::Value;
use utoipa::openapi::path::HttpMethod;

use crate::checked::Checked;
use crate::declare::Resource;
use crate::misuse::Misuses;

use operation::Operations;

/// Returns the document, to be served or to be merged with those of other services.
pub fn openapi(resources: &[Resource]) -> Result<Value, Misuses> {
    Ok(document(&Checked::new(resources)?))
}

/// Returns the document of checked resources.
pub(crate) fn document(checked: &Checked) -> Value {
    let mut document = Document::new("Reads");
    let mut operations = Operations::new(&mut document);
    let items = checked.items.iter();
    let items = items.map(|item| (item.declared.path, operations.item(item)));
    let mut described: Vec<_> = items.collect();
    let lists = checked.lists.iter();
    described.extend(lists.map(|list| (list.declared.path, operations.list(list))));
    let by_hand = checked.by_hand.iter();
    described.extend(by_hand.map(|route| (route.declared.path, operations.by_hand(route))));
    for (path, operation) in described {
        document.operation(HttpMethod::Get, path, operation);
    }
    document.build()
}
