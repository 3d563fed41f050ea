//! The list of views.

use factline_postgres::HostedView;

use crate::catalog::price_history::PriceHistory;
use crate::catalog::products::Products;
use crate::checkout::checkouts::Checkouts;
use crate::ordering::customer_spending::CustomerSpending;
use crate::ordering::orders::Orders;
use crate::payment::payments::Payments;
use crate::scheduling::schedules::Schedules;

/// Every view of this process. To host another one, add its line.
pub static ALL: &[HostedView] = &[
    HostedView::of::<Checkouts>(),
    HostedView::additive::<CustomerSpending>(),
    HostedView::of::<Orders>(),
    HostedView::of::<Payments>(),
    HostedView::of::<PriceHistory>(),
    HostedView::of::<Products>(),
    HostedView::of::<Schedules>(),
];
