//! An order, from nothing to its end.

use factline::{Aggregate, Context, Decision};
use ordering_schemas::order::{self, Command, Event};
use ordering_schemas::{
    CancelOrder, ConfirmOrder, Line, Money, OrderCancelled, OrderConfirmed, OrderPlaced,
    OrderShipped, PastOrderRecorded, ShipOrder,
};
use serde::{Deserialize, Serialize};

use crate::Rejection;
use crate::validation::{place, reason, record};

#[cfg(test)]
mod tests;

/// An order's stage of life. It holds only values that a later command is compared with or takes
/// back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Order {
    /// No order was placed with this id.
    #[default]
    Unplaced,
    /// Placed, and not yet shipped.
    Placed {
        /// The sums that a cancellation takes back.
        bought: Bought,
        /// Compared when the order is placed again.
        lines: Vec<Line>,
    },
    /// Paid, and not yet shipped: it can no longer be cancelled.
    Confirmed {
        /// The customer and the sums.
        bought: Bought,
        /// Compared when the order is placed again.
        lines: Vec<Line>,
    },
    /// Shipped. It cannot be cancelled; if it was not paid before, it can still be confirmed.
    Shipped {
        /// The customer and the sums.
        bought: Bought,
        /// Compared when the order is placed again.
        lines: Vec<Line>,
        /// True if it is paid.
        confirmed: bool,
    },
    /// Cancelled.
    Cancelled,
    /// Placed and completed in another system.
    Recorded {
        /// The sums that a cancellation takes back.
        bought: Bought,
        /// Compared when the order is recorded again.
        source: String,
        /// Days since 1970; compared when the order is recorded again.
        ordered_on: i32,
    },
}

/// The customer and the sums of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bought {
    /// The customer.
    pub customer_id: String,
    /// Number of units.
    pub units: i64,
    /// Total price.
    pub total: Money,
}

impl Aggregate for Order {
    type Type = order::Type;
    type Rejection = Rejection;

    fn decide(&self, command: Command, _: &Context) -> Result<Decision<Event>, Rejection> {
        use Command::{
            CancelOrder as Cancel, ConfirmOrder as Confirm, PlaceOrder as Place,
            RecordPastOrder as Record, ShipOrder as Ship,
        };
        use Order::{Cancelled, Confirmed, Placed, Recorded, Shipped, Unplaced};

        match (self, command) {
            (Unplaced, Place(command)) => place(command).map(Decision::event),
            (Unplaced, Record(command)) => record(command).map(Decision::event),
            (Unplaced, Cancel(_) | Confirm(_) | Ship(_)) => Err(Rejection::OrderNotFound),

            // Placed or recorded before: the same contents change nothing, other contents are
            // another order.
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

            // A past order can be cancelled, because a wrong migration is taken back by cancelling.
            (Placed { bought, .. } | Recorded { bought, .. }, Cancel(command)) => {
                reason(&command.reason)?;
                Ok(Decision::event(cancelled(bought, command)))
            }
            (Confirmed { .. }, Cancel(_)) => Err(Rejection::OrderConfirmed),
            (Shipped { .. }, Cancel(_)) => Err(Rejection::OrderShipped),

            // An order that was shipped before it was paid can still be paid.
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
            // No rule produces such a pair. An unexpected event never stops a replay.
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

    fn has_ended(&self) -> bool {
        match self {
            Self::Cancelled | Self::Recorded { .. } => true,
            Self::Shipped { confirmed, .. } => *confirmed,
            Self::Unplaced | Self::Placed { .. } | Self::Confirmed { .. } => false,
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
