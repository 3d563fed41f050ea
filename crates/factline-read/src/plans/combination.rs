//! Combinations of the filters that a request can have.

use std::collections::BTreeSet;

use crate::serve::{Filter, List, Request, Sort};
use crate::value::Value;

/// Number of optional filters up to which all combinations are planned. If there are more, they are
/// planned alone and in pairs.
const MAX_FILTERS: usize = 8;

/// Filters of a request, as indexes into those of the list. It includes all that are required.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Combination(BTreeSet<usize>);

/// Returns all combinations of filters that a sort order has, smaller ones first. The first one has
/// only the required filters.
pub(super) fn all(list: &List, sort: &Sort) -> Vec<Combination> {
    let filters = list.filters.iter().enumerate().filter(|(_, filter)| {
        let parameter = &filter.declared.parameter;
        !sort.declared.without.contains(parameter)
    });
    let (required, optional): (Vec<_>, Vec<_>) =
        filters.partition(|(_, filter)| filter.declared.required.is_some());
    let largest = if optional.len() > MAX_FILTERS {
        2
    } else {
        optional.len()
    };
    let required: BTreeSet<usize> = required.into_iter().map(|(index, _)| index).collect();
    let largest = required.len() + largest;
    let mut all = vec![required];
    for (index, _) in &optional {
        let smaller = all.iter().filter(|known| known.len() < largest);
        let larger = smaller.map(|known| known.iter().chain([index]).copied().collect());
        let larger: Vec<_> = larger.collect();
        all.extend(larger);
    }
    all.sort_by_key(BTreeSet::len);
    all.into_iter().map(Combination).collect()
}

impl Combination {
    /// Returns true if the other combination has these filters and perhaps more.
    pub(super) fn is_part_of(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// Returns the filters.
    pub(super) fn filters<'a>(&'a self, list: &'a List) -> impl Iterator<Item = &'a Filter> {
        self.0.iter().map(|index| &list.filters[*index])
    }

    /// Returns the words of a sentence for the filters.
    pub(super) fn describe(&self, list: &List) -> String {
        let names = self.filters(list);
        let names: Vec<_> = names
            .map(|filter| format!("`{}`", filter.declared.parameter))
            .collect();
        match names.as_slice() {
            [] => "without filters".to_owned(),
            [one] => format!("with the filter {one}"),
            several => format!("with the filters {}", several.join(" and ")),
        }
    }

    /// Returns a request for the first page, or for a later one.
    pub(super) fn request(&self, list: &List, sort: usize, is_later_page: bool) -> Request {
        let filters = list.filters.iter().enumerate();
        let filters =
            filters.map(|(index, filter)| self.0.contains(&index).then(|| sample(filter)));
        let keys = list.sorts[sort].kinds.iter().map(|kind| kind.sample());
        Request {
            id: list.within.as_ref().map(|within| within.kind.sample()),
            filters: filters.collect(),
            sort,
            after: is_later_page.then(|| keys.collect()),
            limit: list.declared.default_limit,
            list: String::new(),
        }
    }
}

/// Returns a value of a filter.
fn sample(filter: &Filter) -> Value {
    match filter.declared.texts.and_then(<[_]>::first) {
        Some(text) => Value::Text((*text).to_owned()),
        None => filter.kind.sample(),
    }
}
