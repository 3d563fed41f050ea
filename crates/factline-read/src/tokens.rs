//! Tokens of the header `Factline-Read`.

/// A response that did not wait.
pub(crate) const FRESH: &str = "fresh";

/// A response that waited for its position.
pub(crate) const WAITED: &str = "waited";

/// A problem: the position did not come in time, or cannot come.
pub(crate) const BEHIND: &str = "behind";

/// A partition is halted.
pub(crate) const HALTED: &str = "halted";

/// Events are parked.
pub(crate) const PARKED: &str = "parked";

/// Rows are filled beside those that readers see.
pub(crate) const REBUILDING: &str = "rebuilding";
