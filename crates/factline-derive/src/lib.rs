//! Derives of `factline-postgres`, which re-exports them and documents the traits.
//!
//! - `Columns`: a struct whose fields are columns ([`columns`])
//! - `RowKey`: a key of several columns ([`row_key`])
//! - `TextEnum`: an enum that is stored as text ([`text_enum`])
//! - `Delta`: a struct of numbers that are added up ([`delta`])
//!
//! The derives read the attribute `#[column(..)]`, see [`field`]. They generate calls of traits and
//! no SQL, so that the compiler checks the type of each field. To support another type, implement
//! `factline_postgres::Column` for it; the derives need no change.

mod columns;
mod delta;
mod field;
mod name;
mod row_key;
mod text_enum;

#[cfg(test)]
mod tests;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Implements `Columns`: each field is a column of the same name.
///
/// - `#[column(name = "total")]` names the column
/// - `#[column(json)]` stores the field as `jsonb`, with serde
/// - `#[column(embed(amount = "price_amount", currency))]` stores the fields of a struct in columns
///   of their own. A field without a name has a column of its own name. All fields must be listed.
///
/// A field of the type `Option` is nullable.
#[proc_macro_derive(Columns, attributes(column))]
pub fn derive_columns(input: TokenStream) -> TokenStream {
    expand(columns::derive(&parse_macro_input!(input as DeriveInput)))
}

/// Implements `RowKey` for a key of several columns: each field is one of them.
#[proc_macro_derive(RowKey, attributes(column))]
pub fn derive_row_key(input: TokenStream) -> TokenStream {
    expand(row_key::derive(&parse_macro_input!(input as DeriveInput)))
}

/// Implements `TextEnum` and `Column` for an enum without fields. The text of a variant is its name
/// in snake case, or that of `#[column(name = "..")]`.
#[proc_macro_derive(TextEnum, attributes(column))]
pub fn derive_text_enum(input: TokenStream) -> TokenStream {
    expand(text_enum::derive(&parse_macro_input!(input as DeriveInput)))
}

/// Implements `Delta` for a struct that derives `Columns` and has only numbers.
#[proc_macro_derive(Delta, attributes(column))]
pub fn derive_delta(input: TokenStream) -> TokenStream {
    expand(delta::derive(&parse_macro_input!(input as DeriveInput)))
}

fn expand(tokens: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    tokens.unwrap_or_else(syn::Error::into_compile_error).into()
}
