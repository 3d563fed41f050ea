//! `#[derive(Delta)]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::DeriveInput;
use syn::spanned::Spanned as _;

use crate::field::{Storage, fields};

/// Returns the implementation of `Delta`.
pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let fields = fields(input)?;
    let mut additions = Vec::new();
    for field in &fields {
        let (ident, ty) = (&field.ident, &field.ty);
        let Storage::Value { name } = &field.storage else {
            let text = "a delta has only numbers: remove `json` or `embed`";
            return Err(syn::Error::new(ident.span(), text));
        };
        additions.push(quote_spanned! {ty.span()=>
            ::factline_postgres::derive::add(#name, &mut self.#ident, &other.#ident)?;
        });
    }
    let ident = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl ::factline_postgres::Delta for #ident {
            fn add(
                &mut self,
                other: &Self,
            ) -> ::core::result::Result<(), ::factline_postgres::Overflow> {
                #(#additions)*
                ::core::result::Result::Ok(())
            }
        }
    })
}
