//! Routes that are written by hand.

use crate::declare;
use crate::misuse::Misuse;
use crate::path;

/// Route with the name of its resource.
#[derive(Debug)]
pub(crate) struct ByHand {
    pub(crate) name: &'static str,
    pub(crate) declared: declare::ByHand,
}

impl ByHand {
    /// Checks a declaration.
    pub(crate) fn new(name: &'static str, declared: declare::ByHand) -> Result<Self, Misuse> {
        path::check_form(declared.path, &path::place(declared.path))?;
        Ok(Self { name, declared })
    }
}
