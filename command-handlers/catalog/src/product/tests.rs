//! Tests of each rule, and of the properties of all rules together.

use catalog_schemas::{ChangePrice, DiscontinueProduct, RenameProduct};
use factline::testing::{Given, given};
use uuid::Uuid;

use super::*;
use crate::validation::LONGEST;

mod properties;

const ID: Uuid = Uuid::from_u128(1);

fn usd(amount: i64) -> Money {
    Money {
        amount,
        currency: "USD".into(),
    }
}

fn create() -> CreateProduct {
    CreateProduct {
        product_id: ID,
        name: "Kind of Blue".into(),
        brand: "Columbia".into(),
        price: usd(1_500),
    }
}

fn rename(name: &str) -> RenameProduct {
    RenameProduct {
        product_id: ID,
        name: name.into(),
    }
}

fn reprice(price: Money) -> ChangePrice {
    ChangePrice {
        product_id: ID,
        price,
    }
}

fn discontinue() -> DiscontinueProduct {
    DiscontinueProduct { product_id: ID }
}

fn was_created() -> Event {
    Event::ProductCreated(ProductCreated {
        product_id: ID,
        name: "Kind of Blue".into(),
        brand: "Columbia".into(),
        price: usd(1_500),
    })
}

fn was_renamed(name: &str) -> Event {
    Event::ProductRenamed(ProductRenamed {
        product_id: ID,
        name: name.into(),
    })
}

fn was_repriced(price: Money) -> Event {
    Event::PriceChanged(PriceChanged {
        product_id: ID,
        price,
    })
}

fn was_discontinued() -> Event {
    Event::ProductDiscontinued(ProductDiscontinued { product_id: ID })
}

fn uncreated() -> Given<Product> {
    given([])
}

fn offered() -> Given<Product> {
    given([was_created()])
}

fn changed() -> Given<Product> {
    given([
        was_created(),
        was_renamed("Sketches of Spain"),
        was_repriced(usd(900)),
    ])
}

fn discontinued() -> Given<Product> {
    given([was_created(), was_discontinued()])
}

#[test]
fn product_is_created() {
    uncreated().when(create()).then([was_created()]);
}

#[test]
fn price_of_zero_is_accepted() {
    offered().when(reprice(usd(0))).then([was_repriced(usd(0))]);
    let free = CreateProduct {
        price: usd(0),
        ..create()
    };
    let decision = Product::default().decide(free.into(), &Context::default());
    assert_eq!(decision.unwrap().into_events().len(), 1);
}

#[test]
fn invalid_product_is_refused() {
    let refused = |command: CreateProduct, rejection: Rejection| {
        uncreated().when(command).then_rejected(&rejection);
    };
    let (name, brand) = (
        |name: &str| named(name),
        |brand: &str| CreateProduct {
            brand: brand.into(),
            ..create()
        },
    );
    refused(name(" \t"), Rejection::Blank { field: "name" });
    refused(brand(""), Rejection::Blank { field: "brand" });
    refused(name("a\u{0}b"), Rejection::Unprintable { field: "name" });
    refused(
        brand("two\nlines"),
        Rejection::Unprintable { field: "brand" },
    );
    refused(name(&too_long()), Rejection::TooLong { field: "name" });
    refused(brand(&too_long()), Rejection::TooLong { field: "brand" });
    refused(
        CreateProduct {
            price: usd(-1),
            ..create()
        },
        negative(-1),
    );
}

fn named(name: &str) -> CreateProduct {
    CreateProduct {
        name: name.into(),
        ..create()
    }
}

fn too_long() -> String {
    "ü".repeat(LONGEST + 1)
}

fn negative(amount: i64) -> Rejection {
    Rejection::NegativeAmount {
        field: "price",
        amount,
    }
}

#[test]
fn name_length_is_counted_in_characters() {
    let name = "ü".repeat(LONGEST);
    offered().when(rename(&name)).then([was_renamed(&name)]);
}

#[test]
fn currency_must_be_three_capital_letters() {
    for currency in ["", "usd", "US", "USDX", "U5D", "ÜS", "US "] {
        let price = Money {
            amount: 1,
            currency: currency.into(),
        };
        let refusal = Rejection::InvalidCurrency { field: "price" };
        let command = CreateProduct {
            price: price.clone(),
            ..create()
        };
        uncreated().when(command).then_rejected(&refusal);
        offered().when(reprice(price)).then_rejected(&refusal);
    }
}

#[test]
fn create_with_same_contents_changes_nothing() {
    offered().when(create()).then_nothing();
    // A late retry, after changes: the product was created with these values, and the command asks
    // for no more.
    changed().when(create()).then_nothing();
}

#[test]
fn create_with_other_contents_is_refused() {
    let differences: [fn(&mut CreateProduct); 3] = [
        |product| product.name.push('x'),
        |product| product.brand.push('x'),
        |product| product.price.amount += 1,
    ];
    for change in differences {
        let mut other = create();
        change(&mut other);
        offered()
            .when(other)
            .then_rejected(&Rejection::ProductExists);
    }
    let as_it_is_now = CreateProduct {
        price: usd(900),
        ..named("Sketches of Spain")
    };
    changed()
        .when(as_it_is_now)
        .then_rejected(&Rejection::ProductExists);
}

#[test]
fn rename_changes_the_name() {
    let name = "Sketches of Spain";
    offered().when(rename(name)).then([was_renamed(name)]);
    changed().when(rename(name)).then_nothing();
    changed()
        .when(rename("Kind of Blue"))
        .then([was_renamed("Kind of Blue")]);
    offered()
        .when(rename("  "))
        .then_rejected(&Rejection::Blank { field: "name" });
    offered()
        .when(rename("\u{7}"))
        .then_rejected(&Rejection::Unprintable { field: "name" });
    offered()
        .when(rename(&too_long()))
        .then_rejected(&Rejection::TooLong { field: "name" });
}

#[test]
fn reprice_changes_the_price() {
    offered()
        .when(reprice(usd(900)))
        .then([was_repriced(usd(900))]);
    changed().when(reprice(usd(900))).then_nothing();
    let euro = Money {
        amount: 900,
        currency: "EUR".into(),
    };
    changed()
        .when(reprice(euro.clone()))
        .then([was_repriced(euro)]);
    offered()
        .when(reprice(usd(i64::MIN)))
        .then_rejected(&negative(i64::MIN));
}

#[test]
fn discontinued_product_accepts_no_changes() {
    offered().when(discontinue()).then([was_discontinued()]);
    discontinued().when(discontinue()).then_nothing();
    let refused = |command: Command| {
        discontinued()
            .when(command)
            .then_rejected(&Rejection::ProductDiscontinued);
    };
    refused(create().into());
    refused(rename("Kind of Blue").into());
    refused(rename("Sketches of Spain").into());
    refused(reprice(usd(1_500)).into());
    refused(reprice(usd(900)).into());
}

#[test]
fn uncreated_product_accepts_no_changes() {
    let refused = |command: Command| {
        uncreated()
            .when(command)
            .then_rejected(&Rejection::ProductNotFound);
    };
    refused(rename("Kind of Blue").into());
    refused(reprice(usd(1)).into());
    refused(discontinue().into());
}

#[test]
fn unexpected_event_keeps_the_state() {
    let early = [was_renamed("x"), was_repriced(usd(1)), was_discontinued()];
    assert_eq!(given::<Product>(early).state(), Product::Uncreated);
    let late = [
        was_created(),
        was_discontinued(),
        was_renamed("x"),
        was_repriced(usd(1)),
        was_created(),
    ];
    assert_eq!(given::<Product>(late).state(), Product::Discontinued);
    assert_eq!(
        given::<Product>([was_created(), was_created()]).state(),
        offered().state()
    );
}
