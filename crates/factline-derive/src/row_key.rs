//! `#[derive(RowKey)]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::DeriveInput;
use syn::spanned::Spanned as _;

use crate::field::{Field, Storage, fields, optional};

/// Returns the implementation of `RowKey`.
pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let fields = fields(input)?;
    if fields.is_empty() {
        let text = "a key has at least one column";
        return Err(syn::Error::new(input.ident.span(), text));
    }
    let columns: Vec<_> = fields.iter().map(column).collect::<syn::Result<_>>()?;
    let ident = &input.ident;
    let definitions = columns.iter().map(|(field, name)| {
        let ty = &field.ty;
        quote_spanned! {ty.span()=> ::factline_postgres::ColumnDefinition::of::<#ty>(#name) }
    });
    let binds = columns.iter().map(|(field, _)| {
        let (ident, ty) = (&field.ident, &field.ty);
        quote_spanned! {ty.span()=> arrays.add(keys.iter().map(|key| &key.#ident))?; }
    });
    let decodes = columns.iter().map(|(field, name)| {
        let (ident, ty) = (&field.ident, &field.ty);
        quote_spanned! {ty.span()=> #ident: ::factline_postgres::Column::decode(row, #name)? }
    });
    Ok(quote! {
        #[automatically_derived]
        impl ::factline_postgres::RowKey for #ident {
            fn columns(_: &'static str) -> ::std::vec::Vec<::factline_postgres::ColumnDefinition> {
                ::std::vec![#(#definitions),*]
            }

            fn bind(
                keys: &[&Self],
                arrays: &mut ::factline_postgres::Arrays,
            ) -> ::core::result::Result<(), ::factline_postgres::derive::Error> {
                #(#binds)*
                ::core::result::Result::Ok(())
            }

            fn decode(
                row: &::factline_postgres::derive::PgRow,
                _: &str,
            ) -> ::core::result::Result<Self, ::factline_postgres::derive::Error> {
                ::core::result::Result::Ok(Self { #(#decodes),* })
            }
        }
    })
}

/// Returns the name of a key's column. A part of a primary key is not null, and is compared as one
/// value.
fn column(field: &Field) -> syn::Result<(&Field, &str)> {
    match &field.storage {
        Storage::Value { name } if optional(&field.ty).is_none() => Ok((field, name)),
        Storage::Value { .. } => {
            let text = "a key's column cannot be null: remove `Option`";
            Err(syn::Error::new(field.ty.span(), text))
        }
        Storage::Json { .. } | Storage::Embedded { .. } => {
            let text = "a key's field is one value: remove `json` or `embed`";
            Err(syn::Error::new(field.ident.span(), text))
        }
    }
}
