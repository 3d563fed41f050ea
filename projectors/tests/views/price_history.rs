//! The effect of each event on a product's prices, in memory and in the table.

use projectors::catalog::price_history::{Key, Price, PriceHistory};

use crate::catalog::{created, discontinued, euro, lives, product_id, renamed, repriced};
use crate::histories::{at, history, partition, rows};
use crate::tables::holds_what_is_projected;

#[test]
fn price_history_keeps_every_price_with_its_time() {
    let rows = rows::<PriceHistory>(&history([
        created(1, "Tea", "Acme", 250),
        created(2, "Cup", "Acme", 900),
        repriced(1, 199),
        renamed(1, "Green tea"),
        repriced(1, 250),
        discontinued(1),
    ]));
    let expected = [
        (1, 1, 250, 0),
        (1, 2, 199, 2),
        (1, 4, 250, 4),
        (2, 1, 900, 1),
    ];
    assert_eq!(rows.len(), expected.len());
    for (product, version, amount, second) in expected {
        let key = Key {
            product_id: product_id(product),
            version,
        };
        let price = Price {
            price: euro(amount),
            since: at(second),
        };
        let partition_id = partition(&discontinued(product));
        assert_eq!(
            rows.get(&(partition_id, key)),
            Some(&price),
            "{product} {version}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn price_history_table_holds_the_projected_rows() {
    holds_what_is_projected::<PriceHistory>("prices.events", &lives()).await;
}
