//! Two views of the store and the rules of an aggregate with defects, as a change of their code
//! could bring them in.

pub mod defect;
pub mod rules;

use chrono::Days;
use factline::{AdditiveProjection, Projection, Recorded};
use factline_postgres::{AdditiveView, HostedView, Migrations, View};
use ordering_schemas::order::{self, Event};
use projectors::ordering::customer_spending::{CustomerSpending, Purse, Spending};
use projectors::ordering::orders::{Order, Orders, State};
use uuid::Uuid;

use defect::Defect;

/// The views of the candidate.
pub const VIEWS: [HostedView; 2] = [
    HostedView::of::<CandidateOrders>(),
    HostedView::additive::<CandidateSpending>(),
];

/// The view `orders`.
#[derive(Debug)]
pub struct CandidateOrders;

impl View for CandidateOrders {
    const NAME: &'static str = Orders::NAME;
    const VERSION: i32 = Orders::VERSION;
    const KEY: &'static str = Orders::KEY;
    const MIGRATIONS: Migrations = Orders::MIGRATIONS;
}

impl Projection for CandidateOrders {
    type Source = order::Type;
    type Key = Uuid;
    type Row = Order;

    fn keys(event: &Recorded<Event>) -> Vec<Uuid> {
        if Defect::WrongKey.is_there() && matches!(event.event, Event::OrderPlaced(_)) {
            vec![event.envelope.id]
        } else {
            Orders::keys(event)
        }
    }

    fn apply(key: &Uuid, row: Option<Order>, event: &Recorded<Event>) -> Option<Order> {
        if Defect::MissingArm.is_there() && matches!(event.event, Event::OrderShipped(_)) {
            return row;
        }
        let mut order = Orders::apply(key, row, event)?;
        match &event.event {
            Event::OrderCancelled(_) if Defect::LostField.is_there() => order.cancel_reason = None,
            Event::OrderConfirmed(_) if Defect::OrderDependence.is_there() => {
                order.state = State::Confirmed;
            }
            Event::OrderPlaced(_) if Defect::OffByOneDate.is_there() => {
                order.ordered_on = order.ordered_on + Days::new(1);
            }
            _ => {}
        }
        Some(order)
    }
}

/// The view `customer-spending`.
#[derive(Debug)]
pub struct CandidateSpending;

impl AdditiveView for CandidateSpending {
    const NAME: &'static str = CustomerSpending::NAME;
    const VERSION: i32 = CustomerSpending::VERSION;
    const KEY: &'static str = CustomerSpending::KEY;
    const MIGRATIONS: Migrations = CustomerSpending::MIGRATIONS;
}

impl AdditiveProjection for CandidateSpending {
    type Source = order::Type;
    type Key = Purse;
    type Delta = Spending;

    fn deltas(event: &Recorded<Event>) -> Vec<(Purse, Spending)> {
        let mut deltas = CustomerSpending::deltas(event);
        if Defect::WrongSign.is_there() {
            for (_, spending) in &mut deltas {
                spending.total = spending.total.abs();
            }
        }
        deltas
    }
}
