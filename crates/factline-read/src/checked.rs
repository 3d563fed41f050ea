//! Checked declarations of several resources.

mod schemas;

use std::collections::BTreeMap;
use std::sync::Arc;

use factline_http::openapi::serving;

use crate::declare::Resource;
use crate::misuse::{Misuse, Misuses};
use crate::path;
use crate::serve::{ByHand, Item, List};

/// Routes of several resources, without mistakes.
pub(crate) struct Checked {
    pub(crate) items: Vec<Arc<Item>>,
    pub(crate) lists: Vec<Arc<List>>,
    pub(crate) by_hand: Vec<ByHand>,
}

impl Checked {
    /// Checks declarations. All mistakes are found at once.
    pub(crate) fn new(resources: &[Resource]) -> Result<Self, Misuses> {
        let mut mistakes = same_paths(resources);
        mistakes.extend(schemas::check(resources));
        let mut checked = Self {
            items: Vec::new(),
            lists: Vec::new(),
            by_hand: Vec::new(),
        };
        for resource in resources {
            for item in resource.items {
                match Item::new(resource.name, *item) {
                    Ok(item) => checked.items.push(Arc::new(item)),
                    Err(found) => mistakes.extend(found),
                }
            }
            for list in resource.lists {
                match List::new(resource.name, *list) {
                    Ok(list) => checked.lists.push(Arc::new(list)),
                    Err(found) => mistakes.extend(found),
                }
            }
            for route in resource.by_hand {
                match ByHand::new(resource.name, *route) {
                    Ok(route) => checked.by_hand.push(route),
                    Err(mistake) => mistakes.push(mistake),
                }
            }
        }
        Misuses::unless(mistakes, checked)
    }
}

/// Returns a mistake for each path that two routes have.
fn same_paths(resources: &[Resource]) -> Vec<Misuse> {
    let document = (serving::PATH.to_owned(), "the OpenAPI document");
    let mut owners: BTreeMap<String, &str> = BTreeMap::from([document]);
    let mut mistakes = Vec::new();
    for resource in resources {
        for path in resource.paths() {
            let Some(first) = owners.insert(path::shape(path), resource.name) else {
                continue;
            };
            let text = format!(
                "the path belongs to `{first}` and to `{}`: change one of them",
                resource.name
            );
            mistakes.push(Misuse::new(&path::place(path), text));
        }
    }
    mistakes
}
