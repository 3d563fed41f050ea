//! Webhooks: signed events at receivers that agree, at least once, through retries, restarts and
//! killed instances.

mod agreement;
mod dead;
mod delivery;
mod limits;
mod receiver;
mod shared;
mod stage;
