//! The first errors in a body. Each has a pointer, and a body of 256 KiB can have fifty thousand
//! errors with pointers of a hundred kilobytes each.

use std::fmt::Display;

use factline_http::problem::FieldError;

/// Maximum number of errors in a response.
pub(crate) const MAX_ERRORS: usize = 100;

/// Number of bytes of texts after which no further error is kept.
const MAX_BYTES: usize = 64 * 1024;

/// The first errors, and the number of all.
#[derive(Debug, Default)]
pub(crate) struct Found {
    first: Vec<FieldError>,
    bytes: usize,
    count: usize,
}

impl Found {
    /// Adds an error at a pointer. The pointer is only written if the error is kept.
    pub(crate) fn push(&mut self, at: &impl Display, detail: String) {
        self.count += 1;
        if self.first.len() >= MAX_ERRORS || self.bytes > MAX_BYTES {
            return;
        }
        let pointer = at.to_string();
        self.bytes += pointer.len() + detail.len();
        self.first.push(FieldError {
            pointer: Some(pointer),
            parameter: None,
            detail,
        });
    }

    /// Returns the number of all errors.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Returns the first errors, and one about the whole body if there are others.
    pub(crate) fn into_first(mut self) -> Vec<FieldError> {
        let left_out = self.count - self.first.len();
        if left_out > 0 {
            self.first.push(FieldError {
                pointer: Some(String::new()),
                parameter: None,
                detail: format!("has {left_out} more errors"),
            });
        }
        self.first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_after_the_last_that_is_kept() {
        let mut found = Found::default();
        for number in 0..150 {
            found.push(&number, "is wrong".to_owned());
        }
        assert_eq!(found.count(), 150);
        let first = found.into_first();
        assert_eq!(first.len(), MAX_ERRORS + 1);
        assert_eq!(first[MAX_ERRORS].detail, "has 50 more errors");
    }

    #[test]
    fn long_pointers_are_kept_up_to_a_size() {
        let (mut found, pointer) = (Found::default(), "/k".repeat(50_000));
        for _ in 0..15_000 {
            found.push(&pointer, "is wrong".to_owned());
        }
        assert_eq!(found.into_first().len(), 2);
    }
}
