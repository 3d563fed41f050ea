//! Texts of failures for logs and readiness: an error with its sources, and the message of a panic.

use std::any::Any;
use std::error::Error;

/// Returns an error with its sources in one line, separated by colons.
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// Returns the message of a panic that [`std::panic::catch_unwind`] has caught.
pub fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
        .unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn error_chain_lists_sources() {
        let error = Outer(std::io::Error::other("disk is gone"));
        assert_eq!(error_chain(&error), "cannot read: disk is gone");
    }

    #[test]
    fn panic_message_reads_str_and_string() {
        let number = 7;
        for (message, panic) in [
            ("literal", std::panic::catch_unwind(|| panic!("literal"))),
            (
                "number 7",
                std::panic::catch_unwind(|| panic!("number {number}")),
            ),
            (
                "no message",
                std::panic::catch_unwind(|| std::panic::panic_any(1)),
            ),
        ] {
            let panic = panic.expect_err("it panics");
            assert_eq!(panic_message(&*panic), message);
        }
    }
}
