//! The rejections of {context}.

/// A rejection. It does not repeat texts that a client chose, because outcomes are stored and
/// shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A {aggregate} with other content was created under this id.
    #[error("another {aggregate} exists with this id")]
    {Aggregate}Exists,
}

impl factline::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::{Aggregate}Exists => "{aggregate}_exists",
        }
    }
}
