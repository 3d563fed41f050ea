//! Defects of a candidate.

use std::sync::OnceLock;

/// A defect, chosen by the variable `DEFECT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// A cancelled order is added to the customer's total instead of subtracted.
    WrongSign,
    /// An order that is shipped stays as it is.
    MissingArm,
    /// A cancelled order loses its reason.
    LostField,
    /// A confirmation overwrites a later state.
    OrderDependence,
    /// A placed order is stored under the id of its event.
    WrongKey,
    /// An order is placed a day later.
    OffByOneDate,
}

impl Defect {
    /// All defects.
    pub const ALL: [Self; 6] = [
        Self::WrongSign,
        Self::MissingArm,
        Self::LostField,
        Self::OrderDependence,
        Self::WrongKey,
        Self::OffByOneDate,
    ];

    /// Returns its name in the variable.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WrongSign => "wrong-sign",
            Self::MissingArm => "missing-arm",
            Self::LostField => "lost-field",
            Self::OrderDependence => "order-dependence",
            Self::WrongKey => "wrong-key",
            Self::OffByOneDate => "off-by-one-date",
        }
    }

    /// Returns whether this process has the defect.
    pub fn is_there(self) -> bool {
        chosen() == Some(self.name())
    }
}

/// Returns the name of the defect that this process has.
pub(crate) fn chosen() -> Option<&'static str> {
    static CHOSEN: OnceLock<Option<String>> = OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| std::env::var("DEFECT").ok());
    chosen.as_deref()
}
