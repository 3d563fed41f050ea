//! An order, from nothing to its end.

use factline::{Aggregate, Decision, Timestamp};
use ordering_schemas::order::{Command, Event};
use ordering_schemas::{
    CancelOrder, ConfirmOrder, Line, Money, OrderCancelled, OrderConfirmed, OrderPlaced,
    OrderShipped, PastOrderRecorded, ShipOrder,
};
use serde::{Deserialize, Serialize};

use crate::Rejection;
use crate::validation::{place, reason, record};

#[cfg(test)]
mod tests;

/// An order's stage of life. Contents are kept only as far as a later command is compared with them or takes
/// them back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Order {
    /// Nobody has ordered anything under this id.
    #[default]
    Unplaced,
    /// Taken here, and not yet on its way.
    Placed {
        /// What a cancellation takes back.
        bought: Bought,
        /// Compared when the order is placed again.
        lines: Vec<Line>,
    },
    /// Paid, and not yet on its way: it cannot be called off any more.
    Confirmed {
        /// Who bought what.
        bought: Bought,
        /// Compared when the order is placed again.
        lines: Vec<Line>,
    },
    /// On its way. It cannot be called off; if it was not paid before, it can still be confirmed.
    Shipped {
        /// Who bought what.
        bought: Bought,
        /// Compared when the order is placed again.
        lines: Vec<Line>,
        /// Whether it is paid.
        confirmed: bool,
    },
    /// Called off.
    Cancelled,
    /// Taken and completed elsewhere.
    Recorded {
        /// What a cancellation takes back.
        bought: Bought,
        /// Compared when the order is recorded again.
        source: String,
        /// Days since 1970; compared when the order is recorded again.
        ordered_on: i32,
    },
}

/// Who bought how much for how much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bought {
    /// Who.
    pub customer_id: String,
    /// Pieces.
    pub units: i64,
    /// What they cost together.
    pub total: Money,
}

impl Aggregate for Order {
    const TYPE: &'static str = "ordering.order";

    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command, _now: Timestamp) -> Result<Decision<Event>, Rejection> {
        use Command::{
            CancelOrder as Cancel, ConfirmOrder as Confirm, PlaceOrder as Place,
            RecordPastOrder as Record, ShipOrder as Ship,
        };
        use Order::{Cancelled, Confirmed, Placed, Recorded, Shipped, Unplaced};

        match (self, command) {
            (Unplaced, Place(command)) => place(command).map(Decision::event),
            (Unplaced, Record(command)) => record(command).map(Decision::event),
            (Unplaced, Cancel(_) | Confirm(_) | Ship(_)) => Err(Rejection::OrderNotFound),

            // Placed or recorded before: the same again is already so, anything else is another order.
            (
                Placed { bought, lines }
                | Confirmed { bought, lines }
                | Shipped { bought, lines, .. },
                Place(command),
            ) if command.customer_id == bought.customer_id && command.lines == *lines => {
                Ok(Decision::nothing())
            }
            (
                Recorded {
                    bought,
                    source,
                    ordered_on,
                },
                Record(command),
            ) if command.customer_id == bought.customer_id
                && i64::from(command.quantity) == bought.units
                && command.total == bought.total
                && command.source == *source
                && command.ordered_on == *ordered_on =>
            {
                Ok(Decision::nothing())
            }
            (
                Placed { .. } | Confirmed { .. } | Shipped { .. } | Recorded { .. },
                Place(_) | Record(_),
            ) => Err(Rejection::OrderExists),

            // A past order can be cancelled, since that is how a wrong migration is taken back.
            (Placed { bought, .. } | Recorded { bought, .. }, Cancel(command)) => {
                reason(&command.reason)?;
                Ok(Decision::event(cancelled(bought, command)))
            }
            (Confirmed { .. }, Cancel(_)) => Err(Rejection::OrderConfirmed),
            (Shipped { .. }, Cancel(_)) => Err(Rejection::OrderShipped),

            // The money of an order that was shipped before it was paid is as welcome as any.
            (
                Placed { bought, .. }
                | Shipped {
                    bought,
                    confirmed: false,
                    ..
                },
                Confirm(command),
            ) => Ok(Decision::event(confirmed(bought, &command))),

            (Placed { bought, .. } | Confirmed { bought, .. }, Ship(command)) => {
                Ok(Decision::event(shipped(bought, &command)))
            }
            (Recorded { .. }, Confirm(_) | Ship(_)) => Err(Rejection::OrderRecorded),

            (
                Confirmed { .. }
                | Shipped {
                    confirmed: true, ..
                },
                Confirm(_),
            )
            | (Shipped { .. }, Ship(_))
            | (Cancelled, Cancel(_)) => Ok(Decision::nothing()),
            (Cancelled, Place(_) | Record(_) | Confirm(_) | Ship(_)) => {
                Err(Rejection::OrderCancelled)
            }
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match (self, event) {
            (Self::Unplaced, Event::OrderPlaced(event)) => Self::after_placing(event),
            (Self::Unplaced, Event::PastOrderRecorded(event)) => Self::after_recording(event),
            (Self::Placed { bought, lines }, Event::OrderConfirmed(_)) => {
                Self::Confirmed { bought, lines }
            }
            (Self::Placed { bought, lines }, Event::OrderShipped(_)) => Self::Shipped {
                bought,
                lines,
                confirmed: false,
            },
            (Self::Confirmed { bought, lines }, Event::OrderShipped(_))
            | (Self::Shipped { bought, lines, .. }, Event::OrderConfirmed(_)) => Self::Shipped {
                bought,
                lines,
                confirmed: true,
            },
            (Self::Placed { .. } | Self::Recorded { .. }, Event::OrderCancelled(_)) => {
                Self::Cancelled
            }
            // No rule makes such a pair. A fact may look odd, but it never stops a replay.
            (
                order,
                Event::OrderPlaced(_)
                | Event::PastOrderRecorded(_)
                | Event::OrderConfirmed(_)
                | Event::OrderShipped(_)
                | Event::OrderCancelled(_),
            ) => order,
        }
    }
}

impl Order {
    fn after_placing(event: &OrderPlaced) -> Self {
        Self::Placed {
            bought: Bought {
                customer_id: event.customer_id.clone(),
                units: event.units,
                total: event.total.clone(),
            },
            lines: event.lines.clone(),
        }
    }

    fn after_recording(event: &PastOrderRecorded) -> Self {
        Self::Recorded {
            bought: Bought {
                customer_id: event.customer_id.clone(),
                units: event.units,
                total: event.total.clone(),
            },
            source: event.source.clone(),
            ordered_on: event.ordered_on,
        }
    }
}

fn cancelled(bought: &Bought, command: CancelOrder) -> OrderCancelled {
    OrderCancelled {
        order_id: command.order_id,
        customer_id: bought.customer_id.clone(),
        reason: command.reason,
        units: bought.units,
        total: bought.total.clone(),
    }
}

fn confirmed(bought: &Bought, command: &ConfirmOrder) -> OrderConfirmed {
    OrderConfirmed {
        order_id: command.order_id,
        customer_id: bought.customer_id.clone(),
        total: bought.total.clone(),
    }
}

fn shipped(bought: &Bought, command: &ShipOrder) -> OrderShipped {
    OrderShipped {
        order_id: command.order_id,
        customer_id: bought.customer_id.clone(),
    }
}
