//! Possible events of products.

use catalog_schemas::product::Event;
use catalog_schemas::{Money, PriceChanged, ProductCreated, ProductDiscontinued, ProductRenamed};
use factline::{Recorded, id};
use uuid::Uuid;

use crate::histories::{HistoryEvent, history};

impl HistoryEvent for Event {
    const AGGREGATE: &'static str = "catalog.product";

    fn subject(&self) -> Uuid {
        match self {
            Event::ProductCreated(event) => event.product_id,
            Event::ProductRenamed(event) => event.product_id,
            Event::PriceChanged(event) => event.product_id,
            Event::ProductDiscontinued(event) => event.product_id,
        }
    }
}

/// Returns the id of the product with a number.
pub(crate) fn product_id(number: u32) -> Uuid {
    id::aggregate("catalog.product", &number.to_string())
}

pub(crate) fn euro(amount: i64) -> Money {
    Money {
        amount,
        currency: "EUR".to_owned(),
    }
}

pub(crate) fn created(product: u32, name: &str, brand: &str, amount: i64) -> Event {
    ProductCreated {
        product_id: product_id(product),
        name: name.to_owned(),
        brand: brand.to_owned(),
        price: euro(amount),
    }
    .into()
}

pub(crate) fn renamed(product: u32, name: &str) -> Event {
    ProductRenamed {
        product_id: product_id(product),
        name: name.to_owned(),
    }
    .into()
}

pub(crate) fn repriced(product: u32, amount: i64) -> Event {
    PriceChanged {
        product_id: product_id(product),
        price: euro(amount),
    }
    .into()
}

pub(crate) fn discontinued(product: u32) -> Event {
    ProductDiscontinued {
        product_id: product_id(product),
    }
    .into()
}

/// Returns the events of thirty products of three brands, with every kind of life.
pub(crate) fn lives() -> Vec<Recorded<Event>> {
    let mut events = Vec::new();
    for number in 0..30 {
        let brand = ["Acme", "Ölmühle", "三"][number as usize % 3];
        let amount = i64::from(number) * 100;
        events.push(created(number, &format!("Tea {number}"), brand, amount));
    }
    for number in 0..30 {
        let amount = i64::from(number) + 1;
        match number % 5 {
            0 => events.push(renamed(number, &format!("ÄPFEL {number}"))),
            1 => events.extend([repriced(number, amount), repriced(number, 0)]),
            2 => events.extend([repriced(number, amount), discontinued(number)]),
            3 => events.push(discontinued(number)),
            _ => {}
        }
    }
    history(events)
}
