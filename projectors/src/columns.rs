//! From rows to the columns of an `unnest`, as statements of whole batches take them.

use factline_postgres::RowId;

/// The keys of rows, for a view whose key is one column.
pub(crate) fn keys<K: Clone>(ids: &[RowId<K>]) -> Vec<K> {
    ids.iter().map(|id| id.key.clone()).collect()
}

/// One column of all rows.
pub(crate) fn column<'a, K, R, T>(
    rows: &'a [(RowId<K>, R)],
    of: impl Fn(&'a RowId<K>, &'a R) -> T,
) -> Vec<T> {
    rows.iter().map(|(id, row)| of(id, row)).collect()
}
