//! Properties of every command in every reachable state.

use proptest::prelude::*;

use super::*;

/// Few values, so that commands interact; some of them are invalid.
fn money() -> impl Strategy<Value = Money> {
    let amount = prop_oneof![Just(-1), Just(0), 1..3_i64, Just(i64::MAX)];
    let currency = prop_oneof![4 => Just("USD"), 1 => Just("EUR"), 1 => Just("usd")];
    (amount, currency).prop_map(|(amount, currency)| Money {
        amount,
        currency: currency.to_owned(),
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => Just("a"), 2 => Just("b"), 1 => Just(" "), 1 => Just("\u{0}")]
        .prop_map(str::to_owned)
}

fn command() -> impl Strategy<Value = Command> {
    let create = (text(), text(), money()).prop_map(|(name, brand, price)| {
        CreateProduct {
            product_id: ID,
            name,
            brand,
            price,
        }
        .into()
    });
    prop_oneof![
        2 => create,
        2 => Just(super::create().into()),
        3 => text().prop_map(|name| rename(&name).into()),
        3 => money().prop_map(|price| reprice(price).into()),
        1 => Just(discontinue().into()),
    ]
}

/// Decides a command and, if it is accepted, evolves the state; returns the decision.
fn handle(product: &mut Product, command: Command) -> Result<Vec<Event>, Rejection> {
    let events = product.decide(command, &Context::default())?.into_events();
    for event in &events {
        *product = product.clone().evolve(event);
    }
    Ok(events)
}

proptest! {
    #[test]
    fn events_change_the_state_and_commands_are_idempotent(
        history in prop::collection::vec(command(), 0..8),
        command in command(),
    ) {
        let mut product = Product::default();
        for earlier in history {
            let _ = handle(&mut product, earlier);
        }
        let before = product.clone();
        let first = handle(&mut product, command.clone());
        match &first {
            Ok(events) if events.is_empty() => prop_assert_eq!(&product, &before),
            Ok(_) => prop_assert_ne!(&product, &before),
            Err(_) => prop_assert_eq!(&product, &before),
        }
        let after = product.clone();
        let second = handle(&mut product, command);
        prop_assert_eq!(&product, &after);
        prop_assert_eq!(second, first.map(|_| vec![]));
    }

    #[test]
    fn product_always_has_a_name_and_a_price(history in prop::collection::vec(command(), 0..12)) {
        let mut product = Product::default();
        for command in history {
            let _ = handle(&mut product, command);
            if let Product::Offered { created, name, price } = &product {
                for text in [name, &created.name, &created.brand] {
                    prop_assert!(!text.trim().is_empty() && !text.contains(char::is_control));
                }
                for price in [price, &created.price] {
                    prop_assert!(price.amount >= 0 && price.currency != "usd");
                }
            }
        }
    }

    #[test]
    fn discontinued_product_stays_discontinued(
        before in prop::collection::vec(command(), 0..4),
        after in prop::collection::vec(command(), 0..4),
    ) {
        let mut product = Product::default();
        let _ = handle(&mut product, super::create().into());
        for command in before {
            let _ = handle(&mut product, command);
        }
        prop_assert!(handle(&mut product, discontinue().into()).is_ok());
        for command in after {
            let _ = handle(&mut product, command);
            prop_assert_eq!(&product, &Product::Discontinued);
        }
    }
}
