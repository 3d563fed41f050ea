//! Converts rows to the columns of an `unnest`, as the statements for whole batches require.

use factline_postgres::RowId;

/// Returns the keys of rows, for a view whose key is one column.
pub(crate) fn keys<K: Clone>(ids: &[RowId<K>]) -> Vec<K> {
    ids.iter().map(|id| id.key.clone()).collect()
}

/// Returns one column of all rows.
pub(crate) fn column<'a, K, R, T>(
    rows: &'a [(RowId<K>, R)],
    of: impl Fn(&'a RowId<K>, &'a R) -> T,
) -> Vec<T> {
    rows.iter().map(|(id, row)| of(id, row)).collect()
}
