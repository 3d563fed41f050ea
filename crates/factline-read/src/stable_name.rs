//! Names under which readers find a view, whatever its version: see
//! [`factline_postgres::ViewName`].

/// Returns the relation of a view's rows: `read.price_history` of the view `price-history`.
pub(crate) fn rows(view: &str) -> String {
    format!("read.{}", view.replace('-', "_"))
}

/// Returns the relation of a view's parked keys.
pub(crate) fn parked(view: &str) -> String {
    format!("{}_parked", rows(view))
}

/// Returns the relation of a view's halted partitions and rebuilds.
pub(crate) fn state(view: &str) -> String {
    format!("{}_state", rows(view))
}

/// Returns the relation of a view's checkpoints.
pub(crate) fn checkpoints(view: &str) -> String {
    format!("{}_checkpoint", rows(view))
}
