//! Fields of a struct, with their columns as `#[column(..)]` describes them.

use std::collections::BTreeSet;

use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::{
    Attribute, Data, DeriveInput, Fields, GenericArgument, Ident, LitStr, PathArguments, Type,
    meta::ParseNestedMeta,
};

use crate::name;

/// A field of a struct.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) storage: Storage,
}

/// The columns of a field.
pub(crate) enum Storage {
    /// One column of a type that implements `Column`.
    Value { name: String },
    /// One column of the type `jsonb`.
    Json { name: String },
    /// A column for each field of a struct.
    Embedded { columns: Vec<(Ident, String)> },
}

/// The attribute of a field.
#[derive(Default)]
struct Options {
    name: Option<LitStr>,
    json: Option<Span>,
    embed: Option<(Span, Vec<(Ident, String)>)>,
}

/// Returns the fields of a struct. Refuses everything else.
pub(crate) fn fields(input: &DeriveInput) -> syn::Result<Vec<Field>> {
    if !input.generics.params.is_empty() {
        let text = "a struct with generic parameters has no fixed columns; remove the parameters";
        return Err(syn::Error::new(input.generics.span(), text));
    }
    let Data::Struct(data) = &input.data else {
        let text = "only a struct has columns; to store an enum as text, derive `TextEnum`";
        return Err(syn::Error::new(input.ident.span(), text));
    };
    let Fields::Named(named) = &data.fields else {
        let text = "columns are named after fields: write a struct with named fields";
        return Err(syn::Error::new(input.ident.span(), text));
    };
    let fields: Vec<Field> = named.named.iter().map(field).collect::<Result<_, _>>()?;
    refuse_repeated_names(&fields)?;
    Ok(fields)
}

fn field(field: &syn::Field) -> syn::Result<Field> {
    let Some(ident) = field.ident.clone() else {
        return Err(syn::Error::new(field.span(), "the field has no name"));
    };
    let options = options(&field.attrs)?;
    let name = |literal: Option<LitStr>| match literal {
        Some(literal) => name::checked(literal.value(), literal.span()),
        None => name::of_field(&ident),
    };
    let storage = match options {
        Options {
            name: None,
            json: None,
            embed: Some((_, columns)),
        } => Storage::Embedded { columns },
        Options {
            embed: Some((span, _)),
            ..
        } => {
            let text = "`embed` names the columns and excludes `name` and `json`";
            return Err(syn::Error::new(span, text));
        }
        Options {
            name: given,
            json: Some(_),
            ..
        } => Storage::Json { name: name(given)? },
        Options { name: given, .. } => Storage::Value { name: name(given)? },
    };
    Ok(Field {
        ident,
        ty: field.ty.clone(),
        storage,
    })
}

fn options(attributes: &[Attribute]) -> syn::Result<Options> {
    let mut options = Options::default();
    for attribute in attributes {
        if !attribute.path().is_ident("column") {
            continue;
        }
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("name") {
                options.name = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("json") {
                options.json = Some(meta.path.span());
            } else if meta.path.is_ident("embed") {
                options.embed = Some((meta.path.span(), embedded(&meta)?));
            } else {
                return Err(meta.error("unknown option; known are `name`, `json` and `embed`"));
            }
            Ok(())
        })?;
    }
    Ok(options)
}

/// Parses the list of `embed(amount = "price_amount", currency)`.
fn embedded(meta: &ParseNestedMeta<'_>) -> syn::Result<Vec<(Ident, String)>> {
    let mut columns = Vec::new();
    meta.parse_nested_meta(|inner| {
        let field = inner.path.require_ident()?.clone();
        let name = if inner.input.peek(syn::Token![=]) {
            let literal: LitStr = inner.value()?.parse()?;
            name::checked(literal.value(), literal.span())?
        } else {
            name::of_field(&field)?
        };
        columns.push((field, name));
        Ok(())
    })?;
    Ok(columns)
}

fn refuse_repeated_names(fields: &[Field]) -> syn::Result<()> {
    let mut seen = BTreeSet::new();
    for field in fields {
        for name in field.storage.names() {
            if !seen.insert(name) {
                let text = format!(
                    "column {name:?} is there twice; name one of them with `#[column(name = \"..\")]`"
                );
                return Err(syn::Error::new(field.ident.span(), text));
            }
        }
    }
    Ok(())
}

impl Storage {
    /// Returns the names of its columns.
    fn names(&self) -> Vec<&str> {
        match self {
            Self::Value { name } | Self::Json { name } => vec![name],
            Self::Embedded { columns } => columns.iter().map(|(_, name)| name.as_str()).collect(),
        }
    }
}

/// Returns `T` of `Option<T>`.
pub(crate) fn optional(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    match arguments.args.first()? {
        GenericArgument::Type(inner) if last.ident == "Option" => Some(inner),
        _ => None,
    }
}
