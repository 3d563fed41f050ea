//! Names of columns and texts of variants.

use proc_macro2::Span;
use syn::Ident;
use syn::ext::IdentExt as _;

/// Maximum length of a name in PostgreSQL, in bytes. It would silently cut a longer one.
const MAX_LENGTH: usize = 63;

/// Returns the column name of a field: that of the field, without `r#`.
pub(crate) fn of_field(field: &Ident) -> syn::Result<String> {
    checked(field.unraw().to_string(), field.span())
}

/// Checks that SQL reads a name as it is written in Rust.
pub(crate) fn checked(name: String, span: Span) -> syn::Result<String> {
    let mut letters = name.chars();
    let begins = letters
        .next()
        .is_some_and(|first| first.is_ascii_lowercase() || first == '_');
    let continues =
        letters.all(|next| next.is_ascii_lowercase() || next.is_ascii_digit() || next == '_');
    if !(begins && continues) {
        let text = format!(
            "column name {name:?}: a name has lower-case ASCII letters, digits and `_`; \
             name the column with `#[column(name = \"..\")]`"
        );
        return Err(syn::Error::new(span, text));
    }
    if name.len() > MAX_LENGTH {
        let text = format!("column name {name:?}: a name has at most {MAX_LENGTH} bytes");
        return Err(syn::Error::new(span, text));
    }
    Ok(name)
}

/// Returns the text of a variant: its name in snake case.
pub(crate) fn of_variant(variant: &Ident) -> String {
    let mut text = String::new();
    for letter in variant.unraw().to_string().chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}
