//! The requirements on a product: checked when it is created, and when a name or a price changes.
//!
//! The first violation is the refusal, in the order of the fields in the schema. A price of 0 is
//! legal, because shops give products away.

use catalog_schemas::{CreateProduct, Money, ProductCreated};

use crate::Rejection;

/// Maximum length of a name or brand, in characters. Lists are sorted by name, and the length of an
/// index key is limited.
pub(crate) const LONGEST: usize = 200;

/// Returns the event of a new product.
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

/// Checks that a text is not blank, has one printable line, and does not exceed the maximum length.
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

/// Checks that an amount is not negative and its currency has the form of an ISO 4217 code. The
/// list of valid codes is not part of this context.
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
