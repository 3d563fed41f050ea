//! Texts for mistakes that a derive itself finds.

use syn::{DeriveInput, parse_quote};

use crate::{columns, delta, row_key, text_enum};

type Derive = fn(&DeriveInput) -> syn::Result<proc_macro2::TokenStream>;

fn refusal(derive: Derive, input: &DeriveInput) -> String {
    match derive(input) {
        Err(error) => error.to_string(),
        Ok(tokens) => panic!("accepted as {tokens}"),
    }
}

#[test]
fn columns_are_refused_with_a_hint() {
    let cases: [(DeriveInput, &str); 9] = [
        (
            parse_quote!(
                enum State {
                    Placed,
                }
            ),
            "only a struct has columns; to store an enum as text, derive `TextEnum`",
        ),
        (
            parse_quote!(
                struct Row(i64);
            ),
            "columns are named after fields: write a struct with named fields",
        ),
        (
            parse_quote!(
                struct Row<T> {
                    value: T,
                }
            ),
            "a struct with generic parameters has no fixed columns; remove the parameters",
        ),
        (
            parse_quote!(
                struct Row {
                    #[column(json, rename = "x")]
                    value: i64,
                }
            ),
            "unknown option; known are `name`, `json` and `embed`",
        ),
        (
            parse_quote!(
                struct Row {
                    #[column(name = "Total")]
                    total: i64,
                }
            ),
            "column name \"Total\": a name has lower-case ASCII letters, digits and `_`; name the \
             column with `#[column(name = \"..\")]`",
        ),
        (
            parse_quote!(
                struct Row {
                    größe: i64,
                }
            ),
            "column name \"größe\": a name has lower-case ASCII letters, digits and `_`; name the \
             column with `#[column(name = \"..\")]`",
        ),
        (
            parse_quote!(
                struct Row {
                    a23456789_123456789_123456789_123456789_123456789_123456789_1234: i64,
                }
            ),
            "column name \"a23456789_123456789_123456789_123456789_123456789_123456789_1234\": a \
             name has at most 63 bytes",
        ),
        (
            parse_quote!(
                struct Row {
                    total: i64,
                    #[column(embed(amount = "total"))]
                    price: Money,
                }
            ),
            "column \"total\" is there twice; name one of them with `#[column(name = \"..\")]`",
        ),
        (
            parse_quote!(
                struct Row {
                    #[column(json, embed(amount))]
                    price: Money,
                }
            ),
            "`embed` names the columns and excludes `name` and `json`",
        ),
    ];
    for (input, expected) in cases {
        assert_eq!(refusal(columns::derive, &input), expected);
    }
}

#[test]
fn key_that_is_not_made_of_values_is_refused() {
    let cases: [(DeriveInput, &str); 3] = [
        (
            parse_quote!(
                struct Key {}
            ),
            "a key has at least one column",
        ),
        (
            parse_quote!(
                struct Key {
                    id: Option<i64>,
                }
            ),
            "a key's column cannot be null: remove `Option`",
        ),
        (
            parse_quote!(
                struct Key {
                    #[column(json)]
                    id: Id,
                }
            ),
            "a key's field is one value: remove `json` or `embed`",
        ),
    ];
    for (input, expected) in cases {
        assert_eq!(refusal(row_key::derive, &input), expected);
    }
}

#[test]
fn enum_that_is_more_than_a_text_is_refused() {
    let cases: [(DeriveInput, &str); 4] = [
        (
            parse_quote!(
                struct State {}
            ),
            "only an enum is stored as the text of its variant",
        ),
        (
            parse_quote!(
                enum State {
                    Placed,
                    Shipped(i64),
                }
            ),
            "a variant with fields is more than a text; store it with `#[column(json)]`",
        ),
        (
            parse_quote!(
                enum State {
                    SoldOut,
                    #[column(name = "sold_out")]
                    Gone,
                }
            ),
            "text \"sold_out\" is there twice",
        ),
        (
            parse_quote!(
                enum State {
                    #[column(text = "a")]
                    A,
                }
            ),
            "unknown option; known is `name`",
        ),
    ];
    for (input, expected) in cases {
        assert_eq!(refusal(text_enum::derive, &input), expected);
    }
}

#[test]
fn delta_of_a_structure_is_refused() {
    let input = parse_quote!(
        struct Sum {
            #[column(json)]
            lines: Vec<Line>,
        }
    );
    let expected = "a delta has only numbers: remove `json` or `embed`";
    assert_eq!(refusal(delta::derive, &input), expected);
}

#[test]
fn text_of_a_variant_is_its_name_in_snake_case() {
    let input = parse_quote!(
        enum State {
            Placed,
            SoldOut,
            #[column(name = "Gone")]
            Lost,
        }
    );
    let tokens = text_enum::derive(&input).map(|tokens| tokens.to_string());
    let texts = r#"& ["placed" , "sold_out" , "Gone"]"#;
    assert!(tokens.is_ok_and(|tokens| tokens.contains(texts)));
}
