//! `#[derive(TextEnum)]`.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Fields, Ident, LitStr, Variant};

use crate::name;

/// Returns the implementations of `TextEnum` and `Column`.
pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        let text = "only an enum is stored as the text of its variant";
        return Err(syn::Error::new(input.ident.span(), text));
    };
    let mut seen = BTreeSet::new();
    let mut variants: Vec<(&Ident, String)> = Vec::new();
    for variant in &data.variants {
        let text = text(variant)?;
        if !seen.insert(text.clone()) {
            let reason = format!("text {text:?} is there twice");
            return Err(syn::Error::new(variant.ident.span(), reason));
        }
        variants.push((&variant.ident, text));
    }
    let ident = &input.ident;
    let idents = || variants.iter().map(|(ident, _)| ident);
    let (idents, again) = (idents(), idents());
    let texts: Vec<&String> = variants.iter().map(|(_, text)| text).collect();
    Ok(quote! {
        #[automatically_derived]
        impl ::factline_postgres::TextEnum for #ident {
            const TEXTS: &'static [&'static str] = &[#(#texts),*];

            fn as_str(&self) -> &'static str {
                match self { #(Self::#idents => #texts,)* }
            }

            fn from_text(text: &str) -> ::core::option::Option<Self> {
                match text {
                    #(#texts => ::core::option::Option::Some(Self::#again),)*
                    _ => ::core::option::Option::None,
                }
            }
        }

        #[automatically_derived]
        impl ::factline_postgres::Column for #ident {
            const TYPE: &'static str = "text";
            type Value<'a> = &'static str;

            fn value(&self) -> &'static str {
                ::factline_postgres::TextEnum::as_str(self)
            }

            fn decode(
                row: &::factline_postgres::derive::PgRow,
                column: &str,
            ) -> ::core::result::Result<Self, ::factline_postgres::derive::Error> {
                ::factline_postgres::derive::text(row, column)
            }
        }
    })
}

fn text(variant: &Variant) -> syn::Result<String> {
    if !matches!(variant.fields, Fields::Unit) {
        let text = "a variant with fields is more than a text; store it with `#[column(json)]`";
        return Err(syn::Error::new(variant.ident.span(), text));
    }
    let mut text = name::of_variant(&variant.ident);
    for attribute in &variant.attrs {
        if attribute.path().is_ident("column") {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("name") {
                    text = meta.value()?.parse::<LitStr>()?.value();
                    Ok(())
                } else {
                    Err(meta.error("unknown option; known is `name`"))
                }
            })?;
        }
    }
    Ok(text)
}
