//! Enums that are stored as text.

use super::column::Column;

/// Enum that is stored as the text of its variant.
///
/// `#[derive(TextEnum)]` implements it, together with [`Column`]. The text is the variant's name in
/// snake case, or that of `#[column(name = "..")]` on the variant. It is stored in tables, so it
/// must not change within a version of a view.
pub trait TextEnum: Column {
    /// The texts of all variants, in their order.
    const TEXTS: &'static [&'static str];

    /// Returns the text of the variant.
    fn as_str(&self) -> &'static str;

    /// Returns the variant with this text.
    fn from_text(text: &str) -> Option<Self>;
}

/// Text in a table that is the text of no variant.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown text {text:?}; known are {}", known.join(", "))]
pub struct UnknownText {
    /// The text.
    pub text: String,
    /// The texts of all variants.
    pub known: &'static [&'static str],
}
