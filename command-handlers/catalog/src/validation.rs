//! What a product must have: checked when it is created, and when a name or a price changes.
//!
//! The first thing found wrong is the refusal, in the order in which the fields stand in the schema. A price of 0 is
//! legal: shops give things away.

use catalog_schemas::{CreateProduct, Money, ProductCreated};

use crate::Rejection;

/// The longest name or brand, in characters. Lists are sorted by names, and no index takes a key of any length.
pub(crate) const LONGEST: usize = 200;

/// The event of a new product.
pub(crate) fn create(command: CreateProduct) -> Result<ProductCreated, Rejection> {
    text(&command.name, "name")?;
    text(&command.brand, "brand")?;
    not_negative(&command.price, "price")?;
    Ok(ProductCreated {
        product_id: command.product_id,
        name: command.name,
        brand: command.brand,
        price: command.price,
    })
}

/// Says something, in one line that can be printed, and not too much.
pub(crate) fn text(text: &str, field: &'static str) -> Result<(), Rejection> {
    if text.trim().is_empty() {
        return Err(Rejection::Blank { field });
    }
    if text.chars().any(char::is_control) {
        return Err(Rejection::Unprintable { field });
    }
    if text.chars().count() > LONGEST {
        return Err(Rejection::TooLong { field });
    }
    Ok(())
}

/// Not negative, in a currency whose code has the shape of ISO 4217. Which codes exist is not ours to list.
pub(crate) fn not_negative(money: &Money, field: &'static str) -> Result<(), Rejection> {
    if money.amount < 0 {
        return Err(Rejection::NegativeAmount {
            field,
            amount: money.amount,
        });
    }
    let code = money.currency.as_bytes();
    if code.len() != 3 || !code.iter().all(u8::is_ascii_uppercase) {
        return Err(Rejection::InvalidCurrency { field });
    }
    Ok(())
}
