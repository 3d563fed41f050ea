//! The aggregates that the store's write process hosts, as a library, so that tools use the same
//! list. The process itself is `main.rs`.

use factline_handler::HostedAggregate;

/// Returns the aggregates. To host one more, add its line.
pub fn aggregates() -> Vec<HostedAggregate> {
    vec![
        HostedAggregate::of::<catalog::Product>(),
        HostedAggregate::of::<checkout::Checkout>(),
        HostedAggregate::of::<ordering::Order>(),
        HostedAggregate::of::<payment::Payment>(),
        HostedAggregate::of::<factline_schedule::Schedule>(),
    ]
}
