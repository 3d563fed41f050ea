//! Tests of each rule, and of the properties of all rules together.

use factline::testing::{Given, given};
use ordering_schemas::{PlaceOrder, RecordPastOrder};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

mod properties;

const ID: Uuid = Uuid::from_u128(1);

fn usd(amount: i64) -> Money {
    Money {
        amount,
        currency: "USD".into(),
    }
}

fn line(price: Money, quantity: i32) -> Line {
    Line {
        product_id: "cd-7".into(),
        name: "Kind of Blue".into(),
        unit_price: price,
        quantity,
    }
}

fn place(lines: impl IntoIterator<Item = Line>) -> PlaceOrder {
    PlaceOrder {
        order_id: ID,
        customer_id: "00004".into(),
        lines: lines.into_iter().collect(),
    }
}

fn record() -> RecordPastOrder {
    RecordPastOrder {
        order_id: ID,
        customer_id: "00004".into(),
        source: "purchases.csv:2".into(),
        ordered_on: 9_862,
        quantity: 2,
        total: usd(2_933),
    }
}

fn cancel() -> CancelOrder {
    CancelOrder {
        order_id: ID,
        reason: "changed my mind".into(),
    }
}

fn ship() -> ShipOrder {
    ShipOrder { order_id: ID }
}

fn confirm() -> ConfirmOrder {
    ConfirmOrder { order_id: ID }
}

fn two_discs() -> PlaceOrder {
    place([line(usd(1_500), 2)])
}

fn was_placed() -> Event {
    Event::OrderPlaced(OrderPlaced {
        order_id: ID,
        customer_id: "00004".into(),
        lines: two_discs().lines,
        units: 2,
        total: usd(3_000),
    })
}

fn was_confirmed() -> Event {
    Event::OrderConfirmed(OrderConfirmed {
        order_id: ID,
        customer_id: "00004".into(),
        total: usd(3_000),
    })
}

fn was_shipped() -> Event {
    Event::OrderShipped(OrderShipped {
        order_id: ID,
        customer_id: "00004".into(),
    })
}

fn was_recorded() -> Event {
    recorded_past().into()
}

fn recorded_past() -> PastOrderRecorded {
    PastOrderRecorded {
        order_id: ID,
        customer_id: "00004".into(),
        source: "purchases.csv:2".into(),
        ordered_on: 9_862,
        units: 2,
        total: usd(2_933),
    }
}

fn was_cancelled(units: i64, total: Money) -> Event {
    Event::OrderCancelled(OrderCancelled {
        order_id: ID,
        customer_id: "00004".into(),
        reason: "changed my mind".into(),
        units,
        total,
    })
}

fn unplaced() -> Given<Order> {
    given([])
}

fn placed() -> Given<Order> {
    given([was_placed()])
}

fn shipped() -> Given<Order> {
    given([was_placed(), was_shipped()])
}

fn confirmed() -> Given<Order> {
    given([was_placed(), was_confirmed()])
}

fn confirmed_and_shipped() -> Given<Order> {
    given([was_placed(), was_confirmed(), was_shipped()])
}

fn recorded() -> Given<Order> {
    given([was_recorded()])
}

fn cancelled() -> Given<Order> {
    given([was_placed(), was_cancelled(2, usd(3_000))])
}

#[test]
fn place_adds_up_the_lines() {
    let lines = [line(usd(1_500), 2), line(usd(0), 1), line(usd(333), 3)];
    unplaced()
        .when(place(lines.clone()))
        .then([Event::OrderPlaced(OrderPlaced {
            order_id: ID,
            customer_id: "00004".into(),
            lines: lines.to_vec(),
            units: 6,
            total: usd(3_999),
        })]);
}

#[test]
fn total_of_zero_is_accepted() {
    let free = RecordPastOrder {
        total: usd(0),
        ..record()
    };
    let events = Order::default().decide(free.into(), &Context::default());
    assert_eq!(events.unwrap().into_events().len(), 1);
    let events = Order::default().decide(place([line(usd(0), 1)]).into(), &Context::default());
    assert_eq!(events.unwrap().into_events().len(), 1);
}

#[test]
fn invalid_order_is_refused() {
    let refused = |command: PlaceOrder, rejection: Rejection| {
        unplaced().when(command).then_rejected(&rejection);
    };
    let field = |name: &str| format!("lines/0/{name}");
    let euro = Money {
        amount: 1,
        currency: "EUR".into(),
    };
    let anonymous = PlaceOrder {
        customer_id: " ".into(),
        ..two_discs()
    };
    let nameless = Line {
        name: String::new(),
        ..line(usd(1), 1)
    };
    let unknown = Line {
        product_id: "\t".into(),
        ..line(usd(1), 1)
    };

    refused(place([]), Rejection::NoLines);
    refused(anonymous, blank("customer_id"));
    refused(place([nameless]), blank(&field("name")));
    refused(place([unknown]), blank(&field("product_id")));
    for quantity in [0, -1, i32::MIN] {
        let field = field("quantity");
        refused(
            place([line(usd(1), quantity)]),
            Rejection::QuantityTooSmall { field, quantity },
        );
    }
    refused(
        place([line(usd(-1), 1)]),
        Rejection::NegativeAmount {
            field: field("unit_price/amount"),
            amount: -1,
        },
    );
    refused(
        place([line(usd(1), 1), line(euro, 1)]),
        Rejection::MixedCurrencies,
    );
}

fn blank(field: &str) -> Rejection {
    Rejection::Blank {
        field: field.into(),
    }
}

#[test]
fn currency_must_be_three_capital_letters() {
    for currency in ["", "usd", "US", "USDX", "U5D", "ÜS", "US "] {
        let price = Money {
            amount: 1,
            currency: currency.into(),
        };
        let paid = RecordPastOrder {
            total: price.clone(),
            ..record()
        };
        unplaced()
            .when(place([line(price, 1)]))
            .then_rejected(&Rejection::InvalidCurrency {
                field: "lines/0/unit_price/currency".into(),
            });
        unplaced()
            .when(paid)
            .then_rejected(&Rejection::InvalidCurrency {
                field: "total/currency".into(),
            });
    }
}

#[test]
fn total_out_of_range_is_refused() {
    let product = [line(usd(i64::MAX), 2)];
    let sum = [line(usd(i64::MAX), 1), line(usd(1), 1)];
    unplaced()
        .when(place(product))
        .then_rejected(&Rejection::TotalTooLarge);
    unplaced()
        .when(place(sum))
        .then_rejected(&Rejection::TotalTooLarge);
}

/// An event that a view cannot store would halt it: PostgreSQL stores no NUL, and limits the length
/// of indexed text.
#[test]
fn texts_that_views_cannot_store_are_refused() {
    let customer = |customer_id: String| PlaceOrder {
        customer_id,
        ..two_discs()
    };
    let unprintable = |field: &str| Rejection::Unprintable {
        field: field.into(),
    };
    let too_long = |field: &str, longest| Rejection::TooLong {
        field: field.into(),
        longest,
    };
    unplaced()
        .when(customer("a\0b".into()))
        .then_rejected(&unprintable("customer_id"));
    unplaced()
        .when(customer("x".repeat(201)))
        .then_rejected(&too_long("customer_id", 200));
    let longest = "é".repeat(200);
    assert!(
        unplaced()
            .state()
            .decide(customer(longest).into(), &Context::default())
            .is_ok()
    );
    let source = "line\nbreak".to_owned();
    unplaced()
        .when(RecordPastOrder { source, ..record() })
        .then_rejected(&unprintable("source"));
    let because = |reason: &str| CancelOrder {
        reason: reason.into(),
        ..cancel()
    };
    placed()
        .when(because("\u{7}"))
        .then_rejected(&unprintable("reason"));
    placed()
        .when(because(&"x".repeat(1001)))
        .then_rejected(&too_long("reason", 1000));
    assert!(
        placed()
            .state()
            .decide(because("in two\nlines").into(), &Context::default())
            .is_ok()
    );
}

#[test]
fn record_keeps_the_paid_total() {
    unplaced().when(record()).then([was_recorded()]);
}

#[test]
fn invalid_past_order_is_refused() {
    let refused = |command: RecordPastOrder, rejection: Rejection| {
        unplaced().when(command).then_rejected(&rejection);
    };
    let customer_id = String::new();
    let source = "  ".to_owned();
    refused(
        RecordPastOrder {
            customer_id,
            ..record()
        },
        blank("customer_id"),
    );
    refused(RecordPastOrder { source, ..record() }, blank("source"));
    refused(
        RecordPastOrder {
            quantity: 0,
            ..record()
        },
        Rejection::QuantityTooSmall {
            field: "quantity".into(),
            quantity: 0,
        },
    );
    refused(
        RecordPastOrder {
            total: usd(-1),
            ..record()
        },
        Rejection::NegativeAmount {
            field: "total/amount".into(),
            amount: -1,
        },
    );
}

#[test]
fn place_with_same_contents_changes_nothing() {
    placed().when(two_discs()).then_nothing();
    confirmed().when(two_discs()).then_nothing();
    shipped().when(two_discs()).then_nothing();
    recorded().when(record()).then_nothing();
}

#[test]
fn place_with_other_contents_is_refused() {
    let other_lines = place([line(usd(1_500), 3)]);
    let other_customer = PlaceOrder {
        customer_id: "00005".into(),
        ..two_discs()
    };
    for order in [placed, confirmed, shipped, confirmed_and_shipped] {
        order()
            .when(other_lines.clone())
            .then_rejected(&Rejection::OrderExists);
        order()
            .when(other_customer.clone())
            .then_rejected(&Rejection::OrderExists);
        order()
            .when(record())
            .then_rejected(&Rejection::OrderExists);
    }
    recorded()
        .when(two_discs())
        .then_rejected(&Rejection::OrderExists);
}

#[test]
fn date_that_no_store_can_keep_is_refused() {
    let on = |ordered_on| RecordPastOrder {
        ordered_on,
        ..record()
    };
    for day in [i32::MIN, -719_529, 2_932_897, i32::MAX] {
        let field = "ordered_on".into();
        let refusal = Rejection::DateOutOfRange { field };
        unplaced().when(on(day)).then_rejected(&refusal);
    }
    for day in [-719_528, 2_932_896] {
        let command = on(day);
        let event = PastOrderRecorded {
            ordered_on: day,
            ..recorded_past()
        };
        unplaced().when(command).then([Event::from(event)]);
    }
}

#[test]
fn record_with_other_contents_is_refused() {
    let differences: [fn(&mut RecordPastOrder); 5] = [
        |order| order.customer_id.push('x'),
        |order| order.source.push('x'),
        |order| order.ordered_on += 1,
        |order| order.quantity += 1,
        |order| order.total.amount += 1,
    ];
    for change in differences {
        let mut other = record();
        change(&mut other);
        recorded()
            .when(other)
            .then_rejected(&Rejection::OrderExists);
    }
}

#[test]
fn cancel_takes_back_the_sums() {
    placed().when(cancel()).then([was_cancelled(2, usd(3_000))]);
    recorded()
        .when(cancel())
        .then([was_cancelled(2, usd(2_933))]);
    cancelled().when(cancel()).then_nothing();
    confirmed()
        .when(cancel())
        .then_rejected(&Rejection::OrderConfirmed);
    for order in [shipped, confirmed_and_shipped] {
        order()
            .when(cancel())
            .then_rejected(&Rejection::OrderShipped);
    }
    unplaced()
        .when(cancel())
        .then_rejected(&Rejection::OrderNotFound);
}

#[test]
fn order_is_confirmed_once() {
    placed().when(confirm()).then([was_confirmed()]);
    shipped().when(confirm()).then([was_confirmed()]);
    confirmed().when(confirm()).then_nothing();
    confirmed_and_shipped().when(confirm()).then_nothing();
    cancelled()
        .when(confirm())
        .then_rejected(&Rejection::OrderCancelled);
    recorded()
        .when(confirm())
        .then_rejected(&Rejection::OrderRecorded);
    unplaced()
        .when(confirm())
        .then_rejected(&Rejection::OrderNotFound);
}

#[test]
fn order_of_confirmation_and_shipment_does_not_matter() {
    assert_eq!(
        given::<Order>([was_placed(), was_shipped(), was_confirmed()]).state(),
        confirmed_and_shipped().state()
    );
}

#[test]
fn only_a_placed_order_is_shipped() {
    placed().when(ship()).then([was_shipped()]);
    confirmed().when(ship()).then([was_shipped()]);
    confirmed_and_shipped().when(ship()).then_nothing();
    shipped().when(ship()).then_nothing();
    cancelled()
        .when(ship())
        .then_rejected(&Rejection::OrderCancelled);
    recorded()
        .when(ship())
        .then_rejected(&Rejection::OrderRecorded);
    unplaced()
        .when(ship())
        .then_rejected(&Rejection::OrderNotFound);
}

#[test]
fn cancelled_order_accepts_no_changes() {
    cancelled()
        .when(two_discs())
        .then_rejected(&Rejection::OrderCancelled);
    cancelled()
        .when(record())
        .then_rejected(&Rejection::OrderCancelled);
}

#[test]
fn unexpected_event_keeps_the_state() {
    assert_eq!(given::<Order>([was_shipped()]).state(), Order::Unplaced);
    assert_eq!(
        given::<Order>([was_placed(), was_recorded()]).state(),
        placed().state()
    );
}
