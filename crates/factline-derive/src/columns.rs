//! `#[derive(Columns)]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{DeriveInput, Ident};

use crate::field::{Field, Storage, fields, optional};

/// Returns the implementation of `Columns`.
pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let fields = fields(input)?;
    let ident = &input.ident;
    let definitions = fields.iter().map(definitions);
    let binds = fields.iter().map(binds);
    let decodes = fields.iter().map(decodes);
    Ok(quote! {
        #[automatically_derived]
        impl ::factline_postgres::Columns for #ident {
            const COLUMNS: &'static [::factline_postgres::ColumnDefinition] = &[#(#definitions)*];

            fn bind(
                rows: &[&Self],
                arrays: &mut ::factline_postgres::Arrays,
            ) -> ::core::result::Result<(), ::factline_postgres::derive::Error> {
                #(#binds)*
                ::core::result::Result::Ok(())
            }

            fn decode(
                row: &::factline_postgres::derive::PgRow,
            ) -> ::core::result::Result<Self, ::factline_postgres::derive::Error> {
                ::core::result::Result::Ok(Self { #(#decodes)* })
            }
        }
    })
}

/// Returns the definitions of a field's columns, each with a comma. The span of the type makes the
/// compiler point to it if the type is no column.
fn definitions(field: &Field) -> TokenStream {
    let ty = &field.ty;
    match &field.storage {
        Storage::Value { name } => quote_spanned! {ty.span()=>
            ::factline_postgres::ColumnDefinition::of::<#ty>(#name),
        },
        Storage::Json { name } => {
            let nullable = optional(ty).is_some();
            quote!(::factline_postgres::ColumnDefinition::json(#name, #nullable),)
        }
        Storage::Embedded { columns } => {
            let nullable = optional(ty).is_some();
            let ty = optional(ty).unwrap_or(ty);
            let columns = columns.iter().map(|(inner, name)| {
                quote_spanned! {inner.span()=>
                    ::factline_postgres::derive::embedded(
                        #name,
                        |embedded: &#ty| &embedded.#inner,
                        #nullable,
                    ),
                }
            });
            quote!(#(#columns)*)
        }
    }
}

/// Returns the statements that bind a field's columns.
fn binds(field: &Field) -> TokenStream {
    let Field { ident, ty, storage } = field;
    match (storage, optional(ty).is_some()) {
        (Storage::Value { .. }, _) => quote_spanned! {ty.span()=>
            arrays.add(rows.iter().map(|row| &row.#ident))?;
        },
        (Storage::Json { .. }, false) => quote! {
            arrays.add_json(rows.iter().map(|row| &row.#ident))?;
        },
        (Storage::Json { .. }, true) => quote! {
            arrays.add_optional_json(rows.iter().map(|row| row.#ident.as_ref()))?;
        },
        (Storage::Embedded { columns }, false) => columns
            .iter()
            .map(|(inner, _)| {
                quote_spanned! {inner.span()=>
                    arrays.add(rows.iter().map(|row| &row.#ident.#inner))?;
                }
            })
            .collect(),
        (Storage::Embedded { columns }, true) => columns
            .iter()
            .map(|(inner, _)| {
                quote_spanned! {inner.span()=>
                    arrays.add_optional(rows.iter().map(|row| {
                        row.#ident.as_ref().map(|embedded| &embedded.#inner)
                    }))?;
                }
            })
            .collect(),
    }
}

/// Returns the initializer of a field, with a comma.
fn decodes(field: &Field) -> TokenStream {
    let Field { ident, ty, storage } = field;
    match (storage, optional(ty)) {
        (Storage::Value { name }, _) => quote_spanned! {ty.span()=>
            #ident: ::factline_postgres::Column::decode(row, #name)?,
        },
        (Storage::Json { name }, None) => quote! {
            #ident: ::factline_postgres::derive::json(row, #name)?,
        },
        (Storage::Json { name }, Some(_)) => quote! {
            #ident: ::factline_postgres::derive::optional_json(row, #name)?,
        },
        (Storage::Embedded { columns }, None) => {
            let embedded = embedded(columns);
            quote!(#ident: { type Embedded = #ty; #embedded },)
        }
        (Storage::Embedded { columns }, Some(inner)) => {
            let embedded = embedded(columns);
            let names = columns.iter().map(|(_, name)| name);
            quote! {
                #ident: if ::factline_postgres::derive::are_null(row, &[#(#names),*])? {
                    ::core::option::Option::None
                } else {
                    type Embedded = #inner;
                    ::core::option::Option::Some(#embedded)
                },
            }
        }
    }
}

/// Returns the expression that makes an embedded struct. The compiler reports a field that is not
/// listed.
fn embedded(columns: &[(Ident, String)]) -> TokenStream {
    let fields = columns.iter().map(|(inner, name)| {
        quote_spanned! {inner.span()=>
            #inner: ::factline_postgres::Column::decode(row, #name)?,
        }
    });
    quote!(Embedded { #(#fields)* })
}
