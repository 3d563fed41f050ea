//! The effect of each event on a product's row, in memory and in the table.

use catalog_schemas::product::Event;
use projectors::catalog::products::{Product, Products, State};

use crate::catalog::{created, discontinued, euro, lives, product_id, renamed, repriced};
use crate::histories::{at, history, partition, rows};
use crate::tables::holds_what_is_projected;

fn only(events: impl IntoIterator<Item = Event>) -> Product {
    let mut rows = rows::<Products>(&history(events));
    assert_eq!(rows.len(), 1);
    rows.pop_first().unwrap().1
}

fn tea() -> Event {
    created(1, "Tea", "Acme", 250)
}

#[test]
fn new_product_is_offered_as_created() {
    let expected = Product {
        name: "Tea".to_owned(),
        brand: "Acme".to_owned(),
        price: euro(250),
        state: State::Offered,
        created_at: at(0),
        updated_at: at(0),
        version: 1,
    };
    assert_eq!(only([tea()]), expected);
}

#[test]
fn event_of_each_kind_changes_its_own_field() {
    let before = only([tea()]);
    let renamed = only([tea(), renamed(1, "Green tea")]);
    let (updated_at, version) = (at(1), 2);
    let changed = Product {
        name: "Green tea".to_owned(),
        updated_at,
        version,
        ..before.clone()
    };
    assert_eq!(renamed, changed);
    let repriced = only([tea(), repriced(1, 199)]);
    let changed = Product {
        price: euro(199),
        updated_at,
        version,
        ..before.clone()
    };
    assert_eq!(repriced, changed);
    let discontinued = only([tea(), discontinued(1)]);
    let changed = Product {
        state: State::Discontinued,
        updated_at,
        version,
        ..before
    };
    assert_eq!(discontinued, changed);
}

#[test]
fn products_have_separate_rows() {
    let rows = rows::<Products>(&history([
        tea(),
        created(2, "Cup", "Acme", 900),
        repriced(1, 199),
    ]));
    let price = |number: u32| {
        let partition_id = partition(&discontinued(number));
        rows[&(partition_id, product_id(number))].price.clone()
    };
    assert_eq!((price(1), price(2)), (euro(199), euro(900)));
}

#[tokio::test(flavor = "multi_thread")]
async fn products_table_holds_the_projected_rows() {
    holds_what_is_projected::<Products>("products.events", &lives()).await;
}
