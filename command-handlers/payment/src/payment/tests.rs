//! Tests of each cell of the README's table, and of the properties of all rules together.

use factline::testing::{Given, given};
use payment_schemas::RecordPaymentDeclined;
use uuid::Uuid;

use super::*;

mod properties;

const ID: Uuid = Uuid::from_u128(1);

fn euro(amount: i64) -> Money {
    Money {
        amount,
        currency: "EUR".into(),
    }
}

fn authorize() -> AuthorizePayment {
    AuthorizePayment {
        payment_id: ID,
        reference: "c-1".into(),
        amount: euro(750),
        method: "card-ok".into(),
    }
}

fn capture(charge: &str, amount: i64) -> RecordPaymentCaptured {
    RecordPaymentCaptured {
        payment_id: ID,
        provider_reference: charge.into(),
        amount: euro(amount),
    }
}

fn decline() -> RecordPaymentDeclined {
    RecordPaymentDeclined {
        payment_id: ID,
        code: "no_funds".into(),
    }
}

fn refund(charge: &str) -> RecordPaymentRefunded {
    RecordPaymentRefunded {
        payment_id: ID,
        provider_reference: charge.into(),
    }
}

fn refuse_refund(charge: &str) -> RecordPaymentRefundRefused {
    RecordPaymentRefundRefused {
        payment_id: ID,
        provider_reference: charge.into(),
        code: "account_closed".into(),
        reason: "the account is closed".into(),
    }
}

fn void() -> VoidPayment {
    VoidPayment {
        payment_id: ID,
        reference: "c-1".into(),
        reason: "too late".into(),
    }
}

fn was_requested() -> Event {
    PaymentRequested {
        payment_id: ID,
        reference: "c-1".into(),
        amount: euro(750),
        method: "card-ok".into(),
    }
    .into()
}

fn was_captured(charge: &str, amount: i64, kept: bool) -> Event {
    taken("c-1", capture(charge, amount), kept).into()
}

fn was_declined(code: &str) -> Event {
    PaymentDeclined {
        payment_id: ID,
        reference: "c-1".into(),
        code: code.into(),
    }
    .into()
}

fn was_voided() -> Event {
    PaymentVoided {
        payment_id: ID,
        reference: "c-1".into(),
        reason: "too late".into(),
    }
    .into()
}

fn refund_was_requested(charge: &str, amount: i64, reason: &str) -> Event {
    PaymentRefundRequested {
        payment_id: ID,
        reference: "c-1".into(),
        provider_reference: charge.into(),
        amount: euro(amount),
        reason: reason.into(),
    }
    .into()
}

fn was_refunded(charge: &str, amount: i64) -> Event {
    PaymentRefunded {
        payment_id: ID,
        reference: "c-1".into(),
        provider_reference: charge.into(),
        amount: euro(amount),
    }
    .into()
}

fn refund_was_refused(charge: &str, amount: i64) -> Event {
    PaymentRefundRefused {
        payment_id: ID,
        reference: "c-1".into(),
        provider_reference: charge.into(),
        amount: euro(amount),
        code: "account_closed".into(),
        reason: "the account is closed".into(),
    }
    .into()
}

fn unrequested() -> Given<Payment> {
    given([])
}

fn requested() -> Given<Payment> {
    given([was_requested()])
}

fn captured() -> Given<Payment> {
    given([was_requested(), was_captured("ch-1", 750, true)])
}

fn declined() -> Given<Payment> {
    given([was_requested(), was_declined("no_funds")])
}

fn voided() -> Given<Payment> {
    given([was_requested(), was_voided()])
}

#[test]
fn payment_is_requested_once() {
    unrequested().when(authorize()).then([was_requested()]);
    let differences: [fn(&mut AuthorizePayment); 3] = [
        |command| command.reference.push('x'),
        |command| command.amount.amount += 1,
        |command| command.method.push('x'),
    ];
    for payment in [requested, captured, declined] {
        payment().when(authorize()).then_nothing();
        for change in differences {
            let mut other = authorize();
            change(&mut other);
            payment()
                .when(other)
                .then_rejected(&Rejection::PaymentExists);
        }
    }
    voided()
        .when(authorize())
        .then_rejected(&Rejection::PaymentVoided);
}

#[test]
fn first_charge_of_the_requested_amount_is_kept() {
    requested()
        .when(capture("ch-1", 750))
        .then([was_captured("ch-1", 750, true)]);
    captured().when(capture("ch-1", 750)).then_nothing();
    unrequested()
        .when(capture("ch-1", 750))
        .then_rejected(&Rejection::PaymentNotFound);
}

#[test]
fn every_other_charge_is_refunded() {
    for payment in [captured, declined, voided] {
        let unwanted = [
            was_captured("ch-2", 750, false),
            refund_was_requested("ch-2", 750, UNWANTED),
        ];
        payment().when(capture("ch-2", 750)).then(unwanted.clone());
        let after = unwanted.iter().fold(payment().state(), Payment::evolve);
        let again = after.decide(capture("ch-2", 750).into(), &Context::default());
        assert_eq!(again, Ok(Decision::nothing()));
    }
}

#[test]
fn charges_of_a_payment_are_bounded_and_known_ones_still_count() {
    for payment in [captured, declined, voided] {
        let charge = |number| was_captured(&format!("ch-x{number}"), 750, false);
        let charges: Vec<Event> = (0..MAX_CHARGES).map(charge).collect();
        let state = charges.iter().fold(payment().state(), Payment::evolve);
        let decide =
            |command: RecordPaymentCaptured| state.decide(command.into(), &Context::default());
        assert_eq!(
            decide(capture("ch-new", 750)),
            Err(Rejection::TooManyCharges)
        );
        assert_eq!(decide(capture("ch-x7", 750)), Ok(Decision::nothing()));
    }
}

#[test]
fn charge_of_another_amount_declines_the_payment() {
    for amount in [749, 751, 0] {
        requested().when(capture("ch-1", amount)).then([
            was_declined(MISMATCH),
            was_captured("ch-1", amount, false),
            refund_was_requested("ch-1", amount, UNWANTED),
        ]);
    }
    let dollars = RecordPaymentCaptured {
        amount: Money {
            amount: 750,
            currency: "USD".into(),
        },
        ..capture("ch-1", 750)
    };
    let decision = requested()
        .state()
        .decide(dollars.into(), &Context::default())
        .unwrap();
    assert_eq!(decision.into_events().len(), 3);
}

#[test]
fn decline_counts_only_before_the_capture() {
    requested().when(decline()).then([was_declined("no_funds")]);
    declined().when(decline()).then_nothing();
    voided().when(decline()).then_nothing();
    captured()
        .when(decline())
        .then_rejected(&Rejection::PaymentCaptured);
    unrequested()
        .when(decline())
        .then_rejected(&Rejection::PaymentNotFound);
}

#[test]
fn void_refunds_the_charges() {
    unrequested().when(void()).then([was_voided()]);
    requested().when(void()).then([was_voided()]);
    captured()
        .when(void())
        .then([refund_was_requested("ch-1", 750, "too late")]);
    declined().when(void()).then_nothing();
    voided().when(void()).then_nothing();
    given::<Payment>([was_voided()])
        .when(authorize())
        .then_rejected(&Rejection::PaymentVoided);
}

#[test]
fn refund_is_recorded_once_and_only_if_requested() {
    let refunding = || {
        given::<Payment>([
            was_requested(),
            was_captured("ch-1", 750, true),
            refund_was_requested("ch-1", 750, "too late"),
        ])
    };
    refunding()
        .when(refund("ch-1"))
        .then([was_refunded("ch-1", 750)]);
    refunding()
        .when(refund("ch-2"))
        .then_rejected(&Rejection::ChargeNotFound);
    let done = given::<Payment>([
        was_requested(),
        was_captured("ch-1", 750, true),
        refund_was_requested("ch-1", 750, "too late"),
        was_refunded("ch-1", 750),
    ]);
    done.when(refund("ch-1")).then_nothing();
    captured()
        .when(refund("ch-1"))
        .then_rejected(&Rejection::RefundNotRequested);
    for payment in [requested, declined, voided] {
        payment()
            .when(refund("ch-1"))
            .then_rejected(&Rejection::ChargeNotFound);
    }
    unrequested()
        .when(refund("ch-1"))
        .then_rejected(&Rejection::PaymentNotFound);
}

#[test]
fn refused_refund_is_owed_until_it_is_made() {
    let and = |more: &[Event]| {
        let refunding = [
            was_requested(),
            was_captured("ch-1", 750, true),
            refund_was_requested("ch-1", 750, "too late"),
        ];
        given::<Payment>([&refunding[..], more].concat())
    };
    let refused = [refund_was_refused("ch-1", 750)];
    and(&[]).when(refuse_refund("ch-1")).then(refused.clone());
    let refused = || and(&refused);
    refused().when(refuse_refund("ch-1")).then_nothing();
    refused().when(void()).then_nothing();
    refused().when(capture("ch-1", 750)).then_nothing();
    refused()
        .when(refund("ch-1"))
        .then([was_refunded("ch-1", 750)]);
    // A late report about money that is already refunded.
    and(&[was_refunded("ch-1", 750)])
        .when(refuse_refund("ch-1"))
        .then_nothing();

    captured()
        .when(refuse_refund("ch-1"))
        .then_rejected(&Rejection::RefundNotRequested);
    for payment in [requested, declined, voided] {
        payment()
            .when(refuse_refund("ch-1"))
            .then_rejected(&Rejection::ChargeNotFound);
    }
    unrequested()
        .when(refuse_refund("ch-1"))
        .then_rejected(&Rejection::PaymentNotFound);
    let mut wordless = refuse_refund("ch-1");
    wordless.reason = String::new();
    wordless.code = String::new();
    and(&[])
        .when(wordless)
        .then_rejected(&Rejection::Blank { field: "code" });
}

#[test]
fn second_charge_is_refunded_and_the_first_kept() {
    let events = [
        was_requested(),
        was_captured("ch-1", 750, true),
        was_captured("ch-2", 750, false),
        refund_was_requested("ch-2", 750, UNWANTED),
    ];
    given::<Payment>(events.clone())
        .when(refund("ch-2"))
        .then([was_refunded("ch-2", 750)]);
    given::<Payment>(events)
        .when(refund("ch-1"))
        .then_rejected(&Rejection::RefundNotRequested);
}

#[test]
fn invalid_texts_and_amounts_are_refused() {
    let charge = |text: &str| capture(text, 750);
    let field = "provider_reference";
    for blank in ["", " "] {
        requested()
            .when(charge(blank))
            .then_rejected(&Rejection::Blank { field });
    }
    requested()
        .when(charge("a\0b"))
        .then_rejected(&Rejection::Unprintable { field });
    requested()
        .when(charge(&"x".repeat(201)))
        .then_rejected(&Rejection::TooLong {
            field,
            longest: 200,
        });
    requested()
        .when(capture("ch-1", -1))
        .then_rejected(&Rejection::NegativeAmount { amount: -1 });
    let mut strange = authorize();
    strange.amount.currency = "eur".into();
    unrequested()
        .when(strange)
        .then_rejected(&Rejection::InvalidCurrency);
}

#[test]
fn unexpected_event_keeps_the_state() {
    for event in [
        was_captured("ch-1", 750, true),
        was_declined("no_funds"),
        refund_was_requested("ch-1", 750, "too late"),
        was_refunded("ch-1", 750),
        refund_was_refused("ch-1", 750),
    ] {
        assert_eq!(given::<Payment>([event]).state(), Payment::Unrequested);
    }
    assert_eq!(
        given::<Payment>([was_requested(), was_requested()]).state(),
        requested().state()
    );
}
