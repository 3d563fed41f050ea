//! Mistakes in declarations.

use std::fmt;

/// Mistake in a declaration: where it is, what is wrong, and how to correct it, in one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {text}")]
pub struct Misuse {
    place: String,
    text: String,
}

impl Misuse {
    pub(crate) fn new(place: &str, text: impl Into<String>) -> Self {
        Self {
            place: place.to_owned(),
            text: text.into(),
        }
    }
}

/// All mistakes in the declarations of a process, each on a line.
#[derive(Clone, PartialEq, Eq)]
pub struct Misuses(pub Vec<Misuse>);

impl std::error::Error for Misuses {}

impl fmt::Display for Misuses {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        formatter.write_str(&lines.join("\n"))
    }
}

impl fmt::Debug for Misuses {
    /// Writes the sentences, because they are read most often where a test or a process unwraps.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\n{self}")
    }
}

impl Misuses {
    /// Returns the value if there are no mistakes.
    pub(crate) fn unless<T>(mistakes: Vec<Misuse>, value: T) -> Result<T, Self> {
        if mistakes.is_empty() {
            Ok(value)
        } else {
            Err(Self(mistakes))
        }
    }
}
