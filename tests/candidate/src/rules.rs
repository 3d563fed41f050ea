//! The rules of `ordering.order` with defects, as a change of their code could bring them in.

use std::fmt;

use factline::{Aggregate, Context, Decision};
use ordering::Order;
use ordering_schemas::OrderCancelled;
use ordering_schemas::OrderConfirmed;
use ordering_schemas::order::{self, Command, Event};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::defect::chosen;

/// A defect of rules, chosen by the variable `DEFECT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleDefect {
    /// An order of more than ten units is refused.
    LowerLimit,
    /// An order that is shipped can be cancelled.
    LostRefusal,
    /// The total of an order is one cent higher.
    OtherValue,
    /// An order that is shipped is confirmed instead.
    OtherEvent,
    /// A cancellation that is refused has another reason.
    OtherReason,
    /// A confirmed order is folded as one that is not.
    ForgottenState,
    /// Shipping panics.
    Panic,
    /// The customer of a cancelled order is invented.
    Chance,
}

impl RuleDefect {
    /// All defects.
    pub const ALL: [Self; 8] = [
        Self::LowerLimit,
        Self::LostRefusal,
        Self::OtherValue,
        Self::OtherEvent,
        Self::OtherReason,
        Self::ForgottenState,
        Self::Panic,
        Self::Chance,
    ];

    /// Returns its name in the variable.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LowerLimit => "lower-limit",
            Self::LostRefusal => "lost-refusal",
            Self::OtherValue => "other-value",
            Self::OtherEvent => "other-event",
            Self::OtherReason => "other-reason",
            Self::ForgottenState => "forgotten-state",
            Self::Panic => "panic",
            Self::Chance => "chance",
        }
    }

    fn is_there(self) -> bool {
        chosen() == Some(self.name())
    }
}

/// An order by the rules of the candidate.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CandidateOrder(Order);

/// A refusal by the rules of the candidate.
#[derive(Debug, PartialEq)]
pub enum Rejection {
    /// As before.
    Known(ordering::Rejection),
    /// The order has too many units.
    TooManyUnits,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(ordering::Rejection::OrderConfirmed)
                if RuleDefect::OtherReason.is_there() =>
            {
                f.write_str("too late")
            }
            Self::Known(known) => known.fmt(f),
            Self::TooManyUnits => f.write_str("an order has at most ten units"),
        }
    }
}

impl factline::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::Known(known) => known.code(),
            Self::TooManyUnits => "too_many_units",
        }
    }
}

impl Aggregate for CandidateOrder {
    type Type = order::Type;
    type Rejection = Rejection;

    fn decide(&self, command: Command, context: &Context) -> Result<Decision<Event>, Rejection> {
        match (&self.0, &command) {
            (_, Command::PlaceOrder(place)) if RuleDefect::LowerLimit.is_there() => {
                let units: i32 = place.lines.iter().map(|line| line.quantity).sum();
                if units > 10 {
                    return Err(Rejection::TooManyUnits);
                }
            }
            (Order::Shipped { bought, .. }, Command::CancelOrder(cancel))
                if RuleDefect::LostRefusal.is_there() =>
            {
                return Ok(Decision::event(OrderCancelled {
                    order_id: cancel.order_id,
                    customer_id: bought.customer_id.clone(),
                    reason: cancel.reason.clone(),
                    units: bought.units,
                    total: bought.total.clone(),
                }));
            }
            (Order::Placed { bought, .. }, Command::ShipOrder(ship))
                if RuleDefect::OtherEvent.is_there() =>
            {
                return Ok(Decision::event(OrderConfirmed {
                    order_id: ship.order_id,
                    customer_id: bought.customer_id.clone(),
                    total: bought.total.clone(),
                }));
            }
            (_, Command::ShipOrder(_)) if RuleDefect::Panic.is_there() => {
                panic!("a planted defect")
            }
            _ => {}
        }
        let decision = self.0.decide(command, context).map_err(Rejection::Known)?;
        let events = decision.into_events().into_iter();
        Ok(Decision::events(events.map(changed)))
    }

    fn evolve(self, event: &Event) -> Self {
        match event {
            Event::OrderConfirmed(_) if RuleDefect::ForgottenState.is_there() => self,
            event => Self(self.0.evolve(event)),
        }
    }
}

fn changed(event: Event) -> Event {
    match event {
        Event::OrderPlaced(mut placed) if RuleDefect::OtherValue.is_there() => {
            placed.total.amount += 1;
            Event::OrderPlaced(placed)
        }
        Event::OrderCancelled(mut cancelled) if RuleDefect::Chance.is_there() => {
            cancelled.customer_id = Uuid::new_v4().to_string();
            Event::OrderCancelled(cancelled)
        }
        other => other,
    }
}
