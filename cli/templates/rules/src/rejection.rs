//! Why {context} refuses.

/// A refusal. Texts that a client chose are not repeated, since outcomes are kept and shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The id is taken by one that was created otherwise.
    #[error("there is another {aggregate} with this id")]
    {Aggregate}Exists,
}

impl factline::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::{Aggregate}Exists => "{aggregate}_exists",
        }
    }
}
