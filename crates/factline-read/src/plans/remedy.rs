//! Proposals of indexes.

use crate::declare::{self, Comparison};
use crate::serve::{List, Sort};

use super::combination::Combination;

/// Returns how to serve a combination of filters in a sort order: the index to create, with the
/// name of one that is missing, or the filter to refuse.
pub(super) fn remedy(
    list: &List,
    sort: &Sort,
    combination: &Combination,
    table: &str,
    missing: Option<&str>,
) -> String {
    let keys = sort.declared.keys;
    let filters = combination.filters(list).map(|filter| filter.declared);
    let (equal, ranges): (Vec<declare::Filter>, Vec<_>) =
        filters.partition(|filter| filter.comparison == Comparison::Equal);
    let begin = keys.first().map(|key| key.column);
    let other = ranges.iter().find(|range| Some(range.column) != begin);
    if let Some(other) = other.filter(|_| equal.is_empty() && list.within.is_none()) {
        return format!(
            "no index serves both, so refuse the filter with `without(&[{:?}])`",
            other.parameter,
        );
    }
    let within = list.within.iter().map(|within| within.column);
    let equal = equal.iter().map(|filter| filter.column);
    let mut columns: Vec<String> = within.chain(equal).map(str::to_owned).collect();
    columns.extend(keys.iter().map(|key| {
        let direction = if key.descending { " desc" } else { "" };
        format!("{}{direction}", key.column)
    }));
    let name = missing.map(|name| format!(" {name}")).unwrap_or_default();
    format!(
        "add `create index{name} on {table} ({})` to a migration of the view, and name the index",
        columns.join(", "),
    )
}
