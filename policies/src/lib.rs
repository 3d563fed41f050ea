//! The policies of the store: rules between aggregates that turn facts into commands.
//!
//! A policy is pure and depends only on schemas: see [`factline::Policy`]. To add one, add a module
//! for its process and its line in [`all`]. The process itself is `main.rs`.

pub mod checkout;
pub mod scheduling;

use factline_policy::HostedPolicy;

/// Returns the policies that the process hosts. To host another one, add its line.
pub fn all() -> Vec<HostedPolicy> {
    vec![
        HostedPolicy::of::<checkout::Checkouts>(),
        HostedPolicy::of::<checkout::Orders>(),
        HostedPolicy::of::<checkout::Payments>(),
        HostedPolicy::of::<scheduling::Schedules>(),
    ]
}
