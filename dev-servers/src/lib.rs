//! The services of the store, as `./dev up` and the tests start them. The servers below them and
//! the tool itself are `factline-dev-servers`.

pub mod services;
