//! Properties of every command in every reachable state.

use factline::testing::withstands;

use super::*;

/// Few values, so that commands interact; some of them are invalid.
fn money() -> impl Strategy<Value = Money> {
    let amount = prop_oneof![Just(-1), Just(0), 1..5_000_i64, Just(i64::MAX)];
    (
        amount,
        prop_oneof![4 => Just("USD"), 1 => Just("EUR"), 1 => Just("usd")],
    )
        .prop_map(|(amount, currency)| Money {
            amount,
            currency: currency.to_owned(),
        })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => Just("a"), 1 => Just("b"), 1 => Just(" ")].prop_map(str::to_owned)
}

fn quantity() -> impl Strategy<Value = i32> {
    prop_oneof![6 => 1..9, 1 => Just(0), 1 => Just(i32::MAX), 1 => Just(i32::MIN)]
}

fn lines() -> impl Strategy<Value = Vec<Line>> {
    let line = (text(), text(), money(), quantity()).prop_map(
        |(product_id, name, unit_price, quantity)| Line {
            product_id,
            name,
            unit_price,
            quantity,
        },
    );
    prop::collection::vec(line, 0..3)
}

fn command() -> impl Strategy<Value = Command> {
    let place = (text(), lines()).prop_map(|(customer_id, lines)| {
        PlaceOrder {
            order_id: ID,
            customer_id,
            lines,
        }
        .into()
    });
    let record =
        (text(), text(), quantity(), money()).prop_map(|(customer_id, source, quantity, total)| {
            RecordPastOrder {
                order_id: ID,
                customer_id,
                source,
                ordered_on: 0,
                quantity,
                total,
            }
            .into()
        });
    prop_oneof![
        3 => place,
        3 => record,
        1 => Just(two_discs().into()),
        1 => Just(record_command()),
        2 => Just(cancel().into()),
        2 => Just(confirm().into()),
        2 => Just(ship().into()),
    ]
}

fn record_command() -> Command {
    super::record().into()
}

/// Decides a command and, if it is accepted, evolves the state; returns the decision.
fn handle(order: &mut Order, command: Command) -> Result<Vec<Event>, Rejection> {
    let events = order.decide(command, &Context::default())?.into_events();
    for event in &events {
        *order = order.clone().evolve(event);
    }
    Ok(events)
}

proptest! {
    #[test]
    fn events_change_the_state_and_commands_are_idempotent(
        history in prop::collection::vec(command(), 0..6),
        command in command(),
    ) {
        let mut order = Order::default();
        for earlier in history {
            let _ = handle(&mut order, earlier);
        }
        let before = order.clone();
        let first = handle(&mut order, command.clone());
        match &first {
            Ok(events) if events.is_empty() => prop_assert_eq!(&order, &before),
            Ok(_) => prop_assert_ne!(&order, &before),
            Err(_) => prop_assert_eq!(&order, &before),
        }
        let after = order.clone();
        let second = handle(&mut order, command);
        prop_assert_eq!(&order, &after);
        prop_assert_eq!(second, first.map(|_| vec![]));
    }

    #[test]
    fn total_is_the_sum_of_the_lines(lines in lines()) {
        let sum: i128 = lines
            .iter()
            .map(|line| i128::from(line.unit_price.amount) * i128::from(line.quantity))
            .sum();
        let units: i64 = lines.iter().map(|line| i64::from(line.quantity)).sum();
        if let Ok(events) = handle(&mut Order::default(), super::place(lines).into()) {
            let [Event::OrderPlaced(placed)] = events.as_slice() else {
                panic!("not one OrderPlaced: {events:?}");
            };
            prop_assert_eq!(i128::from(placed.total.amount), sum);
            prop_assert_eq!(placed.units, units);
        }
    }

    #[test]
    fn any_command_is_handled_in_any_state(history in prop::collection::vec(command(), 0..12)) {
        withstands::<Order>(history);
    }
}
