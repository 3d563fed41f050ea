//! Tests of each step of the process, and of the properties of all steps together.

use checkout_schemas::{
    CheckoutAbandoned, CheckoutBegun, CheckoutCompleted, CheckoutFailed, CheckoutOrdered,
    CheckoutPaid, CheckoutRetried, CheckoutStuck, NoteOrderCancelled, NoteOrderConfirmed,
    NoteOrderNotCancelled, NoteOrderNotConfirmed, NoteOrderPlaced, NoteOrderRefused,
    NotePaymentCaptured, NotePaymentDeclined, NotePaymentRefused, NotePaymentReleased,
    PaymentReleaseRequested, Step, order_id, payment_id,
};
use factline::Conclusion;
use factline::testing::{Given, given};

use super::*;
use crate::retry::ATTEMPTS;

mod cancelling;
mod properties;
mod silence;

const ID: Uuid = Uuid::from_u128(1);

/// Returns the time this many seconds after 1970.
fn at(second: i64) -> Timestamp {
    Timestamp::from_timestamp(second, 0).unwrap()
}

fn micros(second: i64) -> i64 {
    at(second).timestamp_micros()
}

fn euro(amount: i64) -> Money {
    Money {
        amount,
        currency: "EUR".into(),
    }
}

fn begin() -> BeginCheckout {
    BeginCheckout {
        checkout_id: ID,
        customer_id: "ann".into(),
        lines: vec![Line {
            product_id: "cup".into(),
            name: "the cup".into(),
            unit_price: euro(250),
            quantity: 3,
        }],
        method: "card-ok".into(),
        payment_seconds: 900,
    }
}

fn begun() -> Event {
    let command = begin();
    CheckoutBegun {
        checkout_id: ID,
        customer_id: command.customer_id,
        lines: command.lines,
        method: command.method,
        payment_seconds: 900,
        order_id: order_id(ID),
        payment_id: payment_id(ID),
        payment_due: micros(900),
    }
    .into()
}

fn ordered() -> Event {
    CheckoutOrdered {
        checkout_id: ID,
        order_id: order_id(ID),
        payment_id: payment_id(ID),
        method: "card-ok".into(),
        total: euro(750),
    }
    .into()
}

fn paid(due: i64) -> Event {
    CheckoutPaid {
        checkout_id: ID,
        order_id: order_id(ID),
        payment_id: payment_id(ID),
        due: micros(due),
    }
    .into()
}

fn abandoned(cause: Cause, reason: &str, due: i64) -> Event {
    CheckoutAbandoned {
        checkout_id: ID,
        order_id: order_id(ID),
        cause,
        reason: reason.into(),
        due: micros(due),
    }
    .into()
}

fn releasing(cause: Cause, reason: &str, due: i64) -> Event {
    PaymentReleaseRequested {
        checkout_id: ID,
        payment_id: payment_id(ID),
        cause,
        reason: reason.into(),
        due: micros(due),
    }
    .into()
}

fn retried(step: Step, attempt: i32, reason: &str, due: i64) -> Event {
    CheckoutRetried {
        checkout_id: ID,
        order_id: order_id(ID),
        payment_id: payment_id(ID),
        step,
        attempt,
        reason: reason.into(),
        due: micros(due),
    }
    .into()
}

fn stuck(step: Step, reason: &str) -> Event {
    CheckoutStuck {
        checkout_id: ID,
        step,
        reason: reason.into(),
    }
    .into()
}

fn completed() -> Event {
    CheckoutCompleted {
        checkout_id: ID,
        customer_id: "ann".into(),
        order_id: order_id(ID),
        payment_id: payment_id(ID),
        total: euro(750),
    }
    .into()
}

fn failed(cause: Cause, reason: &str) -> Event {
    CheckoutFailed {
        checkout_id: ID,
        customer_id: "ann".into(),
        order_id: order_id(ID),
        payment_id: payment_id(ID),
        cause,
        reason: reason.into(),
    }
    .into()
}

fn expire() -> ExpireCheckout {
    ExpireCheckout { checkout_id: ID }
}

fn order_placed() -> NoteOrderPlaced {
    NoteOrderPlaced {
        checkout_id: ID,
        total: euro(750),
    }
}

fn order_refused() -> NoteOrderRefused {
    NoteOrderRefused {
        checkout_id: ID,
        code: "no_lines".into(),
        reason: "an order needs at least one line".into(),
    }
}

fn captured() -> NotePaymentCaptured {
    NotePaymentCaptured { checkout_id: ID }
}

fn declined() -> NotePaymentDeclined {
    NotePaymentDeclined {
        checkout_id: ID,
        code: "no_funds".into(),
    }
}

fn payment_refused() -> NotePaymentRefused {
    NotePaymentRefused {
        checkout_id: ID,
        code: "failed".into(),
        reason: String::new(),
    }
}

fn confirmed() -> NoteOrderConfirmed {
    NoteOrderConfirmed { checkout_id: ID }
}

fn not_confirmed() -> NoteOrderNotConfirmed {
    NoteOrderNotConfirmed {
        checkout_id: ID,
        code: "order_cancelled".into(),
        reason: "the order has been cancelled".into(),
    }
}

fn cancelled() -> NoteOrderCancelled {
    NoteOrderCancelled { checkout_id: ID }
}

fn not_cancelled(code: &str) -> NoteOrderNotCancelled {
    NoteOrderNotCancelled {
        checkout_id: ID,
        code: code.into(),
        reason: String::new(),
    }
}

fn released() -> NotePaymentReleased {
    NotePaymentReleased { checkout_id: ID }
}

fn placing() -> Given<Checkout> {
    given([begun()])
}

fn paying() -> Given<Checkout> {
    given([begun(), ordered()])
}

fn confirming() -> Given<Checkout> {
    given([begun(), ordered(), paid(40)])
}

type Stage = fn() -> Given<Checkout>;

const DECLINED: &str = "the payment was declined: no_funds";

fn cancelling() -> Given<Checkout> {
    let why = abandoned(Cause::PaymentDeclined, DECLINED, 40);
    given([begun(), ordered(), why])
}

fn released_next() -> Given<Checkout> {
    let cause = Cause::PaymentDeclined;
    given([
        begun(),
        ordered(),
        abandoned(cause, DECLINED, 40),
        releasing(cause, DECLINED, 50),
    ])
}

#[test]
fn checkout_runs_until_paid_and_confirmed() {
    given::<Checkout>([])
        .when(begin())
        .then([begun()])
        .running()
        .waking(at(900), expire());
    placing()
        .at(at(5))
        .when(order_placed())
        .then([ordered()])
        .waking(at(900), expire());
    paying()
        .at(at(10))
        .when(captured())
        .then([paid(40)])
        .waking(at(40), expire());
    confirming()
        .when(confirmed())
        .then([completed()])
        .concluding(&Conclusion::completed());
}

#[test]
fn refused_order_ends_the_checkout() {
    let reason = "the order was refused: no_lines: an order needs at least one line";
    placing()
        .when(order_refused())
        .then([failed(Cause::OrderRefused, reason)])
        .concluding(&Conclusion::rejected("order_refused", reason));
}

#[test]
fn declined_payment_cancels_order_and_releases_payment() {
    let cause = Cause::PaymentDeclined;
    paying()
        .at(at(10))
        .when(declined())
        .then([abandoned(cause, DECLINED, 40)])
        .waking(at(40), expire());
    cancelling()
        .at(at(20))
        .when(cancelled())
        .then([releasing(cause, DECLINED, 50)])
        .waking(at(50), expire());
    released_next()
        .when(released())
        .then([failed(cause, DECLINED)])
        .concluding(&Conclusion::rejected("payment_declined", DECLINED));
}

#[test]
fn refused_payment_is_voided() {
    let reason = "the payment was refused: failed";
    paying().at(at(10)).when(payment_refused()).then([abandoned(
        Cause::PaymentRefused,
        reason,
        40,
    )]);
}

#[test]
fn uncancellable_order_does_not_block_the_release() {
    for code in ["order_shipped", "order_not_found", "order_confirmed"] {
        cancelling()
            .at(at(20))
            .when(not_cancelled(code))
            .then([releasing(Cause::PaymentDeclined, DECLINED, 50)]);
    }
}

#[test]
fn payment_of_a_cancelled_order_is_refunded() {
    let reason = "the order could not be confirmed: order_cancelled: the order has been cancelled";
    let cause = Cause::OrderCancelled;
    confirming()
        .at(at(20))
        .when(not_confirmed())
        .then([releasing(cause, reason, 50)]);
    given::<Checkout>([begun(), ordered(), paid(40), releasing(cause, reason, 50)])
        .when(released())
        .then([failed(cause, reason)])
        .concluding(&Conclusion::rejected("order_cancelled", reason));
}

#[test]
fn begin_with_same_contents_changes_nothing() {
    let differences: [fn(&mut BeginCheckout); 4] = [
        |command| command.customer_id.push('x'),
        |command| command.lines.clear(),
        |command| command.method.push('x'),
        |command| command.payment_seconds += 1,
    ];
    let done = || given([begun(), ordered(), paid(40), completed()]);
    let over = || given([begun(), failed(Cause::OrderRefused, "")]);
    for checkout in [
        placing,
        paying,
        confirming,
        cancelling,
        released_next,
        done,
        over,
    ] {
        checkout().when(begin()).then_nothing();
        for change in differences {
            let mut other = begin();
            change(&mut other);
            checkout()
                .when(other)
                .then_rejected(&Rejection::CheckoutExists);
        }
    }
}

#[test]
fn invalid_checkout_is_refused() {
    let refused = |change: fn(&mut BeginCheckout), rejection: Rejection| {
        let mut command = begin();
        change(&mut command);
        given::<Checkout>([])
            .when(command)
            .then_rejected(&rejection);
    };
    let (customer, method) = ("customer_id", "method");
    refused(
        |command| command.customer_id = " ".into(),
        Rejection::Blank { field: customer },
    );
    refused(
        |command| command.method.clear(),
        Rejection::Blank { field: method },
    );
    refused(
        |command| command.customer_id = "a\0".into(),
        Rejection::Unprintable { field: customer },
    );
    refused(
        |command| command.method = "x".repeat(201),
        Rejection::TooLong {
            field: method,
            longest: 200,
        },
    );
    refused(
        |command| command.payment_seconds = 0,
        Rejection::PaymentSecondsOutOfRange {
            seconds: 0,
            longest: 604_800,
        },
    );
    refused(
        |command| command.payment_seconds = 604_801,
        Rejection::PaymentSecondsOutOfRange {
            seconds: 604_801,
            longest: 604_800,
        },
    );
    given::<Checkout>([])
        .when(captured())
        .then_rejected(&Rejection::CheckoutNotFound);
}

#[test]
fn participant_reasons_are_cut_to_one_short_line() {
    let refusal = NoteOrderRefused {
        reason: format!("a\nb\0{}", "x".repeat(2000)),
        ..order_refused()
    };
    let decision = placing()
        .state()
        .decide(refusal.into(), &Context::at(at(0)))
        .unwrap();
    let events = decision.into_events();
    let [Event::CheckoutFailed(event)] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert!(
        event
            .reason
            .starts_with("the order was refused: no_lines: a b x")
    );
    assert!(event.reason.chars().count() < 400);
}

#[test]
fn order_placed_after_the_end_is_recalled_once() {
    let over = [begun(), failed(Cause::OrderTimedOut, "late")];
    let recalled = retried(Step::CancelOrder, 1, "late", 130);
    given::<Checkout>(over.clone())
        .at(at(100))
        .when(order_placed())
        .then([recalled.clone()]);
    given::<Checkout>(over.into_iter().chain([recalled]))
        .when(order_placed())
        .then_nothing();
}

/// Every answer that a stage does not wait for: late, repeated or contradictory.
#[test]
fn unexpected_answer_changes_nothing() {
    let answers: [(&str, Command); 10] = [
        ("placed", order_placed().into()),
        ("order refused", order_refused().into()),
        ("captured", captured().into()),
        ("declined", declined().into()),
        ("payment refused", payment_refused().into()),
        ("confirmed", confirmed().into()),
        ("not confirmed", not_confirmed().into()),
        ("cancelled", cancelled().into()),
        ("not cancelled", not_cancelled("order_shipped").into()),
        ("released", released().into()),
    ];
    let done = || given([begun(), ordered(), paid(40), completed()]);
    let over = || given([begun(), failed(Cause::OrderRefused, "")]);
    let stages: [(Stage, &[&str]); 7] = [
        (placing, &["placed", "order refused"]),
        (paying, &["captured", "declined", "payment refused"]),
        (confirming, &["confirmed", "not confirmed"]),
        (cancelling, &["cancelled", "not cancelled"]),
        (released_next, &["released"]),
        (done, &[]),
        (over, &["placed"]),
    ];
    for (stage, awaited) in stages {
        for (name, command) in &answers {
            let decision = stage()
                .state()
                .decide(command.clone(), &Context::at(at(0)))
                .unwrap();
            let changes = !decision.into_events().is_empty();
            assert_eq!(changes, awaited.contains(name), "{name}");
        }
    }
}
